"""Whole runs on small tapes: what is recorded, what adds up, what happens when it cannot."""

import pytest

from polymm.domain.order import Fill, Side, Token
from polymm.engine.settings import MakerSettings
from polymm.errors import LedgerError, RecordingError
from polymm.exchange.flow import FlowSettings, generate_window
from polymm.exchange.tape import Latency
from polymm.research.recordings import open_tapes
from polymm.research.records import MarketRun
from polymm.research.tape_facts import run_flattery
from polymm.research.tape_money import check_money, pnl_of_fills_e6
from polymm.research.tape_run import RunSettings, assemble, run_tape
from polymm.strategy.base import BaseParameters
from tests.support.recordings import recording
from tests.support.tapes import SHARE, at, book, change, market, tape, trade

BIDS = [(0.47, 200), (0.48, 100), (0.46, 50)]
ASKS = [(0.53, 120), (0.52, 80), (0.54, 50)]
MS = 1_000_000
DOLLAR = 1_000_000
BIG = RunSettings(
    parameters=BaseParameters(order_size_e6=20 * SHARE, max_position_e6=200 * SHARE),
    maker=MakerSettings(merge_enabled=True, max_total_position_e6=1_000 * DOLLAR),
)


def still_tape(until_s=300, **more):
    """A book that changes far from the touch every second, so that it never goes stale."""
    frames = [change(1_000 * s, "BUY", 0.40, 100 + s) for s in range(1, until_s)]
    return tape(book(0, BIDS, ASKS), *more.pop("frames", ()), *frames, **more)


def totals(run):
    orders = run.orders
    return orders.filled_e6 + orders.cancelled_e6 + orders.rejected_e6 + orders.expired_e6


# What is recorded


def test_quotes_both_sides_of_a_quiet_book_but_for_the_gaps_of_requoting():
    run = run_tape(still_tape(), BIG)
    assert run.seconds["book_two_sided"] == pytest.approx(300, abs=0.2)
    # Each of 300 cycles leaves 100 ms between the cancel's arrival and the next order's.
    assert run.seconds["quoted_two_sided"] / 300 == pytest.approx(0.9, abs=0.01)
    assert run.no_quote_seconds.keys() >= {"awaiting_proof", "on_the_way"}


def test_seconds_by_reason_are_the_seconds_without_both_sides():
    run = run_tape(still_tape(), BIG)
    seconds = run.seconds
    assert sum(run.no_quote_seconds.values()) == pytest.approx(
        seconds["one_sided"] + seconds["none"]
    )
    assert seconds["two_sided"] + seconds["one_sided"] + seconds["none"] == pytest.approx(300)


def test_keeping_orders_leaves_no_gap():
    settings = RunSettings(
        parameters=BIG.parameters,
        maker=MakerSettings(requote="diff", max_total_position_e6=1_000 * DOLLAR),
    )
    run = run_tape(still_tape(), settings)
    assert run.seconds["two_sided"] > 298  # the first cycle met no book yet
    assert run.orders.placed_n == 2


def test_fill_carries_the_filtered_mid_of_its_moment():
    frames = [book(2_000, [(0.45, 9), (0.46, 9)], ASKS), trade(2_500, "SELL", 0.40, 7)]
    run = run_tape(still_tape(frames=frames), BIG)
    (record,) = run.fills
    assert record.fill.size_e6 == 7 * SHARE
    assert record.fair == pytest.approx(0.49)
    assert run.marks[0] == (at(0), pytest.approx(0.50))
    assert run.inventory == [(at(2_500), 7 * SHARE, 0)]


def test_marks_start_with_the_window():
    early = book(-5_000, [(0.40, 9), (0.41, 9)], [(0.43, 9), (0.44, 9)])
    run = run_tape(still_tape(frames=[early]), BIG)
    assert run.marks[0] == (at(0), pytest.approx(0.50))
    assert all(ns >= at(0) for ns, _ in run.marks)


def test_nothing_is_quoted_before_the_window_or_after_it():
    early = [book(-5_000 + 100 * i, BIDS, ASKS) for i in range(49)]
    late = [book(300_000 + 100 * i, BIDS, ASKS) for i in range(20)]
    run = run_tape(still_tape(frames=[*early, *late]), BIG)
    assert at(0) < run.quotes[0][0]
    assert run.quotes[-1] == (at(300_000), 0, 0, 0, 0)
    assert run.orders.expired_e6 > 0


def test_margin_before_the_close_pulls_everything_in_time():
    settings = RunSettings(parameters=BIG.parameters, maker=BIG.maker, close_margin_ns=2_000 * MS)
    run = run_tape(still_tape(), settings)
    assert run.orders.expired_e6 == 0
    assert run.quotes[-1][0] <= at(298_100)


def test_silence_is_flagged_and_its_book_no_longer_called_quotable():
    run = run_tape(still_tape(until_s=60), BIG)
    assert run.defects["gaps_over_10_s"] == 1
    assert run.seconds["book_two_sided"] == pytest.approx(69, abs=1)


def test_latency_delays_the_first_quote():
    first = [run_tape(still_tape(), BIG, latency=Latency().scaled(k)).quotes[0][0] for k in (1, 2)]
    # The market opens; the first frame is known one feed later, the orders rest one way later.
    assert first[1] - first[0] in (50 * MS, 150 * MS)


def test_recorded_receipt_times_are_used_where_usable():
    frames = [frame._replace(recv_ns=frame.exch_ns + 700 * MS) for frame in still_tape().frames]
    late = tape(*frames)
    run = run_tape(late, BIG)
    assert run.quotes[0][0] >= at(750)


# What adds up


def test_order_identity_and_money_hold_on_a_busy_synthetic_window():
    window = generate_window(3, settings=FlowSettings(window_s=120))
    for queue in ("risk_averse", "prob(3)"):
        run = run_tape(window, BIG, queue=queue)
        assert run.fills
        assert run.merges
        assert totals(run) == run.orders.placed_e6
        assert run.orders.open_e6 == 0
        assert run.orders.filled_e6 == sum(record.fill.size_e6 for record in run.fills)
        assert run.cash_end_e6 - run.cash_start_e6 == run.pnl_fills_e6
        assert run.status == "settled"


def test_same_tape_twice_leaves_the_same_record():
    window = generate_window(5, settings=FlowSettings(window_s=60))
    first, second = (repr(run_tape(window, BIG)) for _ in range(2))
    assert first == second


def test_tape_without_outcome_is_run_marked_and_left_out():
    frames = [trade(2_500, "SELL", 0.40, 7)]
    run = run_tape(still_tape(frames=frames, outcome=None), BIG)
    assert (run.status, run.exclusion, run.payout_up) == ("unsettled", "no_outcome", None)
    assert run.unsettled_value_e6 == 3_500_000
    assert run.pnl_fills_e6 == run.cash_end_e6 - run.cash_start_e6 + run.unsettled_value_e6


def test_tape_without_a_frame_in_its_window_is_not_run():
    run = run_tape(tape(book(-5_000, BIDS, ASKS), has_trades=False), BIG)
    assert (run.status, run.exclusion) == ("excluded", "outside_window")


@pytest.mark.parametrize(("form", "fills"), [("none", 0), ("through", 1)])
def test_tape_without_trades_has_two_forms(form, fills):
    frames = [book(2_500, [(0.40, 9), (0.41, 9)], [(0.45, 8), (0.55, 9)])]
    run = run_tape(still_tape(frames=frames, has_trades=False), BIG, fill_form=form)
    assert run.fill_form == form
    assert len(run.fills) == fills
    assert all(record.fill.inferred for record in run.fills)


def test_rebate_is_the_makers_share_of_what_the_taker_paid():
    run = run_tape(still_tape(frames=[trade(2_500, "SELL", 0.40, 7)]), BIG)
    (record,) = run.fills
    price_e4 = record.fill.price_e4
    # 7 shares at the bid: .07 x 7 x p (1 - p) dollars to 5 decimals, a fifth of it to us.
    fee_e6 = round(7 * 0.07 * price_e4 * (10_000 - price_e4) / 1e8, 5) * 1e6
    assert run.rebate_e6 == int(round(fee_e6) * 0.2)


def test_only_trades_within_the_window_count_as_the_tapes_volume():
    sizes = {-500: 3, 0: 5, 2_500: 7, 299_999: 11, 300_000: 13}
    trades = [trade(ms, "SELL", 0.40, size) for ms, size in sizes.items()]
    run = run_tape(still_tape(frames=trades), BIG)
    assert run.venue_trades_e6 == (5 + 7 + 11) * SHARE


def test_ledger_and_fill_list_must_agree_to_the_micro_dollar():
    run = MarketRun(market=market(), source="", status="settled", cash_end_e6=1)
    with pytest.raises(LedgerError, match="by the fill list 0e-6"):
        check_money(run)


def test_pnl_of_fills_counts_merges_and_the_payout():
    fills = [
        Fill(1, 1, "m", Token.UP, Side.BUY, 4_800, 100 * SHARE, 0, at(0)),
        Fill(2, 2, "m", Token.DOWN, Side.BUY, 4_700, 60 * SHARE, 0, at(1)),
    ]
    spent = 48 * DOLLAR + 28_200_000
    nan = float("nan")
    assert pnl_of_fills_e6(fills, [], payout_up=1.0, fair=nan) == 100 * DOLLAR - spent
    assert pnl_of_fills_e6(fills, [], payout_up=1.0, fair=nan) == 23_800_000
    merged = [(at(2), 60 * SHARE)]
    assert pnl_of_fills_e6(fills, merged, payout_up=1.0, fair=nan) == 23_800_000
    assert pnl_of_fills_e6(fills, merged, payout_up=None, fair=0.5) == 80 * DOLLAR - spent


# Runs of many, and ends before the end


def test_run_states_its_facts_and_what_flatters_it():
    tapes = [still_tape(), still_tape(has_trades=False, outcome=None)]
    markets = [run_tape(one, BIG, queue="prob(3)", fill_form="through") for one in tapes]
    run = assemble(markets, BIG, queue="prob(3)", latency=Latency(), facts={"seed": "7"})
    assert len(run.markets) == 2
    assert run.facts.keys() >= {"queue", "latency", "fees", "taker_delay", "fair", "seed"}
    assert run.facts["queue"] == "prob(3)"
    assert any("inferred" in sentence for sentence in run.flattery)


def test_windows_that_overlap_are_named():
    def flattery(*spans_s):
        spans = [{"start_ns": at(1000 * a), "end_ns": at(1000 * b)} for a, b in spans_s]
        runs = [
            MarketRun(market=market(**span), source="", status="settled", fill_form="none")
            for span in spans
        ]
        return run_flattery(runs, Latency())

    assert not any("overlap" in said for said in flattery((0, 300), (0, 300), (300, 600)))
    said = flattery((300, 600), (0, 900), (600, 900), (0, 900), (900, 1200))
    assert any("Windows of 2 starts overlap earlier ones" in one for one in said)


def test_stop_ends_in_order_where_it_stands():
    asked = []

    def stop():
        asked.append(1)
        return len(asked) > 3

    market_run = run_tape(still_tape(), BIG, stop=stop)
    assert (market_run.status, market_run.exclusion) == ("unsettled", "stopped")
    assert market_run.orders.open_e6 == 0
    assert totals(market_run) == market_run.orders.placed_e6
    assert market_run.quotes[-1][0] < at(300_000)


def test_progress_tells_where_the_run_stands():
    seen = []
    run_tape(still_tape(), BIG, progress=seen.append)
    assert seen
    assert all(0 <= now.elapsed <= 1 for now in seen)
    assert {now.bid[1] for now in seen} <= {0, 20 * SHARE}
    assert {now.bid[1] for now in seen} != {0}


def test_damaged_frame_ends_the_run_with_its_source():
    bad = change(5_000, "BUY", 0.4, 1)._replace(frame=b'{"event_type":"price_change"')
    with pytest.raises(RecordingError, match="hand-made: frame"):
        run_tape(still_tape(frames=[bad]), BIG)


# Recordings


def test_l2_markets_settle_and_are_quoted_most_of_the_time():
    tapes = open_tapes(recording("l2_btc15m/books.parquet"))
    markets = [run_tape(one, RunSettings()) for one in tapes[:3]]
    assert [market_run.status for market_run in markets] == ["settled"] * 3
    quoted = sum(market_run.seconds["quoted"] for market_run in markets)
    allowed = sum(market_run.seconds["book_two_sided"] for market_run in markets)
    assert quoted / allowed > 0.8


def test_raw_capture_fills_by_its_trades_and_stays_unsettled():
    tapes = open_tapes(recording("ws_market_btc5m/*.part1.jsonl.gz"))
    current, following = (run_tape(one, RunSettings()) for one in tapes)
    assert (current.fill_form, current.exclusion) == ("trades", "no_outcome")
    assert current.venue_trades_e6 > 0
    assert following.exclusion == "outside_window"
