"""Limits of losses bind whoever takes the account over, until a person lifts them."""

from typing import Any

import pytest

from polymm.engine import evidence as ev
from polymm.engine.actions import Alarm
from polymm.engine.evidence import Settlement
from polymm.engine.losses import DAY_NS
from polymm.engine.records import RunBegun
from polymm.runtime.journal import Journal
from tests.support.gates import BUY, DOWN, MARKET, SELL, SHARE, UP, Scene, limits, market
from tests.support.memory_journal import MemoryDisk, memory_journal

MANY = limits(levels_max=1_000, orders_a_minute_max=10_000)


class Lives(Scene):
    """A gate whose every input is journaled, and that may be killed and taken up again."""

    def __init__(self, **more: Any) -> None:
        super().__init__(limits=MANY, **more)
        self.disk = MemoryDisk()
        self.journal: Journal = memory_journal(self.disk)
        self.begin()
        self.journal.market(self.now_ns, market())

    def begin(self) -> None:
        self.journal.begin(RunBegun("1.0", "c0ffee", "acc", self.now_ns))

    def tell(self, event: ev.Event) -> None:
        super().tell(event)
        self.note(event)

    def fill(self, *args: Any, **more: Any) -> ev.FillTold:
        told = super().fill(*args, **more)
        self.note(told)
        return told

    def note(self, event: ev.Event) -> None:
        self.journal.note(self.now_ns, event, tuple(self.gate.actions))
        self.gate.actions.clear()

    def mark(self, price: float, condition_id: str = MARKET) -> None:
        self.tell(ev.Mark(condition_id, round(price * 20_000)))

    def restart(self) -> list[str]:
        """Kill it with -9 and take it up again from what its journal holds; its first alarms."""
        disk, now_ns, n = self.disk, self.now_ns, self.n
        self.journal = memory_journal(disk, disk.end_process())
        self.__post_init__()
        self.disk, self.now_ns, self.n = disk, now_ns, n
        self.begin()
        known = self.journal.state
        for fill in known.fills.values():
            self.fills.apply(fill)
        for settled in known.settled.values():
            self.fills.forget(settled.market)
        self.gate.restore(self.now_ns, known)
        alarms = [action.name for action in self.gate.actions if isinstance(action, Alarm)]
        self.gate.actions.clear()
        return alarms


@pytest.fixture
def scene() -> Lives:
    return Lives()


def fail(scene: Lives, trade: str) -> None:
    scene.fill(UP, BUY, 0.40, 5, Settlement.VOID, trade)


def test_a_reached_loss_binds_after_kill_and_restart(scene: Lives) -> None:
    scene.fill(UP, BUY, 0.50, 40)
    scene.mark(0.20)
    assert scene.check() == "reduce_only"
    for _ in range(2):
        assert scene.restart() == ["loss_limit"]
        assert scene.check() == "reduce_only"
        assert scene.check(UP, SELL, 0.6) == ""
    # Nor does a price that comes back help, or the next day.
    scene.wait(DAY_NS / 1e9)
    scene.mark(0.90)
    assert scene.restart() == ["loss_limit"]
    assert scene.gate.is_reduce_only(MARKET)


def test_what_was_lost_before_a_kill_counts_on(scene: Lives) -> None:
    scene.fill(UP, BUY, 0.50, 40)
    scene.mark(0.30)
    assert scene.restart() == []
    assert scene.gate.watch.losses.result_e6 == -8 * SHARE
    scene.mark(0.24)
    assert scene.check() == "reduce_only"


def test_losses_of_settled_and_forgotten_markets_count_on(scene: Lives) -> None:
    scene.fill(UP, BUY, 0.50, 12)
    scene.mark(0.50)
    scene.tell(ev.MarketSettled(MARKET, 0))
    scene.gate.forget(MARKET)
    scene.fills.forget(MARKET)
    scene.restart()
    scene.wait(3_600)
    scene.journal.market(scene.now_ns, market("0xbb"))
    scene.restart()
    assert scene.gate.watch.losses.result_e6 == -6 * SHARE
    scene.fill(DOWN, BUY, 0.70, 30, condition_id="0xbb")
    scene.mark(0.45, "0xbb")
    assert scene.restart() == ["loss_limit"]
    assert scene.gate.is_reduce_only("0xbb")


def test_a_loss_is_one_of_a_day_by_utc(scene: Lives) -> None:
    scene.fill(UP, BUY, 0.50, 40)
    scene.mark(0.30)
    scene.wait(DAY_NS / 1e9 - scene.now_ns % DAY_NS / 1e9)
    scene.restart()
    scene.mark(0.28)
    assert scene.gate.watch.losses.result_e6 == -0.8 * SHARE
    scene.mark(0.06)
    assert scene.gate.watch.losses.result_e6 == -9.6 * SHARE
    assert not scene.gate.is_reduce_only(MARKET)
    scene.restart()
    scene.mark(0.04)
    assert scene.gate.is_reduce_only(MARKET)


def test_failed_settlements_before_and_after_a_kill_are_counted_together(scene: Lives) -> None:
    fail(scene, "a")
    fail(scene, "b")
    assert scene.restart() == []
    # What a listing tells again is no further failure.
    fail(scene, "a")
    fail(scene, "b")
    assert not scene.gate.is_reduce_only(MARKET)
    fail(scene, "c")
    assert scene.gate.is_reduce_only(MARKET)
    scene.wait(3_600)
    assert scene.restart() == ["settlements_limit"]
    assert scene.gate.is_reduce_only(MARKET)


def test_failed_settlements_of_long_ago_count_no_more(scene: Lives) -> None:
    fail(scene, "a")
    fail(scene, "b")
    scene.wait(600)
    scene.restart()
    fail(scene, "c")
    assert not scene.gate.is_reduce_only(MARKET)
    assert len(scene.journal.state.losses.counted) == 1


def test_mark_outs_before_and_after_a_kill_are_counted_together(scene: Lives) -> None:
    scene.fill(UP, BUY, 0.50, 30)
    scene.wait(5)
    scene.mark(0.40)
    assert scene.gate.watch.losses.markout_e6 == -3 * SHARE
    scene.restart()
    # A fill that was marked before is not marked again.
    scene.mark(0.40)
    assert scene.gate.watch.losses.markout_e6 == -3 * SHARE
    scene.fill(UP, BUY, 0.50, 20)
    scene.wait(5)
    scene.mark(0.44)
    assert scene.gate.is_reduce_only(MARKET)
    assert scene.restart() == ["markout_limit"]


def test_a_person_lifts_limits_and_counting_begins_anew(scene: Lives) -> None:
    scene.fill(UP, BUY, 0.50, 40)
    fail(scene, "a")
    fail(scene, "b")
    scene.mark(0.20)
    scene.journal = memory_journal(scene.disk, scene.disk.end_process())
    scene.journal.lift(scene.now_ns)
    assert scene.restart() == []
    assert scene.check(DOWN, BUY, 0.3, 10) == ""
    assert scene.gate.watch.losses.result_e6 == 0
    scene.mark(0.10)
    fail(scene, "c")
    assert scene.gate.watch.losses.result_e6 == -4 * SHARE
    assert not scene.gate.is_reduce_only(MARKET)
    scene.mark(0.01)
    assert scene.restart() == []
    scene.tell(ev.MarketSettled(MARKET, 0))
    assert scene.gate.watch.losses.result_e6 == -8 * SHARE


def test_orders_of_the_last_minute_count_after_a_kill(scene: Lives) -> None:
    for i in range(20):
        scene.journal.plan(scene.now_ns, MARKET, scene.place(), f"0x{i}")
    scene.restart()
    assert scene.check() == "order_rate"
    scene.wait(1)
    assert scene.check() == ""
