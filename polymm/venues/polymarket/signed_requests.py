"""Private requests as bytes: a ready head, the headers that say who asks, and the body.

Made for the path: of a request to a fixed address only time stamp, HMAC, length and body are new.
The time is the venue's, as far as it is known.
"""

from collections.abc import Callable
from typing import Final

from polymm.venues.polymarket import wire
from polymm.venues.polymarket.auth import RequestSigner
from polymm.venues.polymarket.credentials import Unprintable
from polymm.venues.polymarket.service import USER_AGENT
from polymm.venues.polymarket.skew import ClockSkew

_SECOND_NS: Final = 1_000_000_000
# Those that are sent while trading.
_USUAL: Final = (
    ("POST", wire.ORDER_PATH),
    ("POST", wire.ORDERS_PATH),
    ("DELETE", wire.ORDER_PATH),
    ("DELETE", wire.ORDERS_PATH),
    ("POST", wire.HEARTBEAT_PATH),
)


class SignedRequests(Unprintable):
    """Makes the requests of one API key to one host.

    Args:
        signer: Of the API key.
        authority: What the header ``Host`` says.
        prefix: Path before every path; it is not part of what is signed.
        wall_ns: Our time of day.

    Attributes:
        skew: What is known of the venue's clock.
    """

    __slots__ = ("_heads", "_prefix", "_signer", "_tail", "_wall_ns", "skew")

    def __init__(
        self,
        signer: RequestSigner,
        *,
        authority: str,
        prefix: str = "",
        wall_ns: Callable[[], int],
    ) -> None:
        self.skew = ClockSkew()
        self._signer = signer
        self._prefix = prefix
        self._wall_ns = wall_ns
        self._tail = (
            f" HTTP/1.1\r\nhost: {authority}\r\nuser-agent: {USER_AGENT}\r\n"
            f"accept: application/json\r\naccept-encoding: identity\r\n"
            f"content-type: application/json\r\n"
        )
        self._heads = {(method, path): self._head(method, path) for method, path in _USUAL}

    def renew(self, signer: RequestSigner) -> None:
        """Let another key of the same account ask from here on."""
        self._signer = signer

    def venue_ns(self) -> int:
        """The venue's time of day, as far as it is known."""
        return self._wall_ns() + self.skew.offset_ns

    def make(
        self, method: str, path: str, body: bytes | None = None, *, now_ns: int, query: str = ""
    ) -> bytes:
        """Put a request together.

        Args:
            path: From the slash on, without the query.
            body: None for a request without one.
            now_ns: The venue's time of day.
            query: Ready for a URL, without the question mark.
        """
        head = self._heads.get((method, path))
        if head is None or query:
            head = self._head(method, f"{path}?{query}" if query else path)
        if body is None:
            return head + self._signer.header_lines(now_ns // _SECOND_NS, method, path) + b"\r\n"
        lines = self._signer.header_lines(now_ns // _SECOND_NS, method, path, body)
        return b"%b%bcontent-length: %d\r\n\r\n%b" % (head, lines, len(body), body)

    def make_now(self, method: str, path: str, body: bytes | None = None) -> bytes:
        """Put a request together that is sent at once."""
        return self.make(method, path, body, now_ns=self.venue_ns())

    def _head(self, method: str, target: str) -> bytes:
        return f"{method} {self._prefix}{target}{self._tail}".encode("ascii")
