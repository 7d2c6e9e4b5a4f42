"""The whole client before the local exchange over TLS, and before peers that it must not trust."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from polymm._core.layout import BID
from polymm.errors import VenueError
from polymm.exchange.server.app import Served, serving
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.windows import WindowSettings
from polymm.runtime.throwaway_ca import throwaway_certificate
from polymm.venues.polymarket.credentials import ApiCredentials
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.keys import create_or_derive_key
from polymm.venues.polymarket.market_feed import MarketFeed, MarketFeedSettings
from polymm.venues.polymarket.reading import NO_ANSWER
from polymm.venues.polymarket.reference import PriceKind, ReferenceFeed, ReferenceSettings
from polymm.venues.polymarket.results import (
    BeatState,
    CancelState,
    PlaceState,
    SettleState,
)
from polymm.venues.polymarket.user_feed import UserFeed, UserFeedSettings
from polymm.venues.polymarket.wire import SignatureType
from tests.support.fault_matrix import audited
from tests.support.feeds import PARAMS
from tests.support.gateways import (
    SHARE,
    beaten,
    buy,
    cancelled,
    credentials,
    gateway_to,
    placed,
    swept,
)
from tests.support.keys import signing_key
from tests.support.loopback import MS, trust, until
from tests.support.traders import trader

BRISK = {"backoff_base_ns": 10 * MS, "backoff_ns_max": 20 * MS, "check_ns": 5 * MS}


@asynccontextmanager
async def exchange(host: str) -> AsyncIterator[tuple[Served, ssl.SSLContext]]:
    """An exchange as ``--tls`` serves it, with a certificate for a host, and trust in its CA."""
    made = ServerSettings(
        windows=WindowSettings(taker_delay_ns=0), relayed_ms=(20, 40), block_ms=20
    )
    with throwaway_certificate(host) as certificate:
        async with serving(made, tls=certificate.server) as served:
            yield served, ssl.create_default_context(cafile=certificate.ca_path)
            audited(served.hall.exchange)


class Feeds:
    """All feeds of one key, over one trust."""

    def __init__(self, served: Served, given: ApiCredentials, tls: ssl.SSLContext) -> None:
        self.heard: list[object] = []
        urls, rng = served.urls, random.Random(1)
        self.user = UserFeed(
            urls["ws_user"],
            given,
            lambda event, _: self.heard.append(event),
            lambda _: None,
            rng=rng,
            settings=UserFeedSettings(**BRISK),
            tls=tls,
        )
        self.market = MarketFeed(
            urls["ws_market"],
            _no_witness,
            lambda *_: None,
            rng=rng,
            settings=MarketFeedSettings(time_ns=0, **BRISK),
            tls=tls,
        )
        self.prices = ReferenceFeed(
            urls["prices"],
            urls["rtds"],
            given,
            ["btc"],
            rng=rng,
            settings=ReferenceSettings(**BRISK),
            tls=tls,
        )
        facts = max(served.hall.by_slug.values(), key=lambda item: item.market.start_ns).market
        self.view = self.market.add(facts, PARAMS)

    async def __aenter__(self) -> "Feeds":
        self._stack = AsyncExitStack()
        for feed in (self.user, self.market, self.prices):
            await feed.open()
            self._stack.push_async_callback(feed.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()


async def _no_witness(_: str) -> tuple[int, bytes]:
    return NO_ANSWER, b""


def test_everything_goes_over_tls() -> None:
    async def scene() -> None:
        async with (
            asyncio.timeout(5),
            exchange("127.0.0.1") as (served, tls),
            trader(served, SignatureType.POLY_GNOSIS_SAFE, tls=tls) as one,
        ):
            assert {url.split(":")[0] for url in served.urls.values()} == {"https", "wss"}
            rng, key = random.Random(1), one.gateway.wallet.key
            given = await create_or_derive_key(Hosts.of(served.urls), key, rng=rng, tls=tls)
            async with Feeds(served, given, tls) as feeds:
                await until(lambda: feeds.user.is_live and feeds.view.book.has_epoch)
                await until(lambda: feeds.prices.price("btc", PriceKind.SPOT) is not None)
                (order,) = await one.rest(40)
                await until(lambda: len(feeds.heard) == 1)
                await until(lambda: feeds.view.book.size_e6(BID, 4_000) >= 10 * SHARE)
                assert (await beaten(one.gateway)).state is BeatState.ACCEPTED
                (cancel,) = await cancelled(one.gateway, order.order_id)
                assert cancel.state is CancelState.CANCELED
                split = await one.settler.split(one.market, 5 * SHARE)
                assert split.state is SettleState.SETTLED

    asyncio.run(scene())


@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_nothing_goes_to_whom_we_do_not_trust(wrong: str) -> None:
    host = "127.0.0.1" if wrong == "authority" else "elsewhere.example"

    async def scene() -> None:
        async with asyncio.timeout(5), exchange(host) as (served, right):
            tls = trust().client if wrong == "authority" else right
            clob, rng = served.urls["clob"], random.Random(1)
            with pytest.raises(VenueError) as caught:
                await create_or_derive_key(Hosts.of(served.urls), signing_key(), rng=rng, tls=tls)
            assert (caught.value.reason, caught.value.is_known) == ("certificate", True)
            async with (
                gateway_to(clob, tls=tls) as gateway,
                Feeds(served, credentials(), tls) as feeds,
            ):
                (found,) = await placed(gateway, buy())
                assert (found.state, found.reason) == (PlaceState.NOT_SENT, "certificate")
                assert (await swept(gateway)).state is CancelState.NOT_SENT
                assert (await beaten(gateway)).state is BeatState.MISSED
                with pytest.raises(VenueError, match="certificate"):
                    await gateway.open_orders()
                for counts in (feeds.user.counts, feeds.market.counts):
                    await until(lambda counts=counts: counts["dial_certificate"] >= 2)
                await until(lambda: any("certificate" in name for name in feeds.prices.counts))
                assert not feeds.user.is_live
                assert feeds.view.leader is None
            assert found.order_id not in served.hall.exchange.dealing.open

    asyncio.run(scene())
