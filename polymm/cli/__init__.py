"""The command line: parsing only. A verb imports what it needs when it runs."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from polymm.cli.exits import exit_code
from polymm.errors import PolymmError


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code; our own errors become lines on stderr."""
    from polymm.cli.app import app

    try:
        app(args=None if arguments is None else list(arguments), prog_name="polymm")
    except PolymmError as error:
        for line in str(error).splitlines():
            print(f"polymm: {line}", file=sys.stderr)  # noqa: T201
        sys.exit(exit_code(error))
    sys.exit(0)
