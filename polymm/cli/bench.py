"""``polymm bench``: hands over to the benches of a clone, in a process of their own."""

from pathlib import Path
from typing import Annotated

import typer


def bench(
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object, times in ns.")
    ] = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="Few rounds and messages.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 when a goal misses 0.8 of its floor.")
    ] = False,
    rounds: Annotated[
        int | None, typer.Option(min=1, help="Rounds a table; 21 as it ships.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the messages and the order of contenders.")] = 1,
) -> None:
    """Measure polymm beside what you would use instead, on this machine, in one run.

    Pins itself to one core and takes about 20 s. Peers come with pip install '.[bench]'; one
    that is missing is named as skipped.
    """
    import subprocess
    import sys

    from polymm.cli.exits import FAILED, INTERRUPTED

    folder = find_benches()
    if folder is None:
        typer.echo(
            "polymm: the benches stand in polymm's repository and are not part of the installed "
            "package; run this from a clone, or install with pip install -e '.[bench]'",
            err=True,
        )
        raise typer.Exit(FAILED)
    flags = {"--json": as_json, "--smoke": smoke, "--check": check}
    command = [sys.executable, "-P", str(folder / "__main__.py"), f"--seed={seed}"]
    command += [name for name, is_set in flags.items() if is_set]
    command += [f"--rounds={rounds}"] if rounds is not None else []
    try:
        code = subprocess.call(command)
    except KeyboardInterrupt:
        code = INTERRUPTED
    raise typer.Exit(code)


def find_benches() -> Path | None:
    """Find the benches: beside the package (an editable install), else in the current clone."""
    for root in (Path(__file__).resolve().parents[2], Path.cwd()):
        folder = root / "benches"
        if (folder / "__main__.py").is_file() and (root / "polymm" / "_core").is_dir():
            return folder
    return None
