"""What does not prove anything: evidence that is too early, too short, or of something else."""

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.engine import actions as act
from polymm.engine import evidence as ev
from polymm.engine.evidence import CancelVerdict, PlaceVerdict
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.order_life import Life
from polymm.engine.phases import PREFLIGHT
from polymm.engine.proving import Backoff, ReconcileSettings
from polymm.engine.reads import ReadClock
from polymm.engine.reconcile import Phase
from polymm.engine.recovery import Step
from polymm.engine.sweeping import Sweeping
from tests.support.proving_scene import CASH, MARKET, MS, START_NS, TEN, Resting, Scene, make_market

READS = {"ReadOpen", "ReadTrades", "ReadBalances"}


def step(scene: Scene) -> Step:
    """What the start waits for."""
    return scene.reconciler.step


def swept(scene: Scene, *, sent_ns: int = 0) -> ev.Swept:
    """A cancel of all that found nothing."""
    at_ns = sent_ns or scene.now_ns
    return ev.Swept("", CancelVerdict.CANCELED, (), (), "", at_ns, scene.now_ns)


def listed(scene: Scene, began_ns: int, *names: str) -> ev.OpenListed:
    seen = tuple(ev.OpenSeen(name, MARKET, 0, TEN) for name in names)
    return ev.OpenListed("", seen, began_ns, scene.now_ns)


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


# Ends


def test_lists_begun_too_early_do_not_empty_a_market() -> None:
    scene = Scene()
    scene.start_ready(make_market(length_s=60))
    scene.post("0xa")
    scene.run((START_NS + 54 * NS - scene.now_ns) / NS)
    scene.venue.silent |= {"Sweep", "ReadOpen"}
    scene.run_until(lambda: scene.reconciler.is_closing(MARKET), 2)
    scene.tell(listed(scene, scene.now_ns))
    assert not scene.reconciler.is_closed_clean(MARKET)
    sent_ns = scene.now_ns
    scene.run(0.2)
    scene.tell(ev.Swept(MARKET, CancelVerdict.CANCELED, (), (), "", sent_ns, scene.now_ns))
    scene.tell(listed(scene, scene.now_ns - 1))
    assert not scene.reconciler.is_closed_clean(MARKET)
    scene.tell(listed(scene, scene.now_ns))
    assert scene.reconciler.is_closed_clean(MARKET)


def test_a_closed_market_has_its_trades_read_until_its_orders_are_final() -> None:
    scene = Scene()
    scene.start_ready(make_market(length_s=60))
    order = scene.post("0xa")
    scene.run((START_NS + 54 * NS - scene.now_ns) / NS)
    scene.venue.tells = False
    scene.run(2)
    assert order.life is Life.CLOSING
    scene.tell(ev.MarketClosed(MARKET))
    scene.log.clear()
    scene.run(7)
    everywhere = [read for _, read in scene.asked(act.ReadTrades) if not read.market]
    assert len(everywhere) >= 3
    scene.run(5)
    assert [order.life] == [Life.CANCELLED]
    assert not scene.asked(act.Sweep)


def test_a_list_begun_before_the_answer_ends_nothing() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent |= {"Sweep", "ReadOpen"}
    scene.tell(ev.Stop("SIGTERM"))
    sent_ns = scene.now_ns
    scene.run(0.2)
    scene.tell(swept(scene, sent_ns=sent_ns))
    scene.tell(listed(scene, scene.now_ns - 1))
    assert scene.finished is None
    scene.tell(listed(scene, scene.now_ns))
    assert scene.finished == act.Finished("stopped", (), "SIGTERM")


def test_an_empty_list_ends_nothing_while_an_order_may_rest() -> None:
    scene = Scene()
    scene.start_ready()
    scene.run(1)
    scene.venue.silent |= {"ReadOrder", "CancelOrders"}
    scene.post("0xa", rests=False, answers_ms=-1)
    scene.tell(ev.Stop("SIGTERM"))
    scene.run(4)
    assert scene.finished is None
    scene.run(1)
    assert scene.finished == act.Finished("unproven", ("0xa",), "SIGTERM")


def test_an_order_that_vanished_unexplained_is_left_though_the_list_is_empty() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa")
    scene.run(6)
    scene.venue.open.clear()
    scene.tell(ev.Stop("SIGTERM"))
    scene.log.clear()
    scene.run(4)
    assert scene.finished is None
    assert len([1 for _, read in scene.asked(act.ReadOpen) if not read.market]) < 10
    scene.run(1)
    assert scene.finished == act.Finished("unproven", ("0xa",), "SIGTERM")


def test_a_market_that_ends_while_the_engine_does_keeps_nobody_busy() -> None:
    scene = Scene()
    scene.start_ready(make_market(length_s=60))
    scene.post("0xa")
    scene.run((START_NS + 54 * NS - scene.now_ns) / NS)
    scene.venue.silent |= {"Sweep", "ReadOpen", "CancelOrders"}
    scene.run(2)
    scene.tell(ev.Kill("file"))
    scene.run_until(lambda: scene.finished is not None, 21)


def test_proving_again_for_minutes_reads_trades_without_haste() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.sweep = scene.venue.cancel = CancelVerdict.REFUSED
    scene.tell(ev.Stalled(2 * NS))
    scene.run(150)
    scene.venue.sweep = scene.venue.cancel = CancelVerdict.CANCELED
    scene.log.clear()
    scene.run_until(lambda: scene.phase is Phase.READY, 10)
    assert len(scene.asked(act.ReadTrades)) <= 3


def test_a_stop_after_a_kill_changes_nothing_of_it() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent.add("Sweep")
    scene.tell(ev.Kill("file"))
    scene.run(1)
    scene.tell(ev.Stop("SIGTERM"))
    scene.reconciler.halt(scene.now_ns, "another reason")
    scene.run_until(lambda: scene.finished is not None, 20)
    assert (scene.now_ns - scene.begin_ns) / NS < 24
    scene.venue.silent.clear()


def test_a_kill_after_a_stop_does_not_wait_longer() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent.add("Sweep")
    scene.tell(ev.Stop("SIGTERM"))
    began_ns = scene.now_ns
    scene.run(2)
    scene.tell(ev.Kill("file"))
    scene.run_until(lambda: scene.finished is not None, 20)
    assert scene.now_ns - began_ns < 5 * NS


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


# Balances


def holding(scene: Scene, up_e6: int, cash_e6: int = CASH) -> None:
    now_ns = scene.now_ns
    shares = ((MARKET, Token.UP, up_e6), (MARKET, Token.DOWN, 0))
    scene.tell(ev.BalancesRead(cash_e6, shares, now_ns, now_ns))


def test_a_difference_that_changes_begins_to_count_anew() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent.add("ReadBalances")
    for up_e6 in (TEN, 2 * TEN, TEN):
        holding(scene, up_e6)
        scene.run(40)
    assert len(scene.asked(ev.Correction)) == 1
    scene.run(30)
    holding(scene, TEN)
    entries = [entry for _, entry in scene.asked(ev.Correction)]
    assert [entry.delta_e6 for entry in entries[1:]] == [TEN]


def test_a_difference_is_not_corrected_within_a_minute_while_the_account_trades() -> None:
    scene = Scene()
    scene.start_ready()
    scene.venue.silent.add("ReadBalances")
    for _ in range(12):
        holding(scene, TEN)
        scene.run(4.9)
    assert len(scene.asked(ev.Correction)) == 1


def test_nothing_is_corrected_while_a_fill_is_not_settled() -> None:
    scene = Scene()
    scene.start_ready()
    scene.post("0xa")
    scene.run(1)
    scene.tell(scene.fill("0xa")._replace(status=ev.Settlement.MATCHED))
    scene.venue.fills.clear()
    scene.venue.silent.add("ReadBalances")
    for _ in range(5):
        holding(scene, 3 * TEN)
        scene.run(30)
    assert len(scene.asked(ev.Correction)) == 1


def test_pairs_on_their_way_into_a_merge_are_no_difference() -> None:
    scene = Scene()
    scene.start_ready()
    first = ev.Correction("held", MARKET, Token.UP, 0, TEN, scene.now_ns)
    for token in Token:
        scene.fills.correct(first._replace(correction=f"held {token}", token=token))
    scene.gate.merge_sent(MARKET, TEN)
    scene.venue.silent.add("ReadBalances")
    for _ in range(4):
        holding(scene, 0, CASH + TEN)
        scene.run(30)
    assert len(scene.asked(ev.Correction)) == 1
    assert scene.alarms() == []


def test_an_entry_counts_once() -> None:
    ledger = FillLedger()
    entry = ev.Correction("id", MARKET, Token.UP, 0, TEN, START_NS)
    assert ledger.correct(entry)
    assert not ledger.correct(entry)
    assert ledger.position(MARKET, Token.UP).confirmed_e6 == TEN


# Escalation


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
