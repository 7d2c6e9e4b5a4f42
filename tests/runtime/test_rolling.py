"""Windows rolling by in real time: two bots of different wallets and the synthetic traders."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Fill
from polymm.research.records import MarketRun
from polymm.runtime.collector import frozen
from polymm.runtime.runner import loop_runner
from polymm.runtime.session import SessionEnd
from polymm.runtime.soak import Footprint
from polymm.venues.polymarket.wire import SignatureType
from tests.support.live_sessions import Bot, audit, configured, exchange_of, make_bot, stored

# What a roll may cost beside the stated margin: the first order's way to the venue and back.
ROLL_S_MAX = 1.0
# In windows this short a desk of the window before may be settling all the time: its own task and
# that of its merge, for each coin of one bot.
PASSING_MAX = 4


@asynccontextmanager
async def rolled(
    window_s: int, windows: int, seconds_max: float
) -> AsyncIterator[list[tuple[Bot, SessionEnd]]]:
    """Two bots that have traded so many windows of two coins, with what they left."""
    config = configured(coins="btc,eth", window_s=window_s, windows=windows)
    kinds = (SignatureType.POLY_1271, SignatureType.POLY_GNOSIS_SAFE)
    with ExitStack() as stack:
        async with asyncio.timeout(seconds_max), exchange_of(config) as child:
            bots = [
                await make_bot(
                    child.hosts, config, stack.enter_context(stored()), kind=kind, seed=kind
                )
                for kind in kinds
            ]
            with frozen():
                ends = await asyncio.gather(*(bot.run() for bot in bots))
            assert await audit(child.control) == {"audit": "ok"}
        for bot, end in zip(bots, ends, strict=True):
            check(bot.markets, end, window_s, windows)
        yield list(zip(bots, ends, strict=True))


def check(markets: list[MarketRun], end: SessionEnd, window_s: int, windows: int) -> None:
    """What must hold for each bot, whatever the market did."""
    assert end.faults == []
    assert windows * 2 <= len(markets) <= (windows + 1) * 2
    assert {run.status for run in markets} == {"settled"}
    for run in markets:
        told = {name for name in run.defects if not name.startswith("obstacle_")}
        assert not told & {"orders_after_close", "close_unproven", "foreign_fills"}, run.defects
        assert run.orders.open_e6 == 0
    margin_s = min(window_s / 10, 2.0)
    gaps = [run.roll_gap_s for run in markets if run.roll_gap_s is not None]
    assert gaps
    assert min(gaps) >= margin_s
    assert sorted(gaps)[len(gaps) // 2] <= margin_s + ROLL_S_MAX
    fills: list[Fill] = [record.fill for run in markets for record in run.fills]
    assert {fill.sign for fill in fills} == {1, -1}
    assert any(run.merges for run in markets)


def rolling_prints(bot: Bot, end: SessionEnd) -> list[Footprint]:
    """From the third window on, as long as there is a next one to be ready for."""
    last_s = max(run.market.start_ns for run in bot.markets) // NS
    return [one for one in end.footprints[2:] if one.start_s < last_s]


def held(prints: list[Footprint]) -> set[tuple[int, int]]:
    return {(one.tasks, one.sockets) for one in prints}


def test_five_windows_of_two_coins_leave_no_order_no_task_and_no_cent() -> None:
    async def scene() -> None:
        async with rolled(6, 5, 60) as bots:
            for bot, end in bots:
                prints = rolling_prints(bot, end)
                assert len({one.sockets for one in prints}) == 1, prints
                tasks = [one.tasks for one in prints]
                assert max(tasks) - min(tasks) <= PASSING_MAX, prints

    with loop_runner() as runner:
        runner.run(scene())


@pytest.mark.slow
def test_ten_windows_of_a_minute_hold_as_much_at_the_end_as_at_the_third() -> None:
    async def scene() -> None:
        # One more, so that the tenth has a next one too.
        async with rolled(60, 11, 900) as bots:
            for bot, end in bots:
                prints = rolling_prints(bot, end)
                print(*prints, sep="\n")
                assert len(held(prints)) == 1, prints
                assert prints[-1].resident_bytes - prints[0].resident_bytes <= 2 * 2**20

    with loop_runner() as runner:
        runner.run(scene())
