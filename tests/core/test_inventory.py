"""Skew, skip, limit and merge: the worked numbers of docs/strategy.md section 2, and the edges."""

import random
from fractions import Fraction
from math import isnan, nan

import numpy as np
import pytest

from polymm._core.inventory import (
    inventory_skew,
    inventory_skew_columns,
    merge_opportunity,
    merge_opportunity_columns,
    position_limit,
    position_limit_columns,
    should_skip_side,
    should_skip_side_columns,
)
from polymm._core.layout import ASK, BID
from polymm.errors import InputError
from tests.oracle import inventory as oracle

SHARE = 1_000_000
MODES = ("value", "shares", "net_limit")
SCALES = [(Fraction("0.5"), Fraction("0.2")), (Fraction("0.3"), Fraction("0.5"))]

# UP, DOWN, mid, skew in the value mode.
VALUE_SKEWS = [
    (100, 50, 0.60, 0.5),
    (50, 100, 0.60, -0.142857),
    (60, 40, 0.50, 0.2),
    (10, 0, 0.50, 1.0),
    (0, 0, 0.50, 0.0),
    (100, 100, 0.90, 0.8),
    (100, 60, 0.50, 0.25),
    (40, 0, 0.50, 1.0),
]


@pytest.mark.parametrize(("up", "down", "mid", "expected"), VALUE_SKEWS)
def test_value_skew_of_the_worked_examples(up: int, down: int, mid: float, expected: float) -> None:
    assert inventory_skew(up * SHARE, down * SHARE, mid) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("mode", ["shares", "net_limit"])
def test_a_hedged_book_leans_only_in_the_value_mode(mode: str) -> None:
    skew = inventory_skew(100 * SHARE, 100 * SHARE, 0.9, mode=mode, max_position_e6=200 * SHARE)

    assert skew == 0.0


def test_net_limit_is_clamped_to_one() -> None:
    def skew(up: int, down: int) -> float:
        return inventory_skew(up, down, 0.5, mode="net_limit", max_position_e6=10)

    assert [skew(5, 0), skew(25, 0), skew(0, 25)] == [0.5, 1.0, -1.0]


def test_inventory_worth_a_billionth_of_a_dollar_does_not_lean() -> None:
    # One 1e-6 share at 0.001 is worth 1e-9 dollars: not above the threshold.
    assert inventory_skew(1, 0, 0.001) == 0.0
    assert inventory_skew(1, 0, 0.0011) == 1.0


@pytest.mark.parametrize("mode", MODES)
def test_skew_equals_the_oracle(mode: str) -> None:
    seed = 71
    rng = random.Random(seed)
    print(f"seed {seed}")
    for _ in range(2_000):
        up, down = rng.choice([0, rng.randrange(500)]) * SHARE, rng.randrange(500) * 250_000
        mid_e4 = rng.randrange(1, 10_000)
        limit = rng.randrange(1, 1_000) * SHARE
        expected = oracle.skew(up, down, Fraction(mid_e4, 10_000), mode, limit)

        found = inventory_skew(up, down, mid_e4 / 10_000, mode=mode, max_position_e6=limit)

        assert found == pytest.approx(float(expected), abs=1e-12)


@pytest.mark.parametrize(
    "arguments", [(-1, 0, 0.5), (0, -1, 0.5), (1, 1, nan), (1, 1, 0.0), (1, 1, 1.0)]
)
def test_unknown_inventory_or_mid_is_refused(arguments: tuple[int, int, float]) -> None:
    with pytest.raises(InputError):
        inventory_skew(*arguments)


def test_an_unknown_mode_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="value, shares, net_limit, was 'net'"):
        inventory_skew(1, 1, 0.5, mode="net")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("side", "skew", "expected"),
    [
        (BID, 0.7, (False, "")),
        (ASK, -0.7, (False, "")),
        (BID, 0.7000001, (True, "Inventory too long")),
        (ASK, -0.7000001, (True, "Inventory too short")),
        (BID, -1.0, (False, "")),
        (ASK, 1.0, (False, "")),
    ],
)
def test_only_a_side_strictly_beyond_the_threshold_is_skipped(
    side: int, skew: float, expected: tuple[bool, str]
) -> None:
    assert should_skip_side(side, skew) == expected


@pytest.mark.parametrize(
    ("side", "skew", "shares"),
    [
        (BID, 0.6, 40),
        (ASK, 0.6, 200),
        (BID, 0.5, 100),
        (BID, 0.3, 200),
        (ASK, -0.6, 40),
        (ASK, -0.5, 100),
        (ASK, -0.3, 200),
        (BID, -0.6, 200),
    ],
)
def test_limit_of_the_worked_examples(side: int, skew: float, shares: int) -> None:
    assert position_limit(side, skew, 200 * SHARE) == shares * SHARE


def test_a_scaled_limit_does_not_lose_a_micro_share_to_binary_fractions() -> None:
    # 0.29 * 100e6 is 28999999.999999996 in doubles.
    assert position_limit(BID, 0.6, 100 * SHARE, scale1=0.29) == 29 * SHARE


@pytest.mark.parametrize("skew", [nan, 1.0001, -1.0001])
def test_a_skew_that_is_none_is_refused(skew: float) -> None:
    with pytest.raises(InputError, match="skew"):
        position_limit(BID, skew, SHARE)
    with pytest.raises(InputError, match="skew"):
        should_skip_side(ASK, skew)


def test_an_unknown_side_or_negative_maximum_is_refused() -> None:
    with pytest.raises(InputError, match="side must be 0"):
        should_skip_side(2, 0.0)
    with pytest.raises(InputError, match="side must be 0"):
        position_limit(-1, 0.0, SHARE)
    with pytest.raises(InputError, match="at least 0"):
        position_limit(BID, 0.0, -1)


@pytest.mark.parametrize(
    ("up", "down", "threshold", "pairs"),
    [
        (100 * SHARE, 60 * SHARE, 100_000, 60 * SHARE),
        (100_000, 200_000, 100_000, 100_000),
        (99_999, 200_000, 100_000, 0),
        (5_000_001, 5_000_000, 100_000, 5_000_000),
        (0, 0, 0, 0),
    ],
)
def test_merge_counts_pairs_from_the_threshold_on(
    up: int, down: int, threshold: int, pairs: int
) -> None:
    assert merge_opportunity(up, down, threshold) == pairs
    assert oracle.mergeable(up, down, threshold) == pairs


def test_merging_refuses_a_negative_position() -> None:
    with pytest.raises(InputError, match="at least 0"):
        merge_opportunity(-1, 5)


@pytest.mark.parametrize("mode", MODES)
def test_skew_columns_equal_the_scalars(mode: str) -> None:
    rng = np.random.default_rng(72)
    up, down = rng.integers(0, 10**9, (2, 200))
    mid = rng.uniform(0.01, 0.99, 200)

    found = inventory_skew_columns(up, down, mid, mode=mode, max_position_e6=3 * 10**8)

    assert found.tolist() == [
        inventory_skew(int(up[i]), int(down[i]), mid[i], mode=mode, max_position_e6=3 * 10**8)
        for i in range(200)
    ]


def test_columns_of_skews_equal_the_scalars_and_pass_over_nan() -> None:
    skews = np.linspace(-1.0, 1.0, 41)

    for side in (BID, ASK):
        assert position_limit_columns(side, skews, 200 * SHARE).tolist() == [
            position_limit(side, skew, 200 * SHARE) for skew in skews
        ]
        assert should_skip_side_columns(side, skews).tolist() == [
            should_skip_side(side, skew)[0] for skew in skews
        ]
    assert position_limit_columns(BID, np.array([nan]), SHARE).tolist() == [0]
    assert should_skip_side_columns(ASK, np.array([nan])).tolist() == [True]


def test_columns_mark_rows_they_cannot_use() -> None:
    up, down = np.array([1, -1, 5]), np.array([-1, 1, 5])

    skews = inventory_skew_columns(up, down, np.array([0.5, 0.5, nan]))

    assert [isnan(skew) for skew in skews] == [True] * 3
    assert merge_opportunity_columns(up, down, 1).tolist() == [0, 0, 5]


def test_columns_of_unequal_length_are_refused() -> None:
    with pytest.raises(InputError, match="one length"):
        inventory_skew_columns(np.arange(3), np.arange(2), np.full(3, 0.5))
    with pytest.raises(InputError, match="one length"):
        merge_opportunity_columns(np.arange(3), np.arange(2))


@pytest.mark.parametrize("held", [(-1, 0), (0, -1), (10**15 + 1, 0), (2**62 + 2**61, 2**62)])
def test_shares_that_nobody_can_hold_are_refused(held: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="shares held must be"):
        inventory_skew(*held, 0.5, mode="shares")
    with pytest.raises(InputError, match="shares held must be"):
        merge_opportunity(*held)


def test_whole_units_are_not_cut_from_a_float() -> None:
    with pytest.raises(TypeError, match="float"):
        inventory_skew(1.5, 0, 0.5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="float"):
        position_limit(BID, 0.0, 2e8)  # type: ignore[arg-type]


def test_a_limit_or_threshold_that_is_none_is_refused() -> None:
    with pytest.raises(InputError, match="at most 1e15"):
        position_limit(BID, 0.0, 2 * 10**15)
    with pytest.raises(InputError, match="skew must be within"):
        should_skip_side(BID, 0.5, skip_skew=nan)
