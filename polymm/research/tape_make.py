"""Making packed tapes of recordings and synthetic windows, and checking those that are there.

Whatever is not made into a tape, or is not quite right, is told with its reason.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from polymm._core.layout import (
    ROW_CHANGE,
    ROW_FRAME_END,
    ROW_LAGGED,
    ROW_LEVEL,
    ROW_LOCAL,
    ROW_STAMP,
    ROW_TRADE,
    ROW_VENUE,
)
from polymm.domain.tape import Tape
from polymm.errors import RecordingError
from polymm.research.recordings import TokenAs, open_tapes
from polymm.research.tape_file import SUFFIX, TapeFacts, Unused, write_tape
from polymm.research.tape_hashes import HashChecks
from polymm.research.tape_pack import FEED_NS, PackedTape

_KINDS_MAX: Final = ROW_STAMP


@dataclass(frozen=True, slots=True)
class Made:
    """One tape that was written."""

    path: Path
    facts: TapeFacts


@dataclass(frozen=True, slots=True)
class Sources:
    """Tapes to be made.

    Args:
        tapes: One a market.
        unused: What is left out, and why.
        faults: Sources that cannot be read.
    """

    tapes: Sequence[Tape]
    unused: Sequence[Unused]
    faults: Sequence[str]


def open_sources(paths: Iterable[Path], token_as: TokenAs | None = None) -> Sources:
    """Open recordings of any layout; of two of one market the one with more frames is used."""
    best: dict[str, Tape] = {}
    unused, faults = [], []
    for path in paths:
        try:
            tapes = open_tapes(path, token_as=token_as)
        except RecordingError as error:
            faults.append(str(error))
            continue
        for tape in tapes:
            if not len(tape.frames):
                unused.append(Unused(tape.source, f"{tape.market.slug}: nothing was recorded"))
                continue
            key = tape.market.condition_id or tape.market.slug
            other = best.get(key)
            used, left = tape, other
            if other is not None and len(other.frames) >= len(tape.frames):
                used, left = other, tape
            best[key] = used
            if left is not None:
                why = f"{tape.market.slug}: {used.source} has more, {len(used.frames):,} frames"
                unused.append(Unused(left.source, f"{why} to {len(left.frames):,}"))
    return Sources(list(best.values()), unused, faults)


def make_tapes(
    tapes: Iterable[Tape],
    folder: Path,
    *,
    checks: HashChecks = "all",
    lose: Callable[[str], None],
) -> Iterator[Made]:
    """Write a file a tape, as they are iterated.

    Args:
        folder: Made if need be.
        lose: Told of each tape that cannot be packed, with the reason.

    Raises:
        RecordingError: The folder or a file cannot be written: a full disk ends it.
    """
    made_folder(folder)
    for tape in tapes:
        path = folder / tape_name(tape)
        try:
            facts = write_tape(path, tape, checks)
        except RecordingError as error:
            if isinstance(error.__cause__, OSError):
                raise
            lose(str(error))
            continue
        yield Made(path, facts)


def made_folder(folder: Path) -> None:
    """Make a folder if need be.

    Raises:
        RecordingError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RecordingError(f"{folder}: cannot be made: {error.strerror}") from error


def tape_name(tape: Tape) -> str:
    """File name of a tape: the slug, and what tells two markets of one slug apart."""
    head = tape.market.condition_id.removeprefix("0x")[:8]
    return f"{tape.market.slug}{'-' if head else ''}{head}{SUFFIX}"


def row_faults(packed: PackedTape) -> list[str]:
    """What is wrong with a tape's rows, one sentence each.

    Both cursors must find times that never fall and whole frames; numbers must be within range.
    """
    rows, faults = packed.rows, []
    if not len(rows):
        return ["it has no rows"]
    kinds, flags = rows["kind"], rows["flags"]
    if int(kinds.max()) > _KINDS_MAX:
        faults.append(f"kinds must be within 0..{_KINDS_MAX}, one is {int(kinds.max())}")
    if not flags[-1] & ROW_FRAME_END:
        faults.append("its last frame is not whole")
    lag_ns = packed.trade_lag_ns * (flags & ROW_LAGGED != 0)
    venue_ns = rows["exch_ns"] - lag_ns
    local_ns = np.where(rows["recv_ns"], rows["recv_ns"], rows["exch_ns"] + FEED_NS)
    for name, flag, times in (("venue", ROW_VENUE, venue_ns), ("local", ROW_LOCAL, local_ns)):
        falls = _falls(times[flags & flag != 0])
        if falls:
            faults.append(f"time must not fall for the {name} cursor, does {falls} times")
    priced = np.isin(kinds, (ROW_CHANGE, ROW_LEVEL, ROW_TRADE))
    prices, sizes = rows["price_e4"][priced], rows["size_e6"][priced]
    if priced.any() and not (int(prices.min()) > 0 and int(prices.max()) < 10_000):
        faults.append(f"prices must be within 1..9999, are {prices.min()}..{prices.max()}")
    if priced.any() and int(sizes.min()) < 0:
        faults.append(f"sizes must not be negative, one is {sizes.min()}")
    return faults


def _falls(times: NDArray[Any]) -> int:
    return int(np.count_nonzero(np.diff(times) < 0))
