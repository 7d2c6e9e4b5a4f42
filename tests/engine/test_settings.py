"""Settings that cannot mean anything are refused by name."""

import pytest

from polymm.engine.settings import MakerSettings
from polymm.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cycle_ns", 0),
        ("proof_wait_ns", 0),
        ("cancels_max", 0),
        ("rejects_max", 0),
        ("requote_ticks", 0),
        ("requote_interval_min_ns", -1),
        ("book_age_ns_max", -1),
        ("max_total_position_e6", -1),
        ("requote_size_ratio", float("nan")),
        ("requote_size_ratio", 1.5),
        ("price_min_e4", 9_991),
        ("price_max_e4", 10_001),
        ("safe_low_e4", -1),
        ("safe_high_e4", 99),
    ],
)
def test_a_value_out_of_range_names_itself(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=f"{name} .*{value}"):
        MakerSettings(**{name: value})


def test_the_defaults_are_the_documented_ones() -> None:
    settings = MakerSettings()
    assert (settings.cycle, settings.requote, settings.early_exit) == (
        "timer",
        "cancel_replace",
        "pull",
    )
    assert settings.max_total_position_e6 == 30_000_000
    assert (settings.safe_low_e4, settings.safe_high_e4) == (100, 9_900)
    assert (settings.price_min_e4, settings.price_max_e4) == (10, 9_990)
    assert settings.cycle_ns == 1_000_000_000
    assert settings.requote_interval_min_ns == 250_000_000
