"""Pure parts of the cycle: the price to go by, the legs of a quote, names of silence."""

import pytest

from polymm._core import layout
from polymm._core.layout import ASK, BID
from polymm.domain.order import Side, Token
from polymm.engine.outcomes import OUTCOMES
from polymm.engine.planning import Price, reference_price, silence_reason, wanted_legs
from polymm.engine.working import Leg
from tests.support.fake_lane import MS, FakeBook, FakeQuote

LIMITS = {"sellable_up_e6": 20_000_000, "order_min_e6": 5_000_000, "lot_e6": 10_000}


@pytest.mark.parametrize(
    ("book", "price"),
    [
        (FakeBook(has_epoch=False, last_trade_e4=5_000), Price(0, "no_book")),
        (FakeBook(timestamp_ms=999), Price(0, "stale_book")),
        (FakeBook(timestamp_ms=1_000), Price(10_000, "")),
        (FakeBook(timestamp_ms=0), Price(10_000, "")),
        (FakeBook(best_bid_e4=0, best_ask_e4=10_000), Price(0, "no_price")),
        (FakeBook(best_bid_e4=0, last_trade_e4=4_321), Price(8_642, "")),
        (FakeBook(best_ask_e4=10_000, last_trade_e4=4_321), Price(8_642, "")),
        (FakeBook(best_bid_e4=4_900, best_ask_e4=5_000, last_trade_e4=1), Price(9_900, "")),
    ],
)
def test_the_price_is_the_mid_else_the_last_trade_else_a_named_absence(
    book: FakeBook, price: Price
) -> None:
    assert reference_price(book, 11_000 * MS, 10_000 * MS) == price


def test_a_book_of_any_age_is_fresh_when_age_is_not_limited() -> None:
    assert reference_price(FakeBook(timestamp_ms=1), 10**18, 0).x2_e4 == 10_000


def test_parts_below_the_minimum_are_dropped_and_never_raised() -> None:
    quote = FakeQuote(bid_e6=4_990_000, ask_sell_e6=4_990_000, ask_buy_e6=5_000_000)
    assert wanted_legs(quote, **LIMITS) == (Leg(ASK, Token.DOWN, Side.BUY, 4_900, 5_000_000),)


def test_a_sell_is_no_larger_than_what_backs_it_floored_to_the_lot() -> None:
    quote = FakeQuote(bid_e6=0, ask_sell_e6=9_000_000, ask_buy_e6=0)
    for sellable_e6, size_e6 in ((8_019_999, 8_010_000), (20_000_000, 9_000_000)):
        (leg,) = wanted_legs(quote, **{**LIMITS, "sellable_up_e6": sellable_e6})
        assert leg == Leg(ASK, Token.UP, Side.SELL, 5_100, size_e6)
    assert wanted_legs(quote, **{**LIMITS, "sellable_up_e6": 4_999_999}) == ()


def test_a_quote_of_both_sides_is_a_bid_and_a_bought_complement() -> None:
    bid, ask = wanted_legs(FakeQuote(), **LIMITS)
    assert bid == Leg(BID, Token.UP, Side.BUY, 4_900, 10_000_000)
    assert ask == Leg(ASK, Token.DOWN, Side.BUY, 4_900, 10_000_000)
    assert ask.up_price_e4 == 5_100


@pytest.mark.parametrize(
    ("reasons", "name"),
    [
        (layout.BID_TOO_LONG | layout.ASK_NO_ROOM | layout.NO_SIZE, "no_size"),
        (layout.THIN_BOOK | layout.NO_PRICE, "no_price"),
        (layout.THIN_BOOK, "thin_book"),
        (layout.BAD_INVENTORY | layout.THIN_BOOK, "bad_inventory"),
        (layout.BID_GUARDED_OUT | layout.ASK_GUARDED_OUT, "bid_guarded_out"),
        (0, "no_size"),
    ],
)
def test_a_silent_quote_is_counted_under_its_cause(reasons: int, name: str) -> None:
    assert silence_reason(reasons) == name


def test_no_reason_is_mistaken_for_a_placing_outcome() -> None:
    reasons = set(layout.reason_names((1 << 14) - 1))
    assert len(reasons) == 14
    assert reasons & set(OUTCOMES) == {"no_book", "no_price"}  # the same absence, seen twice
