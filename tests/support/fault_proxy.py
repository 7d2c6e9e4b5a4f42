"""A bad network on loopback: a proxy that drops, delays, duplicates, halves, freezes and slows.

It stands between a client and one port that serves REST and websockets. It knows whole messages
(requests, replies, frames), so that a trouble strikes at one of them, by direction and by the
path that was asked for. Troubles are switched while connections are open; what passed is noted.
"""

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from polymm.net.tasks import Background
from polymm.venues.polymarket.hosts import Hosts
from tests.support.message_cutter import Cutter

HOST: Final = "127.0.0.1"
CHUNK_BYTES: Final = 1 << 16
# What a frozen direction holds before it stops to read, as a kernel's buffers would.
HELD_BYTES_MAX: Final = 1 << 20
NOTES_MAX: Final = 200_000
SLOW_STEP_S: Final = 0.005
_TEXT, _BINARY = 0x81, 0x82  # first byte of a data frame that is whole


class Way(StrEnum):
    """A direction, seen from the client."""

    OUT = "out"
    BACK = "back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """What befalls the messages of one direction; rates are shares of the messages, 0..1.

    Args:
        drop: The connection is torn down instead of the message.
        halve: The first half of the message comes, then the connection is torn down.
        duplicate: A frame comes twice; a request is made twice, the second time by a connection
            of its own whose reply is thrown away. A reply comes once.
        delay_ms: Every message comes so much later, in order.
        bytes_a_second: Messages trickle so slowly; 0 for as fast as may be.
        freeze: Nothing passes while this holds, and nothing is torn down: what was said is held,
            and comes when it ends.
    """

    drop: float = 0.0
    halve: float = 0.0
    duplicate: float = 0.0
    delay_ms: float = 0.0
    bytes_a_second: int = 0
    freeze: bool = False


CALM: Final = Trouble()


class Passed(NamedTuple):
    """A message that came to the proxy, and what became of it.

    Args:
        came_ns: When its last byte came here, monotonic.
        method: Of a request or of the one that is answered; "" for a frame.
        fate: ``passed``, ``dropped``, ``halved`` or ``duplicated``.
    """

    came_ns: int
    way: Way
    method: str
    path: str
    size: int
    fate: str


class _Held(NamedTuple):
    came_ns: int
    method: str
    path: str
    message: bytes


class _Line:
    """One client's connection and the one that was opened for it."""

    def __init__(
        self,
        proxy: "FaultProxy",
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self.proxy = proxy
        self.path = ""
        self.asked: deque[tuple[str, str]] = deque()
        self.cutters = {way: Cutter() for way in Way}
        self.held: dict[Way, deque[_Held]] = {way: deque() for way in Way}
        self.readers = {Way.OUT: client[0], Way.BACK: server[0]}
        self.writers = {Way.OUT: server[1], Way.BACK: client[1]}
        self.has_more = {way: asyncio.Event() for way in Way}
        self.has_room = {way: asyncio.Event() for way in Way}
        self.is_ended = dict.fromkeys(Way, False)
        for event in self.has_room.values():
            event.set()

    def abort(self) -> None:
        for writer in self.writers.values():
            writer.transport.abort()

    async def run(self) -> None:
        """Carry both directions until either ends."""
        jobs = [
            asyncio.ensure_future(job) for way in Way for job in (self._read(way), self._carry(way))
        ]
        try:
            # A reader ends with its peer; what it read is carried on before the line is cut.
            for done in asyncio.as_completed(jobs[1::2]):
                await done
                break
        finally:
            for job in jobs:
                job.cancel()
            self.abort()
            await asyncio.gather(*jobs, return_exceptions=True)

    async def _read(self, way: Way) -> None:
        with suppress(OSError):
            while data := await self.readers[way].read(CHUNK_BYTES):
                came_ns = time.monotonic_ns()
                cutter = self.cutters[way]
                cutter.feed(data)
                while message := cutter.next():
                    self.held[way].append(self._named(way, message, came_ns))
                self.has_more[way].set()
                if sum(len(one.message) for one in self.held[way]) > HELD_BYTES_MAX:
                    self.has_room[way].clear()
                    await self.has_room[way].wait()
        self.is_ended[way] = True
        self.has_more[way].set()

    def _named(self, way: Way, message: bytes, came_ns: int) -> _Held:
        """Say what a message belongs to, and notice an upgrade."""
        if self.cutters[way].is_upgraded:
            return _Held(came_ns, "", self.path, message)
        if way is Way.OUT:
            first = message.partition(b"\r\n")[0].decode("ascii").split(" ")
            self.asked.append((first[0], first[1]))
            return _Held(came_ns, first[0], first[1], message)
        method, path = self.asked.popleft()
        if message.split(b" ", 2)[1] == b"101":
            self.path = path
            for cutter in self.cutters.values():
                cutter.is_upgraded = True
        return _Held(came_ns, method, path, message)

    async def _carry(self, way: Way) -> None:
        held, proxy = self.held[way], self.proxy
        with suppress(OSError):
            while held or not self.is_ended[way]:
                if not held:
                    self.has_more[way].clear()
                    await self.has_more[way].wait()
                    continue
                one = held[0]
                trouble = await proxy.thaw(way, one.path)
                due_ns = one.came_ns + int(trouble.delay_ms * 1e6)
                if due_ns > time.monotonic_ns():
                    # In small steps, so that a delay taken back no longer holds.
                    await asyncio.sleep(min((due_ns - time.monotonic_ns()) / 1e9, 0.05))
                    continue
                held.popleft()
                self.has_room[way].set()
                if not await self._pass(way, one, trouble):
                    return

    async def _pass(self, way: Way, one: _Held, trouble: Trouble) -> bool:
        """Write a message, whole or not; whether the line goes on."""
        proxy, writer = self.proxy, self.writers[way]
        fate = proxy.fate(trouble)
        if fate == "duplicated" and not self._can_come_twice(way, one):
            fate = "passed"
        proxy.note(Passed(one.came_ns, way, one.method, one.path, len(one.message), fate))
        if fate == "dropped":
            return False
        if fate == "halved":
            writer.write(one.message[: len(one.message) // 2])
            await writer.drain()
            # What waits in the socket goes before the end does.
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return False
        message = one.message
        if fate == "duplicated" and one.method:
            proxy.ask_again(message)
        elif fate == "duplicated":
            message += message
        if trouble.bytes_a_second:
            await self._trickle(writer, message, trouble.bytes_a_second)
        elif not writer.transport.is_closing():
            writer.write(message)
            await writer.drain()
        return not writer.transport.is_closing()

    def _can_come_twice(self, way: Way, one: _Held) -> bool:
        if one.method:
            return way is Way.OUT and b"\r\nupgrade:" not in one.message.lower()
        return one.message[0] in (_TEXT, _BINARY)

    async def _trickle(self, writer: asyncio.StreamWriter, message: bytes, rate: int) -> None:
        step = max(int(rate * SLOW_STEP_S), 1)
        for i in range(0, len(message), step):
            if writer.transport.is_closing():
                return
            writer.write(message[i : i + step])
            await asyncio.sleep(step / rate)


class FaultProxy:
    """Passes connections on to one port of this machine, well or badly.

    Args:
        target: The port that serves.
        seed: Of the draws of all rates.

    Attributes:
        port: Where clients connect.
        notes: What passed, the newest last.
        counts: Messages by fate, and connections.
    """

    def __init__(self, target: int, *, seed: int) -> None:
        self.target = target
        self.port = 0
        self.notes: deque[Passed] = deque(maxlen=NOTES_MAX)
        self.counts: Counter[str] = Counter()
        self.on_message: Callable[[Passed], None] | None = None
        self._rng = random.Random(seed)
        self._troubles: dict[tuple[Way, str], Trouble] = {}
        self._changed = asyncio.Event()
        self._lines: set[_Line] = set()
        self._work = Background()

    # Switches

    def trouble(self, prefix: str = "", way: Way | None = None, **what: float) -> None:
        """Add to what befalls messages of paths that begin so, both ways or one.

        The longest prefix that fits decides alone. Names and units: `Trouble`.
        """
        unknown = what.keys() - {field.name for field in fields(Trouble)}
        assert not unknown, f"troubles must be known, were {sorted(unknown)}"
        for one in Way if way is None else (way,):
            key = (one, prefix)
            self._troubles[key] = replace(self._troubles.get(key, CALM), **what)  # type: ignore[arg-type]
        self._wake()

    def calm(self, prefix: str | None = None) -> None:
        """Take back all troubles of one prefix, or all there are."""
        for key in list(self._troubles):
            if prefix is None or key[1] == prefix:
                del self._troubles[key]
        self._wake()

    def cut(self, prefix: str = "") -> int:
        """Tear down the connections that asked for such a path last; how many."""
        cut = [line for line in self._lines if _path_of(line).startswith(prefix)]
        for line in cut:
            line.abort()
        return len(cut)

    def hosts(self, hosts: Hosts) -> Hosts:
        """Give the same services by way of the proxy."""
        found = {field.name: getattr(hosts, field.name) for field in fields(Hosts)}
        return Hosts(**{name: self.url(url) for name, url in found.items()})

    def url(self, url: str) -> str:
        """Give an address by way of the proxy; another port's stays."""
        parts = urlsplit(url)
        if parts.port != self.target:
            return url
        return parts._replace(netloc=f"{HOST}:{self.port}").geturl()

    # For its lines

    def of(self, way: Way, path: str) -> Trouble:
        """What befalls a message now."""
        fitting = [key for key in self._troubles if key[0] is way and path.startswith(key[1])]
        return self._troubles[max(fitting, key=lambda key: len(key[1]))] if fitting else CALM

    async def thaw(self, way: Way, path: str) -> Trouble:
        """Wait until nothing freezes a path; what befalls its next message."""
        while (trouble := self.of(way, path)).freeze:
            await self._changed.wait()
        return trouble

    def fate(self, trouble: Trouble) -> str:
        """Draw what becomes of a message."""
        for rate, fate in (
            (trouble.drop, "dropped"),
            (trouble.halve, "halved"),
            (trouble.duplicate, "duplicated"),
        ):
            if rate and self._rng.random() < rate:
                return fate
        return "passed"

    def note(self, passed: Passed) -> None:
        """Write down what became of a message."""
        self.notes.append(passed)
        self.counts[passed.fate] += 1
        if self.on_message is not None:
            self.on_message(passed)

    def ask_again(self, request: bytes) -> None:
        """Make a request a second time; nobody hears the reply."""
        self._work.start(self._asked_again(request))

    async def _asked_again(self, request: bytes) -> None:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(HOST, self.target)
            try:
                writer.write(request)
                await reader.read(CHUNK_BYTES)
            finally:
                writer.transport.abort()

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a client's connection."""
        self.counts["connections"] += 1
        self._work.start(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_connection(HOST, self.target)
        except OSError:
            writer.transport.abort()
            return
        line = _Line(self, (reader, writer), server)
        self._lines.add(line)
        try:
            await line.run()
        finally:
            self._lines.discard(line)

    async def close(self) -> None:
        """Tear everything down."""
        await self._work.close()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


def _path_of(line: _Line) -> str:
    if line.path:
        return line.path
    return line.asked[-1][1] if line.asked else ""


@asynccontextmanager
async def fault_proxy(target: int, *, seed: int = 1) -> AsyncIterator[FaultProxy]:
    """Serve a proxy to a port of this machine while the block lasts; it begins calm."""
    proxy = FaultProxy(target, seed=seed)
    listener = await asyncio.start_server(proxy.accept, HOST, 0)
    proxy.port = listener.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        listener.close()
        await proxy.close()
