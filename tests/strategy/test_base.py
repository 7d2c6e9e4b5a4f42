"""The documented parameters, their ranges, and the one raise of the order size."""

import logging
from dataclasses import fields

import pytest

from polymm._core.layout import PARAMS_FIELDS
from polymm.errors import ConfigError
from polymm.strategy.base import BaseParameters, raise_order_size


def test_the_defaults_are_the_documented_ones() -> None:
    assert BaseParameters().as_fields() == {
        "min_size_e6": 5_000_000,
        "depth_lookback": 5,
        "order_size_e6": 1_000_000,
        "max_position_e6": 5_000_000,
        "merge_threshold_e6": 100_000,
        "inventory_sign": -1,
        "skew_mode": 0,
        "ask_mode": 0,
        "thin_book": 0,
        "requote_ticks": 1,
        "requote_interval_min_ns": 250_000_000,
        "cycle_ns": 1_000_000_000,
        "cycle_event": 0,
        "requote_size_ratio": 0.2,
        "min_spread": 0.002,
        "max_spread": 0.02,
        "spread": 0.01,
        "k_inv": 0.01,
        "k_imb": 0.005,
        "quote_min": 0.01,
        "quote_max": 0.99,
        "skip_skew": 0.7,
        "scale1_skew": 0.5,
        "scale1": 0.2,
        "scale2_skew": 0.3,
        "scale2": 0.5,
        **{f"user{i}": 0.0 for i in range(8)},
    }


def test_the_fields_are_those_of_the_layout() -> None:
    assert set(BaseParameters().as_fields()) == {name for name, _ in PARAMS_FIELDS}


@pytest.mark.parametrize("entry", fields(BaseParameters), ids=lambda entry: entry.name)
def test_every_parameter_says_what_it_means_and_its_unit_or_choices(entry: object) -> None:
    metadata = entry.metadata  # type: ignore[attr-defined]

    assert metadata["meaning"]
    assert ("unit" in metadata) != ("choices" in metadata)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("depth_lookback", 0, r"depth_lookback must be within 1\.\.9999 \(levels\), was 0"),
        ("order_size_e6", -5, r"order_size_e6 must be within .* \(1e-6 shares\), was -5"),
        ("order_size_e6", 5.5, "order_size_e6 must be a whole number, was 5.5"),
        ("order_size_e6", True, "order_size_e6 must be a whole number, was True"),
        ("max_spread", float("nan"), "max_spread must be a finite number, was nan"),
        ("k_inv", "0.01", "k_inv must be a finite number, was '0.01'"),
        ("quote_max", 1.5, r"quote_max must be within 0\.0\.\.1\.0 \(dollars\), was 1.5"),
        ("skew_mode", "values", "skew_mode must be one of value, shares, net_limit"),
        ("thin_book", 1, "thin_book must be one of fixed_spread, pull, was 1"),
        ("min_spread", 0.03, "min_spread must be at most max_spread, were 0.03 and 0.02"),
        ("quote_min", 0.995, "quote_min must be at most quote_max"),
    ],
)
def test_a_value_out_of_range_names_key_value_and_range(
    key: str, value: object, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        BaseParameters(**{key: value})  # type: ignore[arg-type]


def test_an_order_size_below_the_minimum_is_raised_with_both_numbers_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, logger="polymm.strategy"):
        raised = raise_order_size(BaseParameters(), 5_000_000)

    assert raised.order_size_e6 == 5_000_000
    assert [record.getMessage() for record in caplog.records] == [
        "order size raised to the venue minimum order_size=1 order_min=5 shares",
        "one fill ends a side: no room for a second order max_position=5 order_min=5 shares",
    ]


def test_a_raised_order_with_room_for_more_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="polymm.strategy"):
        raise_order_size(BaseParameters(max_position_e6=10_000_000), 5_000_000)
    assert len(caplog.records) == 1


def test_an_order_size_at_the_minimum_is_kept_in_silence(
    caplog: pytest.LogCaptureFixture,
) -> None:
    parameters = BaseParameters(order_size_e6=5_000_000)

    assert raise_order_size(parameters, 5_000_000) is parameters
    assert not caplog.records
