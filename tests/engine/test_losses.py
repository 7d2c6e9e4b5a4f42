"""Losses, mark-outs and failed settlements, and where they end adding exposure."""

import pytest

from polymm.engine import evidence as ev
from polymm.engine.actions import Alarm
from polymm.engine.alarms import ALARMS
from polymm.engine.evidence import Settlement
from tests.support.gates import BUY, DOWN, MARKET, NOW, SELL, SHARE, UP, Scene, limits


@pytest.fixture
def scene() -> Scene:
    return Scene(limits=limits(levels_max=1_000, orders_a_minute_max=10_000))


def alarms(scene: Scene) -> list[str]:
    names = [action.name for action in scene.gate.actions if isinstance(action, Alarm)]
    assert all(name in ALARMS for name in names)
    scene.gate.actions.clear()
    return names


def mark(scene: Scene, price: float) -> None:
    scene.tell(ev.Mark(MARKET, round(price * 20_000)))


def test_a_loss_may_reach_its_limit(scene: Scene) -> None:
    scene.fill(UP, BUY, 0.50, 40)
    mark(scene, 0.25)
    assert scene.gate.watch.losses.result_e6 == -10 * SHARE
    assert not scene.gate.is_reduce_only(MARKET)
    mark(scene, 0.24995)
    assert scene.gate.is_reduce_only(MARKET)
    assert scene.check() == "reduce_only"
    assert scene.check(UP, SELL, 0.6) == ""
    assert alarms(scene) == ["loss_limit"]
    # A price that comes back changes nothing.
    mark(scene, 0.9)
    assert scene.gate.is_reduce_only(MARKET)
    assert alarms(scene) == []


def test_realized_and_marked_losses_of_all_markets_add_up(scene: Scene) -> None:
    scene.fill(UP, BUY, 0.50, 40)
    scene.fill(UP, SELL, 0.40, 40)
    mark(scene, 0.5)
    assert scene.gate.watch.losses.result_e6 == -4 * SHARE
    scene.fill(DOWN, BUY, 0.70, 20, condition_id="0xbb")
    scene.tell(ev.Mark("0xbb", round(0.5 * 20_000)))
    assert scene.gate.watch.losses.result_e6 == -8 * SHARE
    # One is settled with nothing left, the other by what its shares brought.
    scene.tell(ev.MarketSettled(MARKET, 0))
    scene.gate.forget(MARKET)
    scene.fills.forget(MARKET)
    assert scene.gate.watch.losses.result_e6 == -8 * SHARE
    scene.tell(ev.MarketSettled("0xbb", 20 * SHARE))
    scene.gate.forget("0xbb")
    assert scene.gate.watch.losses.result_e6 == 2 * SHARE
    # What is read again of a market that is over is not counted again.
    scene.fill(UP, BUY, 0.50, 400)
    mark(scene, 0.1)
    assert scene.gate.watch.losses.result_e6 == 2 * SHARE


def test_a_merge_wins_and_loses_nothing(scene: Scene) -> None:
    scene.fill(UP, BUY, 0.45, 20)
    scene.fill(DOWN, BUY, 0.50, 20)
    mark(scene, 0.61)
    before = scene.gate.watch.losses.result_e6
    assert before == SHARE
    scene.tell(ev.Merged(MARKET, 20 * SHARE))
    mark(scene, 0.31)
    assert scene.gate.watch.losses.result_e6 == before


def test_a_void_fill_is_no_loss(scene: Scene) -> None:
    scene.fill(UP, BUY, 0.90, 40, Settlement.MATCHED, "t")
    scene.fill(UP, BUY, 0.90, 40, Settlement.VOID, "t")
    mark(scene, 0.10)
    assert scene.gate.watch.losses.result_e6 == 0


def test_fills_are_held_against_the_price_some_seconds_later(scene: Scene) -> None:
    losses = scene.gate.watch.losses
    scene.fill(UP, BUY, 0.50, 10)
    scene.fill(DOWN, SELL, 0.40, 10)
    scene.wait(4.9)
    mark(scene, 0.30)
    assert losses.markout_e6 == 0
    scene.wait(0.1)
    # Up bought at 0.50 is worth 0.30; Down sold at 0.40 is worth 0.70.
    mark(scene, 0.30)
    assert losses.markout_e6 == -5 * SHARE
    assert alarms(scene) == ["markout_limit"]
    assert scene.check() == "reduce_only"
    mark(scene, 0.10)
    assert losses.markout_e6 == -5 * SHARE


def test_mark_outs_may_reach_their_limit(scene: Scene) -> None:
    scene.fill(DOWN, BUY, 0.60, 20)
    scene.wait(5)
    mark(scene, 0.60)
    assert scene.gate.watch.losses.markout_e6 == -4 * SHARE
    assert not scene.gate.is_reduce_only(MARKET)


def test_old_mark_outs_are_forgotten(scene: Scene) -> None:
    for _ in range(3):
        scene.fill(UP, BUY, 0.50, 10)
        scene.wait(5)
        mark(scene, 0.20)
        assert scene.gate.watch.losses.markout_e6 == -3 * SHARE
        scene.wait(600)
        mark(scene, 0.20)
        assert scene.gate.watch.losses.markout_e6 == 0
    assert not scene.gate.is_reduce_only(MARKET)


def test_a_fill_that_nobody_marked_in_time_has_no_mark_out(scene: Scene) -> None:
    scene.fill(UP, BUY, 0.50, 20)
    scene.wait(11)
    mark(scene, 0.10)
    assert scene.gate.watch.losses.markout_e6 == 0


def test_a_fill_counts_once_however_often_it_is_told(scene: Scene) -> None:
    scene.fill(UP, BUY, 0.50, 10, Settlement.MATCHED, "t")
    again = scene.fill(UP, BUY, 0.50, 10, Settlement.CONFIRMED, "t")
    scene.tell(ev.TradesRead("", 0, (again,), NOW, NOW))
    scene.wait(5)
    mark(scene, 0.40)
    assert scene.gate.watch.losses.markout_e6 == -SHARE


def test_a_fill_that_failed_before_its_mark_has_no_mark_out(scene: Scene) -> None:
    scene.fill(UP, BUY, 0.50, 10, Settlement.MATCHED, "t")
    scene.fill(UP, BUY, 0.50, 10, Settlement.VOID, "t")
    scene.wait(5)
    mark(scene, 0.40)
    assert scene.gate.watch.losses.markout_e6 == 0


def test_three_settlements_that_fail_within_ten_minutes_end_adding(scene: Scene) -> None:
    for n in range(3):
        assert not scene.gate.is_reduce_only(MARKET)
        for _ in range(2):
            scene.fill(UP, BUY, 0.50, 10, Settlement.VOID, f"t{n}")
        scene.wait(299.9)
    assert scene.gate.is_reduce_only(MARKET)
    assert scene.gate.is_reduce_only("0xbb")
    assert alarms(scene) == ["settlements_limit"]


def test_settlements_that_fail_now_and_then_end_nothing(scene: Scene) -> None:
    for n in range(6):
        scene.fill(UP, BUY, 0.50, 10, Settlement.VOID, f"t{n}")
        scene.wait(300)
    assert not scene.gate.is_reduce_only(MARKET)
