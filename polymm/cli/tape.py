"""``polymm tape``: recordings made into packed tapes, looked at, verified, exchanged as Parquet."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from polymm.cli.options import JsonOption

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(
    help="Make packed tapes of recordings, inspect, verify and exchange them.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
)

SourceArgument = Annotated[
    list[Path] | None, typer.Argument(metavar="SOURCE", help="Recordings, or folders of them.")
]
PathsArgument = Annotated[
    list[Path], typer.Argument(metavar="PATH", help="Tapes, recorded runs, or folders of tapes.")
]


@app.command()
def make(
    sources: SourceArgument = None,
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write *.tape files.")],
    synthetic: Annotated[
        int, typer.Option(metavar="N", help="Also so many synthetic windows.", min=0)
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of the synthetic windows.", min=0)] = 1,
    window_s: Annotated[
        int, typer.Option("--window-s", help="Length of a synthetic window, s.", min=10)
    ] = 300,
    hashes: Annotated[
        Literal["all", "books", "none"],
        typer.Option(help="Which book hashes are checked on the way."),
    ] = "all",
    token_as: Annotated[
        Literal["up", "down"] | None,
        typer.Option(help="What a token recorded without its label is taken as."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make one tape a market of recordings of any layout, our own runs' among them.

    The live decoder reads every frame; the hashes that books and changes carry are checked on the
    way. Of two sources of one market the longer is used. What cannot be read is told, and the code
    is 1; the rest is made all the same.
    """
    from itertools import chain

    from polymm.research.tape_make import make_tapes, open_sources
    from polymm.research.tape_text import counts_text, hash_text
    from polymm.runtime.tape_runs import synthetic_tapes

    if not sources and not synthetic:
        raise typer.BadParameter("needs a SOURCE, or --synthetic N")
    found = open_sources(sources or [], token_as)
    faults = list(found.faults)
    tapes = chain(found.tapes, synthetic_tapes(seed, synthetic, window_s))
    made = []
    with progress(len(found.tapes) + synthetic) as step:
        for one in make_tapes(tapes, out, checks=hashes, lose=faults.append):
            made.append(one)
            step(one.path.name)
    if as_json:
        show_json(
            {
                "made": [
                    {
                        "path": str(one.path),
                        "rows": one.facts.rows_n,
                        "defects": dict(one.facts.defects),
                        "hashes": one.facts.hashes._asdict(),
                    }
                    for one in made
                ],
                "unused": [{"path": one.path, "why": one.why} for one in found.unused],
                "faults": faults,
            }
        )
    else:
        for one in made:
            typer.echo(f"{one.path}  {one.facts.rows_n:,} rows")
            typer.echo(f"    hashes   {hash_text(one.facts.hashes)}")
            typer.echo(f"    defects  {counts_text(dict(one.facts.defects))}")
        for left in found.unused:
            typer.echo(f"not used  {left.path}: {left.why}")
        typer.echo(
            f"{len(made):,} tapes made, {len(found.unused):,} not used, {len(faults)} faults"
        )
    end(faults)


@app.command()
def inspect(paths: PathsArgument, *, as_json: JsonOption = False) -> None:
    """Say what tapes and recorded runs hold, and what is missing."""
    from polymm.research.run_recording import open_run
    from polymm.research.tape_file import open_tape, read_facts
    from polymm.research.tape_text import run_lines, run_record, tape_lines, tape_record

    records: list[dict[str, Any]] = []
    for path, is_run in named(paths):
        if is_run:
            records.append(run_record(open_run(path)))
            lines = run_lines(records[-1])
        else:
            records.append(tape_record(path, read_facts(path), open_tape(path)))
            lines = tape_lines(records[-1])
        if not as_json:
            typer.echo(f"{path}")
            for name, text in lines:
                typer.echo(f"    {name:<8} {text}")
    if as_json:
        show_json({"found": records})


@app.command()
def verify(paths: PathsArgument, *, as_json: JsonOption = False) -> None:
    """Check every checksum, and that times never fall. What is wrong ends with code 1."""
    from polymm.errors import RecordingError
    from polymm.research.run_recording import open_run
    from polymm.research.tape_file import open_tape
    from polymm.research.tape_make import row_faults
    from polymm.research.tape_text import gap_text

    checked: list[dict[str, Any]] = []
    for path, is_run in named(paths):
        try:
            if is_run:
                run = open_run(path)
                n = sum(1 for _ in run.frames())
                faults = [gap_text(gap) for gap in run.gaps]
                if not run.is_closed:
                    faults.append("the last file was not closed in order")
            else:
                packed = open_tape(path)
                n, faults = len(packed.rows), row_faults(packed)
        except RecordingError as error:
            n, faults = 0, [str(error).removeprefix(f"{path}: ")]
        checked.append({"path": str(path), "read": n, "faults": faults})
        if not as_json:
            typer.echo(f"{path}  {n:,} {'frames' if is_run else 'rows'}, {len(faults)} faults")
    if as_json:
        show_json({"checked": checked})
    end([f"{one['path']}: {fault}" for one in checked for fault in one["faults"]])


@app.command("export")
def export_tapes(
    paths: PathsArgument,
    *,
    parquet: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write *.parquet.")],
) -> None:
    """Write tapes as Parquet for other tools; needs the extra `research`."""
    from polymm.research.tape_file import open_tape, read_facts
    from polymm.research.tape_make import made_folder
    from polymm.research.tape_parquet import SUFFIX, export_parquet

    made_folder(parquet)
    for path, is_run in named(paths):
        if is_run:
            raise typer.BadParameter(f"{path} is a recording: make tapes of it first")
        target = parquet / f"{path.stem}{SUFFIX}"
        export_parquet(open_tape(path), target, read_facts(path).hashes)
        typer.echo(str(target))


@app.command("import")
def import_tapes(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH", help="Files of `export`.")],
    *,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where to write *.tape files.")],
) -> None:
    """Make tapes of what `export` wrote."""
    from polymm.research.tape_file import SUFFIX, write_packed
    from polymm.research.tape_make import made_folder, row_faults
    from polymm.research.tape_parquet import import_parquet

    made_folder(out)
    faults = []
    for path in paths:
        packed, hashes = import_parquet(path)
        wrong = row_faults(packed)
        faults += [f"{path}: {fault}" for fault in wrong]
        if not wrong:
            write_packed(out / f"{path.stem}{SUFFIX}", packed, hashes)
            typer.echo(str(out / f"{path.stem}{SUFFIX}"))
    end(faults)


def named(paths: list[Path]) -> Iterator[tuple[Path, bool]]:
    """Tapes and recorded runs of files and folders; says of each whether it is a run."""
    from polymm.errors import RecordingError
    from polymm.research import recording_format, tape_file

    for path in paths:
        if not path.is_dir():
            yield path, path.suffix == recording_format.SUFFIX
            continue
        runs = {file.parent for file in path.rglob(f"*{recording_format.SUFFIX}")}
        tapes = sorted(path.rglob(f"*{tape_file.SUFFIX}"))
        if not runs and not tapes:
            raise RecordingError(f"{path}: expected tapes or recorded runs, found none")
        yield from ((run, True) for run in sorted(runs))
        yield from ((tape, False) for tape in tapes)


@contextmanager
def progress(total: int) -> Iterator["Callable[[str], None]"]:
    """Show a bar with rate and time left on a terminal, and nothing elsewhere."""
    import sys

    if not sys.stderr.isatty():
        yield lambda name: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("tapes", total=total)
        yield lambda name: bar.update(task, advance=1, description=name)


def show_json(record: dict[str, Any]) -> None:
    """Print one JSON object."""
    import json

    typer.echo(json.dumps(record, indent=2))


def end(faults: list[str]) -> None:
    """End with an error of all faults, if there are any.

    Raises:
        RecordingError: One line each.
    """
    from polymm.errors import RecordingError

    if faults:
        raise RecordingError("\n".join(faults))
