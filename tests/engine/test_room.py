"""A room never says yes to what the gate, looking in detail, would refuse."""

from collections import Counter
from itertools import product
from random import Random

import pytest

from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.engine.evidence import Settlement
from tests.support.gates import BUY, DOWN, MARKET, SELL, SHARE, UP, Scene, limits, market

MARKETS = (MARKET, "0xbb")
FACTS = market()


def drawn_scene(rng: Random, rate: int = 2) -> Scene:
    """Fills, orders in every state, restrictions and merges; limits soon reached, or far away."""
    is_rich = rng.random() < 0.4
    scene = Scene(
        cash=500 if is_rich else rng.choice((0, 8, 20, 60)),
        limits=limits(
            max_market_e6=(1_000 if is_rich else rng.choice((10, 25, 60))) * SHARE,
            max_total_cost_e6=(1_000 if is_rich else rng.choice((4, 15, 60))) * SHARE,
            fill_margin_e6=rng.choice((0, SHARE // 2)),
            levels_max=rng.choice((1, 2, 9)),
            orders_a_second_max=rate,
            orders_a_minute_max=10_000,
        ),
    )
    if not is_rich:
        scene.budget.orders = rng.choice((1, 2, 4, 60))
        scene.budget.cancels = rng.choice((4, 6, 120))
    for token in Token:
        if rng.random() < 0.5:
            scene.fill(token, BUY, 0.4, rng.randrange(4, 16), Settlement.CONFIRMED)
    for _ in range(rng.randrange(5)):
        token, side = rng.choice(list(Token)), rng.choice((BUY, BUY, SELL))
        price, size = rng.randrange(20, 80) / 100, rng.randrange(1, 20)
        status = rng.choice((Settlement.CONFIRMED, Settlement.MATCHED, Settlement.VOID))
        scene.fill(token, side, price, size, status, condition_id=rng.choice(MARKETS))
    for _ in range(rng.randrange(4)):
        put(scene, rng)
    if rng.random() < 0.1:
        scene.gate.restrict(scene.now_ns, "balance_differs", rng.choice(("", *MARKETS)))
    if rng.random() < 0.2:
        scene.gate.merge_sent(MARKET, 2 * SHARE)
    return scene


def put(scene: Scene, rng: Random) -> None:
    """Put an order there that may be live, in any state."""
    name = scene.plan(*drawn(rng), rng.choice((MARKET, *MARKETS)))
    state = rng.randrange(6)
    if state:
        scene.tell(ev.Written((name,), scene.now_ns))
    if state == 2:
        scene.answered(name)
    if state >= 3:
        scene.answered(name, ev.PlaceVerdict.UNKNOWN, "timeout")
    if state == 5:
        # The venue can be read, and does not tell what became of it.
        for _ in range(12):
            scene.wait(10)
            scene.tell(ev.PreflightRead((), 0, scene.now_ns, scene.now_ns))


def drawn(rng: Random) -> tuple[Token, Side, float, float]:
    """What is often a quote that may go out."""
    side = rng.choice((BUY, BUY, SELL))
    price = rng.choice((*range(30, 55), 45.5) if side is BUY else range(46, 62)) / 100
    return rng.choice(list(Token)), side, price, rng.choice((4.99, 5, 5, 9))


def drawn_places(scene: Scene, rng: Random) -> tuple[Place, ...]:
    if rng.random() < 0.4:
        bid = scene.place(UP, BUY, rng.randrange(38, 55) / 100, 5)
        return bid, scene.place(DOWN, BUY, rng.randrange(38, 55) / 100, 5)
    return tuple(scene.place(*drawn(rng)) for _ in range(rng.randrange(1, 4)))


def refusals(seed: int, looks: Counter[bool], *, is_thorough: bool) -> list[str]:
    """What is refused of some orders, each that passes being planned before the next."""
    rng = Random(seed)
    scene = drawn_scene(rng)
    scene.gate.is_thorough = is_thorough
    places = drawn_places(scene, rng)
    found = []
    for place, refusal in zip(
        places, scene.gate.check_each(scene.now_ns, FACTS, places, scene.view), strict=True
    ):
        found.append(refusal)
        if not refusal:
            scene.orders.plan(scene.now_ns, MARKET, place)
    for name, times in Counter(filter(None, found)).items():
        assert scene.gate.counts[name] == times
    looks[scene.gate.closer_looks > 0] += 1
    return found


def test_a_look_ahead_changes_no_answer() -> None:
    looks: Counter[bool] = Counter()
    for seed in range(1_500):
        found = refusals(seed, looks, is_thorough=False)
        assert found == refusals(seed, Counter(), is_thorough=True), f"seed {seed}"
    # Neither answer is rare, or this would say little.
    assert min(looks[True], looks[False]) > 150, looks


@pytest.mark.parametrize("seed", range(80))
def test_one_order_has_room_up_to_its_last_share(seed: int) -> None:
    print(f"seed {seed}")
    scene = drawn_scene(Random(seed), rate=10_000)
    scene.budget.orders = scene.budget.cancels = 1_000
    room, view = scene.gate.prepare(FACTS), scene.view
    scene.gate.is_thorough = True
    for token, side in product(Token, Side):
        price = 0.44 if (side is BUY) else 0.56
        for hundredths in range(500, 3_000, 41):
            place = scene.place(token, side, price, hundredths / 100)
            has_room = room.holds((place,), view.best_bid_e4, view.best_ask_e4, view.tick_e4)
            refusal = scene.gate.check(scene.now_ns, FACTS, place, view)
            assert has_room is not bool(refusal), (place, refusal)


def test_what_has_room_needs_no_closer_look() -> None:
    scene = Scene()
    quote = scene.place(UP, BUY, 0.40, 10), scene.place(DOWN, BUY, 0.50, 10)
    assert [*scene.gate.check_each(scene.now_ns, FACTS, quote, scene.view)] == ["", ""]
    assert scene.gate.closer_looks == 0
    # Two of one side are looked at one by one.
    pair = scene.place(UP, BUY, 0.40, 10), scene.place(UP, BUY, 0.39, 10)
    assert [*scene.gate.check_each(scene.now_ns, FACTS, pair, scene.view)] == ["", ""]
    assert scene.gate.closer_looks == 2


def test_a_room_is_measured_anew_when_anything_has_changed() -> None:
    scene = Scene()
    room = scene.gate.prepare(FACTS)
    assert scene.gate.prepare(FACTS) is room
    order = scene.plan(price=0.40)
    planned = scene.gate.prepare(FACTS)
    assert (planned.live, planned.planned) == (1, 1)
    scene.tell(ev.Written((order,), scene.now_ns))
    written = scene.gate.prepare(FACTS)
    assert (written.live, written.planned) == (1, 0)
    scene.fill(UP, BUY, 0.40, 4, order=order)
    filled = scene.gate.prepare(FACTS)
    assert filled is not written
    scene.gate.restrict(scene.now_ns, "balance_differs", MARKET)
    restricted = scene.gate.prepare(FACTS)
    assert restricted is not filled
    scene.gate.merge_sent(MARKET, SHARE)
    assert scene.gate.prepare(FACTS) is not restricted
