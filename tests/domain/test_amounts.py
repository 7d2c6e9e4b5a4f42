"""Amounts against the golden rows, a decimal twin, and the whole price grid."""

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from polymm.domain.amounts import AMOUNT_DECIMALS, SIZE_E6_MAX, limit_amounts, market_amounts
from polymm.domain.order import Side
from polymm.errors import InputError
from tests.oracle import amounts as oracle
from tests.support.vectors import selection, vectors

TICKS_E4 = {tick: int(Decimal(tick) * 10_000) for tick in oracle.ROUNDING}


def e6(text: str) -> int:
    value = Decimal(text) * 1_000_000
    assert value == int(value)
    return int(value)


def e4(text: str) -> int:
    value = Decimal(text) * 10_000
    assert value == int(value)
    return int(value)


def ours(kind: str, side: str, tick: str, price: str, size: str) -> tuple[int, int]:
    amounts = {"limit": limit_amounts, "market": market_amounts}[kind]
    return amounts(Side[side], e4(price), e6(size), e4(tick))


@pytest.mark.parametrize("read", [vectors, selection])
def test_golden_rows_are_met_exactly(read: object) -> None:
    rows = read("amounts")["rows"]  # type: ignore[operator]
    assert {row[2] for row in rows} == set(TICKS_E4)
    wrong = [row for row in rows if ours(*row[:5]) != (int(row[7]), int(row[8]))]
    assert wrong == []


def test_golden_orders_carry_the_exact_amounts() -> None:
    differing = 0
    for row in vectors("orders")["orders"]:
        order, exact = row["input"], row["decimalAmounts"]
        if order.get("offGrid"):
            continue
        size = order["size"] if order["kind"] == "limit" else order["amount"]
        found = ours(
            order["kind"], order["side"], order["tickSize"], str(order["price"]), str(size)
        )
        assert found == (int(exact["makerAmount"]), int(exact["takerAmount"])), row["id"]
        differing += not exact["same"]
    assert differing > 0


def test_a_price_off_the_grid_is_refused_and_never_moved() -> None:
    off_grid = [r["input"] for r in vectors("orders")["orders"] if r["input"].get("offGrid")]
    assert off_grid
    for row in off_grid:
        price_e4 = Decimal(str(row["price"])) * 10_000
        if price_e4 != int(price_e4):
            continue  # Not even a whole number of 1e-4 dollars: it cannot be asked for.
        with pytest.raises(InputError, match="must be a multiple of the tick"):
            limit_amounts(Side.BUY, int(price_e4), 5_000_000, e4(row["tickSize"]))


@pytest.mark.parametrize("tick_e4", AMOUNT_DECIMALS)
@pytest.mark.parametrize("amounts", [limit_amounts, market_amounts])
def test_the_grid_ends_one_tick_inside_zero_and_a_dollar(amounts: object, tick_e4: int) -> None:
    for side in Side:
        for price_e4 in (tick_e4, 10_000 - tick_e4):
            amounts(side, price_e4, 5_000_000, tick_e4)  # type: ignore[operator]
        for price_e4 in (0, 10_000, -tick_e4, 10_000 + tick_e4):
            with pytest.raises(InputError, match=f"within {tick_e4}..{10_000 - tick_e4}, was"):
                amounts(side, price_e4, 5_000_000, tick_e4)  # type: ignore[operator]


@pytest.mark.parametrize("tick_e4", [0, -1, 2, 20, 500, 10_000])
def test_a_tick_the_venue_does_not_have_is_refused(tick_e4: int) -> None:
    with pytest.raises(InputError, match=f"tick_e4 must be one of .* was {tick_e4}"):
        limit_amounts(Side.BUY, 5_000, 5_000_000, tick_e4)


@pytest.mark.parametrize("size_e6", [-1, 0, 9_999, SIZE_E6_MAX + 1])
@pytest.mark.parametrize("side", Side)
def test_a_size_that_is_nothing_or_absurd_is_refused(side: Side, size_e6: int) -> None:
    with pytest.raises(InputError, match="must be within"):
        limit_amounts(side, 5_000, size_e6, 100)
    with pytest.raises(InputError, match="must be within"):
        market_amounts(side, 5_000, size_e6, 100)


@pytest.mark.parametrize("tick_e4", AMOUNT_DECIMALS)
def test_the_implied_price_of_a_limit_order_is_its_tick_over_the_whole_grid(tick_e4: int) -> None:
    for price_e4 in range(tick_e4, 10_000, tick_e4):
        for size_e6 in (10_000, 5_000_000, 5_100_000, 64_100_000, 17_490_000, 999_999_990_000):
            dollars_e6, shares_e6 = limit_amounts(Side.BUY, price_e4, size_e6, tick_e4)
            assert dollars_e6 * 10_000 == price_e4 * shares_e6
            assert shares_e6 == size_e6
            assert limit_amounts(Side.SELL, price_e4, size_e6, tick_e4) == (shares_e6, dollars_e6)


@pytest.mark.parametrize("tick_e4", AMOUNT_DECIMALS)
def test_a_market_buy_never_pays_less_than_its_price_and_hardly_more(tick_e4: int) -> None:
    unit_e6 = 10 ** (6 - AMOUNT_DECIMALS[tick_e4])
    for price_e4 in range(tick_e4, 10_000, tick_e4):
        for spend_e6 in (10_000, 1_000_000, 33_330_000, 100_000_000):
            dollars_e6, shares_e6 = market_amounts(Side.BUY, price_e4, spend_e6, tick_e4)
            assert dollars_e6 == spend_e6
            assert shares_e6 * price_e4 <= dollars_e6 * 10_000 < (shares_e6 + unit_e6) * price_e4


@given(
    st.sampled_from(list(TICKS_E4)),
    st.sampled_from(list(Side)),
    st.integers(1, 9_999),
    st.integers(10_000, SIZE_E6_MAX),
)
@example("0.0001", Side.BUY, 9_999, 9_998_000_000)  # remainders next to one
@example("0.0001", Side.BUY, 9_999, 10_000)
@example("0.1", Side.BUY, 7, 69_990_000)
def test_random_orders_agree_with_the_decimal_twin(
    tick: str, side: Side, step: int, size_e6: int
) -> None:
    tick_e4 = TICKS_E4[tick]
    price_e4 = tick_e4 * (1 + step % (10_000 // tick_e4 - 1))
    price, size = Decimal(price_e4) / 10_000, Decimal(size_e6) / 1_000_000
    expected = oracle.limit(side.name, tick, price, size)
    assert limit_amounts(side, price_e4, size_e6, tick_e4) == expected
    expected = oracle.market(side.name, tick, price, size)
    assert market_amounts(side, price_e4, size_e6, tick_e4) == expected
