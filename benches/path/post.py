"""POST round trips on a warm connection: polymm, aiohttp, and bytes there and back without HTTP.

Slower than 1.2x of the raw ping-pong would mean that the client, not the loop, costs; under 1.8x of
aiohttp's speed, that a client of one's own is not worth its tests.
"""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic_ns

import aiohttp

from benches.path.latency import Run
from benches.path.wire_server import REPLY, REPLY_BODY
from polymm.net.dialling import Endpoint, dial
from polymm.net.http import HttpConnection, connect_http
from polymm.net.http_outcome import Outcome, Reply, compose_request
from polymm.net.http_pool import HttpPool, PoolSettings

RAW = "raw"
POLYMM = "polymm, callback"
POLYMM_POOL = "polymm, awaited through a pool"
AIOHTTP = "aiohttp"

BODY = b'{"order":{"salt":1234567,"maker":"0x' + b"b" * 708 + b'"}}'
HEADERS = {
    "User-Agent": "polymm",
    "Content-Type": "application/json",
    "POLY_ADDRESS": "0x" + "c" * 40,
    "POLY_SIGNATURE": "d" * 44,
    "POLY_TIMESTAMP": "1784850912",
    "POLY_API_KEY": "9180014b-33c8-9240-a14b-bdca11c0a465",
    "POLY_PASSPHRASE": "e" * 64,
}


class RawClient(asyncio.Protocol):
    """Sends the same bytes when the whole answer is there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.left = 0

    async def run(self, request: bytes, count: int) -> list[int]:
        self.request, self.count, self.samples = request, count, []
        self.done = asyncio.get_running_loop().create_future()
        self.send()
        return await self.done

    def send(self) -> None:
        self.left = len(REPLY)
        self.sent_ns = monotonic_ns()
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.left -= len(data)
        if self.left == 0:
            self.samples.append(monotonic_ns() - self.sent_ns)
            if len(self.samples) == self.count:
                self.done.set_result(self.samples)
            else:
                self.send()


async def run_callbacks(connection: HttpConnection, request: bytes, count: int) -> list[int]:
    """Send the next request from the outcome of the last."""
    samples: list[int] = []
    done = asyncio.get_running_loop().create_future()
    sent_ns = 0

    def send() -> None:
        nonlocal sent_ns
        sent_ns = monotonic_ns()
        refused = connection.send(
            request, deadline_ns=sent_ns + 5_000_000_000, on_outcome=on_outcome
        )
        assert refused is None

    def on_outcome(outcome: Outcome) -> None:
        samples.append(monotonic_ns() - sent_ns)
        assert isinstance(outcome, Reply)
        assert outcome.body == REPLY_BODY
        if len(samples) == count:
            done.set_result(None)
        else:
            send()

    send()
    await done
    return samples


async def run_pool(pool: HttpPool, request: bytes, count: int) -> list[int]:
    """Await each outcome."""
    samples = []
    for _ in range(count):
        sent_ns = monotonic_ns()
        outcome = await pool.request(request, deadline_ns=sent_ns + 5_000_000_000)
        samples.append(monotonic_ns() - sent_ns)
        assert isinstance(outcome, Reply)
    return samples


async def run_aiohttp(session: aiohttp.ClientSession, url: str, count: int) -> list[int]:
    """Await each answer and its body."""
    samples = []
    for _ in range(count):
        sent_ns = monotonic_ns()
        async with session.post(url, data=BODY, headers=HEADERS) as response:
            body = await response.read()
        samples.append(monotonic_ns() - sent_ns)
        assert body == REPLY_BODY
    return samples


@asynccontextmanager
async def post_contenders(port: int, tls: ssl.SSLContext | None) -> AsyncIterator[dict[str, Run]]:
    """Connect all contenders."""
    endpoint = Endpoint("localhost", port, tls)
    request = compose_request(
        "POST", "/order", authority=endpoint.authority, headers=HEADERS.items(), body=BODY
    )
    url = f"{'http' if tls is None else 'https'}://localhost:{port}/order"
    async with AsyncExitStack() as stack:
        raw = await dial(RawClient, endpoint, timeout_ns=5_000_000_000)
        stack.callback(lambda: raw.transport.abort())
        connection = await connect_http(endpoint)
        stack.callback(connection.close)
        pool = HttpPool(endpoint, random.Random(1), settings=PoolSettings(size=1))
        await pool.open()
        stack.push_async_callback(pool.close)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls or True))
        )
        yield {
            RAW: lambda count: raw.run(request, count),
            POLYMM: lambda count: run_callbacks(connection, request, count),
            POLYMM_POOL: lambda count: run_pool(pool, request, count),
            AIOHTTP: lambda count: run_aiohttp(session, url, count),
        }
