"""What is sent about orders that are not resolved, and when."""

from itertools import pairwise

import pytest

from polymm.domain.order import Place, Rejected, Side, Token
from polymm.engine.actions import CancelOrders, ReadOpen, ReadOrder, ReadTrades
from polymm.engine.events import NEVER_NS
from polymm.engine.evidence import CancelWritten, Signed, Written
from polymm.engine.order_life import Life
from tests.support.order_scene import (
    CANCELLATION,
    GONE,
    KEPT,
    LIVE,
    LOST,
    MARKET,
    NOT_SENT,
    REFUSED,
    SECOND,
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
    seen,
    told,
    trades,
)

# Cancels


def test_cancels_wanted_in_one_step_go_out_as_one() -> None:
    scene = OrderScene()
    for name in "ABC":
        scene.rest(name)
    for order in list(scene.manager.by_id):
        scene.manager.want_cancel(ns(1), order)
        scene.manager.want_cancel(ns(1), order)
    assert scene.drain() == [CancelOrders(("A", "B", "C"))]


def test_no_cancel_goes_out_for_what_the_same_step_ends() -> None:
    scene = OrderScene()
    scene.send("A")
    scene.rest("B")
    scene.manager.want_cancel(ns(1), scene.manager.by_hash["A"].place.order_id)
    scene.cancel(1, "B")
    # Of one list: by the first fill A is known to live, by the second it is over.
    actions = scene.step(2, trades(2, fill("t1", 2, 4), fill("t2", 2, 6)))
    assert scene.life("A") is Life.FILLED
    assert not [action for action in actions if isinstance(action, CancelOrders)]


def test_a_cancel_is_taken_out_of_its_request_alone() -> None:
    scene = OrderScene()
    scene.send("A")
    scene.rest("B")
    for name in "AB":
        scene.manager.want_cancel(ns(1), scene.manager.by_hash[name].place.order_id)
    actions = scene.step(1, fill("t1", 1, 4), fill("t2", 1, 6))
    assert [action for action in actions if isinstance(action, CancelOrders)] == [
        CancelOrders(("B",))
    ]


def test_no_more_than_a_hundred_go_into_one_request() -> None:
    scene = OrderScene()
    manager = scene.manager
    for i in range(1, 151):
        place = Place(i, "slug", Token.UP, Side.BUY, 4_900, 10 * SHARE)
        manager.plan(ns(0), MARKET, place)
        scene.step(0, Signed(i, f"0x{i}"), Written((f"0x{i}",), ns(0)))
        scene.step(0.1, placed(LIVE, 0.1, f"0x{i}"))
        manager.want_cancel(ns(1), i)
    scene.step(0.5)
    for i in range(1, 151):
        manager.want_cancel(ns(1), i)
    sizes = [len(action.orders) for _, action in scene.sent if isinstance(action, CancelOrders)]
    assert sum(sizes) == 150
    assert max(sizes) <= 100


def test_a_cancel_waits_for_the_answer_to_the_placement() -> None:
    scene = OrderScene()
    scene.send()
    scene.cancel(0.1)
    scene.run(1)
    assert not scene.cancels
    scene.step(1.2, placed(LIVE, 1.2))
    assert scene.cancels == [1.2]


def test_an_unanswered_cancel_is_repeated_after_growing_waits_five_times_in_all() -> None:
    scene = OrderScene()
    scene.rest()
    scene.cancel(1)
    scene.run(500)
    # Two seconds without an answer, then 0.5, 1, 2 and 4 s.
    assert scene.cancels == [1, 3.5, 6.5, 10.5, 16.5]


def test_a_cancel_that_failed_is_repeated_from_its_answer_on() -> None:
    for verdict in (LOST, REFUSED, NOT_SENT):
        scene = OrderScene()
        scene.rest()
        scene.cancel(1)
        scene.step(1.1, canceled(verdict, 1, 1.1))
        scene.run(1.7)
        assert scene.cancels == [1, 1.6]


def test_a_cancel_that_could_not_be_written_does_not_count_against_the_five() -> None:
    scene = OrderScene()
    scene.rest()
    scene.manager.want_cancel(ns(1), 1)
    scene.drain()
    for at in range(2, 60):
        if any(isinstance(action, CancelOrders) for action in scene.step(at)):
            scene.step(at, CancelWritten(("A",), 0))
    assert len(scene.cancels) > 5
    assert scene.life() is Life.UNKNOWN_CANCEL


def test_a_cancel_that_was_handed_over_and_never_left_does_not_count_either() -> None:
    scene = OrderScene()
    scene.rest()
    scene.cancel(1)
    for n in range(1, 9):
        at = scene.now
        scene.step(at + 0.1, canceled(NOT_SENT, at, at + 0.1))
        while len(scene.cancels) == n:
            assert scene.now < at + 10
            scene.run((scene.manager.next_timer_ns - ns(0)) / SECOND)
    assert scene.life() is Life.CANCEL_INFLIGHT
    assert not scene.alarms
    scene.run(500)
    # Those that may have left are five all the same.
    assert len(scene.cancels) == 9 + 4
    assert "cancels_used_up" in scene.alarms


def test_the_venue_s_wish_to_wait_is_kept() -> None:
    scene = OrderScene()
    scene.rest()
    scene.cancel(1)
    scene.step(1.1, canceled(REFUSED, 1, 1.1)._replace(retry_after_ns=9 * SECOND))
    scene.run(12)
    assert scene.cancels == [1, 10.1]


def test_no_cancel_follows_a_terminal_answer_or_an_end() -> None:
    for evidence in (
        canceled(KEPT, 1, 1.1),
        canceled(GONE, 1, 1.1),
        told(CANCELLATION, 1.1, 0),
        fill("t", 1.1, 10),
    ):
        scene = OrderScene()
        scene.rest()
        scene.cancel(1)
        scene.step(1.1, evidence)
        scene.run(100)
        assert scene.cancels == [1]


def test_an_order_seen_open_after_a_terminal_answer_is_cancelled_again() -> None:
    scene = OrderScene()
    scene.rest()
    scene.cancel(1)
    scene.step(1.1, canceled(KEPT, 1, 1.1))
    scene.step(5.1, listed(5, seen()))
    assert scene.cancels == [1, 5.1]


def test_the_wait_after_a_terminal_answer_runs_from_that_answer() -> None:
    scene = OrderScene()
    scene.rest()
    scene.cancel(1)
    scene.step(1.1, canceled(KEPT, 1, 1.1))
    scene.step(1.2, listed(1.1, seen()))
    scene.run(2)
    assert scene.cancels == [1, 1.6]


def test_the_read_that_a_terminal_answer_asks_for_tells_at_once_that_the_order_rests() -> None:
    """Its begin is the moment of the answer; by then the venue had refused long before."""
    scene = OrderScene()
    scene.rest()
    scene.cancel(15)
    scene.step(15.2, canceled(KEPT, 15, 15.2))
    assert (scene.life(), scene.reads(ReadOrder)) == (Life.CLOSING, [15.2])
    scene.step(15.25, asked(15.2, seen()))
    assert scene.life() is Life.UNKNOWN_CANCEL
    scene.run(16)
    assert scene.cancels == [15, 15.7]


def test_a_terminal_answer_is_not_asked_for_twice_by_the_maker() -> None:
    scene = OrderScene()
    scene.rest()
    scene.cancel(1)
    scene.step(1.1, canceled(KEPT, 1, 1.1))
    scene.cancel(2)
    assert scene.cancels == [1]


# Reads


def test_an_unknown_placement_is_asked_about_on_its_clock() -> None:
    scene = OrderScene()
    scene.send()
    scene.step(0.5, placed(UNKNOWN, 0.5))
    scene.run(40)
    moments = [0.5, 1.5, 3.5, 11, 12, 20, 30, 40]
    assert scene.reads(ReadOrder) == moments
    assert scene.reads(ReadTrades) == moments
    # A list proves nothing before a late placement would have arrived.
    assert scene.reads(ReadOpen) == moments[3:]
    action = next(action for _, action in scene.sent if isinstance(action, ReadTrades))
    assert action.after_ns == ns(-60)


@pytest.mark.parametrize(
    ("bound", "life"), [(15, Life.CLOSING), (20, Life.REJECTED)], ids=["missed", "proven"]
)
def test_the_checks_resolve_an_order_that_never_arrived(bound: float, life: Life) -> None:
    scene = OrderScene()
    order = scene.send()
    begun = 0
    while scene.now < bound and order.life is not life:
        scene.run(scene.now + 0.1)
        answers = {ReadOrder: asked, ReadOpen: listed, ReadTrades: trades}
        for at, action in scene.sent[begun:]:
            if type(action) in answers:
                scene.step(scene.now, answers[type(action)](at))  # type: ignore[index,operator]
        begun = len(scene.sent)
    assert order.life is life
    told = [Rejected(1, "never_rested")] if life is Life.REJECTED else []
    assert scene.replies == told


def test_reads_of_one_step_are_asked_for_once_a_market() -> None:
    scene = OrderScene()
    scene.send("A", 0)
    scene.send("B", 0)
    actions = scene.step(3)
    assert [type(action) for action in actions] == [ReadTrades, ReadOrder, ReadOrder]


def test_trades_are_read_within_a_second_of_a_debt() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(1, told(UPDATE, 1, 4))
    scene.step(1.2)
    assert not scene.reads(ReadTrades)  # the trade is usually told a moment later
    scene.run(2)
    assert scene.reads(ReadTrades) == [1.5]
    scene.step(2.1, fill("t", 2.1, 4))
    scene.run(60)
    assert scene.reads(ReadTrades) == [1.5]
    assert not scene.reads(ReadOrder)


@pytest.mark.parametrize("is_listed", [True, False], ids=["live", "missing"])
def test_trades_are_read_every_three_seconds_while_a_debt_stands(is_listed: bool) -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(1, told(UPDATE, 1, 4))
    scene.run(15)
    scene.step(15, listed(15, seen(4)) if is_listed else listed(15))
    scene.run(60)
    reads = scene.reads(ReadTrades)
    gaps = [after - before for before, after in pairwise(reads)]
    assert reads[-1] > 57
    assert max(gaps) <= 3
    assert bool(scene.reads(ReadOrder)) is not is_listed


def test_a_list_that_lacks_a_live_order_makes_it_asked_about() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(8, listed(8))  # fresh orders may be missing
    assert not scene.reads(ReadOrder)
    scene.step(15, listed(15))
    assert scene.reads(ReadOrder) == [15]
    scene.step(15.2, asked(15.1, seen()))
    scene.run(60)
    assert len(scene.reads(ReadOrder)) == 1


def test_orders_at_rest_need_no_timer() -> None:
    scene = OrderScene()
    scene.rest()
    assert scene.manager.next_timer_ns == NEVER_NS


def test_a_doubted_order_is_listed_at_once() -> None:
    scene = OrderScene()
    scene.rest()
    scene.manager.doubt(ns(30), why="gap")
    scene.step(30)
    assert scene.reads(ReadOpen) == [30]
