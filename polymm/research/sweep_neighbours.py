"""How stable a choice is: what trials near it in the space of parameters made.

A set that is good alone is luck; one whose neighbours are good, too, is a region.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from polymm.research.estimates import mean
from polymm.research.sweep_figures import TrialFigures
from polymm.research.sweep_space import Choice, Point, Range, Space, Value, distinct, spelled

NEIGHBOURS: Final = 8
# Cells a side of a map over numbers that were drawn.
CELLS: Final = 8


def neighbours(
    space: Space, points: Sequence[Point], trials: Sequence[TrialFigures], best: int
) -> dict[str, Any]:
    """The trials nearest to the chosen one, each key scaled to its range, one for each point.

    A point that was drawn again says nothing of what lies about it.

    Returns:
        ``n`` of them, their ``mean`` and ``worst`` score (NaN for none), and their numbers.
    """
    if not points[best]:
        return {"n": 0, "mean": math.nan, "worst": math.nan, "trials": []}

    def far(number: int) -> float:
        return math.fsum(
            (one.place(points[number][one.key]) - one.place(points[best][one.key])) ** 2
            for one in space
        )

    own = spelled(points[best])
    others = [k for k in distinct(points) if points[k] and spelled(points[k]) != own]
    near = sorted(others, key=lambda k: (far(k), k))[:NEIGHBOURS]
    scores = [trials[k].score for k in near]
    return {
        "n": len(near),
        "mean": mean(scores),
        "worst": min(scores, default=math.nan),
        "trials": near,
    }


@dataclass(frozen=True, slots=True)
class Map:
    """Mean score of the trials by two keys.

    Args:
        x_names, y_names: Cells of each key.
        scores: (y, x); None where nothing was tried.
        counts: (y, x), trials.
        best: Cell of the chosen trial, (y, x); None for the default.
    """

    x: str
    y: str
    x_names: tuple[str, ...]
    y_names: tuple[str, ...]
    scores: tuple[tuple[float | None, ...], ...]
    counts: tuple[tuple[int, ...], ...]
    best: tuple[int, int] | None


def maps(
    space: Space, points: Sequence[Point], trials: Sequence[TrialFigures], best: int
) -> list[Map]:
    """A map of each pair of keys, in the order of the space."""
    return [_map(x, y, points, trials, best) for x, y in combinations(space, 2)]


def _map(
    x: Range | Choice,
    y: Range | Choice,
    points: Sequence[Point],
    trials: Sequence[TrialFigures],
    best: int,
) -> Map:
    x_names, y_names = _names(x), _names(y)
    cells: dict[tuple[int, int], list[float]] = {}
    for point, one in zip(points[1:], trials[1:], strict=True):
        cells.setdefault((_cell(y, point[y.key]), _cell(x, point[x.key])), []).append(one.score)
    chosen = points[best]
    return Map(
        x=x.key,
        y=y.key,
        x_names=x_names,
        y_names=y_names,
        scores=tuple(
            tuple(mean(cells[i, j]) if (i, j) in cells else None for j in range(len(x_names)))
            for i in range(len(y_names))
        ),
        counts=tuple(
            tuple(len(cells.get((i, j), ())) for j in range(len(x_names)))
            for i in range(len(y_names))
        ),
        best=(_cell(y, chosen[y.key]), _cell(x, chosen[x.key])) if chosen else None,
    )


def _is_listed(one: Range | Choice) -> bool:
    """Whether each value has a cell of its own."""
    return isinstance(one, Choice) or 0 < one.steps_n <= 2 * CELLS


def _names(one: Range | Choice) -> tuple[str, ...]:
    if _is_listed(one):
        return tuple(f"{value:g}" if isinstance(value, float) else str(value)
                     for value in one.values())  # fmt: skip
    assert isinstance(one, Range)
    return tuple(f"{_edge(one, k):.4g} to {_edge(one, k + 1):.4g}" for k in range(CELLS))


def _edge(one: Range, k: int) -> float:
    if one.log:
        return float(one.low * (one.high / one.low) ** (k / CELLS))
    return one.low + (one.high - one.low) * k / CELLS


def _cell(one: Range | Choice, value: Value) -> int:
    if _is_listed(one):
        return one.values().index(value)
    return min(int(one.place(value) * CELLS), CELLS - 1)
