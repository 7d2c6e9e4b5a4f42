"""The engine's own step beats, and only while it is well; a missed limit is believed."""

import pytest

from polymm.domain.market import NS
from polymm.engine import actions as act
from polymm.engine import evidence as ev
from polymm.engine.beating import BeatSettings
from polymm.engine.evidence import CancelVerdict
from polymm.engine.order_life import Life
from polymm.errors import ConfigError
from tests.support.proving_scene import Scene
from tests.support.proving_venue import MARKET, MS


def opened(scene: Scene) -> Scene:
    """A scene that is ready, with its market open and an order resting."""
    scene.start_ready()
    scene.tell(ev.MarketOpened(MARKET))
    scene.post("0xa")
    scene.run(1)
    scene.log.clear()
    scene.begin_ns = scene.now_ns
    return scene


def beats_s(scene: Scene) -> list[float]:
    return [round(at_s, 2) for at_s, _ in scene.asked(act.Beat)]


def test_a_beat_is_sent_every_five_seconds() -> None:
    scene = opened(Scene())
    scene.run(60)
    gaps_s = [b - a for a, b in zip(beats_s(scene), beats_s(scene)[1:], strict=False)]
    assert len(gaps_s) >= 10
    assert min(gaps_s) >= 4.99
    assert max(gaps_s) <= 5.1
    assert scene.beating.missed == 0
    assert scene.alarms() == []


def test_nothing_is_sent_before_the_first_accepted_beat() -> None:
    scene = Scene()
    scene.venue.beats = False
    scene.start()
    scene.run(10)
    assert set(scene.gate.closed_by) == {"heartbeat"}
    assert not scene.beating.is_alive(scene.now_ns)
    scene.venue.beats = True
    assert scene.run_until(lambda: scene.gate.is_open) < 1.2
    assert scene.beating.is_alive(scene.now_ns)


def test_a_refused_beat_is_tried_again_a_second_later() -> None:
    scene = opened(Scene())
    scene.run_until(lambda: bool(scene.asked(act.Beat)))
    scene.run(1)
    scene.log.clear()
    scene.venue.beats = False
    scene.run_until(lambda: bool(scene.asked(act.Beat)))
    scene.run(0.5)
    scene.venue.beats = True
    scene.run(3)
    first_s, again_s = beats_s(scene)
    assert 0.9 <= again_s - first_s <= 1.1
    assert scene.gate.is_open


def test_a_beat_that_is_never_answered_is_tried_again() -> None:
    scene = opened(Scene())
    scene.venue.silent.add("Beat")
    scene.run_until(lambda: len(scene.asked(act.Beat)) == 2, 10)
    scene.venue.silent.clear()
    scene.run(3)
    assert beats_s(scene)[2] - beats_s(scene)[1] <= 2.1
    assert scene.beating.missed == 0


def test_orders_stop_before_the_limit_and_are_doubted_at_it() -> None:
    scene = opened(Scene())
    scene.run_until(lambda: bool(scene.asked(act.Beat)))
    scene.run(0.1)
    last_s = beats_s(scene)[-1]
    scene.venue.silent.add("Beat")
    scene.run_until(lambda: not scene.gate.is_open)
    assert (scene.now_ns - scene.begin_ns) / NS == pytest.approx(last_s + 9, abs=0.02)
    assert not scene.beating.is_alive(scene.now_ns)
    assert [order.life for order in scene.orders.potentially_live()] == [Life.LIVE]
    scene.run_until(lambda: scene.beating.missed == 1)
    assert (scene.now_ns - scene.begin_ns) / NS == pytest.approx(last_s + 10, abs=0.02)
    assert scene.orders.by_hash["0xa"].life is Life.UNKNOWN_CANCEL
    assert scene.alarms() == ["heartbeat_missed"]


def test_after_a_missed_limit_a_beat_and_an_empty_list_are_needed() -> None:
    scene = opened(Scene())
    scene.venue.silent.add("Beat")
    scene.run_until(lambda: scene.beating.missed == 1)
    scene.venue.silent.clear()
    scene.venue.silent.add("ReadOpen")
    scene.log.clear()
    scene.run(4)
    assert "heartbeat" in scene.gate.closed_by
    assert scene.asked(act.Beat)
    assert scene.asked(act.Sweep)
    scene.venue.silent.clear()
    # What still rested was pulled, and everything is proven again.
    assert "reconciling" in scene.gate.closed_by
    assert scene.run_until(lambda: scene.gate.is_open, 20) < 20
    assert scene.beating.is_alive(scene.now_ns)


def test_a_list_that_began_before_the_accepted_beat_proves_nothing() -> None:
    scene = opened(Scene())
    scene.venue.silent |= {"Beat", "ReadOpen"}
    scene.run_until(lambda: scene.beating.missed == 1)
    began_ns = scene.now_ns
    scene.venue.silent.discard("Beat")
    scene.run(2)
    scene.tell(ev.OpenListed("", (), began_ns, scene.now_ns))
    assert "heartbeat" in scene.gate.closed_by
    scene.tell(ev.OpenListed("", (), scene.now_ns, scene.now_ns))
    assert "heartbeat" not in scene.gate.closed_by


def test_an_answer_that_comes_after_the_limit_was_no_beat_in_time() -> None:
    scene = opened(Scene())
    scene.venue.silent.add("Beat")
    sent_ns = scene.now_ns
    scene.run_until(lambda: scene.beating.missed == 1)
    scene.tell(ev.BeatAnswered(True, "", sent_ns - 8 * NS, scene.now_ns))
    assert not scene.beating.is_alive(scene.now_ns)
    assert "heartbeat" in scene.gate.closed_by


def test_a_beat_that_is_told_after_the_limit_does_not_undo_the_miss() -> None:
    scene = opened(Scene())
    scene.run_until(lambda: bool(scene.asked(act.Beat)))
    sent_ns = scene.now_ns
    scene.run(0.1)
    scene.now_ns = sent_ns + 10 * NS + 1
    scene.beating.apply(scene.now_ns, ev.BeatAnswered(True, "", sent_ns + 9 * NS, scene.now_ns))
    assert scene.beating.missed == 1
    assert not scene.beating.is_alive(scene.now_ns)


def test_a_first_beat_that_is_told_too_late_opens_nothing() -> None:
    scene = Scene()
    scene.venue.silent.add("Beat")
    scene.start()
    scene.run(15)
    scene.beating.apply(
        scene.now_ns, ev.BeatAnswered(True, "", scene.now_ns - 10 * NS, scene.now_ns)
    )
    assert "heartbeat" in scene.gate.closed_by


def test_no_beat_while_the_user_channel_is_away_for_two_seconds() -> None:
    scene = opened(Scene())
    scene.tell(ev.UserChannel(is_live=False, since_ns=scene.now_ns))
    scene.run(8)
    sent = [at_s for at_s in beats_s(scene) if at_s > 2]
    assert sent == []
    assert "beat_withheld" in scene.alarms()
    scene.tell(ev.UserChannel(is_live=True, since_ns=scene.now_ns))
    scene.run(1.5)
    assert beats_s(scene)[-1] >= 8


def test_no_beat_while_no_book_is_heard() -> None:
    scene = opened(Scene())
    scene.tell(ev.Obstacle(MARKET, "stale_up", stands=True))
    scene.run(9)
    assert [at_s for at_s in beats_s(scene) if at_s > 2] == []
    scene.tell(ev.Obstacle(MARKET, "stale_up", stands=False))
    scene.run(1.5)
    assert beats_s(scene)[-1] >= 9


@pytest.mark.parametrize("stall_first", [True, False])
@pytest.mark.parametrize(("apart_s", "is_beating"), [(0.1, False), (0.7, True)])
def test_what_is_found_right_after_a_stall_counts_from_its_begin(
    stall_first: bool, apart_s: float, is_beating: bool
) -> None:
    scene = opened(Scene())
    scene.run_until(lambda: bool(scene.asked(act.Beat)))
    scene.log.clear()
    # The next beat is due in 5 s: 1 to 2 s after the obstacle was told.
    scene.run(3.2)
    told = [ev.Stalled(2_500 * MS), ev.Obstacle(MARKET, "no_line", stands=True)]
    for event in told if stall_first else told[::-1]:
        scene.tell(event)
        scene.run(apart_s)
    scene.run(5.3 - 3.2 - 2 * apart_s)
    assert bool(beats_s(scene)) is is_beating


def test_a_feed_that_is_not_heard_stays_so_where_the_next_window_begins() -> None:
    scene = opened(Scene())
    scene.tell(ev.Obstacle(MARKET, "stale_up", stands=True))
    scene.run(3)
    scene.tell(ev.MarketClosed(MARKET))
    scene.run(3)
    scene.tell(ev.Obstacle("0xnext", "no_book", stands=True))
    scene.tell(ev.MarketOpened("0xnext"))
    scene.run(1.5)
    assert [at_s for at_s in beats_s(scene) if at_s > 2] == []
    scene.tell(ev.Obstacle("0xnext", "no_book", stands=False))
    scene.run(1.5)
    assert beats_s(scene)[-1] >= 7


def test_no_beat_before_the_first_book_is_heard() -> None:
    scene = Scene()
    scene.tell(ev.Obstacle(MARKET, "no_line", stands=True))
    scene.tell(ev.MarketOpened(MARKET))
    scene.start()
    scene.run(4)
    assert beats_s(scene) == []
    scene.tell(ev.Obstacle(MARKET, "no_line", stands=False))
    scene.run(1.1)
    assert len(beats_s(scene)) == 1


def test_a_book_of_one_market_of_two_is_no_dead_feed() -> None:
    scene = opened(Scene())
    scene.tell(ev.MarketOpened("0xother"))
    scene.tell(ev.Obstacle(MARKET, "stale_up", stands=True))
    scene.run(20)
    assert len(beats_s(scene)) >= 3
    scene.tell(ev.MarketClosed("0xother"))
    scene.log.clear()
    scene.run(9)
    assert [at_s for at_s in beats_s(scene) if at_s > 22.1] == []


def test_what_speaks_against_quoting_and_not_of_feeds_does_not_withhold() -> None:
    scene = opened(Scene())
    scene.tell(ev.Obstacle(MARKET, "resolved", stands=True))
    scene.run(20)
    assert len(beats_s(scene)) >= 3


def test_no_beat_after_two_failed_rounds_of_cancels() -> None:
    scene = opened(Scene())
    scene.venue.cancel = CancelVerdict.UNKNOWN
    scene.venue.sweep = CancelVerdict.UNKNOWN
    scene.venue.uncancellable.add("0xa")
    scene.pull(scene.orders.by_hash["0xa"])
    scene.run(15)
    assert [at_s for at_s in beats_s(scene) if at_s > 2] == []
    assert scene.alarms().count("beat_withheld") == 1
    assert scene.beating.missed == 1


def test_one_failed_round_is_no_reason() -> None:
    scene = opened(Scene())
    scene.venue.cancel = CancelVerdict.UNKNOWN
    scene.venue.uncancellable.add("0xa")
    scene.pull(scene.orders.by_hash["0xa"])
    scene.run(0.3)
    scene.venue.cancel = CancelVerdict.CANCELED
    scene.venue.uncancellable.clear()
    scene.run(15)
    assert len(beats_s(scene)) >= 2
    assert scene.alarms() == []


def test_all_answers_of_one_request_are_one_round() -> None:
    scene = opened(Scene())
    for order in ("0xb", "0xc"):
        scene.post(order)
    scene.run(0.1)
    now_ns = scene.now_ns
    for order in ("0xa", "0xb", "0xc"):
        unknown = CancelVerdict.UNKNOWN
        scene.tell(ev.CancelAnswered(order, unknown, "timeout", now_ns, now_ns + MS))
    assert scene.beating.path.failed == 1


def test_a_cancel_that_is_never_answered_has_failed() -> None:
    scene = opened(Scene())
    scene.venue.silent |= {"CancelOrders", "Sweep"}
    scene.pull(scene.orders.by_hash["0xa"])
    scene.run(1.9)
    assert scene.beating.path.failed == 0
    scene.run(0.2)
    assert scene.beating.path.failed == 1


def test_after_failed_cancels_the_way_is_tried_even_if_nothing_rests_any_more() -> None:
    scene = opened(Scene())
    scene.venue.cancel = scene.venue.sweep = CancelVerdict.REFUSED
    scene.pull(scene.orders.by_hash["0xa"])
    scene.run(4)
    assert scene.beating.path.failed >= 2
    scene.tell(scene.fill("0xa"))
    assert not list(scene.orders.potentially_live())
    scene.run(10)
    assert [at_s for at_s in beats_s(scene) if at_s > 4] == []
    scene.venue.cancel = scene.venue.sweep = CancelVerdict.CANCELED
    scene.run(2.2)
    assert scene.beating.path.failed == 0
    assert beats_s(scene)[-1] > 14


def test_an_engine_that_hung_does_not_beat_at_once() -> None:
    scene = opened(Scene())
    scene.now_ns += 7 * NS
    scene.beating.tick(scene.now_ns)
    assert act.Beat() not in scene.beating.actions
    scene.beating.actions.clear()
    scene.run(1.2)
    assert scene.asked(act.Beat)


def test_nothing_beats_when_the_engine_ends() -> None:
    scene = opened(Scene())
    scene.venue.silent |= {"Sweep", "ReadOpen", "CancelOrders"}
    scene.tell(ev.Kill("file"))
    scene.log.clear()
    scene.run(25)
    assert beats_s(scene) == []


def test_settings_that_leave_no_room_for_a_retry_are_refused() -> None:
    with pytest.raises(ConfigError, match="below limit_ns"):
        BeatSettings(period_ns=9 * NS)
    with pytest.raises(ConfigError, match="period_ns must be at least 1, was 0"):
        BeatSettings(period_ns=0)
