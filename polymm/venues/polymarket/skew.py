"""How far the venue's clock is from ours, from answers that are whole seconds and took a while.

An answer of ``s`` seconds to a request between our times ``a`` and ``b`` says that the venue's
clock stood somewhere in [s, s + 1) while ours was in [a, b]: the offset lies between ``s - b`` and
``s + 1 - a``. Each further answer narrows that.
"""

from typing import Final

_SECOND_NS: Final = 1_000_000_000


class ClockSkew:
    """What to add to our time of day to get the venue's.

    Attributes:
        samples: Answers that the bounds rest on.
        low_ns: Least offset that fits all of them; ``high_ns`` the greatest.
    """

    __slots__ = ("high_ns", "low_ns", "samples")

    def __init__(self) -> None:
        self.samples = 0
        self.low_ns = self.high_ns = 0

    @property
    def offset_ns(self) -> int:
        """The correction: none where our clock may well be right, else the middle of the bounds."""
        if self.low_ns <= 0 <= self.high_ns:
            return 0
        return (self.low_ns + self.high_ns) // 2

    def sampled(self, server_s: int, *, asked_ns: int, answered_ns: int) -> None:
        """Take an answer.

        Args:
            server_s: Unix seconds, as the venue said.
            asked_ns: Our time of day when the request was written.
            answered_ns: And when its answer was there.
        """
        low_ns = server_s * _SECOND_NS - answered_ns
        high_ns = (server_s + 1) * _SECOND_NS - asked_ns
        narrowed = max(low_ns, self.low_ns), min(high_ns, self.high_ns)
        if self.samples and narrowed[0] <= narrowed[1]:
            self.low_ns, self.high_ns = narrowed
            self.samples += 1
        else:
            # The first, or one of the clocks was set since: older answers say nothing any more.
            self.low_ns, self.high_ns = low_ns, high_ns
            self.samples = 1
