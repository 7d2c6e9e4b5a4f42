"""The command line: parsing only. A verb imports what it needs when it runs."""

import errno
import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from polymm.cli.exits import FAILED, INTERRUPTED, exit_code
from polymm.errors import NOT_BUILT, PolymmError

# What is loaded stays: the collector would look through it again and again meanwhile.
OBJECTS_BEFORE_GC = 50_000
# What a full disk says, to whoever writes standard output to a file on it.
FULL = (errno.ENOSPC, errno.EDQUOT)


def begin_fast() -> None:
    """Load what follows without detours: after kill -9 a second is left to cancel everything.

    No plugin of another package is looked for, nor run in a process that holds keys.
    """
    gc.set_threshold(OBJECTS_BEFORE_GC)
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def fill_streams() -> None:
    """Put nothing where a standard stream was closed: else a socket of ours would take its place.

    In order, since a system gives the lowest number that is free.
    """
    if sys.stdin is None:
        sys.stdin = open(os.devnull)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: SIM115


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with its code; our own errors become lines on stderr."""
    fill_streams()
    begin_fast()
    try:
        from polymm.cli.app import app

        app(args=None if arguments is None else list(arguments), prog_name="polymm")
    except PolymmError as error:
        for line in str(error).splitlines():
            print(f"polymm: {line}", file=sys.stderr)  # noqa: T201
        sys.exit(exit_code(error))
    except OSError as error:
        if error.errno not in FULL:
            raise
        print(f"polymm: cannot be written: {error.strerror}", file=sys.stderr)  # noqa: T201
        # What could not be written is still kept, and would be tried once more at the very end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("polymm._core."):
            raise
        print(f"polymm: {NOT_BUILT}", file=sys.stderr)  # noqa: T201
        sys.exit(FAILED)
    except KeyboardInterrupt:
        # Typer answers a Ctrl-C while a verb runs; this one came while it was still loading.
        sys.exit(INTERRUPTED)
    sys.exit(0)
