"""Depth analysis: the worked book, the refusals, and three forms against one oracle."""

import pickle
import random
from math import inf, isnan, nan

import numpy as np
import pytest

from polymm._core.book import Book
from polymm._core.layout import STATE, reason_names
from polymm._core.signals import Depth, analyze_depth, analyze_depth_columns, analyze_levels
from polymm.errors import InputError
from tests.oracle.signals import Levels, analyse

SHARE = 1_000_000
BIDS = [(0.48, 100), (0.47, 200), (0.46, 3), (0.45, 50), (0.44, 10), (0.43, 40), (0.42, 500)]
ASKS = [(0.50, 2), (0.52, 80), (0.53, 120), (0.54, 60), (0.55, 5), (0.56, 90), (0.57, 45)]

# min_size, best bid, best ask, bid depth, ask depth, imbalance.
WORKED = [
    (0, 4_800, 5_000, 363, 267, 0.152381),
    (5, 4_800, 5_200, 400, 355, 0.059603),
    (10, 4_800, 5_200, 400, 395, 0.006289),
]


def in_integers(levels: list[tuple[float, float]]) -> Levels:
    return [(round(price * 10_000), round(size * SHARE)) for price, size in levels]


def book_of(bids: Levels, asks: Levels) -> Book:
    book = Book()
    book.replace(bids, asks)
    return book


def columns_of(
    books: list[tuple[Levels, Levels]], n: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Prices and sizes of both sides, best first, empty places with size 0."""
    arrays = [np.zeros((len(books), n), dtype=np.int64) for _ in range(4)]
    for row, (bids, asks) in enumerate(books):
        for side, levels in enumerate((sorted(bids, reverse=True), sorted(asks))):
            for i, (price_e4, size_e6) in enumerate(levels):
                arrays[2 * side][row, i] = price_e4
                arrays[2 * side + 1][row, i] = size_e6
    return arrays[0], arrays[1], arrays[2], arrays[3]


def assert_worked(depth: Depth | None, row: tuple[float, ...]) -> None:
    assert depth is not None
    _, bid_e4, ask_e4, bid_depth, ask_depth, imbalance = row
    assert (depth.bid_e4, depth.ask_e4) == (bid_e4, ask_e4)
    assert (depth.bid_depth_e6, depth.ask_depth_e6) == (bid_depth * SHARE, ask_depth * SHARE)
    assert depth.imbalance == pytest.approx(imbalance, abs=1e-6)
    assert depth.mid == (bid_e4 + ask_e4) / 20_000
    assert not depth.is_crossed


@pytest.mark.parametrize("row", WORKED)
def test_the_worked_book_in_every_form(row: tuple[float, ...]) -> None:
    bids, asks = in_integers(BIDS), in_integers(ASKS)
    min_size_e6 = int(row[0]) * SHARE

    depth = analyze_depth(book_of(bids, asks), min_size_e6=min_size_e6)
    state = analyze_depth_columns(*columns_of([(bids, asks)], 7), min_size_e6=min_size_e6)[0]

    assert_worked(depth, row)
    assert analyze_levels(BIDS, ASKS, min_size=row[0]) == depth
    assert depth is not None
    assert [state[name] for name in Depth._fields[:-1]] == list(depth[:-1])


def test_second_levels_are_the_next_that_pass_the_filter() -> None:
    depth = analyze_levels(BIDS, ASKS, min_size=5)

    assert depth is not None
    assert (depth.bid2_e4, depth.bid2_e6) == (4_700, 200 * SHARE)
    assert (depth.ask2_e4, depth.ask2_e6) == (5_300, 120 * SHARE)


def test_a_level_of_exactly_the_minimum_stays() -> None:
    sides = [(4_000, 5 * SHARE), (3_900, 5 * SHARE)], [(6_000, 5 * SHARE), (6_100, 5 * SHARE)]

    assert analyze_depth(book_of(*sides)) is not None
    assert analyze_depth(book_of(*sides), min_size_e6=5 * SHARE + 1) is None


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([], []),
        ([(4_000, 9 * SHARE)], [(6_000, 9 * SHARE), (6_100, 9 * SHARE)]),
        ([(4_000, 9 * SHARE), (3_900, 9 * SHARE)], [(6_000, 9 * SHARE)]),
        ([(4_000, 9 * SHARE), (3_900, SHARE)], [(6_000, 9 * SHARE), (6_100, 9 * SHARE)]),
        ([(4_000, 9 * SHARE), (3_900, 9 * SHARE)], []),
    ],
)
def test_fewer_than_two_levels_a_side_are_no_analysis(bids: Levels, asks: Levels) -> None:
    states = analyze_depth_columns(*columns_of([(bids, asks)], 2))

    assert analyze_depth(book_of(bids, asks)) is None
    assert reason_names(int(states[0]["reasons"])) == ("thin_book",)
    assert not states[0]["usable"]
    assert isnan(states[0]["mid"])


def test_a_book_before_its_first_snapshot_is_no_analysis() -> None:
    book = Book()
    for price_e4 in (4_000, 3_900):
        book.set_level(0, price_e4, 9 * SHARE)
        book.set_level(1, 10_000 - price_e4, 9 * SHARE)

    assert analyze_depth(book) is None


@pytest.mark.parametrize("ask_e4", [5_000, 4_900])
def test_a_locked_or_crossed_book_says_so(ask_e4: int) -> None:
    bids = [(5_000, 9 * SHARE), (4_000, 9 * SHARE)]

    depth = analyze_depth(book_of(bids, [(ask_e4, 9 * SHARE), (6_000, 9 * SHARE)]))

    assert depth is not None
    assert depth.is_crossed
    assert isnan(depth.mid)


def test_levels_that_are_not_sound_are_dropped_and_equal_prices_added() -> None:
    wild = [(nan, 9), (0.3, nan), (inf, 9), (0.3, inf), (0, 9), (1, 9), (-0.5, 9), (0.3, 0)]
    wild += [(0.3, -1), (0.00001, 9), (0.99999, 9)]
    bids = [*wild, (0.47, 3), (0.48, 4), (0.47, 3), (0.48, 4)]
    asks = [(0.53, 6), (0.52, 8), *wild]

    depth = analyze_levels(bids, asks)

    assert depth is not None
    assert depth[:4] == (4_800, 8 * SHARE, 4_700, 6 * SHARE)
    assert depth[4:8] == (5_200, 8 * SHARE, 5_300, 6 * SHARE)


def test_a_size_no_book_could_hold_is_refused() -> None:
    with pytest.raises(InputError, match="below 1e8 shares"):
        analyze_levels([(0.4, 1e300)], ASKS)


@pytest.mark.parametrize("keywords", [{"depth_lookback": 0}, {"min_size_e6": -1}])
def test_a_filter_out_of_range_is_refused(keywords: dict[str, int]) -> None:
    with pytest.raises(InputError, match="min_size must be at least 0"):
        analyze_depth(Book(), **keywords)


@pytest.mark.parametrize("min_size", [nan, -1.0, inf])
def test_a_minimum_size_that_is_none_is_refused(min_size: float) -> None:
    with pytest.raises(InputError, match="min_size"):
        analyze_levels(BIDS, ASKS, min_size=min_size)


def test_a_lookback_of_one_still_finds_the_second_levels() -> None:
    depth = analyze_levels(BIDS, ASKS, depth_lookback=1)

    assert depth is not None
    assert (depth.bid_depth_e6, depth.bid2_e4) == (100 * SHARE, 4_700)


def random_side(rng: random.Random, low_e4: int, high_e4: int, step_e4: int) -> Levels:
    prices = range(low_e4, high_e4, step_e4)
    chosen = rng.sample(prices, rng.randrange(min(len(prices), 30)))
    return [(price, rng.choice([1, 4, 5, 6, 40, 300]) * SHARE) for price in chosen]


def test_book_levels_and_columns_equal_the_oracle_on_random_books() -> None:
    seed = 73
    rng = random.Random(seed)
    print(f"seed {seed}")
    books = []
    for _ in range(1_500):
        step = rng.choice([1, 10, 100])
        middle = rng.randrange(2, 99) * 100
        overlap = rng.choice([0, 0, 0, 300])
        bids = random_side(rng, step, min(9_999, middle + overlap), step)
        books.append((bids, random_side(rng, middle, 10_000, step)))
    lookback = rng.randrange(1, 12)
    states = analyze_depth_columns(*columns_of(books, 30), depth_lookback=lookback)

    for (bids, asks), state in zip(books, states, strict=True):
        expected = analyse(bids, asks, 5 * SHARE, lookback)
        depth = analyze_depth(book_of(bids, asks), depth_lookback=lookback)

        assert (depth is None) == (expected.reason == "thin_book")
        assert reason_names(int(state["reasons"])) == tuple(filter(None, [expected.reason]))
        assert (state["bid_depth_e6"], state["ask_depth_e6"]) == (
            expected.bid_depth_e6,
            expected.ask_depth_e6,
        )
        assert state["imbalance"] == pytest.approx(float(expected.imbalance), abs=1e-15)
        assert state["best_bid_e4"] == max((price for price, _ in bids), default=0)
        assert state["best_ask_e4"] == min((price for price, _ in asks), default=10_000)
        if depth is not None:
            assert depth[:4] == (*expected.bids[0], *expected.bids[1])
            assert depth[4:8] == (*expected.asks[0], *expected.asks[1])
            assert depth.is_crossed == (expected.reason == "crossed")
            assert depth.imbalance == state["imbalance"]


def test_columns_are_states_ready_for_quoting() -> None:
    states = analyze_depth_columns(
        *columns_of([(in_integers(BIDS), in_integers(ASKS))], 7),
        tick_e4=10,
        lot_e6=5,
        order_min_e6=7,
    )

    assert states.dtype == STATE
    assert [states[0][name] for name in ("tick_e4", "lot_e6", "order_min_e6")] == [10, 5, 7]
    assert (states[0]["best_bid_e4"], states[0]["best_ask_e4"]) == (4_800, 5_000)


@pytest.mark.parametrize("bids", [[(4_000, 9), (4_100, 9)], [(4_000, 9), (4_000, 9)], [(0, 9)]])
def test_a_row_out_of_order_or_range_is_refused_by_number(bids: Levels) -> None:
    good = columns_of([(in_integers(BIDS), in_integers(ASKS))] * 2, 7)
    good[0][1, :], good[1][1, :] = 0, 0
    for i, (price_e4, size_e6) in enumerate(bids):
        good[0][1, i], good[1][1, i] = price_e4, size_e6

    with pytest.raises(InputError, match="row 1 must hold prices within"):
        analyze_depth_columns(*good)


def test_columns_of_other_shapes_are_refused() -> None:
    prices = np.zeros((2, 3), dtype=np.int64)

    with pytest.raises(InputError, match="same shapes"):
        analyze_depth_columns(prices, prices, prices, prices[:1])
    with pytest.raises(InputError, match="same shapes"):
        analyze_depth_columns(prices, prices[:, :2], prices, prices)


def test_an_analysis_travels_to_another_process() -> None:
    depth = analyze_levels(BIDS, ASKS)
    assert pickle.loads(pickle.dumps(depth)) == depth
