"""What is kept of orders, taken over from a journal, and forgotten."""

import gc

from polymm.domain.order import Fill, Place, Side, Token
from polymm.engine.actions import OrderEnded
from polymm.engine.events import NEVER_NS
from polymm.engine.evidence import (
    BalancesRead,
    CancelWritten,
    Correction,
    MarketSettled,
    Merged,
    PlaceAnswered,
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
    CANCELLATION,
    GONE,
    LIVE,
    MARKET,
    PLACEMENT,
    SECOND,
    SHARE,
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
    scene.step(21.2, listed(21))
    scene.step(28.2, trades(28.1))
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
