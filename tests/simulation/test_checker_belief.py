"""Invariants of belief, of cover and of cancels fire where they are broken; see `scenes`."""

import pytest

from polymm.domain.order import Side, Token
from polymm.engine import evidence as ev
from polymm.engine.order_life import Life
from polymm.exchange.faults import Fault
from tests.simulation.scenes import LIMITS, MARKET_ID, Moment, beat, fires
from tests.simulation.senses import Senses
from tests.support.exchange_scene import SHARE

UP, DOWN, BUY, SELL = Token.UP, Token.DOWN, Side.BUY, Side.SELL


@pytest.fixture
def moment() -> Moment:
    return Moment()


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


def test_i1_fires_on_a_fill_beyond_the_size_for_which_no_limit_had_room(moment):
    first = moment.post(48, 20)
    moment.take_fill(first, 20)
    moment.orders.by_hash[first].life = Life.FILLED
    second = moment.post(48, 10)
    moment.venue.exchange.faults.set(Fault.FILL_EXCEEDED, 1)
    text = fires("I1", lambda: moment.fill(second, 12))
    assert "30010000" in text


def test_i9_fires_where_a_fill_beyond_the_size_is_cut_off(moment):
    bid = moment.post(48, 10)
    moment.venue.exchange.faults.set(Fault.FILL_EXCEEDED, 1)
    moment.fill(bid, 12)
    moment.orders.by_hash[bid].reserve_e6 = 0
    told = moment.told_fill(bid, 10.01)
    moment.engine.fills.apply(told._replace(size_e6=10 * SHARE))
    text = fires("I9", lambda: moment.tell(told))
    assert "told of 10010000, booked 10000000" in text


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
    # The checker is told, and the engine's ledger is not.
    moment.checker.before_step(moment.now_ns, void)
    fires("I9", lambda: moment.checker.after_step(moment.now_ns, void))


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
