"""``polymm run``: the strategy in real time over sockets, or in virtual time on tapes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from polymm.cli.config import load
from polymm.cli.exits import INTERRUPTED
from polymm.cli.options import ConfigOption, JsonOption, NoReportOption, QuietOption, ReportOption
from polymm.cli.showing import name_of, report_path, show
from polymm.errors import ConfigError, HaltedError, LedgerError

if TYPE_CHECKING:
    from types import FrameType

    from polymm.research.results import Json
    from polymm.runtime.config import Config
    from polymm.runtime.config_source import LoadedConfig
    from polymm.runtime.moments import DeskMoment
    from polymm.runtime.runner import RealTimePlan
    from polymm.runtime.tape_runs import Moment, Plan

# The embedded exchange's minute is a length that Polymarket has no windows of.
POLYMARKET_WINDOW_S = 300


def run(
    *,
    tape: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Recording, or folder of recordings.")
    ] = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Synthetic windows in virtual time, without sockets.")
    ] = False,
    venue: Annotated[
        Literal["exchange", "polymarket"] | None,
        typer.Option(help="Embedded exchange, or the real feed: observed, nothing is sent."),
    ] = None,
    exchange: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A local exchange that runs by itself, with --state."),
    ] = None,
    state: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Journal, kill file and key outlive the run there."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Send real orders. Refuses, and says what is missing.")
    ] = False,
    config_path: ConfigOption = None,
    coins: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="Coins to trade side by side.")
    ] = None,
    windows: Annotated[
        int | None, typer.Option(help="Windows to run; in real time whole ones of each coin.")
    ] = None,
    window_s: Annotated[
        int | None, typer.Option("--window-s", help="Length of a window, s.")
    ] = None,
    forever: Annotated[bool, typer.Option("--forever", help="Until Ctrl-C or SIGTERM.")] = False,
    spin: Annotated[
        bool, typer.Option("--spin", help="Keep the loop awake on a core of its own.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Seed of the synthetic windows.")] = None,
    token_as: Annotated[
        Literal["up", "down"] | None,
        typer.Option(help="What a token recorded without its label is taken as."),
    ] = None,
    fills: Annotated[
        Literal["none", "through", "both"] | None,
        typer.Option(help="Fills on a tape without trades."),
    ] = None,
    queue: Annotated[
        Literal["risk_averse", "prob", "both"] | None,
        typer.Option(help="Queue model, with --tape or --fast."),
    ] = None,
    as_json: JsonOption = False,
    report: ReportOption = None,
    no_report: NoReportOption = False,
    no_record: Annotated[
        bool, typer.Option("--no-record", help="Record nothing of a run in real time.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Trade the embedded exchange over loopback sockets in real time, settle, and report.

    Without flags: a local exchange with synthetic traders as a child process, a throw-away key,
    the window that is open and one whole minute after it. --venue polymarket observes the real
    feed and sends nothing. --fast and --tape run in virtual time, each market under both queue
    models, or where no trades were recorded in both fill forms, unless told otherwise. Ctrl-C ends
    in order: orders are pulled, what ran is reported.
    """
    from polymm.runtime.built import engine_form

    engine_form()
    real_time: dict[str, object | None] = {
        "--coins": coins,
        "--venue": venue,
        "--forever": forever or None,
        "--spin": spin or None,
        "--exchange": exchange,
        "--state": state,
        "--no-record": no_record or None,
    }
    if tape is not None:
        refuse("with --tape", {"--seed": seed, "--windows": windows, "--window-s": window_s})
        refuse("with --tape", real_time | {"--fast": fast or None, "--live": live or None})
    else:
        refuse("without --tape", {"--token-as": token_as, "--fills": fills})
    if fast:
        refuse("with --fast", real_time | {"--live": live or None})
    if tape is None and not fast:
        refuse("in real time", {"--queue": queue})
    if forever:
        refuse("with --forever", {"--windows": windows})
    if venue == "polymarket":
        refuse("with --venue polymarket", {"--seed": seed, "--exchange": exchange})
    if exchange is not None:
        refuse("with --exchange", {"--seed": seed})
    elif venue != "polymarket":
        refuse("without --exchange: our own exchange ends with the run", {"--state": state})
    if no_report:
        refuse("with --no-report", {"--report": report})
    part = "run" if fast or tape is not None else "session"
    flags: dict[str, tuple[str, object | None]] = {
        "run.token_as": ("--token-as", token_as),
        "run.seed": ("--seed", seed),
        f"{part}.windows": ("--windows", windows),
        f"{part}.window_s": ("--window-s", window_s),
        "session.coins": ("--coins", coins),
        "session.spin": ("--spin", spin or None),
        "record.enabled": ("--no-record", False if no_record else None),
        "venue.fills": ("--fills", fills),
        "venue.queue": ("--queue", queue),
    }
    loaded = load(config_path, flags)
    if venue == "polymarket" and loaded.origins["session.window_s"] == "default":
        flags["session.window_s"] = ("--venue polymarket", POLYMARKET_WINDOW_S)
        loaded = load(config_path, flags)
    if live:
        refuse_live(loaded)
    config, shows = loaded.config, Shows(as_json=as_json, quiet=quiet)
    if part == "session":
        place = venue or "exchange"
        page = None if no_report else report_path(config, place, report)
        from polymm.runtime.recording_run import recording_folder
        from polymm.runtime.runner import RealTimePlan

        plan = RealTimePlan(
            config=config,
            is_observed=venue == "polymarket",
            exchange_url=exchange or "",
            state=state,
            is_endless=forever,
            recording=recording_folder(config, place) if config.record.enabled else None,
        )
        trade(plan, page, shows)
    else:
        name = "synthetic" if tape is None else name_of([tape])
        page = None if no_report else report_path(config, name, report)
        replay(config, tape, page, shows)


@dataclass(frozen=True, slots=True)
class Shows:
    """How a run shows itself."""

    as_json: bool
    quiet: bool


def replay(config: "Config", tape: Path | None, page: Path | None, shows: Shows) -> None:
    """Run in virtual time, on a recording or on synthetic windows."""
    from polymm.runtime.tape_runs import plan_recorded, plan_synthetic

    plan = plan_synthetic(config) if tape is None else plan_recorded(config, [tape])
    carry_out(plan, config, page, shows)


def carry_out(
    plan: "Plan", config: "Config", page: Path | None, shows: Shows, other: "Json | None" = None
) -> None:
    """Run a plan in virtual time to its report.

    Args:
        other: A result to compare with.

    Raises:
        typer.Exit: It was interrupted; what ran is reported.
    """
    from polymm.cli.logs import warnings_shown
    from polymm.runtime.tape_runs import run_plan

    with warnings_shown(), stopping() as stop, shown(plan, quiet=shows.quiet) as watch:
        runs = run_plan(plan, config, watch=watch, stop=stop)
    show(runs, page, as_json=shows.as_json, quiet=shows.quiet, other=other)
    if stop.is_interrupted:
        raise typer.Exit(INTERRUPTED)


def trade(plan: "RealTimePlan", page: Path | None, shows: Shows) -> None:
    """Run in real time.

    Raises:
        LedgerError: Our ledger and the venue's differ, or orders may be live; what ran is reported
            all the same.
        HaltedError: The engine stopped for good, likewise.
    """
    import signal

    from polymm.cli.logs import note, warnings_shown
    from polymm.runtime.runner import run_real_time

    with warnings_shown(), desks_shown(plan.seconds_max, quiet=shows.quiet) as watch:
        end = run_real_time(plan, note, watch)
    show([end.run], page, as_json=shows.as_json, quiet=shows.quiet)
    if end.halted:
        # Whatever else is wrong: nobody may start it again by itself.
        raise HaltedError("\n".join([f"halted: {end.halted}", *end.faults]))
    if end.faults:
        raise LedgerError("\n".join(end.faults))
    if end.number == signal.SIGINT:
        raise typer.Exit(INTERRUPTED)


def refuse_live(loaded: "LoadedConfig") -> None:
    """Refuse to send real orders, with every condition that is missing.

    Raises:
        ConfigError: Always, today.
    """
    import os

    from polymm.runtime.live_gate import missing_conditions

    missing = missing_conditions(loaded, os.environ, has_flag=True)
    raise ConfigError("\n".join(f"--live: {condition}" for condition in missing))


def refuse(case: str, given: Mapping[str, object | None]) -> None:
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


@contextmanager
def desks_shown(
    seconds: float | None, *, quiet: bool
) -> Iterator["Callable[[Sequence[DeskMoment]], None] | None"]:
    """Show the desks on a terminal, and nothing elsewhere."""
    import sys

    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    from polymm.cli.live_progress import LiveDesks

    with LiveDesks(Console(stderr=True), seconds) as live:
        yield live.watch
