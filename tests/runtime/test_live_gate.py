"""Real orders: every missing condition is named, and none of them is met by accident."""

from pathlib import Path

import pytest

from polymm.runtime.config_source import load_config
from polymm.runtime.live_gate import (
    CONFIRMATION,
    CONFIRMATION_VARIABLE,
    LIMITS,
    missing_conditions,
)

KEY = {"POLYMARKET_PRIVATE_KEY": "0x" + "11" * 32}
CONFIRMED = {CONFIRMATION_VARIABLE: CONFIRMATION}


def test_without_anything_every_condition_is_missing() -> None:
    missing = "\n".join(missing_conditions(load_config(), {}, has_flag=False))
    for word in ("--live", CONFIRMATION_VARIABLE, "doctor", "POLYMARKET_PRIVATE_KEY", *LIMITS):
        assert word in missing


def test_what_is_met_is_not_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        "[strategy]\norder_size = 5.0\nmax_position = 10.0\n[cycle]\nmax_total_position = 20.0\n"
        "[risk]\nmax_market = 20.0\nmax_total = 40.0\norder_size_max = 10.0\n"
        "loss_max = 15.0\nmarkout_loss_max = 5.0\n"
    )
    missing = "\n".join(missing_conditions(load_config(path), KEY | CONFIRMED, has_flag=True))
    for word in ("--live", CONFIRMATION_VARIABLE, "POLYMARKET", *LIMITS):
        assert word not in missing
    # What this version does not have cannot be met by anybody.
    assert missing == "no clean `polymm doctor`: this version has no such verb"


@pytest.mark.parametrize("said", ["yes", CONFIRMATION.upper(), f" {CONFIRMATION}", "1"])
def test_a_confirmation_is_exact(said: str) -> None:
    missing = missing_conditions(load_config(), KEY | {CONFIRMATION_VARIABLE: said}, has_flag=True)
    assert any(CONFIRMATION_VARIABLE in line for line in missing)


def test_a_limit_that_repeats_the_default_is_set_by_hand_all_the_same() -> None:
    flags = {"strategy.max_position": ("--max", 5.0)}
    missing = "\n".join(missing_conditions(load_config(flags=flags), {}, has_flag=True))
    assert "strategy.max_position" not in missing
