"""A run's own orders on the tape of the run: taken out of the book, put to the venue, compared."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from polymm._core.backtest import Backtest
from polymm._core.backtest_names import ACTIONS
from polymm._core.layout import ROW_CHANGE, ROW_LEVEL
from polymm._core.own_orders import CANCEL, PLACE, play_orders
from polymm._core.tape_rows import TapeRows
from polymm.domain.order import Place, Side, Token
from polymm.errors import InputError
from polymm.exchange.tape import parse_queue
from polymm.research.backtest import add_tape, sound_rows
from polymm.research.calibration import (
    Calibration,
    calibrate,
    calibrated,
    read_delays,
    recorded_delays,
    split,
    write_calibration,
)
from polymm.research.own_fills import (
    RISK_AVERSE,
    Model,
    Outcome,
    actual,
    closest,
    clusters_of,
    compare_fills,
    own_tape,
    simulated,
)
from polymm.research.own_orders import Delays, OwnOrder, measured, without_own
from polymm.research.tape_pack import pack
from polymm.runtime.config_source import load_config
from polymm.runtime.tape_settings import latency, queues
from tests.oracle.backtest_cases import random_case
from tests.oracle.delays import DrawnDelays, market_seed
from tests.support.tapes import MS, SHARE, at, book, change, tape, trade

BOOK = book(-50, [(0.49, 100), (0.48, 50)], [(0.52, 100), (0.53, 50)])


def order(number=1, *, side=Side.BUY, token=Token.UP, price_e4=4_900, shares=20, **told):
    """An order for Up at the touch, sent at 0 ms; times in ms, fills as (ms, shares)."""
    place = Place(number, "btc", token, side, price_e4, shares * SHARE)
    fills = [(at(ms), at(ms + 8), size * SHARE) for ms, size in told.pop("fills", ())]
    times = {name: at(ms) for name, ms in told.items()}
    sent_ns = times.pop("sent_ns", at(0))
    return OwnOrder(number, f"0x{number}", "0xc", place, sent_ns, fills=fills, **times)


def sizes(rows, price_e4):
    """What a level shows, row by row."""
    is_level = (rows["kind"] == ROW_CHANGE) | (rows["kind"] == ROW_LEVEL)
    return [int(row["size_e6"]) // SHARE for row in rows[is_level & (rows["price_e4"] == price_e4)]]


# Our own size in the book


def test_our_own_size_is_taken_out_of_what_is_displayed():
    ours = order(rested_ns=10, fills=[(30, 5)], gone_ns=40)
    rows = pack(
        tape(
            BOOK,
            change(10, "BUY", 0.49, 120),
            change(20, "BUY", 0.49, 150),
            change(30, "BUY", 0.49, 15),
            change(40, "BUY", 0.49, 0),
            change(50, "BUY", 0.49, 60),
        )
    ).rows
    shown = without_own(rows, [ours])
    assert sizes(shown.rows, 4_900) == [100, 100, 130, 0, 0, 60]
    assert shown.short_n == 0
    assert sizes(rows, 4_900) == [100, 120, 150, 15, 0, 60]


def test_of_changes_of_one_millisecond_ours_is_the_one_of_its_size():
    rows = pack(
        tape(
            BOOK,
            change(10, "BUY", 0.49, 70),
            change(10, "BUY", 0.49, 90),
            change(10, "BUY", 0.49, 95),
        )
    ).rows
    shown = without_own(rows, [order(rested_ns=10)])
    assert sizes(shown.rows, 4_900) == [100, 70, 70, 75]


def test_a_snapshot_shows_our_size_too_and_an_order_for_down_stands_among_the_asks():
    ours = order(token=Token.DOWN, price_e4=4_700, rested_ns=10)
    again = book(20, [(0.49, 100)], [(0.52, 100), (0.53, 20)])
    rows = pack(tape(BOOK, change(10, "SELL", 0.53, 70), again)).rows
    shown = without_own(rows, [ours]).rows
    # All that is left of that level is ours: it is no level then.
    assert sizes(shown, 5_300) == [50, 50]
    assert sizes(shown, 5_200) == [100, 100]


def test_less_than_ours_on_display_is_counted():
    rows = pack(tape(BOOK, change(10, "BUY", 0.49, 120), change(30, "BUY", 0.49, 5))).rows
    shown = without_own(rows, [order(rested_ns=10)])
    assert (sizes(shown.rows, 4_900)[-1], shown.short_n) == (0, 1)


# The venue


@pytest.mark.parametrize("share", range(4))
def test_orders_of_a_backtest_get_there_what_they_got_in_the_loop(share):
    fills_n = 0
    for seed in range(share, 120, 4):
        found, settings, more = random_case(seed)
        if not found.has_trades:
            continue
        delays, (queue, queue_n) = more["latency"], parse_queue(more["queue"])
        packed = pack(found, feed_ns=delays.feed_ns)
        rows = sound_rows(packed, feed_ns=delays.feed_ns)
        loop = Backtest()
        add_tape(loop, packed, rows, settings, queue=more["queue"], latency=delays, form="trades",
                 keep="actions")  # fmt: skip
        loop.run()
        if "balance" in loop.result()["rejects"]:
            continue
        acts = []
        drawn = DrawnDelays(delays, market_seed(settings.seed, packed.market.slug))
        for now_ns, kind, number, *facts in loop.notes("actions").tolist():
            after_ns = drawn.next_ns("cancel" if ACTIONS[kind] == "cancel" else "order")
            if ACTIONS[kind] != "merge":
                is_place = ACTIONS[kind] == "place"
                acts.append((now_ns + after_ns, PLACE if is_place else CANCEL, number, *facts))
        acts.sort(key=lambda act: act[0])
        market = packed.market
        fills, _, refused = play_orders(
            rows,
            np.array(acts, dtype=np.int64).reshape(len(acts), 7),
            start_ns=market.start_ns,
            end_ns=market.end_ns,
            trade_lag_ns=packed.trade_lag_ns,
            match_ns=delays.match_ns,
            queue=queue,
            queue_n=queue_n,
        )
        names = ["at_ns", "order_id", "price_e4", "size_e6", "front_e6", "token", "action"]
        expected = loop.notes("fills")
        assert fills[names].tolist() == expected[names].tolist(), f"seed {seed}"
        rejects = loop.result()["rejects"]
        # What comes after the end is not put to the venue.
        assert len(refused) == sum(rejects.values()) - rejects.get("market_closed", 0)
        fills_n += len(fills)
    assert fills_n > 20


def test_an_order_that_stands_first_is_filled_by_the_first_trade():
    script = np.array([(at(5), PLACE, 1, 0, 0, 4_900, 20 * SHARE)], dtype=np.int64)
    packed = pack(tape(BOOK, trade(10, "SELL", 0.49, 30), change(10, "BUY", 0.49, 70)))
    rows, span = TapeRows(packed.rows), {"start_ns": at(0), "end_ns": at(1000)}
    assert len(play_orders(rows, script, **span)[0]) == 0
    (fill,) = play_orders(rows, script, is_first=True, **span)[0]
    assert (fill["size_e6"], fill["front_e6"]) == (20 * SHARE, 0)


def test_times_of_a_script_must_not_fall():
    script = np.array([(at(5), CANCEL, 1, 0, 0, 0, 0), (at(4), CANCEL, 1, 0, 0, 0, 0)])
    with pytest.raises(InputError, match="fell at 1"):
        play_orders(TapeRows(pack(tape(BOOK)).rows), script, start_ns=at(0), end_ns=at(9))


# How far off


def window(n=0, *, fills=((1200, 20),), cancel_ms=1300):
    """100 stand before ours; 80 of them are traded away, 20 cancelled, 20 traded with us.

    A drop within a second of a trade would be that trade's own.
    """
    start = 2000 * n
    ms = {"sent_ns": 0, "answered_ns": 9, "rested_ns": 5, "cancel_sent_ns": cancel_ms}
    gone = {} if fills else {"gone_ns": cancel_ms + 5}
    told = {name: value + start for name, value in (ms | gone).items()}
    ours = order(n + 1, fills=[(start + at_ms, size) for at_ms, size in fills], **told)
    shown = 20 if not fills else 0
    frames = [
        change(start, "BUY", 0.49, 100),
        change(start + 5, "BUY", 0.49, 120),
        trade(start + 10, "SELL", 0.49, 80),
        change(start + 10, "BUY", 0.49, 40),
        change(start + 20, "BUY", 0.49, 20),
        trade(start + 1200, "SELL", 0.49, 20),
        change(start + 1200, "BUY", 0.49, shown),
    ]
    packed = pack(tape(BOOK, *frames, end_ns=at(start + 3000)))
    return own_tape(packed, [ours])


def test_fills_as_they_were_are_no_distance_apart():
    tapes = [window()]
    recorded = recorded_delays(tapes[0].orders)
    found = compare_fills(tapes, [RISK_AVERSE], recorded, recorded)
    assert (found.fills, found.shares_e6) == (1, 20 * SHARE)
    assert found.total.share.value == found.total.cents.value == found.total.volume.value == 0.0


def test_a_cancel_that_is_thought_to_come_too_early_is_a_matter_of_latency():
    tapes = [window(cancel_ms=1190)]
    recorded = Delays(order_ns=5 * MS, cancel_ns=20 * MS, is_recorded=True)
    hasty = Delays(order_ns=5 * MS, cancel_ns=0)
    found = compare_fills(tapes, [RISK_AVERSE], hasty, recorded)
    assert found.total.share.value == found.parts["latency"].share.value == 1.0
    assert found.parts["queue"].share.value == found.parts["unknown"].share.value == 0.0


def test_a_fill_that_no_place_in_the_queue_gives_is_unknown():
    tapes = [window(fills=((8, 20),), cancel_ms=9)]
    recorded = Delays(order_ns=5 * MS, cancel_ns=0, is_recorded=True)
    found = compare_fills(tapes, [RISK_AVERSE], recorded, recorded)
    assert found.parts["unknown"].share.value == 1.0


def test_the_closest_of_what_models_allow_is_what_happened_where_it_lies_between():
    real = Outcome(np.array([5.0, 9.0, 0.0]), np.array([1.0, 2.0, 0.0]))
    low = Outcome(np.array([0.0, 2.0, 3.0]), np.array([0.0, 4.0, 6.0]))
    high = Outcome(np.array([8.0, 4.0, 4.0]), np.array([3.0, 8.0, 9.0]))
    best = closest(real, [low, high])
    assert best.filled.tolist() == [5.0, 4.0, 3.0]
    assert best.edge.tolist() == [1.0, 8.0, 6.0]


def test_parts_add_up_to_the_whole():
    tapes = [window(0), window(1, cancel_ms=1190), window(2, fills=())]
    recorded = recorded_delays([one for tape_ in tapes for one in tape_.orders])
    found = compare_fills(
        tapes, [RISK_AVERSE, Model("prob")], Delays(order_ns=40 * MS, cancel_ns=0), recorded
    )
    for name in ("share", "cents", "volume"):
        whole = getattr(found.total, name).value
        parts = sum(getattr(part, name).value for part in found.parts.values())
        assert parts == pytest.approx(whole)
    assert found.total.share.value > 0.0
    assert set(found.band) == {"risk_averse, 1000 ms", "prob, 1000 ms"}


def test_coins_of_one_window_are_one_cluster():
    one = window()
    coins = [replace(one, market=replace(one.market, start_ns=at(n // 2))) for n in range(10)]
    assert clusters_of(coins) == ([at(n // 2) for n in range(10)], "windows")
    assert clusters_of(coins[:8]) == (list(range(8)), "orders")


# Calibration


def test_delays_are_measured_by_the_venues_stamps():
    found = measured([order(rested_ns=5, answered_ns=9, cancel_sent_ns=60, gone_ns=63)])
    assert {name: values.tolist() for name, values in found.items()} == {
        "order": [5 * MS + MS // 2],
        "reply": [4 * MS - MS // 2],
        "cancel": [3 * MS + MS // 2],
    }


def test_a_model_is_fitted_on_other_windows_than_it_is_shown_on():
    one = window()
    tapes = [replace(one, market=replace(one.market, start_ns=at(n))) for n in range(5)]
    fitted, shown = split(tapes)
    assert (len(fitted), len(shown)) == (3, 2)
    assert not {id(one) for one in fitted} & {id(one) for one in shown}
    other = [replace(one, market=replace(one.market, slug="eth")) for one in tapes]
    both, _ = split(tapes + other)
    assert {one.market.start_ns for one in both} == {one.market.start_ns for one in fitted}
    assert len(both) == 6
    with pytest.raises(InputError, match="two windows"):
        split([tapes[0], other[0]])


def test_the_queue_that_is_closest_is_taken():
    tapes = [window(n) for n in range(3)]
    found = calibrate(tapes, np.full(30, 7 * MS))
    assert found.shares[found.model] == min(found.shares.values())
    assert found.delays["feed"].tolist() == [7 * MS] * 30
    # Three answers are too few to draw from.
    assert "order" not in found.delays
    assert found.too_few["order"] == 3


def test_what_was_fitted_is_a_configuration(tmp_path: Path):
    delays = {"order": np.arange(1, 22) * MS, "feed": np.full(20, 7 * MS)}
    (tmp_path / 'a "good" run').mkdir()
    out = tmp_path / 'a "good" run' / "fitted.toml"
    fitted = Calibration(Model("prob(0.5)", 30 * MS), {}, delays, {"cancel": 3}, 4)
    write_calibration(out, fitted, "a run")
    assert "# cancel: 3 measured, too few" in out.read_text()
    config = load_config(out).config
    assert queues(config) == ("prob(0.5)",)
    found = latency(config)
    assert found.of("order").tolist() == delays["order"].tolist()
    assert (found.of("cancel"), found.feed_ns) == (50 * MS, 7 * MS)
    assert found.match_ns == 30 * MS
    assert found.scaled(2.0).of("order").tolist() == (2 * delays["order"]).tolist()
    # What is shown of it is what runs with it.
    shown = calibrated(fitted, Delays(order_ns=50 * MS, cancel_ns=50 * MS))
    assert shown.order_ns is delays["order"]
    assert (shown.cancel_ns, shown.is_recorded) == (50 * MS, False)


@pytest.mark.parametrize("content", [b"", b"PK no file", None])
def test_delays_that_cannot_be_read_are_refused(tmp_path: Path, content):
    path = tmp_path / "delays.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"delays\.npz"):
        read_delays(path)


def test_delays_below_nothing_are_refused(tmp_path: Path):
    path = tmp_path / "delays.npz"
    with path.open("wb") as file:
        np.savez(file, order=np.array([-1]))
    with pytest.raises(InputError, match="at least 0"):
        read_delays(path)


def test_the_same_seed_draws_the_same_delays():
    tapes = [window(n) for n in range(3)]
    drawn = Delays(order_ns=np.arange(50) * MS, cancel_ns=np.arange(9) * MS, seed=3)
    first, again = (simulated(tapes, Model("prob"), drawn) for _ in range(2))
    assert first.filled.tolist() == again.filled.tolist()
    assert actual(tapes).filled.tolist() == [20 * SHARE] * 3
