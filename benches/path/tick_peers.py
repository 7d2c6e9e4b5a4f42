"""What users would build instead: tick to trade from the usual libraries.

Both take a message off the client of websockets, keep two SortedDicts a token, analyse and price as
the base strategy does, and sign with the official client. One posts with it (httpx); the other only
signs and makes the headers with it, and posts by aiohttp. They place one order a tick and check
nothing.

Both are given coincurve, which signs in C. "As pip leaves it" is the official client without it:
eth-keys then signs in Python. So it runs in the poly-maker bot itself: neither its pyproject.toml
(py-clob-client-v2, web3, httpx, websockets, sortedcontainers, uvloop and others) nor its uv.lock
names coincurve, which eth-keys asks for in an extra only.
"""

import asyncio
import json
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

import aiohttp
from py_clob_client_v2 import (
    ApiCreds,
    ClobClient,
    OrderArgs,
    OrderType,
    PartialCreateOrderOptions,
)
from py_clob_client_v2.exceptions import PolyApiException
from py_clob_client_v2.order_utils.model.order_data_v2 import order_to_json_v2
from websockets.asyncio.client import connect

from benches.path.tick_server import DOWN_TOKEN, UP_TOKEN
from benches.peers.books import Loaded
from benches.peers.order_roster import API_KEY, API_PASSPHRASE, API_SECRET, CHAIN, KEY
from benches.peers.sorted_books import SortedDictBook
from benches.peers.sorted_quotes import quote_sorted
from benches.workload import Workload

AIOHTTP = "websockets + orjson + SortedDict + py-clob-client-v2, aiohttp"
SIZE = 20.0
# Read by eth-keys for each key that it makes.
BACKEND = "ECC_BACKEND_CLASS"
OPTIONS = PartialCreateOrderOptions(tick_size="0.01", neg_risk=False)
MARKET = Workload(
    name="", condition_id="", up_token=UP_TOKEN, down_token=DOWN_TOKEN, tick_e4=100,
    start=(), price_changes=(), books=(),
)  # fmt: skip

Post = Callable[[float], Awaitable[None]]


class Asker(Protocol):
    """Who is told that a tick is dealt with, and asked for samples."""

    def done(self) -> None: ...

    async def ticks(self, count: int) -> list[int]: ...


@contextmanager
def as_pip_leaves_it() -> Iterator[None]:
    """Have eth-keys sign in Python, as it does where coincurve is not installed."""
    os.environ[BACKEND] = "eth_keys.backends.NativeECCBackend"
    try:
        yield
    finally:
        del os.environ[BACKEND]


def official_client(port: int) -> ClobClient:
    """The official client of an account."""
    # It logs every refusal, which the bench's venue answers each order with.
    logging.getLogger("py_clob_client_v2").setLevel(logging.CRITICAL)
    return ClobClient(
        f"http://127.0.0.1:{port}",
        CHAIN,
        key=KEY,
        creds=ApiCreds(API_KEY, API_SECRET, API_PASSPHRASE),
    )


def post_by_client(port: int) -> Post:
    """Sign and post by the official client, which blocks the loop as it does its users'."""
    client = official_client(port)

    async def post(price: float) -> None:
        order = client.create_order(OrderArgs(UP_TOKEN, price, SIZE, "BUY"), OPTIONS)
        with suppress(PolyApiException):  # the bench's venue refuses every order
            client.post_order(order, OrderType.GTC, post_only=True)

    return post


def post_by_aiohttp(port: int, session: aiohttp.ClientSession) -> Post:
    """Sign and make the headers by the official client, post by aiohttp."""
    client = official_client(port)

    async def post(price: float) -> None:
        order = client.create_order(OrderArgs(UP_TOKEN, price, SIZE, "BUY"), OPTIONS)
        payload = order_to_json_v2(order, API_KEY, OrderType.GTC, True, False)
        text = json.dumps(payload, separators=(",", ":"))
        headers = client._l2_headers("POST", "/order", body=payload, serialized_body=text)
        headers["Content-Type"] = "application/json"
        url = f"http://127.0.0.1:{port}/order"
        async with session.post(url, data=text, headers=headers) as reply:
            await reply.read()

    return post


async def run_peer(
    port: int, loads: Callable[[bytes], object], post: Post, asker: Asker, count: int
) -> list[int]:
    """One run: connect, then quote until the venue has its samples."""
    books = Loaded(MARKET, SortedDictBook, loads)
    url = f"ws://127.0.0.1:{port}/feed"
    async with connect(url, ping_interval=None, compression=None, close_timeout=1) as client:
        for _ in range(2):
            books.feed(await client.recv(decode=False))

        async def quote() -> None:
            up = books.up
            while True:
                books.feed(await client.recv(decode=False))
                answer = quote_sorted(up.bids, up.asks, 0.0, 0.0)
                if answer is not None and answer.bid_size:
                    await post(answer.bid)
                    asker.done()

        quoting = asyncio.create_task(quote())
        asking = asyncio.create_task(asker.ticks(count))
        await asyncio.wait({quoting, asking}, return_when=asyncio.FIRST_COMPLETED)
        quoting.cancel()
        if not asking.done():
            asking.cancel()
            quoting.result()
        return asking.result()
