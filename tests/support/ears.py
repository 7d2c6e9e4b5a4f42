"""Sockets that listen to a served exchange, and exchanges on which something is always going on."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.exchange.listing import Listing
from polymm.exchange.server.app import Served, serving
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.synthetic import fit_flow
from polymm.exchange.windows import WindowSettings
from tests.support.fault_matrix import audited

# The first of their windows began five seconds before the exchange did.
BEGAN_NS = 1_800_000_005 * NS
# A millisecond before the next price is due: so long it is waited for by real time, too.
DUE_NS = BEGAN_NS + 199_000_000


class Ear:
    """One socket, heard message by message."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, message: object) -> None:
        text = message if isinstance(message, str) else orjson.dumps(message).decode()
        await self.connection.send(text)

    async def raw(self) -> str:
        async with asyncio.timeout(3):
            text = await self.connection.recv()
        assert isinstance(text, str)
        return text

    async def hear(self) -> Any:
        return orjson.loads(await self.raw())

    async def until(self, is_it: Callable[[Any], bool]) -> Any:
        """Hear on until a message is the one."""
        while not is_it(message := await self.hear()):
            pass
        return message

    async def quiet(self) -> None:
        """Prove that nothing was sent but the answer to a PING."""
        await self.say("PING")
        assert await self.raw() == "PONG"

    async def ended(self) -> tuple[int, str]:
        """Wait for the end; its code and reason."""
        try:
            while True:
                await self.raw()
        except ConnectionClosed:
            return self.connection.close_code or 0, self.connection.close_reason or ""


@asynccontextmanager
async def listening(url: str, *first: object) -> AsyncIterator[Ear]:
    """Open a socket and say something."""
    async with connect(url, ping_interval=None, close_timeout=0.2) as connection:
        ear = Ear(connection)
        for message in first:
            await ear.say(message)
        yield ear


@asynccontextmanager
async def deaf(url: str, *first: object) -> AsyncIterator[asyncio.StreamReader]:
    """Open a socket that says something, answers nothing and takes in but a few bytes."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    raw.setblocking(False)
    where = urlsplit(url)
    await asyncio.get_running_loop().sock_connect(raw, (where.hostname, where.port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=1 << 12)
    writer.write(
        f"GET {where.path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode()
    )
    for message in first:
        text = orjson.dumps(message)
        assert len(text) < 126
        # Masked with zeros.
        writer.write(b"\x81" + bytes((0x80 | len(text),)) + bytes(4) + text)
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101")
    try:
        yield reader
    finally:
        writer.transport.abort()


def market(*token_ids: str, custom: bool = False, **more: object) -> dict[str, object]:
    """The first frame of a market socket."""
    return {
        "type": "market",
        "assets_ids": list(token_ids),
        "custom_feature_enabled": custom,
    } | more


@asynccontextmanager
async def trading(
    orders_a_second: float = 300.0,
    *,
    speed: int = 1,
    clock_ns: Callable[[], int] | None = None,
    **settings: Any,
) -> AsyncIterator[Served]:
    """Serve an exchange with busy traders, whose time runs so many times as fast as ours.

    Args:
        clock_ns: Its time instead, where a busy machine must not make it leap.
    """
    windows = WindowSettings()
    flow = replace(fit_flow(windows), noise_order_rate=orders_a_second)
    started_ns = time.monotonic_ns()

    def fast_ns() -> int:
        return BEGAN_NS + (time.monotonic_ns() - started_ns) * speed

    given = {"windows": windows, "flow": flow, "seed": 3} | settings
    made = ServerSettings(**given)
    async with asyncio.timeout(10), serving(made, clock_ns=clock_ns or fast_ns) as served:
        yield served
        audited(served.hall.exchange)


def running(served: Served) -> Listing:
    """The window that runs."""
    return min(served.hall.by_slug.values(), key=lambda item: item.market.start_ns)


def tokens_of(listing: Listing) -> tuple[str, str]:
    """Up and Down."""
    return listing.token_id(Token.UP), listing.token_id(Token.DOWN)


def attend(scene: Callable[[Served], Awaitable[None]], *more: Any, **settings: Any) -> None:
    """Play a scene on an exchange that is busy."""

    async def run() -> None:
        async with trading(*more, **settings) as served:
            await scene(served)
            await asyncio.sleep(0)

    asyncio.run(run())
