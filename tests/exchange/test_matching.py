"""One book for both tokens: who meets whom, at what price, in what order; against a slow twin."""

import random
from fractions import Fraction

import pytest

from polymm.domain.order import Side, Token
from polymm.exchange.flow_book import ASK, BID
from polymm.exchange.matching import BookOrder, Ladder, MatchKind, OrderKind
from polymm.exchange.wallets import Wallet
from tests.oracle.matching import Matcher
from tests.support.exchange_scene import SHARE

WALLET = Wallet("somebody")


def make(order_id, side, cents, shares, token=Token.UP, kind=OrderKind.GTC, budget=None):
    return BookOrder(
        order_id, WALLET, "", "cash", token, side, round(cents * 100), round(shares * SHARE), kind,
        budget_e6=budget,
    )  # fmt: skip


def take(ladder, order):
    fills, is_complete = ladder.plan(order)
    changes = list(ladder.commit(order, fills))
    return (
        [(f.maker.order_id, f.size_e6 / SHARE, f.up_price_e4) for f in fills],
        is_complete,
        changes,
    )


def test_buy_of_up_and_sell_of_down_share_one_queue():
    ladder = Ladder(100)
    ladder.rest(make("up", Side.BUY, 48, 10))
    ladder.rest(make("down", Side.SELL, 52, 20, Token.DOWN))
    assert ladder.size_e6(BID, 4_800) == 30 * SHARE
    fills, _, changes = take(ladder, make("taker", Side.SELL, 48, 15))
    assert fills == [("up", 10, 4_800), ("down", 5, 4_800)]
    assert [change.total_e6 for change in changes] == [15 * SHARE]


def test_better_price_goes_first_and_improvement_to_the_taker():
    ladder = Ladder(100)
    ladder.rest(make("dear", Side.SELL, 52, 10))
    ladder.rest(make("cheap", Side.SELL, 50, 10))
    taker = make("taker", Side.BUY, 55, 15)
    fills, is_complete, _ = take(ladder, taker)
    assert fills == [("cheap", 10, 5_000), ("dear", 5, 5_200)]
    assert is_complete
    assert taker.spent_e6 == 7_600_000  # 10 at 0.50 and 5 at 0.52


def test_one_taker_may_meet_all_three_kinds_of_match():
    ladder = Ladder(100)
    sell_up = make("sells up", Side.SELL, 50, 5)
    buy_down = make("buys down", Side.BUY, 50, 5, Token.DOWN)
    for maker in (sell_up, buy_down):
        ladder.rest(maker)
    buyer = make("taker", Side.BUY, 50, 10)
    fills, _ = ladder.plan(buyer)
    assert [fill.kind(buyer) for fill in fills] == [MatchKind.COMPLEMENTARY, MatchKind.MINT]
    ladder = Ladder(100)
    ladder.rest(make("buys up", Side.BUY, 50, 5))
    ladder.rest(make("sells down", Side.SELL, 50, 5, Token.DOWN))
    seller = make("taker", Side.SELL, 50, 10)
    fills, _ = ladder.plan(seller)
    assert [fill.kind(seller) for fill in fills] == [MatchKind.COMPLEMENTARY, MatchKind.MERGE]


def test_prices_that_do_not_reach_each_other_rest():
    ladder = Ladder(100)
    ladder.rest(make("bid", Side.BUY, 49, 10))
    assert ladder.plan(make("ask", Side.SELL, 50, 10)) == ([], False)
    assert ladder.crosses(ASK, 4_900)
    assert not ladder.crosses(ASK, 4_901)


def test_removed_order_leaves_the_others_in_their_place():
    ladder = Ladder(100)
    first, second, third = (make(name, Side.BUY, 48, 10) for name in "abc")
    for order in (first, second, third):
        ladder.rest(order)
    assert ladder.remove(second).total_e6 == 20 * SHARE
    assert ladder.remove(second) is None
    fills, _, _ = take(ladder, make("taker", Side.SELL, 48, 20))
    assert [fill[0] for fill in fills] == ["a", "c"]
    assert ladder.best_bid_e4 == 0


def test_a_budget_buys_more_where_it_is_cheaper_and_stops_at_a_lot():
    ladder = Ladder(100)
    ladder.rest(make("ask", Side.SELL, 40, 100))
    taker = make("taker", Side.BUY, 57, 17.54, kind=OrderKind.FOK, budget=10_000_000)
    fills, is_complete = ladder.plan(taker)
    assert is_complete
    assert fills[0].size_e6 == 25 * SHARE
    ladder = Ladder(100)
    ladder.rest(make("ask", Side.SELL, 57, 100))
    fills, is_complete = ladder.plan(taker)
    assert is_complete
    assert fills[0].size_e6 == 17_540_000  # 9.9978 dollars; one more lot costs more than is left


def test_a_budget_larger_than_the_book_is_not_complete():
    ladder = Ladder(100)
    ladder.rest(make("ask", Side.SELL, 50, 10))
    taker = make("taker", Side.BUY, 50, 20, kind=OrderKind.FOK, budget=10_000_000)
    assert not ladder.plan(taker)[1]


def test_a_short_fill_ends_the_maker_a_lot_below_its_size():
    ladder = Ladder(100, shorten=lambda: True)
    maker = make("maker", Side.SELL, 50, 10)
    ladder.rest(maker)
    fills, is_complete, changes = take(ladder, make("taker", Side.BUY, 50, 10))
    assert fills == [("maker", 9.99, 5_000)]
    assert not is_complete
    assert changes[0].total_e6 == 0
    assert ladder.best_ask_e4 == 10_000


def test_book_stands_as_after_each_level_while_a_match_is_carried_out():
    ladder = Ladder(100)
    for cents in (50, 51, 52):
        ladder.rest(make(str(cents), Side.SELL, cents, 10))
    taker = make("taker", Side.BUY, 52, 25)
    fills, _ = ladder.plan(taker)
    tops = [(change.price_e4, ladder.best_ask_e4) for change in ladder.commit(taker, fills)]
    assert tops == [(5_000, 5_100), (5_100, 5_200), (5_200, 5_200)]


KINDS = ("GTC", "GTC", "GTC", "FAK", "FOK", "post_only")


def random_order(rng, order_id):
    return {
        "id": order_id,
        "token": rng.choice(("up", "down")),
        "side": rng.choice(("buy", "sell")),
        "price": Fraction(rng.randrange(45, 56), 100),
        "size": Fraction(rng.randrange(1, 3_000), 100),
        "kind": rng.choice(KINDS),
    }


def place(ladder, open_orders, wanted):
    """The exchange's rules over the ladder, in the oracle's words."""
    kind = OrderKind(wanted["kind"]) if wanted["kind"] in ("FAK", "FOK") else OrderKind.GTC
    token = Token.UP if wanted["token"] == "up" else Token.DOWN
    side = Side.BUY if wanted["side"] == "buy" else Side.SELL
    order = make(wanted["id"], side, int(wanted["price"] * 100), wanted["size"], token, kind)
    crosses = ladder.crosses(order.up_side, order.up_price_e4)
    fills, is_complete = ladder.plan(order)
    assert bool(fills) == crosses
    if wanted["kind"] == "post_only" and crosses:
        return "post_only", []
    if kind is OrderKind.FAK and not crosses:
        return "FAK", []
    if kind is OrderKind.FOK and not is_complete:
        return "FOK", []
    list(ladder.commit(order, fills))
    trades = [
        (
            order.order_id,
            fill.maker.order_id,
            Fraction(fill.up_price_e4, 10_000),
            Fraction(fill.size_e6, SHARE),
            fill.kind(order).value,
        )
        for fill in fills
    ]
    for fill in fills:
        if not fill.maker.open_e6:
            del open_orders[fill.maker.order_id]
    rests = 0
    if kind.rests and order.open_e6:
        ladder.rest(order)
        open_orders[order.order_id] = order
        rests = Fraction(order.open_e6, SHARE)
    return (Fraction(order.matched_e6, SHARE), rests), trades


@pytest.mark.parametrize("seed", range(40))
def test_random_orders_match_as_the_slow_twin_says(seed):
    rng = random.Random(seed)
    ladder, oracle, open_orders = Ladder(100), Matcher(), {}
    for number in range(250):
        if open_orders and rng.random() < 0.25:
            order_id = rng.choice(list(open_orders))
            assert oracle.cancel(order_id)
            assert ladder.remove(open_orders.pop(order_id)) is not None
        wanted = random_order(rng, f"{number}")
        known = len(oracle.trades)
        answer, trades = place(ladder, open_orders, wanted)
        assert answer == oracle.place(wanted), f"seed {seed}, order {number}"
        assert trades == oracle.trades[known:], f"seed {seed}, order {number}"
        levels = {
            (1 if side == BID else -1, Fraction(price, 10_000)): Fraction(
                ladder.size_e6(side, price), SHARE
            )
            for side in (BID, ASK)
            for price in ladder.prices[side]
        }
        assert levels == oracle.levels(), f"seed {seed}, order {number}"
        assert ladder.best_bid_e4 < ladder.best_ask_e4
    assert {trade[4] for trade in oracle.trades} == {"complementary", "mint", "merge"}


def test_ladder_gives_orders_by_price_then_age():
    ladder = Ladder(100)
    for name, cents in (("b", 48), ("a", 47), ("c", 48)):
        ladder.rest(make(name, Side.BUY, cents, 10))
    assert [order.order_id for order in ladder.orders()] == ["a", "b", "c"]
