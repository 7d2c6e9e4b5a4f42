"""How often anything may be sent: I16, by a mirror of the venue's buckets of its own."""

from collections import deque
from dataclasses import dataclass
from typing import Final

from polymm.engine.limits import RiskLimits
from tests.simulation.violations import Violated
from tests.simulation.wire import CANCEL_BURST, CANCEL_RATE, ORDER_BURST, ORDER_RATE

SECOND: Final = 1_000_000_000


@dataclass(slots=True)
class Bucket:
    """One of the venue's token buckets, as it would stand there."""

    rate: float
    burst: float
    tokens: float
    at_ns: int

    def take(self, now_ns: int, cost: float) -> float:
        """Take tokens and answer what is left, below 0 where there were not as many."""
        earned = (now_ns - self.at_ns) * self.rate / SECOND
        self.tokens = min(self.burst, self.tokens + earned) - cost
        self.at_ns = now_ns
        return self.tokens


class Rates:
    """All that one account has sent."""

    def __init__(self, limits: RiskLimits) -> None:
        self._limits = limits
        self._second: deque[int] = deque()
        self._minute: deque[int] = deque()
        self._orders = Bucket(ORDER_RATE, ORDER_BURST, ORDER_BURST, 0)
        self._cancels = Bucket(CANCEL_RATE, CANCEL_BURST, CANCEL_BURST, 0)

    def cancel(self, now_ns: int, count: int) -> None:
        """Count cancels."""
        self._cancels.take(now_ns, count)

    def check(self, now_ns: int, count: int, live: int) -> None:
        """Count orders, and hold that tokens for cancels are left.

        Args:
            live: Orders that rest or may come to rest, these among them.
        """
        limits = self._limits
        left = self._orders.take(now_ns, count)
        if left < 0:
            raise Violated("I16", f"the order bucket would hold {left:.2f}", now_ns)
        reserve = 1.2 * live + 1
        left = self._cancels.take(now_ns, 0)
        if left < reserve:
            text = f"posted with {left:.2f} cancel tokens, the reserve for {live} is {reserve:.2f}"
            raise Violated("I16", text, now_ns)
        for times, span_ns, most, name in (
            (self._second, SECOND, limits.orders_a_second_max, "second"),
            (self._minute, 60 * SECOND, limits.orders_a_minute_max, "minute"),
        ):
            times.extend([now_ns] * count)
            while times[0] <= now_ns - span_ns:
                times.popleft()
            if len(times) > most:
                raise Violated("I16", f"{len(times)} orders in a {name}, limit {most}", now_ns)
