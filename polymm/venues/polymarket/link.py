"""One websocket of a feed, from dial to end: greeted first, pinged after, aborted when it is mute.

What is said on it is the feed's own matter: payloads go straight from the socket to the feed.
"""

import asyncio
import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from polymm.net.pacing import PingClock
from polymm.net.websocket import (
    ENGINES,
    Closed,
    Receiver,
    WebSocket,
    WebSocketLimits,
    open_websocket,
)
from polymm.venues.polymarket.credentials import ApiCredentials

LIMITS = WebSocketLimits(close_ns_max=200_000_000)


OnMessage = Callable[[bytes, int], None]


class TappedSocket(Protocol):
    """Whoever stands before what one socket delivers."""

    @property
    def take(self) -> OnMessage:
        """Takes each payload, and hands it on."""
        ...

    def opened(self, url: str) -> None:
        """Know that the socket is open."""
        ...

    def dropped(self, market: str) -> None:
        """Know that a market's book on it is believed no more, and was asked for again."""
        ...

    def ended(self, reason: str) -> None:
        """Know why it ended."""
        ...


class SocketTap(Protocol):
    """Whoever wants to hear all that sockets deliver, as it comes: a recorder."""

    def begin(self, on_message: OnMessage) -> TappedSocket:
        """Stand before one socket; ``on_message`` takes its payloads otherwise."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialling:
    """How all sockets of a feed are opened and kept.

    Args:
        clock_ns: Stamps what is received; never falls.
        ping: Text to send.
        ping_ns: From one to the next.
        answer_ns_max: Time without a byte after a ping until the link is dead; None where pings
            are not answered.
        tap: Hears everything first; None for nobody.
    """

    url: str
    clock_ns: Callable[[], int]
    ping: bytes
    ping_ns: int
    answer_ns_max: int | None
    tls: ssl.SSLContext | None = None
    engine: str = ENGINES[0]
    tap: SocketTap | None = None


class Link:
    """One websocket.

    Args:
        on_message: As of `polymm.net.websocket.Receiver`; ``on_chunk_end`` too.
        greet: Gives the first texts to send, asked when the socket is open.
        on_end: Called once after an opening that succeeded, with why it ended.

    Attributes:
        end_reason: "" while it lasts; then ours, or ``closed_<code>``.
        opened_ns: When it was open, 0 before.
    """

    def __init__(
        self,
        dialling: Dialling,
        on_message: OnMessage,
        greet: Callable[[], Iterable[bytes]],
        on_end: Callable[[str], None] | None = None,
        on_chunk_end: Callable[[], None] | None = None,
    ) -> None:
        self.end_reason = ""
        self.opened_ns = 0
        self._dialling = dialling
        self._tapped = None if dialling.tap is None else dialling.tap.begin(on_message)
        if self._tapped is not None:
            on_message = self._tapped.take
        self._receiver = Receiver(
            on_message=on_message, on_close=self._on_close, on_chunk_end=on_chunk_end
        )
        self._greet = greet
        self._on_end = on_end
        self._over = asyncio.Event()
        self._socket: WebSocket | None = None
        self._ping: PingClock | None = None

    @property
    def is_open(self) -> bool:
        """Whether texts can be sent."""
        return self._socket is not None and self._socket.is_open

    async def open(self) -> None:
        """Connect and greet.

        Raises:
            DialError: There is no connection; nothing else is called.
        """
        how = self._dialling
        self._socket = await open_websocket(
            how.url,
            self._receiver,
            tls=how.tls,
            limits=LIMITS,
            clock_ns=how.clock_ns,
            engine=how.engine,
        )
        now_ns = self.opened_ns = how.clock_ns()
        if self._tapped is not None:
            self._tapped.opened(how.url)
        self._ping = PingClock(interval_ns=how.ping_ns, now_ns=now_ns)
        for text in self._greet():
            self._socket.send_text(text)

    def send(self, text: bytes) -> bool:
        """Send a text; False when it was not written."""
        return self._socket is not None and self._socket.send_text(text)

    def drop(self, market: str) -> None:
        """Say to whoever stands before the socket that a market's book is asked for again."""
        if self._tapped is not None:
            self._tapped.dropped(market)

    def ping(self, now_ns: int) -> None:
        """Ping at once, whatever the interval."""
        if self._ping is not None and self.send(self._dialling.ping):
            self._ping.sent(now_ns)

    def answered(self, now_ns: int) -> None:
        """Note the answer to a ping."""
        if self._ping is not None:
            self._ping.answered(now_ns)

    def unanswered_ns(self, now_ns: int, heard_ns: int) -> int:
        """How long a ping has been out without a byte since; 0 where none is.

        Args:
            heard_ns: When the last bytes came.
        """
        if self._ping is None or not self.is_open:
            return 0
        return min(self._ping.waited_ns(now_ns), now_ns - heard_ns)

    def tick(self, now_ns: int, heard_ns: int = 0) -> None:
        """Ping when it is time, and abort a peer that has fallen mute.

        Args:
            heard_ns: When the last bytes came: a backlog may delay the answer to a ping.
        """
        ping, limit_ns = self._ping, self._dialling.answer_ns_max
        if ping is None or not self.is_open:
            return
        if limit_ns is None:
            ping.answered(now_ns)
        elif self.unanswered_ns(now_ns, heard_ns) > limit_ns:
            self.end("mute", by_force=True)
            return
        if ping.is_due(now_ns):
            self.ping(now_ns)

    def end(self, reason: str, *, by_force: bool = False) -> None:
        """End the connection for a reason of ours; ``on_end`` is told at once."""
        if self._socket is None or self.end_reason:
            return
        if by_force:
            self._socket.abort()
        else:
            self._socket.close()
        self._finish(reason)

    async def wait_end(self) -> str:
        """Wait until it ends; why it did."""
        await self._over.wait()
        return self.end_reason

    async def wait_closed(self) -> None:
        """Wait until the connection is gone."""
        if self._socket is not None:
            await self._socket.wait_closed()

    def _on_close(self, closed: Closed) -> None:
        self._finish(f"closed_{closed.code}")

    def _finish(self, reason: str) -> None:
        if not self.end_reason:
            self.end_reason = reason
            self._over.set()
            if self._tapped is not None:
                self._tapped.ended(reason)
            if self._on_end is not None:
                self._on_end(reason)


def socket_auth(credentials: ApiCredentials) -> dict[str, str]:
    """Give what the venue's sockets want to know of who listens: the secret itself travels."""
    return {
        "apiKey": credentials.key.reveal(),
        "secret": credentials.secret.reveal(),
        "passphrase": credentials.passphrase.reveal(),
    }
