"""Runs of many markets as the verbs make them: one account for all that are open together."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benches.sweep_scenes import SPACE, make_tape
from polymm.exchange.flow import FlowSettings, generate_window
from polymm.exchange.tape import Latency
from polymm.research.backtest import Glance, backtest_account, backtest_tape, open_together
from polymm.research.records import MarketRun
from polymm.research.sweep import run_sweep
from polymm.research.tape_file import write_packed, write_tape
from polymm.research.tape_pack import PackedTape, pack
from polymm.runtime.config import Config
from polymm.runtime.tape_runs import Moment, plan_recorded, run_plan
from polymm.runtime.tape_settings import run_settings
from tests.research.test_tape_causality import SETTINGS
from tests.support.sweep_scene import HerePool, plan, text_of
from tests.support.tapes import MS, SHARE

LENGTH_NS = 20_000 * MS
# Dollars, and less than three makers of twenty shares would hold.
LIMIT_E6 = 20 * SHARE
LIMITED = {"max_total_position": 20.0}
CONFIG = Config.model_validate(
    {
        "strategy": {"order_size": 20, "max_position": 200, "ask_mode": "sell_first"},
        "cycle": {"cycle": "event", "requote": "diff"} | LIMITED,
        "venue": {"queue": "risk_averse"},
    }
)
TIGHT = replace(
    SETTINGS["event"], maker=replace(SETTINGS["event"].maker, max_total_position_e6=LIMIT_E6)
)


def coin(name: str, seed: int, by_ns: int = 0) -> PackedTape:
    """A window of a coin of its own, moved in time."""
    tape = pack(generate_window(seed, settings=FlowSettings(window_s=20, lookback_s=4)))
    rows = tape.rows.copy()
    rows["exch_ns"] += by_ns
    market = replace(
        tape.market,
        slug=f"{name}-{tape.market.slug}",
        condition_id=f"{name}{tape.market.condition_id}",
        start_ns=tape.market.start_ns + by_ns,
        end_ns=tape.market.end_ns + by_ns,
    )
    truth = [(at_ns + by_ns, fair) for at_ns, fair in tape.truth]
    return replace(tape, rows=rows, market=market, truth=truth)


@pytest.fixture(scope="module")
def coins() -> list[PackedTape]:
    """Three coins of one window."""
    return [coin(name, seed) for name, seed in (("btc", 31), ("eth", 32), ("sol", 33))]


def fills(runs: list[MarketRun]) -> list[int]:
    return [len(run.fills) for run in runs]


def spent_most_e6(runs: list[MarketRun]) -> int:
    """Most that all fills together had cost at any time, 1e-6 dollars."""
    moves = []
    for run in runs:
        for record in run.fills:
            fill = record.fill
            paid = fill.price_e4 * fill.size_e6 // 10_000
            moves.append((fill.exch_ns, paid if fill.side == 0 else -paid))
        moves += [(at_ns, -pairs_e6) for at_ns, pairs_e6 in run.merges]
    spent = most = 0
    for _, paid in sorted(moves):
        spent += paid
        most = max(most, spent)
    return most


def test_windows_that_overlap_are_one_account() -> None:
    assert open_together([]) == []
    # One that ends as another begins is open beside nothing.
    assert open_together([(0, 300), (300, 600)]) == [(0,), (1,)]
    assert open_together([(300, 600), (0, 300), (0, 300)]) == [(1, 2), (0,)]
    # A quarter of an hour links the windows inside it.
    assert open_together([(0, 900), (0, 300), (300, 600), (600, 900), (900, 1200)]) == [
        (1, 0, 2, 3),
        (4,),
    ]


def test_limits_and_cash_are_those_of_all_markets_together(coins: list[PackedTape]) -> None:
    alone = [backtest_tape(tape, TIGHT) for tape in coins]
    together = backtest_account(coins, TIGHT)
    assert [run.market.slug for run in together] == [tape.market.slug for tape in coins]
    assert sum(fills(together)) < sum(fills(alone))
    assert spent_most_e6(alone) > 2 * LIMIT_E6
    assert spent_most_e6(together) < 2 * LIMIT_E6
    poor = replace(SETTINGS["event"], cash_e6=15 * SHARE)
    rejected = [
        run.orders.reject_reasons.get("balance", 0) for run in backtest_account(coins, poor)
    ]
    assert sum(rejected) > 0
    assert spent_most_e6(backtest_account(coins, poor)) <= 15 * SHARE


def test_without_a_limit_that_binds_each_runs_as_if_alone(coins: list[PackedTape]) -> None:
    for settings in SETTINGS.values():
        together = backtest_account(coins, settings)
        assert together == [backtest_tape(tape, settings) for tape in coins]
        assert min(fills(together)) > 3


def test_each_window_has_the_account_anew(coins: list[PackedTape], tmp_path: Path) -> None:
    later = [coin(name, seed, LENGTH_NS) for name, seed in (("btc", 41), ("eth", 42))]
    for number, tape in enumerate([*coins, *later]):
        write_packed(tmp_path / f"{number}.tape", tape)
    made = plan_recorded(CONFIG, [tmp_path])
    seen: list[Moment] = []
    (run,) = run_plan(made, CONFIG, watch=seen.append)
    settings = run_settings(CONFIG)
    expected = [*backtest_account(coins, settings), *backtest_account(later, settings)]
    assert fills(run.markets) == fills(expected)
    assert [one.pnl_fills_e6 for one in run.markets] == [one.pnl_fills_e6 for one in expected]
    assert fills(expected) != fills([backtest_tape(tape, settings) for tape in (*coins, *later)])
    assert run.facts["cash"] == "1000 dollars, shared by markets that are open together"
    # A second window of one coin is not a first one of another: what is shown moves forward.
    seconds = [moment.seconds_done for moment in seen]
    assert seconds == sorted(seconds)
    assert seconds[-1] == pytest.approx(made.seconds, rel=0.01)
    assert {moment.now.others_n for moment in seen} == {2, 1}
    assert max(moment.tape_n for moment in seen) <= made.tapes_n == 5


def test_what_is_excluded_links_no_windows_and_uses_no_cash(
    coins: list[PackedTape], tmp_path: Path
) -> None:
    later = coin("btc", 41, LENGTH_NS)
    base = coin("xrp", 35).market
    # Over both windows, and with fees that nobody knows.
    over = replace(
        base, end_ns=later.market.end_ns, fees=replace(base.fees, exponent=2), slug="aaa-over"
    )
    tapes = [*coins, later, replace(coin("xrp", 35), market=over)]
    # What the first window made would be there for the second one.
    poor = CONFIG.model_copy(update={"venue": CONFIG.venue.model_copy(update={"cash": 8.0})})
    found = []
    for name, some in (("without", tapes[:-1]), ("with", tapes)):
        for number, tape in enumerate(some):
            (tmp_path / name).mkdir(exist_ok=True)
            write_packed(tmp_path / name / f"{number}.tape", tape)
        seen: list[Moment] = []
        made = plan_recorded(poor, [tmp_path / name])
        (run,) = run_plan(made, poor, watch=seen.append)
        found.append({one.market.slug: one for one in run.markets})
        assert {moment.slug for moment in seen} <= {tape.market.slug for tape in tapes[:-1]}
        assert seen[-1].tape_n <= made.tapes_n == len(some)
    without, beside = found
    assert beside.pop("aaa-over").exclusion == "fees_unknown"
    assert beside == without


def test_the_order_of_the_tapes_changes_nothing(coins: list[PackedTape]) -> None:
    tight = replace(SETTINGS["timer"], cash_e6=15 * SHARE)
    # The same feed in each, so that all of them act in the same nanoseconds.
    same = [replace(coins[0], market=tape.market) for tape in coins]
    runs = backtest_account(same, tight)
    assert len({tuple(run.orders.reject_reasons.items()) for run in runs}) > 1
    assert backtest_account(same[::-1], tight) == runs[::-1]


def test_a_stop_leaves_out_what_had_not_begun(coins: list[PackedTape]) -> None:
    tapes = [*coins[:2], coin("xrp", 34, LENGTH_NS // 2), coin("sol", 35, LENGTH_NS - 1)]
    seen: list[Glance] = []
    runs = backtest_account(
        tapes, SETTINGS["event"], progress=seen.append, stop=lambda: seen[-1].done > 0.4
    )
    assert [run.market.slug for run in runs] == [tape.market.slug for tape in tapes[:3]]
    assert {(run.status, run.exclusion) for run in runs} == {("unsettled", "stopped")}
    assert [run.orders.open_e6 for run in runs] == [0, 0, 0]
    shown = [glance.number for glance in seen]
    assert shown == sorted(shown)
    assert set(shown) == {0, 2}


def test_markets_draw_their_delays_by_seed_and_name() -> None:
    delays = np.array([5, 10, 40, 80, 300], dtype=np.int64) * MS
    drawn = Latency(measured=dict.fromkeys(("order", "cancel", "reply"), delays))
    btc, eth = coin("btc", 31), coin("eth", 31)

    def found(seed: int, *tapes: PackedTape) -> list[MarketRun]:
        settings = replace(SETTINGS["event"], seed=seed)
        return backtest_account(tapes, settings, latency=drawn)

    both = found(1, btc, eth)
    assert both[0].quotes != both[1].quotes
    # Neither the order nor the company changes a draw.
    assert found(1, eth, btc) == both[::-1]
    assert found(1, btc) == both[:1]
    assert found(2, btc)[0].quotes != both[0].quotes


def test_a_seed_that_draws_is_told(coins: list[PackedTape], tmp_path: Path) -> None:
    write_packed(tmp_path / "a.tape", coins[0])
    np.savez(tmp_path / "delays.npz", order=np.array([5, 300]) * MS)
    venue = {"queue": "risk_averse", "delays": str(tmp_path / "delays.npz")}
    config = CONFIG.model_validate({"venue": venue, "run": {"seed": 77}})
    assert plan_recorded(config, [tmp_path / "a.tape"]).facts["seed"] == "77"
    assert plan_recorded(CONFIG, [tmp_path / "a.tape"]).facts["seed"] == "none drawn"


def test_a_sweep_keeps_an_account_together_whatever_its_blocks(tmp_path: Path) -> None:
    folder = tmp_path / "edge"
    folder.mkdir()
    for number in range(24):
        for place, name in enumerate(("btc", "eth")):
            tape = make_tape(number, "edge", seed=place)
            slug = tape.market.slug.replace("btc", name)
            market = replace(tape.market, slug=slug, condition_id=f"{name}{number}")
            write_tape(folder / f"{number}-{name}.tape", replace(tape, market=market), "none")
    tight = CONFIG.model_copy(update={"cycle": CONFIG.cycle.model_copy(update=LIMITED)})
    results = []
    for block in (1, 5, 100):
        pool = HerePool(seed=block)
        made = plan(folder, SPACE.replace("block = 5", f"block = {block}"), tight, trials=3)
        results.append(text_of(made, run_sweep(made, tmp_path / f"{block}.db", pool)))
        assert all(len(unit.tapes) % 2 == 0 for unit in pool.units)
    assert results[0] == results[1] == results[2]
