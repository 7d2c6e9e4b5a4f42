import math
import random

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.research.analytics import (
    HORIZONS,
    FairPath,
    live_seconds,
    measure,
    measure_inventory,
    quote_ages,
    settled_pnl_e10,
    value_skew,
)
from polymm.research.records import FillRecord, MarketRun
from tests.support.runs import START_NS, make_fill, make_market, make_run


def settled(payout: float | None, fills: list[FillRecord], **more: object) -> MarketRun:
    run = MarketRun(
        market=make_market(),
        source="test",
        status="unsettled" if payout is None else "settled",
        payout_up=payout,
        fills=fills,
    )
    for name, value in more.items():
        setattr(run, name, value)
    return run


def at(seconds: float) -> int:
    return START_NS + round(seconds * NS)


def cash_and_shares(run: MarketRun) -> float:
    """The slow twin: keep the books share by share and value them at the outcome."""
    cash = up = down = 0.0
    for record in run.fills:
        fill = record.fill
        shares = fill.size_e6 / 1e6 * (1 if fill.side is Side.BUY else -1)
        cash -= shares * fill.price_e4 / 1e4
        if fill.token is Token.UP:
            up += shares
        else:
            down += shares
    for _, pairs_e6 in run.merges:
        cash, up, down = cash + pairs_e6 / 1e6, up - pairs_e6 / 1e6, down - pairs_e6 / 1e6
    assert run.payout_up is not None
    return cash + up * run.payout_up + down * (1 - run.payout_up)


def inventory_over_marks(run: MarketRun) -> float:
    """The slow twin of the definition: sum over marks of N (f_next - f), last mark the outcome."""
    events = [(ns, 0, f, 0.0) for ns, f in run.marks if ns <= run.market.end_ns]
    events += [(r.fill.exch_ns, 1, r.fair, r.fill.sign * r.fill.size_e6 / 1e6) for r in run.fills]
    net, fair, total = 0.0, 0.0, 0.0
    for _, _, f, signed in sorted(events, key=lambda event: event[:2]):
        total += net * (f - fair)
        fair, net = f, net + signed
    assert run.payout_up is not None
    return total + net * (run.payout_up - fair)


def test_two_fills_give_the_documented_edge_inventory_and_total() -> None:
    fills = [
        FillRecord(fill=make_fill(Token.UP, 4800, 100, at(10)), fair=0.50),
        FillRecord(fill=make_fill(Token.DOWN, 4700, 60, at(20)), fair=0.52),
    ]
    figures = measure(settled(1.0, fills))
    assert figures.edge == pytest.approx(2.60, abs=1e-9)
    assert figures.inventory_pnl == pytest.approx(21.20, abs=1e-9)
    assert figures.pnl_e10 == 238_000_000_000
    assert figures.pnl == pytest.approx(23.80, abs=1e-9)
    assert figures.identity_gap == pytest.approx(0.0, abs=1e-9)


def test_markout_is_signed_dollars_and_cents_a_share() -> None:
    fill = FillRecord(fill=make_fill(Token.UP, 4800, 100, at(10)), fair=0.50)
    run = settled(0.0, [fill], marks=[(at(0), 0.50), (at(15), 0.47)])
    measured = measure(run).fills[0]
    markout = dict(zip(HORIZONS, measured.markouts, strict=True))
    assert markout["0.25 s"] == pytest.approx(2.0)
    assert markout["5 s"] == pytest.approx(-1.00)
    assert 100 * markout["5 s"] / measured.shares == pytest.approx(-1.0)
    assert markout["settlement"] == pytest.approx(-48.0)


def test_markout_past_the_end_uses_the_outcome_and_at_the_end_does_not() -> None:
    fill = FillRecord(fill=make_fill(Token.UP, 4800, 100, at(295)), fair=0.50)
    run = settled(1.0, [fill], marks=[(at(0), 0.50)])
    markouts = measure(run).fills[0].markouts
    assert markouts[2] == pytest.approx(2.0)
    assert markouts[3] == pytest.approx(52.0)


def test_a_market_without_outcome_is_marked_at_its_last_f_and_has_no_settlement() -> None:
    fill = FillRecord(fill=make_fill(Token.UP, 4800, 100, at(280)), fair=0.50)
    run = settled(None, [fill], marks=[(at(0), 0.50), (at(290), 0.60), (at(301), 0.99)])
    figures = measure(run)
    assert figures.pnl_e10 is None
    assert figures.pnl == pytest.approx(12.0)
    assert figures.fills[0].markouts[3] == pytest.approx(12.0)
    assert math.isnan(figures.fills[0].markouts[4])
    assert figures.fills[0].settlement == 0.0


@pytest.mark.parametrize("seed", range(12))
def test_cash_and_shares_equal_edge_and_inventory(seed: int) -> None:
    print("seed", seed)
    run = make_run(seed, markets=3, unsettled=0, excluded=0, fills=80)
    for market in run.markets:
        figures = measure(market)
        total = cash_and_shares(market)
        assert figures.edge + figures.inventory_pnl == pytest.approx(total, abs=1e-9)
        assert figures.pnl == pytest.approx(total, abs=1e-9)
        assert figures.inventory_pnl == pytest.approx(inventory_over_marks(market), abs=1e-9)
        assert abs(figures.identity_gap) < 1e-9
        assert figures.ledger_gap_e6 == 0


def test_selling_down_buys_up_and_every_direction_settles_right() -> None:
    fills = [
        make_fill(Token.UP, 4000, 10, at(1)),
        make_fill(Token.UP, 4500, 4, at(2), side=Side.SELL),
        make_fill(Token.DOWN, 5000, 8, at(3)),
        make_fill(Token.DOWN, 5500, 3, at(4), side=Side.SELL),
    ]
    up_wins = -4.0 + 1.8 - 4.0 + 1.65 + (10 - 4)
    down_wins = -4.0 + 1.8 - 4.0 + 1.65 + (8 - 3)
    assert settled_pnl_e10(fills, 1.0) == round(up_wins * 1e10)
    assert settled_pnl_e10(fills, 0.0) == round(down_wins * 1e10)


def test_a_fill_whose_fair_value_is_unknown_takes_the_mark_and_else_has_no_edge() -> None:
    early = FillRecord(fill=make_fill(Token.UP, 4800, 100, at(1)), fair=math.nan)
    late = FillRecord(fill=make_fill(Token.UP, 4800, 100, at(9)), fair=math.nan)
    figures = measure(settled(1.0, [early, late], marks=[(at(5), 0.50), (at(6), math.nan)]))
    assert [f.edge for f in figures.fills] == [0.0, pytest.approx(2.0)]
    assert abs(figures.identity_gap) < 1e-9


def test_f_is_constant_between_marks_and_stops_at_the_end() -> None:
    path = FairPath([(10, 0.4), (20, 0.5), (30, 0.6)], 25)
    assert math.isnan(path.at(9))
    assert [path.at(ns) for ns in (10, 19, 20, 99)] == [0.4, 0.4, 0.5, 0.5]
    assert path.last() == 0.5


def test_holdings_are_weighed_by_their_time_within_the_window() -> None:
    # 100 s nothing, 100 s +10, 100 s -20; before the start and after the end count for nothing.
    steps = [
        (at(100), 10_000_000, 0),
        (at(200), 10_000_000, 30_000_000),
        (at(301), 90_000_000, 0),
    ]
    run = settled(1.0, [], inventory=steps, marks=[(at(0), 0.5)])
    held = measure_inventory(run, FairPath(run.marks, run.market.end_ns))
    assert held.net_abs_mean == pytest.approx(10.0)
    assert held.net_mean == pytest.approx(-10 / 3)
    assert held.net_abs_max == 20.0
    assert held.skewed_share == pytest.approx(1 / 3)


def test_skew_moves_with_the_price_while_shares_stay() -> None:
    steps = [(at(0), 100_000_000, 100_000_000)]
    run = settled(1.0, [], inventory=steps, marks=[(at(0), 0.5), (at(150), 0.9)])
    held = measure_inventory(run, FairPath(run.marks, run.market.end_ns))
    assert held.net_abs_mean == 0.0
    assert held.skewed_share == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("up", "down", "mid", "skew"),
    [
        (100, 50, 0.60, 0.5),
        (50, 100, 0.60, -0.142857),
        (60, 40, 0.50, 0.2),
        (10, 0, 0.5, 1.0),
        (0, 0, 0.5, 0.0),
        (100, 100, 0.90, 0.8),
    ],
)
def test_skew_by_value_is_the_documented_number(
    up: float, down: float, mid: float, skew: float
) -> None:
    assert value_skew(up, down, mid) == pytest.approx(skew, abs=1e-6)


def test_uptime_counts_both_sides_live_within_the_window() -> None:
    quotes = [
        (at(-10), 4800, 5_000_000, 5200, 5_000_000),
        (at(30), 4800, 5_000_000, 0, 0),
        (at(60), 0, 0, 0, 0),
        (at(270), 4800, 5_000_000, 5200, 5_000_000),
        (at(400), 0, 0, 0, 0),
    ]
    run = settled(1.0, [], quotes=quotes)
    assert live_seconds(run) == (60.0, 30.0)
    run.seconds = {"two_sided": 55.0, "one_sided": 20.0}
    assert live_seconds(run) == (55.0, 20.0)


def test_a_quote_is_as_old_as_its_price_on_its_side() -> None:
    quotes = [
        (at(0), 4800, 9, 5200, 9),
        (at(4), 4800, 5, 5300, 9),
        (at(6), 4900, 9, 5300, 9),
    ]
    fills = [
        make_fill(Token.UP, 4800, 1, at(5)),
        make_fill(Token.DOWN, 4700, 1, at(5)),
        make_fill(Token.UP, 4800, 1, at(7)),
        make_fill(Token.UP, 1000, 1, at(7)),
    ]
    ages = quote_ages(quotes, fills)
    assert ages[:3] == [5.0, 1.0, 7.0]
    assert math.isnan(ages[3])


def test_sources_sum_to_the_total_for_any_random_fill() -> None:
    rng = random.Random(11)
    print("seed 11")
    for _ in range(200):
        price = rng.randrange(1, 10_000)
        record = FillRecord(
            fill=make_fill(
                Token(rng.randrange(2)), price, rng.random() * 50, at(rng.random() * 310)
            ),
            fair=rng.random(),
        )
        marks = sorted((at(rng.random() * 310), rng.random()) for _ in range(rng.randrange(8)))
        figures = measure(settled(float(rng.randrange(2)), [record], marks=marks))
        fill = figures.fills[0]
        parts = fill.edge + fill.adverse + fill.drift + fill.settlement
        assert parts == pytest.approx(figures.pnl, abs=1e-9)
