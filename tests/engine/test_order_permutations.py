"""Evidence in every order of arrival, once and with repeats, ends in one belief."""

from collections.abc import Callable
from itertools import permutations
from random import Random

import pytest

from polymm.domain.order import Accepted, Cancelled, Fill, Rejected, Voided
from polymm.engine.evidence import (
    CancelVerdict,
    CancelWritten,
    Event,
    PlaceVerdict,
    Settlement,
    Swept,
)
from polymm.engine.order_life import Life
from tests.engine.order_scripts import SCRIPTS
from tests.support.order_scene import (
    CANCELLATION,
    CONFIRMED,
    GONE,
    MARKET,
    PLACEMENT,
    SHARE,
    UPDATE,
    VOID,
    Belief,
    OrderScene,
    asked,
    canceled,
    fill,
    listed,
    ns,
    placed,
    seen,
    told,
    trades,
)


def play(
    end: float, wanted: float, script: tuple[Event, ...], *, repeats: bool = False
) -> OrderScene:
    scene = OrderScene()
    scene.send()
    if wanted >= 0:
        scene.manager.want_cancel(ns(wanted), 1)
        scene.manager.apply(ns(wanted), CancelWritten(("A",), ns(wanted)))
        scene.drain()
    apply, now_ns = scene.manager.apply, ns(end)
    for event in script:
        apply(now_ns, event)
        if repeats:
            apply(now_ns, event)
    if repeats:
        for event in script:
            apply(now_ns, event)
    return scene


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_order_of_arrival_ends_in_one_belief(name: str) -> None:
    end, wanted, script, life = SCRIPTS[name]
    beliefs: dict[Belief, tuple[Event, ...]] = {}
    for order in permutations(script):
        beliefs.setdefault(play(end, wanted, order).belief(), order)
    assert len(beliefs) == 1, list(beliefs.items())[:2]
    scene = play(end, wanted, script)
    assert scene.life() is life


@pytest.mark.parametrize("name", SCRIPTS)
def test_repeats_change_nothing(name: str) -> None:
    end, wanted, script, _ = SCRIPTS[name]
    once = play(end, wanted, script)
    for order in list(permutations(script))[:: max(1, len(script) ** 2)]:
        twice = play(end, wanted, order, repeats=True)
        assert twice.belief() == once.belief()
        twice.drain()
        told_twice = [reply for reply in twice.replies if isinstance(reply, Fill | Voided)]
        assert len(told_twice) == len({(type(reply), repr(reply)) for reply in told_twice})
        ends = [r for r in twice.replies if isinstance(r, Cancelled | Rejected)]
        accepted = [r for r in twice.replies if isinstance(r, Accepted)]
        assert len(ends) <= 1
        assert len(accepted) <= 1


def drawn(random_: Random) -> tuple[Event, ...]:
    """Evidence as no venue would give it: the times and sizes of its items know of no other."""

    def item() -> Event:
        at = random_.choice((0.2, 1, 2, 4, 6, 9, 11, 12, 13, 16, 20, 25, 30, 35))
        size = random_.choice((0, 2, 4, 6, 10))
        makers: tuple[Callable[[], Event], ...] = (
            lambda: placed(random_.choice(list(PlaceVerdict)), at),
            lambda: told(random_.choice((PLACEMENT, UPDATE)), at, size),
            lambda: told(CANCELLATION, at, random_.choice((-1, size))),
            lambda: fill(random_.choice("tu"), at, 4, random_.choice(list(Settlement))),
            lambda: canceled(random_.choice(list(CancelVerdict)), max(at - 1, 0.1), at),
            lambda: listed(at, seen(size), market=random_.choice(("", MARKET))),
            lambda: listed(at, market=random_.choice(("", MARKET))),
            lambda: asked(at, random_.choice((None, seen(size)))),
            lambda: trades(at, fill("v", at, 2)),
            lambda: trades(at),
        )
        return random_.choice(makers)()

    return tuple(item() for _ in range(random_.choice((4, 5))))


def test_even_contradictions_end_in_one_belief() -> None:
    for seed in range(60):
        random_ = Random(seed)
        script, end, wanted = drawn(random_), random_.choice((14, 22, 40, 60)), seed % 3 * 4 - 1
        beliefs = {play(end, wanted, order).belief() for order in permutations(script)}
        assert len(beliefs) == 1, f"seed {seed}: {script}"


def test_two_orders_of_one_trade_and_one_list_are_believed_apart() -> None:
    script = (
        fill("t1", 1, 4),
        fill("t1", 1, 10, order="B"),
        fill("t1", 3, 4, CONFIRMED),
        fill("t1", 3, 10, VOID, order="B"),
        listed(5, seen(4)),
        Swept(MARKET, GONE, ("A",), ("B",), "", ns(6), ns(6.1)),
    )
    beliefs = set()
    for order in permutations(script):
        scene = OrderScene()
        scene.send("A")
        scene.send("B")
        for event in order:
            scene.manager.apply(ns(10), event)
        beliefs.add(scene.belief())
        assert (scene.life("A"), scene.life("B")) == (Life.CLOSING, Life.FILLED)
    assert len(beliefs) == 1


def test_what_makers_are_told_adds_up_to_what_is_held() -> None:
    for end, wanted, script, _ in SCRIPTS.values():
        for order in list(permutations(script))[::97]:
            scene = play(end, wanted, order)
            scene.drain()
            told_e6 = sum(r.size_e6 for r in scene.replies if isinstance(r, Fill))
            told_e6 -= sum(r.fill.size_e6 for r in scene.replies if isinstance(r, Voided))
            assert told_e6 == scene.belief()[2][2]  # type: ignore[index]
            assert told_e6 <= 10 * SHARE
