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
from polymm.domain.order import Side, Token
from polymm.exchange.faults import Fault
from polymm.exchange.rules import Rules
from polymm.exchange.server.app import Served
from polymm.exchange.windows import WindowSettings
from polymm.venues.polymarket.credentials import ApiCredentials, Secret
from polymm.venues.polymarket.fill_book import FillBook
from polymm.venues.polymarket.finder import FinderSettings, WindowFinder
from polymm.venues.polymarket.market_feed import FeedMarket, MarketFeed, MarketFeedSettings
from polymm.venues.polymarket.reading import Read
from polymm.venues.polymarket.reference import PriceKind, ReferenceFeed, ReferenceSettings
from polymm.venues.polymarket.user_events import (
    FillNews,
    OrderEvent,
    OwnFill,
    TradeEvent,
    TradeStatus,
    own_fills,
)
from polymm.venues.polymarket.user_feed import UserFeed, UserFeedSettings
from tests.support.ears import running, trading
from tests.support.feeds import PARAMS
from tests.support.guests import CHEAP, Guest, Party, play
from tests.support.loopback import until

MS = 1_000_000
SECOND = 1_000 * MS
# Patience of every day, ten times as short.
BRISK = MarketFeedSettings(
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
        await until(lambda: it.feed.counts["hash_right"] >= 1)
        assert it.feed.counts["hash_wrong"] == 0
        assert {name for name in it.feed.counts if name.startswith(("resync", "replaced"))} == set()
        for line in it.feed.lines:
            counts = line.decoder.counters()
            assert counts["top_mismatches"] == counts["mirror_mismatches"] == 0

    attend_market(scene, orders_a_second=1.0)


def test_books_are_true_by_the_other_engine() -> None:
    pytest.importorskip("picows", reason="the extra fast is not installed")
    attend_market(lambda it: it.recover(), engine="picows")


def test_silence_is_seen_on_each_socket_and_replaced() -> None:
    async def scene(it: MarketScene) -> None:
        it.set(Fault.MARKET_SILENT, 1.0, lasts_ms=(60_000, 60_000), limit=2)
        await until(lambda: not it.is_fresh)
        assert it.market.obstacle(time.monotonic_ns()).startswith("stale_")
        await it.recover()
        assert it.feed.counts["replaced_silent"] >= 1

    attend_market(scene)


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


def test_torn_connections_are_counted_and_opened_again() -> None:
    async def scene(it: MarketScene) -> None:
        it.set(Fault.MARKET_CLOSED, 0.05)
        await until(lambda: it.feed.counts["ended_closed_1006"] >= 4)
        await it.recover()

    attend_market(scene)


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


def test_wrong_hashes_are_counted_and_nothing_else() -> None:
    async def scene(it: MarketScene) -> None:
        it.set(Fault.MARKET_HASH_WRONG, 1.0)
        await until(lambda: it.feed.counts["hash_wrong"] >= 1)
        assert it.is_fresh
        assert not any(name.startswith(("resync", "replaced")) for name in it.feed.counts)

    attend_market(scene, orders_a_second=1.0)


def test_a_tick_change_is_a_new_epoch_on_the_new_grid() -> None:
    async def scene(it: MarketScene) -> None:
        before = it.market.epoch
        it.set(Fault.MARKET_TICK_CHANGED, 1.0, limit=1)
        await until(lambda: it.market.tick_e4 == 10)
        await it.recover()
        assert it.market.epoch > before
        assert it.market.book.tick_e4 == it.listing.ladder.tick_e4 == 10

    attend_market(scene)


# The user channel


class Heard:
    """A user feed of one guest, and its fills counted once each."""

    def __init__(self, guest: Guest, url: str) -> None:
        self.guest = guest
        self.events: list[OrderEvent | TradeEvent] = []
        self.gaps: list[int] = []
        self.news: list[FillNews] = []
        self.up_e6 = 0
        self.book = FillBook()
        mine = guest.account.credentials
        self.feed = UserFeed(
            url,
            ApiCredentials(
                Secret(mine["apiKey"]), Secret(mine["secret"]), Secret(mine["passphrase"])
            ),
            self._on_event,
            self.gaps.append,
            rng=random.Random(1),
            settings=UserFeedSettings(
                check_ns=5 * MS, backoff_base_ns=5 * MS, backoff_ns_max=10 * MS
            ),
        )

    def _on_event(self, event: OrderEvent | TradeEvent, recv_ns: int) -> None:
        self.events.append(event)
        if isinstance(event, TradeEvent):
            wallet = self.guest.signing.funder
            for fill in own_fills(event, self.guest.key_id, set(), wallet):
                self._book(fill)

    def _book(self, fill: OwnFill) -> None:
        news = self.book.apply(fill, time.time_ns())
        self.news.append(news)
        sign = 1 if fill.side is Side.BUY else -1
        moves = {FillNews.BOOKED: sign, FillNews.REVERSED: -sign}
        if fill.token_id == self.guest.listing.token_id(Token.UP):
            self.up_e6 += moves.get(news, 0) * fill.size_e6

    @property
    def statuses(self) -> list[TradeStatus]:
        return [event.status for event in self.events if isinstance(event, TradeEvent)]


QUICK_RULES = Rules(mined_ms=(20, 40), confirmed_ms=(20, 40), retry_ms=(10, 20))


def play_user(scene: Callable[[Party, Heard, Guest], Awaitable[None]]) -> None:
    """A listening guest, and another one who meets the listener's orders."""

    async def run(party: Party) -> None:
        ann, bob = party.guest(), party.guest()
        heard = Heard(ann, party.served.urls["ws_user"])
        await heard.feed.open()
        try:
            await until(lambda: heard.feed.is_live)
            await scene(party, heard, bob)
        finally:
            await heard.feed.close()

    play(run, **CHEAP | {"rules": QUICK_RULES})


async def meet(heard: Heard, bob: Guest, times: int = 1) -> None:
    for _ in range(times):
        await heard.guest.buy(40, 10)
        await bob.sell(40, 10)


def test_a_fill_is_heard_through_to_its_end() -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        await meet(heard, bob)
        await until(lambda: TradeStatus.CONFIRMED in heard.statuses)
        assert heard.news == [FillNews.BOOKED, FillNews.STATUS, FillNews.STATUS]
        assert heard.up_e6 == 10_000_000
        changes = [event for event in heard.events if isinstance(event, OrderEvent)]
        assert [event.matched_e6 for event in changes] == [0, 10_000_000]
        assert changes[0].status == "LIVE"

    play_user(scene)


def test_the_taker_hears_of_its_own_side_and_exact_cash() -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        await bob.sell(40, 6)
        await bob.buy(58, 10, Token.DOWN)
        await heard.guest.buy(42, 10)
        await until(lambda: bool(heard.statuses))
        (event, *_) = (one for one in heard.events if isinstance(one, TradeEvent))
        (fill,) = own_fills(event, heard.guest.key_id, set(), heard.guest.signing.funder)
        assert (fill.is_maker, fill.side, fill.size_e6) == (False, Side.BUY, 10_000_000)
        assert fill.cash_e10 == 6_000_000 * 4_000 + 4_000_000 * 4_200

    play_user(scene)


@pytest.mark.parametrize(
    ("fault", "news"),
    [
        (Fault.USER_DUPLICATED, FillNews.OLD),
        (Fault.USER_REORDERED, FillNews.BOOKED),
        (Fault.USER_MINED_FIRST, FillNews.OLD),
        (Fault.USER_STATUS_SKIPPED, FillNews.BOOKED),
        (Fault.USER_FILL_LATE, FillNews.BOOKED),
        (Fault.TRADE_RETRIED, FillNews.STATUS),
    ],
)
def test_however_it_is_told_each_fill_counts_once(fault: Fault, news: FillNews) -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        party.hall.faults.set(fault, 1.0, lasts_ms=(5, 60))
        await meet(heard, bob, times=3)
        await until(lambda: heard.statuses.count(TradeStatus.CONFIRMED) >= 3)
        await until(lambda: news in heard.news)
        await asyncio.sleep(0.07)
        assert heard.news.count(FillNews.BOOKED) == 3
        assert heard.up_e6 == 30_000_000

    play_user(scene)


def test_a_trade_that_fails_is_undone() -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        party.hall.faults.set(Fault.TRADE_FAILED, 1.0)
        await meet(heard, bob, times=2)
        await until(lambda: heard.news.count(FillNews.REVERSED) == 2)
        assert heard.up_e6 == 0

    play_user(scene)


def test_a_torn_user_socket_is_a_gap() -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        party.hall.faults.set(Fault.USER_CLOSED, 1.0, limit=1)
        await heard.guest.buy(30, 10)
        await until(lambda: len(heard.gaps) == 2)
        assert heard.events == []
        assert heard.feed.counts["ended_closed_1006"] == 1
        await heard.guest.buy(31, 10)
        await until(lambda: len(heard.events) == 1)

    play_user(scene)


def test_venue_cancels_and_refusals_are_named() -> None:
    async def scene(party: Party, heard: Heard, bob: Guest) -> None:
        party.hall.faults.set(Fault.ORDER_CANCELED, 1.0, lasts_ms=(5, 10))
        await heard.guest.buy(30, 10)
        await until(lambda: len(heard.events) == 2)
        assert isinstance(heard.events[1], OrderEvent)
        assert heard.events[1].status == "INVALID"
        party.hall.faults.clear()

        await bob.sell(40, 10)
        party.hall.faults.set(Fault.USER_POST_ONLY_EVENT, 1.0)
        await heard.guest.buy(41, 10, post_only=True)
        await until(lambda: len(heard.events) == 3)
        assert isinstance(heard.events[2], OrderEvent)
        assert heard.events[2].status == "UNMATCHED"
        assert "crosses" in heard.events[2].reason

    play_user(scene)


# Prices and windows


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
