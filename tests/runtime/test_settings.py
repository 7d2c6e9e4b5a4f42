"""Configured values reach the strategy, the engine and the venue in their integers."""

import dataclasses

import pytest

from polymm.engine.proving import ReconcileSettings
from polymm.engine.settings import MakerSettings
from polymm.errors import ConfigError
from polymm.exchange.tape import Latency, parse_queue
from polymm.research.tape_run import RunSettings
from polymm.runtime.config import ORDERED, Config, facts, fields
from polymm.runtime.config_source import load_config
from polymm.runtime.runner import session_settings
from polymm.runtime.settings import (
    base_parameters,
    close_margin_ns,
    maker_settings,
    reconcile_settings,
    risk_limits,
)
from polymm.runtime.tape_settings import latency, queues, run_settings
from polymm.strategy.base import BaseParameters


def configured(**values: str) -> Config:
    return load_config(environ={f"POLYMM__{name}": text for name, text in values.items()}).config


def test_defaults_are_those_of_the_parts() -> None:
    assert base_parameters(Config()) == BaseParameters()
    assert latency(Config()) == Latency()
    # The engine alone only reports merges; a configured run acts on them.
    assert maker_settings(Config()) == MakerSettings(merge_enabled=True)
    assert run_settings(Config()) == RunSettings(maker=MakerSettings(merge_enabled=True))


def test_values_arrive_in_integers() -> None:
    config = configured(
        STRATEGY__ORDER_SIZE="5.1",
        STRATEGY__MERGE_THRESHOLD="0.000001",
        STRATEGY__INVENTORY_SIGN="literal",
        CYCLE__CYCLE="event",
        CYCLE__CYCLE_MS="999.999",
        CYCLE__MIN_PRICE="0.0123",
        CYCLE__MAX_TOTAL_POSITION="1e9",
        CYCLE__REQUOTE_TICKS="3",
        VENUE__ORDER_LATENCY_MS="0.5",
        VENUE__LATENCY_FACTOR="2",
    )
    parameters = base_parameters(config)
    assert parameters.order_size_e6 == 5_100_000
    assert parameters.merge_threshold_e6 == 1
    assert parameters.inventory_sign == "literal"
    assert parameters.as_fields()["cycle_event"] == 1
    settings = maker_settings(config)
    assert settings.cycle_ns == parameters.cycle_ns == 999_999_000
    assert settings.requote_ticks == parameters.requote_ticks == 3
    assert settings.price_min_e4 == 123
    assert settings.max_total_position_e6 == 10**15
    assert latency(config).order_ns == 1_000_000
    assert latency(config).feed_ns == 200_000_000


def test_limits_arrive_in_integers() -> None:
    limits = risk_limits(
        configured(
            RISK__MAX_MARKET="12.5",
            RISK__LOSS_MAX="0.01",
            RISK__MAX_PRICE="0.9001",
            RISK__USER_AGE_MAX_MS="0.5e3",
            RISK__LEVELS_MAX="2",
        )
    )
    assert limits.max_market_e6 == 12_500_000
    assert limits.loss_max_e6 == 10_000
    assert limits.price_max_e4 == 9_001
    assert limits.user_age_ns_max == 500_000_000
    assert limits.levels_max == 2


def test_what_pulls_and_proves_anew_goes_by_the_limits_of_the_gate() -> None:
    assert reconcile_settings(Config()) == ReconcileSettings()
    config = configured(RISK__LAG_MAX_MS="900", RISK__USER_AGE_MAX_MS="7000")
    limits, settings = risk_limits(config), reconcile_settings(config)
    assert settings.stall_pull_ns == limits.lag_ns_max == 900_000_000
    assert settings.gap_ns_max == limits.user_age_ns_max == 7_000_000_000
    assert session_settings(config, "test").reconcile == settings


def test_an_age_of_reference_prices_is_refused_while_there_are_none() -> None:
    with pytest.raises(ConfigError, match=r"risk.reference_age_max_ms.*no reference price is used"):
        configured(RISK__REFERENCE_AGE_MAX_MS="1000")


def test_limits_that_have_a_default_of_their_own_are_configured_with_it() -> None:
    limits, config = risk_limits(Config()), Config()
    for limit in dataclasses.fields(limits):
        if limit.default is not dataclasses.MISSING:
            assert getattr(limits, limit.name) == limit.default, limit.name
    assert {f.name for f in dataclasses.fields(limits) if f.default is dataclasses.MISSING} == {
        "max_market_e6",
        "max_total_cost_e6",
        "order_size_max_e6",
        "loss_max_e6",
        "markout_loss_max_e6",
    }
    assert close_margin_ns(config) == 2_000_000_000
    assert close_margin_ns(configured(SESSION__WINDOW_S="10")) == 1_000_000_000
    assert close_margin_ns(configured(CYCLE__CLOSE_MARGIN_MS="5000")) == 5_000_000_000


def test_every_range_of_the_configuration_lies_within_that_of_the_parts() -> None:
    """Else a value would pass the configuration and be told again, in other words, by a part."""
    paired = {key for low, high, _ in ORDERED for key in (low, high)}
    for key, field in fields().items():
        section, name = key.split(".")
        if not facts(field) or key in paired:
            continue
        for bound in ("minimum", "maximum"):
            tree = Config().model_dump()
            tree[section][name] = facts(field)[bound]
            config = Config.model_validate(tree)
            run_settings(config)
            latency(config)
            risk_limits(config)


def test_both_queue_models_put_the_headline_first() -> None:
    assert queues(Config()) == ("risk_averse", "prob(3)")
    assert queues(configured(VENUE__QUEUE="risk_averse")) == ("risk_averse",)
    assert queues(configured(VENUE__QUEUE="prob", VENUE__PROB_N="2.5")) == ("prob(2.5)",)
    for queue in queues(Config()):
        parse_queue(queue)
