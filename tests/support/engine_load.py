"""``python -m tests.support.engine_load``: the load of `benches.path.load` with the engine at work.

The session that trades runs in this process: journal, gate, order entry and user channel of a real
local exchange; only its market channel is the sender of pre-built frames. So each message goes all
the way, and the bot requotes as fast as it may, in one window of five minutes after the other, on
books that move 250 times a second. What is wanted is as there; no user event is lost where ledger
and venue agree at the end of each window.
"""

import argparse
import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

import uvloop

from benches.path.load import (
    AFTER_S,
    CALM_S,
    GROWTH_KIB_MAX,
    LAG_MS_MAX,
    LINES,
    WARM_UP_S,
    Ear,
    Figures,
    phase,
    resident_kib,
)
from benches.path.load_sender import SenderProcess, load_sender
from polymm.runtime.config import Config
from polymm.runtime.config_source import load_config
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.wire import SignatureType
from tests.support.live_sessions import Bot, exchange_of, make_bot, stored

WINDOW_S: Final = 300
# A window that is nearly over is left out.
READY_S_MAX: Final = 60.0 + WINDOW_S / 4
SETTINGS: Final = {
    "session.window_s": WINDOW_S,
    "session.windows": 1_000,
    "strategy.order_size": 5,
    "strategy.max_position": 1_000,
    "cycle.cycle": "event",
    "cycle.requote": "diff",
    "cycle.merge": False,
}


@dataclass
class Trading:
    """A bot at work.

    Attributes:
        windows, orders: What it has come to, once it has ended.
    """

    bot: Bot
    running: "asyncio.Task[object]"
    windows: int = 0
    orders: int = 0

    def faults(self) -> list[str]:
        """What does not add up."""
        return list(self.bot.session.end.faults)


@asynccontextmanager
async def trading(config: Config, sender: SenderProcess, ear: Ear) -> AsyncIterator[Trading]:
    """Have a bot trade on an exchange whose market channel is the sender's."""
    async with exchange_of(config) as child:
        url = f"ws://127.0.0.1:{sender.port}/ws/market"
        hosts = replace(child.hosts, ws_market=url)
        with stored() as kept:
            bot = await make_bot(hosts, config, kept, kind=SignatureType.POLY_1271)
            feed = bot.session.feed
            step = feed._on_change

            def on_change(market: FeedMarket, flags: int, recv_ns: int) -> None:
                step(market, flags, recv_ns)
                ear.on_change(market, flags, recv_ns)

            feed._on_change = on_change
            running = asyncio.ensure_future(bot.run())
            try:
                yield (at_work := Trading(bot, running))
                bot.session.stop()
                async with asyncio.timeout(READY_S_MAX):
                    await running
                at_work.windows = len(bot.markets)
                at_work.orders = sum(market.orders.placed_n for market in bot.markets)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


async def until_quoting(at_work: Trading) -> None:
    """Wait for the first orders."""
    session = at_work.bot.session
    async with asyncio.timeout(READY_S_MAX):
        while not (session.desks and session.account.trading.may_rest("")):
            assert not at_work.running.done(), at_work.running
            await asyncio.sleep(0.05)


async def run(asked: argparse.Namespace, sender: SenderProcess) -> Figures:
    """Run all phases."""
    figures, ear = Figures(), Ear()
    config = load_config(flags={key: (f"--{key}", v) for key, v in SETTINGS.items()}).config
    async with trading(config, sender, ear) as at_work:
        sender.set_rates(asked.rate / LINES, 0)
        await until_quoting(at_work)
        await phase(figures, sender, ear, "warm-up", asked.rate, WARM_UP_S)
        gc.collect()
        before_kib = resident_kib()
        await phase(figures, sender, ear, "steady", asked.rate, asked.seconds)
        await phase(figures, sender, ear, "burst", asked.burst_rate, asked.burst_seconds)
        sender.set_rates(asked.rate / LINES, 0)
        await asyncio.sleep(CALM_S)
        await phase(figures, sender, ear, "after it", asked.rate, AFTER_S)
        late_ms = max(ear.lags_ms, default=0)
        if not asked.lenient:
            figures.expect(late_ms < LAG_MS_MAX, f"a lag of {late_ms} ms")
        gc.collect()
        figures.growth_kib = resident_kib() - before_kib
    figures.expect(at_work.orders > 0, "no order was sent")
    figures.lines.append(f"{at_work.orders:,} orders in {at_work.windows} windows")
    figures.faults += at_work.faults()
    grown = figures.growth_kib
    figures.expect(grown <= GROWTH_KIB_MAX, f"grew by {grown:,} KiB")
    market_sent, _ = sender.sent()
    figures.lines.append(
        f"{market_sent:,} market messages; memory {grown:+,} KiB, at most {GROWTH_KIB_MAX:,}"
    )
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.support.engine_load", description=__doc__
    )
    parser.add_argument("--rate", type=float, default=5_000, help="market messages a second")
    parser.add_argument("--seconds", type=float, default=1_800)
    parser.add_argument("--burst-rate", type=float, default=50_000)
    parser.add_argument("--burst-seconds", type=float, default=10)
    parser.add_argument("--lenient", action="store_true", help="a lag is no fault")
    asked = parser.parse_args()
    with load_sender() as sender:
        figures = uvloop.run(run(asked, sender))
    print("\n".join(figures.lines))
    for fault in figures.faults:
        print(f"FAULT: {fault}")
    return 1 if figures.faults else 0


if __name__ == "__main__":
    sys.exit(main())
