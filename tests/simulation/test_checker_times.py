"""Invariants of proof, memory and time fire where they are broken; see `scenes`."""

from dataclasses import replace

import pytest

from polymm.domain.order import Side, Token
from polymm.engine import evidence as ev
from polymm.engine.actions import Finished
from polymm.engine.order_life import Life
from polymm.engine.recovered import Recovered
from tests.simulation.scenes import LIMITS, MARKET_ID, SECOND, Moment, beat, fires
from tests.simulation.timing import Timing
from tests.simulation.wire import Sent
from tests.support.exchange_scene import MS, SHARE

UP, DOWN, BUY, SELL = Token.UP, Token.DOWN, Side.BUY, Side.SELL


@pytest.fixture
def moment() -> Moment:
    return Moment()


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


def test_i28_fires_on_whoever_posts_though_it_was_told_of_a_foreign_order(moment):
    moment.post()
    moment.senses.foreign["0xf0"] = moment.now_ns
    seen = ev.OpenSeen("0xf0", MARKET_ID, 0, SHARE)
    moment.tell(ev.OpenListed("", (seen,), moment.now_ns, moment.now_ns))
    text = fires("I28", lambda: moment.send(moment.place(49, token=DOWN)))
    assert "told of 0xf0" in text


def test_i28_fires_on_whoever_posts_beside_a_foreign_order_for_long(moment):
    moment.senses.foreign["0xf0"] = moment.now_ns
    moment.arrive(moment.place(10), "0xf0")
    moment.post()
    moment.wait(9_000)
    beat(moment, moment.now_ns)
    moment.wait(9_000)
    moment.post(49, token=DOWN)
    beat(moment, moment.now_ns)
    moment.wait(3_000)
    text = fires("I28", lambda: moment.send(moment.place(47)))
    assert "beside 0xf0" in text


def test_i28_lets_a_start_sweep_away_what_somebody_else_left():
    moment = Moment(is_ready=False)
    moment.senses.foreign["0xf0"] = moment.now_ns
    seen = ev.OpenSeen("0xf0", MARKET_ID, 0, SHARE)
    moment.tell(ev.OpenListed("", (seen,), moment.now_ns, moment.now_ns))
    moment.make_ready()
    moment.post()


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


def test_l1_begins_to_count_when_a_loop_that_stood_still_turns_again(moment):
    moment.post()
    moment.wait(5_000, is_fresh=False)
    moment.senses.thawed_ns = moment.now_ns
    moment.tick()
    moment.wait(1_600, is_fresh=False)
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


def test_l1_waits_for_a_venue_that_cancels_nothing_itself(moment):
    moment.post()
    moment.checker.crashed(moment.now_ns, lost_tail=True)
    moment.wait(10_000)
    moment.senses.switch_ns = moment.now_ns
    moment.wait(14_000)
    moment.checker.timing.check_dead(moment.now_ns)
    moment.wait(1_100)
    fires("L1", lambda: moment.start())


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


def test_l2_excuses_whoever_only_reduces_for_losses_and_for_nothing_else(moment):
    moment.engine.gate.is_reduce_only = lambda market: True
    moment.engine.gate.watch.losses.reached.add("loss")
    moment.checker.healed(moment.now_ns)
    moment.wait(59_000)
    moment.tick()
    moment.engine.gate.watch.losses.reached.clear()
    moment.checker.timing.quoted_ns = -1
    moment.wait(100)
    fires("L2", moment.tick)


def test_l2_grants_a_minute_after_a_restart_of_the_venue(moment):
    moment.wait(40_000)
    moment.senses.restarting_ns = moment.now_ns
    moment.checker.healed(moment.now_ns)
    moment.wait(59_000)
    moment.tick()
    moment.wait(2_000)
    fires("L2", moment.tick)


@pytest.mark.parametrize("is_before", [True, False])
def test_l2_excuses_cash_that_truly_lacks_since_before_the_last_fault(moment, is_before):
    def believe():
        more_e6 = moment.checker.truth.cash_confirmed_e6 + SHARE
        moment.engine.fills.correct(ev.Correction("cash", "", None, 0, more_e6, moment.now_ns))

    if is_before:
        believe()
    moment.wait(1_000)
    moment.tick()
    moment.wait(100)
    moment.checker.healed(moment.now_ns)
    if not is_before:
        believe()
    moment.wait(56_000)
    moment.tick()
    moment.wait(2_000)
    if is_before:
        moment.tick()
    else:
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
    # Paid out, it is quoted with in time, not in the same moment.
    moment.checker.truth.paid_e6.clear()
    moment.wait(29_900)
    moment.tick()
    moment.wait(200)
    fires("L2", moment.tick)


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
