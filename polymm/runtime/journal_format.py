"""What a journal's file holds: frames as `polymm.domain.framing` lays them out, of these kinds.

Every payload is a JSON array. Nothing here opens a file: the same functions read what a disk held,
what a simulated disk held, and what a fuzzer made up.
"""

import re
from enum import IntEnum
from typing import Final, NamedTuple

from polymm.domain import framing
from polymm.domain.framing import FRAME_BYTES as FRAME_BYTES
from polymm.domain.framing import HEADER_BYTES as HEADER_BYTES
from polymm.domain.framing import make_frame as make_frame
from polymm.domain.framing import measure
from polymm.errors import JournalError

MAGIC: Final = b"polymm-j"
VERSION: Final = 3
# A kind and the first byte of a payload; JSON text has no such pair, so that it finds frames.
_FRAME_HEAD: Final = re.compile(rb"[\x01-\x1f]\[")
# What may be checked in search of frames behind a damaged one, beyond the file's own size.
_SEARCH_BYTES_MAX: Final = 1 << 24


class Kind(IntEnum):
    """What a frame holds; the numbers are for ever."""

    RUN = 1
    CHECKPOINT = 2
    MARKET = 3
    PLAN = 4
    WRITTEN = 5
    CANCEL = 6
    FILL = 7
    END = 8
    MERGE = 9
    SETTLED = 10
    BALANCE = 11
    TRADES = 12
    CORRECTION = 13
    INPUT = 14
    OUTPUT = 15
    GAP = 16
    RESULT = 17
    COUNTED = 18
    LIMIT = 19
    LIFTED = 20
    ASKED = 21
    UNMERGED = 22
    FOUND = 23


_KINDS: Final = {int(kind): kind for kind in Kind}


class Frame(NamedTuple):
    """One whole frame; ``offset`` is where it begins in its file."""

    kind: Kind
    payload: bytes
    offset: int


class Cut(NamedTuple):
    """A torn or damaged tail: ``n_bytes`` from ``offset`` to the end hold no whole frame."""

    offset: int
    n_bytes: int
    why: str


class Reading(NamedTuple):
    """What a file held."""

    frames: list[Frame]
    cut: Cut | None


def make_header(version: int = VERSION) -> bytes:
    """Make the first bytes of a file."""
    return framing.make_header(MAGIC, version)


def read_frames(data: bytes) -> Reading:
    """Take a file apart; a tail that is torn or flipped is left out and told.

    Raises:
        JournalError: The header is another's, a kind is unknown, or frames follow a damaged one.
    """
    offset = _check_header(data)
    if offset == 0:
        return Reading([], Cut(0, len(data), "header torn") if data else None)
    frames: list[Frame] = []
    size = len(data)
    while offset < size:
        end, why = measure(data, offset)
        if why:
            if _has_frame_after(data, offset):
                raise JournalError(f"damaged in the middle: {why}, and frames follow it", offset)
            return Reading(frames, Cut(offset, size - offset, why))
        kind = _KINDS.get(data[offset + 8])
        if kind is None:
            text = f"kind must be one of {min(_KINDS)}..{max(_KINDS)}, was {data[offset + 8]}"
            raise JournalError(text, offset)
        frames.append(Frame(kind, data[offset + FRAME_BYTES : end], offset))
        offset = end
    return Reading(frames, None)


def _check_header(data: bytes) -> int:
    """Where frames begin; 0 where the header itself is torn."""
    try:
        return framing.check_header(data, MAGIC, VERSION, "journal")
    except framing.FramingError as error:
        raise JournalError(str(error), error.offset) from error


def _has_frame_after(data: bytes, offset: int) -> bool:
    """Whether a whole frame begins anywhere behind a damaged one; also where that takes too long.

    A tail that nobody can tell from a damaged middle is none: unknown is unsafe.
    """
    budget = len(data) + _SEARCH_BYTES_MAX
    for match in _FRAME_HEAD.finditer(data, offset + FRAME_BYTES):
        begin = match.start() - 8
        end, why = measure(data, begin)
        if not why:
            return True
        budget -= end - begin + 1
        if budget < 0:
            return True
    return False
