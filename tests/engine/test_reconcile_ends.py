"""Every kind of end: of a market, by a stop, a kill or a halt, and of orders that will not go."""

import pytest

from polymm.domain.market import NS
from polymm.engine import actions as act
from polymm.engine import evidence as ev
from polymm.engine.evidence import CancelVerdict, PlaceVerdict, ReadKind
from polymm.engine.order_life import Life
from polymm.engine.phases import Phase
from tests.support.proving_scene import START_NS, Scene, make_market
from tests.support.proving_venue import MARKET, MS


def over(scene: Scene) -> bool:
    return scene.finished is not None


# A market's end


def test_a_market_is_pulled_and_proven_empty_before_its_end() -> None:
    scene = Scene()
    scene.start_ready(make_market(length_s=60))
    order = scene.post("0xa")
    scene.run_until(lambda: scene.reconciler.is_closing(MARKET), 56)
    assert scene.now_ns == START_NS + 55 * NS
    assert not scene.reconciler.is_ready(MARKET)
    assert scene.asked(act.Sweep)[-1] == (55.0, act.Sweep(MARKET))
    assert scene.run_until(lambda: scene.reconciler.is_closed_clean(MARKET)) < 0.2
    assert order.life is Life.CANCELLED
    scene.run(10)
    assert scene.asked(act.Sweep)[-1][0] == 55.0
    assert scene.gate.is_open


def test_nothing_is_swept_in_a_market_where_nothing_may_rest() -> None:
    scene = Scene()
    scene.start_ready(make_market(length_s=60))
    scene.log.clear()
    scene.run(70)
    assert scene.reconciler.is_closed_clean(MARKET)
    assert not scene.asked(act.Sweep)


def test_an_order_that_lands_after_the_markets_sweep_is_cancelled_before_the_end() -> None:
    scene = Scene()
    scene.start_ready(make_market(length_s=60))
    scene.run_until(lambda: scene.now_ns >= START_NS + 54 * NS, 60)
    unknown = PlaceVerdict.UNKNOWN
    order = scene.post("0xa", lands_ms=3_000, answers_ms=1_000, verdict=unknown)
    scene.run_until(lambda: scene.reconciler.is_closed_clean(MARKET), 20)
    assert scene.venue.open == {}
    assert len([1 for _, sweep in scene.asked(act.Sweep) if sweep.market]) > 1
    assert order.life is Life.CANCELLED


def test_a_market_that_is_not_proven_empty_at_its_end_is_told() -> None:
    scene = Scene()
    scene.start_ready(make_market(length_s=60))
    scene.post("0xa")
    scene.run(50)
    scene.venue.sweep = scene.venue.cancel = CancelVerdict.REFUSED
    scene.run(12)
    assert "close_unverified" in scene.alarms()
    scene.tell(ev.MarketClosed(MARKET))
    scene.venue.open.clear()
    scene.log.clear()
    scene.run(20)
    assert not [1 for _, sweep in scene.asked(act.Sweep) if sweep.market]
    assert not list(scene.orders.potentially_live())
    scene.reconciler.remove_market(MARKET)
    assert not scene.reconciler.is_closing(MARKET)


def test_other_markets_quote_on_while_one_ends() -> None:
    scene = Scene()
    long = make_market("0xlong")
    scene.start_ready(make_market(length_s=60), long)
    order = scene.post("0xa", "0xlong")
    scene.run(60)
    assert scene.reconciler.is_ready("0xlong")
    assert order.life is Life.LIVE


# Stop, kill, halt


def test_a_stop_cancels_at_once_proves_and_says_the_last_word() -> None:
    scene = Scene()
    scene.start_ready()
    order = scene.post("0xa")
    scene.run(1)
    scene.log.clear()
    scene.tell(ev.Stop("SIGTERM"))
    assert not scene.gate.is_open
    assert scene.asked(act.Sweep)[0][1] == act.Sweep("")
    assert scene.run_until(lambda: over(scene)) < 0.5
    assert scene.finished == act.Finished("stopped", (), "SIGTERM")
    assert order.life is Life.CANCELLED
    scene.log.clear()
    scene.run(30)
    assert {type(action) for _, action in scene.log} <= {act.ReadTrades}


def test_a_stop_waits_for_a_placement_that_lands_after_the_first_cancel_all() -> None:
    scene = Scene()
    scene.start_ready()
    scene.run(1)
    scene.post("0xa", lands_ms=300, answers_ms=320)
    scene.log.clear()
    scene.tell(ev.Stop("SIGTERM"))
    assert 0.3 < scene.run_until(lambda: over(scene)) < 2
    assert scene.finished == act.Finished("stopped", (), "SIGTERM")
    assert scene.venue.open == {}
    assert len(scene.asked(act.Sweep)) >= 2


def test_a_stop_that_proves_nothing_names_what_is_left_within_five_seconds() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa")
    scene.run(1)
    scene.venue.sweep = scene.venue.cancel = CancelVerdict.UNKNOWN
    scene.venue.uncancellable.add("0xa")
    scene.tell(ev.Stop("SIGTERM"))
    assert scene.run_until(lambda: over(scene)) < 5
    assert scene.finished == act.Finished("unproven", ("0xa",), "SIGTERM")
    assert scene.alarms()[-1] == "stop_unproven"


def test_a_stop_without_any_answer_ends_all_the_same() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent |= {"Sweep", "ReadOpen", "CancelOrders"}
    scene.tell(ev.Stop("SIGTERM"))
    assert scene.run_until(lambda: over(scene)) < 5
    assert scene.finished == act.Finished("unproven", (), "SIGTERM")
    assert len(scene.asked(act.Sweep)) >= 3


def test_a_failing_list_is_no_proof_for_a_stop() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.failing.add(ReadKind.OPEN)
    scene.tell(ev.Stop("SIGTERM"))
    scene.run(3)
    assert not over(scene)
    scene.venue.failing.clear()
    scene.run_until(lambda: over(scene), 2)
    assert scene.finished is not None


@pytest.mark.parametrize("phase", [Phase.NEW, Phase.STARTING, Phase.RECONCILING])
def test_a_kill_works_in_every_phase(phase: Phase) -> None:
    scene = Scene()
    if phase is not Phase.NEW:
        scene.start_ready()
    if phase is Phase.STARTING:
        scene = Scene()
        scene.start()
    if phase is Phase.RECONCILING:
        scene.tell(ev.Stalled(2 * NS))
    assert scene.phase is phase
    scene.log.clear()
    scene.tell(ev.Kill("file"))
    assert act.Sweep("") in [action for _, action in scene.log]
    assert "killed" in scene.gate.closed_by
    scene.run_until(lambda: over(scene), 5)
    assert scene.finished == act.Finished("halted", (), "file")
    scene.run(60)
    assert not scene.gate.is_open
    assert scene.phase is Phase.OVER


def test_a_kill_after_a_stop_cancels_once_more_and_ends_as_halted() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent.add("ReadOpen")
    scene.tell(ev.Stop("SIGTERM"))
    scene.run(1)
    scene.venue.silent.clear()
    scene.log.clear()
    scene.tell(ev.Kill("signal"))
    assert scene.asked(act.Sweep)
    scene.run_until(lambda: over(scene), 5)
    assert scene.finished == act.Finished("halted", (), "SIGTERM; signal")


def test_a_stop_during_a_halt_ends_it_within_five_seconds() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa")
    scene.run(1)
    scene.venue.sweep = scene.venue.cancel = CancelVerdict.UNKNOWN
    scene.venue.uncancellable.add("0xa")
    scene.tell(ev.Kill("file"))
    scene.run(3)
    scene.tell(ev.Stop("SIGTERM"))
    assert scene.run_until(lambda: over(scene)) < 5
    assert scene.finished == act.Finished("unproven", ("0xa",), "file")


def test_what_the_gate_halts_for_ends_the_engine() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa", verdict=PlaceVerdict.REJECTED, reason="signature", rests=False)
    scene.run_until(lambda: over(scene), 5)
    assert scene.finished == act.Finished("halted", (), "orders_refused")


def test_nothing_is_proven_again_while_the_engine_ends() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent.add("ReadOpen")
    scene.tell(ev.Stop("SIGTERM"))
    scene.tell(ev.Stalled(5 * NS))
    scene.tell(ev.UserChannel(is_live=False, since_ns=scene.now_ns - 10 * NS))
    assert scene.phase is Phase.ENDING
    scene.run_until(lambda: over(scene), 5)


# Orders that will not go


def test_an_order_that_cannot_be_cancelled_is_escalated_step_by_step() -> None:
    scene = Scene()
    scene.start_ready()
    order = scene.post("0xa")
    scene.run(1)
    scene.log.clear()
    scene.begin_ns = scene.now_ns
    scene.venue.sweep = scene.venue.cancel = CancelVerdict.REFUSED
    scene.pull(order)
    scene.run(20)
    first_s = {
        name: next(at_s for at_s, alarm in scene.asked(act.Alarm) if alarm.name == name)
        for name in ("cancel_by_market", "cancel_all", "beat_withheld", "awaiting_expiry")
    }
    assert 2.0 <= first_s["cancel_by_market"] < 2.6
    assert 4.0 <= first_s["cancel_all"] < 4.6
    assert first_s["beat_withheld"] < 6
    assert 15.0 <= first_s["awaiting_expiry"] < 16
    assert len(order.cancels) <= 5
    last_beat_s = max((at_s for at_s, _ in scene.asked(act.Beat)), default=0.0)
    assert last_beat_s < 5
    # The venue hears no beat and cancels by itself.
    del scene.venue.open["0xa"]
    scene.venue.sweep = scene.venue.cancel = CancelVerdict.CANCELED
    scene.run_until(lambda: scene.gate.is_open, 45)
    scene.run(30)
    assert not list(scene.orders.potentially_live())


@pytest.mark.parametrize("age_s", [1, 12])
def test_a_second_false_refusal_has_the_market_cancelled_at_once(age_s: int) -> None:
    scene = Scene()
    scene.start_ready()
    order = scene.post("0xa")
    scene.run(age_s)
    scene.log.clear()
    scene.begin_ns = scene.now_ns
    scene.venue.cancel = CancelVerdict.NOT_CANCELED
    scene.pull(order)
    assert scene.run_until(lambda: not scene.venue.open, 5) < 0.8
    assert [market for _, (market,) in scene.asked(act.Sweep)] == [MARKET]
    assert len(order.cancels) == 2
    assert "cancel_by_market" in scene.alarms()
    scene.run(20)
    assert order.life is Life.CANCELLED
    assert len(scene.asked(act.Sweep)) == 1


def test_a_second_false_refusal_does_not_wait_for_what_no_cancel_reaches() -> None:
    scene = Scene()
    scene.start_ready()
    stuck, order = scene.post("0xa"), scene.post("0xb")
    scene.run(1)
    scene.venue.uncancellable |= {"0xa", "0xb"}
    scene.venue.cancel = CancelVerdict.NOT_CANCELED
    scene.pull(stuck)
    # By now the market's cancels are seconds apart.
    scene.run(20)
    scene.pull(order)
    scene.run(0.5)
    assert order.refused_ns <= order.open_ns
    scene.venue.uncancellable.remove("0xb")
    assert scene.run_until(lambda: "0xb" not in scene.venue.open, 5) < 0.1


def test_one_false_refusal_leaves_the_rest_of_the_market_alone() -> None:
    scene = Scene()
    scene.start_ready()
    order = scene.post("0xa")
    scene.run(1)
    scene.log.clear()
    scene.venue.cancel = CancelVerdict.NOT_CANCELED
    scene.pull(order)
    scene.run(0.3)
    assert order.refused_ns <= order.open_ns
    scene.venue.cancel = CancelVerdict.CANCELED
    scene.run(20)
    assert order.life is Life.CANCELLED
    assert not scene.asked(act.Sweep)


def test_refusals_that_no_cancel_of_the_market_ends_are_not_followed_in_a_circle() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.uncancellable.add("0xa")
    scene.venue.cancel = CancelVerdict.NOT_CANCELED
    order = scene.post("0xa")
    scene.run(1)
    scene.log.clear()
    scene.pull(order)
    scene.run(10)
    # Once for each cancel that is refused, and in waits that grow.
    assert 2 < len([1 for _, sweep in scene.asked(act.Sweep) if sweep.market]) < 8
    assert len(order.cancels) <= 5


def test_one_order_that_no_cancel_reaches_does_not_make_others_wait_for_ever() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.uncancellable.add("0xa")
    order = scene.post("0xa")
    scene.run(1)
    scene.pull(order)
    scene.run(40)
    assert order.life is Life.QUARANTINED
    assert "cancels_used_up" in scene.alarms()
    assert len([1 for _, sweep in scene.asked(act.Sweep) if sweep.market]) < 40


def test_the_stories_cancel_all_that_ran_while_an_order_was_in_flight() -> None:
    """PRODUCT: a cancel-all ran while an order was in flight; it landed afterwards."""
    scene = Scene()
    scene.start_ready()
    scene.run(1)
    unknown = PlaceVerdict.UNKNOWN
    scene.post("0xa", lands_ms=6_000, answers_ms=2_000, verdict=unknown)
    scene.tell(ev.Stalled(2 * NS))
    scene.run(5.9)
    assert scene.phase is Phase.RECONCILING
    scene.run_until(lambda: scene.phase is Phase.READY, 30)
    assert scene.venue.open == {}
    assert scene.orders.by_hash["0xa"].life is Life.CANCELLED


def test_venue_half_times_do_not_matter() -> None:
    scene = Scene()
    scene.venue.half_ns = 700 * MS
    scene.start_ready()
    scene.post("0xa")
    scene.run(3)
    scene.tell(ev.Stop("SIGTERM"))
    assert scene.run_until(lambda: over(scene)) < 5
    assert scene.finished == act.Finished("stopped", (), "SIGTERM")
