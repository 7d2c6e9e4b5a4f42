"""I20: the walk finds what an engine keeps, however it was built, and slow growth is seen."""

from typing import ClassVar

import pytest

from tests.simulation import bounds
from tests.simulation.attaching import CheckedWorld
from tests.simulation.bounds import GROWTH_MAX, ITEMS_MAX, Bounds, check_walk, containers
from tests.simulation.process import EngineProcess
from tests.simulation.scenario import draw
from tests.simulation.scenes import fires

# Whatever an engine is made of, it has more kinds of containers than this when it is at work.
WAYS_MIN = 80
MARKETS_N = 40
ORDERS_N = 3_000


class Native:
    """What mypyc makes of a class: what it keeps stands in no __dict__ and in no __slots__."""

    __module__ = "polymm.engine.native"
    __slots__ = ()
    __mypyc_attrs__ = ("kept", "never_set")

    KEPT: ClassVar[list[int]] = [1, 2, 3]

    @property
    def kept(self) -> list[int]:
        return self.KEPT


class Keeping:
    """An engine that keeps orders while their market lives, and some of them for ever."""

    __module__ = "polymm.engine.keeping"

    def __init__(self, kept_one_in: int) -> None:
        self.seats: dict[str, None] = {}
        self.orders: list[int] = []
        self.kept: dict[str, list[int]] = {}
        self._kept_one_in = kept_one_in

    def trade(self, market: str, orders: range) -> None:
        for order in orders:
            self.orders.append(order)
            if order % self._kept_one_in == 0:
                self.kept.setdefault(market, []).append(order)


def live_through(engine: Keeping) -> None:
    """Let markets follow each other; look at the end of each, and now early and now late in it."""
    held = Bounds()
    engine.seats["market 0"] = None
    for number in range(MARKETS_N):
        market = f"market {number}"
        looked = ORDERS_N * (number % 2)
        engine.trade(market, range(looked))
        held.check(number, engine)
        engine.trade(market, range(looked, ORDERS_N))
        engine.seats = {f"market {number + 1}": None}
        engine.orders.clear()
        held.rolled += 1
        held.check(number, engine)


def test_the_walk_finds_what_an_engine_at_work_keeps():
    world = CheckedWorld(draw(0, 1.0)).world
    world.run()
    assert world.life is not None
    process = world.life.process
    assert isinstance(process, EngineProcess)
    check_walk(process.engine)
    found = dict(containers(process.engine))
    assert len(found) > WAYS_MIN
    assert sum(map(len, found.values())) > WAYS_MIN


def test_a_walk_that_finds_too_little_says_so(monkeypatch):
    monkeypatch.setattr(bounds, "_fields", lambda _: iter(()))
    with pytest.raises(AssertionError, match="orders by hash"):
        CheckedWorld(draw(0, 1.0)).run()


def test_the_walk_looks_into_compiled_classes():
    assert [thing for _, thing in containers(Native())] == [Native.KEPT]


def test_what_ends_with_its_market_is_no_growth_whenever_it_is_looked_at():
    assert GROWTH_MAX < ORDERS_N < ITEMS_MAX
    live_through(Keeping(kept_one_in=ORDERS_N))


def test_i20_fires_on_growth_that_no_single_container_shows():
    engine = Keeping(kept_one_in=30)
    text = fires("I20", lambda: live_through(engine))
    assert "after two" in text
    assert max(map(len, engine.kept.values())) <= ORDERS_N // 30


def test_another_engine_begins_a_stretch_of_its_own():
    held, young, old = Bounds(), Keeping(ORDERS_N), Keeping(ORDERS_N)
    held.rolled = 2
    young.seats["a"] = None
    held.check(1, young)
    held.began()
    # Nothing is compared yet: what the young one held is not the least of a stretch.
    old.seats["b"] = None
    old.trade("b", range(ORDERS_N))
    held.check(2, old)
    old.seats = {"c": None}
    held.check(3, old)
    old.seats = {"d": None}
    held.check(4, old)
