"""Sockets as the exchange has them: accepted by aiohttp, written past it.

A server's frame is the same bytes for every subscriber, so it is built once and written straight
to the transports, all that is due for one in a single write. That is safe: aiohttp writes a frame
at once and whole, too, and nothing is compressed.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

from aiohttp import WSMsgType, web

from polymm.exchange.faults import Fault
from polymm.exchange.server.hall import Hall

MESSAGE_BYTES_MAX: Final = 1 << 20
CLOSE_S_MAX: Final = 1.0

GOING_AWAY: Final = 1001
POLICY: Final = 1008

PING: Final = "PING"
PING_FRAME: Final = b"\x89\x00"


def text_frame(payload: bytes) -> bytes:
    """Make a text frame as a server sends it: one, final, not masked."""
    length = len(payload)
    if length < 126:
        return (0x8100 | length).to_bytes(2, "big") + payload
    if length < 1 << 16:
        return (0x817E_0000 | length).to_bytes(4, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload


PONG_TEXT: Final = text_frame(b"PONG")


class Troubles(NamedTuple):
    """The switches that strike at messages of one connection of a kind.

    Args:
        closed: Torn down.
        silent: No more data for a while, if the kind knows it.
        draining: Closed with a code, if the kind knows it.
        draining_code: That code.
    """

    closed: Fault
    silent: Fault | None = None
    draining: Fault | None = None
    draining_code: int = GOING_AWAY


class Peer:
    """One accepted socket.

    Args:
        hub: Where it belongs.
        socket: For what comes in, and for closing.
        transport: Where frames are written.

    Attributes:
        pings: Of ours that are not answered yet.
        silent_until_ns: A fault lets no data through before.
    """

    def __init__(
        self, hub: "Hub", socket: web.WebSocketResponse, transport: asyncio.Transport
    ) -> None:
        self.pings = 0
        self.silent_until_ns = 0
        self._hub = hub
        self._socket = socket
        self._transport = transport
        self._is_ended = False
        self._closing: asyncio.Task[None] | None = None

    @property
    def is_open(self) -> bool:
        """Whether frames can be written."""
        return not (self._is_ended or self._socket.closed or self._transport.is_closing())

    @property
    def unsent_bytes(self) -> int:
        """What the peer has not taken yet, beside the system's own buffers."""
        return self._transport.get_write_buffer_size()

    def write(self, frames: bytes) -> None:
        """Write whole frames; a peer that does not read is cut off."""
        if not self.is_open:
            return
        self._transport.write(frames)
        if self._transport.get_write_buffer_size() > self._hub.bytes_max:
            self._hub.hall.slow_count += 1
            self.abort()

    def send(self, payload: bytes) -> None:
        """Write one text frame."""
        self.write(text_frame(payload))

    def close(self, code: int, reason: str = "") -> None:
        """Say good-bye; nothing is written after it."""
        if self.is_open:
            self._is_ended = True
            loop = asyncio.get_running_loop()
            self._closing = loop.create_task(self._say_good_bye(code, reason))

    async def wait_closed(self) -> None:
        """Wait until good-bye is said, if it is."""
        if self._closing is not None:
            await self._closing

    async def _say_good_bye(self, code: int, reason: str) -> None:
        try:
            async with asyncio.timeout(CLOSE_S_MAX):
                await self._socket.close(code=code, message=reason.encode())
        except TimeoutError:
            self._transport.abort()

    def abort(self) -> None:
        """Tear the connection down: what is unsent is lost and no close frame goes out."""
        self._is_ended = True
        self._transport.abort()

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Give what the peer says until it or we end; its pings are answered on the way."""
        async for message in self._socket:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                yield message.data
                if not self.is_open:
                    return
            elif message.type is WSMsgType.PING:
                self.write(bytes((0x8A, len(message.data))) + message.data)
            elif message.type is WSMsgType.PONG:
                self.pings = 0


class Hub:
    """All open sockets of one kind.

    Args:
        hall: The exchange.
        troubles: Faults of this kind.

    Attributes:
        bytes_max: Unsent bytes at which a peer is cut off.
    """

    def __init__(self, hall: Hall, troubles: Troubles) -> None:
        self.bytes_max = hall.settings.socket_bytes_max
        self.hall = hall
        self._troubles = troubles
        self._switches = {troubles.closed, troubles.silent, troubles.draining}
        self._peers: set[Peer] = set()
        hall.closers.append(self.close)

    @asynccontextmanager
    async def accepted(
        self, request: web.Request, *, bytes_max: int = MESSAGE_BYTES_MAX
    ) -> AsyncIterator[tuple[Peer, web.WebSocketResponse]]:
        """Accept a request as a socket, for as long as the block lasts.

        Raises:
            web.HTTPBadRequest: It does not ask for one.
        """
        socket = web.WebSocketResponse(
            timeout=CLOSE_S_MAX, autoping=False, compress=False, max_msg_size=bytes_max
        )
        transport = request.transport
        # A route for GET takes HEAD, too, which is no way to open a socket (RFC 6455, 4.1).
        if transport is None or request.method != "GET":
            raise web.HTTPBadRequest
        await socket.prepare(request)
        peer = Peer(self, socket, transport)
        self._peers.add(peer)
        try:
            yield peer, socket
            await peer.wait_closed()
        finally:
            self._peers.discard(peer)

    @property
    def is_troubled(self) -> bool:
        """Whether a fault of this kind may strike: then frames must be told apart."""
        return not self._switches.isdisjoint(self.hall.faults.rates)

    def deliver(self, peer: Peer, frames: Sequence[bytes], joined: bytes = b"") -> None:
        """Write data frames to a peer, as far as faults let them through.

        Args:
            frames: One by one.
            joined: The same as one, if the caller has them.
        """
        if peer.silent_until_ns > self.hall.now_ns():
            return
        if not self.is_troubled:
            peer.write(joined or b"".join(frames))
            return
        faults, troubles = self.hall.faults, self._troubles
        for i in range(len(frames)):
            if faults.strikes(troubles.closed):
                peer.write(b"".join(frames[:i]))
                peer.abort()
                return
            if troubles.draining is not None and faults.strikes(troubles.draining):
                peer.write(b"".join(frames[:i]))
                peer.close(troubles.draining_code, "draining")
                return
            if troubles.silent is not None and faults.strikes(troubles.silent):
                lasts_ns = faults.duration_ns(troubles.silent)
                peer.silent_until_ns = self.hall.now_ns() + lasts_ns
                peer.write(b"".join(frames[:i]))
                return
        peer.write(b"".join(frames))

    def close(self) -> None:
        """Say good-bye to all."""
        for peer in tuple(self._peers):
            peer.close(GOING_AWAY, "exchange stops")
