"""How much an engine keeps: I20 over every container that can be reached from it."""

from collections import deque
from collections.abc import Iterator, Mapping, Sized
from typing import TYPE_CHECKING, Any, Final

from tests.simulation.violations import Violated

if TYPE_CHECKING:
    from polymm.engine.engine import Engine

# No list, map or queue of the engine may hold more than this in any market's life.
ITEMS_MAX: Final = 4_096
# What may be remembered of markets that are over, in all containers together.
GROWTH_MAX: Final = 4_096
_ATOMS: Final = (int, float, str, bytes, bool, type(None))


def containers(root: object) -> Iterator[tuple[str, Sized]]:
    """Every container that belongs to the engine, with the way to it."""
    seen: set[int] = set()
    stack: list[tuple[str, Any]] = [("engine", root)]
    while stack:
        name, thing = stack.pop()
        if isinstance(thing, _ATOMS) or id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, Mapping):
            yield name, thing
            stack += ((name + "{}", value) for value in thing.values())
        elif isinstance(thing, list | set | frozenset | deque):
            yield name, thing
            stack += ((name + "[]", value) for value in thing)
        elif isinstance(thing, tuple):
            stack += ((name + "()", value) for value in thing)
        elif type(thing).__module__.startswith("polymm.engine"):
            stack += ((f"{name}.{field}", value) for field, value in _fields(thing))


def _fields(thing: object) -> Iterator[tuple[str, Any]]:
    names = list(getattr(thing, "__dict__", ()))
    for base in type(thing).__mro__:
        slots = base.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    for name in names:
        if hasattr(thing, name):
            yield name, getattr(thing, name)


class Bounds:
    """Holds the engine's containers within bounds, and the same after many markets as after two.

    Attributes:
        rolled: Markets that are over.
    """

    def __init__(self) -> None:
        self.rolled = 0
        self._first_n: int | None = None

    def check(self, now_ns: int, engine: "Engine") -> int:
        """Look at every container; answer how much all hold together."""
        total = 0
        for name, thing in containers(engine):
            if len(thing) > ITEMS_MAX:
                raise Violated("I20", f"{name} holds {len(thing)}, bound {ITEMS_MAX}", now_ns)
            total += len(thing)
        if self.rolled >= 2:
            if self._first_n is None:
                self._first_n = total
            elif total > self._first_n + GROWTH_MAX:
                text = f"{total} items after {self.rolled} markets, {self._first_n} after two"
                raise Violated("I20", text, now_ns)
        return total
