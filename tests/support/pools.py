"""A pool of connections to a script that answers when it is told to."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from polymm.net.dialling import Endpoint
from polymm.net.http_outcome import compose_request
from polymm.net.http_pool import HttpPool, PoolSettings
from tests.support.loopback import MS, SECOND, Script, read_request, reply

POST = compose_request("POST", "/order", authority="venue", body=b"{}")


def in_time() -> int:
    return time.monotonic_ns() + SECOND


@asynccontextmanager
async def pooled(port: int, **settings: Any) -> AsyncIterator[HttpPool]:
    pool = HttpPool(
        Endpoint("127.0.0.1", port),
        random.Random(7),
        settings=PoolSettings(
            **{"size": 1, "backoff_base_ns": MS, "backoff_ns_max": 2 * MS, **settings}
        ),
    )
    await pool.open()
    try:
        yield pool
    finally:
        await pool.close()


def held(requests: list[bytes], go: asyncio.Event) -> Script:
    """Note each request and answer it when told to go."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append(await read_request(reader))
            await go.wait()
            writer.write(reply())

    return script


def numbered(i: int) -> bytes:
    return compose_request("POST", f"/{i}", authority="venue", body=b"")
