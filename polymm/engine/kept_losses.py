"""What of losses, mark-outs and failed settlements outlives the process that counted them.

A limit that was reached must bind whoever takes the account over, and what had nearly reached one
must count on. So whatever counts is written down as it is counted, and put together again here.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

from polymm.engine.actions import Counted, LimitReached, ResultKnown
from polymm.engine.records import LimitsLifted, LossesKept


@dataclass(slots=True)
class KeptLosses:
    """What counts towards the limits of losses, as far as records told; money in 5e-11 dollars.

    Attributes:
        day: Of the newest result, days since the epoch by UTC.
        won: On that day, below 0 for a loss.
        worths: What fills and held shares of a market came to at its last mark.
        counted: Mark-outs and failed settlements that may still count, oldest first.
        reached: Limits that were reached and not lifted, by name.
    """

    day: int = 0
    won: int = 0
    worths: dict[str, int] = field(default_factory=dict)
    counted: deque[Counted] = field(default_factory=deque)
    reached: dict[str, LimitReached] = field(default_factory=dict)

    def take_result(self, record: ResultKnown, *, is_settled: bool) -> None:
        """Take what the day came to; a settled market is only counted in that."""
        self.day, self.won = record.day, record.won
        if not is_settled:
            self.worths[record.market] = record.worth

    def count(self, record: Counted) -> None:
        """Take a mark-out or a failed settlement, and drop those that count no more."""
        counted = self.counted
        while counted and counted[0].until_ns <= record.at_ns:
            counted.popleft()
        counted.append(record)

    def reach(self, record: LimitReached) -> None:
        """Take a limit that was reached."""
        self.reached.setdefault(record.limit, record)

    def lift(self, record: LimitsLifted) -> None:
        """Begin to count anew; what is held keeps its worth, from which it goes on."""
        self.won = 0
        self.counted.clear()
        self.reached.clear()

    def forget(self, markets: Collection[str]) -> None:
        """Drop the worth of markets that are over: the day's result has it."""
        for market in markets:
            self.worths.pop(market, None)

    def pack(self) -> LossesKept:
        """Put it into a checkpoint's form."""
        return LossesKept(
            self.day,
            self.won,
            tuple(self.worths.items()),
            tuple(self.counted),
            tuple(self.reached.values()),
        )


def unpack(kept: LossesKept) -> KeptLosses:
    """Take it out of a checkpoint."""
    return KeptLosses(
        kept.day,
        kept.won,
        dict(kept.worths),
        deque(kept.counted),
        {reached.limit: reached for reached in kept.reached},
    )
