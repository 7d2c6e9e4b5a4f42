"""All feeds before the local exchange: true books and fills, and each fault by its name."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from polymm._core.decode import Decoder
from polymm._core.layout import ASK, BID
from polymm.domain.order import Token
from polymm.exchange.faults import Fault
from polymm.exchange.server.app import Served
from polymm.exchange.windows import WindowSettings
from polymm.venues.polymarket.credentials import ApiCredentials, Secret
from polymm.venues.polymarket.finder import FinderSettings, WindowFinder
from polymm.venues.polymarket.market_feed import FeedMarket, MarketFeed, MarketFeedSettings
from polymm.venues.polymarket.reading import Read
from polymm.venues.polymarket.reference import PriceKind, ReferenceFeed, ReferenceSettings
from tests.support.ears import running, trading
from tests.support.fault_matrix import turns_on
from tests.support.feeds import PARAMS
from tests.support.guests import Party, play
from tests.support.loopback import until

MS = 1_000_000
SECOND = 1_000 * MS
# Patience of every day, ten times as short.
BRISK = MarketFeedSettings(
    time_ns=0,
    quiet_ns=200 * MS,
    proof_ns_max=300 * MS,
    doubt_ns_max=100 * MS,
    dump_ns_max=100 * MS,
    crossed_ns_max=50 * MS,
    mismatch_ns_max=25 * MS,
    audit_ns=5 * MS,
    check_ns=5 * MS,
    backoff_base_ns=10 * MS,
    backoff_ns_max=50 * MS,
)


def reader(session: aiohttp.ClientSession, base: str) -> Read:
    async def read(path: str) -> tuple[int, bytes]:
        async with session.get(base + path) as reply:
            return reply.status, await reply.read()

    return read


class MarketScene:
    """A market feed on a busy exchange, over the window that runs."""

    def __init__(self, served: Served, feed: MarketFeed, market: FeedMarket) -> None:
        self.served = served
        self.feed = feed
        self.market = market
        self.listing = running(served)
        self._mirror = Decoder()
        facts = market.market
        slot = self._mirror.add_market(facts.up_token, facts.down_token)
        self._truth = self._mirror.book(slot)

    @property
    def is_fresh(self) -> bool:
        return self.market.is_fresh(time.monotonic_ns())

    def is_true(self) -> bool:
        """Whether our book is the exchange's, to the last level."""
        self._truth.clear()
        self._mirror.feed(self.listing.rest_book(Token.UP).encode())
        ours = self.market.book
        return (
            ours.has_epoch
            and ours.timestamp_ms == self._truth.timestamp_ms
            and all(ours.levels(side) == self._truth.levels(side) for side in (BID, ASK))
        )

    def set(self, fault: Fault, rate: float, **more: Any) -> None:
        self.served.hall.faults.set(fault, rate, **more)

    async def audited(self, verdict: str) -> None:
        """Let time stand still now and then, until a hash was compared in such a moment."""
        pump = self.served.hall.pump
        while not self.feed.counts[f"hash_{verdict}"]:
            pump.stop()
            await asyncio.sleep(0.05)
            pump.start()
            await asyncio.sleep(0.01)

    async def recover(self) -> None:
        """Turn all faults off: soon the book is fresh and true, again and again."""
        self.served.hall.faults.clear()
        for _ in range(3):
            await until(lambda: self.is_fresh and self.is_true())
            moved = self.market.timestamp_ms
            await until(lambda moved=moved: self.market.timestamp_ms > moved)


@asynccontextmanager
async def market_scene(engine: str = "websockets", **settings: Any) -> AsyncIterator[MarketScene]:
    async with trading(**settings) as served, aiohttp.ClientSession() as session:
        feed = MarketFeed(
            served.urls["ws_market"],
            reader(session, served.urls["clob"]),
            lambda *_: None,
            rng=random.Random(1),
            settings=BRISK,
            engine=engine,
        )
        await feed.open()
        try:
            market = feed.add(running(served).market, PARAMS)
            scene = MarketScene(served, feed, market)
            await until(lambda: scene.is_fresh and len(feed.lines) == 2)
            yield scene
        finally:
            await feed.close()


def attend_market(play_it: Callable[[MarketScene], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        async with asyncio.timeout(8), market_scene(**settings) as scene:
            await play_it(scene)

    asyncio.run(run())


def test_books_are_true_and_their_hashes_right() -> None:
    async def scene(it: MarketScene) -> None:
        await it.recover()
        await it.audited("right")
        assert it.feed.counts["hash_wrong"] == 0
        assert {name for name in it.feed.counts if name.startswith(("resync", "replaced"))} == set()
        for line in it.feed.lines:
            counts = line.decoder.counters()
            assert counts["top_mismatches"] == counts["mirror_mismatches"] == 0

    attend_market(scene)


def test_books_are_true_by_the_other_engine() -> None:
    pytest.importorskip("picows", reason="the extra fast is not installed")
    attend_market(lambda it: it.recover(), engine="picows")


@turns_on(Fault.MARKET_SILENT)
def test_silence_is_seen_on_each_socket_and_replaced() -> None:
    async def scene(it: MarketScene) -> None:
        it.set(Fault.MARKET_SILENT, 1.0, lasts_ms=(60_000, 60_000), limit=2)
        await until(lambda: not it.is_fresh)
        assert it.market.obstacle(time.monotonic_ns()).startswith("stale_")
        await it.recover()
        # By age alone, or since REST tells something else.
        assert it.feed.counts["replaced_silent"] + it.feed.counts["replaced_contradicted"] >= 1

    attend_market(scene)


@turns_on(Fault.MARKET_BOOK_MISSING)
def test_first_books_that_are_missing_are_asked_for() -> None:
    async def scene(it: MarketScene) -> None:
        other = max(it.served.hall.by_slug.values(), key=lambda item: item.market.start_ns)
        it.set(Fault.MARKET_BOOK_MISSING, 1.0)
        quiet = it.feed.add(other.market, PARAMS)
        await until(lambda: it.feed.counts["resync_no_book"] >= 2)
        assert quiet.obstacle(time.monotonic_ns()) == "no_book"
        it.served.hall.faults.clear()
        await until(lambda: quiet.is_fresh(time.monotonic_ns()))
        await it.recover()

    attend_market(scene)


@turns_on(Fault.MARKET_CLOSED)
def test_torn_connections_are_counted_and_opened_again() -> None:
    async def scene(it: MarketScene) -> None:
        it.set(Fault.MARKET_CLOSED, 0.05)
        await until(lambda: it.feed.counts["ended_closed_1006"] >= 4)
        await it.recover()

    attend_market(scene)


@turns_on(Fault.MARKET_CROSSED)
def test_a_crossed_book_is_never_quotable_and_soon_right() -> None:
    async def scene(it: MarketScene) -> None:
        it.set(Fault.MARKET_CROSSED, 1.0, lasts_ms=(100, 300), limit=3)
        seen = set()

        def is_cured() -> bool:
            seen.add(it.market.obstacle(time.monotonic_ns()))
            return it.feed.counts["resync_crossed"] + it.feed.counts["resync_mismatch"] > 0

        await until(is_cured)
        assert seen & {"crossed", "mismatch"}
        await it.recover()

    attend_market(scene)


@turns_on(Fault.MARKET_HASH_WRONG)
def test_wrong_hashes_are_counted_and_nothing_else() -> None:
    async def scene(it: MarketScene) -> None:
        it.set(Fault.MARKET_HASH_WRONG, 1.0)
        await it.audited("wrong")
        assert it.is_fresh
        assert not any(name.startswith(("resync", "replaced")) for name in it.feed.counts)

    attend_market(scene)


@turns_on(Fault.MARKET_TICK_CHANGED)
def test_a_tick_change_is_a_new_epoch_on_the_new_grid() -> None:
    async def scene(it: MarketScene) -> None:
        before = it.market.epoch
        it.set(Fault.MARKET_TICK_CHANGED, 1.0, limit=1)
        await until(lambda: it.market.tick_e4 == 10)
        await it.recover()
        assert it.market.epoch > before
        assert it.market.book.tick_e4 == it.listing.ladder.tick_e4 == 10

    attend_market(scene)


# Prices and windows


@turns_on(Fault.PRICES_SILENT, Fault.PRICES_CLOSED, Fault.PRICES_DRAINING)
@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (Fault.PRICES_SILENT, "polybolt_silent"),
        (Fault.PRICES_CLOSED, "polybolt_closed_1006"),
        (Fault.PRICES_DRAINING, "polybolt_closed_4003"),
    ],
)
def test_prices_are_those_that_settle_and_come_back(fault: Fault, name: str) -> None:
    settings = ReferenceSettings(
        window_s=1.2,
        stale_ns_max=400 * MS,
        drain_ns_max=50 * MS,
        check_ns=5 * MS,
        backoff_base_ns=10 * MS,
        backoff_ns_max=20 * MS,
    )

    async def scene(party: Party) -> None:
        mine = party.guest().account.credentials
        feed = ReferenceFeed(
            party.served.urls["prices"],
            party.served.urls["rtds"],
            ApiCredentials(
                Secret(mine["apiKey"]), Secret(mine["secret"]), Secret(mine["passphrase"])
            ),
            ["btc", "eth"],
            rng=random.Random(1),
            settings=settings,
        )
        await feed.open()
        try:
            await until(lambda: feed.is_fresh("eth", PriceKind.SPOT, time.monotonic_ns()))
            party.hall.faults.set(fault, 1.0, lasts_ms=(10_000, 10_000), limit=1)
            await until(lambda: feed.counts[name] == 1)
            last = feed.price("btc", PriceKind.SPOT)
            assert last is not None
            await until(lambda: feed.price("btc", PriceKind.SPOT) != last)
            truth = party.hall.markets.prices["btc"]
            at_ms = last.observed_ms // 1_000 * 1_000
            held = feed.price_at("btc", PriceKind.TWAP, at_ms)
            assert held is not None
            assert held.price_e8 == truth.twap_e8(at_ms * MS, 1_200 * MS)
            assert last.price_e8 == truth.price_e8(last.observed_ms * MS)
        finally:
            await feed.close()

    windows = WindowSettings(length_s=6, coins=("btc", "eth"))
    play(scene, windows=windows)


@turns_on(Fault.GAMMA_STALE, Fault.MARKET_NOT_FOUND)
@pytest.mark.parametrize("fault", [None, Fault.GAMMA_STALE, Fault.MARKET_NOT_FOUND])
def test_windows_of_two_coins_are_found_ahead(fault: Fault | None) -> None:
    async def scene(party: Party) -> None:
        if fault is not None:
            party.hall.faults.set(fault, 0.5, lasts_ms=(5, 20))
        found = {}
        async with aiohttp.ClientSession() as session:
            finder = WindowFinder(
                ["btc", "eth"],
                6,
                reader(session, party.served.urls["gamma"]),
                reader(session, party.served.urls["clob"]),
                lambda window, entry: found.update({window.slug: entry.market}),
                rng=random.Random(1),
                settings=FinderSettings(backoff_base_ns=2 * MS, backoff_ns_max=10 * MS),
                clock_ns=party.hall.now_ns,
            )
            await finder.open()
            await until(lambda: len(found) >= 6)
            await finder.close()
        for slug, market in found.items():
            truth = party.hall.by_slug[slug].market
            assert (market.up_token, market.down_token) == (truth.up_token, truth.down_token)
            assert (market.start_ns, market.end_ns) == (truth.start_ns, truth.end_ns)
            assert (market.settlement, market.fees) == (truth.settlement, truth.fees)
            assert market.taker_delay_ns == truth.taker_delay_ns

    windows = WindowSettings(length_s=6, coins=("btc", "eth"), down_first=True)
    play(scene, windows=windows)
