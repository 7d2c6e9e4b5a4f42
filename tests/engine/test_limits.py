"""Limits that are missing or make no sense never become an engine's."""

import dataclasses
from typing import Any

import pytest

from polymm.engine.limits import RiskLimits
from polymm.errors import ConfigError
from tests.support.gates import LIMITS, limits

NAMES = [field.name for field in dataclasses.fields(RiskLimits)]
REQUIRED = [f.name for f in dataclasses.fields(RiskLimits) if f.default is dataclasses.MISSING]
MAY_BE_ZERO = {"fill_margin_e6", "reference_age_ns_max", "close_margin_ns"}


@pytest.mark.parametrize("name", REQUIRED)
def test_what_money_depends_on_has_no_default(name: str) -> None:
    with pytest.raises(TypeError, match=name):
        RiskLimits(**{key: value for key, value in LIMITS.items() if key != name})


def test_there_are_five_of_them() -> None:
    assert set(REQUIRED) == {
        "max_market_e6",
        "max_total_cost_e6",
        "order_size_max_e6",
        "loss_max_e6",
        "markout_loss_max_e6",
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [-1, True, 1.0, None, float("nan"), "5", 10**18 + 1])
def test_no_limit_is_negative_or_endless_or_no_whole_number(name: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=name):
        limits(**{name: value})


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_of_nothing_is_no_limit(name: str) -> None:
    if name in MAY_BE_ZERO:
        limits(**{name: 0})
    else:
        with pytest.raises(ConfigError, match=name):
            limits(**{name: 0})


@pytest.mark.parametrize(
    "changes",
    [
        {"price_min_e4": 5_000, "price_max_e4": 4_999},
        {"price_max_e4": 10_000},
        {"orders_a_second_max": 11, "orders_a_minute_max": 10},
        {"backoff_ns_min": 2, "backoff_ns_max": 1},
    ],
)
def test_limits_do_not_contradict_each_other(changes: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        limits(**changes)
