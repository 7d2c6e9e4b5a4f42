"""What `polymm run` plans for each kind of tape, and how a plan runs, stops and is named."""

from pathlib import Path

import pytest

from polymm.runtime.config import Config
from polymm.runtime.config_source import load_config
from polymm.runtime.tape_runs import Moment, Variant, plan_recorded, plan_synthetic, run_plan
from tests.support.recordings import data_dir


def configured(**values: str) -> Config:
    return load_config(environ={f"POLYMM__{name}": text for name, text in values.items()}).config


SHORT = {"RUN__WINDOW_S": "10", "RUN__WINDOWS": "3"}


def test_synthetic_windows_run_under_both_queue_models_headline_first() -> None:
    plan = plan_synthetic(configured(**SHORT))
    assert plan.variants == (Variant("risk_averse", "none"), Variant("prob(3)", "none"))
    assert (plan.tapes_n, plan.seconds) == (3, 30.0)


def test_tape_with_trades_has_queues_and_no_inferred_forms() -> None:
    plan = plan_recorded(Config(), [data_dir() / "ws_market_btc5m"])
    assert plan.variants == (Variant("risk_averse", "none"), Variant("prob(3)", "none"))


@pytest.mark.parametrize("folder", ["l2_btc15m", "sessions_15m"])
def test_tape_without_trades_has_forms_and_no_queue(folder: str) -> None:
    plan = plan_recorded(Config(), [data_dir() / folder])
    assert plan.variants == (Variant("risk_averse", "none"), Variant("risk_averse", "through"))
    only = plan_recorded(configured(VENUE__FILLS="through"), [data_dir() / folder])
    assert only.variants == (Variant("risk_averse", "through"),)


def test_tape_is_named_in_the_report_without_its_folder() -> None:
    plan = plan_recorded(Config(), [data_dir() / "l2_btc15m" / "books.parquet"])
    assert plan.facts["tape"] == "books.parquet"
    assert str(Path.cwd()) not in str(plan.facts)


def test_every_variant_runs_on_every_tape() -> None:
    config = configured(**SHORT)
    runs = run_plan(plan_synthetic(config), config)
    slugs = [[market.market.slug for market in run.markets] for run in runs]
    assert len(slugs[0]) == 3
    assert slugs[0] == slugs[1]
    for run in runs:
        shape = run.facts["book, mean of the markets (recorded)"]
        assert shape.startswith("spread ")
        assert "touch" in shape
        assert "(200-350)" in shape


def test_progress_only_moves_forward_and_names_tape_and_variant() -> None:
    config = configured(**SHORT)
    plan = plan_synthetic(config)
    seen: list[tuple[int, float]] = []
    variants = set()

    def watch(moment: Moment) -> None:
        seen.append((moment.tape_n, moment.seconds_done))
        variants.add(moment.variant)

    run_plan(plan, config, watch=watch)
    assert seen == sorted(seen)
    assert variants == set(plan.variants)


def test_stop_ends_the_market_in_order_and_begins_no_other() -> None:
    config = configured(RUN__WINDOW_S="30", RUN__WINDOWS="50")
    stops: list[bool] = []

    def stop() -> bool:
        stops.append(len(stops) >= 3)
        return stops[-1]

    (run,) = run_plan(plan_synthetic(config), config, stop=stop)
    (market,) = run.markets
    assert (market.status, market.exclusion) == ("unsettled", "stopped")
    assert market.orders.open_e6 == 0


def test_stop_before_anything_leaves_no_run() -> None:
    config = configured(**SHORT)
    assert run_plan(plan_synthetic(config), config, stop=lambda: True) == []
