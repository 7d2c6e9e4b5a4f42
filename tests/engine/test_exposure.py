"""The closed form of the worst case is the worst of all cases."""

from random import Random

import pytest

from polymm.domain.order import Side, Token
from polymm.engine import evidence as ev
from polymm.engine.exposure import NO_LOAD, difference_e6, money_e10
from tests.oracle.exposure import Trade, worst
from tests.support.gates import BUY, DOWN, MARKET, SELL, SHARE, UP, Scene

MARKETS = (MARKET, "0xbb")


def drawn(rng: Random, most: int) -> list[Trade]:
    return [
        Trade(
            rng.choice(MARKETS),
            rng.choice(list(Token)),
            rng.choice(list(Side)),
            rng.randrange(1, 100) * 100,
            rng.randrange(1, 40) * SHARE // 2,
        )
        for _ in range(rng.randrange(most + 1))
    ]


def scene_of(confirmed: list[Trade], provisional: list[Trade], orders: list[Trade]) -> Scene:
    scene = Scene(cash=10_000)
    for trades, status in (
        (confirmed, ev.Settlement.CONFIRMED),
        (provisional, ev.Settlement.MATCHED),
    ):
        for trade in trades:
            scene.fill(
                trade.token,
                trade.side,
                trade.price_e4 / 1e4,
                trade.size_e6 / 1e6,
                status,
                condition_id=trade.market,
            )
    for trade in orders:
        price, size = trade.price_e4 / 1e4, trade.size_e6 / 1e6
        scene.sent(trade.token, trade.side, price, size, trade.market)
    return scene


@pytest.mark.parametrize("seed", range(150))
def test_the_closed_form_is_the_worst_of_all_cases(seed: int) -> None:
    print(f"seed {seed}")
    rng = Random(seed)
    confirmed, provisional, orders = drawn(rng, 4), drawn(rng, 3), drawn(rng, 4)
    scene = scene_of(confirmed, provisional, orders)
    loads = scene.orders.loads()
    load = loads.get(MARKET, NO_LOAD)
    up, down = (scene.fills.position(MARKET, token) for token in Token)

    found = worst(MARKET, confirmed, provisional, orders)

    assert difference_e6(load, up, down, 0, is_bid=True) == found.up_e6
    assert difference_e6(load, up, down, 0, is_bid=False) == found.down_e6
    cost_e10, cash_e10 = money_e10(loads, scene.fills, 0, MARKET, 0)
    assert cost_e10 == found.cost_e10
    assert cash_e10 == found.cash_e10
    for token, held in zip(Token, (up, down), strict=True):
        assert held.low_e6 - load.selling_e6[token] == found.held_e6[token]


@pytest.mark.parametrize("seed", range(60))
def test_an_order_asked_about_counts_as_if_it_were_sent(seed: int) -> None:
    print(f"seed {seed}")
    rng = Random(seed)
    confirmed, provisional, orders = drawn(rng, 3), drawn(rng, 2), drawn(rng, 3)
    scene = scene_of(confirmed, provisional, orders)
    place = scene.place(rng.choice(list(Token)), BUY, 0.35, 7)
    loads = scene.orders.loads()
    load = loads.get(MARKET, NO_LOAD)
    asked = Trade(MARKET, place.token, BUY, place.price_e4, place.size_e6)

    found = worst(MARKET, confirmed, provisional, [*orders, asked])

    up, down = (scene.fills.position(MARKET, token) for token in Token)
    most_e6 = difference_e6(load, up, down, 0, is_bid=place.token is UP) + place.size_e6
    assert most_e6 == (found.up_e6 if place.token is UP else found.down_e6)
    own_e10 = place.price_e4 * place.size_e6
    cost_e10, cash_e10 = money_e10(loads, scene.fills, 0, MARKET, own_e10)
    assert (cost_e10, cash_e10) == (found.cost_e10, found.cash_e10)


def test_what_may_be_filled_beyond_its_size_counts_for_each_order() -> None:
    scene = Scene()
    scene.sent(UP, BUY, 0.40, 10)
    scene.sent(DOWN, SELL, 0.70, 10)
    loads = scene.orders.loads()
    load = loads[MARKET]
    up, down = scene.fills.positions(MARKET)

    assert difference_e6(load, up, down, SHARE, is_bid=True) == 22 * SHARE
    assert difference_e6(load, up, down, SHARE, is_bid=False) == 0
    cost_e10, _ = money_e10(loads, scene.fills, SHARE, MARKET, 0)
    assert cost_e10 == 11 * SHARE * 4_000
    # A sale that is filled beyond its size is none of what we mean to sell.
    assert load.selling_e6 == [0, 10 * SHARE]


def test_an_order_counts_until_it_is_proven_gone() -> None:
    scene = Scene()
    order = scene.sent(UP, BUY, 0.40, 10)

    def bids_e6() -> int:
        return scene.orders.loads().get(MARKET, NO_LOAD).bids_e6

    assert bids_e6() == 10 * SHARE
    scene.answered(order, ev.PlaceVerdict.UNKNOWN, "timeout")
    assert bids_e6() == 10 * SHARE
    scene.wait(60)
    assert bids_e6() == 10 * SHARE
    scene.tell(ev.OrderTold(order, ev.OrderNews.PLACEMENT, "LIVE", MARKET, 0, 0, scene.now_ns))
    scene.orders.want_cancel(scene.now_ns, 1)
    scene.tell(ev.CancelWritten((order,), scene.now_ns))
    assert bids_e6() == 10 * SHARE
    told = ev.OrderTold(order, ev.OrderNews.CANCELLATION, "CANCELED", MARKET, 0, 0, scene.now_ns)
    scene.tell(told)
    assert bids_e6() == 0


def test_a_fill_owed_counts_until_it_is_told() -> None:
    scene = Scene()
    order = scene.sent(UP, BUY, 0.40, 10)
    scene.tell(
        ev.OrderTold(
            order, ev.OrderNews.CANCELLATION, "CANCELED", MARKET, 4 * SHARE, 0, scene.now_ns
        )
    )
    assert scene.orders.loads()[MARKET].bids_e6 == 4 * SHARE
    scene.fill(UP, BUY, 0.40, 4, order=order)
    assert MARKET not in scene.orders.loads()
    assert scene.fills.position(MARKET, UP).high_e6 == 4 * SHARE
