"""Belief about orders: only evidence moves it, and what cannot be is counted."""

from collections import Counter

from polymm._core.layout import ASK, BID
from polymm.domain.order import Accepted, Cancelled, CancelRefused, Rejected, Side, Token
from polymm.engine.working import Leg, WorkingOrders
from tests.support.fake_lane import fill_of

TEN = 10_000_000
WAIT = 1_000
BUY_UP = Leg(BID, Token.UP, Side.BUY, 4_900, TEN)
BUY_DOWN = Leg(ASK, Token.DOWN, Side.BUY, 4_800, TEN)
SELL_UP = Leg(ASK, Token.UP, Side.SELL, 5_100, TEN)


def make() -> tuple[WorkingOrders, Counter[str]]:
    counts: Counter[str] = Counter()
    return WorkingOrders("m", counts, first_order_id=5, proof_wait_ns=WAIT, cancels_max=2), counts


def test_a_rejection_after_a_sign_of_life_is_not_believed() -> None:
    for cancelled in (False, True):
        orders, counts = make()
        place = orders.place(0, BUY_UP)
        orders.apply_fill(fill_of(place, 1, 1, 0))
        if cancelled:
            orders.cancel_all(0)
        assert not orders.apply(0, Rejected(place.order_id, "balance"))
        assert len(orders) == 1
        assert counts == {"impossible_reply": 1}


def test_a_rejection_of_a_placement_whose_cancel_is_on_its_way_is_a_proof() -> None:
    orders, _ = make()
    place = orders.place(0, BUY_UP)
    orders.cancel_all(0)
    assert orders.apply(0, Rejected(place.order_id, "balance"))
    assert orders.unproven() == (0, 0)
    assert not len(orders)


def test_replies_about_done_and_unknown_orders_are_told_apart() -> None:
    orders, counts = make()
    place = orders.place(0, BUY_UP)
    orders.apply_fill(fill_of(place, TEN, 1, 0))
    assert not orders.apply(0, Accepted(place.order_id))
    assert not orders.apply(0, Accepted(place.order_id + 1))
    assert not orders.apply(0, Accepted(4))
    assert counts == {"late_reply": 1, "foreign_reply": 2}


def test_a_refusal_nobody_asked_for_moves_nothing() -> None:
    orders, counts = make()
    place = orders.place(0, BUY_UP)
    assert not orders.apply(0, CancelRefused(place.order_id, "unknown"))
    assert orders.intended(BID) == (4_900, TEN)
    assert counts == {"impossible_reply": 1}


def test_a_second_refusal_does_not_shorten_the_wait_for_owed_fills() -> None:
    orders, _ = make()
    place = orders.place(0, BUY_UP)
    orders.cancel_all(0)
    orders.apply(1, Cancelled(place.order_id, 3))
    orders.apply(2, CancelRefused(place.order_id, "unknown"))
    assert orders.unproven() == (1 << BID, 0)
    orders.apply_fill(fill_of(place, 2, 1, 0))
    assert orders.unproven() == (1 << BID, 0)
    orders.expire(1 + WAIT)
    assert orders.unproven() == (0, 1 << BID)
    orders.apply_fill(fill_of(place, 1, 2, 0))
    assert not len(orders)


def test_a_proof_that_reports_less_than_we_saw_is_a_proof() -> None:
    orders, counts = make()
    place = orders.place(0, BUY_UP)
    orders.apply_fill(fill_of(place, 3, 1, 0))
    assert orders.apply(0, Cancelled(place.order_id, 0))
    assert not len(orders)
    assert not counts


def test_cancels_are_sent_once_a_wait_and_only_as_often_as_allowed() -> None:
    orders, counts = make()
    orders.place(0, BUY_UP)
    sent = []
    for now_ns in range(0, 5 * WAIT, WAIT // 2):
        orders.expire(now_ns)
        sent.append(len(orders.cancel_all(now_ns)))
    assert sent == [1, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert counts == {"cancel_unproven": 2, "cancel_given_up": 1}
    assert orders.retry_ns() is None


def test_the_deadline_is_that_of_the_oldest_awaited_proof() -> None:
    orders, _ = make()
    assert orders.deadline_ns() is None
    orders.place(0, BUY_UP)
    assert orders.deadline_ns() is None
    orders.cancel_all(10)
    orders.place(20, SELL_UP)
    orders.cancel_all(30)
    assert orders.deadline_ns() == orders.retry_ns() == 10 + WAIT
    orders.expire(10 + WAIT)
    assert orders.deadline_ns() == 30 + WAIT


def test_a_side_may_wait_and_be_blocked_at_once() -> None:
    orders, _ = make()
    sell = orders.place(0, SELL_UP)
    orders.place(0, BUY_DOWN)
    orders.cancel_all(0)
    orders.apply(0, CancelRefused(sell.order_id, "unavailable"))
    assert orders.unproven() == (1 << ASK, 1 << ASK)


def test_two_asks_are_one_level_at_the_better_price() -> None:
    orders, _ = make()
    sell = orders.place(0, SELL_UP)
    buy = orders.place(0, BUY_DOWN)
    assert orders.intended(ASK) == (5_100, 2 * TEN)
    assert orders.resting(ASK) == (0, 0)
    orders.apply(0, Accepted(buy.order_id))
    orders.apply_fill(fill_of(buy, 4_000_000, 1, 0))
    assert orders.resting(ASK) == (5_200, 6_000_000)
    assert orders.selling_up_e6 == TEN
    orders.apply_fill(fill_of(sell, 4_000_000, 2, 0))
    assert orders.selling_up_e6 == 6_000_000


def test_ids_run_upwards_from_the_first() -> None:
    orders, _ = make()
    assert [orders.place(0, BUY_UP).order_id for _ in range(3)] == [5, 6, 7]
