"""Real time for the exchange: lets it act when something is due and hands on what it says."""

import asyncio
import time
from collections.abc import Callable, Sequence

from polymm.exchange.exchange import Exchange
from polymm.exchange.market_channel import MarketMessage
from polymm.exchange.user_channel import UserMessage

Message = MarketMessage | UserMessage
Deliver = Callable[[Sequence[Message]], None]

# Nothing is due: look again after this.
IDLE_S = 1.0
# What is due within this time is done in one turn: a loop's timers are no finer, and one that has
# less to wait would run in circles.
TURN_S = 0.001


class Pump:
    """Drives one exchange by the clock of the day.

    Args:
        exchange: What is driven.
        deliver: Gets what was said, oldest first, at most once a turn of the loop.
        clock_ns: Time of day, ns since the epoch.
    """

    def __init__(
        self, exchange: Exchange, deliver: Deliver, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._exchange = exchange
        self._deliver = deliver
        self._clock_ns = clock_ns
        self._timer: asyncio.TimerHandle | None = None
        self._flush: asyncio.Handle | None = None
        self._last_ns = 0

    def now_ns(self) -> int:
        """The exchange's time: never falls, whatever the clock of the day does."""
        self._last_ns = max(self._last_ns, self._clock_ns())
        return self._last_ns

    def start(self) -> None:
        """Begin to act."""
        self._act()

    def stop(self) -> None:
        """Act no more."""
        for handle in (self._timer, self._flush):
            if handle is not None:
                handle.cancel()
        self._timer = self._flush = None

    def wake(self) -> None:
        """Say that a command was carried out: what it caused is told after this turn of the loop.

        Every command to the exchange must be followed by this.
        """
        if self._flush is None:
            self._flush = asyncio.get_running_loop().call_soon(self._act)

    def flush(self) -> None:
        """Hand on what was said so far: all that is said later continues the books as they are."""
        messages = self._exchange.drain()
        if messages:
            self._deliver(messages)

    def _act(self) -> None:
        self._flush = None
        try:
            self._exchange.advance(self.now_ns())
            self.flush()
        finally:
            # An act that fails must not stop the clock for all others.
            self._wait()

    def _wait(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        next_ns = self._exchange.next_ns
        wait_s = IDLE_S if next_ns is None else max((next_ns - self.now_ns()) / 1e9, TURN_S)
        self._timer = asyncio.get_running_loop().call_later(min(wait_s, IDLE_S), self._act)
