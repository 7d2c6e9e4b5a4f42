"""A visitor of a served exchange: asks without credentials, and sets the exchange's clock."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp
import orjson
from aiohttp import web

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.exchange.dealing import Placed
from polymm.exchange.entry import OrderRequest
from polymm.exchange.listing import Listing
from polymm.exchange.server.accounts import spenders
from polymm.exchange.server.app import make_app
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.wallets import Wallet
from polymm.exchange.windows import WindowSettings

# One second into a window of five minutes.
START_NS = 1_800_000_001 * NS
SHARE = DOLLAR = 1_000_000
ANN, BOB = "0x" + "a1" * 20, "0x" + "b0" * 20


class Reply(NamedTuple):
    """What a request was answered."""

    status: int
    body: Any


class Visitor:
    """Asks the exchange; ``ann`` and ``bob`` trade on it at his word."""

    def __init__(self, hall: Hall, url: str, session: aiohttp.ClientSession) -> None:
        self.hall = hall
        self.url = url
        self._session = session
        self._orders = 0

    @property
    def listings(self) -> list[Listing]:
        """Listed windows, the oldest first."""
        return sorted(self.hall.by_slug.values(), key=lambda item: item.market.start_ns)

    @property
    def last(self) -> Listing:
        """The window furthest ahead, in which nobody trades yet."""
        return self.listings[-1]

    async def get(self, path: str, **query: Any) -> Reply:
        async with self._session.get(self.url + path, params=query) as reply:
            return Reply(reply.status, orjson.loads(await reply.read()))

    async def post(self, path: str, body: object) -> Reply:
        sent = body if isinstance(body, bytes) else orjson.dumps(body)
        async with self._session.post(self.url + path, data=sent) as reply:
            return Reply(reply.status, orjson.loads(await reply.read()))

    def wait(self, seconds: float) -> None:
        """Let the exchange's time pass at once."""
        self.now_ns += round(seconds * NS)
        self.hall.exchange.advance(self.now_ns)

    now_ns = START_NS

    def wallet(self, address: str, listing: Listing, pairs: int = 100) -> Wallet:
        """A wallet with 1,000 dollars and some pairs of a market."""
        ledger = self.hall.exchange.ledger
        wallet = ledger.open_wallet(address)
        for spender in spenders(self.hall.settings.chain_id):
            wallet.allow(spender)
        ledger.deposit(wallet, (1_000 + pairs) * DOLLAR)
        if pairs:
            ledger.split(wallet, listing.pool, pairs * SHARE)
        return wallet

    def order(
        self,
        wallet: Wallet,
        side: Side,
        cents: int,
        shares: int,
        listing: Listing,
        token: Token = Token.UP,
    ) -> Placed:
        """Place an order of an account at once."""
        self._orders += 1
        cash, size = cents * shares * 10_000, shares * SHARE
        making, taking = (cash, size) if side is Side.BUY else (size, cash)
        placed = self.hall.exchange.place(
            self.now_ns,
            OrderRequest(
                order_id=f"0x{self._orders:064x}",
                wallet=wallet,
                owner=f"key of {wallet.address}",
                token_id=listing.token_id(token),
                side=side,
                maker_amount_e6=making,
                taker_amount_e6=taking,
            ),
        )
        assert isinstance(placed, Placed), placed
        return placed


@asynccontextmanager
async def visiting(*, within_s: float = 10, **settings: Any) -> AsyncIterator[Visitor]:
    """Serve an exchange whose clock stands still unless the visitor lets it go on."""
    windows = WindowSettings(taker_delay_ns=0)
    visitors: list[Visitor] = []
    hall = Hall(
        ServerSettings(**({"windows": windows} | settings)),
        clock_ns=lambda: visitors[0].now_ns if visitors else START_NS,
    )
    runner = web.AppRunner(make_app(hall), access_log=None, shutdown_timeout=1.0)
    async with asyncio.timeout(within_s), aiohttp.ClientSession() as session:
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            visitors.append(Visitor(hall, url, session))
            hall.start()
            visitors[0].wait(0.5)
            yield visitors[0]
            hall.exchange.audit()
        finally:
            hall.stop()
            await runner.cleanup()


def visit(scene: Callable[[Visitor], Awaitable[None]], **settings: Any) -> None:
    """Play a scene on a fresh exchange, whose books must balance after it."""

    async def run() -> None:
        async with visiting(**settings) as one:
            await scene(one)

    asyncio.run(run())
