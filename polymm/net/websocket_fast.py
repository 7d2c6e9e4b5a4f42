"""The engine picows behind the interface of `polymm.net.websocket`; imported when it is used.

picows splits frames in compiled code and calls back for each; fragments, reserved bits, the closing
handshake and the time stamp of a chunk are ours.
"""

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, cast

from picows import (
    WSCloseCode,
    WSError,
    WSFrame,
    WSHandshakeError,
    WSListener,
    WSMsgType,
    WSProtocolError,
    WSTransport,
    ws_connect,
)

from polymm.errors import HandshakeError
from polymm.net.dialling import TLS_SHUTDOWN_S, Endpoint, connect_tcp, dial_error
from polymm.net.websocket import (
    ABNORMAL,
    NO_STATUS,
    NORMAL,
    PROTOCOL_ERROR,
    TOO_BIG,
    Closed,
    Receiver,
    WebSocketLimits,
)

_TEXT: Final = WSMsgType.TEXT
_BINARY: Final = WSMsgType.BINARY
_CONTINUATION: Final = WSMsgType.CONTINUATION
_PING: Final = WSMsgType.PING
_PONG: Final = WSMsgType.PONG


class _FaultLog:
    """A logger that writes nothing and passes errors on.

    picows tells of a broken frame by logging it, and of nothing else before the connection is gone;
    until then it would go on reading what may be a giant frame.
    """

    def __init__(self) -> None:
        self.on_error: Callable[[str], None] | None = None

    def isEnabledFor(self, level: int) -> bool:
        return False

    def error(self, message: str, *arguments: object) -> None:
        if self.on_error is not None:
            self.on_error(message % arguments if arguments else message)

    exception = error

    def warning(self, message: str, *arguments: object) -> None: ...

    info = debug = warning

    def log(self, level: int, message: str, *arguments: object) -> None: ...


async def open_fast(
    url: str,
    endpoint: Endpoint,
    receiver: Receiver,
    headers: tuple[tuple[str, str], ...],
    limits: WebSocketLimits,
    clock_ns: Callable[[], int],
) -> "FastWebSocket":
    """Open a websocket by picows; arguments and errors as of `open_websocket`."""
    log = _FaultLog()
    websocket = FastWebSocket(receiver, limits, clock_ns, log)
    connected: list[socket.socket] = []

    async def connect(_: object) -> socket.socket:
        connected.append(await connect_tcp(endpoint))
        return connected[0]

    listener: WSListener | None = None
    options: dict[str, Any] = (
        {} if endpoint.tls is None else {"ssl_shutdown_timeout": TLS_SHUTDOWN_S}
    )
    try:
        async with asyncio.timeout(limits.open_ns_max / 1e9):
            _, listener = await ws_connect(
                lambda: websocket,
                url,
                ssl_context=endpoint.tls,
                websocket_handshake_timeout=limits.open_ns_max / 1e9,
                logger_name=cast(Any, log),
                enable_auto_pong=False,
                max_frame_size=limits.message_bytes_max,
                max_redirects=0,
                extra_headers=headers,
                socket_factory=connect,
                **options,
            )
    except WSHandshakeError as error:
        raise _handshake_error(error) from error
    except (WSError, OSError, UnicodeError) as error:
        raise dial_error(error, endpoint) from error
    finally:
        if listener is None:
            websocket.discard()
            # picows leaves an opening that was given up to its own time limit.
            for sock in connected:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
    if listener is None:
        raise HandshakeError("the peer hung up before it answered")
    return websocket


def _handshake_error(error: WSHandshakeError) -> HandshakeError:
    response = error.response
    status = 0 if response is None else int(getattr(response, "status", 0))
    found = getattr(response, "headers", None) or {}
    headers = tuple((name.lower(), value) for name, value in found.items())
    message = f"status {status} instead of 101" if status not in (0, 101) else str(error)
    return HandshakeError(message, status, headers, error.raw_body or b"")


class FastWebSocket(WSListener):
    """A `polymm.net.websocket.WebSocket` on a transport of picows."""

    def __init__(
        self,
        receiver: Receiver,
        limits: WebSocketLimits,
        clock_ns: Callable[[], int],
        log: _FaultLog,
    ) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._receiver = receiver
        self._on_message = receiver.on_message
        self._on_chunk_end = receiver.on_chunk_end
        self._limits = limits
        self._clock_ns = clock_ns
        self._log = log
        self._transport: WSTransport | None = None
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._recv_ns = 0  # 0 between two chunks
        self._fragments: list[bytes] = []
        self._fragment_bytes = 0
        self._is_muted = False
        self._closed: Closed | None = None
        self._detail = ""
        self._sent_code: int | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None

    def discard(self) -> None:
        """Tell nobody anything: the opening has failed or was given up."""
        self._is_muted = True
        self._closed = Closed(code=ABNORMAL, reason="", sent_code=None, detail="never opened")

    # The interface.

    @property
    def is_open(self) -> bool:
        transport = self._transport
        return (
            transport is not None
            and self._closed is None
            and not self._is_muted
            and not transport.is_disconnected
            and not transport.underlying_transport.is_closing()
        )

    def send_text(self, payload: bytes) -> bool:
        return self._send(_TEXT, payload)

    def send_binary(self, payload: bytes) -> bool:
        return self._send(_BINARY, payload)

    def send_ping(self, payload: bytes = b"") -> bool:
        return self._send(_PING, payload)

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        if not self.is_open:
            return
        self._is_muted = True
        self._detail = "closed by us"
        self._send_close(code, reason)
        self._abort_later()

    def abort(self) -> None:
        self._is_muted = True
        self._detail = self._detail or "aborted by us"
        if self._transport is not None:
            self._transport.disconnect(False)

    async def wait_closed(self) -> Closed:
        await asyncio.shield(self._gone)
        return cast(Closed, self._closed)

    # What picows calls.

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(high=self._limits.write_bytes_max)
        self._log.on_error = self._broken
        self._watcher = self._loop.create_task(self._watch(transport), name="picows watcher")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        recv_ns = self._recv_ns
        if recv_ns == 0:
            recv_ns = self._recv_ns = self._clock_ns()
        is_last = frame.last_in_buffer
        if is_last:
            self._recv_ns = 0
        if self._closed is not None:
            return
        try:
            kind = frame.msg_type
            if frame.rsv1 or frame.rsv2 or frame.rsv3:
                self._fail(PROTOCOL_ERROR, "reserved bits must be 0")
            elif kind is _TEXT and frame.fin and not self._fragments and not self._is_muted:
                self._on_message(frame.get_payload_as_bytes(), recv_ns)
            else:
                self._take(frame, kind, recv_ns)
            if is_last and self._on_chunk_end is not None and not self._is_over:
                self._on_chunk_end()
        except Exception as error:  # noqa: BLE001, picows would log it and go on
            self._detail = "a callback raised an error"
            self.abort()
            self._loop.call_exception_handler(
                {"message": "error in a callback of a websocket", "exception": error}
            )

    def pause_writing(self) -> None:
        self._detail = f"the peer left {self._limits.write_bytes_max} bytes unread"
        self.abort()

    def resume_writing(self) -> None: ...

    # Our own.

    @property
    def _is_over(self) -> bool:
        return self._is_muted or self._closed is not None

    def _send(self, kind: WSMsgType, payload: bytes) -> bool:
        if not self.is_open or self._transport is None:
            return False
        self._transport.send(kind, payload)
        return True

    def _send_close(self, code: int, reason: str = "") -> None:
        transport = self._transport
        if transport is None or transport.is_close_frame_sent:
            return
        if code == NO_STATUS:
            # An empty close frame is answered by an empty one.
            transport.send(WSMsgType.CLOSE, b"")
        else:
            transport.send_close(cast(WSCloseCode, code), reason)
        self._sent_code = code

    def _take(self, frame: WSFrame, kind: WSMsgType, recv_ns: int) -> None:
        if kind is _PING:
            self._pong(frame.get_payload_as_bytes())
        elif kind is WSMsgType.CLOSE:
            self._closed_by_peer(frame)
        elif self._is_muted:
            return
        elif kind is _PONG:
            if self._receiver.on_pong is not None:
                self._receiver.on_pong(frame.get_payload_as_bytes(), recv_ns)
        elif (kind is _CONTINUATION) != bool(self._fragments):
            wanted = "a" if self._fragments else "no"
            self._fail(PROTOCOL_ERROR, f"expected {wanted} continuation frame")
        else:
            self._take_fragment(frame, recv_ns)

    def _take_fragment(self, frame: WSFrame, recv_ns: int) -> None:
        payload = frame.get_payload_as_bytes()
        if frame.fin and not self._fragments:
            self._on_message(payload, recv_ns)
            return
        self._fragments.append(payload)
        self._fragment_bytes += len(payload)
        if self._fragment_bytes > self._limits.message_bytes_max:
            self._fail(TOO_BIG, f"message above {self._limits.message_bytes_max} bytes")
        elif frame.fin:
            whole, self._fragments, self._fragment_bytes = b"".join(self._fragments), [], 0
            self._on_message(whole, recv_ns)

    def _pong(self, payload: bytes) -> None:
        transport = self._transport
        if transport is not None and not transport.is_close_frame_sent:
            transport.send_pong(payload)

    def _closed_by_peer(self, frame: WSFrame) -> None:
        transport = cast(WSTransport, self._transport)
        code = NO_STATUS if frame.payload_size == 0 else _code(frame)
        if self._fragments and self._sent_code is None:
            self._send_close(PROTOCOL_ERROR, "incomplete fragmented message")
        elif self._sent_code is None:
            self._send_close(code, frame.get_close_reason() or "")
        self._tell(self._detail, code, frame.get_close_reason() or "")
        transport.disconnect(True)

    def _fail(self, code: int, detail: str) -> None:
        """End a connection whose peer broke the rules; our close frame says which."""
        self._send_close(code, detail)
        self._end_broken(detail)

    def _broken(self, message: str) -> None:
        # Called by picows before it sends its close frame, so the rest comes after that.
        transport = self._transport
        if transport is not None and self._closed is None:
            transport.underlying_transport.pause_reading()
            self._loop.call_soon(self._end_broken, message)

    def _end_broken(self, detail: str) -> None:
        transport = cast(WSTransport, self._transport)
        if self._closed is not None:
            return
        handshake = transport.close_handshake
        if self._sent_code is None and handshake is not None and handshake.sent is not None:
            self._sent_code = _number(handshake.sent.code)
        self._tell(detail)
        if not transport.underlying_transport.is_closing():
            # What still comes is not read: a giant frame must not fill the memory.
            transport.underlying_transport.pause_reading()
            self._abort_later()

    def _abort_later(self) -> None:
        if self._timer is None and self._transport is not None:
            wait_s = self._limits.close_ns_max / 1e9
            self._timer = self._loop.call_later(wait_s, self._transport.disconnect, False)

    async def _watch(self, transport: WSTransport) -> None:
        """Wait for the end of the connection, which picows tells in no callback of its own."""
        detail = ""
        try:
            await transport.wait_disconnected()
        except WSProtocolError as error:
            detail = str(error)
        if self._timer is not None:
            self._timer.cancel()
        try:
            self._tell(self._detail or detail or "the peer hung up")
        finally:
            if not self._gone.done():
                self._gone.set_result(None)

    def _tell(self, detail: str, code: int = ABNORMAL, reason: str = "") -> None:
        if self._closed is not None:
            return
        self._closed = Closed(code=code, reason=reason, sent_code=self._sent_code, detail=detail)
        self._receiver.on_close(self._closed)


def _code(frame: WSFrame) -> int:
    return int.from_bytes(frame.get_payload_as_bytes()[:2], "big")


def _number(code: object) -> int:
    return int(getattr(code, "value", code))  # type: ignore[call-overload, no-any-return]
