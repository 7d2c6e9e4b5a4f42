"""The engine ``websockets``: its sans-I/O protocol in an asyncio protocol of ours.

The protocol does the handshake, control frames, fragments, closing and every refusal. Whole plain
messages, nearly all there are, are cut out before they reach its parser.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from polymm._core.frames import Cutter
from polymm.errors import HandshakeError
from polymm.net.dialling import Endpoint, dial, dial_error
from polymm.net.websocket import ABNORMAL, NORMAL, Closed, Receiver, WebSocketLimits

# Frames are not logged at any level: the first one to a user channel carries a secret.
_SILENT: Final = logging.Logger("polymm.net.websocket", logging.CRITICAL + 1)

_HEAD_BYTES_MAX: Final = 64 << 10


async def open_plain(
    url: str,
    endpoint: Endpoint,
    receiver: Receiver,
    headers: tuple[tuple[str, str], ...],
    limits: WebSocketLimits,
    clock_ns: Callable[[], int],
) -> "PlainWebSocket":
    """Open a websocket by ``websockets``; arguments and errors as of `open_websocket`."""
    began_ns = time.monotonic_ns()
    socket = await dial(
        lambda: PlainWebSocket(url, receiver, headers, limits, clock_ns),
        endpoint,
        timeout_ns=limits.open_ns_max,
    )
    await socket.wait_open(endpoint, limits.open_ns_max - (time.monotonic_ns() - began_ns))
    return socket


class PlainWebSocket(asyncio.Protocol):
    """A `polymm.net.websocket.WebSocket` on a transport of the loop."""

    def __init__(
        self,
        url: str,
        receiver: Receiver,
        headers: tuple[tuple[str, str], ...],
        limits: WebSocketLimits,
        clock_ns: Callable[[], int],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._protocol = ClientProtocol(
            parse_uri(url), max_size=limits.message_bytes_max, logger=_SILENT
        )
        self._receiver = receiver
        self._on_message = receiver.on_message
        self._on_chunk_end = receiver.on_chunk_end
        self._headers = headers
        self._limits = limits
        self._clock_ns = clock_ns
        self._transport: asyncio.Transport | None = None
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._head = b""  # of the answer to the handshake
        self._is_upgraded = False
        self._is_refused = False
        self._parts: list[bytes] = []  # of a frame that is not whole yet
        self._have = 0
        self._need = 0
        self._fragments: list[bytes] = []
        self._cutter = Cutter(limits.message_bytes_max)
        self._closed: Closed | None = None
        self._detail = ""
        self._timer: asyncio.TimerHandle | None = None

    async def wait_open(self, endpoint: Endpoint, timeout_ns: int) -> None:
        """Wait for the peer's answer to the handshake."""
        try:
            async with asyncio.timeout(max(0, timeout_ns) / 1e9):
                await self._opened
        except BaseException as error:
            # Also where the caller was cancelled: nobody else knows of this connection.
            self._closed = Closed(code=ABNORMAL, reason="", sent_code=None, detail="never opened")
            self.abort()
            if isinstance(error, TimeoutError):
                raise dial_error(error, endpoint) from None
            raise

    @property
    def _is_opened(self) -> bool:
        opened = self._opened
        return opened.done() and not opened.cancelled() and opened.exception() is None

    # The interface.

    @property
    def is_open(self) -> bool:
        return self._protocol.state is OPEN and self._closed is None and not self._cutter.is_muted

    def send_text(self, payload: bytes) -> bool:
        return self._send(self._protocol.send_text, payload)

    def send_binary(self, payload: bytes) -> bool:
        return self._send(self._protocol.send_binary, payload)

    def send_ping(self, payload: bytes = b"") -> bool:
        return self._send(self._protocol.send_ping, payload)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        if not self.is_open:
            return
        self._cutter.is_muted = True
        self._detail = "closed by us"
        self._protocol.send_close(code, reason)
        self._flush()
        self._abort_later()

    def abort(self) -> None:
        self._cutter.is_muted = True
        self._detail = self._detail or "aborted by us"
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> Closed:
        await asyncio.shield(self._gone)
        return cast(Closed, self._closed)

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limits.write_bytes_max)
        request = self._protocol.connect()
        for name, value in self._headers:
            request.headers[name] = value
        self._protocol.send_request(request)
        self._flush()

    def data_received(self, data: bytes) -> None:
        recv_ns = self._clock_ns()
        try:
            if not self._is_upgraded:
                data = self._shake_hands(data)
            if self._parts:
                self._parts.append(data)
                self._have += len(data)
                if self._have < self._need:
                    return
                data, self._parts = b"".join(self._parts), []
            if data and self._closed is None:
                self._split(data, recv_ns)
                if self._on_chunk_end is not None and not self._is_over:
                    self._on_chunk_end()
        except BaseException:
            # The loop tells its handler; what follows the lost message must not be delivered.
            self._detail = "a callback raised an error"
            self.abort()
            raise

    def eof_received(self) -> None:
        self._protocol.receive_eof()

    def pause_writing(self) -> None:
        # Our frames are small: a peer that leaves so many unread is gone.
        self._detail = f"the peer left {self._limits.write_bytes_max} bytes unread"
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._timer is not None:
            self._timer.cancel()
        if not self._opened.done():
            detail = str(self._protocol.handshake_exc or exc or "")
            self._opened.set_exception(
                HandshakeError(detail or "the peer hung up before it answered")
            )
            self._opened.exception()  # Whoever waited may have given up.
        try:
            if self._is_opened:
                self._tell(self._detail or str(exc or "the peer hung up"))
        finally:
            if not self._gone.done():
                self._gone.set_result(None)

    # Our own.

    @property
    def _is_over(self) -> bool:
        return self._cutter.is_muted or self._closed is not None

    def _send(self, send: Callable[[bytes], None], payload: bytes) -> bool:
        if not self.is_open or self._transport is None or self._transport.is_closing():
            return False
        send(payload)
        self._flush()
        return True

    def _flush(self) -> None:
        transport = self._transport
        for piece in self._protocol.data_to_send():
            # An empty piece stands for the end of the stream, which closing the transport sends.
            if piece and transport is not None and not transport.is_closing():
                transport.write(piece)

    def _shake_hands(self, data: bytes) -> bytes:
        """Give the protocol the answer to the handshake; what comes after the head of a 101."""
        protocol = self._protocol
        if self._is_refused:
            protocol.receive_data(data)
        elif not self._has_head(data):
            return b""
        for event in protocol.events_received():
            self._opened_by(cast(Response, event))
        if protocol.handshake_exc is not None and not self._opened.done():
            self._opened.set_exception(HandshakeError(str(protocol.handshake_exc)))
        rest, self._head = self._head, b""
        return rest if self._is_upgraded else b""

    def _has_head(self, data: bytes) -> bool:
        """Gather the head of the answer and give it to the protocol; what follows is kept."""
        protocol = self._protocol
        head, found, rest = (self._head + data).partition(b"\r\n\r\n")
        if not found and len(head) < _HEAD_BYTES_MAX:
            self._head = head
            return False
        protocol.receive_data(head + found)
        self._head = rest
        self._is_upgraded = protocol.state is OPEN
        if not self._is_upgraded:
            # The body of a refusal may come in pieces, and may end with the connection.
            self._is_refused = True
            protocol.receive_data(rest)
        return True

    def _split(self, data: bytes, recv_ns: int) -> None:
        """Deliver whole plain messages, and pass every other frame on.

        Nearly all frames are whole text messages, for which the protocol's parser takes fifty times
        as long. It sees all others: each whole, or as much of it as it needs to refuse it.
        """
        cutter = self._cutter
        pos, end = 0, len(data)
        while pos < end:
            pos = cutter.cut(data, pos, self._on_message, recv_ns)
            if cutter.is_ended:
                return
            stop = cutter.stop
            if not stop:
                break
            self._pass_on(data[pos:stop], recv_ns)
            if self._closed is not None:
                return
            cutter.is_fragmented = bool(self._fragments)
            pos = stop
        if pos < end:
            self._parts, self._have, self._need = [data[pos:]], end - pos, cutter.need

    def _pass_on(self, data: bytes, recv_ns: int) -> None:
        """Let the protocol judge a frame, and answer it where it asks for an answer."""
        protocol = self._protocol
        protocol.receive_data(data)
        self._flush()
        for event in protocol.events_received():
            self._take(cast(Frame, event), recv_ns)
        if protocol.parser_exc is not None:
            self._fail(str(protocol.parser_exc))

    def _take(self, frame: Frame, recv_ns: int) -> None:
        opcode = frame.opcode
        if opcode is Opcode.CLOSE:
            self._closed_by_peer()
        elif self._is_over:
            return
        elif opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            if frame.fin:
                self._on_message(bytes(frame.data), recv_ns)
            else:
                self._fragments = [bytes(frame.data)]
        elif opcode is Opcode.CONT:
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                payload, self._fragments = b"".join(self._fragments), []
                self._on_message(payload, recv_ns)
        elif opcode is Opcode.PONG and self._receiver.on_pong is not None:
            self._receiver.on_pong(bytes(frame.data), recv_ns)

    def _opened_by(self, response: Response) -> None:
        error = self._protocol.handshake_exc
        if self._opened.done():
            return
        if error is None:
            self._opened.set_result(None)
            return
        headers = tuple((name.lower(), value) for name, value in response.headers.raw_items())
        message = (
            f"status {response.status_code} instead of 101"
            if isinstance(error, InvalidStatus)
            else str(error)
        )
        self._opened.set_exception(
            HandshakeError(message, response.status_code, headers, bytes(response.body or b""))
        )

    def _closed_by_peer(self) -> None:
        self._tell(self._detail)
        if self._transport is not None:
            # The parser has answered it. After both frames either side may hang up.
            self._transport.close()

    def _fail(self, detail: str) -> None:
        """End a connection whose peer broke the rules; our close frame says which."""
        if self._closed is not None:
            return
        self._tell(detail)
        if self._transport is not None and not self._transport.is_closing():
            # What still comes is not read: a giant frame must not fill the memory.
            self._transport.pause_reading()
            self._abort_later()

    def _abort_later(self) -> None:
        if self._transport is not None and self._timer is None:
            wait_s = self._limits.close_ns_max / 1e9
            self._timer = self._loop.call_later(wait_s, self._transport.abort)

    def _tell(self, detail: str) -> None:
        if self._closed is not None:
            return
        received, sent = self._protocol.close_rcvd, self._protocol.close_sent
        self._closed = Closed(
            code=ABNORMAL if received is None else int(received.code),
            reason="" if received is None else received.reason,
            sent_code=None if sent is None else int(sent.code),
            detail=detail,
        )
        self._cutter.is_ended = True
        self._receiver.on_close(self._closed)
