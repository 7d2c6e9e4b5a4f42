"""Whether the loop turns and the clock of the day goes evenly: looked at some times a second.

A loop that stood still has not read its sockets: what it knows is older than it believes (FAILURES
55). A clock that was set, or a machine that slept, moves every window (FAILURES 57).
"""

import asyncio
from collections.abc import Callable
from typing import Final

from polymm.domain.market import NS
from polymm.runtime.clock import Clock

LOOK_S: Final = 0.005
# What is told at all; what follows from it is the engine's to decide.
STALL_NS: Final = 100_000_000
JUMP_NS: Final = NS


class LoopWatch:
    """Looks while it is open.

    Args:
        clock: The session's.
        on_stall: Told for how long the loop did not turn, ns.
        on_jump: Told by how much the clock of the day moved against the monotonic one, ns; the
            session's clock has followed it where it moved forward.
        also: What else is to be looked at as often.

    Attributes:
        longest_ns: The longest time that the loop did not turn.
    """

    def __init__(
        self,
        clock: Clock,
        on_stall: Callable[[int], None],
        on_jump: Callable[[int], None],
        also: Callable[[], None],
    ) -> None:
        self.longest_ns = 0
        self._clock = clock
        self._on_stall = on_stall
        self._on_jump = on_jump
        self._also = also
        self._looked_ns = 0
        self._lead_ns = 0
        self._timer: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin to look."""
        self._looked_ns = self._clock.now_ns()
        self._lead_ns = self._clock.lead_ns()
        self._arm()

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def check(self, now_ns: int) -> None:
        """Tell of a stall at once, before what came meanwhile is acted on."""
        stall_ns = now_ns - self._looked_ns
        if stall_ns >= STALL_NS and self._timer is not None:
            self._looked_ns = now_ns
            self.longest_ns = max(self.longest_ns, stall_ns)
            self._on_stall(stall_ns)

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)

    def _look(self) -> None:
        self._arm()
        now_ns = self._clock.now_ns()
        self.check(now_ns)
        self._looked_ns = now_ns
        lead_ns = self._clock.lead_ns()
        moved_ns = lead_ns - self._lead_ns
        if abs(moved_ns) > JUMP_NS:
            if lead_ns > 0:
                self._clock.follow()
                self._looked_ns = self._clock.now_ns()
            self._lead_ns = self._clock.lead_ns()
            self._on_jump(moved_ns)
        self._also()
