"""From amounts to price and size: exact clients, the float client, and what means no price."""

from fractions import Fraction

import pytest

from polymm.domain.market import FeeSchedule
from polymm.domain.order import Side, Token
from polymm.exchange.entry import amount_unit_e6, hold_e6, implied_price_e4
from polymm.exchange.matching import OrderKind
from tests.exchange.test_matching import make
from tests.support.exchange_scene import DOLLAR, SHARE, Scene


@pytest.mark.parametrize(
    ("tick", "unit"), [(1_000, 1_000), (100, 100), (10, 10), (50, 10), (25, 1)]
)
def test_amounts_have_two_decimals_beyond_the_tick(tick, unit):
    assert amount_unit_e6(tick) == unit


@pytest.mark.parametrize(
    ("cash", "shares", "tick", "price"),
    [
        (5_700_000, 10_000_000, 100, 5_700),
        (10_000_000, 17_543_800, 100, 5_700),  # a market buy: shares cut to four decimals
        (10_000_000, 17_543_850, 10, 5_700),
        (5_699_000, 10_000_000, 100, None),
        (4_855_000, 10_000_000, 10, None),
        (4_850_000, 10_000_000, 10, 4_850),
        (10_000_000, 10_000_000, 100, None),  # a dollar is no price
        (1, 10_000_000, 100, None),
        (9_900_000, 10_000_000, 100, 9_900),
        (9_950_000, 10_000_000, 100, None),
        (25_000, 10_000_000, 25, 25),
    ],
)
def test_amounts_mean_the_tick_they_hit(cash, shares, tick, price):
    assert implied_price_e4(cash, shares, tick) == price


def test_every_price_and_size_of_an_exact_client_is_found_again():
    for tick in (100, 10, 25):
        for price in range(tick, 10_000, tick):
            for size in (5_000_000, 17_490_000, 64_100_000, 1_234_560_000):
                cash, rest = divmod(price * size, 10_000)
                assert not rest
                assert implied_price_e4(cash, size, tick) == price


def test_no_fill_at_or_below_the_limit_costs_more_than_was_held():
    scene = Scene(pairs=10_000)
    for limit in (3, 50, 97):
        for better in range(1, limit + 1, 3):
            scene.sell(scene.ann, better, 100)
            order = make("taker", Side.BUY, limit, 77.77)
            held = hold_e6(order, scene.listing, takes=True)
            fee = FeeSchedule().taker_fee_e6(better * 100, order.size_e6)
            assert better * order.size_e6 // 100 + fee <= held
            scene.exchange.cancel_where(scene.now_ns, "ann-key")


def test_a_budgets_hold_covers_the_fee_at_the_best_price():
    scene = Scene()
    scene.sell(scene.ann, 10, 500)
    order = make("taker", Side.BUY, 50, 100, kind=OrderKind.FOK, budget=50 * DOLLAR)
    held = hold_e6(order, scene.listing, takes=True)
    fee = Fraction(7, 100) * 500 * Fraction(1, 10) * Fraction(9, 10)
    assert held == 50 * DOLLAR + fee * DOLLAR
    placed = scene.buy(scene.bob, 50, 100, kind=OrderKind.FOK)
    assert placed.taking_e6 == 500 * SHARE


def test_a_sell_holds_its_shares():
    order = make("ask", Side.SELL, 50, 12.34, Token.DOWN)
    assert hold_e6(order, Scene().listing, takes=False) == 12_340_000


def test_a_market_buy_of_the_float_client_enters():
    scene = Scene()
    scene.sell(scene.ann, 57, 100)
    placed = scene.order(scene.bob, Side.BUY, 57, 17.5438, kind=OrderKind.FAK)
    assert placed.taking_e6 == 17_540_000
