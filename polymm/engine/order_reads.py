"""What complete reads of the venue prove about all orders of one market at once.

A list of open orders speaks of every order that is not in it. So nothing is noted on the absent
ones: the newest lists are kept here, and an order knows when it was last seen.
"""

from typing import Final

from polymm.engine.events import NEVER_NS

# Lists of open orders, and lists of trades for orders of different age, that are remembered.
LISTS_MAX: Final = 16
TRADES_MAX: Final = 8
# Stretches of time in which the venue could be read.
SLOTS_MAX: Final = 64


class RestHealth:
    """In which stretches of time the venue could be read.

    A read that succeeds tells of its stretch only, so the order of reads does not matter.

    Args:
        slot_ns: Length of a stretch.
    """

    __slots__ = ("_slot_ns", "_slots")

    def __init__(self, slot_ns: int) -> None:
        self._slot_ns = slot_ns
        self._slots: set[int] = set()

    def note(self, recv_ns: int) -> None:
        """Know that a read succeeded."""
        slot = recv_ns // self._slot_ns
        if slot not in self._slots:
            self._slots.add(slot)
            if len(self._slots) > SLOTS_MAX:
                self._slots.remove(min(self._slots))

    def has_passed(self, since_ns: int, span_ns: int) -> bool:
        """Whether the venue could be read for so long since then."""
        first = since_ns // self._slot_ns
        return sum(slot > first for slot in self._slots) * self._slot_ns >= span_ns


class MarketReads:
    """What reads told of one market, as far as it matters to its orders.

    Attributes:
        lists: Begin and end of the newest complete lists of open orders, newest first.
        trades: Complete lists of trades as (began, from when): none both older and shorter.
        closed_ns: When the venue was known to take no orders any more; NEVER_NS while it does.
        doubted_ns: When it last became doubtful whether its orders still rest, 0 for never.
    """

    __slots__ = ("closed_ns", "doubted_ns", "health", "lists", "trades")

    def __init__(self, health: RestHealth) -> None:
        self.health = health
        self.lists: tuple[tuple[int, int], ...] = ()
        self.trades: list[tuple[int, int]] = []
        self.closed_ns = NEVER_NS
        self.doubted_ns = 0

    @property
    def listed_ns(self) -> int:
        """When the newest complete list began, 0 where there is none."""
        return self.lists[0][0] if self.lists else 0

    def note_list(self, began_ns: int, recv_ns: int) -> None:
        """Take a complete list of open orders."""
        ends = dict(self.lists)
        ends[began_ns] = min(ends.get(began_ns, recv_ns), recv_ns)
        self.lists = tuple(sorted(ends.items(), reverse=True)[:LISTS_MAX])

    def note_trades(self, began_ns: int, after_ns: int) -> None:
        """Take a complete list of trades."""
        if any(began >= began_ns and after <= after_ns for began, after in self.trades):
            return
        kept = [(b, a) for b, a in self.trades if b > began_ns or a < after_ns]
        self.trades = sorted([*kept, (began_ns, after_ns)])[-TRADES_MAX:]

    def trades_ns(self, from_ns: int) -> int:
        """When the newest complete list of all trades from a time on began, 0 for none."""
        return max([began for began, after in self.trades if after <= from_ns], default=0)
