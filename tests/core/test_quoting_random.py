"""Random books, inventories and parameters: the kernel against an oracle in exact fractions."""

import random
from dataclasses import replace
from fractions import Fraction
from math import isnan

import numpy as np
import pytest

from polymm._core.book import Book
from polymm._core.lane import Lane, QuoteRecord
from polymm._core.layout import QUOTE, STATE, reason_names
from polymm._core.quoting import calculate_mm_prices, calculate_mm_prices_columns, quote_columns
from polymm.strategy.base import BaseParameters
from tests.oracle.quoting import Wanted, quote
from tests.oracle.signals import Levels
from tests.support.lanes import LIMITED, SHARE, quote_of


def random_params(rng: random.Random) -> BaseParameters:
    return BaseParameters(
        min_size_e6=rng.choice([0, 5, 10]) * SHARE,
        depth_lookback=rng.choice([1, 5, 10]),
        order_size_e6=rng.choice([5, 20, 33]) * SHARE,
        max_position_e6=rng.choice([5, 40, 200]) * SHARE,
        merge_threshold_e6=rng.choice([100_000, 5 * SHARE]),
        inventory_sign=rng.choice(["prose", "literal"]),
        skew_mode=rng.choice(["value", "shares", "net_limit"]),
        ask_mode=rng.choice(["buy_complement", "sell_first"]),
        thin_book=rng.choice(["fixed_spread", "pull"]),
        min_spread=rng.choice([0.002, 0.01, 0.0]),
        max_spread=rng.choice([0.02, 0.05]),
        spread=rng.choice([0.01, 0.03]),
        k_inv=rng.choice([0.01, 0.0, 0.03]),
        k_imb=rng.choice([0.005, 0.02, -0.005]),
        quote_min=rng.choice([0.01, 0.001, 0.05, 0.015]),
        quote_max=rng.choice([0.99, 0.999, 0.95, 0.985]),
        skip_skew=rng.choice([0.7, 0.9]),
    )


def random_book(rng: random.Random, tick_e4: int) -> tuple[Levels, Levels]:
    """Mostly sound books around any price; some thin, one-sided, empty, locked or crossed."""
    middle = rng.randrange(1, 10_000 // tick_e4) * tick_e4
    gap = rng.choice([1, 1, 1, 2, 5, 0, -1]) * tick_e4
    n = rng.choice([0, 1, 2, 8, 8, 8])
    bids = [middle - i * tick_e4 for i in range(n)]
    asks = [middle + gap + i * tick_e4 for i in range(rng.choice([n, n, n, 0, 1]))]
    sizes = [1, 3, 5, 7, 60, 300]
    return (
        [(price, rng.choice(sizes) * SHARE) for price in bids if 0 < price < 10_000],
        [(price, rng.choice(sizes) * SHARE) for price in asks if 0 < price < 10_000],
    )


def random_held(rng: random.Random) -> int:
    return rng.choice([0, 0, rng.randrange(40) * SHARE, rng.randrange(250 * SHARE)])


def near(value: float, expected: Fraction | None) -> bool:
    return isnan(value) if expected is None else abs(value - float(expected)) < 1e-9


def to_e4(price: Fraction | None) -> int:
    return int(price * 10_000) if price is not None else 0


def assert_wanted(found: QuoteRecord, expected: Wanted) -> None:
    assert (found.bid_e4, found.ask_e4) == (to_e4(expected.bid_tick), to_e4(expected.ask_tick))
    assert (found.bid_e6, found.ask_sell_e6, found.ask_buy_e6, found.merge_e6) == tuple(
        int(size * SHARE)
        for size in (expected.bid_size, expected.sell_size, expected.buy_size, expected.merge)
    )
    assert near(found.bid, expected.bid)
    assert near(found.ask, expected.ask)
    assert near(found.skew, expected.skew)
    assert set(reason_names(found.reasons)) == expected.reasons


def test_quotes_equal_the_oracle_on_random_books_and_parameters() -> None:
    seed = 74
    rng = random.Random(seed)
    print(f"seed {seed}")
    reasons = 0
    for i in range(4_000):
        tick_e4 = rng.choice([100, 100, 10])
        bids, asks = random_book(rng, tick_e4)
        params = random_params(rng)
        up_e6, down_e6 = random_held(rng), random_held(rng)
        last_e4 = rng.choice([0, rng.randrange(1, 10_000)])
        book = Book(tick_e4)
        book.replace(bids, asks)
        lane = Lane(book, params)
        lane.set_inventory(up_e6, down_e6)
        lane.set_last_price(last_e4)
        lane.evaluate(1)
        expected = quote(
            bids,
            asks,
            params,
            up_e6=up_e6,
            down_e6=down_e6,
            last_price_e4=int(lane.state_view["last_price_e4"]),
            tick_e4=tick_e4,
        )

        print(i, bids[:3], asks[:3], params, up_e6, down_e6, last_e4, lane.quote, expected)
        assert_wanted(lane.quote, expected)
        reasons |= lane.quote.reasons

    assert set(reason_names(reasons)) == {
        "thin_book",
        "crossed",
        "no_price",
        "no_size",
        "bid_too_long",
        "ask_too_short",
        "bid_no_room",
        "ask_no_room",
        "bid_guarded_out",
        "ask_guarded_out",
    }


@pytest.mark.parametrize("sign", ["prose", "literal"])
@pytest.mark.parametrize("mode", ["value", "shares", "net_limit"])
def test_raising_up_never_moves_a_quote_against_the_sign(sign: str, mode: str) -> None:
    seed = 75
    rng = random.Random(seed)
    print(f"seed {seed}")
    for _ in range(150):
        tick_e4 = rng.choice([100, 10])
        bids, asks = random_book(rng, tick_e4)
        params = replace(random_params(rng), inventory_sign=sign, skew_mode=mode)
        down = rng.choice([0, rng.randrange(200)])
        ups = sorted(rng.sample(range(400), 8))
        quotes = [quote_of(bids, asks, params, up=up, down=down, tick_e4=tick_e4) for up in ups]

        for name in ("bid_e4", "ask_e4", "bid", "ask"):
            prices = [getattr(found, name) for found in quotes]
            prices = [price for price in prices if price and not isnan(price)]
            ordered = sorted(prices, reverse=sign == "prose")
            assert prices == pytest.approx(ordered, abs=1e-12)


def random_lanes(rng: random.Random, n: int, params: BaseParameters) -> list[Lane]:
    lanes = []
    for _ in range(n):
        tick_e4 = rng.choice([100, 10])
        book = Book(tick_e4)
        book.replace(*random_book(rng, tick_e4))
        lanes.append(Lane(book, params))
        lanes[-1].set_inventory(random_held(rng), random_held(rng))
        lanes[-1].set_last_price(rng.choice([0, rng.randrange(1, 10_000)]))
        lanes[-1].evaluate(1)
    return lanes


def states_of(lanes: list[Lane]) -> np.ndarray:
    return np.array([lane.state_view[()] for lane in lanes], dtype=STATE)


def test_columns_of_states_quote_as_the_lanes_they_came_from() -> None:
    seed = 76
    rng = random.Random(seed)
    print(f"seed {seed}")
    params = random_params(rng)
    lanes = random_lanes(rng, 300, params)

    quotes = quote_columns(states_of(lanes), params)

    assert quotes.dtype == QUOTE
    assert [quote.tobytes() for quote in quotes] == [lane.quote_view.tobytes() for lane in lanes]
    assert (quotes["bid_e6"] > 0).any()


def test_columns_of_prices_equal_the_scalars() -> None:
    states = states_of(random_lanes(random.Random(77), 300, LIMITED))
    skews = np.random.default_rng(77).uniform(-1, 1, 300)

    quotes = calculate_mm_prices_columns(states, skews)

    for state, skew, found in zip(states, skews, quotes, strict=True):
        if not state["usable"]:
            assert found["reasons"] == state["reasons"]
            continue
        expected = calculate_mm_prices(
            int(state["bid_e4"]),
            int(state["ask_e4"]),
            skew,
            state["imbalance"],
            tick_e4=int(state["tick_e4"]),
            touch_bid_e4=int(state["best_bid_e4"]),
            touch_ask_e4=int(state["best_ask_e4"]),
        )
        assert [found[name] for name in expected._fields] == list(expected)


@pytest.mark.parametrize("ask_mode", ["buy_complement", "sell_first"])
def test_a_state_of_any_bytes_gives_a_sound_quote_or_none(ask_mode: str) -> None:
    seed = 80
    print(f"seed {seed}")
    rng = np.random.default_rng(seed)
    states = np.frombuffer(rng.bytes(5_000 * STATE.itemsize), dtype=STATE).copy()
    # Half of them far enough from noise to come past the first checks.
    states["tick_e4"][::2] = rng.choice([1, 7, 10, 100, 9_999], 2_500)
    states["lot_e6"][::2] = 10_000
    states["usable"] = rng.integers(0, 2, 5_000)
    for name in ("up_e6", "down_e6", "order_min_e6", "bid_e4", "ask_e4"):
        states[name][::2] >>= rng.integers(0, 63, 2_500)
    params = replace(LIMITED, ask_mode=ask_mode)

    quotes = quote_columns(states, params)

    for price, size in (("bid_e4", "bid_e6"), ("ask_e4", "ask_buy_e6"), ("ask_e4", "ask_sell_e6")):
        assert quotes[size].min() >= 0
        assert quotes[size].max() <= params.order_size_e6
        placed = quotes[quotes[size] > 0]
        assert ((placed[price] > 0) & (placed[price] < 10_000)).all()
    assert (quotes["bid_e6"] > 0).any()
    assert (quotes["ask_buy_e6"] > 0).any()
