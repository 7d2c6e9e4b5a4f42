"""A decoder keeps nothing of the frames that went through it."""

import gc
import tracemalloc

from polymm._core.decode import Decoder
from tests.fuzz.frames import MARKETS
from tests.fuzz.growth import GROWTH_KIB_MAX, feed, measure, pool


def test_two_hundred_thousand_messages_leave_memory_as_it_was() -> None:
    """Ten million do too: ``python -m tests.fuzz.growth``."""
    before, after, _, counters = measure(200_000, seed=1)
    assert after - before <= GROWTH_KIB_MAX
    assert min(counters["fast"], counters["tolerant"], counters["rejected"]) > 5_000


def traced_bytes(decoder: Decoder, frames: list[bytes]) -> int:
    """Feed the frames twice and give what Python holds afterwards."""
    feed(decoder, frames, 2 * len(frames))
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_no_python_object_outlives_its_frame() -> None:
    decoder = Decoder()
    for up, down in MARKETS:
        decoder.add_market(up, down)
    frames = pool(2)
    feed(decoder, frames, 3 * len(frames))
    tracemalloc.start()
    try:
        before = traced_bytes(decoder, frames)
        after = traced_bytes(decoder, frames)
    finally:
        tracemalloc.stop()
    assert after - before < 1_000
