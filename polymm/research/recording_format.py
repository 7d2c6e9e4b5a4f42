"""How a run's recording lies in a file: blocks of frames, compressed, framed as the journal is.

    header   as of `polymm.domain.framing`, magic ``polymm-r``
    BLOCK    mark 8 bytes, first and last receive time i64, frames u32, bytes u32, zstandard
    GAP      one JSON object: what was lost here
    INDEX    rows of 40 bytes: where each BLOCK and GAP begins, and what its head says
    END      where the INDEX begins, u64; the last bytes of a file that was closed in order

In a block each frame stands behind 16 bytes: receive time i64, size u32, socket u16, channel u8, 0.
Receive times are ns since the epoch by the session's clock. A file that was not closed in order has
no INDEX; the heads of its blocks say the same.
"""

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Any, Final, NamedTuple

import orjson

from polymm.domain import framing
from polymm.domain.framing import FRAME_BYTES, frame_head
from polymm.errors import RecordingError

MAGIC: Final = b"polymm-r"
VERSION: Final = 1
SUFFIX: Final = ".rec"
# Stands at the head of each block, so that blocks are found behind a damaged one.
MARK: Final = b"polymm-b"
BLOCK_HEAD: Final = struct.Struct("<8sqqII")
FRAME_HEAD: Final = struct.Struct("<qIHBx")
INDEX_ROW: Final = struct.Struct("<QqqIIIB3x")
END: Final = struct.Struct("<Q")
TAIL_BYTES: Final = FRAME_BYTES + END.size


class Kind(IntEnum):
    """What a frame of the file holds; the numbers are for ever."""

    BLOCK = 1
    GAP = 2
    INDEX = 3
    END = 4


class Channel(IntEnum):
    """Where a recorded frame comes from; the numbers are for ever.

    NOTE is ours: one JSON object that says what the run knew (its markets, sockets, winners).
    JOURNAL is what the engine's journal wrote: what each step was given and answered, as bytes of
    `polymm.runtime.journal_format`.
    """

    NOTE = 1
    MARKET = 2
    USER = 3
    POLYBOLT = 4
    RTDS = 5
    JOURNAL = 6


class Recorded(NamedTuple):
    """One frame as it was received; ``socket`` tells apart those of one channel, 0 for none."""

    recv_ns: int
    channel: int
    socket: int
    payload: bytes


class IndexRow(NamedTuple):
    """What an index says of a block, or of a gap.

    Args:
        offset: Where its frame begins in the file.
        frames, n_bytes: Held, or lost.
        stored: Bytes of it in the file; 0 for a gap.
        kind: BLOCK or GAP.
    """

    offset: int
    first_ns: int
    last_ns: int
    frames: int
    n_bytes: int
    stored: int
    kind: int


class Gap(NamedTuple):
    """Frames that are missing: when, how many and why; -1 where nobody knows how many."""

    first_ns: int
    last_ns: int
    frames: int
    n_bytes: int
    why: str


def make_header() -> bytes:
    """Make the first bytes of a file."""
    return framing.make_header(MAGIC, VERSION)


def make_gap(gap: Gap) -> bytes:
    """Frame a gap."""
    return framing.make_frame(Kind.GAP, orjson.dumps(gap._asdict()))


def read_gap(payload: bytes) -> Gap:
    """Read a gap's payload.

    Raises:
        RecordingError: It is another's.
    """
    try:
        found = orjson.loads(payload)
        return Gap(**found)
    except (orjson.JSONDecodeError, TypeError) as error:
        raise RecordingError(f"expected a gap, found {payload[:60]!r}") from error


def make_index(rows: list[IndexRow], offset: int) -> bytes:
    """Make the end of a file that is closed in order.

    Args:
        offset: Where it will stand.
    """
    index = framing.make_frame(Kind.INDEX, b"".join(INDEX_ROW.pack(*row) for row in rows))
    return index + framing.make_frame(Kind.END, END.pack(offset))


def block_heads(
    packed: bytes, first_ns: int, last_ns: int, frames: int, n_bytes: int
) -> tuple[bytes, bytes]:
    """Make what stands before a compressed block: its frame's head, and its own."""
    head = BLOCK_HEAD.pack(MARK, first_ns, last_ns, frames, n_bytes)
    return frame_head(Kind.BLOCK, head, packed), head


def pack_frame(frame: Recorded) -> bytes:
    """Write a frame as it stands in a block."""
    recv_ns, channel, socket, payload = frame
    return FRAME_HEAD.pack(recv_ns, len(payload), socket, channel) + payload


def frames_of(block: bytes) -> Iterator[Recorded]:
    """Take a block apart, once it is decompressed.

    Raises:
        RecordingError: Its frames do not fill it.
    """
    pos, end = 0, len(block)
    while pos < end:
        start = pos + FRAME_HEAD.size
        if start > end:
            raise RecordingError(f"a block must end with a frame, found {end - pos} bytes more")
        recv_ns, size, socket, channel = FRAME_HEAD.unpack_from(block, pos)
        pos = start + size
        if pos > end:
            raise RecordingError(f"a frame of {size} bytes must be whole, {end - start} are left")
        yield Recorded(recv_ns, channel, socket, block[start:pos])


def make_note(name: str, **facts: Any) -> bytes:
    """Write a note of the run's own."""
    return orjson.dumps({"note": name, **facts})
