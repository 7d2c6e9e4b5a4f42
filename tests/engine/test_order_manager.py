"""What is sent about orders, what their makers are told, and what is kept of them."""

import gc

from polymm.domain.order import (
    Accepted,
    Cancelled,
    CancelRefused,
    Fill,
    Place,
    Rejected,
    Side,
    Token,
    Voided,
)
from polymm.engine.actions import CancelOrders, OrderEnded, ReadOpen, ReadOrder, ReadTrades
from polymm.engine.events import NEVER_NS
from polymm.engine.evidence import (
    BalancesRead,
    CancelVerdict,
    CancelWritten,
    Correction,
    MarketClosed,
    MarketSettled,
    Merged,
    OrderNews,
    PlaceAnswered,
    PlaceVerdict,
    Settlement,
    Signed,
    Swept,
    Written,
)
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.order_life import Life
from polymm.engine.order_manager import OrderManager
from tests.support.order_scene import (
    BEGIN,
    MARKET,
    SECOND,
    SHARE,
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

LIVE, UNKNOWN, REJECTED = PlaceVerdict.LIVE, PlaceVerdict.UNKNOWN, PlaceVerdict.REJECTED
GONE, KEPT, LOST = CancelVerdict.CANCELED, CancelVerdict.NOT_CANCELED, CancelVerdict.UNKNOWN
REFUSED, NOT_SENT = CancelVerdict.REFUSED, CancelVerdict.NOT_SENT
PLACEMENT, UPDATE, CANCELLATION = OrderNews


# Cancels


def test_cancels_wanted_in_one_step_go_out_as_one() -> None:
    scene = OrderScene()
    for name in "ABC":
        scene.rest(name)
    for order in list(scene.manager.by_id):
        scene.manager.want_cancel(ns(1), order)
        scene.manager.want_cancel(ns(1), order)
    assert scene.drain() == [CancelOrders(("A", "B", "C"))]


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
    moments = [0.5, 1.5, 3.5, 11.5, 12.5, 20.5, 30.5]
    assert scene.reads(ReadOrder) == moments
    assert scene.reads(ReadTrades) == moments
    # A list proves nothing before a late placement would have arrived.
    assert scene.reads(ReadOpen) == moments[3:]
    action = next(action for _, action in scene.sent if isinstance(action, ReadTrades))
    assert action.after_ns == ns(-60)


def test_the_checks_resolve_an_order_that_never_arrived_within_fifteen_seconds() -> None:
    scene = OrderScene()
    order = scene.send()
    begun = 0
    while scene.now < 15 and not order.life.is_final:
        scene.run(scene.now + 0.1)
        answers = {ReadOrder: asked, ReadOpen: listed, ReadTrades: trades}
        for at, action in scene.sent[begun:]:
            if type(action) in answers:
                scene.step(scene.now, answers[type(action)](at))  # type: ignore[index,operator]
        begun = len(scene.sent)
    assert order.life is Life.REJECTED
    assert scene.replies == [Rejected(1, "never_rested")]


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


# Replies


def test_a_life_is_told_once_and_in_order() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(0.2, told(PLACEMENT, 0.2), listed(0.2, seen()))
    scene.cancel(1)
    for _ in range(2):
        scene.step(1.2, fill("t", 1.2, 4), canceled(GONE, 1, 1.2), told(CANCELLATION, 1.2, 4))
    accepted, filled, ended = scene.replies
    assert accepted == Accepted(1)
    assert ended == Cancelled(1, 4 * SHARE, "requested")
    assert filled == Fill(
        trade_id=1,
        order_id=1,
        slug="slug",
        token=Token.UP,
        side=Side.BUY,
        price_e4=4_900,
        size_e6=4 * SHARE,
        fee_e6=0,
        exch_ns=ns(1.1),
        front_e6=3 * SHARE,
        after_cancel_sent=True,
        counter_fee_e6=7,
    )


def test_a_fill_before_the_answer_is_a_sign_of_life_first() -> None:
    scene = OrderScene()
    scene.send()
    scene.step(0.1, fill("t", 0.1, 10))
    scene.step(0.2, placed(LIVE, 0.2))
    assert [type(reply) for reply in scene.replies] == [Accepted, Fill]


def test_rounding_left_over_is_told_as_an_end_after_the_last_fill() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(1, fill("t", 1, 9.995))
    assert [type(reply) for reply in scene.replies] == [Accepted, Fill, Cancelled]
    assert scene.replies[-1] == Cancelled(1, 9_995_000, "venue")


def test_an_end_is_told_when_all_its_fills_are() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(1, told(CANCELLATION, 1, 4))
    assert scene.replies == [Accepted(1)]
    scene.step(1.1, fill("t", 1.1, 4))
    assert scene.replies[-1] == Cancelled(1, 4 * SHARE, "venue")


def test_why_it_ended_is_told() -> None:
    for status, reason in (("CANCELED", "venue"), ("CANCELED_MARKET_RESOLVED", "expired")):
        scene = OrderScene()
        scene.rest()
        scene.step(1, told(CANCELLATION, 1, 0, status=status))
        assert scene.replies[-1] == Cancelled(1, 0, reason)
    scene = OrderScene()
    scene.rest()
    scene.step(1, MarketClosed(MARKET))
    scene.step(12, trades(12))
    assert scene.replies[-1] == Cancelled(1, 0, "expired")


def test_a_refusal_is_told_in_the_engine_s_words() -> None:
    for reason, word in (
        ("post_only_crosses", "post_only_crosses"),
        ("not_found", "market_closed"),
        ("amount_below_minimum", "size_below_minimum"),
        ("odd", "odd"),
        ("", "refused"),
    ):
        scene = OrderScene()
        scene.send()
        scene.step(0.1, placed(REJECTED, 0.1, reason=reason))
        assert scene.replies == [Rejected(1, word)]


def test_cancels_that_prove_nothing_are_told_to_whoever_wanted_them() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(0.5, Swept(MARKET, GONE, (), ("A",), "", ns(0.4), ns(0.5)))
    assert scene.replies == [Accepted(1)]
    scene = OrderScene()
    scene.rest()
    scene.cancel(1)
    for _ in range(2):
        scene.step(1.1, canceled(LOST, 1, 1.1))
    for recv in (2.1, 2.1, 2.2):
        scene.step(recv, canceled(KEPT, 2, recv))
    assert scene.replies[1:] == [CancelRefused(1, "unavailable"), CancelRefused(1, "matched")]


def test_a_void_fill_is_taken_back_once_with_what_was_told() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(1, fill("t", 1, 4))
    filled = scene.replies[-1]
    for _ in range(2):
        scene.step(5, fill("t", 5, 4, Settlement.VOID))
    assert isinstance(filled, Fill)
    assert scene.replies[2:] == [Voided(filled)]
    assert scene.alarms == ["settlement_failed"]


def test_what_was_void_when_first_heard_of_is_told_to_nobody() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(1, fill("t", 1, 4, Settlement.VOID), fill("t", 2, 4))
    assert scene.replies == [Accepted(1)]
    assert scene.manager.by_id[1].matched_e6 == 0


def test_fills_have_numbers_of_their_own() -> None:
    scene = OrderScene()
    scene.rest("A")
    scene.rest("B")
    told_e6 = [fill("t", 1, 1), fill("t", 1, 1, leg=1), fill("t", 1, 1, order="B")]
    scene.step(1, *told_e6, fill("u", 1, 1))
    numbers = [reply.trade_id for reply in scene.replies if isinstance(reply, Fill)]
    assert len(set(numbers)) == 4


def test_an_order_refused_and_alive_is_not_told_again_but_for_its_fills() -> None:
    scene = OrderScene()
    scene.send()
    scene.step(0.1, placed(REJECTED, 0.1, reason="balance"))
    scene.step(0.2, told(PLACEMENT, 0.2), fill("t", 0.2, 10))
    assert [type(reply) for reply in scene.replies] == [Rejected, Fill]


# What is kept


def test_ends_are_to_be_written_down_and_taken_back() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(1, told(CANCELLATION, 1, 0))
    scene.step(5.1, listed(5, seen()))
    memos = [action for _, action in scene.sent if isinstance(action, OrderEnded)]
    assert memos == [OrderEnded("A", "CANCELLED", 0), OrderEnded("A", "", 0)]


def test_orders_of_an_earlier_run_may_be_live_until_proven() -> None:
    scene = OrderScene()
    place = Place(1, "slug", Token.UP, Side.BUY, 4_900, 10 * SHARE)
    order = scene.manager.restore(ns(20), MARKET, place, "A", planned_ns=ns(0), written_ns=ns(0))
    scene.manager.restore_fill(ns(20), fill("t", 1, 4))
    assert order.life is Life.UNKNOWN_CANCEL
    assert order.reserve_e6 == 6 * SHARE
    assert scene.drain() == []
    assert scene.manager.next_timer_ns == ns(21)
    scene.step(20, listed(20), asked(20), trades(20, fill("t", 1, 4), fill("u", 2, 1)))
    scene.step(21.2, listed(21), trades(21.1))
    assert order.life is Life.CANCELLED
    # Its maker is another one: it is told what it could not know, and nothing else.
    assert [type(reply) for reply in scene.replies] == [Fill]


def test_final_orders_of_an_earlier_run_stay_final() -> None:
    for how, matched in (("CANCELLED", 4), ("FILLED", 10), ("REJECTED", 0)):
        scene = OrderScene()
        place = Place(1, "slug", Token.UP, Side.BUY, 4_900, 10 * SHARE)
        order = scene.manager.restore(
            ns(20), MARKET, place, "A", planned_ns=ns(0), how=how, matched_e6=matched * SHARE
        )
        if matched:
            scene.manager.restore_fill(ns(20), fill("t", 1, matched))
        scene.step(20, told(CANCELLATION, 20, matched))
        assert order.life.name == how
        assert not scene.replies
        scene.step(21, listed(20.5, seen(min(matched, 4))))
        assert order.life is Life.UNKNOWN_CANCEL


def test_a_forgotten_market_leaves_nothing_but_what_may_be_live() -> None:
    scene = OrderScene()
    for name in "AB":
        scene.rest(name)
    scene.step(1, told(CANCELLATION, 1, 0))
    scene.manager.forget(MARKET)
    assert list(scene.manager.by_hash) == ["B"]
    assert scene.manager.counts["forgotten_live"] == 1
    scene.step(2, told(CANCELLATION, 2, 0, order="B"))
    assert not scene.manager.by_hash
    assert not scene.manager.by_id
    assert not scene.manager.potentially_live(MARKET)


def test_late_words_about_a_forgotten_market_are_not_foreign() -> None:
    scene = OrderScene()
    scene.rest()
    scene.step(1, fill("t", 1, 10))
    scene.manager.forget(MARKET)
    scene.fills.forget(MARKET)
    scene.step(2, fill("t", 2, 10, Settlement.CONFIRMED), told(UPDATE, 2, 10))
    assert scene.manager.counts == {
        "forgotten_live": 0,
        "forgotten_fill": 1,
        "forgotten_update": 1,
    }


def test_words_about_orders_that_nobody_knows_are_counted_and_change_nothing() -> None:
    scene = OrderScene()
    scene.step(
        1,
        told(PLACEMENT, 1, order="X"),
        listed(1, seen(order="X")),
        placed(LIVE, 1, "X"),
        canceled(GONE, 1, 1, "X"),
        asked(1, order="X"),
        Swept("", GONE, ("X",), (), "", ns(1), ns(1)),
    )
    assert scene.manager.counts == {
        "foreign_placement": 1,
        "foreign_open": 1,
        "foreign_swept": 1,
        "answer_about_nothing": 3,
    }


def test_merges_corrections_and_payouts_reach_the_ledger() -> None:
    scene = OrderScene()
    apply = scene.manager.apply
    apply(0, Correction("c", MARKET, Token.UP, 0, 5 * SHARE, 0))
    apply(0, Correction("d", MARKET, Token.DOWN, 0, 5 * SHARE, 0))
    apply(0, Merged(MARKET, 2 * SHARE))
    apply(0, MarketSettled(MARKET, 3 * SHARE))
    apply(0, BalancesRead(0, (), 0, 0))
    assert scene.fills.position(MARKET, Token.UP).confirmed_e6 == 3 * SHARE
    assert scene.fills.total.confirmed_e10 == 5 * SHARE * 10_000


def test_ten_thousand_orders_leave_nothing_behind_but_themselves() -> None:
    manager = OrderManager(FillLedger())
    for number in range(1, 10_001):
        name, at = f"0x{number}", BEGIN + number * SECOND
        market = f"m{number // 100}"
        place = Place(number, "slug", Token.UP, Side.BUY, 4_900, 10 * SHARE)
        manager.plan(at, market, place)
        manager.apply(at, Signed(number, name))
        manager.apply(at, Written((name,), at))
        manager.apply(at, PlaceAnswered(name, LIVE, "", at, at))
        manager.want_cancel(at, number)
        manager.apply(at, CancelWritten((name,), at))
        manager.apply(at, told(CANCELLATION, 0, 0, name)._replace(recv_ns=at))
        manager.tick(at)
        if number % 100 == 99:
            manager.forget(market)
        manager.actions.clear()
        manager.replies.clear()
    gc.collect()
    assert len(manager.by_id) <= 2
    assert not manager.potentially_live()
    assert len(manager._timers) <= 20
    assert manager.next_timer_ns == NEVER_NS


def test_a_final_order_of_an_earlier_run_that_owes_fills_is_closing() -> None:
    scene = OrderScene()
    place = Place(1, "slug", Token.UP, Side.BUY, 4_900, 10 * SHARE)
    order = scene.manager.restore(
        ns(20), MARKET, place, "A", planned_ns=ns(0), how="CANCELLED", matched_e6=4 * SHARE
    )
    assert (order.life, order.reserve_e6) == (Life.CLOSING, 4 * SHARE)
    scene.step(21, fill("t", 1, 4))
    assert order.life is Life.CANCELLED
