"""Which cells of the order table the simulation visits, against the hand-written table of them.

The table is that of `tests.engine.order_cells`: a cell that may be reached must be visited by the
seeds, unless it needs more bad luck than the faults draw, with its reason there.
"""

from collections.abc import Iterable, Mapping

from polymm.engine.order_evidence import Row
from polymm.engine.order_life import Life
from tests.engine.order_cells import REACHABLE, UNIT_ONLY, Cell

WANTED: frozenset[Cell] = frozenset(
    (life, row) for life, rows in REACHABLE.items() for row in rows
) - set(UNIT_ONLY)


def read_cell(name: str) -> Cell:
    """Read ``LIFE ROW`` as runs count them."""
    life, _, row = name.partition(" ")
    return Life[life], Row[row]


def unvisited(visits: Mapping[str, int]) -> list[str]:
    """List cells that should have been visited and were not."""
    seen = {read_cell(name) for name, n in visits.items() if n}
    return _sorted(WANTED - seen)


def unexpected(visits: Mapping[str, int]) -> list[str]:
    """List cells that were visited though the table says that nobody can."""
    known = {(life, row) for life, rows in REACHABLE.items() for row in rows}
    return _sorted({read_cell(name) for name, n in visits.items() if n} - known)


def _sorted(cells: Iterable[Cell]) -> list[str]:
    return [f"{life.name} {row.name}" for life, row in sorted(cells)]
