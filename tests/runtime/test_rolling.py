"""Windows rolling by in real time: two bots of different wallets and the synthetic traders."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress

import pytest

from polymm.domain.market import NS
from polymm.domain.order import Fill
from polymm.research.records import MarketRun
from polymm.runtime.collector import frozen
from polymm.runtime.runner import loop_runner
from polymm.runtime.session_parts import SessionEnd
from polymm.runtime.soak import Footprint
from polymm.venues.polymarket.wire import SignatureType
from tests.support.live_sessions import Bot, audit, configured, exchange_of, make_bot, stored

# What a roll may cost beside the stated margin: the first order's way to the venue and back.
ROLL_S_MAX = 1.0
# In windows this short a desk of the window before may be settling all the time: its own task and
# that of its merge, for each coin of one bot.
PASSING_MAX = 4


ASK_S = 0.2


@asynccontextmanager
async def asking_after_closes(bots: list[Bot], margin_s: float) -> AsyncIterator[list[str]]:
    """Orders that the exchange lists in windows that end in no more than half the margin.

    Asked of it all the while, beside what the bots ask and believe; empty when all is well.
    """
    found: list[str] = []
    ends_ns: dict[str, int] = {}

    async def ask() -> None:
        while True:
            await asyncio.sleep(ASK_S)
            for bot in bots:
                assert bot.access is not None
                if not bot.access.gateway.is_ready:
                    continue
                for desk in bot.session.desks:
                    ends_ns[desk.market.condition_id] = desk.market.end_ns
                late_ns = time.time_ns() + int(margin_s / 2 * NS)
                for order in await bot.access.gateway.open_orders():
                    if ends_ns[order.condition_id] <= late_ns:
                        found.append(order.order_id)

    asking = asyncio.create_task(ask())
    yield found
    asking.cancel()
    with suppress(asyncio.CancelledError):
        await asking


@asynccontextmanager
async def rolled(
    window_s: int, windows: int, seconds_max: float
) -> AsyncIterator[list[tuple[Bot, SessionEnd]]]:
    """Two bots that have traded so many windows of two coins, with what they left."""
    config = configured(coins="btc,eth", window_s=window_s, windows=windows)
    ahead = configured(coins="btc,eth", window_s=window_s, windows=windows, sign_ahead=3)
    kinds = (SignatureType.POLY_1271, SignatureType.POLY_GNOSIS_SAFE)
    with ExitStack() as stack:
        async with asyncio.timeout(seconds_max), exchange_of(config) as child:
            bots = [
                await make_bot(
                    child.hosts, settings, stack.enter_context(stored()), kind=kind, seed=kind
                )
                for kind, settings in zip(kinds, (config, ahead), strict=True)
            ]
            async with asking_after_closes(bots, margin_of(window_s)) as late:
                with frozen():
                    ends = await asyncio.gather(*(bot.run() for bot in bots))
            assert late == []
            assert await audit(child.control) == {"audit": "ok"}
        for bot, end in zip(bots, ends, strict=True):
            check(bot.markets, end, window_s, windows)
        used = [bot.access.gateway.placements.ahead.hits for bot in bots if bot.access is not None]
        assert used[0] == 0 < used[1], "the second signs its orders ahead"
        yield list(zip(bots, ends, strict=True))


def margin_of(window_s: int) -> float:
    """How long before a close quotes are pulled, s: the default."""
    return min(window_s / 10, 2.0)


def check(markets: list[MarketRun], end: SessionEnd, window_s: int, windows: int) -> None:
    """What must hold for each bot, whatever the market did."""
    assert end.faults == []
    assert windows * 2 <= len(markets) <= (windows + 1) * 2
    assert {run.status for run in markets} == {"settled"}
    for run in markets:
        told = {name for name in run.defects if not name.startswith("obstacle_")}
        assert not told & {"orders_after_close", "close_unproven", "foreign_fills"}, run.defects
        # What the exchange itself takes away when a window is over counts as expired.
        assert (run.orders.open_e6, run.orders.expired_e6) == (0, 0)
    margin_s = margin_of(window_s)
    rolls = {run.market.slug: run.roll_gap_s for run in markets if run.roll_gap_s is not None}
    assert rolls
    # Half the margin is for a machine that is late, as in `asking_after_closes`.
    assert min(rolls.values()) >= margin_s / 2, rolls
    assert max(rolls.values()) <= margin_s + ROLL_S_MAX, rolls
    fills: list[Fill] = [record.fill for run in markets for record in run.fills]
    assert {fill.sign for fill in fills} == {1, -1}
    assert any(run.merges for run in markets)


def rolling_prints(bot: Bot, end: SessionEnd) -> list[Footprint]:
    """From the third window traded on, as long as there is a next one to be ready for."""
    starts_s = sorted({run.market.start_ns // NS for run in bot.markets})
    return [one for one in end.footprints if starts_s[2] <= one.start_s < starts_s[-1]]


def rolling_text(run: MarketRun) -> str:
    """One line of what happened in a window."""
    gap = "first" if run.roll_gap_s is None else f"gap {run.roll_gap_s:.3f} s"
    counts = f"{run.orders.placed_n} orders, {len(run.fills)} fills, {len(run.merges)} merges"
    return f"{run.market.slug}: {gap}, {counts}, {run.defects}"


def held(prints: list[Footprint]) -> set[tuple[int, int]]:
    return {(one.tasks, one.sockets) for one in prints}


@pytest.mark.waits
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


@pytest.mark.soak
def test_ten_windows_of_a_minute_hold_as_much_at_the_end_as_at_the_third() -> None:
    async def scene() -> None:
        # One more, so that the tenth has a next one too.
        async with rolled(60, 11, 900) as bots:
            for bot, end in bots:
                prints = rolling_prints(bot, end)
                print(*prints, *map(rolling_text, bot.markets), sep="\n")
                assert len(held(prints)) == 1, prints
                assert prints[-1].resident_bytes - prints[0].resident_bytes <= 2 * 2**20

    with loop_runner() as runner:
        runner.run(scene())
