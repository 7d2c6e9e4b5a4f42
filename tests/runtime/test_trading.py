"""What stands around the engine: how it is stopped, watched, woken, and taken up again."""

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest

from polymm._core.layout import REQUOTE
from polymm.domain.market import NS
from polymm.engine import evidence as ev
from polymm.engine.recovered import Recovered
from polymm.errors import JournalError
from polymm.research.records import MarketRun
from polymm.runtime.journal import Journal
from polymm.runtime.kill_switch import SIGNAL
from polymm.runtime.window_run import held_e6, write_orders
from polymm.venues.polymarket.results import PlaceResult, PlaceState
from tests.support.trading_scene import MARKET, SHARE, TradingScene, played

MS = 1_000_000


async def quoting(scene: TradingScene) -> None:
    await scene.ready()
    scene.show()
    scene.desk.open()
    await scene.turn()
    assert scene.desk.live_n == 2


async def finished(scene: TradingScene) -> str:
    for _ in range(200):
        if scene.finished:
            return scene.finished[0].code
        await scene.turn(NS // 20)
    raise AssertionError("it must end")


def test_a_stop_cancels_in_the_very_step_and_ends_when_it_is_proven() -> None:
    async def act(scene: TradingScene) -> None:
        await quoting(scene)
        orders = len(scene.venue.orders)
        scene.trading.pump.take(ev.Stop("asked to end"))
        assert sorted(scene.venue.cancels) == sorted(scene.venue.orders)
        assert scene.venue.sweeps[-1] == ""
        scene.ns += NS
        scene.show()
        assert await finished(scene) == "stopped"
        assert len(scene.venue.orders) == orders
        assert scene.trading.finished is scene.finished[0]

    played(act)


def test_a_kill_file_lets_no_order_out_and_cancels_at_once(tmp_path: Path) -> None:
    async def act(scene: TradingScene) -> None:
        await quoting(scene)
        scene.trading.switch._path = str(tmp_path / "kill")
        scene.trading.watch._also()
        assert scene.venue.cancels == []
        (tmp_path / "kill").touch()
        orders = len(scene.venue.orders)
        scene.trading.watch._also()
        assert sorted(scene.venue.cancels) == sorted(scene.venue.orders)
        assert scene.venue.sweeps[-1] == ""
        scene.ns += NS
        scene.show()
        assert await finished(scene) == "halted"
        assert len(scene.venue.orders) == orders
        assert [alarm.name for alarm in scene.alarms] == ["killed"]

    played(act)


@pytest.mark.parametrize("by", ["signal", "file"])
def test_a_loop_full_of_frames_does_not_keep_the_switch_waiting(tmp_path: Path, by: str) -> None:
    """L8: a signal is seen before the next frame, a file with the next look at it (5 ms)."""
    in_a_turn = 40

    async def act(scene: TradingScene) -> None:
        await quoting(scene)
        path, loop = tmp_path / "kill", asyncio.get_running_loop()
        scene.trading.switch._path = str(path)
        frames, thrown_at, told_at = 0, 0, 0

        def burst() -> None:
            nonlocal frames, thrown_at, told_at
            if frames < 100 * in_a_turn:
                loop.call_soon(burst)  # as a socket that has more to read in each turn
            for _ in range(in_a_turn):
                frames += 1
                scene.ns += MS // 100
                scene.desk.on_book(REQUOTE, scene.ns)
                if frames == in_a_turn // 2:
                    thrown_at = frames
                    if by == "signal":
                        os.kill(os.getpid(), SIGNAL)
                    else:
                        path.touch()
                if not told_at and not scene.trading.engine.gate.is_open:
                    told_at = frames

        with scene.trading.switch.listening():
            scene.trading.watch.open()
            loop.call_soon(burst)
            while not told_at:
                await asyncio.sleep(0)
            orders = len(scene.venue.orders)
            assert sorted(scene.venue.cancels) == sorted(scene.venue.orders)
            while frames < 100 * in_a_turn:
                await asyncio.sleep(0)
        scene.trading.watch.close()
        assert len(scene.venue.orders) == orders
        scene.ns += NS
        if by == "signal":
            assert told_at == thrown_at + 1, "the next frame in the same turn"
        assert await finished(scene) == "halted"

    played(act)


def test_a_loop_that_stood_still_pulls_and_a_clock_that_jumped_proves_everything_again() -> None:
    async def act(scene: TradingScene) -> None:
        await quoting(scene)
        scene.trading.watch._on_stall(300 * MS)
        assert len(scene.venue.cancels) == 2
        await scene.turn()
        before = scene.trading.engine.reconciler.recoveries
        scene.trading.watch._on_jump(-5 * NS)
        assert scene.trading.engine.reconciler.recoveries == before + 1
        assert [alarm.name for alarm in scene.alarms] == ["stalled", "clock_jumped"]

    played(act)


def test_a_book_whose_grid_the_venue_refused_is_asked_for_again() -> None:
    async def act(scene: TradingScene) -> None:
        await quoting(scene)
        order = next(iter(scene.venue.orders))
        for name, reason in ((order, "post_only_crosses"), ("0xelse", "off_tick")):
            scene.venue.on_placed(
                PlaceResult(order_id=name, state=PlaceState.REJECTED, reason=reason)
            )
            assert not scene.feed.is_tick_doubted
        scene.venue.on_placed(
            PlaceResult(order_id=order, state=PlaceState.REJECTED, reason="off_tick")
        )
        assert scene.feed.is_tick_doubted

    played(act)


def test_a_market_that_cannot_be_written_down_is_seated_and_nothing_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise JournalError("no space left")

    async def act(scene: TradingScene) -> None:
        await scene.ready()
        trading, feed = scene.trading, scene.feed
        feed.market = replace(MARKET, condition_id="0x" + "c1" * 32, slug="btc-updown-1m-120")
        with monkeypatch.context() as patch:
            patch.setattr(Journal, "market", full)
            trading.add_market(feed)  # type: ignore[arg-type]
        assert len(trading.engine.seats) == 2
        assert not trading.engine.gate.is_open
        scene.show()
        scene.desk.open()
        await scene.turn()
        assert scene.venue.orders == {}
        assert [alarm.name for alarm in scene.alarms] == ["journal_failed"]

    played(act)


def test_what_is_broken_is_stepped_no_more() -> None:
    async def act(scene: TradingScene) -> None:
        await quoting(scene)
        scene.trading.pump.break_off()
        scene.trading.pump.take(ev.Stop("asked to end"))
        scene.ns += NS
        scene.show()
        assert (scene.venue.cancels, len(scene.venue.orders)) == ([], 2)

    played(act)


def test_a_fill_carries_what_stood_before_it_and_each_order_ends_in_one_way() -> None:
    async def act(scene: TradingScene) -> None:
        await quoting(scene)
        filled, rests = scene.venue.orders
        scene.desk.sent[scene.venue.orders[filled].order_id].front_e6 = 7 * SHARE
        scene.venue.fill(filled, 5 * SHARE)
        (record,) = scene.desk.record.fills
        assert record.fill.front_e6 == 7 * SHARE
        assert record.fill.after_cancel_sent is False
        assert scene.desk.live_n == 1
        scene.trading.pump.take(ev.Stop("asked to end"))
        await finished(scene)
        write_orders(scene.desk)
        totals = scene.desk.record.orders
        assert (totals.placed_n, totals.placed_e6) == (2, 10 * SHARE)
        assert (totals.filled_e6, totals.cancelled_e6) == (5 * SHARE, 5 * SHARE)
        assert (totals.open_e6, totals.rejected_e6, totals.expired_e6) == (0, 0, 0)
        queue = {(front, filled_e6) for front, _, filled_e6 in scene.desk.record.order_queue}
        assert queue == {(7 * SHARE, 5 * SHARE), (0, 0)}
        assert rests in scene.venue.cancels

    played(act)


def test_the_next_process_has_the_fills_and_the_shares_of_the_last() -> None:
    states: list[Recovered] = []
    records: list[MarketRun] = []

    async def first(scene: TradingScene) -> None:
        await quoting(scene)
        up, down = scene.venue.orders
        scene.venue.fill(up, 5 * SHARE)
        scene.venue.fill(down, 3 * SHARE)
        states.append(scene.trading.journal.state)
        records.append(scene.desk.record)

    played(first)

    async def second(scene: TradingScene) -> None:
        assert scene.desk.shares_e6 == (5 * SHARE, 3 * SHARE)
        assert held_e6(scene.desk.record) == held_e6(records[0])
        was, now = ([one.fill for one in run.fills] for run in (records[0], scene.desk.record))
        assert [replace(fill, trade_id=-1, front_e6=0) for fill in was] == now
        assert scene.trading.may_rest("") == 1  # what was not filled may be live
        await scene.ready()
        assert scene.trading.may_rest("") == 0

    played(second, states[0])


def test_the_engine_is_woken_when_it_wants_to_be_and_not_once_it_is_closed() -> None:
    async def act(scene: TradingScene) -> None:
        await quoting(scene)
        pump = scene.trading.pump
        assert pump._timer is not None
        assert pump._timer_ns == scene.trading.engine.next_timer_ns
        pump.close()
        assert pump._timer is None
        scene.trading.pump.take(ev.Timer())
        assert pump._timer is None

    played(act)


def test_a_market_that_is_over_is_gone_from_everywhere() -> None:
    async def act(scene: TradingScene) -> None:
        await quoting(scene)
        scene.trading.pump.take(ev.Stop("asked to end"))
        await finished(scene)
        scene.trading.remove_market(scene.desk, 0)
        assert scene.trading.desks == {}
        assert scene.trading.engine.seats == {}
        assert MARKET.condition_id in scene.trading.journal.state.settled

    played(act)
