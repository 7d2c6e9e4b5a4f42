"""The time of day as everything in one process reads it: it never falls and never jumps."""

import time
from collections.abc import Callable


class Clock:
    """The day's clock, carried on by the monotonic one.

    Windows begin and end by the time of day, ages and waits must not feel somebody setting the
    clock. So the offset between the two is taken now and then, when nothing is quoted, and only
    forward.

    Args:
        wall_ns: Time of day, ns since the epoch.
        monotonic_ns: A clock that only runs.
    """

    __slots__ = ("_monotonic_ns", "_offset_ns", "_wall_ns")

    def __init__(
        self,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._offset_ns = wall_ns() - monotonic_ns()

    def now_ns(self) -> int:
        """Ns since the epoch."""
        return self._monotonic_ns() + self._offset_ns

    def lead_ns(self) -> int:
        """How far the clock of the day is ahead of this one, ns; below 0 where it was set back."""
        return self._wall_ns() - self._monotonic_ns() - self._offset_ns

    def follow(self) -> int:
        """Take over what the clock of the day has gained; answers its lead, ns.

        A clock that was set back is not followed: its lag is answered, below 0.
        """
        lead_ns = self.lead_ns()
        self._offset_ns += max(lead_ns, 0)
        return lead_ns
