"""Each figure of a report against a sum of its own over the fill lists: one truth, twice made."""

import math
import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from polymm.domain.market import NS
from polymm.research.analytics import HORIZONS, MarketFigures, measure_run
from polymm.research.records import Run
from polymm.research.summary import summarise_run
from tests.support.runs import make_market_run, make_run

# Two coins of most windows, on two days; 288 windows are a day.
WINDOWS = (0, 0, 1, 1, 2, 3, 3, 288, 288, 289)
Row = tuple[int, float, float]


@pytest.fixture(scope="module")
def run() -> Run:
    """Settled markets of unlike lengths, with fees, and days on either side of the payout."""
    rng = random.Random(3)
    found = replace(make_run(markets=0, excluded=0, unsettled=0))
    for n, window in enumerate(WINDOWS):
        market = make_market_run(rng, window, n, "settled", "trades", 12 + 5 * n)
        record = market.fills[n]
        market.fills[n] = replace(record, fill=replace(record.fill, fee_e6=1_000 + n))
        market.rebate_e6 = 400_000 if window < 288 else 300_000
        market.orders.placed_e6 += 7_000_000 * n
        found.markets.append(market)
    shorter = found.markets[-1]
    shorter.market = replace(shorter.market, end_ns=shorter.market.end_ns - 100 * NS)
    return found


@pytest.fixture(scope="module")
def figures(run: Run) -> list[MarketFigures]:
    return measure_run(run)


@pytest.fixture(scope="module")
def told(run: Run, figures: list[MarketFigures]) -> dict[str, Any]:
    return summarise_run(run, figures)


def by_window(rows: Iterable[Row]) -> tuple[float, float, int]:
    """Ratio, its error and the number of clusters; rows of (window start, y, w)."""
    starts, ys, ws = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    groups = np.unique(starts)
    y = np.array([ys[starts == one].sum() for one in groups])
    w = np.array([ws[starts == one].sum() for one in groups])
    ratio = y.sum() / w.sum()
    n = len(groups)
    error = np.sqrt(((y - ratio * w) ** 2).sum() * n / (n - 1)) / w.sum()
    return float(ratio), float(error), n


def assert_cents(found: dict[str, Any], rows: list[Row]) -> None:
    ratio, error, clusters = by_window((start, 100 * y, w) for start, y, w in rows)
    assert found["cents_per_share"] == pytest.approx(ratio)
    assert found["se"] == pytest.approx(error)
    assert found["clusters"] == clusters


def test_counts_and_amounts_are_sums_over_the_fill_lists(run: Run, told: dict[str, Any]) -> None:
    fills = [record.fill for market in run.markets for record in market.fills]
    settled = told["settled"]
    assert settled["fills"] == len(fills)
    shares = sum(fill.size_e6 for fill in fills)
    assert settled["shares_e6"] == shares
    assert settled["turnover_e6"] == sum(one.price_e4 * one.size_e6 for one in fills) // 10_000
    assert settled["fees_e6"] == sum(1_000 + n for n in range(len(WINDOWS)))
    traded = sum(market.venue_trades_e6 for market in run.markets)
    assert settled["trade_share"] == pytest.approx(shares / traded)
    late = sum(fill.after_cancel_sent for fill in fills)
    assert told["quoting"]["cancel_race_loss"] == pytest.approx(late / len(fills))
    orders = [market.orders for market in run.markets]
    ratio = sum(one.filled_e6 for one in orders) / sum(one.placed_e6 for one in orders)
    assert told["quoting"]["fill_ratio"] == pytest.approx(ratio)


def test_money_is_what_was_paid_merged_and_settled(run: Run, told: dict[str, Any]) -> None:
    pnl_e10 = []
    for market in run.markets:
        cash = 0
        for fill in (record.fill for record in market.fills):
            payout = 10_000 * ((fill.token.name == "UP") == bool(market.payout_up))
            sign = 1 if fill.side.name == "BUY" else -1
            cash += sign * (payout - fill.price_e4) * fill.size_e6 - 10_000 * fill.fee_e6
        pnl_e10.append(cash)
    settled = told["settled"]
    assert settled["pnl_e6"] == (sum(pnl_e10) + 5_000) // 10_000
    # The 0.40 $ of seven markets are paid, three of 0.30 $ are not.
    assert settled["rebate_accrued_e6"] == 7 * 400_000 + 3 * 300_000
    assert settled["rebate_paid_e6"] == 7 * 400_000
    paid = [0.4 if window < 288 else 0.0 for window in WINDOWS]
    net = [pnl / 1e10 + rebate for pnl, rebate in zip(pnl_e10, paid, strict=True)]
    starts = [market.market.start_ns for market in run.markets]
    value, error, clusters = by_window(zip(starts, net, [1.0] * len(net), strict=True))
    each = settled["per_market"]
    assert (each["mean"], each["se"]) == (pytest.approx(value), pytest.approx(error))
    assert (each["clusters"], clusters) == (6, 6)
    assert each["sd"] == pytest.approx(np.std(net, ddof=1))
    days = [sum(net[:7]), sum(net[7:])]
    assert settled["per_day"]["days"] == 2
    assert settled["per_day"]["mean"] == pytest.approx(np.mean(days))
    assert settled["per_day"]["sd"] == pytest.approx(np.std(days, ddof=1))


def test_edge_and_markouts_are_clustered_by_window(
    figures: list[MarketFigures], told: dict[str, Any]
) -> None:
    fills = [(m.run.market.start_ns, fill) for m in figures for fill in m.fills]
    edges = [(start, one.edge, one.fill.size_e6 / 1e6) for start, one in fills]
    assert_cents(told["settled"]["edge"], edges)
    assert told["settled"]["edge"]["dollars"] == pytest.approx(math.fsum(y for _, y, _ in edges))
    markouts = told["settled"]["markouts"]
    assert [one["horizon"] for one in markouts] == list(HORIZONS)
    for k, one in enumerate(markouts):
        rows = [(start, fill.markouts[k], fill.fill.size_e6 / 1e6) for start, fill in fills]
        assert_cents(one, rows)
        assert one["dollars"] == pytest.approx(math.fsum(y for _, y, _ in rows))


def test_cuts_hold_every_fill_once(figures: list[MarketFigures], told: dict[str, Any]) -> None:
    fills = [(m.run.market.start_ns, fill) for m in figures for fill in m.fills]
    grid = told["edge_grid"]
    assert sum(one["fills"] for one in grid) == len(fills)
    for name, dollars in (
        ("edge_cents", [one.edge for _, one in fills]),
        ("markout_5s_cents", [one.markouts[2] for _, one in fills]),
    ):
        found = math.fsum(one[name] * one["shares"] / 100 for one in grid)
        assert found == pytest.approx(math.fsum(dollars))
    aged = [(start, one) for start, one in fills if math.isfinite(one.age_s)]
    bins = told["markout_by_age"]
    assert sum(one["fills"] for one in bins) == len(aged) > 0
    young = [(s, f.markouts[2], f.fill.size_e6 / 1e6) for s, f in aged if 0.25 <= f.age_s < 0.5]
    assert_cents(next(one for one in bins if one["age_s"] == ".25-.5"), young)


def test_ratios_by_queue_weigh_by_shares(run: Run, told: dict[str, Any]) -> None:
    rows = [rank for market in run.markets for rank in market.order_queue]
    assert sum(one["orders"] for one in told["fill_ratio_by_queue"]) == len(rows) > 0
    near = [(size, filled) for front, size, filled in rows if 1e6 <= front < 50e6]
    found = next(one for one in told["fill_ratio_by_queue"] if one["shares_ahead"] == "1-50")
    assert found["orders"] == len(near)
    expected = sum(filled for _, filled in near) / sum(size for size, _ in near)
    assert found["fill_ratio"] == pytest.approx(expected)


def test_time_is_weighed_by_the_length_of_a_window(
    figures: list[MarketFigures], told: dict[str, Any]
) -> None:
    lengths = [300.0] * 9 + [200.0]
    nets = [m.inventory.net_abs_mean for m in figures]
    found = told["quoting"]
    assert found["inventory"]["net_abs_mean"] == pytest.approx(np.average(nets, weights=lengths))
    both = math.fsum(m.two_sided_s for m in figures)
    assert found["uptime"] == pytest.approx(both / sum(lengths))
    assert any(m.one_sided_s for m in figures)


def test_forecasts_are_scored_against_even_chances(
    figures: list[MarketFigures], told: dict[str, Any]
) -> None:
    pairs = [
        (m.path.at(m.run.market.end_ns - tau * NS), m.run.payout_up)
        for m in figures
        for tau in (15, 30, 60, 120, 300)
        if tau <= m.length_s
    ]
    known = [(p, y) for p, y in pairs if math.isfinite(p) and y is not None]
    score = np.mean([(p - y) ** 2 for p, y in known])
    found = told["calibration"]
    assert found["observations"] == len(known)
    assert found["brier"] == pytest.approx(score)
    assert found["brier_skill_against_half"] == pytest.approx(1 - score / 0.25)
