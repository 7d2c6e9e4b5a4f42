"""Doubt, quarantine and ends of orders as scenes, and what comes after an end."""

import pytest

from polymm.engine.evidence import MarketClosed, OpenSeen, Settlement
from polymm.engine.order_life import Life
from polymm.engine.order_settings import OrderSettings
from polymm.errors import ConfigError
from tests.support.order_scene import (
    CANCELLATION,
    FULL,
    GONE,
    LIVE,
    MARKET,
    PLACEMENT,
    SHARE,
    OrderScene,
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


def test_a_doubt_stands_until_the_order_is_seen_open_by_a_read_begun_after() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.manager.doubt(ns(5), why="gap")
    assert order.life is Life.UNKNOWN_CANCEL
    scene.step(5.2, listed(4.9, seen()), told(PLACEMENT, 5.2))
    assert order.life is Life.UNKNOWN_CANCEL
    scene.step(5.4, listed(5.1, seen()))
    assert order.life is Life.LIVE


def test_a_placement_sent_before_a_doubt_is_doubted_when_it_is_accepted_later() -> None:
    scene = OrderScene()
    order = scene.send()
    scene.manager.doubt(ns(0.5), MARKET, why="heartbeat")
    scene.step(0.6, placed(LIVE, 0.6))
    assert order.life is Life.UNKNOWN_CANCEL
    other = scene.send("B", 0.7)
    scene.step(0.8, placed(LIVE, 0.8, "B")._replace(sent_ns=ns(0.7)))
    assert other.life is Life.LIVE


def test_a_doubt_ends_the_wait_for_a_cancel() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.cancel(5)
    scene.manager.doubt(ns(5.5), why="heartbeat")
    assert order.life is Life.UNKNOWN_CANCEL


def test_the_end_of_its_market_closes_a_live_order() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.step(5, MarketClosed(MARKET))
    assert order.life is Life.CLOSING
    assert order.reserve_e6 == FULL
    scene.step(14, trades(14))
    assert order.life is Life.CLOSING
    scene.step(15.1, trades(15.1, fill("t", 15, 10)))
    assert order.life is Life.FILLED


def test_the_end_of_its_market_and_its_trades_end_an_order_whose_cancel_was_lost() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.cancel(4)
    scene.run(7)
    scene.step(7, MarketClosed(MARKET))
    assert order.life in (Life.CANCEL_INFLIGHT, Life.UNKNOWN_CANCEL)
    scene.step(17.1, trades(17.1))
    assert order.life is Life.CANCELLED


# Quarantine


def test_thirty_unresolved_seconds_quarantine_while_the_venue_can_be_read() -> None:
    scene = OrderScene()
    order = scene.send()
    for at in range(10, 60, 10):
        scene.step(at)
    assert order.life is Life.UNKNOWN_NEW  # nothing could be read: that says nothing
    for at in range(60, 100, 10):
        scene.step(at, trades(at, market="elsewhere"))
    assert order.life is Life.QUARANTINED
    assert order.reserve_e6 == FULL
    assert scene.alarms == ["quarantined"]


def test_five_cancels_quarantine() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.cancel(1)
    scene.run(100)
    assert order.life is Life.QUARANTINED
    assert len(scene.cancels) == 5
    assert scene.alarms == ["cancels_used_up"]
    assert order.reserve_e6 == FULL


def test_quarantine_is_left_by_proof_only() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.cancel(1)
    scene.run(10_000)
    assert order.life is Life.QUARANTINED
    read_all(scene, 10_050)
    assert order.life is Life.CANCELLED


# Final, and after


def test_a_late_trade_is_applied_to_a_final_order() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.step(1, told(CANCELLATION, 1, 0))
    scene.step(2, fill("t1", 2, 4))
    assert order.life is Life.CANCELLED
    assert scene.fills.position(MARKET, order.place.token).booked_e6 == 4 * SHARE


def test_open_evidence_from_before_the_end_changes_nothing() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.step(1, told(CANCELLATION, 1, 0))
    scene.step(1.1, listed(0.9, seen()))
    assert order.life is Life.CANCELLED
    assert not scene.alarms


@pytest.mark.parametrize("end", ["told", "answered", "filled", "absent", "closed"])
def test_open_evidence_from_after_the_end_takes_the_reserve_again(end: str) -> None:
    scene = OrderScene()
    order = scene.rest()
    left = 10.0
    if end == "told":
        scene.step(1, told(CANCELLATION, 1, 0))
    elif end == "answered":
        scene.step(1, canceled(GONE, 0.9, 1))
        scene.step(12, trades(12))
    elif end == "filled":
        scene.step(1, fill("t1", 1, 10))
        left = 4
    elif end == "absent":
        read_all(scene, 11)
    else:
        scene.step(1, MarketClosed(MARKET))
        scene.step(12, trades(12))
    assert order.life.is_final
    still = OpenSeen("A", MARKET, round((10 - left) * SHARE), FULL)
    scene.step(20.2, listed(20, still))
    assert order.life is Life.UNKNOWN_CANCEL
    assert order.reserve_e6 == left * SHARE
    assert scene.alarms == ["ended_order_lives"]
    assert list(scene.manager.potentially_live()) == [order]
    assert scene.cancels == [20.2]  # its maker believes it gone


def test_what_was_filled_and_void_and_open_again_ends_as_filled() -> None:
    scene = OrderScene()
    order = scene.rest()
    scene.step(1, fill("t1", 1, 10))
    scene.step(5, fill("t1", 5, 10, Settlement.VOID))
    scene.step(6.1, listed(6, seen()))
    assert (order.life, order.reserve_e6) == (Life.UNKNOWN_CANCEL, FULL)
    read_all(scene, 20)
    assert order.life is Life.FILLED


# Settings


@pytest.mark.parametrize(
    "bad", [{"answer_ns": 0}, {"checks_ns": ()}, {"checks_ns": (2, 1)}, {"cancels_max": -1}]
)
def test_settings_that_make_no_sense_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        OrderSettings(**bad)  # type: ignore[arg-type]
