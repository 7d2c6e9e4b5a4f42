"""Time contenders against each other: one process, one core, shuffled in every round.

Nothing here knows what is measured. A contender hands out fresh state and a pass over it; only
the pass is timed, in CPU time of this thread: what another process takes on the same core does not
count. Ratios within one run are what counts; nanoseconds across runs are not.
"""

import gc
import math
import os
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from time import thread_time_ns

SLICE_NS = (
    2_000_000  # A contender runs at least this long a round, so that the clock's step is lost.
)


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of a table.

    Args:
        prepare: Makes fresh state, untimed, and answers the pass over it.
        calls: Calls a pass makes; figures are per call.
    """

    name: str
    prepare: Callable[[], Callable[[], object]]
    calls: int


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that could not run, and the package it wants."""

    name: str
    package: str


@dataclass(frozen=True, slots=True)
class Sample:
    """Nanoseconds per call over the rounds."""

    median_ns: float
    min_ns: float
    rounds: int


@contextmanager
def quiet_machine(core: int | None = None) -> Iterator[int | None]:
    """Pin this process to one core, freeze and stop the garbage collector; undo all at the end.

    Args:
        core: Core to take; the last allowed one where None. Systems without affinity run unpinned.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    chosen = None
    if allowed:
        chosen = core if core is not None else max(allowed)
        os.sched_setaffinity(0, {chosen})
    was_enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield chosen
    finally:
        gc.unfreeze()
        if was_enabled:
            gc.enable()
        if allowed:
            os.sched_setaffinity(0, allowed)


def measure(
    contenders: Sequence[Contender],
    *,
    rounds: int,
    seed: int = 1,
    slice_ns: int = SLICE_NS,
    tick: Callable[[], object] = lambda: None,
) -> dict[str, Sample]:
    """Time all contenders, interleaved.

    Args:
        rounds: Figures are the median and the least over this many.
        seed: Orders the contenders within each round.
        slice_ns: Least time a contender runs in one round.
        tick: Called after each round, for a progress display.

    Returns:
        A sample for each contender's name.
    """
    passes = {one.name: _passes(one, slice_ns) for one in contenders}
    figures: dict[str, list[float]] = {one.name: [] for one in contenders}
    order = list(contenders)
    shuffle = random.Random(seed).shuffle
    for _ in range(rounds):
        shuffle(order)
        for one in order:
            elapsed = sum(_timed(one) for _ in range(passes[one.name]))
            figures[one.name].append(elapsed / (passes[one.name] * one.calls))
        tick()
    return {name: Sample(median(values), min(values), rounds) for name, values in figures.items()}


def _timed(contender: Contender) -> int:
    run = contender.prepare()
    start = thread_time_ns()
    run()
    return thread_time_ns() - start


def _passes(contender: Contender, slice_ns: int) -> int:
    """Warm a contender up and count the passes that fill its slice."""
    _timed(contender)
    return max(1, math.ceil(slice_ns / max(1, _timed(contender))))
