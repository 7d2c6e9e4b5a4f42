"""How much an engine keeps: I20 over every container that can be reached from it.

A walk that finds too little proves nothing and says nothing, so it must find some that are known.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sized
from typing import TYPE_CHECKING, Any, Final

from tests.simulation.violations import Violated

if TYPE_CHECKING:
    from polymm.engine.engine import Engine

# No list, map or queue of the engine may hold more than this in any market's life.
ITEMS_MAX: Final = 4_096
# What may be remembered of markets that are over, in all containers together.
GROWTH_MAX: Final = 2_048
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
        elif type(thing).__module__.startswith("polymm."):
            stack += ((f"{name}.{field}", value) for field, value in _fields(thing))


def _fields(thing: object) -> Iterator[tuple[str, Any]]:
    """Everything that an object keeps; a class that mypyc compiled names it in its own way."""
    names = list(getattr(thing, "__dict__", ()))
    names += getattr(type(thing), "__mypyc_attrs__", ())
    for base in type(thing).__mro__:
        slots = base.__dict__.get("__slots__", ())
        names += [slots] if isinstance(slots, str) else list(slots)
    for name in names:
        if hasattr(thing, name):
            yield name, getattr(thing, name)


def check_walk(engine: "Engine") -> None:
    """Hold that the walk finds what every engine has, in each of its parts and however built."""
    orders, gate, reconciler = engine.orders, engine.gate, engine.reconciler
    known: dict[str, Sized] = {
        "seats": engine.seats,
        "orders by number": orders.by_id,
        "orders by hash": orders.by_hash,
        "markets of orders": orders._register._books,
        "what makers were told": orders._voice._fills,
        "fills": engine.fills._fills,
        "orders of a minute": gate._rate._minute_ns,
        "losses by mark-outs": gate.watch.losses._markouts,
        "reasons of a closed gate": gate.closed_by,
        "ends of markets": reconciler._ends._ends,
        "sweeps of markets": reconciler._escalation._markets,
        "markets of feeds": engine.beating.feeds._open,
    }
    found = {id(thing) for _, thing in containers(engine)}
    missed = [name for name, thing in known.items() if id(thing) not in found]
    assert not missed, f"the walk must find {missed}, found {len(found)} others"


class Bounds:
    """Holds the engine's containers within bounds, and the same after many markets as after two.

    Within a market's life they fill and at its end they are emptied. So the least that was held is
    compared, of stretches in which each market that stood at the beginning came to its end.

    Attributes:
        rolled: Markets that are over.
    """

    def __init__(self) -> None:
        self.rolled = 0
        self._first_n: int | None = None
        self._least_n = 0
        self._standing: frozenset[str] = frozenset()

    def began(self) -> None:
        """Another engine begins, with little to remember."""
        self._standing = frozenset()

    def check(self, now_ns: int, engine: "Engine") -> None:
        """Look at every container; to be called at each end of a market, and in between."""
        total = 0
        for name, thing in containers(engine):
            if len(thing) > ITEMS_MAX:
                raise Violated("I20", f"{name} holds {len(thing)}, bound {ITEMS_MAX}", now_ns)
            total += len(thing)
        if self.rolled < 2:
            return
        self._least_n = min(self._least_n, total) if self._standing else total
        if self._standing.isdisjoint(engine.seats):
            if self._standing:
                self._compare(now_ns, self._least_n)
            self._standing, self._least_n = frozenset(engine.seats), total

    def _compare(self, now_ns: int, least_n: int) -> None:
        if self._first_n is None:
            self._first_n = least_n
        elif least_n > self._first_n + GROWTH_MAX:
            text = f"{least_n} items after {self.rolled} markets, {self._first_n} after two"
            raise Violated("I20", text, now_ns)
