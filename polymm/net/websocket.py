"""A websocket whose payloads reach a plain callback: no queue, no task, one time stamp a chunk.

`open_websocket` gives the same `WebSocket` from either engine: the sans-I/O protocol of
``websockets`` in an asyncio protocol of ours, always there, or picows (extra ``fast``), which does
the splitting and the socket in compiled code. One contract suite runs over both.
"""

import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from polymm.errors import InputError
from polymm.net.dialling import endpoint_of

NORMAL: Final = 1000
PROTOCOL_ERROR: Final = 1002
NO_STATUS: Final = 1005
ABNORMAL: Final = 1006  # No close frame came.
TOO_BIG: Final = 1009

ENGINES: Final = ("websockets", "picows")


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """How a websocket ended.

    Args:
        code: Of the peer's close frame; 1005 where it had none, 1006 where no frame came.
        reason: Of the peer's close frame.
        sent_code: Of our close frame, None where none was sent.
        detail: Why it ended, where that was no close frame of the peer's.
    """

    code: int
    reason: str
    sent_code: int | None
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Whom a websocket calls. An error one of these raises goes to the loop's exception handler and
    ends the connection.

    Args:
        on_message: Payload of a whole message, text or binary, and when its last bytes came. May be
            called before `open_websocket` has answered; never after `on_close`, nor after our own
            ``close`` or ``abort``.
        on_close: Called once, when no message can come any more.
        on_pong: Payload of a pong frame and when it came.
        on_chunk_end: Called after the last message of what one read of the socket brought.
    """

    on_message: Callable[[bytes, int], None]
    on_close: Callable[[Closed], None]
    on_pong: Callable[[bytes, int], None] | None = None
    on_chunk_end: Callable[[], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebSocketLimits:
    """What a websocket bears.

    Args:
        message_bytes_max: Largest message, its fragments together.
        write_bytes_max: Unsent bytes at which a peer counts as one that no longer reads.
        open_ns_max: Time for name, TCP, TLS and handshake together.
        close_ns_max: Time a peer has to answer our close frame.
    """

    message_bytes_max: int = 4 << 20
    write_bytes_max: int = 256 << 10
    open_ns_max: int = 5_000_000_000
    close_ns_max: int = 1_000_000_000


DEFAULT_LIMITS: Final = WebSocketLimits()


class WebSocket(Protocol):
    """An open websocket. Pings of the peer are answered; our own are the caller's to send."""

    @property
    def is_open(self) -> bool:
        """Whether frames can be sent."""
        ...

    def send_text(self, payload: bytes) -> bool:
        """Send a text frame; False when no byte was written since the socket is not open."""
        ...

    def send_binary(self, payload: bytes) -> bool:
        """Send a binary frame; False when no byte was written."""
        ...

    def send_ping(self, payload: bytes = b"") -> bool:
        """Send a ping frame of at most 125 bytes; False when no byte was written."""
        ...

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Say good-bye and end; by force when the peer does not answer in time."""
        ...

    def abort(self) -> None:
        """End now: for a peer that has fallen silent."""
        ...

    async def wait_closed(self) -> Closed:
        """Wait until the connection is gone; how it ended."""
        ...


async def open_websocket(
    url: str,
    receiver: Receiver,
    *,
    tls: ssl.SSLContext | None = None,
    headers: Iterable[tuple[str, str]] = (),
    limits: WebSocketLimits = DEFAULT_LIMITS,
    clock_ns: Callable[[], int] = time.monotonic_ns,
    engine: str = ENGINES[0],
) -> WebSocket:
    """Open a websocket.

    Args:
        url: Begins with ws or wss.
        receiver: Whom to call.
        tls: For wss; the system's trust where None.
        headers: Of the handshake, beside those of the protocol.
        clock_ns: Stamps what is received.
        engine: One of `ENGINES`. The first cuts frames in the core and is the faster one; the
            second needs the extra ``fast``.

    Raises:
        DialError: There is no connection; HandshakeError where there is one, but no websocket.
        InputError: The URL is not one of a websocket, or the engine is unknown.
    """
    if engine not in ENGINES:
        raise InputError(f"engine must be one of {', '.join(ENGINES)}, was {engine!r}")
    if not url.startswith(("ws://", "wss://")):
        raise InputError("the URL of a websocket must begin with ws:// or wss://")
    endpoint = endpoint_of(url, tls)
    if engine == "picows":
        from polymm.net.websocket_fast import open_fast

        return await open_fast(url, endpoint, receiver, tuple(headers), limits, clock_ns)
    from polymm.net.websocket_plain import open_plain

    return await open_plain(url, endpoint, receiver, tuple(headers), limits, clock_ns)
