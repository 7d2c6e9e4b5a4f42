"""``python -m tests.fuzz.growth``: ten million messages through one decoder without growth.

A few thousand frames of recorded sizes go round and round: books and price changes for the fast
pass, restyled ones for the tolerant pass, and malformed ones that raise. Memory is read after a
warm-up and at the end; what is kept for each message would show as megabytes.
"""

import argparse
import sys
import time
from collections import Counter
from random import Random

from polymm._core.decode import Decoder
from polymm.errors import DecodeError
from tests.fuzz.frames import FIRST_STAMP, MARKETS, FrameMaker, Kind, usual_bytes
from tests.fuzz.memory import resident_kib

GROWTH_KIB_MAX = 2048
POOL = 4000
LEVELS = 49
WARM_UP = 50_000


def pool(seed: int) -> list[bytes]:
    """Make the frames: eight of ten usual, one restyled, one odd or broken."""
    maker = FrameMaker(Random(f"growth/{seed}"))
    wanted = Counter(
        {Kind.USUAL: POOL * 8 // 10, Kind.RESTYLED: POOL // 10,
         Kind.ODD: POOL // 20, Kind.BROKEN: POOL // 20}
    )  # fmt: skip
    frames = [full_book(maker) for _ in range(POOL // 100)]
    while wanted.total():
        kind, frame = maker.frame()
        if wanted[kind]:
            wanted[kind] -= 1
            frames.append(frame)
    maker.rng.shuffle(frames)
    return frames


def full_book(maker: FrameMaker) -> bytes:
    """Make a book as deep as the recorded ones."""
    rows = [{"price": f"0.{cents:02d}", "size": "1234.56"} for cents in range(1, 2 * LEVELS + 1)]
    return usual_bytes({**maker.book(), "bids": rows[:LEVELS], "asks": rows[:LEVELS:-1]}, maker.rng)


def feed(decoder: Decoder, frames: list[bytes], count: int) -> None:
    """Feed so many frames, round and round."""
    while count > 0:
        for frame in frames[:count]:
            try:
                decoder.feed(frame, FIRST_STAMP)
            except DecodeError:
                pass
            else:
                decoder.trades()
        count -= len(frames)


def measure(count: int, seed: int) -> tuple[int, int, float, dict[str, int]]:
    """Give memory after warm-up and at the end in KiB, messages a second, and the counters."""
    decoder = Decoder()
    for up, down in MARKETS:
        decoder.add_market(up, down)
    frames = pool(seed)
    feed(decoder, frames, WARM_UP)
    before = resident_kib()
    start = time.perf_counter()
    feed(decoder, frames, count)
    seconds = time.perf_counter() - start
    return before, resident_kib(), count / seconds, decoder.counters()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.growth", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000_000)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    before, after, rate, counters = measure(arguments.count, arguments.seed)
    passes = ", ".join(f"{counters[name]:,} {name}" for name in ("fast", "tolerant", "rejected"))
    print(f"{arguments.count:,} messages through one decoder at {rate:,.0f} a second: {passes}")
    print(
        f"resident {before:,} KiB after warm-up, {after:,} KiB at the end: "
        f"{after - before:+,} KiB, at most {GROWTH_KIB_MAX:,}"
    )
    return 1 if after - before > GROWTH_KIB_MAX else 0


if __name__ == "__main__":
    sys.exit(main())
