"""Warm connections to one service of the venue, and its answers as JSON, off the path.

For everything that may wait: queries, keys, the relayer, a chain node. A question that got no
usable answer is a `VenueError` which says whether it had an effect; nothing is asked twice here.
"""

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from polymm.errors import VenueError
from polymm.net.dialling import endpoint_of
from polymm.net.http_outcome import NotSent, OnOutcome, Outcome, Reply, compose_request
from polymm.net.http_pool import HttpPool, PoolSettings
from polymm.venues.polymarket.replies import Refusal, parsed, refusal_of, shown

USER_AGENT: Final = "polymm"
# Without a word on encodings an answer may come in any; we read none but the plain one.
_PLAIN: Final = (
    ("user-agent", USER_AGENT),
    ("accept", "application/json"),
    ("accept-encoding", "identity"),
)
_JSON: Final = (*_PLAIN, ("content-type", "application/json"))


class Service:
    """One service behind a URL, whose path is put before every path asked for.

    Args:
        url: Where it is; no slash at the end.
        rng: Jitter of the back-off.
        settings: How its connections are kept.
        tls: Trust for secure schemes; the system's where None.
        clock_ns: Of deadlines and stamps.

    Attributes:
        prefix: The URL's own path.
    """

    def __init__(
        self,
        url: str,
        rng: random.Random,
        *,
        settings: PoolSettings,
        tls: ssl.SSLContext | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self.pool = HttpPool(endpoint_of(url, tls), rng, settings=settings, clock_ns=clock_ns)
        self.prefix = urlsplit(url).path.rstrip("/")
        self._clock_ns = clock_ns

    async def open(self) -> None:
        """Begin to keep connections."""
        await self.pool.open()

    async def close(self) -> None:
        """End them."""
        await self.pool.close()

    def compose(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> bytes:
        """Put a request together."""
        target = f"{self.prefix}{path}" or "/"
        if query:
            target += f"?{urlencode(query)}"
        usual: Iterable[tuple[str, str]] = _PLAIN if body is None else _JSON
        return compose_request(
            method,
            target,
            authority=self.pool.endpoint.authority,
            headers=[*usual, *(headers or {}).items()],
            body=body,
        )

    def send(self, request: bytes, *, wait_ns: int, on_outcome: OnOutcome) -> NotSent | None:
        """Write a request now, as `HttpPool.send` does."""
        deadline_ns = self._clock_ns() + wait_ns
        return self.pool.send(request, deadline_ns=deadline_ns, on_outcome=on_outcome)

    async def request(self, request: bytes, *, wait_ns: int) -> Outcome:
        """Send a request and wait for what becomes of it."""
        return await self.pool.request(request, deadline_ns=self._clock_ns() + wait_ns)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        wait_ns: int,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Reply:
        """Send a request; its answer, of status 200 to 299.

        Raises:
            VenueError: Any other end.
        """
        outcome = await self.request(
            self.compose(method, path, query=query, headers=headers, body=body), wait_ns=wait_ns
        )
        del headers  # They are secrets; an error keeps this frame.
        return success(outcome, f"{method} {path}")


def later(call: Callable[..., None], *values: Any) -> None:
    """Call from the loop: whoever sends must have its ids before it hears of them."""
    asyncio.get_running_loop().call_soon(call, *values)


def success(outcome: Outcome, what: str) -> Reply:
    """Take an answer of status 200 to 299.

    Raises:
        VenueError: Any other end.
    """
    refusal = refusal_of(outcome)
    if refusal is None:
        assert isinstance(outcome, Reply)
        return outcome
    raise venue_error(refusal, what)


def venue_error(refusal: Refusal, what: str) -> VenueError:
    """Make an error of a refusal."""
    status = f"status {refusal.status}, " if refusal.status else ""
    return VenueError(
        refusal.reason,
        f"{what}: {status}{refusal.text!r}",
        is_known=refusal.is_known,
        status=refusal.status,
        retry_after_ns=refusal.retry_after_ns,
    )


def unreadable(what: str, expected: str, found: object) -> VenueError:
    """Make an error of an answer that is not of its shape; never of one that holds secrets."""
    return VenueError(
        "unreadable", f"{what} must be {expected}, was {shown(found)}", is_known=False, status=200
    )


def record_of(reply: Reply, what: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        VenueError: Something else came.
    """
    value = parsed(reply.body)
    if not isinstance(value, dict):
        raise unreadable(what, "a JSON object", reply.body[:100])
    return value
