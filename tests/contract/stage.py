"""A served exchange and two plain traders on it, and what a scene can do before it asks.

The exchange is reached by its URLs alone; only time, which no URL can turn, is reached otherwise.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from polymm.domain.order import Token
from polymm.exchange.rules import Rules
from polymm.exchange.server.app import Served, serving
from polymm.exchange.server.settings import Buckets, ServerSettings
from polymm.exchange.windows import WindowSettings
from tests.contract.plain import Plain, Wish

SHARE = 1_000_000
SETTINGS = ServerSettings(
    windows=WindowSettings(taker_delay_ns=0),
    rules=Rules(mined_ms=(1, 2), confirmed_ms=(1, 2), trade_delay_ms=2),
    pairs_e6=10_000 * SHARE,
    buckets=Buckets(order_rate=0, cancel_rate=0),
)


class Stage:
    """The exchange by its URLs, and who is on it.

    Attributes:
        served: For what only time could do.
        names: What patterns may speak of. ``UP``, ``DOWN`` and ``MARKET`` are of the last window,
            in which nobody else is; ``OWNER`` and ``WALLET`` are Ann's, who asks in every scene.
    """

    def __init__(self, session: aiohttp.ClientSession, served: Served) -> None:
        self.session = session
        self.served = served
        self.urls = served.urls
        self.names: dict[str, str] = {}
        self.ann = self.trader("ann")
        self.bob = self.trader("bob")

    def trader(self, who: str) -> Plain:
        return Plain(self.session, self.urls["clob"], self.names, who)

    async def open(self) -> None:
        """Look for the market and get keys."""
        listed = await self.ann.ask("GET", "/simplified-markets")
        last = max(
            [(await self.market(one["condition_id"])).value for one in listed.value["data"]],
            key=lambda market: market["market_slug"],
        )
        tokens = {one["outcome"].upper(): one["token_id"] for one in last["tokens"]}
        self.names |= tokens | {"MARKET": last["condition_id"]}
        await self.ann.log_in()
        await self.bob.log_in()
        self.names |= {"OWNER": self.ann.key["apiKey"], "WALLET": self.ann.address}
        self.names |= {"BOB": self.bob.key["apiKey"]}

    async def market(self, condition_id: str) -> Any:
        return await self.ann.ask("GET", f"/markets/{condition_id}")

    async def control(self, path: str, **asked: Any) -> None:
        """Switch something on the exchange."""
        url = f"{self.urls['control']}/{path}"
        async with self.session.post(url, json=asked) as reply:
            assert reply.status == 200, await reply.text()

    async def tidy(self) -> None:
        """Leave nothing behind: modes, faults, flags, orders; the books must balance."""
        await self.control("clear")
        await self.control("mode", mode="normal")
        plain = {"is_banned": False, "is_closed_only": False, "needs_deposit_wallet": False}
        await self.control("account", address=self.ann.address, **plain)
        for one in (self.ann, self.bob):
            if one.key:
                await one.private("DELETE", "/cancel-all")
        await self.control("audit")


@asynccontextmanager
async def stage(settings: ServerSettings = SETTINGS) -> AsyncIterator[Stage]:
    """Serve an exchange until the block is left."""
    async with serving(settings) as served, aiohttp.ClientSession() as session:
        one = Stage(session, served)
        await one.open()
        yield one


# What comes before a question.

Step = Callable[[Stage], Awaitable[None]]


def rests(name: str, wish: Wish, who: str = "ann") -> Step:
    """An order rests, under a name."""

    async def step(on: Stage) -> None:
        answer = await getattr(on, who).place(wish, name)
        assert (answer.status, answer.value.get("status")) == (200, "live"), answer

    return step


def took(name: str, wish: Wish, who: str = "bob") -> Step:
    """An order takes all it wants."""

    async def step(on: Stage) -> None:
        answer = await getattr(on, who).place(wish, name)
        assert (answer.status, answer.value.get("status")) == (200, "matched"), answer

    return step


def gone(name: str, who: str = "ann") -> Step:
    """An order is cancelled."""

    async def step(on: Stage) -> None:
        answer = await getattr(on, who).private("DELETE", "/order", {"orderID": on.names[name]})
        assert answer.value["canceled"] == [on.names[name]], answer

    return step


def switched(path: str, **asked: Any) -> Step:
    """The exchange is in some state."""

    async def step(on: Stage) -> None:
        given = {"address": on.ann.address} if path == "account" else {}
        await on.control(path, **given, **asked)

    return step


def many(count: int, wish: Wish) -> Step:
    """So many orders rest."""

    async def step(on: Stage) -> None:
        bodies = [on.ann.order(wish, f"N{i}") for i in range(count)]
        for i in range(0, count, 15):
            answer = await on.ann.private("POST", "/orders", bodies[i : i + 15])
            assert {one["status"] for one in answer.value} == {"live"}, answer

    return step


def settled() -> Step:
    """Blocks were made."""

    async def step(on: Stage) -> None:
        async with asyncio.timeout(2):
            while True:
                answer = await on.ann.private("GET", "/data/trades", market=on.names["MARKET"])
                if all(row["status"].endswith("CONFIRMED") for row in answer.value["data"]):
                    return
                await asyncio.sleep(0.002)

    return step


async def down_won(on: Stage) -> None:
    """The market's time is over, and Down has won."""
    hall = on.served.hall
    listing = hall.exchange.find(on.names["UP"])
    assert listing is not None
    hall.exchange.close(listing, hall.now_ns())
    hall.exchange.resolve(listing, Token.DOWN, hall.now_ns())
    hall.pump.wake()
