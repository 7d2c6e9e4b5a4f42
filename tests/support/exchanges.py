"""One request to a script, and what became of it."""

import asyncio
import time

from polymm.net.dialling import Endpoint
from polymm.net.http import HttpConnection, HttpLimits, connect_http
from polymm.net.http_outcome import Outcome, Unknown, compose_request
from tests.support.loopback import (
    SECOND,
    Script,
    read_request,
    serving,
)

POST = compose_request("POST", "/order", authority="venue", body=b'{"a":1}')
SMALL = HttpLimits(body_bytes_max=1_000, head_bytes_max=2_000)


def in_time() -> int:
    return time.monotonic_ns() + SECOND


async def connected(port: int, limits: HttpLimits = SMALL) -> HttpConnection:
    return await connect_http(Endpoint("127.0.0.1", port), limits=limits)


async def asked(script: Script, *, within_ns: int = SECOND) -> Outcome:
    """The outcome of one request to a script."""
    async with serving(script) as server:
        connection = await connected(server.port)
        outcome = await connection.request(POST, deadline_ns=time.monotonic_ns() + within_ns)
        connection.close()
    return outcome


def saying(*pieces: bytes, then_close: bool = True) -> Script:
    """Read a request, write the pieces one by one, and hang up or freeze."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.0005)
        if not then_close:
            await asyncio.sleep(10)

    return script


async def unknown(script: Script, reason: str, *, within_ns: int = SECOND) -> Unknown:
    outcome = await asked(script, within_ns=within_ns)
    assert isinstance(outcome, Unknown), outcome
    assert outcome.reason == reason, outcome
    return outcome
