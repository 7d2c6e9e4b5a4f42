"""Small recordings of our own, written without a thread and without a clock."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from polymm._core.blocks import Blocks
from polymm.domain.market import NS, Market
from polymm.research.market_record import market_record
from polymm.research.recording_format import Channel, Recorded, make_note
from polymm.runtime.recording_writer import RecordingWriter
from tests.support.tapes import START_S

T0 = START_S * NS


def note(name: str, ns: int = T0, **facts: object) -> Recorded:
    return Recorded(ns, Channel.NOTE, 0, make_note(name, **facts))


def market_note(market: Market, ns: int = T0) -> Recorded:
    return note("market", ns, market=market_record(market))


def heard(payload: bytes, ns: int, socket: int = 1) -> Recorded:
    """A frame of the market channel."""
    return Recorded(ns, Channel.MARKET, socket, payload)


def writer_of(
    folder: Path,
    blocks: Blocks | None = None,
    *,
    keep_bytes: int = 1 << 30,
    reserve_bytes: int = 0,
) -> tuple[Blocks, RecordingWriter]:
    blocks = blocks or Blocks(4, 1 << 16, 1 << 12)
    folder.mkdir(exist_ok=True)
    return blocks, RecordingWriter(
        folder, blocks, keep_bytes=keep_bytes, reserve_bytes=reserve_bytes
    )


def record(
    folder: Path, *files: Iterable[Recorded], blocks_of: int = 0, is_whole: bool = True
) -> Path:
    """Write files of these frames.

    Args:
        blocks_of: Frames in a block; 0 for as many as there are.
        is_whole: Whether the run's end is told after them.
    """
    blocks, writer = writer_of(folder)
    for number, frames in enumerate(files):
        if number:
            blocks.end_file()
        for n, frame in enumerate(frames, 1):
            assert blocks.put(*frame)
            writer.work(is_due=bool(blocks_of) and n % blocks_of == 0)
            last_ns = frame.recv_ns
        writer.work(is_due=True)
    if is_whole:
        assert blocks.put(*note("end", last_ns))
    writer.work(is_due=True)
    writer.close()
    return folder


def paths(folder: Path) -> Sequence[Path]:
    return sorted(folder.glob("*.rec"))
