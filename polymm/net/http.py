"""One warm HTTP/1.1 connection for requests that must not be sent twice.

An outcome says what is known: an answer, that no byte left, or neither. Nothing is ever sent again
from here: whether an unanswered order rests is the caller's to find out, not to guess. Written for
orders and cancels: one write for head and body, one request at a time, no task on the way.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from polymm.net.dialling import Endpoint, dial
from polymm.net.http_outcome import Header, NotSent, OnOutcome, Outcome, Reply, Unknown, settle


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpLimits:
    """What an answer may be.

    Args:
        body_bytes_max: Largest body.
        head_bytes_max: Most bytes before a head is complete, and beside the body: trailers and the
            frames of chunks; a chunk of one byte comes in six.
        dial_ns_max: Time for name, TCP and TLS together.
    """

    body_bytes_max: int = 4 << 20
    head_bytes_max: int = 64 << 10
    dial_ns_max: int = 5_000_000_000


DEFAULT_LIMITS: Final = HttpLimits()


async def connect_http(
    endpoint: Endpoint,
    *,
    limits: HttpLimits = DEFAULT_LIMITS,
    clock_ns: Callable[[], int] = time.monotonic_ns,
    on_free: Callable[["HttpConnection"], None] | None = None,
) -> "HttpConnection":
    """Open a connection that is ready to send.

    Args:
        on_free: Called when a reply has left the connection ready, before its outcome is told.

    Raises:
        DialError: There is no connection.
    """
    return await dial(
        lambda: HttpConnection(limits=limits, clock_ns=clock_ns, on_free=on_free),
        endpoint,
        timeout_ns=limits.dial_ns_max,
    )


class HttpConnection(asyncio.Protocol):
    """A connection on which at most one request is in flight.

    Made by `connect_http`. It never opens itself again: when `lost` is done, make another.

    Attributes:
        lost: Done when the connection is over; its result says why.
        used_ns: When it was connected or last gave a reply.
        replies: Replies it gave.
    """

    def __init__(
        self,
        *,
        limits: HttpLimits,
        clock_ns: Callable[[], int],
        on_free: Callable[["HttpConnection"], None] | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.used_ns = clock_ns()
        self.replies = 0
        self._last: Reply | None = None
        self._limits = limits
        self._clock_ns = clock_ns
        self._on_free = on_free
        self._transport: asyncio.Transport | None = None
        self._parser = HttpResponseParser(self)
        self._why_lost = "the peer closed it"
        self._on_outcome: OnOutcome | None = None
        self._written_ns = 0
        self._deadline_ns = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        # Of the reply that is coming in.
        self._status = 0
        self._headers: list[Header] = []
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._reply_bytes = 0
        self._is_complete = False
        self._is_surplus = False
        self._keeps = False

    @property
    def is_ready(self) -> bool:
        """Whether a request can be sent now."""
        transport = self._transport
        return self._on_outcome is None and transport is not None and not transport.is_closing()

    @property
    def is_lost(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._transport is None or self._transport.is_closing()

    @property
    def keep_ns(self) -> int | None:
        """How long the peer said it keeps an idle connection; None where it did not say."""
        value = self._last.header(b"keep-alive") if self._last is not None else None
        for part in (value or b"").split(b","):
            name, _, figure = part.strip().partition(b"=")
            # Nine digits of seconds are thirty years.
            if name.lower() == b"timeout" and figure.isdigit() and len(figure) < 10:
                return int(figure) * 1_000_000_000
        return None

    def send(self, request: bytes, *, deadline_ns: int, on_outcome: OnOutcome) -> NotSent | None:
        """Write a request.

        Args:
            request: Head and body; `compose_request` makes one. Methods whose answer has a length
                but no body (HEAD), and upgrades, are not for this connection.
            deadline_ns: By this connection's clock.
            on_outcome: Called once, later, with a `Reply` or `Unknown`. An error it raises goes to
                the loop's exception handler and ends the connection.

        Returns:
            None when the request was written, else why it was not; then nothing is called.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            return NotSent("closed", self._why_lost)
        if self._on_outcome is not None:
            return NotSent("busy", "a request is in flight")
        now_ns = self._clock_ns()
        if deadline_ns <= now_ns:
            return NotSent("deadline", f"passed {now_ns - deadline_ns} ns ago")
        transport.write(request)
        self._written_ns = self._clock_ns()
        self._on_outcome = on_outcome
        self._deadline_ns = deadline_ns
        if self._timer is None or self._timer_ns > deadline_ns:
            self._arm(deadline_ns, now_ns)
        return None

    async def request(self, request: bytes, *, deadline_ns: int) -> Outcome:
        """Send a request and wait for its outcome; for callers off the path."""
        waiter: asyncio.Future[Outcome] = self._loop.create_future()
        refused = self.send(request, deadline_ns=deadline_ns, on_outcome=settle(waiter))
        return refused if refused is not None else await waiter

    def close(self, why: str = "closed by us") -> None:
        """End the connection; a request in flight becomes `Unknown`."""
        self._end("closed", why)

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._on_outcome is None:
            # Whoever it is meant for, it must not become the answer to the next request.
            self._end("closed", "the peer sent bytes nobody asked for")
            return
        self._reply_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self._end("bad_reply", "the peer switched protocols")
            return
        except HttpParserError as error:
            if not self._is_complete:
                self._end("bad_reply", str(error))
                return
            self._is_surplus = True
        if self._is_complete:
            self._finish()
        elif self._body_bytes > self._limits.body_bytes_max:
            self._end("reply_too_large", f"body above {self._limits.body_bytes_max} bytes")
        elif self._reply_bytes - 6 * self._body_bytes > self._limits.head_bytes_max:
            self._end("reply_too_large", f"head above {self._limits.head_bytes_max} bytes")

    def eof_received(self) -> None:
        # An answer that states no length ends with the connection; after an orderly end only.
        if self._on_outcome is not None and self._status and not self._is_delimited():
            self._is_complete, self._keeps = True, False
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._why_lost = str(exc) or type(exc).__name__
        self._transport = None
        self._end("closed", self._why_lost)

    # What the parser calls while it is fed.

    def on_message_begin(self) -> None:
        if self._is_complete:
            self._is_surplus = True
        else:
            self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._is_surplus:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        # An interim answer is none: the one that counts follows.
        if status >= 200 and not self._is_surplus:
            self._status = status

    def on_body(self, body: bytes) -> None:
        if not self._is_surplus:
            self._body_bytes += len(body)
            if self._body_bytes <= self._limits.body_bytes_max:
                self._body.append(body)

    def on_message_complete(self) -> None:
        # Past the limit the message is not complete to us, whole as it may be.
        if self._status and self._body_bytes <= self._limits.body_bytes_max:
            self._is_complete = True
            self._keeps = self._parser.should_keep_alive()

    # Our own.

    def _is_delimited(self) -> bool:
        return any(name in (b"content-length", b"transfer-encoding") for name, _ in self._headers)

    def _finish(self) -> None:
        now_ns = self._clock_ns()
        body = self._body
        reply = Reply(
            self._status,
            tuple(self._headers),
            body[0] if len(body) == 1 else b"".join(body),
            self._written_ns,
            now_ns,
        )
        on_outcome = cast(OnOutcome, self._on_outcome)
        self._on_outcome = None
        self.used_ns = now_ns
        self.replies += 1
        self._last = reply
        if not self._keeps or self._is_surplus:
            self._end("closed", "the connection was good for one reply only")
        else:
            self._status = self._body_bytes = self._reply_bytes = 0
            self._body = []
            self._is_complete = False
            if self._on_free is not None:
                self._on_free(self)
        on_outcome(reply)

    def _end(self, reason: str, detail: str) -> None:
        """End the connection and tell whoever waits that nothing is known."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.abort()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.lost.done():
            self._why_lost = detail
            self.lost.set_result(detail)
        if self._on_outcome is None:
            return
        on_outcome, self._on_outcome = self._on_outcome, None
        on_outcome(
            Unknown(
                reason=reason,
                detail=detail,
                status=self._status,
                headers=tuple(self._headers),
                body=b"".join(self._body),
                written_ns=self._written_ns,
                ended_ns=self._clock_ns(),
            )
        )

    def _arm(self, deadline_ns: int, now_ns: int) -> None:
        # One timer serves many requests: it is moved when it fires, not with every reply.
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = deadline_ns
        # uvloop counts milliseconds; less would spin until the deadline is there.
        wait_ns = max(deadline_ns - now_ns, 1_000_000)
        self._timer = self._loop.call_later(wait_ns / 1e9, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._on_outcome is None:
            return
        now_ns = self._clock_ns()
        if now_ns < self._deadline_ns:
            self._arm(self._deadline_ns, now_ns)
        else:
            self._end("timeout", f"no whole answer {now_ns - self._written_ns} ns after the write")
