"""Nothing is quoted before everything is proven, and again after anything was missed."""

from itertools import pairwise

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.engine import actions as act
from polymm.engine import evidence as ev
from polymm.engine.evidence import CancelVerdict, PlaceVerdict, ReadKind
from polymm.engine.order_life import Life
from polymm.engine.phases import Phase
from polymm.engine.proving import ReconcileSettings
from tests.support.proving_scene import START_NS, Scene, make_market
from tests.support.proving_venue import MARKET, MS, TEN, Resting


def ready(scene: Scene) -> bool:
    return scene.phase is Phase.READY


# Start


def test_a_clean_start_is_ready_within_three_seconds() -> None:
    scene = Scene()
    scene.reconciler.add_market(scene.now_ns, make_market(), 5 * NS)
    scene.start()
    assert not scene.gate.is_open
    assert scene.run_until(lambda: ready(scene) and scene.gate.is_open) < 3.2
    assert scene.reconciler.is_ready(MARKET)
    assert scene.alarms() == []


def test_cancel_all_leaves_with_the_first_step() -> None:
    scene = Scene()
    scene.start(user_ms=-1)
    assert [(at_s, action) for at_s, action in scene.asked(act.Sweep)] == [(0.0, act.Sweep(""))]
    assert scene.asked(act.ReadPreflight)[0][0] == 0.0


def test_two_empty_lists_begin_apart_and_after_the_sweep_was_answered() -> None:
    scene = Scene()
    scene.start()
    scene.run_until(lambda: ready(scene))
    begun_s = [at_s for at_s, _ in scene.asked(act.ReadOpen)]
    assert len(begun_s) == 2
    assert begun_s[0] >= 0.02
    assert begun_s[1] >= begun_s[0] + 1.999


def test_bad_preflight_never_gets_ready_and_is_looked_at_again_and_again() -> None:
    scene = Scene()
    scene.venue.faults = ("version 3, expected 2",)
    scene.start()
    scene.run(40)
    assert scene.phase is Phase.STARTING
    looked_s = [at_s for at_s, _ in scene.asked(act.ReadPreflight)]
    gaps_s = [b - a for a, b in pairwise(looked_s)]
    assert gaps_s[:4] == sorted(gaps_s[:4])
    assert 8 <= min(gaps_s[4:]) <= max(gaps_s[4:]) <= 10.1
    assert len(looked_s) < 12
    assert scene.alarms() == ["preflight_failed", "reads_fail", "start_slow"]
    scene.venue.faults = ()
    assert scene.run_until(lambda: ready(scene) and not scene.gate.closed_by) < 15


def test_nothing_is_proven_before_the_user_channel_lives() -> None:
    scene = Scene()
    scene.start(user_ms=8_000)
    scene.run(7.9)
    assert scene.phase is Phase.STARTING
    scene.run_until(lambda: ready(scene), 4)
    lists_s = [at_s for at_s, _ in scene.asked(act.ReadOpen)]
    assert [at_s for at_s in lists_s if at_s >= 8.0][1] >= 10.0


@pytest.mark.parametrize("kind", [ReadKind.OPEN, ReadKind.TRADES, ReadKind.BALANCES])
def test_a_failing_read_is_tried_again_and_proves_nothing(kind: ReadKind) -> None:
    scene = Scene()
    scene.venue.failing.add(kind)
    scene.start()
    scene.run(15)
    assert scene.phase is Phase.STARTING
    assert "reads_fail" in scene.alarms()
    scene.venue.failing.clear()
    assert scene.run_until(lambda: ready(scene) and scene.gate.is_open) < 14


def test_a_read_that_is_never_answered_counts_as_failed() -> None:
    scene = Scene()
    scene.venue.silent.add("ReadOpen")
    scene.start()
    scene.run(6)
    assert len(scene.asked(act.ReadOpen)) == 2
    scene.venue.silent.clear()
    scene.run_until(lambda: ready(scene), 12)


def test_an_order_of_the_journal_is_cancelled_and_final_before_ready() -> None:
    scene = Scene()
    scene.venue.open["0xa"] = Resting(MARKET, TEN)
    order = scene.restore("0xa")
    scene.start()
    assert scene.run_until(lambda: ready(scene)) < 20
    assert order.life is Life.CANCELLED
    assert scene.venue.open == {}


def test_a_fill_that_happened_while_nobody_listened_is_read_at_the_start() -> None:
    scene = Scene()
    scene.venue.open["0xa"] = Resting(MARKET, TEN)
    order = scene.restore("0xa")
    scene.fill("0xa")
    scene.reconciler.add_market(scene.now_ns, make_market(), 5 * NS)
    scene.start(trades_known_ns=scene.now_ns - 120 * NS)
    assert scene.run_until(lambda: ready(scene)) < 20
    assert order.life is Life.FILLED
    assert scene.fills.position(MARKET, Token.UP).confirmed_e6 == TEN
    read = next(read for _, read in scene.asked(act.ReadTrades) if not read.market)
    assert read.after_ns <= START_NS - 720 * NS
    assert scene.asked(ev.Correction)[-1][1].token is None


def test_an_order_that_lands_after_the_first_cancel_all_is_cancelled_too() -> None:
    scene = Scene()
    scene.restore("0xlate", age_s=0.5)
    scene.later(4 * NS, lambda: scene.venue.open.update({"0xlate": Resting(MARKET, TEN)}))
    scene.start()
    scene.run_until(lambda: ready(scene), 30)
    assert scene.venue.open == {}
    assert not list(scene.orders.potentially_live())
    assert len(scene.asked(act.Sweep)) > 2


def test_a_lost_tail_of_the_journal_holds_ready_back_until_nothing_can_land() -> None:
    scene = Scene()
    scene.later(7 * NS, lambda: scene.venue.open.update({"0xlost": Resting(MARKET, TEN)}))
    scene.start(is_tail_lost=True)
    assert scene.run_until(lambda: ready(scene)) >= 10
    assert scene.venue.open == {}


def test_a_foreign_order_that_the_first_cancel_all_removes_is_told_and_no_reason_to_halt() -> None:
    scene = Scene()
    scene.venue.open["0xforeign"] = Resting(MARKET, TEN)
    scene.start()
    scene.run_until(lambda: ready(scene))
    assert scene.alarms() == ["foreign_order"]


def test_a_foreign_order_that_outlives_two_cancels_of_all_halts() -> None:
    scene = Scene()
    scene.venue.open["0xforeign"] = Resting(MARKET, TEN)
    scene.venue.uncancellable.add("0xforeign")
    scene.start()
    scene.run_until(lambda: "halted" in scene.gate.closed_by, 10)
    assert "foreign_order" in scene.alarms()
    scene.run(30)
    assert scene.finished == act.Finished("unproven", ("0xforeign",), "foreign order 0xforeign")


def test_a_slow_start_is_told_once_and_goes_on() -> None:
    scene = Scene()
    scene.start(user_ms=25_000)
    scene.run(24)
    assert scene.alarms().count("start_slow") == 1
    scene.run_until(lambda: ready(scene), 6)


# Running


def test_clocks_of_open_list_trades_balances_and_preflight() -> None:
    scene = Scene()
    scene.start_ready()
    scene.log.clear()
    scene.run(65)
    counts = {
        kind: len(scene.asked(kind))
        for kind in (act.ReadOpen, act.ReadTrades, act.ReadBalances, act.ReadPreflight)
    }
    assert counts == {
        act.ReadOpen: 13,
        act.ReadTrades: 6,
        act.ReadBalances: 2,
        act.ReadPreflight: 2,
    }
    assert scene.gate.is_open
    assert scene.alarms() == []


def test_failing_reads_close_the_gate_and_reopen_it_when_they_succeed() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa")
    scene.run(1)
    scene.venue.failing.add(ReadKind.OPEN)
    closed_s = scene.run_until(lambda: not scene.gate.is_open)
    assert closed_s < 10
    assert scene.orders.by_hash["0xa"].life is Life.LIVE
    assert scene.alarms() == ["reads_fail"]
    scene.venue.failing.clear()
    assert scene.run_until(lambda: scene.gate.is_open) < 9


def test_a_long_silence_of_one_read_closes_the_gate() -> None:
    scene = Scene(ReconcileSettings(read_wait_ns=30 * NS))
    scene.start_ready()
    scene.venue.silent.add("ReadOpen")
    assert scene.run_until(lambda: "reads_fail" in scene.gate.closed_by) < 21 + 3


def test_a_short_gap_of_the_user_channel_reads_what_was_missed_and_quotes_on() -> None:
    scene = Scene()
    scene.start_ready()
    scene.run(3)
    scene.log.clear()
    scene.tell(ev.UserChannel(is_live=False, since_ns=scene.now_ns))
    scene.run(1.5)
    scene.tell(ev.UserChannel(is_live=True, since_ns=scene.now_ns))
    assert scene.phase is Phase.READY
    assert len(scene.asked(act.ReadTrades)) == 1
    assert not scene.asked(act.Sweep)


def test_a_long_gap_of_the_user_channel_proves_everything_again() -> None:
    scene = Scene()
    scene.start_ready()
    order = scene.post("0xa")
    scene.run(1)
    scene.log.clear()
    scene.begin_ns = scene.now_ns
    scene.tell(ev.UserChannel(is_live=False, since_ns=scene.now_ns))
    scene.fill("0xa")
    scene.run(2.1)
    assert scene.phase is Phase.RECONCILING
    assert not scene.gate.is_open
    assert scene.asked(act.Sweep)[0][0] <= 2.01
    scene.run(3)
    scene.tell(ev.UserChannel(is_live=True, since_ns=scene.now_ns))
    assert scene.run_until(lambda: ready(scene) and scene.gate.is_open) < 20
    assert order.life is Life.FILLED
    assert scene.fills.position(MARKET, Token.UP).confirmed_e6 == TEN
    assert not [entry for _, entry in scene.asked(ev.Correction) if entry.token is not None]


def test_a_restart_of_the_venue_proves_everything_again_once_it_answers() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa")
    scene.run(1)
    venue = scene.venue
    venue.sweep = venue.cancel = CancelVerdict.REFUSED
    venue.reason = "restarting"
    venue.failing |= {ReadKind.OPEN, ReadKind.TRADES, ReadKind.BALANCES, ReadKind.ORDER}
    scene.post("0xb", verdict=PlaceVerdict.REJECTED, reason="restarting", rests=False)
    scene.run(0.1)
    assert scene.phase is Phase.RECONCILING
    scene.run(90)
    assert not scene.gate.is_open
    assert len(scene.asked(act.Sweep)) < 40
    venue.open.clear()
    venue.sweep = venue.cancel = CancelVerdict.CANCELED
    venue.failing.clear()
    assert scene.run_until(lambda: ready(scene) and scene.gate.is_open, 60) < 60
    assert not list(scene.orders.potentially_live())


def test_a_foreign_order_that_appears_later_halts() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.open["0xforeign"] = Resting(MARKET, TEN)
    scene.run_until(lambda: "halted" in scene.gate.closed_by, 6)
    assert scene.asked(act.Sweep)[-1][0] == (scene.now_ns - scene.begin_ns) / NS
    scene.run_until(lambda: scene.finished is not None)
    assert scene.finished is not None
    assert scene.finished.code == "halted"


@pytest.mark.parametrize("is_read", [False, True])
def test_a_fill_of_an_order_that_nobody_knows_halts(is_read: bool) -> None:
    scene = Scene()
    scene.start_ready()
    fill = scene.fill("0xforeign")
    scene.run(60) if is_read else scene.tell(fill)
    assert "halted" in scene.gate.closed_by
    assert "foreign_order" in scene.alarms()
    assert scene.fills.position(MARKET, Token.UP).confirmed_e6 == TEN


def test_a_fill_of_before_the_start_is_not_foreign_when_it_is_settled_further() -> None:
    scene = Scene()
    fill = scene.fill("0xbefore")._replace(status=ev.Settlement.MATCHED)
    scene.venue.fills[:] = [fill]
    scene.start_ready()
    scene.tell(fill._replace(status=ev.Settlement.CONFIRMED))
    assert "halted" not in scene.gate.closed_by


def test_what_the_user_channel_tells_of_an_unknown_order_is_looked_at_at_once() -> None:
    scene = Scene()
    scene.start_ready()
    scene.run(1)
    scene.venue.open["0xforeign"] = Resting(MARKET, TEN)
    news = ev.OrderNews.PLACEMENT
    scene.tell(ev.OrderTold("0xforeign", news, "LIVE", MARKET, 0, 0, scene.now_ns))
    assert scene.run_until(lambda: "halted" in scene.gate.closed_by) < 0.1


@pytest.mark.parametrize(
    ("event", "is_again"),
    [
        (ev.ClockJumped(-1_500 * MS), True),
        (ev.ClockJumped(900 * MS), False),
        (ev.Stalled(1_200 * MS), True),
        (ev.Stalled(400 * MS), False),
        (ev.Stalled(200 * MS), False),
    ],
)
def test_jumps_and_long_stalls_prove_everything_again(event: ev.Event, is_again: bool) -> None:
    scene = Scene()
    scene.start_ready()
    order = scene.post("0xa")
    scene.run(1)
    scene.tell(event)
    assert (scene.phase is Phase.RECONCILING) is is_again
    is_pulled = order.is_cancel_wanted or is_again
    assert is_pulled is (event not in (ev.ClockJumped(900 * MS), ev.Stalled(200 * MS)))
    scene.run_until(lambda: ready(scene) and scene.gate.is_open, 20)


def test_what_the_gate_forgives_a_stall_for_does_not_forgive_what_was_missed() -> None:
    """A pull may be put off by the configuration; after a second all is read anew all the same."""
    scene = Scene(ReconcileSettings(stall_pull_ns=1_500 * MS))
    scene.start_ready()
    order = scene.post("0xa")
    scene.run(1)
    scene.tell(ev.Stalled(900 * MS))
    assert scene.phase is Phase.READY
    assert not order.is_cancel_wanted
    scene.tell(ev.Stalled(1_200 * MS))
    assert scene.phase is Phase.RECONCILING


def test_a_second_reason_while_everything_is_proven_begins_anew() -> None:
    scene = Scene()
    scene.start_ready()
    scene.tell(ev.Stalled(1_200 * MS))
    scene.run(1.5)
    scene.tell(ev.Stalled(1_200 * MS))
    assert scene.run_until(lambda: ready(scene)) > 2.0


def test_a_market_that_joins_later_is_ready_once_its_balances_are_read() -> None:
    scene = Scene()
    scene.start_ready()
    scene.run(10)
    later = make_market("0xnext", start_ns=START_NS + 300 * NS)
    scene.reconciler.add_market(scene.now_ns, later, 5 * NS)
    assert not scene.reconciler.is_ready("0xnext")
    assert scene.reconciler.is_ready(MARKET)
    scene.run(3)
    assert scene.reconciler.is_ready("0xnext")


def test_the_journal_learns_how_far_trades_are_known() -> None:
    scene = Scene()
    scene.start_ready()
    scene.run(30)
    known = [action.until_ns for _, action in scene.asked(act.TradesKnown)]
    assert known == sorted(set(known))
    assert scene.now_ns - known[-1] <= 21 * NS
    assert all(read.after_ns <= START_NS for _, read in scene.asked(act.ReadTrades)[:1])
