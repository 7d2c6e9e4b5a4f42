"""What of a run in real time is recorded, and where: the recorder and the prices it also hears."""

import os
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from polymm import __version__
from polymm.runtime.config import Config
from polymm.runtime.recorder import Channel, Recorder, RecorderSettings
from polymm.venues.polymarket.credentials import ApiCredentials
from polymm.venues.polymarket.hosts import Hosts

_MIB: Final = 1 << 20


def recording_folder(config: Config, name: str) -> Path:
    """Where a run that begins now is recorded: a folder of its own.

    Args:
        name: Of what is recorded.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    return Path(config.record.directory) / f"{name}-{stamp}-{os.getpid()}"


def recorder_settings(config: Config) -> RecorderSettings:
    """How much is kept, in bytes."""
    record = config.record
    return RecorderSettings(
        keep_bytes=int(record.keep_gib * 1024) * _MIB, reserve_bytes=record.reserve_mib * _MIB
    )


def run_facts(config: Config, folder: Path, venue: str, **facts: Any) -> dict[str, Any]:
    """What a recording says of its run: enough to run it again; nothing secret."""
    values = config.model_dump(exclude={"report": True, "record": True, "safety": {"kill_file"}})
    return {
        "run": folder.name,
        "version": __version__,
        "venue": venue,
        "digest": config.digest(),
        "config": values,
        **facts,
    }


@contextmanager
def recording(
    folder: Path | None, config: Config, venue: str, clock_ns: Callable[[], int]
) -> Iterator[Recorder | None]:
    """Record while the block lasts; None where there is no folder.

    Args:
        venue: What the report calls it.

    Raises:
        ConfigError: The folder cannot be made.
    """
    if folder is None:
        yield None
        return
    facts = run_facts(config, folder, venue, started_ns=clock_ns())
    recorder = Recorder(folder, clock_ns, facts, recorder_settings(config))
    recorder.open()
    try:
        yield recorder
    finally:
        recorder.close()


@asynccontextmanager
async def prices_recorded(
    recorder: Recorder,
    hosts: Hosts,
    credentials: ApiCredentials | None,
    coins: Sequence[str],
    rng: random.Random,
    clock_ns: Callable[[], int],
) -> AsyncIterator[None]:
    """Hear reference prices while the block lasts, for the recording's sake alone."""
    # Loaded late: a start cancels everything first.
    from polymm.venues.polymarket.reference import POLYBOLT, RTDS, ReferenceFeed

    taps = {POLYBOLT: recorder.tap(Channel.POLYBOLT), RTDS: recorder.tap(Channel.RTDS)}
    prices = ReferenceFeed(
        hosts.prices, hosts.rtds, credentials, coins, rng=rng, clock_ns=clock_ns, taps=taps
    )
    await prices.open()
    try:
        yield
    finally:
        await prices.close()
