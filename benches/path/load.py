"""Load for long and in bursts: ``python -m benches.path.load --seconds 1800 --burst-seconds 10``.

A process of its own sends pre-built frames; this one keeps books from them with the feeds that
trade: 5,000 messages a second for half an hour (``--seconds 28800`` for eight hours), then 50,000 a
second for ten seconds. Wanted (FAILURES, L5 and figures): memory grows by 8 MiB at most, a second
after the burst nothing is later than 50 ms, and of the user's events none is lost. Lag runs from
the time a message was due by the rate, in whole ms, to the maker's turn. Growth that follows the
number of messages would mean that something is kept for each.
"""

import argparse
import asyncio
import gc
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import uvloop

from benches.path.load_sender import SenderProcess, load_sender
from polymm.domain.market import Market
from polymm.strategy.base import BaseParameters
from polymm.venues.polymarket.credentials import ApiCredentials, Secret
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.market_feed import MarketFeed, MarketFeedSettings
from polymm.venues.polymarket.user_events import UserEvent
from polymm.venues.polymarket.user_feed import UserFeed

GROWTH_KIB_MAX: Final = 8_192
LAG_MS_MAX: Final = 50
CALM_S: Final = 1.0  # From the end of a burst until the lag is looked at,
AFTER_S: Final = 3.0  # and how long it then is.
WARM_UP_S: Final = 5.0
USER_RATE: Final = 20.0
MARKETS: Final = 4
LINES: Final = 2
BOOKS: Final = 2 * MARKETS * LINES  # That open the sockets.
PARAMS: Final = BaseParameters(order_size_e6=10_000_000, max_position_e6=100_000_000)


def resident_kib() -> int:
    """Memory of this process in KiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise OSError("/proc/self/status gives no VmRSS")


def markets() -> list[Market]:
    """Windows that last as long as any run."""
    return [
        Market(
            slug=f"btc-updown-5m-{1_776_808_200 + 300 * i}",
            condition_id=f"0x{i:064x}",
            up_token=f"{i + 1}" + "1" * 76,
            down_token=f"{i + 1}" + "2" * 76,
            start_ns=0,
            end_ns=9 * 10**18,
        )
        for i in range(MARKETS)
    ]


@dataclass
class Ear:
    """What was heard, and how late.

    Attributes:
        lags_ms: Turns of the maker by lag in the present phase.
        user_lags_ms: User events likewise.
        heard: User events.
        gaps: User events that came out of turn.
    """

    lags_ms: Counter[int] = field(default_factory=Counter)
    user_lags_ms: Counter[int] = field(default_factory=Counter)
    heard: int = 0
    gaps: int = 0

    def on_change(self, market: FeedMarket, flags: int, recv_ns: int) -> None:
        """Take a turn of the maker; one before the market's first frame has nothing to be late."""
        if market.book.timestamp_ms:
            self.lags_ms[int(time.time() * 1000) - market.book.timestamp_ms] += 1

    def on_event(self, event: UserEvent, recv_ns: int) -> None:
        """Take a user event; they are numbered."""
        self.user_lags_ms[int(time.time() * 1000) - event.stamp_ms] += 1
        self.gaps += int(event.order_id, 16) != self.heard  # type: ignore[union-attr]
        self.heard += 1

    def begin(self) -> None:
        """Begin a phase."""
        self.lags_ms.clear()
        self.user_lags_ms.clear()


def percentile(counts: Counter[int], share: float) -> int:
    """The lag that this share of turns does not exceed, 0 without any."""
    left = counts.total() * share
    for lag_ms in sorted(counts):
        left -= counts[lag_ms]
        if left <= 0:
            return lag_ms
    return 0


@dataclass(frozen=True)
class Feeds:
    """Both feeds at work."""

    market: MarketFeed
    user: UserFeed

    def received(self) -> int:
        """Market messages that books were kept from."""
        told = (line.decoder.counters() for line in self.market.lines)
        return sum(one["fast"] + one["tolerant"] for one in told)

    def faults(self) -> dict[str, int]:
        """What a calm venue gives no reason for."""
        names = ("malformed", "resync_", "replaced_", "ended_", "dial_")
        counts = self.market.counts + self.user.counts
        return {name: n for name, n in counts.items() if name.startswith(names)}


@asynccontextmanager
async def feeds(port: int, ear: Ear, engine: str) -> AsyncIterator[Feeds]:
    """Open both feeds and wait for their first words."""

    async def read(path: str) -> tuple[int, bytes]:
        return 503, b"{}"

    url = f"ws://127.0.0.1:{port}"
    credentials = ApiCredentials(Secret("key"), Secret("c2VjcmV0"), Secret("phrase"))
    market_feed = MarketFeed(
        f"{url}/ws/market",
        read,
        ear.on_change,
        rng=random.Random(1),
        settings=MarketFeedSettings(time_ns=0),
        engine=engine,
    )
    user_feed = UserFeed(
        f"{url}/ws/user",
        credentials,
        ear.on_event,
        lambda since_ns: None,
        rng=random.Random(1),
        engine=engine,
    )
    for market in markets():
        market_feed.add(market, PARAMS)
    await market_feed.open()
    await user_feed.open()
    try:
        async with asyncio.timeout(10):
            while len(market_feed.lines) < LINES or not user_feed.is_live:
                await asyncio.sleep(0.01)
        yield Feeds(market_feed, user_feed)
    finally:
        await market_feed.close()
        await user_feed.close()


@dataclass
class Figures:
    """What a run came to."""

    messages: int = 0
    seconds: float = 0.0
    growth_kib: int = 0
    lines: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def expect(self, is_so: bool, what: str) -> None:
        """Note what must be so and is not."""
        if not is_so:
            self.faults.append(what)


async def phase(
    figures: Figures, sender: SenderProcess, ear: Ear, name: str, rate: float, seconds: float
) -> None:
    """Let all connections talk at a rate for some time, and tell how late it was heard."""
    if seconds <= 0:
        return
    sender.set_rates(rate / LINES, USER_RATE)
    ear.begin()
    cpu_s = time.process_time()
    await asyncio.sleep(seconds)
    busy = (time.process_time() - cpu_s) / seconds
    lags, user = ear.lags_ms, ear.user_lags_ms
    figures.lines.append(
        f"{name}: {rate:,.0f} a second for {seconds:g} s; lag ms p50 {percentile(lags, 0.5)}, "
        f"p99 {percentile(lags, 0.99)}, p99.9 {percentile(lags, 0.999)}, max {max(lags, default=0)}"
        f"; user events p99 {percentile(user, 0.99)}, max {max(user, default=0)}; core {busy:.0%}"
    )


async def run(asked: argparse.Namespace, sender: SenderProcess) -> Figures:
    """Run all phases."""
    ear, figures = Ear(), Figures()
    async with feeds(sender.port, ear, asked.websocket) as open_feeds:
        await phase(figures, sender, ear, "warm-up", asked.rate, WARM_UP_S)
        gc.collect()
        before_kib, start = resident_kib(), time.monotonic()
        await phase(figures, sender, ear, "steady", asked.rate, asked.seconds)
        if asked.burst_seconds:
            await phase(figures, sender, ear, "burst", asked.burst_rate, asked.burst_seconds)
            sender.set_rates(asked.rate / LINES, USER_RATE)
            await asyncio.sleep(CALM_S)
            await phase(figures, sender, ear, "after it", asked.rate, AFTER_S)
            late_ms = max(max(ear.lags_ms, default=0), max(ear.user_lags_ms, default=0))
            if not asked.lenient:
                figures.expect(late_ms < LAG_MS_MAX, f"a lag of {late_ms} ms")
        sender.set_rates(0, 0)
        await settled(open_feeds, ear, sender)
        gc.collect()
        figures.growth_kib = resident_kib() - before_kib
        figures.seconds = time.monotonic() - start
        figures.messages = open_feeds.received()
        judge(figures, open_feeds, ear, sender, is_lenient=asked.lenient)
    return figures


async def settled(open_feeds: Feeds, ear: Ear, sender: SenderProcess) -> None:
    """Wait until what was sent is heard, for a bounded time."""
    for _ in range(300):
        market_sent, user_sent = sender.sent()
        if open_feeds.received() >= market_sent + BOOKS and ear.heard >= user_sent:
            return
        await asyncio.sleep(0.01)


def judge(
    figures: Figures, open_feeds: Feeds, ear: Ear, sender: SenderProcess, *, is_lenient: bool
) -> None:
    """Hold a run to what is wanted; a machine that is busy otherwise may make a feed doubt."""
    market_sent, user_sent = sender.sent()
    lost, user_lost = market_sent + BOOKS - figures.messages, user_sent - ear.heard
    # A book that is asked for again comes beside what is counted.
    figures.expect(lost <= 0, f"{lost} of {market_sent} market messages lost")
    figures.expect(not user_lost, f"{user_lost} of {user_sent} user events lost")
    figures.expect(not ear.gaps, f"{ear.gaps} user events out of turn")
    faults = {} if is_lenient else open_feeds.faults()
    figures.expect(not faults, f"without reason: {faults}")
    grown = figures.growth_kib
    figures.expect(grown <= GROWTH_KIB_MAX, f"grew by {grown:,} KiB")
    figures.lines.append(
        f"{figures.messages:,} market messages and {ear.heard:,} user events in "
        f"{figures.seconds:.0f} s; memory {grown:+,} KiB, at most {GROWTH_KIB_MAX:,}"
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benches.path.load", description=__doc__)
    parser.add_argument("--rate", type=float, default=5_000, help="market messages a second")
    parser.add_argument("--seconds", type=float, default=1_800)
    parser.add_argument("--burst-rate", type=float, default=50_000)
    parser.add_argument("--burst-seconds", type=float, default=10)
    parser.add_argument("--websocket", default="websockets", help="engine of the sockets")
    parser.add_argument(
        "--lenient", action="store_true", help="a lag is no fault: the machine is busy otherwise"
    )
    asked = parser.parse_args(arguments)
    with load_sender() as sender:
        figures = uvloop.run(run(asked, sender))
    print("\n".join(figures.lines))
    for fault in figures.faults:
        print(f"FAULT: {fault}")
    return 1 if figures.faults else 0


if __name__ == "__main__":
    sys.exit(main())
