"""Order entry: orders and cancels as bytes on warm connections, results by callback.

Placements, cancels, heartbeats and queries have connections of their own, so that a cancel never
waits behind anything else. What goes out on the path is written before the call returns; what came
of it is told once, later, and says whether it is known. Nothing is ever sent again from here.
"""

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from polymm.domain.market import Market
from polymm.errors import InputError
from polymm.net.http_outcome import Outcome
from polymm.net.http_pool import PoolSettings
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.account import Account
from polymm.venues.polymarket.auth import RequestSigner
from polymm.venues.polymarket.budget import Budget
from polymm.venues.polymarket.cancelling import Cancels
from polymm.venues.polymarket.credentials import ApiCredentials
from polymm.venues.polymarket.heartbeat import HeartbeatChain, Resend
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.placing import Placements
from polymm.venues.polymarket.results import BeatResult
from polymm.venues.polymarket.service import Service, later
from polymm.venues.polymarket.signed_requests import SignedRequests
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.skew import ClockSkew

_SECOND_NS: Final = 1_000_000_000

OnBeat = Callable[[BeatResult], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """How one gateway works.

    Args:
        batch: Send orders that are placed together as batches of up to 15. Faster by a request
            each, but their answers come together.
        tier: Where the mirror of the venue's token buckets begins.
        builder: Builder code of every order, 0x and 64 digits.
        place_ns_max: From writing, or waiting for a connection, to the whole answer.
        cancel_ns_max: The same for cancels, ``beat_ns_max`` for heartbeats and ``query_ns_max``
            for each request of a query.
        ahead_ticks: Orders this many ticks around the last ones are signed ahead of their need; 0
            for none. A venue must be known to take orders whose time stamp is so old.
        ahead_age_ns_max: One that was signed longer ago is signed anew.
        pages_max: A list that is longer is an error, never cut short.
        orders: Connections for placements, and so on for the others.
    """

    batch: bool = False
    tier: str = "standard"
    builder: str = wire.ZERO_BYTES32
    place_ns_max: int = 5 * _SECOND_NS
    cancel_ns_max: int = 5 * _SECOND_NS
    beat_ns_max: int = 4 * _SECOND_NS
    query_ns_max: int = 15 * _SECOND_NS
    ahead_ticks: int = 0
    ahead_age_ns_max: int = 5 * _SECOND_NS
    pages_max: int = 100
    # What an order was decided on is old after a second.
    orders: PoolSettings = field(
        default=PoolSettings(size=4, waiting_max=64, waiting_ns_max=_SECOND_NS)
    )
    cancels: PoolSettings = field(
        default=PoolSettings(size=3, waiting_max=64, backoff_ns_max=5 * _SECOND_NS)
    )
    beats: PoolSettings = field(
        default=PoolSettings(size=1, waiting_max=1, backoff_ns_max=5 * _SECOND_NS)
    )
    queries: PoolSettings = field(default=PoolSettings(size=2, waiting_max=64))


class Gateway:
    """One wallet's way to the venue.

    Args:
        hosts: Where the venue is.
        wallet: Signs orders.
        credentials: Its API key.
        settings: How it works.
        rng: Salts and the jitter of back-off.
        clock_ns: Of stamps and deadlines.
        wall_ns: Time of day.
        tls: Trust for secure schemes; the system's where None.

    Attributes:
        placements, cancels, account: The parts; what they do is also reachable from here.
        budget: Mirror of the venue's token buckets. Set ``budget.live`` to the orders that may
            rest: so many cancels stay possible.
        chain: Of heartbeats.
    """

    def __init__(
        self,
        hosts: Hosts,
        wallet: Wallet,
        credentials: ApiCredentials,
        *,
        settings: GatewaySettings,
        rng: random.Random,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if settings.tier not in wire.TIERS:
            raise InputError(f"tier must be one of {', '.join(wire.TIERS)}, was {settings.tier!r}")
        self.settings = settings
        self.wallet = wallet
        self.budget = Budget(wire.TIERS[settings.tier], clock_ns())
        self.chain = HeartbeatChain()

        def service(pool: PoolSettings) -> Service:
            return Service(hosts.clob, rng, settings=pool, tls=tls, clock_ns=clock_ns)

        self._orders = service(settings.orders)
        self._cancels = service(settings.cancels)
        self._beats = service(settings.beats)
        self._queries = service(settings.queries)
        self._requests = SignedRequests(
            RequestSigner(wallet.key.address, credentials),
            authority=self._orders.pool.endpoint.authority,
            prefix=self._orders.prefix,
            wall_ns=wall_ns,
        )
        self.account = Account(
            self._queries,
            self._requests,
            wallet,
            self.budget,
            wait_ns=settings.query_ns_max,
            pages_max=settings.pages_max,
            clock_ns=clock_ns,
            wall_ns=wall_ns,
        )
        self.placements = Placements(
            self._orders,
            self._requests,
            wallet,
            credentials.key,
            self.budget,
            rng,
            in_batches=settings.batch,
            builder=settings.builder,
            wait_ns=settings.place_ns_max,
            ahead_ticks=settings.ahead_ticks,
            ahead_age_ns_max=settings.ahead_age_ns_max,
            clock_ns=clock_ns,
        )
        self.cancels = Cancels(
            self._cancels,
            self._requests,
            self.budget,
            wait_ns=settings.cancel_ns_max,
            clock_ns=clock_ns,
        )
        self.place = self.placements.place
        self.sign = self.placements.sign
        self.submit = self.placements.submit
        self.cancel = self.cancels.cancel
        self.cancel_market = self.cancels.cancel_market
        self.cancel_all = self.cancels.cancel_all
        self.open_orders = self.account.open_orders
        self.order = self.account.order
        self.trades = self.account.trades
        self.balance = self.account.balance
        self.refresh_balance = self.account.refresh_balance
        self.server_time = self.account.server_time
        self.measure_skew = self.account.measure_skew
        self.version = self.account.version
        self.closed_only = self.account.closed_only
        self.tier = self.account.tier

    # Life

    async def open(self) -> None:
        """Connect, and hold the venue's clock against ours.

        A gateway that could not connect goes on trying; what is sent meanwhile is NOT_SENT.

        Raises:
            VenueError: The venue does not say what time it is. The gateway is open all the same.
        """
        await asyncio.gather(*(one.open() for one in self._services()))
        await self.measure_skew()

    async def close(self) -> None:
        """End all connections; what is in flight becomes unknown."""
        for one in self._services():
            await one.close()

    @property
    def skew(self) -> ClockSkew:
        """What is known of the venue's clock."""
        return self._requests.skew

    @property
    def is_ready(self) -> bool:
        """Whether an order and a cancel could be written now."""
        return self._orders.pool.ready > 0 and self._cancels.pool.ready > 0

    def counts(self) -> dict[str, Mapping[str, int]]:
        """What the connections did, by purpose."""
        names = ("orders", "cancels", "beats", "queries")
        services = zip(names, self._services(), strict=True)
        return {name: dict(one.pool.counts) for name, one in services}

    def _services(self) -> tuple[Service, ...]:
        return self._orders, self._cancels, self._beats, self._queries

    def renew(self, credentials: ApiCredentials) -> None:
        """Ask and place with another API key of the wallet from here on."""
        self._requests.renew(RequestSigner(self.wallet.key.address, credentials))
        self.placements.renew(credentials.key)

    def prepare(self, market: Market) -> None:
        """Prepare all that stays the same of a market's orders; else its first order does it."""
        self.placements.prepare(market)
        self.account.versions[market.up_token] = market.version
        self.account.versions[market.down_token] = market.version

    def forget(self, market: Market) -> None:
        """Drop what was prepared."""
        self.placements.forget(market)
        for token_id in (market.up_token, market.down_token):
            self.account.versions.pop(token_id, None)

    def withdraw(self) -> int:
        """Take back all placements that wait for a connection, before everything is cancelled: each
        is told NOT_SENT; how many there were."""
        return self._orders.pool.withdraw()

    def beat(self, on_result: OnBeat) -> bool:
        """Send a heartbeat, and at once another where the venue names the id it expects.

        Args:
            on_result: Called once, never before this returns.

        Returns:
            False where one is still on its way; then nothing is sent or called.
        """
        if self.chain.is_out:
            return False
        self._beat(on_result)
        return True

    def _beat(self, on_result: OnBeat) -> None:
        path, body = wire.HEARTBEAT_PATH, self.chain.body()
        request = self._requests.make_now("POST", path, body)
        on_outcome = partial(self._beaten, on_result)
        refused = self._beats.send(
            request, wait_ns=self.settings.beat_ns_max, on_outcome=on_outcome
        )
        if refused is not None:
            later(on_outcome, refused)

    def _beaten(self, on_result: OnBeat, outcome: Outcome) -> None:
        result = self.chain.answered(outcome)
        if isinstance(result, Resend):
            self._beat(on_result)
        else:
            on_result(result)
