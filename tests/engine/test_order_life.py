"""Every row of the order state machine in FAILURES as a scene."""

import pytest

from polymm.engine.evidence import Event, PlaceVerdict, Settlement, Swept, Written
from polymm.engine.order_life import Life
from tests.support.order_scene import (
    CANCELLATION,
    FULL,
    GONE,
    KEPT,
    LIVE,
    LOST,
    MARKET,
    PLACEMENT,
    REJECTED,
    SHARE,
    UNKNOWN,
    UPDATE,
    OrderScene,
    asked,
    canceled,
    fill,
    listed,
    ns,
    placed,
    read_all,
    seen,
    told,
    trades,
)

# Placing


def test_a_planned_order_reserves_all_of_it_before_a_byte_is_sent() -> None:
    scene = OrderScene()
    order = scene.plan()
    assert order.life is Life.PLANNED
    assert order.reserve_e6 == FULL
    assert order.is_potentially_live
    scene.step(0, Written(("A",), ns(0)))
    assert order.life is Life.NEW_INFLIGHT


def test_what_was_never_written_is_rejected_at_once() -> None:
    for verdict in (None, PlaceVerdict.NOT_SENT):
        scene = OrderScene()
        order = scene.plan()
        if verdict is None:
            scene.manager.discard(ns(0), 1, "gate_closed")
        else:
            scene.step(0.1, placed(verdict, 0.1, reason="no_journal"))
        assert order.life is Life.REJECTED
        assert order.reserve_e6 == 0
        assert not list(scene.manager.potentially_live())


@pytest.mark.parametrize(
    "sign",
    [
        placed(LIVE, 0.2),
        placed(PlaceVerdict.DELAYED, 0.2),
        placed(PlaceVerdict.MATCHED, 0.2),
        told(PLACEMENT, 0.2),
        told(UPDATE, 0.2, 1),
        listed(0.15, seen()),
        asked(0.15, seen()),
        fill("t", 0.2, 1),
    ],
)
def test_any_sign_of_life_makes_it_live(sign: Event) -> None:
    for at in (0.3, 5.0):  # in flight, and unknown by then
        scene = OrderScene()
        order = scene.send()
        scene.step(at)
        scene.step(at, sign)
        assert order.life is Life.LIVE


def test_a_lost_answer_is_unknown_and_keeps_the_reserve() -> None:
    scene = OrderScene()
    order = scene.send()
    scene.step(2.999)
    assert order.life is Life.NEW_INFLIGHT
    scene.step(3)
    assert order.life is Life.UNKNOWN_NEW
    assert order.reserve_e6 == FULL
    scene = OrderScene()
    order = scene.send()
    scene.step(0.5, placed(UNKNOWN, 0.5))
    assert order.life is Life.UNKNOWN_NEW


def test_a_definite_error_ends_it_unless_it_showed_life() -> None:
    scene = OrderScene()
    order = scene.send()
    scene.step(0.5, placed(REJECTED, 0.5))
    assert order.life is Life.REJECTED
    scene.step(0.6, told(PLACEMENT, 0.6))
    assert order.life is Life.UNKNOWN_CANCEL
    assert order.reserve_e6 == FULL
    assert scene.alarms.count("rejected_order_lives") == 1
    assert scene.cancels == [0.6]  # nobody else knows that it rests


# Absence


def test_two_lists_a_query_and_the_trades_prove_that_it_never_rested() -> None:
    scene = OrderScene()
    order = scene.send()
    read_all(scene, 4)
    assert order.life is Life.UNKNOWN_NEW  # too early: it may still arrive
    read_all(scene, 13)
    assert order.life is Life.REJECTED


def test_what_rests_no_longer_is_kept_until_no_trade_can_be_told_any_more() -> None:
    for begin, end in ((OrderScene.send, Life.REJECTED), (OrderScene.rest, Life.CANCELLED)):
        scene = OrderScene()
        order = begin(scene)
        scene.step(13, listed(11), listed(12), asked(12), trades(12.5))
        assert (order.life, order.reserve_e6) == (Life.CLOSING, FULL)
        scene.step(19.1, trades(19))  # the elder list ended at 11.05
        assert (order.life, order.reserve_e6) == (Life.CLOSING, FULL)
        scene.step(19.3, trades(19.2))
        assert (order.life, order.reserve_e6) == (end, 0)


@pytest.mark.parametrize(
    "reads",
    [
        (listed(11), asked(12), trades(20)),  # one list
        (listed(11), listed(12), trades(20)),  # no query
        (listed(9.9), listed(12), asked(12), trades(20)),  # a list begun too early
        (listed(11), listed(12), asked(9.9), trades(20)),  # a query begun too early
        (listed(11), listed(11), asked(12), trades(20)),  # the same list twice
        (listed(11, market="0xother"), listed(12), asked(12), trades(20)),
    ],
)
def test_less_than_the_whole_proof_proves_nothing(reads: tuple[Event, ...]) -> None:
    scene = OrderScene()
    order = scene.send()
    scene.step(21, *reads)
    assert order.life is Life.UNKNOWN_NEW
    assert order.reserve_e6 == FULL


def test_without_trades_the_whole_reserve_is_kept_however_long() -> None:
    scene = OrderScene()
    order = scene.send()
    scene.step(21, listed(11), listed(12), asked(12))
    for at in (21, 3_600, 86_400):
        scene.step(at)
        assert (order.life, order.reserve_e6) == (Life.CLOSING, FULL)
    scene.step(86_401, listed(86_400.1), listed(86_400.2), asked(86_400.3))
    assert (order.life, order.reserve_e6) == (Life.CLOSING, FULL)


def test_trades_that_do_not_reach_back_prove_nothing() -> None:
    scene = OrderScene()
    order = scene.send()
    late = trades(20)._replace(after_ns=ns(1))
    scene.step(21, listed(11), listed(12), asked(12), late)
    assert (order.life, order.reserve_e6) == (Life.CLOSING, FULL)


def test_lists_of_all_markets_prove_as_much() -> None:
    scene = OrderScene()
    order = scene.send()
    scene.step(21, listed(11, market=""), listed(12, market=""), asked(12), trades(20, market=""))
    assert order.life is Life.REJECTED


def test_a_cancel_written_later_moves_the_time_from_which_reads_prove() -> None:
    scene = OrderScene()
    order = scene.send()
    scene.cancel(5)
    scene.step(8, canceled(KEPT, 5, 8))
    read_all(scene, 12)
    assert order.life is Life.UNKNOWN_NEW
    read_all(scene, 21)
    assert order.life is Life.REJECTED


def test_a_live_order_that_vanished_ends_by_its_trades() -> None:
    for size, end in ((0, Life.CANCELLED), (4, Life.CANCELLED), (10, Life.FILLED)):
        scene = OrderScene()
        order = scene.rest()
        fills = (fill("t", 12, size),) if size else ()
        scene.step(21, listed(11), listed(12), asked(12), trades(20, *fills))
        assert order.life is end
        assert order.matched_e6 == size * SHARE


# Fills


def test_fills_of_all_of_it_end_it_in_any_state() -> None:
    for begin in (OrderScene.send, OrderScene.rest):
        scene = OrderScene()
        order = begin(scene)
        scene.step(1, fill("t1", 1, 4))
        assert order.life is Life.LIVE
        assert (order.matched_e6, order.reserve_e6) == (4 * SHARE, 6 * SHARE)
        scene.step(2, fill("t2", 2, 6))
        assert order.life is Life.FILLED
        assert order.reserve_e6 == 0


def test_a_hundredth_of_a_share_left_is_rounding() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.step(1, fill("t1", 1, 9.99))
    assert order.life is Life.FILLED
    scene = OrderScene()
    order = scene.rest()
    scene.step(1, fill("t1", 1, 9.98))
    assert order.life is Life.LIVE


def test_a_size_without_its_trade_is_a_debt() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.step(1, told(UPDATE, 1, 4))
    assert (order.matched_e6, order.debt_e6) == (4 * SHARE, 4 * SHARE)
    assert order.reserve_e6 == FULL  # six may still be filled, four are owed
    scene.step(1.1, fill("t1", 1.1, 3.995))
    assert order.debt_e6 == 0


def test_a_fill_that_was_void_moved_the_size_all_the_same() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.step(1, told(UPDATE, 1, 4), fill("t1", 1, 4))
    scene.step(5, fill("t1", 5, 4, Settlement.VOID))
    assert (order.life, order.debt_e6, order.matched_e6) == (Life.LIVE, 0, 4 * SHARE)
    assert order.reserve_e6 == 6 * SHARE


def test_a_void_fill_does_not_reopen_what_it_filled() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.step(1, fill("t1", 1, 10))
    scene.step(5, fill("t1", 5, 10, Settlement.VOID))
    assert order.life is Life.FILLED
    assert "settlement_failed" in scene.alarms


def test_more_filled_than_ordered_counts_as_it_is() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.step(1, fill("t1", 1, 8), fill("t2", 1, 8))
    assert order.life is Life.FILLED
    assert order.matched_e6 == 16 * SHARE
    assert scene.alarms == ["filled_too_much"]


# Cancels


def test_a_wanted_cancel_frees_nothing() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.cancel(1)
    assert order.life is Life.CANCEL_INFLIGHT
    assert order.reserve_e6 == FULL
    scene.step(1.5, fill("t1", 1.5, 4))
    assert order.life is Life.CANCEL_INFLIGHT


def test_canceled_is_closing_until_the_size_is_known() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.cancel(1)
    scene.step(1.2, canceled(GONE, 1, 1.2))
    assert order.life is Life.CLOSING
    assert order.reserve_e6 == FULL
    scene.step(1.3, told(CANCELLATION, 1.3, 4))
    assert (order.life, order.reserve_e6, order.debt_e6) == (
        Life.CLOSING,
        4 * SHARE,
        4 * SHARE,
    )
    scene.step(1.4, fill("t1", 1.4, 4))
    assert order.life is Life.CANCELLED
    assert order.reserve_e6 == 0


def test_closing_ends_by_trades_that_were_read_long_after() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.cancel(1)
    scene.step(1.2, canceled(GONE, 1, 1.2))
    scene.step(11.3, trades(11.1))
    assert order.life is Life.CLOSING
    scene.step(11.4, trades(11.3, fill("t1", 11.4, 4)))
    assert order.life is Life.CANCELLED
    assert order.matched_e6 == 4 * SHARE


def test_a_sweep_counts_for_each_of_its_orders() -> None:
    scene = OrderScene()
    for name in "ABC":
        scene.rest(name)
    swept = Swept(MARKET, GONE, ("A",), ("B",), "", ns(1), ns(1.2))
    scene.step(1.2, swept)
    lives = [scene.life(name) for name in "ABC"]
    assert lives == [Life.CLOSING, Life.UNKNOWN_CANCEL, Life.LIVE]


def test_not_canceled_closes_an_order_that_cannot_be_on_its_way() -> None:
    for at, life in ((5.0, Life.UNKNOWN_CANCEL), (11.0, Life.CLOSING)):
        scene = OrderScene()
        order = scene.rest()
        scene.cancel(at)
        scene.step(at + 0.2, canceled(KEPT, at, at + 0.2))
        assert order.life is life
        assert order.reserve_e6 == FULL


def test_not_canceled_ends_nothing_before_a_read_misses_the_order() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.cancel(15)
    scene.step(15.2, canceled(KEPT, 15, 15.2))
    scene.step(26.1, trades(26))
    assert order.life is Life.CLOSING
    assert order.reserve_e6 == FULL
    scene.step(26.3, asked(26.2))
    assert order.life is Life.CANCELLED


@pytest.mark.parametrize("began", [15.2, 16])
def test_one_read_that_misses_an_order_seen_since_the_refusal_ends_nothing(began: float) -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.cancel(15)
    scene.step(15.2, canceled(KEPT, 15, 15.2))
    scene.step(16.1, listed(began, seen()))
    scene.step(27.1, asked(27), trades(27))
    assert not order.life.is_final
    # More reads prove that it is gone now; its trades may be told later than these.
    scene.step(28.1, listed(27), listed(28), asked(28), trades(28))
    assert order.life is Life.CLOSING


@pytest.mark.parametrize("began", [15.2, 16])
def test_what_a_sweep_kept_and_a_read_shows_since_then_is_cancelled(began: float) -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(15.2, Swept(MARKET, GONE, (), ("A",), "", ns(15), ns(15.2)))
    scene.step(16.1, listed(began, seen()))
    assert scene.life() is Life.UNKNOWN_CANCEL
    assert scene.cancels == [16.1]


def test_an_unanswered_cancel_is_unknown_after_two_seconds() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.cancel(1)
    scene.step(2.9)
    assert order.life is Life.CANCEL_INFLIGHT
    scene.step(3)
    assert order.life is Life.UNKNOWN_CANCEL
    scene = OrderScene()
    order = scene.rest()
    scene.cancel(1)
    scene.step(1.1, canceled(LOST, 1, 1.1))
    assert order.life is Life.UNKNOWN_CANCEL


def test_an_unknown_order_cancelled_by_its_hash_is_closing_if_it_was_there() -> None:
    for verdict, life in ((GONE, Life.CLOSING), (KEPT, Life.UNKNOWN_NEW)):
        scene = OrderScene()
        order = scene.send()
        scene.cancel(0.1)
        scene.run(3)
        assert scene.cancels == [3]
        scene.step(3.2, canceled(verdict, 3, 3.2))
        assert order.life is life
        assert order.reserve_e6 == FULL


def test_an_end_told_without_a_size_waits_for_the_trades() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.step(1, told(CANCELLATION, 1, -1))
    assert order.life is Life.CLOSING
    scene.step(12, trades(11.5))
    assert order.life is Life.CANCELLED
