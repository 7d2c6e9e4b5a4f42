"""What does not prove anything: evidence that is too early, too short, or of something else."""

from polymm.domain.market import NS
from polymm.engine import actions as act
from polymm.engine import evidence as ev
from polymm.engine.evidence import CancelVerdict, PlaceVerdict, ReadKind
from polymm.engine.order_life import Life
from polymm.engine.phases import PREFLIGHT, Phase
from polymm.engine.proving import Backoff, ReconcileSettings
from polymm.engine.reads import ReadClock
from polymm.engine.recovery import Step
from polymm.engine.sweeping import Sweeping
from tests.support.proving_scene import START_NS, Scene, listed, make_market, swept
from tests.support.proving_venue import MARKET, MS, TEN, Resting

READS = {"ReadOpen", "ReadTrades", "ReadBalances"}


def step(scene: Scene) -> Step:
    """What the start waits for."""
    return scene.reconciler.step


def by_hand(*silent: str) -> Scene:
    """A start whose reads and cancels are answered by the test alone."""
    scene = Scene()
    scene.venue.silent |= READS | {"Sweep", *silent}
    scene.start(user_ms=10)
    scene.run(0.1)
    assert step(scene) is Step.SWEEP
    return scene


# Recovery


def test_a_cancel_of_all_sent_before_the_begin_proves_nothing() -> None:
    scene = by_hand()
    scene.tell(swept(scene, sent_ns=START_NS - 1))
    assert step(scene) is Step.SWEEP
    scene.tell(swept(scene))
    assert step(scene) is Step.EMPTY


def test_lists_need_two_seconds_between_them() -> None:
    scene = by_hand()
    scene.tell(swept(scene))
    began_ns = scene.now_ns
    scene.run(3)
    scene.tell(listed(scene, began_ns))
    scene.tell(listed(scene, began_ns))
    scene.tell(listed(scene, began_ns + 1_999 * MS))
    assert step(scene) is Step.EMPTY
    scene.tell(listed(scene, began_ns + 2_000 * MS))
    assert step(scene) is Step.TRADES


def test_lists_begun_before_the_cancel_of_all_was_answered_prove_nothing() -> None:
    scene = by_hand()
    began_ns = scene.now_ns - 1
    scene.tell(swept(scene))
    scene.run(3)
    scene.tell(listed(scene, began_ns))
    scene.tell(listed(scene, began_ns + 2 * NS + 1))
    assert step(scene) is Step.EMPTY


def test_lists_begun_before_the_user_channel_lived_prove_nothing() -> None:
    scene = Scene()
    scene.venue.silent |= READS | {"Sweep"}
    scene.start(user_ms=-1)
    scene.run(0.1)
    scene.tell(swept(scene))
    began_ns = scene.now_ns
    scene.run(1)
    scene.tell(ev.UserChannel(is_live=True, since_ns=scene.now_ns))
    scene.run(2)
    scene.tell(listed(scene, began_ns))
    scene.tell(listed(scene, began_ns + 2 * NS))
    assert step(scene) is Step.EMPTY


def test_a_user_channel_lost_again_takes_the_proof_back() -> None:
    scene = by_hand()
    scene.tell(swept(scene))
    began_ns = scene.now_ns
    scene.run(3)
    scene.tell(listed(scene, began_ns))
    scene.tell(ev.UserChannel(is_live=False, since_ns=scene.now_ns))
    assert step(scene) is Step.USER
    scene.tell(ev.UserChannel(is_live=True, since_ns=scene.now_ns))
    scene.tell(listed(scene, scene.now_ns))
    assert step(scene) is Step.EMPTY


def test_trades_of_one_market_or_too_short_are_not_all_trades() -> None:
    scene = by_hand()
    scene.tell(swept(scene))
    began_ns = scene.now_ns
    scene.run(3)
    scene.tell(listed(scene, began_ns))
    scene.tell(listed(scene, began_ns + 2 * NS))
    now_ns, far_ns = scene.now_ns, START_NS - 600 * NS
    scene.tell(ev.TradesRead(MARKET, 0, (), now_ns, now_ns))
    scene.tell(ev.TradesRead("", far_ns + 1, (), now_ns, now_ns))
    scene.tell(ev.TradesRead("", far_ns, (), began_ns - 1, now_ns))
    assert step(scene) is Step.TRADES
    scene.tell(ev.TradesRead("", far_ns, (), now_ns, now_ns))
    assert step(scene) is Step.BALANCES


def test_an_order_that_is_not_resolved_holds_ready_back() -> None:
    scene = Scene()
    order = scene.restore("0xa")
    scene.venue.tells = False
    scene.venue.open["0xa"] = Resting(MARKET, TEN)
    scene.start()
    scene.run(5)
    assert order.life is Life.CLOSING
    assert step(scene) is Step.LEFTOVERS
    scene.run_until(lambda: scene.phase is Phase.READY, 15)
    assert [order.life] == [Life.CANCELLED]


def test_every_order_is_in_doubt_while_everything_is_proven_again() -> None:
    scene = Scene()
    scene.start_ready()
    order = scene.post("0xa")
    scene.run(1)
    scene.venue.silent |= {"Sweep", "CancelOrders"}
    scene.tell(ev.Stalled(2 * NS))
    assert order.life is Life.UNKNOWN_CANCEL


def test_a_list_that_began_before_ready_shows_no_foreign_order() -> None:
    scene = Scene()
    scene.start_ready()
    scene.tell(listed(scene, scene.reconciler.ready_ns - 1, "0xswept"))
    assert scene.phase is Phase.READY
    scene.tell(listed(scene, scene.reconciler.ready_ns, "0xforeign"))
    assert "halted" in scene.gate.closed_by


def test_a_list_that_began_in_a_later_recovery_shows_a_foreign_order() -> None:
    scene = Scene()
    scene.start_ready()
    scene.reconciler.resync(scene.now_ns, "user channel")
    assert scene.run_until(lambda: scene.phase is Phase.READY, 60) < 60
    scene.tell(listed(scene, scene.reconciler.ready_ns - 1, "0xforeign"))
    assert "halted" in scene.gate.closed_by


def test_an_order_of_a_forgotten_market_is_not_foreign() -> None:
    scene = Scene()
    scene.start_ready()
    scene.fills.forget(MARKET)
    scene.tell(listed(scene, scene.now_ns, "0xold"))
    assert scene.phase is Phase.READY


def test_a_short_gap_has_open_orders_read_as_well() -> None:
    scene = Scene()
    scene.start_ready()
    scene.run(1)
    scene.log.clear()
    scene.tell(ev.UserChannel(is_live=False, since_ns=scene.now_ns))
    scene.tell(ev.UserChannel(is_live=True, since_ns=scene.now_ns))
    assert scene.asked(act.ReadOpen)


# Cancels of all


def test_a_cancel_of_all_with_a_placement_on_its_way_is_repeated_once_that_is_resolved() -> None:
    scene = Scene()
    scene.start_ready()
    scene.run(1)
    order = scene.post("0xa", rests=False, answers_ms=-1)
    actions: list[act.Action] = []
    settings = ReconcileSettings()
    sweeping = Sweeping(MARKET, scene.orders, settings, actions, longest_ns=4 * NS)
    sweeping.begin(scene.now_ns)
    answer = ev.Swept(MARKET, CancelVerdict.CANCELED, (), (), "", scene.now_ns, scene.now_ns)
    sweeping.apply(scene.now_ns, answer)
    assert sweeping.proven_ns < 0
    now_ns = scene.now_ns
    rejected = ev.PlaceAnswered("0xa", PlaceVerdict.REJECTED, "off_tick", now_ns, now_ns)
    scene.tell(rejected)
    assert order.life is Life.REJECTED
    sweeping.tick(now_ns + 1)
    assert actions == [act.Sweep(MARKET), act.Sweep(MARKET)]
    sweeping.apply(now_ns + 2, answer)
    assert sweeping.proven_ns < 0
    sweeping.apply(now_ns + 3, answer._replace(sent_ns=now_ns + 1, recv_ns=now_ns + 3))
    assert sweeping.proven_ns == now_ns + 3
    assert sweeping.next_timer_ns > 1 << 61


# Reads


def test_a_wanted_read_waits_as_long_as_failures_before_it_ask_for() -> None:
    actions: list[act.Action] = []
    settings = ReconcileSettings()
    clock = ReadClock(lambda _: act.ReadOpen(""), 5 * NS, settings, actions)
    clock.want(START_NS)
    clock.tick(START_NS)
    clock.fail(START_NS + MS, START_NS)
    clock.want(START_NS + 2 * MS)
    clock.tick(START_NS + 400 * MS)
    assert len(actions) == 1
    clock.tick(clock.next_timer_ns)
    assert len(actions) == 2
    # One of an older read is no news, and one that is out may be the one that is wanted.
    clock.fail(START_NS + 800 * MS, START_NS)
    clock.want(START_NS + 400 * MS)
    clock.tick(START_NS + 801 * MS)
    assert (len(actions), clock.failures) == (2, 1)


def test_keys_that_proved_good_after_all_are_not_asked_for_again() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent = {"ReadKeys"}
    scene.tell(ev.BeatAnswered(False, "unauthorized", scene.now_ns - 1, scene.now_ns))
    scene.tell(ev.ReadFailed(ReadKind.KEYS, "", "timeout", scene.now_ns, scene.now_ns))
    # The cancel of all is answered well before new keys would be asked for the second time.
    scene.venue.silent.clear()
    scene.run(60)
    assert len(scene.asked(act.ReadKeys)) == 1
    assert scene.gate.is_open
    assert "reads_fail" not in scene.alarms()


def test_waits_double_up_to_the_longest_and_honour_the_venue() -> None:
    backoff = Backoff(NS, 8 * NS)
    waits = [backoff.fail(0) // NS for _ in range(6)]
    assert waits == [1, 2, 4, 8, 8, 8]
    assert backoff.fail(0, 30 * NS) == 30 * NS
    backoff.succeed()
    assert NS <= backoff.fail(123_456_000) - 123_456_000 <= 1.25 * NS


def test_trades_that_leave_a_hole_are_not_known() -> None:
    scene = Scene()
    scene.start_ready()
    scene.run(20)
    scene.log.clear()
    now_ns = scene.now_ns
    scene.tell(ev.TradesRead("", now_ns - NS, (), now_ns, now_ns))
    assert not scene.asked(act.TradesKnown)


def test_trades_begin_where_all_is_settled() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa")
    scene.run(1)
    told = scene.fill("0xa")._replace(status=ev.Settlement.MATCHED)
    scene.venue.fills[-1] = told
    matched_ns = scene.now_ns
    scene.tell(told)
    scene.run(200)
    assert scene.asked(act.ReadTrades)[-1][1].after_ns <= matched_ns - 60 * NS
    scene.venue.fills[-1] = told._replace(status=ev.Settlement.CONFIRMED)
    scene.run(20)
    assert scene.asked(act.ReadTrades)[-1][1].after_ns > matched_ns


def test_a_bad_preflight_while_running_closes_the_gate_until_it_is_good() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.faults = ("skew 3 s, at most 1 s",)
    scene.run_until(lambda: PREFLIGHT in scene.gate.closed_by, 31)
    assert scene.phase is Phase.READY
    scene.venue.faults = ()
    scene.run_until(lambda: scene.gate.is_open, 2)
    assert scene.alarms() == ["preflight_failed"]


# Escalation


def test_a_preflight_that_began_before_the_clock_jumped_proves_nothing() -> None:
    scene = Scene()
    scene.venue.failing.add(ReadKind.PREFLIGHT)
    scene.reconciler.add_market(scene.now_ns, make_market(), 5 * NS)
    scene.start()
    began_ns = scene.now_ns
    scene.run(0.2)
    scene.tell(ev.ClockJumped(-1_500 * MS))
    scene.tell(ev.PreflightRead((), 0, began_ns, scene.now_ns))
    scene.run(20)
    assert (scene.phase, scene.reconciler.step) == (Phase.STARTING, Step.PREFLIGHT)
    scene.venue.failing.clear()
    scene.run_until(lambda: scene.phase is Phase.READY, 20)


def test_the_clock_of_escalation_runs_from_the_cancel_on() -> None:
    scene = Scene()
    scene.start_ready()
    order = scene.post("0xa")
    scene.run(12)
    scene.log.clear()
    scene.run_until(lambda: bool(scene.asked(act.ReadTrades)), 12)
    scene.run(0.1)
    scene.venue.silent |= READS | {"CancelOrders", "Beat", "ReadOrder", "ReadPreflight"}
    began_ns = scene.now_ns
    scene.pull(order)
    scene.run_until(lambda: "cancel_by_market" in scene.alarms(), 10)
    assert 2 * NS <= scene.now_ns - began_ns < 2_600 * MS


def test_a_market_whose_cancel_helped_is_not_followed_by_all() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.uncancellable.add("0xa")
    order = scene.post("0xa")
    scene.run(12)
    scene.log.clear()
    scene.pull(order)
    scene.run(8)
    assert "cancel_by_market" in scene.alarms()
    assert "cancel_all" not in scene.alarms()


def test_a_market_is_cancelled_again_while_what_it_held_is_seen_to_rest() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.uncancellable.add("0xa")
    order = scene.post("0xa")
    scene.run(12)
    scene.pull(order)
    scene.log.clear()
    scene.run(30)
    sweeps = [sweep for _, sweep in scene.asked(act.Sweep) if sweep.market == MARKET]
    assert len(sweeps) > 2
    assert len(sweeps) < 20
