"""Each invariant fires where it is broken, and only there: what is in the book and is sent."""

from dataclasses import replace

import pytest

from polymm.domain.order import Side, Token
from polymm.engine import evidence as ev
from polymm.engine.order_life import Life
from polymm.runtime.journal_codec import encode
from tests.simulation.scenes import LIMITS, MARKET_ID, SECOND, Moment, beat, fires
from tests.support.exchange_scene import MARKET, MS, SHARE

UP, DOWN, BUY, SELL = Token.UP, Token.DOWN, Side.BUY, Side.SELL


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
