"""Our copy of the venue's token buckets, so that a request it would refuse is not sent.

The venue's headers correct it downwards only: an answer speaks of the past, and requests may have
gone out since. A refusal for too many requests shuts a bucket for as long as the venue asks; that
of cancels for a few seconds at most: an order that nobody may take out is worse than a refusal.
"""

from typing import Final

from polymm.net.http_outcome import Reply
from polymm.net.pacing import Allowance, TokenBucket
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.wire import Tier

_NS: Final = 1_000_000_000
_REMAINING: Final = wire.HEADER_REMAINING.lower().encode()
_TIER: Final = wire.HEADER_TIER.lower().encode()
_WARNING: Final = wire.HEADER_WARNING.lower().encode()
# What a refusal for too many requests costs where the venue names no time.
BLOCK_NS: Final = 1_000_000_000
# Nothing that the venue says keeps cancels back for longer.
CANCEL_WAIT_S_MAX: Final = 5


class Budget:
    """Tokens of one API key.

    Args:
        tier: Where the mirror begins; the venue's headers name the true one.
        now_ns: Now.

    Attributes:
        live: Orders that may rest now, told by whoever knows: so many cancels must stay possible.
        warnings: Answers that said "under enforcement this would have been refused".
    """

    __slots__ = ("_allowance", "_cancels_from_ns", "_orders_from_ns", "live", "tier", "warnings")

    def __init__(self, tier: Tier, now_ns: int) -> None:
        self.tier = tier
        self.live = 0
        self.warnings = 0
        self._allowance = _allowance(tier, now_ns)
        self._orders_from_ns = self._cancels_from_ns = now_ns

    def take_orders(self, count: int, now_ns: int) -> int:
        """Take the tokens of ``count`` placements; 0, else how long to wait in ns."""
        if now_ns < self._orders_from_ns:
            return self._orders_from_ns - now_ns
        if self._allowance.take_orders(count, live=self.live, now_ns=now_ns):
            return 0
        reserve = self._allowance.reserve(self.live + count)
        return max(
            _wait_ns(self._allowance.orders, count, now_ns),
            _wait_ns(self._allowance.cancels, reserve, now_ns),
            1,
        )

    def take_cancels(self, count: int, now_ns: int) -> int:
        """Take the tokens of ``count`` cancels; 0, else how long to wait in ns."""
        if now_ns < self._cancels_from_ns:
            return self._cancels_from_ns - now_ns
        if self._allowance.take_cancels(count, now_ns):
            return 0
        return max(_wait_ns(self._allowance.cancels, count, now_ns), 1)

    def swept(self, count: int, now_ns: int) -> None:
        """Debit what a cancel of all orders turned out to cost, beside its own token."""
        level = self._allowance.cancels.tokens(now_ns)
        self._allowance.cancels.debit(min(count, level - self._least_cancels()), now_ns)

    def orders_answered(self, reply: Reply, now_ns: int) -> None:
        """Believe what the answer to a placement says of the bucket."""
        self._answered(reply, now_ns)
        remaining = _number(reply.header(_REMAINING))
        if remaining is not None:
            self._allowance.orders.lower(remaining, now_ns)

    def cancels_answered(self, reply: Reply, now_ns: int) -> None:
        """Believe what the answer to a cancel says of the bucket."""
        self._answered(reply, now_ns)
        remaining = _number(reply.header(_REMAINING))
        if remaining is not None:
            self._allowance.cancels.lower(max(remaining, self._least_cancels()), now_ns)

    def block_orders(self, wait_ns: int, now_ns: int) -> None:
        """Send no placement for so long: the venue refused one for its rate."""
        self._orders_from_ns = max(self._orders_from_ns, now_ns + (wait_ns or BLOCK_NS))

    def block_cancels(self, wait_ns: int, now_ns: int) -> None:
        """Send no cancel for so long: the venue refused one for its rate."""
        wait_ns = min(wait_ns or BLOCK_NS, CANCEL_WAIT_S_MAX * _NS)
        self._cancels_from_ns = max(self._cancels_from_ns, now_ns + wait_ns)

    def set_tier(self, name: str, now_ns: int) -> None:
        """Go over to another tier's rates; an unknown name changes nothing.

        The new buckets begin with what the old ones held: nobody said that they were filled up.
        """
        tier = wire.TIERS.get(name.lower())
        if tier is None or tier == self.tier:
            return
        old, self._allowance = self._allowance, _allowance(tier, now_ns)
        self.tier = tier
        self._allowance.orders.lower(old.orders.tokens(now_ns), now_ns)
        self._allowance.cancels.lower(old.cancels.tokens(now_ns), now_ns)

    @property
    def bursts(self) -> tuple[int, int]:
        """Most tokens for orders and for cancels."""
        return self.tier.order_burst, self.tier.cancel_burst

    def reserve(self, live: int) -> int:
        """Cancel tokens that placements leave alone while so many orders may be live."""
        return self._allowance.reserve(live)

    def tokens(self, now_ns: int) -> tuple[int, int]:
        """Tokens for orders and for cancels."""
        return self._allowance.orders.tokens(now_ns), self._allowance.cancels.tokens(now_ns)

    def _least_cancels(self) -> int:
        """The level from which a token is there again in time."""
        return 1 - CANCEL_WAIT_S_MAX * self.tier.cancel_rate

    def _answered(self, reply: Reply, now_ns: int) -> None:
        name = reply.header(_TIER)
        if name is not None:
            self.set_tier(name.decode("ascii", "replace"), now_ns)
        self.warnings += (reply.header(_WARNING) or b"").lower() == b"true"


def _allowance(tier: Tier, now_ns: int) -> Allowance:
    return Allowance(
        TokenBucket(rate=tier.order_rate, burst=tier.order_burst, now_ns=now_ns),
        TokenBucket(rate=tier.cancel_rate, burst=tier.cancel_burst, now_ns=now_ns),
    )


def _wait_ns(bucket: TokenBucket, count: int, now_ns: int) -> int:
    """Time until so many tokens are there; an hour where there never will be so many."""
    wait_ns = bucket.wait_ns(count, now_ns)
    return 3_600_000_000_000 if wait_ns is None else wait_ns


def _number(value: bytes | None) -> int | None:
    """Read a header's number, rounded down; None where it is none."""
    text = (value or b"").decode("ascii", "replace").strip()
    whole, _, fraction = text.partition(".")
    if (
        not whole.removeprefix("-").isdigit()
        or len(whole) > 9
        or (fraction and not fraction.isdigit())
    ):
        return None
    return int(whole) - (whole.startswith("-") and bool(fraction.strip("0")))
