"""Our orders as the tape venue knows them, and who looks on."""

from dataclasses import dataclass
from typing import Protocol

from polymm._core.queue import QueuePosition
from polymm.domain.order import Fill, Place


@dataclass(slots=True)
class VenueOrder:
    """One of our orders as the venue knows it; ``side`` and ``price_e4`` in Up terms.

    ``size = filled + cancelled + rejected + expired + open`` at every moment.
    """

    place: Place
    side: int
    price_e4: int
    open_e6: int
    front_e6: int = 0
    filled_e6: int = 0
    cancelled_e6: int = 0
    rejected_e6: int = 0
    expired_e6: int = 0
    reject_reason: str = ""
    has_rested: bool = False
    cancel_sent: bool = False
    queue: QueuePosition | None = None


class Observer(Protocol):
    """Who looks on at venue time; it must change nothing."""

    def on_book(self, now_ns: int) -> None:
        """The book may have changed."""

    def on_orders(self, now_ns: int) -> None:
        """Other orders of ours rest than before."""

    def on_fill(self, fill: Fill) -> None:
        """An order of ours was filled; the account holds it already."""

    def on_merge(self, now_ns: int, pairs_e6: int) -> None:
        """Pairs became cash; the account holds it already."""
