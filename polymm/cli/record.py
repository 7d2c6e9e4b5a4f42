"""``polymm record``: hear a venue and write everything down; nothing is sent."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from polymm.cli.config import load
from polymm.cli.exits import FAILED, INTERRUPTED
from polymm.cli.options import ConfigOption, JsonOption
from polymm.cli.run import POLYMARKET_WINDOW_S, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from polymm.runtime.record_run import Watch


def record(
    *,
    venue: Annotated[
        Literal["exchange", "polymarket"] | None,
        typer.Option(help="Embedded exchange, or the real feed."),
    ] = None,
    exchange: Annotated[
        str | None, typer.Option(metavar="URL", help="A local exchange that runs by itself.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="A new folder. Default: one of record.directory."),
    ] = None,
    config_path: ConfigOption = None,
    coins: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="Coins to record side by side.")
    ] = None,
    windows: Annotated[
        int | None, typer.Option(help="Whole windows of each coin, beside the rest of the open.")
    ] = None,
    window_s: Annotated[
        int | None, typer.Option("--window-s", help="Length of a window, s.")
    ] = None,
    forever: Annotated[bool, typer.Option("--forever", help="Until Ctrl-C or SIGTERM.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Record the market channel, reference prices and, with credentials, the user channel.

    Every frame with its time and socket, in compressed blocks, one file a window; nothing is sent.
    A second at most is lost to kill -9, and what a full disk does not take is counted; the code is
    1 then. At Polymarket the user channel needs the POLYMARKET_ variables of a key with API
    credentials.
    """
    import asyncio
    import os
    import signal

    from polymm.cli.logs import note, warnings_shown
    from polymm.runtime.record_run import RecordPlan, recorded_venue
    from polymm.runtime.record_run import record as run_record
    from polymm.runtime.recording_run import recording_folder
    from polymm.runtime.runner import loop_runner

    if forever:
        refuse("with --forever", {"--windows": windows})
    if exchange is not None:
        refuse("with --exchange", {"--venue": venue})
    flags: dict[str, tuple[str, object | None]] = {
        "session.windows": ("--windows", windows),
        "session.window_s": ("--window-s", window_s),
        "session.coins": ("--coins", coins),
    }
    is_real = venue == "polymarket"
    loaded = load(config_path, flags, needs_quoter=False)
    if is_real and loaded.origins["session.window_s"] == "default":
        flags["session.window_s"] = ("--venue polymarket", POLYMARKET_WINDOW_S)
        loaded = load(config_path, flags, needs_quoter=False)
    hosts, credentials = recorded_venue(os.environ, is_real=is_real, exchange=exchange or "")
    plan = RecordPlan(
        config=loaded.config,
        folder=out or recording_folder(loaded.config, venue or "exchange"),
        hosts=hosts,
        credentials=credentials,
        windows=0 if forever else loaded.config.session.windows,
    )
    with warnings_shown(), shown() as watch, loop_runner() as runner:
        try:
            end = runner.run(run_record(plan, note, watch))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    show({"folder": str(plan.folder)} | end.facts, as_json=as_json)
    if end.number == signal.SIGINT:
        raise typer.Exit(INTERRUPTED)
    if end.lost:
        raise typer.Exit(FAILED)


@contextmanager
def shown() -> Iterator["Watch"]:
    """Show on a terminal how much was recorded, and nothing elsewhere."""
    import sys

    if not sys.stderr.isatty():
        yield lambda recorder, markets: None
        return
    from rich.console import Console

    with Console(stderr=True).status("recording") as status:
        yield lambda recorder, markets: status.update(
            f"recording {markets} markets: {recorder.blocks.frames:,} frames,"
            f" {recorder.writer.stored_bytes / 2**20:,.1f} MiB, {recorder.lost_frames:,} lost"
        )


def show(facts: "Mapping[str, str]", *, as_json: bool) -> None:
    """Print what was recorded."""
    import json

    if as_json:
        typer.echo(json.dumps(dict(facts)))
        return
    for name, text in facts.items():
        typer.echo(f"{name:<12} {text}")
