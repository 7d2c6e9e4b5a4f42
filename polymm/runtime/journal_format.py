"""How records lie in a journal's file: framed, each with a checksum, behind a header.

    header   magic 8 bytes, version u32, CRC-32 of those twelve bytes
    frame    length u32 of the payload, CRC-32, kind u8, payload

All numbers are little-endian. A frame's CRC begins with length and kind in place of 0, so that a
bit flipped there is seen as in the payload, and with a salt, so that zeros are no frame. Every
payload is a JSON array. Nothing here opens a file: the
same functions read what a disk held, what a simulated disk held, and what a fuzzer made up.
"""

import re
import struct
from enum import IntEnum
from typing import Final, NamedTuple
from zlib import crc32

from polymm.errors import JournalError

MAGIC: Final = b"polymm-j"
VERSION: Final = 1
_VERSION: Final = struct.Struct("<I")
_FRAME: Final = struct.Struct("<IIB")
_SALT: Final = 0x6A6E6C21
HEADER_BYTES: Final = 16
FRAME_BYTES: Final = _FRAME.size
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
    head = MAGIC + _VERSION.pack(version)
    return head + _VERSION.pack(crc32(head))


def make_frame(kind: int, payload: bytes) -> bytes:
    """Frame a payload, which is a JSON array."""
    size = len(payload)
    return _FRAME.pack(size, crc32(payload, size ^ kind << 24 ^ _SALT), kind) + payload


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
        end, why = _measure(data, offset)
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
    if len(data) < HEADER_BYTES:
        if make_header().startswith(data):
            return 0
        raise JournalError(f"not a journal: begins with {data[:8]!r}, expected {MAGIC!r}", 0)
    if not data.startswith(MAGIC):
        raise JournalError(f"not a journal: begins with {data[:8]!r}, expected {MAGIC!r}", 0)
    version, crc = _VERSION.unpack_from(data, 8)[0], _VERSION.unpack_from(data, 12)[0]
    if crc != crc32(data[:12]):
        raise JournalError("the header is damaged: its checksum differs", 8)
    if version != VERSION:
        raise JournalError(f"version must be {VERSION}, was {version}", 8)
    return HEADER_BYTES


def _measure(data: bytes, offset: int) -> tuple[int, str]:
    """End of the frame that begins here, and what is wrong with it, "" where it is whole."""
    if len(data) - offset < FRAME_BYTES:
        return offset, "frame torn"
    size, crc, kind = _FRAME.unpack_from(data, offset)
    end = offset + FRAME_BYTES + size
    if end > len(data):
        return offset, "frame torn"
    if crc32(data[offset + FRAME_BYTES : end], size ^ kind << 24 ^ _SALT) != crc:
        return end, "checksum differs"
    return end, ""


def _has_frame_after(data: bytes, offset: int) -> bool:
    """Whether a whole frame begins anywhere behind a damaged one; also where that takes too long.

    A tail that nobody can tell from a damaged middle is none: unknown is unsafe.
    """
    budget = len(data) + _SEARCH_BYTES_MAX
    for match in _FRAME_HEAD.finditer(data, offset + FRAME_BYTES):
        begin = match.start() - 8
        end, why = _measure(data, begin)
        if not why:
            return True
        budget -= end - begin + 1
        if budget < 0:
            return True
    return False
