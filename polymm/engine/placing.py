"""Which of the wanted orders may go out now: none onto a side that still holds another, none that
could meet our own, none after too many rejections."""

from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

from polymm._core.layout import ASK, BID
from polymm.domain.order import Place
from polymm.engine.planning import holds, is_for, meets
from polymm.engine.ports import BookView
from polymm.engine.settings import SECOND, MakerSettings
from polymm.engine.working import Leg, WorkingOrder, WorkingOrders
from polymm.engine.worth import Worth

SELF_MATCH: Final = "self_match_withheld"


class Placer:
    """Places the legs of one side at a time.

    Args:
        orders: Where placements are booked.
        counts: Where withheld orders are counted, by reason.
        book: For the tick of the moment.
        settings: Tolerances and the limit of rejections.
        worth: Which requotes are worth their tokens; None where tokens cost nothing.
    """

    __slots__ = ("_book", "_counts", "_orders", "_rejected_ns", "_settings", "_worth")

    def __init__(
        self,
        orders: WorkingOrders,
        counts: Counter[str],
        book: BookView,
        settings: MakerSettings,
        worth: Worth | None = None,
    ) -> None:
        self._orders = orders
        self._counts = counts
        self._book = book
        self._settings = settings
        self._worth = worth
        size = settings.rejects_max
        self._rejected_ns: tuple[deque[int], deque[int]] = deque(maxlen=size), deque(maxlen=size)

    def kept(self, now_ns: int, wanted: Sequence[Leg]) -> list[WorkingOrder]:
        """Orders that are still what one of the legs asks for, or not worth replacing."""
        return [
            order
            for order in self._orders
            if self._holds(order, wanted) or self._is_spared(now_ns, order, wanted)
        ]

    def note_rejected(self, now_ns: int, side: int) -> None:
        """Remember a rejection; `rejects_max` of them within a second pause the side."""
        self._rejected_ns[side].append(now_ns)

    def place(self, now_ns: int, side: int, legs: Sequence[Leg]) -> tuple[list[Place], str]:
        """Book what of the legs is missing on a side without unproven orders.

        Nothing goes out where an order that stands there no longer holds, because the book moved
        while a proof was on its way: the next cycle replaces it.

        Returns:
            The placements, and the reason why some were withheld, "" where none was.
        """
        missing = [leg for leg in legs if leg.side == side]
        standing = self._orders.on_side(side)
        if standing:
            wanted = missing
            for order in standing:
                if not self._holds(order, wanted):
                    return [], ""
                missing = [leg for leg in missing if not is_for(order, leg)]
        if not missing:
            return [], ""
        if self._is_throttled(now_ns, side):
            self._counts["rejects_throttled"] += 1
            return [], "rejects_throttled"
        placed: list[Place] = []
        withheld = ""
        opposite = self._orders.on_side(ASK if side == BID else BID)
        for leg in missing:
            if opposite and meets(leg, opposite):
                self._counts[SELF_MATCH] += 1
                withheld = SELF_MATCH
            else:
                placed.append(self._orders.place(now_ns, leg))
        return placed, withheld

    def _holds(self, order: WorkingOrder, wanted: Sequence[Leg]) -> bool:
        return holds(order, wanted, self._book.tick_e4, self._settings)

    def _is_spared(self, now_ns: int, order: WorkingOrder, wanted: Sequence[Leg]) -> bool:
        """Whether an order that no longer holds stays all the same: tokens are scarce."""
        worth = self._worth
        if worth is None or not order.is_intended or order.is_unanswered:
            return False
        if worth.is_worth(now_ns, order, wanted, self._book.tick_e4):
            return False
        self._counts["requote_spared"] += 1
        return True

    def _is_throttled(self, now_ns: int, side: int) -> bool:
        times = self._rejected_ns[side]
        return len(times) == self._settings.rejects_max and now_ns - times[0] < SECOND
