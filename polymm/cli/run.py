"""``polymm run``: the strategy on a synthetic window, or on recorded books."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from polymm.cli.config import ConfigOption, JsonOption, load
from polymm.cli.exits import INTERRUPTED
from polymm.errors import ConfigError

if TYPE_CHECKING:
    from types import FrameType

    from polymm.research.records import Run
    from polymm.runtime.config import Config
    from polymm.runtime.tape_runs import Moment, Plan

# Figures are laid out for this width where no terminal says otherwise.
PLAIN_WIDTH = 100


def run(
    *,
    tape: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Recording, or folder of recordings.")
    ] = None,
    config_path: ConfigOption = None,
    token_as: Annotated[
        Literal["up", "down"] | None,
        typer.Option(help="What a token recorded without its label is taken as."),
    ] = None,
    fills: Annotated[
        Literal["none", "through", "both"] | None,
        typer.Option(help="Fills on a tape without trades."),
    ] = None,
    queue: Annotated[
        Literal["risk_averse", "prob", "both"] | None, typer.Option(help="Queue model.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the synthetic windows.")] = None,
    windows: Annotated[int | None, typer.Option(help="Synthetic windows to run.")] = None,
    window_s: Annotated[
        int | None, typer.Option("--window-s", help="Length of a synthetic window, s.")
    ] = None,
    as_json: JsonOption = False,
    report: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Where to write the HTML report.")
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no HTML report.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress, no table: the report's path only.")
    ] = False,
) -> None:
    """Quote on a seeded synthetic window, or with --tape on recorded books, and report.

    Each market is run under both queue models, or where no trades were recorded in both fill
    forms, unless told otherwise. Ctrl-C ends in order: orders are pulled, what ran is reported.
    """
    from polymm.cli.logs import warnings_shown
    from polymm.runtime.tape_runs import plan_recorded, plan_synthetic, run_plan

    if tape is not None:
        refuse("with --tape", {"--seed": seed, "--windows": windows, "--window-s": window_s})
    else:
        refuse("without --tape", {"--token-as": token_as, "--fills": fills})
    if no_report:
        refuse("with --no-report", {"--report": report})
    flags: dict[str, tuple[str, object | None]] = {
        "run.token_as": ("--token-as", token_as),
        "run.seed": ("--seed", seed),
        "run.windows": ("--windows", windows),
        "run.window_s": ("--window-s", window_s),
        "venue.fills": ("--fills", fills),
        "venue.queue": ("--queue", queue),
    }
    config = load(config_path, flags).config
    page = None if no_report else report_path(config, tape, report)
    plan = plan_synthetic(config) if tape is None else plan_recorded(config, tape)
    with warnings_shown(), stopping() as stop, shown(plan, quiet=quiet) as watch:
        runs = run_plan(plan, config, watch=watch, stop=stop)
    show(runs, page, as_json=as_json, quiet=quiet)
    if stop.is_interrupted:
        raise typer.Exit(INTERRUPTED)


def refuse(case: str, given: dict[str, object | None]) -> None:
    """Refuse flags that would change nothing: who gives one expects that it does."""
    for name, value in given.items():
        if value is not None:
            raise typer.BadParameter(f"{name} has no meaning {case}")


class Stop:
    """Whether the run was asked to end. The first signal ends it in order, a second at once."""

    def __init__(self) -> None:
        self.signal = 0

    def __call__(self) -> bool:
        return self.signal != 0

    @property
    def is_interrupted(self) -> bool:
        """Whether it was Ctrl-C, and not a service manager's SIGTERM."""
        import signal

        return self.signal == signal.SIGINT

    def take(self, number: int, _: "FrameType | None") -> None:
        """Take a signal."""
        from polymm.cli.logs import note

        if self.signal:
            raise KeyboardInterrupt
        self.signal = number
        note("ending in order; once more ends at once")


@contextmanager
def stopping() -> Iterator[Stop]:
    """Turn SIGINT and SIGTERM into a flag while the run lasts."""
    import signal

    stop = Stop()
    before = {
        number: signal.signal(number, stop.take) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def shown(plan: "Plan", *, quiet: bool) -> Iterator["Callable[[Moment], None] | None"]:
    """Show progress on a terminal, and nothing elsewhere."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    from polymm.cli.progress import LiveRun

    with LiveRun(Console(stderr=True), plan) as live:
        yield live.watch


def report_path(config: "Config", tape: Path | None, given: Path | None) -> Path | None:
    """Where the report goes, its folder made; None for none.

    The same configuration and tape have the same name, so that running twice leaves one file.

    Raises:
        ConfigError: The folder cannot be made.
    """
    if given is None and not config.report.html:
        return None
    name = (
        f"{tape.resolve().name.partition('.')[0] if tape else 'synthetic'}-{config.digest()}.html"
    )
    path = given or Path(config.report.directory) / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"report {path}: its folder cannot be made: {error.strerror}") from None
    if path.is_dir():
        raise ConfigError(f"report {path}: must be a file, is a folder")
    return path


def show(runs: "Sequence[Run]", page: Path | None, *, as_json: bool, quiet: bool) -> None:
    """Write the page, print the summary and the page's path.

    The page comes first, so that a pipe that closes early does not cost it, and a page that cannot
    be written does not cost the summary.

    Raises:
        ConfigError: The page cannot be written.
    """
    from polymm.research.report import print_summary, to_json, write_html

    fault = None
    if page is not None and runs:
        try:
            write_html(runs, page)
        except OSError as error:
            fault = error
    if as_json:
        typer.echo(to_json(runs), nl=False)
    elif not quiet:
        from rich.console import Console

        plain = Console(width=PLAIN_WIDTH)
        print_summary(Console() if plain.is_terminal else plain, runs)
    if fault is not None:
        raise ConfigError(f"report {page}: cannot be written: {fault.strerror}")
    if page is not None and runs:
        typer.echo(str(page) if quiet else f"report  {page}", err=as_json)
