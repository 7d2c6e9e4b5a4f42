"""``polymm sweep``: search parameters over tapes, and say whether to believe what was found."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from polymm.cli.config import load
from polymm.cli.exits import INTERRUPTED
from polymm.cli.options import ConfigOption, JsonOption
from polymm.cli.showing import page_path
from polymm.errors import ReportError

if TYPE_CHECKING:
    from collections.abc import Callable

    from polymm.research.sweep import Moment, SweepPlan, SweepResult

STORE = "sweep.db"


def sweep(
    tapes: Annotated[
        Path | None, typer.Argument(metavar="TAPES", help="Folder of tapes (`polymm tape make`).")
    ] = None,
    *,
    space: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What is searched, TOML; a built-in one without."),
    ] = None,
    show_space: Annotated[
        bool, typer.Option("--show-space", help="Print the built-in file and end.")
    ] = False,
    store: Annotated[
        Path,
        typer.Option(metavar="FILE", help="SQLite; a sweep that is there goes on."),
    ] = Path(STORE),
    config_path: ConfigOption = None,
    search: Annotated[
        Literal["grid", "random", "optuna"] | None, typer.Option(help="Who says what is tried.")
    ] = None,
    trials: Annotated[int | None, typer.Option(help="Most trials, beside the default.")] = None,
    batch: Annotated[int | None, typer.Option(help="Trials optuna is asked for at once.")] = None,
    seed: Annotated[int | None, typer.Option(help="Of the search.")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes of this machine; one a core without.", min=1)
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A dask scheduler instead, tcp://host:port."),
    ] = None,
    touch_again: Annotated[
        bool,
        typer.Option("--touch-again", help="Look at untouched windows a second time, and say so."),
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="PATH", help="HTML page; beside the store without.")
    ] = None,
    as_json: JsonOption = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress, no table: the verdict only.")
    ] = False,
) -> None:
    """Search parameters over tapes: the configuration as it stands against many others.

    Trials rank by mean(edge + rebate) - risk_aversion * sd a window, under the careful queue model
    and twice the latencies, within limits. The last fifth of the time stays untouched and is looked
    at once, with the chosen trial. Every trial is stored as it runs: after kill -9 or Ctrl-C the
    same command goes on, and ends in the same result. A changed configuration, space or set of
    tapes is refused by name.
    """
    from polymm.cli.logs import warnings_shown
    from polymm.research.sweep_pool import check_address
    from polymm.runtime.sweep_plan import DEFAULT_FILE, plan_sweep, read_sweep

    if show_space:
        typer.echo(DEFAULT_FILE, nl=False)
        return
    if tapes is None:
        raise typer.BadParameter("needs TAPES: a folder of tapes, or one tape")
    if scheduler is not None and workers is not None:
        raise typer.BadParameter("--workers has no meaning with --scheduler: it has its own")
    if scheduler is not None:
        check_address(scheduler)
    if not store.name:
        raise typer.BadParameter(f"--store must be a file, was {store}")
    page = page_path(report or store.with_suffix(".html"))
    if page.resolve() == store.resolve():
        raise typer.BadParameter(f"--store and the page must be two files, were both {page}")
    config = load(config_path).config
    flags = {"search": search, "trials": trials, "batch": batch, "seed": seed}
    file = read_sweep(space, flags)
    with warnings_shown(), checking(quiet=quiet) as step:
        plan = plan_sweep(config, file, tapes, step=step)
    result = searched(plan, store, workers, scheduler, touch_again=touch_again, quiet=quiet)
    show(plan, result, page, as_json=as_json, quiet=quiet)


def searched(
    plan: "SweepPlan",
    store: Path,
    workers: int | None,
    scheduler: str | None,
    *,
    touch_again: bool,
    quiet: bool,
) -> "SweepResult":
    """Run the sweep; a signal ends it in order.

    Raises:
        typer.Exit: It was stopped; what is done is stored.
    """
    import os

    from polymm.cli.logs import note, warnings_shown
    from polymm.cli.run import stopping
    from polymm.research.sweep import run_sweep
    from polymm.research.sweep_pool import make_pool

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    pool = make_pool(workers or cores or 1, scheduler)
    try:
        with warnings_shown(), stopping() as stop, progress(quiet=quiet) as watch:
            result = run_sweep(plan, store, pool, watch=watch, stop=stop, touch_again=touch_again)
    finally:
        pool.close()
    if result is None:
        note(f"stopped; what is done is in {store}, the same command goes on from there")
        raise typer.Exit(INTERRUPTED if stop.is_interrupted else 0)
    return result


@contextmanager
def checking(*, quiet: bool) -> "Iterator[Callable[[], None] | None]":
    """Show how many tapes are checked, on a terminal only."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.status import Status

    n = 0
    with Status("checking tapes", console=Console(stderr=True)) as status:

        def step() -> None:
            nonlocal n
            n += 1
            status.update(f"checking tapes: {n:,}")

        yield step


@contextmanager
def progress(*, quiet: bool) -> "Iterator[Callable[[Moment], None] | None]":
    """Show a bar with rate and time left, on a terminal only."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    from polymm.cli.sweep_progress import LiveSweep

    with LiveSweep(Console(stderr=True)) as live:
        yield live.watch


def show(
    plan: "SweepPlan", result: "SweepResult", page: Path, *, as_json: bool, quiet: bool
) -> None:
    """Write the page, print the result.

    Raises:
        ReportError: The page cannot be written.
    """
    from polymm.research.results import write_whole
    from polymm.research.sweep_page import sweep_page
    from polymm.research.sweep_report import sweep_json, sweep_lines, sweep_record

    record = sweep_record(plan, result)
    fault = None
    try:
        write_whole(page, sweep_page(plan, result, record).encode())
    except OSError as error:
        fault = error
    if as_json:
        typer.echo(sweep_json(record))
    else:
        for name, text in sweep_lines(record)[-1 if quiet else 0 :]:
            typer.echo(f"{name:<9} {text}" if not quiet else text)
    if fault is not None:
        raise ReportError(f"report {page}: cannot be written: {fault.strerror}")
    if not quiet:
        typer.echo(f"report    {page}", err=as_json)
