"""The tapes of a sweep: checked once, named by a digest that every worker holds them to."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from polymm.errors import RecordingError
from polymm.exchange.tape import Latency
from polymm.research.backtest import GAPS, exclusion, known_defects, sound_rows
from polymm.research.tape_file import FOOTER, HEADER, Unused, open_tape, tapes_in
from polymm.research.tape_pack import PackedTape


class SweepTape(NamedTuple):
    """A tape as a sweep knows it.

    Args:
        digest: Of all that the file says of itself, its rows' checksum among them.
        excluded: Why it is in no total, "" where it is run.
        defects: What is wrong with it, by name.
    """

    path: str
    digest: str
    slug: str
    start_ns: int
    end_ns: int
    rows_n: int
    order_min_e6: int
    excluded: str
    defects: Mapping[str, int]


class SweepTapes(NamedTuple):
    """All tapes, in order of window start, and what is left out of them from the beginning."""

    tapes: Sequence[SweepTape]
    unused: Sequence[Unused]


def tape_digest(path: str | Path) -> str:
    """First 16 hex digits of SHA-256 over header, facts and checksums of a tape file.

    Raises:
        RecordingError: It cannot be read.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(HEADER.size)
            facts = file.read(HEADER.unpack(head)[4]) if len(head) == HEADER.size else b""
            file.seek(max(file.seek(0, 2) - FOOTER.size, 0))
            return hashlib.sha256(head + facts + file.read()).hexdigest()[:16]
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error


def check_tapes(
    source: str | Path,
    *,
    latency: Latency,
    inferred: Literal["none", "through"],
    fair: Literal["mid", "truth"],
    gaps: Literal["count", "exclude"] = "count",
    step: Callable[[], None] | None = None,
) -> SweepTapes:
    """Open every tape of a folder once, with all its checksums.

    Args:
        inferred: What fills where no trades were recorded; with "none" such a tape is excluded.
        fair: "truth" needs the true probability that synthetic tapes carry.
        gaps: Whether windows with silences are run and counted, or excluded.
        step: Called after each.

    Raises:
        RecordingError: There is none, or one is damaged.
        InputError: Rows make no sense.
    """
    paths, unused = tapes_in(source)
    found = []
    for path in paths:
        tape = open_tape(path)
        sound_rows(tape, feed_ns=latency.feed_ns)
        why = exclusion(tape, latency) or _exclusion(tape, inferred)
        if fair == "truth" and not len(tape.truth):
            why = why or "no_truth"
        defects = known_defects(tape)
        if gaps == "exclude" and GAPS in defects:
            why = why or GAPS
        market = tape.market
        found.append(
            SweepTape(
                str(path.resolve()), tape_digest(path), market.slug, market.start_ns,
                market.end_ns, len(tape.rows), market.order_min_e6, why, defects,
            )
        )  # fmt: skip
        if step is not None:
            step()
    return SweepTapes(found, unused)


def _exclusion(tape: PackedTape, inferred: str) -> str:
    if tape.outcome is None:
        return "no_outcome"
    return "" if tape.has_trades or inferred == "through" else "no_trades"
