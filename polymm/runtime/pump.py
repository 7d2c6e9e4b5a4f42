"""What turns the engine over on a loop: events in, a timer for when it wants to be woken."""

import asyncio
from collections.abc import Callable
from typing import Final

from polymm.domain.market import NS
from polymm.engine.driver import Driver
from polymm.engine.events import NEVER_NS
from polymm.engine.evidence import Event, Timer

# A timer that is due is not due again within the same turn of the loop.
WAIT_S_MIN: Final = 0.001
_TIMER: Final = Timer()


class Pump:
    """Steps one driver; all in plain calls.

    Args:
        driver: Whose.
        clock_ns: The session's.
        before: Called with the time before each event that comes from outside; may take others.
        after: Called after each of them, once everything it set off is done.

    Attributes:
        driver: As given.
        recv_ns: When the frame was received that is being acted on, 0 where it is none.
        began_ns: When the event was taken that is being acted on.
    """

    def __init__(
        self,
        driver: Driver,
        clock_ns: Callable[[], int],
        before: Callable[[int], None],
        after: Callable[[Event], None],
    ) -> None:
        self.recv_ns = 0
        self.began_ns = 0
        self.driver = driver
        self._clock_ns = clock_ns
        self._before = before
        self._after = after
        self._is_broken = False
        self._is_taking = False
        self._is_open = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = NEVER_NS

    def open(self) -> None:
        """Begin: the engine starts to prove everything."""
        self._is_open = True
        self._is_taking = True
        try:
            self.driver.start()
        finally:
            self._is_taking = False
        self._after(_TIMER)
        self._arm()

    def close(self) -> None:
        """Wake it no more; what is still told is taken."""
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._timer_ns = None, NEVER_NS

    def break_off(self) -> None:
        """Take nothing any more: the engine is broken, or there is nobody to trade with."""
        self._is_broken = True
        self.close()

    def take(self, event: Event, recv_ns: int = 0) -> None:
        """Step the engine; an event that comes meanwhile is taken next.

        Args:
            recv_ns: When the frame was received that the event tells of, 0 for others.
        """
        if self._is_broken:
            return
        if self._is_taking:
            self.driver.take(event)
            return
        began_ns = self._clock_ns()
        self._before(began_ns)
        self._is_taking = True
        self.recv_ns = recv_ns
        self.began_ns = began_ns
        try:
            self.driver.take(event)
        finally:
            self._is_taking = False
        self._after(event)
        self.recv_ns = 0
        self._arm()

    def _arm(self) -> None:
        at_ns = self.driver.next_timer_ns if self._is_open else NEVER_NS
        if at_ns == self._timer_ns:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_ns = at_ns
        if at_ns < NEVER_NS:
            wait_s = max((at_ns - self._clock_ns()) / NS, WAIT_S_MIN)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._wake)

    def _wake(self) -> None:
        self._timer, self._timer_ns = None, NEVER_NS
        self.take(_TIMER)
