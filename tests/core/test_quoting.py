"""The base strategy: every worked number of docs/strategy.md section 2, and the refusals."""

from dataclasses import replace
from math import isnan, nan
from typing import Any

import numpy as np
import pytest

from polymm._core.book import Book
from polymm._core.inventory import inventory_skew
from polymm._core.lane import Lane
from polymm._core.layout import STATE, reason_names
from polymm._core.quoting import calculate_mm_prices, calculate_mm_prices_columns, quote_columns
from polymm.errors import InputError
from polymm.strategy.base import BaseParameters, raise_order_size
from tests.support.lanes import LIMITED, SHARE, book_at, quote_of

# Best bid, best ask, skew, imbalance; prose bid, ask; literal bid, ask; the same after the tick.
PRICES = [
    (4_800, 5_200, 0.0, 0.0, 0.49, 0.51, 0.49, 0.51, 4_900, 5_100, 4_900, 5_100),
    (4_800, 5_200, 0.6, 0.5, 0.4865, 0.5065, 0.4985, 0.5185, 4_800, 5_100, 4_900, 5_200),
    (4_800, 5_200, 1.0, 0.0, 0.48, 0.50, 0.50, 0.52, 4_800, 5_000, 5_000, 5_200),
    (5_000, 5_100, -0.4, -1.0, 0.499, 0.509, 0.491, 0.501, 4_900, 5_100, 4_900, 5_100),
    (100, 200, 1.0, -1.0, 0.01, 0.01, 0.015, 0.025, 100, 200, 100, 300),
    (9_700, 9_900, -1.0, 1.0, 0.985, 0.99, 0.965, 0.985, 9_800, 9_900, 9_600, 9_900),
]


@pytest.mark.parametrize("row", PRICES)
@pytest.mark.parametrize("sign", ["prose", "literal"])
def test_prices_of_the_worked_table(row: tuple[Any, ...], sign: Any) -> None:
    bid_e4, ask_e4, skew, imbalance = row[:4]
    at = 0 if sign == "prose" else 2

    found = calculate_mm_prices(bid_e4, ask_e4, skew, imbalance, inventory_sign=sign)

    assert (found.bid, found.ask) == pytest.approx(row[4 + at : 6 + at], abs=1e-6)
    assert (found.bid_e4, found.ask_e4) == row[8 + at : 10 + at]
    assert found.reasons == 0


@pytest.mark.parametrize("sign", ["prose", "literal"])
def test_a_fine_tick_widens_outwards(sign: Any) -> None:
    found = calculate_mm_prices(5_000, 5_010, tick_e4=10, inventory_sign=sign)

    assert (found.bid, found.ask) == pytest.approx((0.4995, 0.5015), abs=1e-6)
    assert (found.bid_e4, found.ask_e4) == (4_990, 5_020)


def test_a_wide_book_still_gives_the_widest_width() -> None:
    found = calculate_mm_prices(4_000, 6_000)

    assert (found.bid_e4, found.ask_e4) == (4_900, 5_100)


@pytest.mark.parametrize("price_e4", range(300, 9_701, 100))
def test_a_price_on_the_tick_stays_there(price_e4: int) -> None:
    found = calculate_mm_prices(price_e4 - 100, price_e4 + 100)

    assert (found.bid_e4, found.ask_e4) == (price_e4 - 100, price_e4 + 100)


@pytest.mark.parametrize(
    ("touch", "expected"),
    [
        ((4_800, 5_000), (4_900, 5_200)),
        ((5_200, 5_300), (5_000, 5_300)),
        ((0, 10_000), (5_000, 5_200)),
        # A touch off the grid: the next price on it is post-only.
        ((4_800, 4_950), (4_900, 5_200)),
        ((5_250, 5_300), (5_000, 5_300)),
    ],
)
def test_the_guard_looks_at_the_unfiltered_touch(
    touch: tuple[int, int], expected: tuple[int, int]
) -> None:
    found = calculate_mm_prices(
        4_800, 5_200, 1.0, inventory_sign="literal", touch_bid_e4=touch[0], touch_ask_e4=touch[1]
    )

    assert (found.bid_e4, found.ask_e4) == expected


def test_a_side_the_guard_pushes_outside_the_limits_is_dropped() -> None:
    low = calculate_mm_prices(200, 300, touch_ask_e4=100)
    high = calculate_mm_prices(9_700, 9_800, touch_bid_e4=9_900)

    assert (low.bid_e4, reason_names(low.reasons)) == (0, ("bid_guarded_out",))
    assert (high.ask_e4, reason_names(high.reasons)) == (0, ("ask_guarded_out",))


@pytest.mark.parametrize(("bid_e4", "ask_e4"), [(5_000, 5_000), (5_100, 5_000)])
def test_a_locked_or_crossed_touch_has_no_prices(bid_e4: int, ask_e4: int) -> None:
    found = calculate_mm_prices(bid_e4, ask_e4)

    assert (found.bid_e4, found.ask_e4) == (0, 0)
    assert isnan(found.bid)
    assert reason_names(found.reasons) == ("crossed",)


@pytest.mark.parametrize(
    "keywords",
    [
        {"skew": nan},
        {"imbalance": float("inf")},
        {"k_inv": nan, "skew": 0.5},
        {"k_imb": float("inf"), "imbalance": 0.5},
        {"quote_min": nan},
        {"quote_max": nan},
    ],
)
def test_anything_not_finite_gives_no_price_and_the_reason_nan(keywords: dict[str, Any]) -> None:
    found = calculate_mm_prices(4_800, 5_200, **keywords)

    assert (found.bid_e4, found.ask_e4) == (0, 0)
    assert isnan(found.bid)
    assert isnan(found.ask)
    assert reason_names(found.reasons) == ("nan",)


@pytest.mark.parametrize(
    "arguments",
    [
        {"bid_e4": 0, "ask_e4": 5_000},
        {"bid_e4": 5_000, "ask_e4": 10_000},
        {"bid_e4": 4_800, "ask_e4": 5_200, "tick_e4": 0},
        {"bid_e4": 4_800, "ask_e4": 5_200, "tick_e4": 30},
        {"bid_e4": 4_800, "ask_e4": 5_200, "touch_bid_e4": -1},
        {"bid_e4": 4_800, "ask_e4": 5_200, "touch_ask_e4": 10_001},
        {"bid_e4": 4_800, "ask_e4": 5_200, "inventory_sign": "prosa"},
    ],
)
def test_a_price_tick_or_sign_out_of_range_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="must"):
        calculate_mm_prices(**arguments)


@pytest.mark.parametrize(
    ("mid_e4", "up", "down", "skew", "bid", "ask", "reasons"),
    [
        (5_000, 80, 20, 0.6, 0, 20, ("bid_no_room",)),
        (6_000, 100, 50, 0.5, 0, 20, ("bid_no_room",)),
        (5_000, 10, 0, 1.0, 0, 20, ("bid_too_long",)),
        (5_000, 20, 80, -0.6, 20, 0, ("ask_no_room",)),
        (5_000, 196, 150, 0.132948, 0, 20, ("bid_no_room",)),
        # A skew of exactly 0.7 keeps both sides; the bid's room is 0.2 * 200 - 17 = 23.
        (5_000, 17, 3, 0.7, 20, 20, ()),
        (5_000, 3, 17, -0.7, 20, 20, ()),
    ],
)
def test_limits_and_skips_of_the_worked_examples(
    mid_e4: int, up: int, down: int, skew: float, bid: int, ask: int, reasons: tuple[str, ...]
) -> None:
    found = quote_of(*book_at(mid_e4), LIMITED, up=up, down=down)

    assert found.skew == pytest.approx(skew, abs=1e-6)
    assert (found.bid_e6, found.ask_buy_e6) == (bid * SHARE, ask * SHARE)
    assert found.ask_sell_e6 == 0
    assert reason_names(found.reasons) == reasons


@pytest.mark.parametrize(
    ("up", "down", "max_position", "bid", "ask", "merge", "reasons"),
    [
        (0, 0, 5, 5, 5, 0, ()),
        (5, 0, 5, 0, 5, 0, ("bid_too_long",)),
        (2, 2, 5, 0, 0, 2, ("no_size", "bid_no_room", "ask_no_room")),
        (5, 5, 5, 0, 0, 5, ("no_size", "bid_no_room", "ask_no_room")),
        (196, 150, 200, 0, 5, 150, ("bid_no_room",)),
    ],
)
def test_the_raised_order_size_of_the_worked_examples(
    up: int, down: int, max_position: int, bid: int, ask: int, merge: int, reasons: tuple[str, ...]
) -> None:
    params = BaseParameters(order_size_e6=SHARE, max_position_e6=max_position * SHARE)

    found = quote_of(*book_at(5_000), raise_order_size(params, 5 * SHARE), up=up, down=down)

    assert (found.bid_e6, found.ask_buy_e6) == (bid * SHARE, ask * SHARE)
    assert found.merge_e6 == merge * SHARE
    assert reason_names(found.reasons) == reasons


@pytest.mark.parametrize(
    ("last_e4", "bids", "asks", "tick_e4", "raw", "quoted"),
    [
        (5_000, [], [], 100, (0.495, 0.505), (4_900, 5_100)),
        (5_000, [], [], 10, (0.495, 0.505), (4_950, 5_050)),
        (5_200, [4_700], [5_100], 100, (0.515, 0.525), (5_000, 5_300)),
        (9_950, [], [], 100, (0.99, 0.99), (9_800, 9_900)),
    ],
)
def test_the_fallback_of_the_worked_examples(
    last_e4: int,
    bids: list[int],
    asks: list[int],
    tick_e4: int,
    raw: tuple[float, float],
    quoted: tuple[int, int],
) -> None:
    sides = [(price, 50 * SHARE) for price in bids], [(price, 50 * SHARE) for price in asks]

    found = quote_of(*sides, LIMITED, last_e4=last_e4, tick_e4=tick_e4)

    assert (found.bid, found.ask) == pytest.approx(raw, abs=1e-6)
    assert (found.bid_e4, found.ask_e4) == quoted
    assert found.reasons == 0


def test_the_fallback_takes_its_skew_at_the_last_price_and_shifts_no_price() -> None:
    found = quote_of([], [], LIMITED, last_e4=5_000, up=10)

    assert (found.skew, found.bid, found.ask) == pytest.approx((1.0, 0.495, 0.505))
    assert (found.bid_e6, found.ask_e4, found.ask_buy_e6) == (0, 5_100, 20 * SHARE)
    assert reason_names(found.reasons) == ("bid_too_long",)


def test_an_empty_book_without_a_last_trade_gives_no_quote() -> None:
    found = quote_of([], [], LIMITED)

    assert (found.bid_e6, found.ask_buy_e6) == (0, 0)
    assert reason_names(found.reasons) == ("thin_book", "no_price")


def test_pull_quotes_nothing_on_a_thin_book() -> None:
    found = quote_of([], [], replace(LIMITED, thin_book="pull"), last_e4=5_000)

    assert (found.bid_e4, found.ask_e4) == (0, 0)
    assert reason_names(found.reasons) == ("thin_book",)


@pytest.mark.parametrize("thin_book", ["pull", "fixed_spread"])
def test_a_crossed_book_is_never_quoted(thin_book: str) -> None:
    bids = [(5_000, 9 * SHARE), (4_900, 9 * SHARE)]
    asks = [(5_000, 9 * SHARE), (5_100, 9 * SHARE)]

    found = quote_of(bids, asks, replace(LIMITED, thin_book=thin_book), last_e4=5_000)

    assert (found.bid_e6, found.ask_buy_e6) == (0, 0)
    assert reason_names(found.reasons) == ("crossed",)


@pytest.mark.parametrize(
    ("up", "down", "sell", "buy"),
    [
        (0, 0, 0, 20),
        (12, 12, 12, 8),
        (12.345, 12, 12.34, 7.66),
        (16, 12, 16, 0),  # a remainder of 4 is below the minimum
        (4, 4, 0, 20),  # 4 held shares cannot be sold
        (300, 300, 20, 0),  # reducing knows no limit
    ],
)
def test_sell_first_sells_held_up_and_buys_down_for_the_rest(
    up: float, down: float, sell: float, buy: float
) -> None:
    found = quote_of(*book_at(5_000), replace(LIMITED, ask_mode="sell_first"), up=up, down=down)

    assert (found.ask_sell_e6, found.ask_buy_e6) == (round(sell * SHARE), round(buy * SHARE))


@pytest.mark.parametrize(
    ("up", "down", "unsellable", "sell", "buy"),
    [
        (20, 12, 8, 12, 8),  # what is not settled is flattened by Down
        (20, 12, 20, 0, 20),
        (20, 12, 17, 0, 20),  # 3 shares that could be sold are too few
        (20, 12, 99, 0, 20),
        (60, 195, 60, 0, 5),  # up to the limit of Down
    ],
)
def test_sell_first_buys_down_for_what_cannot_be_sold_yet(
    up: float, down: float, unsellable: float, sell: float, buy: float
) -> None:
    params = replace(LIMITED, ask_mode="sell_first", skip_skew=1.0, scale1=1.0, scale2=1.0)
    found = quote_of(*book_at(5_000), params, up=up, down=down, unsellable=unsellable)

    assert (found.ask_sell_e6, found.ask_buy_e6) == (sell * SHARE, buy * SHARE)


def test_sizes_are_floored_to_the_lot() -> None:
    params = replace(LIMITED, max_position_e6=19_999_999)

    found = quote_of(*book_at(5_000), params)

    assert (found.bid_e6, found.ask_buy_e6) == (19_990_000, 19_990_000)


def test_columns_of_another_dtype_or_length_are_refused() -> None:
    with pytest.raises(InputError, match="dtype"):
        quote_columns(np.zeros(3), LIMITED)
    with pytest.raises(InputError, match="one length"):
        calculate_mm_prices_columns(np.zeros(3, dtype=STATE), np.zeros(2))


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("up_e6", -1, "bad_inventory"),
        ("down_e6", -1, "bad_inventory"),
        ("tick_e4", 0, "no_book"),
        ("tick_e4", -100, "no_book"),
        ("lot_e6", 0, "no_book"),
    ],
)
def test_a_state_that_cannot_be_is_not_quoted(field: str, value: int, reason: str) -> None:
    book = Book()
    book.replace(*book_at(5_000))
    lane = Lane(book, LIMITED)
    lane.evaluate(1)
    states = lane.state_view.reshape(1).copy()
    states[field] = value

    found = quote_columns(states, LIMITED)[0]

    assert (found["bid_e6"], found["ask_buy_e6"]) == (0, 0)
    assert reason_names(int(found["reasons"])) == (reason,)


def test_without_inventory_or_imbalance_scalars_and_lane_agree() -> None:
    bids, asks = book_at(6_000, 200)
    found = quote_of(bids, asks, LIMITED, up=60, down=40)
    skew = inventory_skew(60 * SHARE, 40 * SHARE, 0.6)

    prices = calculate_mm_prices(bids[0][0], asks[0][0], skew)

    assert (prices.bid, prices.ask) == (found.bid, found.ask)
    assert (prices.bid_e4, prices.ask_e4) == (found.bid_e4, found.ask_e4)


@pytest.mark.parametrize(
    ("shift", "expected"),
    [
        (-5e-10, (4_900, 5_100)),
        (5e-10, (4_900, 5_100)),
        (-2e-9, (4_800, 5_100)),
        (2e-9, (4_900, 5_200)),
    ],
)
def test_a_price_within_a_billionth_of_a_tick_stands_on_it(
    shift: float, expected: tuple[int, int]
) -> None:
    prices = calculate_mm_prices(4_800, 5_200, skew=-1.0, k_inv=shift)

    assert (prices.bid_e4, prices.ask_e4) == expected
