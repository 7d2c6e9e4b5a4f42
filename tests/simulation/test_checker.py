"""Each invariant fires where it is broken, and only there; `scenes` says what is well at first."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from polymm.domain.order import Side, Token
from polymm.engine import evidence as ev
from polymm.engine.actions import Finished
from polymm.engine.order_life import Life
from polymm.engine.recovered import Recovered
from polymm.exchange.faults import Fault
from polymm.runtime.journal_codec import encode
from tests.simulation.scenes import LIMITS, MARKET_ID, SECOND, Moment
from tests.simulation.senses import Senses
from tests.simulation.timing import Timing
from tests.simulation.violations import Violated
from tests.simulation.wire import Sent
from tests.support.exchange_scene import MARKET, MS, SHARE

UP, DOWN, BUY, SELL = Token.UP, Token.DOWN, Side.BUY, Side.SELL


def fires(invariant: str, act: Callable[[], object]) -> str:
    """Hold that exactly this invariant fires; answer what it says."""
    with pytest.raises(Violated) as caught:
        act()
    assert caught.value.invariant == invariant, str(caught.value)
    assert str(caught.value.now_ns) in str(caught.value)
    return caught.value.text


@pytest.fixture
def moment() -> Moment:
    return Moment()


def test_a_day_without_mistakes_passes(moment):
    bid = moment.post(48, 10)
    moment.post(49, 10, token=DOWN)
    told = moment.take_fill(bid, 5)
    moment.disk.segment += encode(told)
    moment.wait(300)
    moment.cancel(bid)
    moment.venue.exchange.cancel(moment.now_ns, "ann-key", [bid])
    believed = moment.orders.by_hash[bid]
    believed.life, believed.reserve_e6 = Life.CANCELLED, 0
    moment.tick()
    moment.checker.finish(moment.now_ns)
    assert moment.checker.steps > 5


# I1 to I3: the book


def test_i1_fires_when_the_book_could_become_too_one_sided(moment):
    moment.checker._held._limits = replace(LIMITS, levels_max=9)
    moment.post(48, 15)
    moment.post(47, 15)
    assert "36000000" in fires("I1", lambda: moment.post(46, 6))


def test_i1_counts_what_was_filled_and_may_still_fail(moment):
    bid = moment.post(48, 20)
    moment.take_fill(bid, 20)
    place = moment.place(47, 11)
    order = moment.send(place)
    fires("I1", lambda: moment.arrive(place, order))


def test_i1_counts_dollars_of_all_sides():
    moment = Moment(limits=replace(LIMITS, max_total_cost_e6=12 * SHARE))
    moment.post(59, 20)
    place = moment.place(40, 10, token=DOWN)
    order = moment.send(place)
    text = fires("I1", lambda: moment.arrive(place, order))
    assert "cost" in text


def test_i1_fires_on_the_belief_alone(moment):
    place = moment.place(48, 20)
    moment.believe(place, "0x1").reserve_e6 = 31 * SHARE
    fires("I1", lambda: moment.tell(ev.MarketOpened(MARKET_ID)))


def test_i2_fires_on_a_second_live_order_of_a_side(moment):
    moment.post(48, 5)
    fires("I2", lambda: moment.post(47, 5))


def test_i2_lets_both_tokens_be_quoted(moment):
    moment.post(48, 5)
    moment.post(49, 5, token=DOWN)


def test_i3_fires_before_the_order_that_could_meet_our_own(moment):
    moment.post(48, 5)
    text = fires("I3", lambda: moment.send(moment.place(52, 5, token=DOWN)))
    assert "4800" in text


def test_i3_counts_what_flies(moment):
    moment.send(moment.place(48, 5))
    fires("I3", lambda: moment.send(moment.place(48, 5, side=SELL)))


def test_i3_forgets_what_can_no_longer_arrive(moment):
    lost = moment.send(moment.place(48, 5))
    moment.checker.gone(lost)
    moment.send(moment.place(48, 5, side=SELL))


# I4 to I7: inputs, time, gate, form


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("book_ns", {MARKET_ID: [0, 1 << 62]}),
        ("book_ns", {MARKET_ID: [1 << 62, 0]}),
        ("lag_ns", 251 * MS),
    ],
)
def test_i4_fires_on_each_old_input(moment, name, value):
    setattr(moment.senses, name, value)
    fires("I4", moment.post)


def test_i4_fires_on_an_old_reference_where_one_is_used():
    moment = Moment(limits=replace(LIMITS, reference_age_ns_max=SECOND))
    moment.post(48)
    moment.senses.reference_ns -= 2 * SECOND
    fires("I4", lambda: moment.post(49, token=DOWN))


def test_i4_fires_while_the_user_channel_is_away(moment):
    moment.tell(ev.UserChannel(is_live=False, since_ns=moment.now_ns))
    moment.wait(1_900)
    moment.post(48)
    moment.wait(200)
    fires("I4", lambda: moment.post(49, token=DOWN))


def test_i5_fires_on_a_post_within_the_margin(moment):
    late_ns = MARKET.end_ns - LIMITS.close_margin_ns + 1
    beat(moment, late_ns - MS)
    moment.wait((late_ns - moment.now_ns) / MS)
    fires("I5", moment.post)


def test_i5_fires_on_an_order_that_outlives_its_market(moment):
    place = moment.place(48)
    order = moment.send(place)
    expires_s = MARKET.end_ns // SECOND + 1
    fires("I5", lambda: moment.arrive(place, order, expiration_s=expires_s))


def test_i5_fires_on_an_order_nobody_cancelled_before_the_close(moment):
    moment.post()
    moment.wait(2_000)
    listing = moment.venue.listing
    fires("I5", lambda: moment.venue.exchange.close(listing, moment.now_ns))


def test_i5_lets_an_order_rest_whose_cancel_failed(moment):
    bid = moment.post()
    moment.wait(2_000)
    moment.cancel(bid)
    moment.venue.exchange.close(moment.venue.listing, moment.now_ns)


def beat(moment: Moment, now_ns: int) -> None:
    """Tell of an accepted beat."""
    moment.tell(ev.BeatAnswered(is_accepted=True, reason="", sent_ns=now_ns, recv_ns=now_ns))


@pytest.mark.parametrize("event", [ev.Kill("file"), ev.Stop("signal")])
def test_i6_fires_on_a_post_after_the_end(moment, event):
    moment.tell(event)
    fires("I6", moment.post)


def test_i6_fires_before_everything_was_proven():
    fires("I6", Moment(is_ready=False).post)


def test_i6_fires_on_a_closed_gate(moment):
    moment.engine.gate.is_open = False
    fires("I6", moment.post)


def test_i6_fires_when_events_were_missed_and_nothing_was_read_since(moment):
    moment.tell(ev.UserChannel(is_live=False, since_ns=moment.now_ns))
    moment.wait(2_100)
    moment.tell(ev.UserChannel(is_live=True, since_ns=moment.now_ns))
    fires("I6", moment.post)
    moment.read(moment.now_ns)
    moment.post(49, token=DOWN)


def test_i6_fires_without_a_recent_beat(moment):
    moment.wait(10_001)
    fires("I6", moment.post)


@pytest.mark.parametrize(
    ("cents", "shares"), [(48.05, 10), (100, 10), (0.5, 10), (99.5, 10), (48, 4.99), (48, 20.01)]
)
def test_i7_fires_on_prices_and_sizes_out_of_their_bounds(moment, cents, shares):
    fires("I7", lambda: moment.post(cents, shares))


@pytest.mark.parametrize("more", [{"shares": 9}, {"cents": 47}, {"post_only": False}])
def test_i7_fires_on_bytes_that_do_not_say_what_was_meant(moment, more):
    place = moment.place(48)
    order = moment.send(place)
    fires("I7", lambda: moment.arrive(place, order, **more))


# I8 to I11: belief


def test_i8_fires_when_truth_leaves_the_belief(moment):
    bid = moment.post(48, 10)
    # What may still be filled is released, and then is filled.
    moment.venue.exchange.faults.set(Fault.CANCEL_ALREADY_MATCHED, 1)
    moment.venue.exchange.cancel(moment.now_ns, "ann-key", [bid])
    believed = moment.orders.by_hash[bid]
    believed.life, believed.reserve_e6 = Life.CANCELLED, 0
    text = fires("I8", moment.tick)
    assert "10000000" in text


def test_i8_holds_while_the_fill_is_not_told_and_its_reserve_is_kept(moment):
    bid = moment.post(48, 10)
    moment.fill(bid, 5)
    moment.tick()


def test_i8_fires_when_quiet_and_not_equal(moment):
    bid = moment.post(48, 10)
    moment.take_fill(bid, 10)
    moment.orders.by_hash[bid].life = Life.FILLED
    moment.checker.healed(moment.now_ns)
    moment.wait(45_000)
    assert not moment.checker.truth.pending[MARKET_ID]
    # Settled, and still believed to be open: an interval where there is one number.
    fires("I8", lambda: moment.checker.finish(moment.now_ns))


def test_i8_counts_a_failed_settlement_out(moment):
    moment.venue.exchange.faults.set(Fault.TRADE_FAILED, 1)
    bid = moment.post(48, 10)
    moment.take_fill(bid, 10, trade="t")
    moment.orders.by_hash[bid].life = Life.FILLED
    moment.wait(6_000)
    moment.tick()
    moment.tell(moment.told_fill(bid, 10, ev.Settlement.VOID, trade="t"))
    assert moment.checker.truth.net_e6[MARKET_ID] == [0, 0]


def test_i9_fires_when_a_fill_is_booked_twice(moment):
    bid = moment.post(48, 10)
    told = moment.take_fill(bid, 5)
    moment.engine.fills.apply(told._replace(trade="again"))
    fires("I9", lambda: moment.tell(ev.MarketOpened(MARKET_ID)))


def test_i9_fires_when_a_void_is_not_taken_back(moment):
    bid = moment.post(48, 10)
    told = moment.take_fill(bid, 5)
    void = told._replace(status=ev.Settlement.VOID)
    apply = moment.engine.fills.apply
    moment.engine.fills.apply = lambda fill: None
    fires("I9", lambda: moment.tell(void))
    moment.engine.fills.apply = apply


def test_i9_lets_the_same_fill_be_told_again(moment):
    bid = moment.post(48, 10)
    told = moment.take_fill(bid, 5)
    moment.tell(told)
    moment.tell(told._replace(status=ev.Settlement.MINED))


def test_i10_fires_when_the_journal_does_not_bring_an_order_back(moment):
    moment.post()
    moment.disk.segment = moment.disk.segment[:20]
    fires("I10", lambda: moment.checker.crashed(moment.now_ns, lost_tail=False))


def test_i10_is_silent_about_a_market_that_was_settled(moment):
    bid = moment.post()
    moment.venue.exchange.cancel(moment.now_ns, "ann-key", [bid])
    moment.orders.by_hash[bid].life = Life.CANCELLED
    moment.tell(ev.MarketSettled(MARKET_ID, 0))
    moment.disk.segment = moment.disk.segment[:20]
    moment.checker.crashed(moment.now_ns, lost_tail=False)


def test_i10_fires_on_an_order_without_a_fate(moment):
    moment.checker.healed(moment.now_ns)
    bid = moment.post(48, 10)
    moment.venue.exchange.cancel(moment.now_ns, "ann-key", [bid])
    moment.orders.by_hash[bid].life = Life.CLOSING
    moment.wait(61_000)
    moment.checker.timing._senses = Senses()
    text = fires("I10", lambda: moment.checker.finish(moment.now_ns))
    assert "CLOSING" in text


def test_i11_fires_on_an_unknown_order(moment):
    bid = moment.post()
    del moment.orders.by_hash[bid]
    fires("I11", moment.tick)


def test_i11_fires_on_a_reserve_that_is_too_small(moment):
    moment.orders.by_hash[moment.post(48, 10)].reserve_e6 = 9 * SHARE
    fires("I11", moment.tick)


# I12 to I16: cover, intents, cancels, budgets


def test_i12_fires_on_a_buy_that_no_confirmed_cash_covers(moment):
    moment.venue.exchange.transfer(
        moment.now_ns, "cash", 995 * SHARE, giver=moment.venue.ann, taker=moment.venue.bob
    )
    moment.post(48, 10)
    fires("I12", lambda: moment.send(moment.place(49, 10, token=DOWN)))


def test_i13_fires_on_a_sell_of_shares_that_are_not_settled(moment):
    ann, bob = moment.venue.ann, moment.venue.bob
    token = moment.venue.listing.token_id(UP)
    moment.venue.exchange.transfer(moment.now_ns, token, 1_000 * SHARE, giver=ann, taker=bob)
    bid = moment.post(48, 10)
    moment.take_fill(bid, 10)
    moment.orders.by_hash[bid].life = Life.FILLED
    moment.wait(5_500)  # mined: the venue would take the sell
    beat(moment, moment.now_ns)
    fires("I13", lambda: moment.send(moment.place(55, 10, side=SELL)))


def test_i13_lets_settled_shares_be_sold(moment):
    moment.post(55, 10, side=SELL)


def test_i14_fires_on_a_hash_that_is_sent_again(moment):
    place = moment.place(48)
    order = moment.send(place)
    moment.checker.gone(order)
    fires("I14", lambda: moment.send(moment.place(48), order))


def test_i14_fires_on_an_intent_with_two_hashes(moment):
    place = moment.place(48)
    moment.checker.gone(moment.send(place))
    fires("I14", lambda: moment.send(place, "0x" + "ee" * 32))


def test_i15_fires_on_the_sixth_cancel(moment):
    bid = moment.post()
    for _ in range(5):
        moment.cancel(bid)
        moment.wait(4_100)
    fires("I15", lambda: moment.cancel(bid))


def test_i15_fires_on_a_cancel_too_soon(moment):
    bid = moment.post()
    moment.cancel(bid)
    moment.wait(499)
    fires("I15", lambda: moment.cancel(bid))


def test_i15_fires_on_a_cancel_of_what_is_final(moment):
    bid = moment.post()
    moment.tell(
        ev.CancelAnswered(
            bid, ev.CancelVerdict.NOT_CANCELED, "matched", moment.now_ns, moment.now_ns
        )
    )
    fires("I15", lambda: moment.cancel(bid))
    ask = moment.post(55, side=SELL)
    moment.orders.by_hash[ask].life = Life.FILLED
    fires("I15", lambda: moment.cancel(ask))


def test_i15_fires_on_the_fourth_plan_within_a_second(moment):
    for _ in range(3):
        order = moment.send(moment.place(48))
        moment.checker.gone(order)
        verdict = ev.PlaceVerdict.REJECTED
        now_ns = moment.now_ns
        moment.tell(ev.PlaceAnswered(order, verdict, "post_only_crosses", now_ns, now_ns))
    moment.send(moment.place(55, side=SELL))
    fires("I15", lambda: moment.send(moment.place(48)))


def test_i16_fires_when_the_cancel_reserve_is_spent(moment):
    for n in range(119):
        moment.cancel(f"0x{n:064x}")
    fires("I16", moment.post)


def test_i16_fires_on_too_many_orders_in_a_second(moment):
    def burst() -> None:
        for _ in range(LIMITS.orders_a_second_max + 1):
            moment.checker.gone(moment.send(moment.place(48)))

    assert "second" in fires("I16", burst)


# I17 to I22


def test_i17_fires_on_a_beat_after_two_failed_rounds(moment):
    moment.post()
    for n in range(2):
        moment.tell(
            ev.Swept(
                "", ev.CancelVerdict.UNKNOWN, (), (), "timeout", moment.now_ns + n, moment.now_ns
            )
        )
    sent = Sent(moment.now_ns, "beat", "", (), ())
    fires("I17", lambda: moment.checker.at_send(sent))


def test_i17_fires_on_a_beat_without_a_user_channel(moment):
    moment.checker.at_send(Sent(moment.now_ns, "beat", "", (), ()))
    moment.tell(ev.UserChannel(is_live=False, since_ns=moment.now_ns))
    moment.wait(2_100)
    fires("I17", lambda: moment.checker.at_send(Sent(moment.now_ns, "beat", "", (), ())))


def test_i17_fires_on_an_order_that_is_live_after_the_deadline(moment):
    bid = moment.post()
    moment.wait(9_900)
    moment.tick()
    moment.wait(200)
    text = fires("I17", moment.tick)
    assert bid in text


def test_i18_fires_on_a_book_that_was_never_true(moment):
    moment.book.touch = (4_100, 6_000)
    fires("I18", moment.post)


def test_i18_fires_on_a_crossed_book_and_on_none(moment):
    moment.book.touch = (6_000, 6_000)
    fires("I18", moment.post)
    moment.book.touch, moment.book.has_epoch = None, False
    fires("I18", lambda: moment.send(moment.place(48)))


def test_i18_lets_a_book_be_a_little_old(moment):
    moment.book.touch = moment.venue.listing.touch(UP)
    moment.venue.buy(moment.venue.bob, 45, 10)
    moment.wait(500)
    moment.post()


def test_i19_fires_on_the_wrong_token(moment):
    place = moment.place(48)
    order = moment.send(place)
    fires("I19", lambda: moment.arrive(place, order, token=DOWN))


def test_i20_fires_on_a_container_that_grows(moment):
    moment.engine = moment.checker._engine = Grown()
    fires("I20", lambda: moment.checker._bounds.check(moment.now_ns, moment.engine))


class Grown:
    """An engine that keeps too much."""

    __module__ = "polymm.engine.grown"

    def __init__(self) -> None:
        self.kept = list(range(5_000))


def test_i22_fires_on_an_order_that_is_not_written_down(moment):
    fires("I22", lambda: moment.send(moment.place(48), is_planned=False))


def test_i22_fires_when_an_applied_fill_is_not_brought_back(moment):
    bid = moment.post()
    moment.take_fill(bid, 5)
    text = fires("I22", lambda: moment.checker.crashed(moment.now_ns, lost_tail=False))
    assert "nothing" in text


# I26 to I29


def test_i26_fires_on_a_post_between_a_jump_and_the_next_look(moment):
    moment.wait(1)
    moment.tell(ev.ClockJumped(2 * SECOND))
    fires("I26", moment.post)
    moment.tell(ev.PreflightRead((), 0, moment.now_ns, moment.now_ns))
    moment.post(49, token=DOWN)


def test_i26_fires_when_time_runs_back(moment):
    moment.venue.now_ns -= 1
    fires("I26", moment.tick)


def test_i27_fires_on_more_exposure_after_three_failures(moment):
    bid = moment.post(48, 10)
    for n in range(3):
        moment.tell(moment.told_fill(bid, 1, ev.Settlement.VOID, trade=f"t{n}"))
    fires("I27", lambda: moment.send(moment.place(49, 10, token=DOWN)))


def test_i28_fires_on_a_second_engine(moment):
    fires("I28", moment.start)


def test_i28_fires_on_bytes_of_no_engine(moment):
    moment.checker.crashed(moment.now_ns, lost_tail=True)
    fires("I28", lambda: moment.send(moment.place(48)))


def test_i29_fires_on_an_engine_without_limits(moment):
    moment.checker.crashed(moment.now_ns, lost_tail=True)
    moment.engine.gate.limits = replace(LIMITS)
    object.__setattr__(moment.engine.gate.limits, "max_market_e6", 0)
    engine, disk = moment.engine, moment.disk
    fires("I29", lambda: moment.checker.started(moment.now_ns, engine, disk, Recovered()))


# L1 to L7


def test_l1_fires_on_an_order_in_a_frozen_market(moment):
    moment.post()
    moment.wait(4_500, is_fresh=False)
    moment.tick()
    moment.wait(100, is_fresh=False)
    fires("L1", moment.tick)


def test_l1_gives_more_time_where_requests_are_disturbed(moment):
    moment.post()
    moment.senses.rest_hurt_ns = moment.now_ns
    moment.wait(5_000, is_fresh=False)
    moment.tick()


def test_l1_fires_when_the_kill_switch_cancels_nothing(moment):
    moment.tell(ev.Kill("file"))
    moment.wait(100)
    fires("L1", moment.tick)


def test_l1_fires_on_an_order_that_outlives_a_dead_engine(moment):
    moment.post()
    moment.checker.crashed(moment.now_ns, lost_tail=True)
    moment.wait(15_100)
    fires("L1", lambda: moment.start())


def test_l2_fires_when_nothing_rests_long_after_the_last_fault(moment):
    moment.checker.healed(moment.now_ns)
    moment.wait(58_000)
    moment.tick()
    moment.wait(1_000)
    fires("L2", moment.tick)


def test_l2_is_silent_where_no_order_may_cost_what_is_left():
    moment = Moment(limits=replace(LIMITS, max_total_cost_e6=8 * SHARE))
    bid = moment.post(48, 10)
    moment.take_fill(bid, 10)
    moment.orders.by_hash[bid].life = Life.FILLED
    moment.wait(1_000)
    moment.checker.healed(moment.now_ns)
    moment.wait(61_000)
    moment.tick()


def test_l3_fires_on_an_order_that_stays_unknown(moment):
    place = moment.place(48)
    order = moment.send(place)
    moment.checker.gone(order)
    moment.believe(place, order, Life.UNKNOWN_NEW)
    moment.wait(60)
    moment.tick()
    moment.wait(14_900)
    moment.tick()
    moment.wait(200)
    fires("L3", moment.tick)


def test_l3_fires_on_a_debt(moment):
    bid = moment.post()
    moment.orders.by_hash[bid].debt_e6 = SHARE
    moment.wait(60)
    moment.tick()
    moment.wait(5_100)
    fires("L3", moment.tick)


def test_l4_fires_on_an_order_of_an_earlier_life(moment):
    bid = moment.post(48, 5)
    moment.checker.crashed(moment.now_ns, lost_tail=True)
    moment.start()
    moment.make_ready()
    text = fires("L4", lambda: moment.post(49, token=DOWN))
    assert bid in text


def test_l5_fires_on_a_lost_user_event(moment):
    moment.senses.user_sent += 1
    fires("L5", lambda: moment.checker.finish(moment.now_ns))


def test_l5_fires_on_lag_after_the_last_fault(moment):
    moment.checker.healed(moment.now_ns)
    moment.wait(1_100)
    moment.senses.lag_ns = 51 * MS
    fires("L5", moment.tick)


def test_l7_fires_on_a_stop_that_takes_too_long(moment):
    moment.tell(ev.Stop("signal"))
    moment.wait(5_100)
    fires("L7", moment.tick)


def test_l7_fires_on_an_end_that_leaves_something_unnamed(moment):
    bid = moment.post()
    moment.tell(ev.Stop("signal"))
    clean, honest = Finished("stopped", (), ""), Finished("unproven", (bid,), "no answer")
    fires("L7", lambda: moment.checker.finished(moment.now_ns, clean))
    moment.checker.finished(moment.now_ns, honest)


def test_quoting_is_noted_while_something_rests(moment):
    moment.post()
    moment.wait(60)
    moment.tick()
    assert isinstance(moment.checker.timing, Timing)
    assert moment.checker.timing.quoted_ns == moment.now_ns
