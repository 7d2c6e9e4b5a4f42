"""The bad network of the second lane: each trouble by direction and path, switched at run time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from polymm.venues.polymarket.hosts import Hosts
from tests.support.fault_proxy import FaultProxy, Way, fault_proxy
from tests.support.loopback import (
    TEXT,
    Stage,
    accept,
    frame,
    read_frame,
    read_request,
    reply,
    serving,
    until,
    unused_port,
)

Scene = Callable[["Far", FaultProxy], Coroutine[Any, Any, None]]
MASK = b"\x00\x00\x00\x00"


@dataclass
class Far:
    """The far side: answers any path by its name, and frames by what was said."""

    requests: list[str] = field(default_factory=list)
    said: list[bytes] = field(default_factory=list)
    lost: int = 0

    async def script(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                request = await read_request(reader)
                path = request.split(b" ")[1].decode()
                self.requests.append(path)
                if b"upgrade" in request.lower():
                    writer.write(accept(request))
                    break
                writer.write(reply(path.encode()))
            while True:
                text = (await read_frame(reader))[1]
                self.said.append(text)
                writer.write(frame(TEXT, b"heard " + text))
        finally:
            self.lost += 1


@asynccontextmanager
async def between(seed: int = 1) -> AsyncIterator[tuple[Far, FaultProxy]]:
    far = Far()
    async with serving(far.script) as server, fault_proxy(server.port, seed=seed) as proxy:
        yield far, proxy


def play(run: Stage, scene: Scene) -> None:
    async def played() -> None:
        async with between() as (far, proxy):
            await scene(far, proxy)

    run(played())


class Near:
    """A client that says what it is told to say, byte by byte if need be."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def ask(self, path: str, method: str = "GET", body: bytes = b"") -> None:
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)

    async def answer(self) -> bytes:
        return (await read_request(self.reader)).partition(b"\r\n\r\n")[2]

    def say(self, text: bytes) -> None:
        self.writer.write(bytes((0x81, 0x80 | len(text))) + MASK + text)

    async def hear(self) -> bytes:
        first, size = await self.reader.readexactly(2)
        assert first == 0x81
        return await self.reader.readexactly(size)

    async def is_silent(self) -> bool:
        """Whether nothing comes and the connection stays."""
        try:
            async with asyncio.timeout(0.01):
                return not await self.reader.read(1)
        except TimeoutError:
            return not self.reader.at_eof()

    async def rest(self) -> bytes:
        """All until the connection ends."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""


@asynccontextmanager
async def near(proxy: FaultProxy, path: str = "") -> AsyncIterator[Near]:
    """A connection, upgraded where a path is given."""
    client = Near(*await asyncio.open_connection("127.0.0.1", proxy.port))
    if path:
        client.writer.write(
            f"GET {path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Key: AAAA\r\n\r\n".encode()
        )
        assert (await client.answer()) == b""
    try:
        yield client
    finally:
        client.writer.transport.abort()


def test_calm_it_passes_requests_and_frames_as_they_are_and_notes_them(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        async with near(proxy) as rest, near(proxy, "/ws/user") as socket:
            for path in ("/order", "/data/orders"):
                rest.ask(path, "POST", b"x" * 70_000)
                assert await rest.answer() == path.encode()
            socket.say(b"PING")
            assert await socket.hear() == b"heard PING"
        assert far.said == [b"PING"]
        asked = [(one.method, one.path) for one in proxy.notes if one.way is Way.OUT]
        assert sorted(asked) == [
            ("", "/ws/user"),
            ("GET", "/ws/user"),
            ("POST", "/data/orders"),
            ("POST", "/order"),
        ]
        assert {one.fate for one in proxy.notes} == {"passed"}

    play(run, scene)


def test_a_frame_cut_into_single_bytes_passes_whole(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        async with near(proxy, "/ws") as socket:
            for byte in bytes((0x81, 0x82)) + MASK + b"hi":
                socket.writer.write(bytes((byte,)))
                await asyncio.sleep(0)
            assert await socket.hear() == b"heard hi"

    play(run, scene)


def test_a_dropped_request_never_arrives_and_its_connection_is_gone(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        proxy.trouble("/order", Way.OUT, drop=1)
        async with near(proxy) as client, near(proxy) as other:
            client.ask("/order", "POST")
            assert await client.rest() == b""
            other.ask("/time")
            assert await other.answer() == b"/time"
        assert far.requests == ["/time"]

    play(run, scene)


def test_a_dropped_reply_is_to_a_request_that_arrived(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        proxy.trouble("/order", Way.BACK, drop=1)
        async with near(proxy) as client:
            client.ask("/order", "POST")
            assert await client.rest() == b""
        assert far.requests == ["/order"]

    play(run, scene)


def test_a_halved_message_ends_in_its_middle(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        proxy.trouble("/time", Way.BACK, halve=1)
        proxy.trouble("/ws", Way.BACK, halve=1)
        async with near(proxy) as client:
            client.ask("/time")
            whole = reply(b"/time")
            assert await client.rest() == whole[: len(whole) // 2]
        proxy.calm("/ws")
        async with near(proxy, "/ws") as socket:
            proxy.trouble("/ws", Way.BACK, halve=1)
            socket.say(b"1234")
            assert await socket.rest() == frame(TEXT, b"heard 1234")[:6]

    play(run, scene)


def test_a_frame_comes_twice_and_a_request_is_made_twice(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        async with near(proxy, "/ws") as socket, near(proxy) as rest:
            proxy.trouble("/ws", Way.BACK, duplicate=1)
            socket.say(b"a")
            assert [await socket.hear(), await socket.hear()] == [b"heard a"] * 2
            assert far.said == [b"a"]
            proxy.trouble("/order", duplicate=1)
            rest.ask("/order", "POST", b"{}")
            assert await rest.answer() == b"/order"
            assert await rest.is_silent(), "one request has one reply"
            await until(lambda: far.requests.count("/order") == 2)

    play(run, scene)


def test_delayed_messages_come_late_in_order_and_not_one_after_the_other(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        async with near(proxy, "/ws") as socket:
            proxy.trouble("/ws", Way.BACK, delay_ms=20)
            start = time.monotonic()
            for i in range(10):
                socket.say(b"%d" % i)
            heard = [await socket.hear() for _ in range(10)]
            assert heard == [b"heard %d" % i for i in range(10)]
            assert 0.02 <= time.monotonic() - start < 0.15

    play(run, scene)


def test_a_frozen_path_says_nothing_keeps_the_connection_and_thaws(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        async with near(proxy, "/ws/market") as socket, near(proxy, "/ws/user") as other:
            proxy.trouble("/ws/market", Way.BACK, freeze=True)
            socket.say(b"a")
            other.say(b"b")
            assert await other.hear() == b"heard b"
            assert await socket.is_silent()
            assert far.said.count(b"a") == 1
            proxy.calm()
            assert await socket.hear() == b"heard a"

    play(run, scene)


def test_a_frozen_proxy_accepts_and_says_nothing(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        proxy.trouble(freeze=True)
        async with near(proxy) as client:
            client.ask("/time")
            assert await client.is_silent()
            assert far.requests == []

    play(run, scene)


def test_what_is_frozen_is_held_up_to_a_bound_and_loses_nothing(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        proxy.trouble("/big", Way.OUT, freeze=True)
        async with near(proxy) as client:
            for _ in range(200):
                client.ask("/big", "POST", b"x" * 20_000)
            await asyncio.sleep(0.01)
            assert far.requests == []
            proxy.calm()
            for _ in range(200):
                assert await client.answer() == b"/big"

    play(run, scene)


def test_a_slow_line_trickles(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        proxy.trouble("/time", Way.BACK, bytes_a_second=2_000)
        async with near(proxy) as client:
            start = time.monotonic()
            client.ask("/time")
            assert await client.answer() == b"/time"
            assert time.monotonic() - start > len(reply(b"/time")) / 2_000 / 2

    play(run, scene)


def test_the_longest_prefix_decides_and_rates_are_drawn_by_the_seed(run: Stage) -> None:
    async def fates(seed: int) -> list[str]:
        async with between(seed) as (far, proxy), near(proxy, "/ws/user") as socket:
            proxy.trouble("/ws", Way.OUT, drop=1)
            proxy.trouble("/ws/user", Way.OUT, duplicate=0.5)
            for i in range(20):
                socket.say(b"%d" % i)
            await until(lambda: b"19" in far.said)
            return [one.fate for one in proxy.notes if one.way is Way.OUT and not one.method]

    async def scene() -> None:
        first = await fates(1)
        assert set(first) == {"passed", "duplicated"}
        assert first == await fates(1) != await fates(2)

    run(scene())


def test_cut_tears_down_at_once_and_only_what_was_named(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        async with near(proxy, "/ws/market") as market, near(proxy, "/ws/user") as user:
            assert proxy.cut("/ws/market") == 1
            assert await market.rest() == b""
            user.say(b"x")
            assert await user.hear() == b"heard x"
        await until(lambda: far.lost == 2)

    play(run, scene)


def test_a_side_that_hangs_up_ends_the_other(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        async with near(proxy, "/ws"):
            pass
        await until(lambda: far.lost == 1)

    async def dead_target() -> None:
        async with fault_proxy(await unused_port()) as proxy, near(proxy) as client:
            client.ask("/time")
            assert await client.rest() == b""

    play(run, scene)
    run(dead_target())


def test_addresses_lead_through_the_proxy_and_others_stay(run: Stage) -> None:
    async def scene(far: Far, proxy: FaultProxy) -> None:
        hosts = proxy.hosts(Hosts(clob=f"http://127.0.0.1:{proxy.target}", rtds="wss://x.example"))
        assert hosts.clob == f"http://127.0.0.1:{proxy.port}"
        assert hosts.rtds == "wss://x.example"
        with pytest.raises(AssertionError, match="troubles must be known, were \\['frozen'\\]"):
            proxy.trouble("/", frozen=True)

    play(run, scene)
