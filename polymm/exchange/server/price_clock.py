"""When reference prices are published, and what they are: the two price sockets share it.

Prices are those that windows settle on. Only what lies in the past is told.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from polymm.domain.market import NS
from polymm.exchange.server.hall import Hall

SPOT_MS: Final = 200
AVERAGE_MS: Final = 1_000
HISTORY_MS: Final = 120_000
# What a stall holds up is told after it, but not all of a long one.
LATE_MS_MAX: Final = 5_000
MS: Final = 1_000_000


class Point(NamedTuple):
    """A published price: when it was observed, ms since the epoch, and 1e-8 dollars."""

    at_ms: int
    price_e8: int

    @property
    def text(self) -> str:
        """Dollars with 18 decimals, as the oracle has them."""
        whole, part = divmod(self.price_e8, 100_000_000)
        return f"{whole}.{part:08d}0000000000"


class PriceClock:
    """Calls at each moment at which spot prices are published, while somebody listens.

    Args:
        hall: Has prices and time.
        on_tick: Gets the moment, ms since the epoch, a multiple of ``SPOT_MS``.
    """

    def __init__(self, hall: Hall, on_tick: Callable[[int], None]) -> None:
        self._hall = hall
        self._on_tick = on_tick
        self._timer: asyncio.TimerHandle | None = None
        self._last_ms = 0
        hall.closers.append(self.stop)

    @property
    def now_ms(self) -> int:
        """The exchange's time, ms since the epoch."""
        return self._hall.now_ns() // MS

    def start(self) -> None:
        """Begin to call; nothing if it does."""
        if self._timer is None:
            self._last_ms = self.now_ms // SPOT_MS * SPOT_MS
            self._wait()

    def stop(self) -> None:
        """Call no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def spot(self, coin: str, at_ms: int) -> Point:
        """Price at a moment."""
        return Point(at_ms, self._hall.markets.prices[coin].price_e8(at_ms * MS))

    def average(self, coin: str, at_ms: int, seconds: float) -> Point:
        """Average over the time that ends at a moment."""
        source = self._hall.markets.prices[coin]
        return Point(at_ms, source.twap_e8(at_ms * MS, round(seconds * NS)))

    def moments(self, step_ms: int, span_ms: int = HISTORY_MS) -> Sequence[int]:
        """List the moments of a history, oldest first; what is published later continues it."""
        last_ms = self._last_ms // step_ms * step_ms
        return range(last_ms - span_ms + step_ms, last_ms + step_ms, step_ms)

    def _wait(self) -> None:
        wait_s = (self._last_ms + SPOT_MS - self.now_ms) / 1_000
        self._timer = asyncio.get_running_loop().call_later(max(wait_s, 0.001), self._tick)

    def _tick(self) -> None:
        at_ms = self.now_ms // SPOT_MS * SPOT_MS
        first_ms = max(self._last_ms, at_ms - LATE_MS_MAX) + SPOT_MS
        self._last_ms = at_ms
        for moment_ms in range(first_ms, at_ms + SPOT_MS, SPOT_MS):
            self._on_tick(moment_ms)
        self._wait()
