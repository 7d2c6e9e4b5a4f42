"""The account's orders and fills over all desks: each event to the desk it belongs to, once."""

from collections import Counter
from collections.abc import Callable, Container, Iterable

from polymm.runtime.desk import Desk
from polymm.runtime.window_run import Ending
from polymm.venues.polymarket.fill_book import FillBook
from polymm.venues.polymarket.user_events import OrderEvent, OwnFill


class AccountBook:
    """Routes what the venue tells of our orders, and adds up what windows left.

    Args:
        clock_ns: Time of day.

    Attributes:
        counts: What belonged to nobody, by name.
        cash_e6: What all settled windows moved, as the venue lists it.
        owed_e6: What was not redeemed.
    """

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self.counts: Counter[str] = Counter()
        self.cash_e6 = 0
        self.owed_e6 = 0
        self._clock_ns = clock_ns
        self._by_market: dict[str, Desk] = {}
        self._fills = FillBook()

    @property
    def desks(self) -> list[Desk]:
        """All desks at work."""
        return list(self._by_market.values())

    def add(self, desk: Desk) -> None:
        """Take a desk in."""
        self._by_market[desk.market.condition_id] = desk

    def settle(self, desk: Desk, ending: Ending) -> None:
        """Take a desk out and keep what it left."""
        del self._by_market[desk.market.condition_id]
        self.cash_e6 += ending.cash_e6
        self.owed_e6 += ending.owed_e6

    def orders_of(self, condition_id: str) -> Container[str]:
        """Ids of our orders in a market."""
        desk = self._by_market.get(condition_id)
        return desk.dispatch.by_hash if desk is not None else ()

    def take_event(self, event: OrderEvent) -> None:
        """Take an order event."""
        desk = self._by_market.get(event.condition_id)
        if desk is None or event.order_id not in desk.dispatch.by_hash:
            self.counts["foreign_orders"] += 1
        else:
            desk.dispatch.take_event(event)

    def take_fills(self, fills: Iterable[OwnFill]) -> None:
        """Take fills that the user channel or a listing tells; those known already do nothing."""
        now_ns = self._clock_ns()
        for fill in fills:
            desk = self._by_market.get(fill.condition_id)
            if desk is None:
                self.counts["late_fills"] += 1
            elif fill.order_id not in desk.dispatch.by_hash:
                self.counts["foreign_fills"] += 1
            else:
                desk.take_fill(fill, self._fills.apply(fill, now_ns))
