"""Orders on the whole exchange: money, fills and refusals; audited at every end."""

import pytest

from polymm.domain.order import Side, Token
from polymm.exchange.faults import Fault
from polymm.exchange.matching import OrderKind
from tests.support.exchange_scene import DOLLAR, DOWN, FAK, FOK, POST_ONLY, SHARE, mined, refused


def test_resting_order_is_live_and_holds_cash(scene):
    placed = scene.buy(scene.ann, 48, 100)
    assert (placed.status, placed.making_e6, placed.trade_ids) == ("live", 0, ())
    assert scene.ann.reserved["cash"] == 48 * DOLLAR
    assert scene.cancel(scene.ann, placed).canceled == [placed.order_id]
    assert scene.ann.reserved["cash"] == 0


def test_sale_pays_the_seller_and_the_taker_pays_the_fee(scene):
    scene.sell(scene.ann, 50, 100)
    placed = scene.buy(scene.bob, 50, 100)
    assert placed.status == "matched"
    assert (placed.making_e6, placed.taking_e6) == (50 * DOLLAR, 100 * SHARE)
    assert len(placed.trade_ids) == 1
    assert scene.cash(scene.bob) == 1_000 - 50 - 1.75
    assert scene.cash(scene.ann) == 1_000  # the proceeds come with the block
    assert scene.shares(scene.bob) == 1_000
    mined(scene)
    assert scene.cash(scene.ann) == 1_050
    assert scene.shares(scene.bob) == 1_100


def test_two_buyers_make_a_pair(scene):
    pool = scene.listing.pool
    before = pool.collateral_e6
    scene.buy(scene.ann, 48, 100)
    scene.buy(scene.bob, 53, 100, **DOWN)
    assert pool.collateral_e6 == before + 100 * SHARE
    mined(scene)
    # Bob pays 0.52, the rest of the dollar, and the fee of that price.
    assert scene.cash(scene.bob) == pytest.approx(1_000 - 52 - 1.7472)
    assert scene.shares(scene.bob, Token.DOWN) == 1_100
    assert scene.cash(scene.ann) == 952


def test_two_sellers_burn_a_pair(scene):
    before = scene.listing.pool.collateral_e6
    scene.sell(scene.ann, 48, 100)
    scene.sell(scene.bob, 50, 100, **DOWN)
    assert scene.listing.pool.collateral_e6 == before - 100 * SHARE
    mined(scene)
    assert scene.cash(scene.ann) == 1_048
    assert scene.cash(scene.bob) == pytest.approx(1_000 + 52 - 1.7472)
    assert scene.shares(scene.bob, Token.DOWN) == 900


def test_part_fills_at_once_and_the_rest_rests(scene):
    scene.sell(scene.ann, 50, 30)
    placed = scene.buy(scene.bob, 52, 100)
    assert (placed.status, placed.taking_e6) == ("matched", 30 * SHARE)
    assert scene.listing.ladder.best_bid_e4 == 5_200
    assert scene.bob.reserved["cash"] == 70 * 520_000


def test_own_orders_may_meet_since_the_venue_has_no_rule_against_it(scene):
    scene.sell(scene.ann, 50, 10)
    assert scene.buy(scene.ann, 50, 10).status == "matched"
    mined(scene)
    assert scene.shares(scene.ann) == 1_000
    assert scene.cash(scene.ann) == 1_000 - 0.175


def test_post_only_that_crosses_is_refused_and_holds_nothing(scene):
    scene.sell(scene.ann, 50, 10)
    text = refused(scene.buy(scene.bob, 50, 10, **POST_ONLY))
    assert text == "invalid post-only order: order crosses book"
    assert scene.bob.reserved["cash"] == 0
    assert scene.buy(scene.bob, 49, 10, **POST_ONLY).status == "live"


def test_fill_or_kill_takes_all_or_nothing(scene):
    scene.sell(scene.ann, 50, 10)
    assert "fully filled or killed" in refused(scene.buy(scene.bob, 50, 20, **FOK))
    assert scene.cash(scene.bob) == 1_000
    assert scene.buy(scene.bob, 50, 10, **FOK).status == "matched"


def test_fill_and_kill_takes_what_there_is(scene):
    assert "no orders found to match" in refused(scene.buy(scene.bob, 50, 20, **FAK))
    scene.sell(scene.ann, 50, 10)
    placed = scene.buy(scene.bob, 50, 20, **FAK)
    assert placed.taking_e6 == 10 * SHARE
    assert not scene.exchange.dealing.open
    assert scene.bob.reserved["cash"] == 0


def test_market_buy_spends_its_dollars_at_better_prices(scene):
    scene.sell(scene.ann, 40, 100)
    placed = scene.buy(scene.bob, 50, 20, **FOK)  # 10 dollars
    assert (placed.making_e6, placed.taking_e6) == (10 * DOLLAR, 25 * SHARE)


@pytest.mark.parametrize(
    ("cents", "shares", "more", "text"),
    [
        (48.5, 10, {}, "Price (0.485) breaks minimum tick size rule: 0.01"),
        (100, 10, {}, "Price (1) breaks minimum tick size rule"),
        (48, 4.99, {}, "Size (4.99) lower than the minimum: 5"),
        (48, 10.005, {}, "Invalid order payload"),
        (48, 10, {"expiration_s": 1_800_000_400}, "invalid expiration"),
        (48, 10, {"kind": OrderKind.GTD}, "invalid expiration"),
        (48, 10, {"kind": OrderKind.GTD, "expiration_s": 1_800_000_179}, "invalid expiration"),
        (48, 10, {"kind": OrderKind.FOK, "post_only": True}, "Invalid order payload"),
        (48, 2_100, {}, "not enough balance / allowance: balance: 1000000000, order amount: 1008"),
    ],
)
def test_what_cannot_enter_is_refused_in_the_venues_words(scene, cents, shares, more, text):
    answer = scene.buy(scene.ann, cents, shares, **more)
    assert text in refused(answer)
    assert answer.status == 400
    assert not scene.exchange.dealing.open
    assert scene.ann.reserved["cash"] == 0


def test_taking_buy_below_a_dollar_is_refused(scene):
    scene.sell(scene.ann, 10, 100)
    answer = refused(scene.buy(scene.bob, 10, 9, **FAK))
    assert answer == "invalid amount for a marketable BUY order ($0.9), min size: $1"


def test_same_order_again_is_a_duplicate_even_when_it_is_gone(scene):
    placed = scene.buy(scene.ann, 48, 10)
    same = {"order_id": placed.order_id}
    assert refused(scene.buy(scene.ann, 48, 10, **same)).endswith("is invalid. Duplicated.")
    scene.cancel(scene.ann, placed)
    assert refused(scene.buy(scene.ann, 48, 10, **same)).endswith("is invalid. Duplicated.")


def test_no_allowance_no_order(scene):
    scene.ann.allow("exchange", 0)
    assert "not enough balance / allowance" in refused(scene.buy(scene.ann, 48, 10))
    assert "not enough balance / allowance" in refused(scene.sell(scene.ann, 52, 10))


def test_bought_shares_can_be_sold_once_mined(scene):
    dan = scene.wallet("dan")
    scene.sell(scene.ann, 50, 10)
    scene.buy(dan, 50, 10)
    assert "balance: 0" in refused(scene.sell(dan, 60, 10))
    mined(scene)
    assert scene.sell(dan, 60, 10).status == "live"


def test_unknown_token_has_no_book(scene):
    scene.exchange._by_token.clear()
    assert scene.buy(scene.ann, 48, 10).status == 404


def test_side_of_the_request_is_the_orders_own(scene):
    placed = scene.order(scene.ann, Side.SELL, 30, 10, Token.DOWN)
    (order, _) = scene.exchange.dealing.open[placed.order_id]
    assert (order.up_side, order.up_price_e4) == (0, 7_000)


def test_a_maker_is_filled_a_lot_beyond_its_size_where_the_taker_wants_more(scene):
    scene.buy(scene.ann, 50, 10)
    scene.exchange.faults.set(Fault.FILL_EXCEEDED, 1.0)
    scene.sell(scene.bob, 50, 10)
    assert not scene.exchange.faults.struck[Fault.FILL_EXCEEDED]
    bid = scene.buy(scene.ann, 50, 10).order_id
    assert scene.sell(scene.bob, 50, 12).taking_e6 == 10_010_000 // 2
    assert bid not in scene.exchange.dealing.open
    assert scene.told(scene.ann)[-1]["size_matched"] == "10.01"
    assert scene.listing.ladder.size_e6(1, 5_000) == 1_990_000
    scene.exchange.audit()


def test_fill_or_kill_that_a_short_fill_leaves_incomplete_is_refused_as_such(scene):
    scene.sell(scene.ann, 50, 10)
    scene.exchange.faults.set(Fault.FILL_SHORT, 1.0)
    assert "fully filled or killed" in refused(scene.buy(scene.bob, 50, 10, **FOK))
    assert scene.exchange.faults.struck[Fault.FILL_SHORT] == 1
    assert scene.told(scene.bob)[-1]["status"].startswith("CANCELED_order couldn't be fully")
    assert scene.cash(scene.bob) == 1_000
