"""What a server of HTTP meets beside requests in order: bodies that cannot be read, odd methods."""

import asyncio
import gzip

import aiohttp
import pytest

from polymm.domain.order import Side
from tests.support.guests import Guest, Party, play

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


async def raw(one: Party, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """What is answered to bytes as they stand, up to the end of the first answer's body."""
    host, port = one.served.urls["clob"].removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return answer.partition(b"\r\n")[0]


def signed(guest: Guest, body: bytes) -> dict[str, str]:
    return dict(guest._signer.headers(guest.hall.now_ns() // 10**9, "POST", "/order", body))


def test_a_body_may_be_packed_and_is_refused_where_it_cannot_be_unpacked() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        _, body = guest.order(Side.BUY, 40, 10)
        packed = {"Content-Encoding": "gzip"} | signed(guest, body)
        assert await raw(one, "POST", "/order", body, **packed) == b"HTTP/1.1 400 Bad Request"
        assert not guest.open_ids()
        answer = await raw(one, "POST", "/order", gzip.compress(body), **packed)
        assert answer == b"HTTP/1.1 200 OK"
        bomb = gzip.compress(bytes(8 << 20))
        answer = await raw(one, "POST", "/order", bomb, **packed)
        assert answer == b"HTTP/1.1 413 Request Entity Too Large"

    play(scene)


@pytest.mark.parametrize("path", ["market", "user", "prices", "rtds"])
def test_a_socket_is_opened_by_get_alone(path: str) -> None:
    async def scene(one: Party) -> None:
        assert b" 400 " in await raw(one, "HEAD", f"/ws/{path}", **UPGRADE)
        assert b" 405 " in await raw(one, "POST", f"/ws/{path}", **UPGRADE)
        assert b" 101 " in await raw(one, "GET", f"/ws/{path}", **UPGRADE)

    play(scene)


def test_a_connection_goes_on_after_refusals() -> None:
    async def scene(one: Party) -> None:
        trace = aiohttp.TraceConfig()
        opened = []

        async def note(*args: object) -> None:
            opened.append(args)

        trace.on_connection_create_end.append(note)
        async with aiohttp.ClientSession(trace_configs=[trace]) as session:
            for method, path in (("POST", "/order"), ("GET", "/nowhere"), ("PUT", "/time")):
                url = one.served.urls["clob"] + path
                async with session.request(method, url, data=b"x") as reply:
                    assert reply.status in (401, 404, 405)
                    assert (await reply.json())["error"]
            async with session.get(one.served.urls["clob"] + "/time") as reply:
                assert reply.status == 200
        assert len(opened) == 1

    play(scene)
