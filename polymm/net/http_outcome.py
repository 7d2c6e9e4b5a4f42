"""Requests as bytes, and what can be known of them afterwards."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from polymm.errors import InputError

Header = tuple[bytes, bytes]

NOT_SENT_REASONS: Final = {
    "busy": "a request is in flight, and no room is left in the queue",
    "closed": "the connection is gone",
    "deadline": "the deadline passed before a connection was free",
    "withdrawn": "the caller took it back while it waited",
}  # or a kind of polymm.net.dialling.DIAL_KINDS

UNKNOWN_REASONS: Final = {
    "timeout": "no whole answer before the deadline",
    "closed": "the connection ended before the whole answer",
    "bad_reply": "what came is no HTTP answer",
    "reply_too_large": "the answer exceeds a limit",
}


class Reply(NamedTuple):
    """The whole answer to a request, whatever it says.

    A tuple since one is made on the path: a frozen dataclass takes four times as long to fill.

    Args:
        headers: Names in lower case, values as they came, in their order.
        written_ns: When the request had been handed to the socket.
        answered_ns: When the last byte of the answer had come.
    """

    status: int
    headers: tuple[Header, ...]
    body: bytes
    written_ns: int
    answered_ns: int

    def header(self, name: bytes) -> bytes | None:
        """Give the first value under a lower-case name."""
        return next((value for found, value in self.headers if found == name), None)


@dataclass(frozen=True, slots=True)
class NotSent:
    """No byte was written: the request has no effect and never will.

    Args:
        reason: One of `NOT_SENT_REASONS` or a kind of `polymm.net.dialling.DIAL_KINDS`.
        detail: For people.
    """

    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Bytes were written and no whole answer came: the request may or may not take effect.

    Args:
        reason: One of `UNKNOWN_REASONS`.
        detail: For people.
        status: Of an answer that had begun, else 0.
        headers: As in `Reply`, as far as they came.
        body: As far as it came and was within the limit.
        written_ns: When the request had been handed to the socket.
        ended_ns: When the waiting ended.
    """

    reason: str
    detail: str
    status: int
    headers: tuple[Header, ...]
    body: bytes
    written_ns: int
    ended_ns: int


Outcome = Reply | NotSent | Unknown
OnOutcome = Callable[[Outcome], None]


def compose_request(
    method: str,
    target: str,
    *,
    authority: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
) -> bytes:
    """Put head and body of a request together.

    Args:
        authority: For the header ``Host``; see `Endpoint.authority`.
        headers: All others but ``Content-Length``, which follows from the body.
        body: None for a request without one.

    Raises:
        InputError: A part would break the head; the message names the part, not its value.
    """
    lines = [("host", authority), *headers]
    if body is not None:
        lines.append(("content-length", str(len(body))))
    for name, text in (("method", method), ("target", target)):
        if not text.isascii() or not text.isprintable() or " " in text or not text:
            raise InputError(f"{name} of a request must be ASCII without blanks")
    for name, value in lines:
        if not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise InputError(f"a header's name must be letters, digits, - or _, was {name!r:.80}")
        if not value.isascii() or not value.isprintable():
            raise InputError(f"header {name} must be printable ASCII")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("ascii") + (body or b"")


def settle(waiter: asyncio.Future[Outcome]) -> OnOutcome:
    """Make a callback that settles a future whose waiter may have gone."""

    def on_outcome(outcome: Outcome) -> None:
        if not waiter.done():
            waiter.set_result(outcome)

    return on_outcome
