"""No decision knows the future: give a tape another one, and all that was decided stands.

The future of a tape is what the venue says after some moment. Its frames keep their times and
exchange their texts, so that every price, size and trade of it comes at another time.
"""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from polymm._core.backtest import Backtest
from polymm.domain.market import NS
from polymm.engine.settings import MakerSettings
from polymm.exchange.flow import FlowSettings, generate_window
from polymm.exchange.tape import Latency
from polymm.research.backtest import add_tape, sound_rows
from polymm.research.recordings import open_tapes
from polymm.research.run_settings import RunSettings
from polymm.research.tape_pack import pack
from polymm.strategy.base import BaseParameters
from tests.support.recordings import recording
from tests.support.tapes import SHARE

DELAYS = Latency()
CUTS = (0.1, 0.25, 0.4, 0.55, 0.7, 0.85)
SIZES = {"order_size_e6": 20 * SHARE, "max_position_e6": 200 * SHARE}
ROOM = 1_000 * 1_000_000
SETTINGS = {
    "timer": RunSettings(
        parameters=BaseParameters(**SIZES),
        maker=MakerSettings(merge_enabled=True, max_total_position_e6=ROOM),
    ),
    "event": RunSettings(
        parameters=BaseParameters(cycle="event", ask_mode="sell_first", **SIZES),
        maker=MakerSettings(cycle="event", requote="diff", max_total_position_e6=ROOM),
    ),
}


def decided(tape, settings, form, delays):
    """All that a run sends with its times, and all that the venue fills with its own."""
    packed = pack(tape, feed_ns=delays.feed_ns)
    loop = Backtest()
    add_tape(
        loop,
        packed,
        sound_rows(packed, feed_ns=delays.feed_ns),
        settings,
        queue="risk_averse",
        latency=delays,
        form="trades" if tape.has_trades else form,
        keep="actions",
    )
    loop.run()
    return loop.notes("actions").tolist(), loop.notes("fills").tolist()


def with_another_future(tape, after_ns, seed):
    """The same tape whose frames after a moment have exchanged their texts."""
    frames = list(tape.frames)
    known = sum(frame.exch_ns <= after_ns for frame in frames)
    texts = [frame.frame for frame in frames[known:]]
    Random(seed).shuffle(texts)
    later = [frame._replace(frame=text) for frame, text in zip(frames[known:], texts, strict=True)]
    outcome = {"up": "down", "down": "up", None: None}[tape.outcome]
    return replace(tape, frames=[*frames[:known], *later], outcome=outcome, truth=())


def told(fill):
    """A fill but for f, which may not be known yet, and whether a later cancel was on its way."""
    return [value for value in fill if value == value]


def assert_the_past_stands(tape, settings, form="none", delays=DELAYS):
    tape = replace(tape, frames=list(tape.frames))
    first_ns = max(tape.market.start_ns, tape.frames[0].exch_ns)
    length_ns = min(tape.market.end_ns, tape.frames[-1].exch_ns) - first_ns
    sent, fills = decided(tape, settings, form, delays)
    differing = 0
    for seed, share in enumerate(CUTS):
        cut_ns = first_ns + round(share * length_ns)
        other = with_another_future(tape, cut_ns, seed)
        others_sent, others_fills = decided(other, settings, form, delays)
        # A trade is matched up to its lag before it is told; news of anything takes its time.
        matched_ns = cut_ns - tape.trade_lag_ns
        known_ns = matched_ns + min(delays.feed_ns, delays.reply_ns)
        before = [order for order in sent if order[0] <= known_ns]
        assert before
        assert [order for order in others_sent if order[0] <= known_ns] == before
        assert [told(fill) for fill in others_fills if fill[0] <= matched_ns] == [
            told(fill) for fill in fills if fill[0] <= matched_ns
        ]
        differing += others_sent != sent
    assert differing > 1


@pytest.mark.parametrize("cycle", SETTINGS)
def test_another_future_of_a_synthetic_market_changes_nothing_decided(cycle):
    tape = generate_window(21, settings=FlowSettings(window_s=40, lookback_s=8))
    assert tape.trade_lag_ns
    assert_the_past_stands(tape, SETTINGS[cycle])


def test_nothing_is_known_before_its_recorded_receipt_or_the_reply():
    tape = generate_window(22, settings=FlowSettings(window_s=30, lookback_s=6))
    late = [frame._replace(recv_ns=frame.exch_ns + NS // 2) for frame in tape.frames]
    delays = Latency(feed_ns=NS // 2, reply_ns=NS // 2)
    hasty = replace(delays, feed_ns=0)  # of no use: every receipt was recorded
    tape = replace(tape, frames=late)
    assert decided(tape, SETTINGS["event"], "none", hasty) == decided(
        tape, SETTINGS["event"], "none", delays
    )
    assert_the_past_stands(tape, SETTINGS["event"], delays=delays)


@pytest.mark.parametrize("cycle", SETTINGS)
def test_another_future_changes_nothing_that_was_drawn(cycle):
    tape = generate_window(23, settings=FlowSettings(window_s=30, lookback_s=6))
    ns = np.array([5, 10, 40, 80, 300]) * (NS // 1000)
    drawn = dict.fromkeys(("feed", "order", "cancel", "reply"), ns)
    least = Latency(measured=drawn, feed_ns=5 * NS // 1000, reply_ns=5 * NS // 1000)
    assert_the_past_stands(tape, SETTINGS[cycle], delays=least)


def test_another_future_of_the_raw_capture_changes_nothing_decided():
    tape = open_tapes(recording("ws_market_btc5m"))[0]
    assert_the_past_stands(tape, SETTINGS["event"])


def test_another_future_of_an_l2_market_changes_nothing_decided():
    tape = open_tapes(recording("l2_btc15m"))[0]
    assert_the_past_stands(tape, SETTINGS["event"], form="through")
