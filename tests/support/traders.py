"""Traders on a served exchange: our whole client, one wallet each."""

import asyncio
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from polymm.domain.order import Side, Token
from polymm.exchange.faults import Fault
from polymm.exchange.server.app import Served, serving
from polymm.exchange.server.settings import Buckets, ServerSettings
from polymm.exchange.wallets import CASH
from polymm.exchange.windows import WindowSettings
from polymm.venues.polymarket.gateway import Gateway
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.keys import create_or_derive_key
from polymm.venues.polymarket.relayer_auth import BuilderSigner, RelayerKey
from polymm.venues.polymarket.results import NewOrder, PlaceResult, PlaceState
from polymm.venues.polymarket.settling import Settler, SettleSettings
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.wire import SignatureType
from tests.support.fault_matrix import audited
from tests.support.gateways import SHARE, placed, settings
from tests.support.keys import drawn_key, signing_key
from tests.support.loopback import MS, until

# Polls and pauses of seconds pass so much faster.
HASTE = 100


class Trader:
    """One wallet of one kind, with a gateway and a settler, in the last listed window."""

    def __init__(self, served: Served, gateway: Gateway, settler: Settler) -> None:
        self.hall = served.hall
        self.urls = served.urls
        self.gateway = gateway
        self.settler = settler
        self.market = max(
            (item.market for item in self.hall.by_slug.values()), key=lambda one: one.start_ns
        )
        gateway.prepare(self.market)
        wallet = self.hall.accounts.wallet(gateway.wallet.funder)
        assert wallet is not None
        self.wallet = wallet

    def order(
        self, side: Side, cents: int, shares: int = 10, token: Token = Token.UP, **others: object
    ) -> NewOrder:
        return NewOrder(self.market, token, side, cents * 100, shares * SHARE, **others)

    def taking(self, side: Side, cents: int, shares: int = 10, **others: object) -> NewOrder:
        return self.order(side, cents, shares, post_only=False, **others)

    async def rest(self, *cents: int) -> list[PlaceResult]:
        found = await placed(self.gateway, *(self.order(Side.BUY, one) for one in cents))
        assert {one.state for one in found} == {PlaceState.LIVE}
        return found

    @property
    def cash_e6(self) -> int:
        """Its dollars, as the exchange knows."""
        return self.wallet.balances[CASH]

    @property
    def in_truth(self) -> set[str]:
        """Ids of its orders that are open, as the exchange knows."""
        return set(self.wallet.orders)

    def turn(self, fault: Fault, *lasts_ms: int, limit: int | None = 1) -> None:
        low_high = (lasts_ms[0], lasts_ms[-1]) if lasts_ms else None
        self.hall.faults.set(fault, 1.0, lasts_ms=low_high, limit=limit)


@asynccontextmanager
async def trader(
    served: Served,
    kind: SignatureType,
    number: int = 1,
    *,
    tls: ssl.SSLContext | None = None,
    **others: object,
) -> AsyncIterator[Trader]:
    hosts, rng = Hosts.of(served.urls), random.Random(number)
    key = signing_key(drawn_key(rng))
    given = await create_or_derive_key(hosts, key, rng=rng, tls=tls)
    wallet = Wallet(key=key, signature_type=kind)
    patient = {"place_ns_max": 1_000 * MS, "cancel_ns_max": 1_000 * MS} | others
    gateway = Gateway(hosts, wallet, given, settings=settings(**patient), rng=rng, tls=tls)

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(seconds / HASTE)

    settler = Settler(
        hosts,
        wallet,
        RelayerKey(given.key, key.address) if number % 2 else BuilderSigner(given),
        settings=SettleSettings(),
        rng=rng,
        clock_ns=lambda: time.monotonic_ns() * HASTE,
        sleep=sleep,
        tls=tls,
    )
    await asyncio.gather(gateway.open(), settler.open())
    try:
        await until(lambda: gateway.is_ready)
        yield Trader(served, gateway, settler)
    finally:
        await asyncio.gather(gateway.close(), settler.close())


def play(
    scene: Callable[[Trader], Awaitable[None]],
    kind: SignatureType = SignatureType.EOA,
    *,
    version: str = "v1",
    taker_delay_ns: int = 0,
    buckets: Buckets | None = None,
    **others: object,
) -> None:
    """Play a scene on a fresh exchange, whose books must balance after it."""

    async def run() -> None:
        windows = WindowSettings(taker_delay_ns=taker_delay_ns, version=version)
        served_settings = ServerSettings(
            windows=windows,
            relayed_ms=(20, 40),
            block_ms=20,
            pairs_e6=1_000 * SHARE,
            buckets=buckets or Buckets(),
        )
        async with asyncio.timeout(10), serving(served_settings) as served:
            async with trader(served, kind, **others) as one:
                await scene(one)
            audited(served.hall.exchange)

    asyncio.run(run())
