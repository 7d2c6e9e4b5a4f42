"""A lane: when it asks for a requote, which price a thin book gets, and what it lends to NumPy."""

import gc
import random
from dataclasses import replace
from math import isnan, nan
from typing import Any

import numpy as np
import pytest

from polymm._core.book import Book
from polymm._core.lane import Lane
from polymm._core.layout import REQUOTE, reason_names
from polymm.errors import InputError
from polymm.strategy.base import BaseParameters
from tests.oracle.requote import must_requote

SHARE = 1_000_000
MS = 1_000_000
T0 = 1_776_323_400_000 * MS
EVENT = BaseParameters(order_size_e6=20 * SHARE, max_position_e6=200 * SHARE, cycle="event")
TIMER = replace(EVENT, cycle="timer")


def even_book() -> Book:
    """Two even levels a side around 0.50: quoted 0.49 / 0.51, 20 shares each."""
    book = Book()
    book.replace(
        [(4_900, 100 * SHARE), (4_800, 100 * SHARE)], [(5_100, 100 * SHARE), (5_200, 100 * SHARE)]
    )
    return book


def settled(params: BaseParameters, book: Book | None = None) -> Lane:
    """A lane whose wanted quote works since T0."""
    lane = Lane(book or even_book(), params)
    lane.evaluate(T0)
    set_working_as_wanted(lane, T0)
    return lane


def set_working_as_wanted(lane: Lane, now_ns: int) -> None:
    quote = lane.quote
    lane.set_working(
        quote.bid_e4, quote.bid_e6, quote.ask_e4, quote.ask_sell_e6 + quote.ask_buy_e6, now_ns
    )


@pytest.mark.parametrize("params", [EVENT, TIMER])
def test_the_first_evaluate_asks_for_a_requote_until_told_of_one(params: BaseParameters) -> None:
    lane = Lane(even_book(), params)

    assert [lane.evaluate(T0 + i) for i in range(3)] == [REQUOTE] * 3
    set_working_as_wanted(lane, T0 + 3)
    assert lane.evaluate(T0 + 4) == 0


@pytest.mark.parametrize("params", [EVENT, TIMER])
def test_a_cycle_runs_no_later_than_cycle_ns(params: BaseParameters) -> None:
    lane = settled(params)

    assert lane.evaluate(T0 + params.cycle_ns - 1) == 0
    assert lane.evaluate(T0 + params.cycle_ns) == REQUOTE


def test_a_timer_waits_for_its_cycle_whatever_the_book_does() -> None:
    book = even_book()
    lane = settled(TIMER, book)

    book.replace([], [])

    assert lane.evaluate(T0 + 999 * MS) == 0
    assert lane.evaluate(T0 + 1_000 * MS) == REQUOTE


def test_an_event_waits_for_the_shortest_interval() -> None:
    book = even_book()
    lane = settled(EVENT, book)

    book.replace(
        [(4_700, 100 * SHARE), (4_600, 100 * SHARE)], [(4_900, 100 * SHARE), (5_000, 100 * SHARE)]
    )

    assert lane.evaluate(T0 + 250 * MS - 1) == 0
    assert lane.evaluate(T0 + 250 * MS) == REQUOTE


@pytest.mark.parametrize(
    ("works", "answer"),
    [
        ((4_900, 20, 5_100, 20), 0),
        ((4_800, 20, 5_100, 20), REQUOTE),
        ((4_900, 20, 5_200, 20), REQUOTE),
        ((4_900, 17, 5_100, 20), 0),  # 3 of 17 is under a fifth
        ((4_900, 16, 5_100, 20), REQUOTE),  # 4 of 16 is a quarter
        ((4_900, 25, 5_100, 20), REQUOTE),  # 5 of 25 is a fifth
        ((4_900, 20, 5_100, 24), 0),
        ((0, 0, 5_100, 20), REQUOTE),
        ((4_900, 20, 0, 0), REQUOTE),
        ((0, 0, 0, 0), REQUOTE),
    ],
)
def test_a_tick_or_a_fifth_of_the_size_is_a_difference(
    works: tuple[int, int, int, int], answer: int
) -> None:
    lane = settled(EVENT)
    lane.set_working(works[0], works[1] * SHARE, works[2], works[3] * SHARE, T0)

    assert lane.evaluate(T0 + 300 * MS) == answer


def test_an_ask_that_sells_held_shares_is_compared_as_a_whole() -> None:
    lane = Lane(even_book(), replace(EVENT, ask_mode="sell_first", skew_mode="net_limit"))
    lane.set_inventory(8 * SHARE, 0)
    lane.evaluate(T0)
    assert (lane.quote.ask_sell_e6, lane.quote.ask_buy_e6) == (8 * SHARE, 12 * SHARE)
    set_working_as_wanted(lane, T0)

    assert lane.evaluate(T0 + 300 * MS) == 0


def test_two_ticks_asked_for_are_two_ticks_waited_for() -> None:
    lane = settled(replace(EVENT, requote_ticks=2))

    lane.set_working(4_800, 20 * SHARE, 5_200, 20 * SHARE, T0)
    assert lane.evaluate(T0 + 300 * MS) == 0
    lane.set_working(4_700, 20 * SHARE, 5_100, 20 * SHARE, T0)
    assert lane.evaluate(T0 + 300 * MS) == REQUOTE


def test_a_vanished_quote_is_a_difference_only_while_orders_work() -> None:
    book = even_book()
    lane = settled(EVENT, book)
    book.clear()

    assert lane.evaluate(T0 + 300 * MS) == REQUOTE
    assert reason_names(lane.quote.reasons) == ("no_book",)
    lane.set_working(0, 0, 0, 0, T0 + 300 * MS)
    assert lane.evaluate(T0 + 600 * MS) == 0


def test_a_clock_that_steps_back_asks_for_nothing() -> None:
    lane = settled(EVENT)
    lane.set_working(0, 0, 0, 0, T0)

    assert lane.evaluate(T0 - 5_000 * MS) == 0


def test_the_requote_rule_equals_the_oracle() -> None:
    seed = 78
    rng = random.Random(seed)
    print(f"seed {seed}")
    answers = set()
    for _ in range(3_000):
        params = replace(
            EVENT,
            cycle=rng.choice(["timer", "event", "event"]),
            requote_ticks=rng.choice([1, 2, 3]),
            requote_size_ratio=rng.choice([0.0, 0.2, 0.25, 1.0]),
        )
        lane = Lane(even_book(), params)
        lane.set_inventory(rng.choice([0, 100, 190]) * SHARE, rng.choice([0, 100]) * SHARE)
        works = [
            (rng.randrange(46, 54) * 100, rng.choice([0, 10, 16, 20, 25, 40]) * SHARE)
            for _ in range(2)
        ]
        age_ns = rng.choice([None, 0, 249, 250, 251, 999, 1_000, 1_001])
        if age_ns is not None:
            age_ns *= MS
            lane.set_working(*works[0], *works[1], T0 - age_ns)

        answer = lane.evaluate(T0)
        quote = lane.quote
        wanted = (
            (quote.bid_e4, quote.bid_e6),
            (quote.ask_e4, quote.ask_sell_e6 + quote.ask_buy_e6),
        )

        expected = must_requote(wanted, (works[0], works[1]), params, age_ns=age_ns, tick_e4=100)
        assert answer == (REQUOTE if expected else 0)
        answers.add((params.cycle, answer))
    assert len(answers) == 4


def test_a_thin_book_is_quoted_around_the_price_set_else_the_mid_of_its_touch() -> None:
    book = Book()
    book.replace([(4_700, 50 * SHARE)], [(5_200, 50 * SHARE)])
    lane = Lane(book, EVENT)

    lane.evaluate(1)
    assert lane.state_view["last_price_e4"] == 4_950
    lane.set_last_price(5_100)
    lane.evaluate(2)
    assert lane.state_view["last_price_e4"] == 5_100
    lane.set_last_price(0)
    lane.evaluate(3)
    assert lane.state_view["last_price_e4"] == 4_950


@pytest.mark.parametrize("price_e4", [-1, 10_000])
def test_a_last_price_that_is_none_is_refused(price_e4: int) -> None:
    with pytest.raises(InputError, match=r"within 0\.\.9999"):
        Lane(even_book(), EVENT).set_last_price(price_e4)


def test_a_book_without_a_snapshot_is_not_quoted_even_with_a_last_price() -> None:
    lane = Lane(Book(), EVENT)
    lane.set_last_price(5_000)

    lane.evaluate(1)

    assert reason_names(lane.quote.reasons) == ("no_book",)
    assert (lane.quote.bid_e6, lane.quote.ask_buy_e6) == (0, 0)


def test_a_negative_position_raises_and_silences_the_lane_until_it_is_known_again() -> None:
    lane = Lane(even_book(), EVENT)

    with pytest.raises(InputError, match="at least 0, were -1 Up"):
        lane.set_inventory(-1, 0)
    lane.evaluate(1)
    assert reason_names(lane.quote.reasons) == ("bad_inventory",)
    lane.set_inventory(0, 0)
    lane.evaluate(2)
    assert lane.quote.reasons == 0


def test_shares_in_the_wrong_unit_silence_the_lane_too() -> None:
    lane = Lane(even_book(), EVENT)

    with pytest.raises(TypeError, match="float"):
        lane.set_inventory(60.0, 40.0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"at most 1e15 \(1e-6 shares\)"):
        lane.set_inventory(10**18, 0)
    lane.evaluate(1)
    assert reason_names(lane.quote.reasons) == ("bad_inventory",)


def test_parameters_can_be_a_mapping_and_are_replaced_as_a_whole() -> None:
    lane = Lane(even_book(), EVENT.as_fields())

    lane.set_params(replace(EVENT, order_size_e6=7 * SHARE, user3=0.25))
    lane.evaluate(1)

    assert lane.quote.bid_e6 == 7 * SHARE
    assert lane.params_view["user3"] == 0.25


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order_size": 5}, r"unknown \['order_size'\]"),
        ({"k_inv": nan}, r"not finite \['k_inv'\]"),
        ({"order_size_e6": 5.5}, r"not whole \['order_size_e6'\]"),
    ],
)
def test_a_mapping_with_a_wrong_field_is_refused_by_name(
    change: dict[str, Any], message: str
) -> None:
    lane = Lane(even_book(), EVENT)

    with pytest.raises(InputError, match=message):
        lane.set_params(EVENT.as_fields() | change)
    assert lane.params_view["k_inv"] == EVENT.k_inv


def test_a_mapping_that_lacks_a_field_is_refused_by_name() -> None:
    fields = EVENT.as_fields()
    del fields["spread"]

    with pytest.raises(InputError, match=r"missing \['spread'\]"):
        Lane(even_book(), fields)


@pytest.mark.parametrize("keywords", [{"lot_e6": 0}, {"order_min_e6": -1}])
def test_a_lot_or_minimum_that_is_none_is_refused(keywords: dict[str, int]) -> None:
    with pytest.raises(InputError, match="lot_e6 must be above 0"):
        Lane(even_book(), EVENT, **keywords)


def test_a_lane_without_a_book_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        Lane(None, EVENT)  # type: ignore[arg-type]


def test_views_are_live_read_only_and_keep_their_lane() -> None:
    lane = Lane(even_book(), EVENT, start_ns=T0, end_ns=T0 + 1)
    state, quote = lane.state_view, lane.quote_view
    assert isnan(state["mid"]) or state["mid"] == 0.0

    lane.evaluate(T0)
    wanted = lane.quote
    del lane
    gc.collect()

    assert state["mid"] == 0.5
    assert (state["start_ns"], state["end_ns"]) == (T0, T0 + 1)
    assert tuple(quote[()]) == wanted
    for view in (state, quote):
        with pytest.raises(ValueError, match="read-only"):
            view["reasons"] = 1


def test_the_fair_value_is_nan_until_it_is_set() -> None:
    lane = Lane(even_book(), EVENT)

    assert np.isnan(lane.state_view["fair"])
    lane.set_fair(0.61)
    assert lane.state_view["fair"] == 0.61


def test_a_new_lane_wants_nothing() -> None:
    quote = Lane(even_book(), EVENT).quote

    assert quote[:7] == (0,) * 7
    assert all(isnan(price) for price in quote[7:])
