"""Contenders in turn, shuffled in every round; figures over all single events of a contender."""

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import thread_time_ns

Run = Callable[[int], Awaitable[list[int]]]


@dataclass(frozen=True, slots=True)
class Spread:
    """Nanoseconds of one contender.

    Args:
        cpu_ns: CPU time of this thread for one event.
    """

    p50_ns: float
    p99_ns: float
    p999_ns: float
    min_ns: float
    cpu_ns: float


def spread(samples: Sequence[int], cpu_ns: float) -> Spread:
    """Take percentiles by nearest rank."""
    ordered = sorted(samples)

    def at(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return Spread(at(0.5), at(0.99), at(0.999), ordered[0], cpu_ns)


async def take_turns(
    runs: Mapping[str, Run], *, rounds: int, count: int, seed: int
) -> dict[str, Spread]:
    """Let each contender do ``count`` events a round; one round before the first is not counted."""
    samples: dict[str, list[int]] = {name: [] for name in runs}
    cpu_ns = dict.fromkeys(runs, 0)
    order = list(runs)
    shuffle = random.Random(seed).shuffle
    for i in range(rounds + 1):
        shuffle(order)
        for name in order:
            before_ns = thread_time_ns()
            taken = await runs[name](count)
            if i:
                cpu_ns[name] += thread_time_ns() - before_ns
                samples[name] += taken
    return {
        name: spread(values, cpu_ns[name] / (rounds * count)) for name, values in samples.items()
    }


def spreads_text(title: str, spreads: Mapping[str, Spread], base: str) -> str:
    """Lay a table out; the last column is p50 over the base row's."""
    width = max(map(len, spreads))
    lines = [
        title,
        f"{'contender':{width}}  {'p50 µs':>8} {'p99':>8} {'p99.9':>8} {'min':>8} {'CPU µs':>8} "
        f"{'p50 / ' + base:>12}",
    ]
    for name in sorted(spreads, key=lambda one: spreads[one].p50_ns):
        one = spreads[name]
        figures = (one.p50_ns, one.p99_ns, one.p999_ns, one.min_ns, one.cpu_ns)
        cells = " ".join(f"{figure / 1e3:8.2f}" for figure in figures)
        lines.append(f"{name:{width}}  {cells} {one.p50_ns / spreads[base].p50_ns:12.2f}")
    return "\n".join(lines)
