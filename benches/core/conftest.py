"""Inputs of the recorded sizes that the benches share.

A round is one pass over many messages: 200 ns are too short to be timed alone. pytest-benchmark
shows the pass; `extra_info` of its JSON says how many calls are in it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from benches.peers.ours import NOW_NS, Polymm, lane_of
from benches.peers.quotes import quote_cases
from benches.workload import Workload, synthetic
from polymm import Lane

ROUNDS = 100

TimePasses = Callable[..., None]


@pytest.fixture(scope="session")
def workload() -> Workload:
    """One synthetic market in recorded sizes."""
    return synthetic()


@pytest.fixture
def lanes(workload: Workload) -> list[Lane]:
    """Sixteen lanes, each over a book of its own."""
    return [lane_of(case) for case in quote_cases(workload)]


@pytest.fixture
def time_feed(benchmark: Any, workload: Workload) -> TimePasses:
    """Give the bench of one pass of `Decoder.feed` over frames, each round on a fresh book."""

    def time_feed(frames: Sequence[bytes], *, with_lane: bool = False) -> None:
        contender = Polymm(workload, with_lane=with_lane)

        def setup() -> None:
            contender.start_again()
            for frame in workload.start:
                contender.feed(frame)

        def run() -> None:
            feed = contender.decoder.feed
            for frame in frames:
                feed(frame, NOW_NS)

        benchmark.extra_info["calls"] = len(frames)
        benchmark.pedantic(run, setup=setup, rounds=ROUNDS, warmup_rounds=2)

    return time_feed


@pytest.fixture
def time_calls(benchmark: Any) -> TimePasses:
    """Give the bench of one pass over ready calls."""

    def time_calls(calls: Sequence[Callable[[], object]]) -> None:
        def run() -> None:
            for call in calls:
                call()

        benchmark.extra_info["calls"] = len(calls)
        benchmark.pedantic(run, rounds=ROUNDS, iterations=50, warmup_rounds=2)

    return time_calls
