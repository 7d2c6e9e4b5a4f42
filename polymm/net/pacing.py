"""Arithmetic of waiting: token buckets, back-off, silence and pings.

Sans-I/O: time arrives as ``now_ns`` of one monotonic clock, randomness as a generator. A clock that
steps back counts as one that stands still.
"""

import random
from typing import Final

SECOND_NS: Final = 1_000_000_000


class TokenBucket:
    """A venue's allowance, mirrored exactly: tokens flow in at a rate up to a burst.

    Levels are kept in 1e-9 tokens, so that a rate per second times nanoseconds loses nothing.

    Args:
        rate: Tokens a second, whole, above 0.
        burst: Most tokens it holds, and what it holds at first; above 0.
        now_ns: Now.
    """

    __slots__ = ("_level_e9", "_seen_ns", "burst", "rate")

    def __init__(self, *, rate: int, burst: int, now_ns: int) -> None:
        if rate <= 0 or burst <= 0:
            raise ValueError(f"rate and burst must be above 0, were {rate} and {burst}")
        self.rate = rate
        self.burst = burst
        self._level_e9 = burst * SECOND_NS
        self._seen_ns = now_ns

    def tokens(self, now_ns: int) -> int:
        """Whole tokens there are; below 0 after a debit that was larger than the level."""
        self._flow(now_ns)
        return self._level_e9 // SECOND_NS

    def take(self, count: int, now_ns: int) -> bool:
        """Take ``count`` tokens if all of them are there, else none; whether they were."""
        self._flow(now_ns)
        if count * SECOND_NS > self._level_e9:
            return False
        self._level_e9 -= count * SECOND_NS
        return True

    def debit(self, count: int, now_ns: int) -> None:
        """Take what a venue charged afterwards, below zero if need be."""
        self._flow(now_ns)
        self._level_e9 -= count * SECOND_NS

    def lower(self, tokens: int, now_ns: int) -> None:
        """Believe a venue that says fewer are left; one that says more speaks of the past."""
        self._flow(now_ns)
        self._level_e9 = min(self._level_e9, tokens * SECOND_NS)

    def wait_ns(self, count: int, now_ns: int) -> int | None:
        """Time until ``count`` tokens are there; None where more than a burst is asked for."""
        if count > self.burst:
            return None
        self._flow(now_ns)
        missing_e9 = max(0, count * SECOND_NS - self._level_e9)
        return -(-missing_e9 // self.rate)

    def _flow(self, now_ns: int) -> None:
        if now_ns > self._seen_ns:
            level_e9 = self._level_e9 + (now_ns - self._seen_ns) * self.rate
            full_e9 = self.burst * SECOND_NS
            self._level_e9 = level_e9 if level_e9 < full_e9 else full_e9
            self._seen_ns = now_ns


class Allowance:
    """Two buckets, orders and cancels; orders stop while cancels could not undo what they leave.

    Args:
        orders: What placements cost.
        cancels: What cancels cost.
        reserve_percent: Cancel tokens that must stay for each order that may be live, 1e-2 tokens.
        reserve_fixed: Cancel tokens that must stay besides.
    """

    __slots__ = ("cancels", "orders", "reserve_fixed", "reserve_percent")

    def __init__(
        self,
        orders: TokenBucket,
        cancels: TokenBucket,
        *,
        reserve_percent: int = 120,
        reserve_fixed: int = 1,
    ) -> None:
        self.orders = orders
        self.cancels = cancels
        self.reserve_percent = reserve_percent
        self.reserve_fixed = reserve_fixed

    def reserve(self, live: int) -> int:
        """Cancel tokens to keep while ``live`` orders may be in the book."""
        return -(-live * self.reserve_percent // 100) + self.reserve_fixed

    def take_orders(self, count: int, *, live: int, now_ns: int) -> bool:
        """Take the tokens for ``count`` placements beside ``live`` orders; whether they were had.

        They are refused when the cancel bucket could not take out all of them afterwards.
        """
        if self.cancels.tokens(now_ns) < self.reserve(live + count):
            return False
        return self.orders.take(count, now_ns)

    def take_cancels(self, count: int, now_ns: int) -> bool:
        """Take the tokens for ``count`` cancels: the reserve is theirs; whether they were had."""
        return self.cancels.take(count, now_ns)


class Backoff:
    """Growing, jittered waits after failures: uniform between ``floor_ns`` and a doubling bound.

    Args:
        rng: Source of the jitter.
        base_ns: Bound of the first wait.
        cap_ns: Bound that is never exceeded but by what a venue asks for.
        floor_ns: Least wait.
    """

    __slots__ = ("_rng", "base_ns", "cap_ns", "failures", "floor_ns")

    def __init__(self, rng: random.Random, *, base_ns: int, cap_ns: int, floor_ns: int = 0) -> None:
        if not 0 <= floor_ns <= base_ns <= cap_ns or base_ns == 0:
            raise ValueError(
                f"expected floor <= base <= cap and base above 0, "
                f"were {floor_ns}, {base_ns} and {cap_ns} ns"
            )
        self._rng = rng
        self.base_ns = base_ns
        self.cap_ns = cap_ns
        self.floor_ns = floor_ns
        self.failures = 0

    def next_ns(self, retry_after_ns: int = 0) -> int:
        """Count a failure and answer how long to wait; never less than the venue asked for."""
        # 64 doublings are past any cap; without the bound the number would grow for days.
        bound_ns = min(self.cap_ns, self.base_ns << min(self.failures, 64))
        self.failures += 1
        wait_ns = self.floor_ns + int(self._rng.random() * (bound_ns - self.floor_ns))
        return max(wait_ns, retry_after_ns)

    def succeed(self) -> None:
        """Begin again at the first wait."""
        self.failures = 0


class AgeWatch:
    """Whether something was seen recently enough: bytes of a link, changes of a book.

    Args:
        limit_ns: An age above this is too old.
        now_ns: Counts as a first sight, so that a fresh link has its time too.
    """

    __slots__ = ("limit_ns", "seen_ns")

    def __init__(self, *, limit_ns: int, now_ns: int) -> None:
        self.limit_ns = limit_ns
        self.seen_ns = now_ns

    def touch(self, now_ns: int) -> None:
        """Note a sight; one older than the last changes nothing."""
        self.seen_ns = max(self.seen_ns, now_ns)

    def age_ns(self, now_ns: int) -> int:
        """Time since the last sight, never below 0."""
        return max(0, now_ns - self.seen_ns)

    def is_old(self, now_ns: int) -> bool:
        """Whether the age is above the limit."""
        return self.age_ns(now_ns) > self.limit_ns

    def left_ns(self, now_ns: int) -> int:
        """How long to wait before `is_old` is worth asking again; at least 1."""
        return max(1, self.limit_ns + 1 - self.age_ns(now_ns))


class PingClock:
    """When to ping a link, and how long the answer has been waited for.

    One ping is out at a time; one that is not answered is not repeated.

    Args:
        interval_ns: From one ping to the next.
        now_ns: The first ping is due one interval later.
    """

    __slots__ = ("_asked_ns", "_last_ns", "interval_ns")

    def __init__(self, *, interval_ns: int, now_ns: int) -> None:
        self.interval_ns = interval_ns
        self._last_ns = now_ns
        self._asked_ns: int | None = None

    def is_due(self, now_ns: int) -> bool:
        """Whether to send a ping now."""
        return self._asked_ns is None and now_ns - self._last_ns >= self.interval_ns

    def sent(self, now_ns: int) -> None:
        """Note a ping that was sent."""
        self._last_ns = self._asked_ns = now_ns

    def answered(self, now_ns: int) -> int | None:
        """Note an answer; its round trip, None where no ping was out."""
        asked_ns, self._asked_ns = self._asked_ns, None
        return None if asked_ns is None else max(0, now_ns - asked_ns)

    def waited_ns(self, now_ns: int) -> int:
        """How long the ping that is out has been, 0 where none is."""
        return 0 if self._asked_ns is None else max(0, now_ns - self._asked_ns)
