"""Taker fees against the worked numbers of docs/strategy.md section 1."""

import pytest

from polymm.domain.market import FeeSchedule


@pytest.mark.parametrize(
    ("price_e4", "size_e6", "fee_e6"),
    [
        (5_000, 100_000_000, 1_750_000),
        (3_000, 100_000_000, 1_470_000),
        (9_000, 100_000_000, 630_000),
        (9_700, 100_000_000, 203_700),
        (3_300, 1_000_000, 15_480),  # 0.015477, half up to five decimals
    ],
)
def test_taker_fee_is_rounded_half_up_to_five_decimals(
    price_e4: int, size_e6: int, fee_e6: int
) -> None:
    assert FeeSchedule().taker_fee_e6(price_e4, size_e6) == fee_e6
