"""What a run in virtual time is given: packed tapes and recordings, one source a market.

A market that is given twice counts once: of two packed tapes, and of two recordings, the longer is
used; of a tape and a recording the one that is named first. What is left out is told.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from polymm.domain.market import Market
from polymm.domain.tape import Tape
from polymm.errors import RecordingError
from polymm.research.recordings import TokenAs, open_tapes
from polymm.research.tape_file import SUFFIX, Unused, open_tape, read_facts, tapes_in
from polymm.research.tape_hashes import HashCheck
from polymm.research.tape_pack import PackedTape, pack


@dataclass(frozen=True, slots=True)
class TapeSource:
    """One market's tape, opened when it is its turn; a recording is checked and packed then.

    Args:
        name: File or recording, as it is told to people.
        n: Rows of a packed tape, frames of a recording.
    """

    market: Market
    name: str
    has_trades: bool
    is_packed: bool
    n: int
    open: Callable[[], PackedTape]


def gather(
    paths: Sequence[Path], token_as: TokenAs | None = None
) -> tuple[list[TapeSource], list[Unused]]:
    """Find what there is to run, in order of window start, and what is left out.

    Args:
        paths: Packed tapes, recordings of any layout, and folders of them. A folder that holds
            packed tapes is a folder of tapes; recordings beside them are not looked at.

    Raises:
        RecordingError: One line for each path that holds nothing to run or cannot be read.
    """
    found: list[TapeSource] = []
    unused: list[Unused] = []
    faults: list[str] = []
    for path in paths:
        try:
            if path.suffix == SUFFIX or (path.is_dir() and any(path.rglob(f"*{SUFFIX}"))):
                files, left = tapes_in(path)
                found += map(_packed, files)
                unused += left
            else:
                found += map(_recorded, open_tapes(path, token_as=token_as))
        except RecordingError as error:
            faults.append(str(error))
    if faults:
        raise RecordingError("\n".join(faults))
    best: dict[str, TapeSource] = {}
    for source in found:
        key = source.market.condition_id or source.market.slug
        other = best.get(key)
        used, left_out = source, other
        if other is not None and (other.is_packed != source.is_packed or other.n >= source.n):
            used, left_out = other, source
        best[key] = used
        if left_out is not None:
            unused.append(_beside(left_out, used))
    ordered = sorted(best.values(), key=lambda one: (one.market.start_ns, one.market.slug))
    return ordered, unused


def _packed(path: Path) -> TapeSource:
    facts = read_facts(path)
    opened = partial(open_tape, path)
    return TapeSource(facts.market, path.name, facts.has_trades, True, facts.rows_n, opened)


def _recorded(tape: Tape) -> TapeSource:
    def opened() -> PackedTape:
        # As `tape make` does: what a recording lacks is told of it either way.
        return pack(tape, HashCheck(tape.market))

    source = Path(tape.source).name
    return TapeSource(tape.market, source, tape.has_trades, False, len(tape.frames), opened)


def _beside(left: TapeSource, used: TapeSource) -> Unused:
    kinds = ["rows" if one.is_packed else "frames" for one in (used, left)]
    return Unused(
        left.name,
        f"{left.market.slug} is in {used.name} too,"
        f" {used.n:,} {kinds[0]} there and {left.n:,} {kinds[1]} here",
    )
