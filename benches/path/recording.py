"""What recording costs: ``python -m benches.path.recording``.

Every frame of every socket goes through the recorder's tap before the books have it, and all that
the journal writes is copied once more. More than 100 ns for a price change would mean that
something on the path waits, allocates or talks to the thread. The thread's own row says what it
computes for a frame beside the path. What all
that does to tick to trade stands in ``python -m benches.path``, interleaved with polymm without it.
"""

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from time import perf_counter_ns, thread_time_ns
from typing import Final

from benches.timing import quiet_machine
from benches.workload import synthetic
from polymm._core.blocks import Blocks, Tap
from polymm.runtime.recorder import BLOCK_BYTES, BLOCKS, FULL_BYTES
from polymm.runtime.recording_writer import RecordingWriter

NOW_NS: Final = 1_776_323_400_000_000_000
BATCH: Final = 500
MARKET: Final = 2


def nothing(frame: bytes, recv_ns: int) -> None:
    """Stand for the feed."""


def timed(take: Callable[[bytes, int], object], frames: Sequence[bytes]) -> float:
    """Nanoseconds a frame."""
    began_ns = perf_counter_ns()
    for frame in frames:
        take(frame, NOW_NS)
    return (perf_counter_ns() - began_ns) / len(frames)


def empty(blocks: Blocks) -> None:
    """Give all blocks back, as if they were written."""
    while (taken := blocks.take(is_due=True)) is not None:
        blocks.give_back(taken[0])


def tap_rows(rounds: int) -> list[tuple[str, float, float]]:
    """Name, ns a frame without and with the tap, in turn; medians."""
    workload = synthetic()
    found = []
    for name, frames in (("price_change", workload.price_changes), ("book", workload.books)):
        batch = [frames[i % len(frames)] for i in range(BATCH)]
        blocks = Blocks(BLOCKS, BLOCK_BYTES, FULL_BYTES)
        tap = Tap(blocks, MARKET, 1, nothing)
        bare, tapped = [], []
        for _ in range(rounds):
            bare.append(timed(nothing, batch))
            tapped.append(timed(tap.take, batch))
            empty(blocks)
        assert not blocks.lost_frames, "the bench must not lose frames"
        found.append((f"{name}, {len(frames[0]):,} B", median(bare), median(tapped)))
    return found


def thread_row(rounds: int, folder: Path) -> tuple[float, float, float]:
    """CPU of the thread, ns a frame; bytes in over bytes out; MB of frames a second of CPU."""
    workload = synthetic()
    blocks = Blocks(BLOCKS, BLOCK_BYTES, FULL_BYTES)
    writer = RecordingWriter(folder, blocks, keep_bytes=1 << 40, reserve_bytes=0)
    spent_ns = 0
    for _ in range(rounds):
        for frame in workload.price_changes[: 4 * BATCH]:
            blocks.put(NOW_NS, MARKET, 1, frame)
        began_ns = thread_time_ns()
        writer.work(is_due=True)
        spent_ns += thread_time_ns() - began_ns
    writer.close()
    ratio = writer.raw_bytes / writer.stored_bytes
    return spent_ns / writer.frames, ratio, writer.raw_bytes / spent_ns * 1e3


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="benches.path.recording", description=__doc__)
    parser.add_argument("--rounds", type=int, default=400, help="of each row")
    rounds = parser.parse_args(arguments).rounds
    with quiet_machine(), tempfile.TemporaryDirectory() as folder:
        print(f"{'ns a frame on the path':28} {'bare call':>10} {'recorded':>10} {'added':>8}")
        for name, bare, tapped in tap_rows(rounds):
            print(f"{name:28} {bare:10.1f} {tapped:10.1f} {tapped - bare:8.1f}")
        each_ns, ratio, speed = thread_row(max(rounds // 10, 1), Path(folder))
        print(
            f"\nthe thread, beside the path: {each_ns:,.0f} ns a price_change,"
            f" {speed:,.0f} MB of frames a second, {ratio:.1f} to 1"
        )


if __name__ == "__main__":
    main()
