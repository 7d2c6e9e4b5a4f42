"""Guests on a served exchange: traders with keys of their own who speak plain HTTP to it.

What they send is signed by our client's code, which shares nothing with the exchange's reading.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any, NamedTuple

import aiohttp
import orjson

from polymm.domain.amounts import Amounts, limit_amounts
from polymm.domain.order import Side, Token
from polymm.exchange.listing import Listing
from polymm.exchange.server.app import Served, serving
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.windows import WindowSettings
from polymm.venues.polymarket.auth import RequestSigner
from polymm.venues.polymarket.credentials import ApiCredentials, Secret
from polymm.venues.polymarket.signing import Envelopes, OrderFamily, OrderStamps, Wallet
from polymm.venues.polymarket.wire import SignatureType
from tests.support.fault_matrix import audited
from tests.support.keys import drawn_key, signing_key

SHARE = DOLLAR = 1_000_000
CHEAP = {"windows": WindowSettings(taker_delay_ns=0), "pairs_e6": 1_000 * SHARE}


class Reply(NamedTuple):
    """What a request was answered."""

    status: int
    body: Any
    headers: Any


class Guest:
    """One trader: a key, an API key and one wallet of the kind given."""

    def __init__(
        self,
        served: Served,
        session: aiohttp.ClientSession,
        *,
        number: int = 1,
        kind: SignatureType = SignatureType.EOA,
        listing: Listing,
    ) -> None:
        self.hall = served.hall
        self.listing = listing
        self.clob = served.urls["clob"]
        self._session = session
        key = signing_key(drawn_key(random.Random(number)))
        self.signing = Wallet(key=key, signature_type=kind)
        account = self.hall.accounts.create(key.address, 0)
        assert account is not None
        self.account = account
        secrets = (account.key_id, account.secret, account.passphrase)
        credentials = ApiCredentials(*map(Secret, secrets))
        self._signer = RequestSigner(key.address, credentials)
        self._envelopes = Envelopes(credentials.key)
        self._stamps = OrderStamps()
        self._salts = random.Random(f"salts {number}")
        wallet = self.hall.accounts.wallet(self.signing.funder)
        assert wallet is not None
        self.wallet = wallet

    @property
    def key_id(self) -> str:
        return self.account.key_id

    def order(
        self,
        side: Side,
        cents: float,
        shares: float,
        token: Token = Token.UP,
        kind: str = "GTC",
        *,
        post_only: bool = False,
        defer_exec: bool = False,
        expiration_s: int = 0,
        amounts: Amounts | None = None,
        **family: Any,
    ) -> tuple[str, bytes]:
        """Sign an order; its id and the body that posts it."""
        market = {
            "token_id": self.listing.token_id(token),
            "market_version": self.listing.version,
            "neg_risk": self.listing.market.neg_risk,
        } | family
        tick_e4 = self.listing.ladder.tick_e4
        signed = OrderFamily(self.signing, side=side, **market).sign(
            amounts or limit_amounts(side, round(cents * 100), round(shares * SHARE), tick_e4),
            salt=self._salts.getrandbits(53),
            timestamp_ms=self._stamps.next_ms(time.time_ns() // 1_000_000),
            expiration_s=expiration_s,
        )
        body = self._envelopes.body(signed, kind, post_only=post_only, defer_exec=defer_exec)
        return signed.order_id, body

    async def call(
        self,
        method: str,
        path: str,
        body: bytes | object = b"",
        *,
        late_s: int = 0,
        **query: Any,
    ) -> Reply:
        """Send one private request; a body that is no bytes is written as JSON."""
        sent = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = self._signer.headers(int(time.time()) - late_s, method, path, sent)
        # aiohttp warns of large bodies that are no stream.
        data = BytesIO(sent) if len(sent) > 1 << 20 else sent or None
        async with self._session.request(
            method, self.clob + path, data=data, headers=headers, params=query
        ) as reply:
            raw = await reply.read()
            is_json = reply.content_type == "application/json"
            return Reply(reply.status, orjson.loads(raw) if is_json else raw, reply.headers)

    async def post(self, side: Side, cents: float, shares: float, *args: Any, **more: Any) -> Reply:
        return await self.call("POST", "/order", self.order(side, cents, shares, *args, **more)[1])

    async def buy(self, cents: float, shares: float, *args: Any, **more: Any) -> Reply:
        return await self.post(Side.BUY, cents, shares, *args, **more)

    async def sell(self, cents: float, shares: float, *args: Any, **more: Any) -> Reply:
        return await self.post(Side.SELL, cents, shares, *args, **more)

    async def cancel(self, *order_ids: str) -> Reply:
        return await self.call("DELETE", "/orders", list(order_ids))

    async def rest(self, n: int, token: Token = Token.UP) -> list[str]:
        """Place n bids that rest, each a cent above the last; their ids."""
        replies = [await self.buy(10 + i, 10, token) for i in range(n)]
        return [reply.body["orderID"] for reply in replies]

    def open_ids(self) -> list[str]:
        """Open orders as the exchange knows them."""
        return [order.order_id for order, _ in self.hall.exchange.open_orders(self.key_id)]


class Party:
    """A served exchange and its guests, in the last of the listed windows: no one else is there."""

    def __init__(self, served: Served, session: aiohttp.ClientSession) -> None:
        self.served = served
        self.hall = served.hall
        self.listing = max(self.hall.by_slug.values(), key=lambda item: item.market.start_ns)
        self._session = session
        self._guests = 0

    def guest(self, kind: SignatureType = SignatureType.EOA) -> Guest:
        self._guests += 1
        return Guest(
            self.served, self._session, number=self._guests, kind=kind, listing=self.listing
        )

    def wait(self, seconds: float) -> None:
        """Let the exchange's time pass at once."""
        self.hall.exchange.advance(self.hall.now_ns() + round(seconds * 1e9))


@asynccontextmanager
async def party(**settings: Any) -> AsyncIterator[Party]:
    """Serve an exchange without taker delay; its books must balance at the end."""
    async with (
        asyncio.timeout(10),
        serving(ServerSettings(**(CHEAP | settings))) as served,
        aiohttp.ClientSession() as session,
    ):
        yield Party(served, session)
        audited(served.hall.exchange)


def play(scene: Callable[[Party], Awaitable[None]], **settings: Any) -> None:
    """Play a scene on a fresh exchange, whose books must balance after it."""

    async def run() -> None:
        async with party(**settings) as one:
            await scene(one)

    asyncio.run(run())
