"""Token buckets: how fast the API keys of one address may place and cancel (rest notes 6).

Each address has two buckets that know nothing of each other. A request that is evaluated learns
where its bucket stands from three headers, whatever else becomes of it.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from polymm.domain.market import NS
from polymm.exchange import refusals
from polymm.exchange.server.answers import Refused, json_response, refusal_response
from polymm.exchange.server.settings import Buckets


class TokenBucket:
    """One bucket, full at first.

    Args:
        rate: Tokens a second.
        burst: Tokens at most.
        now_ns: When it is made.
    """

    __slots__ = ("_at_ns", "_level_e9", "burst", "rate")

    def __init__(self, rate: int, burst: int, now_ns: int) -> None:
        self.rate = rate
        self.burst = burst
        self._level_e9 = burst * NS
        self._at_ns = now_ns

    def remaining(self, now_ns: int) -> int:
        """Whole tokens in it, below 0 while it is in debt."""
        filled_e9 = self._level_e9 + (now_ns - self._at_ns) * self.rate
        self._level_e9, self._at_ns = min(filled_e9, self.burst * NS), now_ns
        return self._level_e9 // NS

    def take(self, now_ns: int, tokens: int) -> bool:
        """Take tokens; False, with nothing changed, where there are fewer."""
        if self.remaining(now_ns) < tokens:
            return False
        self._level_e9 -= tokens * NS
        return True

    def debit(self, tokens: int, *, into_debt: bool) -> None:
        """Take tokens for what was done already: into debt, or down to 0."""
        self._level_e9 -= tokens * NS
        if not into_debt:
            self._level_e9 = max(self._level_e9, 0)

    def ready_ns(self, now_ns: int, tokens: int) -> int:
        """When so many tokens will be in it; now, where they are."""
        missing_e9 = tokens * NS - self._level_e9
        return now_ns + max(-(-missing_e9 // self.rate), 0)


@dataclass(frozen=True, slots=True)
class Toll:
    """What one request owes to its bucket.

    Args:
        bucket: None where nothing is limited.
        cost: Tokens it took, or was refused.
        is_paid: Whether they were there.
        settings: Of the bucket.
    """

    bucket: TokenBucket | None
    cost: int
    is_paid: bool
    settings: Buckets

    @property
    def passes(self) -> bool:
        """Whether the request is carried out."""
        return self.is_paid or self.settings.warns_only

    def headers(self, now_ns: int) -> dict[str, str]:
        """Tell where the bucket stands; ``Reset`` is when it has what was asked for."""
        if self.bucket is None:
            return {}
        remaining = self.bucket.remaining(now_ns)
        wanted = 0 if self.is_paid else min(self.cost, self.bucket.burst)
        ready_ns = self.bucket.ready_ns(now_ns, wanted)
        headers = {
            "Poly-RateLimit-Remaining": str(remaining),
            "Poly-RateLimit-Reset": str(-(-ready_ns // NS)),
            "Poly-RateLimit-Tier": self.settings.tier,
        }
        if not self.is_paid and self.passes:
            headers["Poly-RateLimit-Warning"] = "true"
        elif not self.is_paid and self.cost <= self.bucket.burst:
            headers["Retry-After"] = str(max(-(-(ready_ns - now_ns) // NS), 1))
        return headers

    def debit(self, tokens: int) -> None:
        """Pay for what turned out later: into debt, or down to 0 in tiers that know no debt."""
        if self.bucket is not None:
            self.bucket.debit(tokens, into_debt=self.settings.cancels_may_owe)


class Tolls:
    """The buckets of all addresses.

    Args:
        settings: Of every bucket; a rate of 0 means no limit.
    """

    def __init__(self, settings: Buckets) -> None:
        self._settings = settings
        self._orders: dict[str, TokenBucket] = {}
        self._cancels: dict[str, TokenBucket] = {}

    def order(self, address: str, now_ns: int, cost: int) -> Toll:
        """Take tokens of the orders' bucket."""
        settings = self._settings
        full = TokenBucket(settings.order_rate, settings.order_burst, now_ns)
        return self._take(self._orders.setdefault(address, full), now_ns, cost)

    def cancel(self, address: str, now_ns: int, cost: int) -> Toll:
        """Take tokens of the cancels' bucket."""
        settings = self._settings
        full = TokenBucket(settings.cancel_rate, settings.cancel_burst, now_ns)
        return self._take(self._cancels.setdefault(address, full), now_ns, cost)

    def _take(self, bucket: TokenBucket, now_ns: int, cost: int) -> Toll:
        if not bucket.rate:
            return Toll(None, cost, is_paid=True, settings=self._settings)
        return Toll(bucket, cost, bucket.take(now_ns, cost), self._settings)


def throttled(headers: Mapping[str, str]) -> web.Response:
    """Answer a request that came too fast; when it may come again is said in a header only."""
    refusal = refusals.TOO_MANY_REQUESTS
    return json_response({"error": refusal.text}, status=refusal.status, headers=dict(headers))


async def collect(
    now_ns: Callable[[], int], toll: Toll, act: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Act if the toll lets it; either way the answer says where the bucket stands."""
    if not toll.passes:
        return throttled(toll.headers(now_ns()))
    try:
        response = await act()
    except Refused as refused:
        response = refusal_response(refused.refusal)
    response.headers.update(toll.headers(now_ns()))
    return response
