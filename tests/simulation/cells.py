"""Which cells of the order table the simulation visits, against the hand-written table of them.

The table is that of `tests.engine.order_cells`: a cell that may be reached must be visited by the
seeds, or by the scripted runs of `tests.simulation.contradictions` where it says why no seed can.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from polymm.engine.order_evidence import Row
from polymm.engine.order_life import Life
from tests.engine.order_cells import REACHABLE, SCRIPTED, UNIT_ONLY, Cell

WANTED: Final[frozenset[Cell]] = frozenset(
    (life, row) for life, rows in REACHABLE.items() for row in rows
)
SEEDED: Final[frozenset[Cell]] = WANTED - SCRIPTED.keys() - UNIT_ONLY.keys()
# Fewer runs, or shorter ones in all, have not met everything by chance.
RUNS_MIN: Final = 300
VIRTUAL_S_MIN: Final = 300 * 179


def read_cell(name: str) -> Cell:
    """Read ``LIFE ROW`` as runs count them."""
    life, _, row = name.partition(" ")
    return Life[life], Row[row]


def seen(visits: Mapping[str, int]) -> set[Cell]:
    """Give the cells that were visited."""
    return {read_cell(name) for name, n in visits.items() if n}


def unvisited(visits: Mapping[str, int], wanted: Iterable[Cell] = SEEDED) -> list[str]:
    """List cells that should have been visited and were not."""
    return _sorted(set(wanted) - seen(visits))


def unexpected(visits: Mapping[str, int]) -> list[str]:
    """List cells that were visited though the table says that nobody can."""
    return _sorted(seen(visits) - WANTED)


def _sorted(cells: Iterable[Cell]) -> list[str]:
    return [f"{life.name} {row.name}" for life, row in sorted(cells)]
