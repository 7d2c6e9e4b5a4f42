"""The bench of the backtest: one feed for all, and rules that are those of our venue."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benches.backtest import agreement, day
from benches.backtest.__main__ import main
from benches.backtest.coinciding import LOT_E6, coinciding_rows
from benches.backtest.feed import MS, SNAPSHOT_ROWS, make_rows, pack_rows, peer_events
from benches.backtest.ours import settings
from benches.backtest.venue_rules import ALL, NONE, replay
from polymm._core.layout import ROW_ASK, ROW_CHANGE, ROW_TRADE
from polymm._core.tape_rows import TapeRows

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")


def test_feed_is_drawn_by_its_seed_and_sound() -> None:
    rows = make_rows(3_000, seed=4)
    assert np.array_equal(rows, make_rows(3_000, seed=4))
    assert not np.array_equal(rows, make_rows(3_000, seed=5))
    assert TapeRows(rows).rows_n == 3_000 + SNAPSHOT_ROWS
    assert 0.08 < np.mean(rows["kind"] == ROW_TRADE) < 0.12
    assert (rows["exch_ns"] % 2 == 1).all()


def test_peer_is_told_the_same_events() -> None:
    rows = make_rows(2_000, seed=1)
    told = peer_events(rows)
    assert len(told) == len(rows) - 1
    for row, event in zip(rows[-200:].tolist(), told[-200:].tolist(), strict=True):
        exch_ns, recv_ns, size_e6, price_e4, _, _, kind, flags = row
        assert event[1:5] == (exch_ns, recv_ns, price_e4 / 10_000, size_e6 / 1_000_000)
        assert event[0] & 0xFF == {ROW_CHANGE: 1, ROW_TRADE: 2}[kind]
        assert bool(event[0] >> 28 & 1) == bool(flags & ROW_ASK)


def test_rules_with_no_switch_on_are_those_of_our_venue() -> None:
    tape = pack_rows(make_rows(20_000, seed=3))
    orders, _, fills = agreement.run_ours(tape, settings(10 * MS))
    told = replay(tape.rows, orders, NONE, lot_e6=10_000)
    assert sum(map(len, fills.values())) > 80
    assert {order_id: found for order_id, found in told.items() if found} == fills
    assert replay(tape.rows, orders, ALL, lot_e6=10_000) != told


def test_rules_of_both_venues_say_the_same_where_they_coincide() -> None:
    tape = pack_rows(coinciding_rows(12_000, seed=3), lot_e6=LOT_E6, order_min_e6=LOT_E6)
    orders, _, fills = agreement.run_ours(tape, agreement.coinciding_settings())
    assert len(fills) > 100
    assert replay(tape.rows, orders, ALL, lot_e6=LOT_E6) == fills
    # Two lots an order would fill in part.
    wanted = agreement.coinciding_settings()
    parameters = replace(wanted.parameters, order_size_e6=2 * LOT_E6)
    orders, _, fills = agreement.run_ours(tape, replace(wanted, parameters=parameters))
    assert replay(tape.rows, orders, ALL, lot_e6=LOT_E6) != fills


def test_bench_runs_without_the_peer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--smoke", "--no-peer", "--no-day", "--events", "1000"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "hftbacktest skipped: left out" in lines
    assert any(line.startswith("polymm, the whole model  ") for line in lines)


def test_memory_and_a_day_are_measured(tmp_path: Path) -> None:
    day.write_day(tmp_path, windows=2, events_n=500, seed=1)
    assert day.work(str(tmp_path), 10 * MS, 0, 1)["rows"] == 2 * (500 + SNAPSHOT_ROWS)
    assert day.work(str(tmp_path), 10 * MS, 1, 2)["rows"] == 500 + SNAPSHOT_ROWS
    assert day.trials(str(tmp_path / "000.tape"), 10 * MS, 10)["late_kb"] > 0
