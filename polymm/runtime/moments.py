"""Where desks stand at a moment, for people who watch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from polymm._core.layout import ASK, BID
from polymm.runtime.desk import Desk


@dataclass(frozen=True, slots=True)
class DeskMoment:
    """Where one desk stands.

    Args:
        elapsed: Share of its window that is over; below 0 before it opens.
        bid, ask: Price in Up terms and size that rest, 0 for none.
        shares_e6: Up and Down held.
        state: A word for people.
    """

    slug: str
    elapsed: float
    bid: tuple[int, int]
    ask: tuple[int, int]
    shares_e6: tuple[int, int]
    fills: int
    merges: int
    state: str


Watch = Callable[[Sequence[DeskMoment]], None]


def moment_of(desk: Desk, now_ns: int) -> DeskMoment:
    """See where a desk stands."""
    market, record = desk.market, desk.record
    elapsed = (now_ns - market.start_ns) / (market.end_ns - market.start_ns)
    state = "ahead" if elapsed < 0 else "trades" if elapsed < 1 else "settles"
    if state == "trades" and desk.obstacles:
        state = "+".join(sorted(desk.obstacles))
    return DeskMoment(
        market.slug,
        elapsed,
        desk.best(BID),
        desk.best(ASK),
        desk.shares_e6,
        len(record.fills),
        len(record.merges),
        state,
    )
