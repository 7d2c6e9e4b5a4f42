"""Order entry that sends nothing: for watching a venue with a maker that believes it quotes."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from polymm.domain.market import Market
from polymm.venues.polymarket.results import (
    CancelResult,
    CancelState,
    NewOrder,
    OpenOrder,
    PlaceResult,
    PlaceState,
    SweepResult,
    TradeRecord,
)


class ObservedEntry:
    """Takes every order, rests it on paper, and fills none; holds no connection and no key.

    Attributes:
        withheld: What would have been sent, by kind.
    """

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self.withheld: Counter[str] = Counter({"orders": 0, "cancels": 0})
        self._clock_ns = clock_ns
        self._placed = 0

    def prepare(self, market: Market) -> None:
        """Nothing to prepare."""

    def forget(self, market: Market) -> None:
        """Nothing to forget."""

    def place(
        self, orders: Sequence[NewOrder], on_result: Callable[[PlaceResult], None]
    ) -> list[str]:
        """Answer that each order rests, in a later turn."""
        self.withheld["orders"] += len(orders)
        now_ns = self._clock_ns()
        ids = []
        for _ in orders:
            self._placed += 1
            ids.append(f"observed-{self._placed}")
            result = PlaceResult(order_id=ids[-1], state=PlaceState.LIVE, decided_ns=now_ns)
            _later(on_result, result)
        return ids

    def cancel(self, order_ids: Sequence[str], on_result: Callable[[CancelResult], None]) -> None:
        """Answer that each order is gone, in a later turn."""
        self.withheld["cancels"] += len(order_ids)
        for order_id in order_ids:
            _later(on_result, CancelResult(order_id=order_id, state=CancelState.CANCELED))

    def cancel_market(self, condition_id: str, on_result: Callable[[SweepResult], None]) -> None:
        """Answer that nothing rests."""
        self.withheld["cancels"] += 1
        _later(on_result, SweepResult(state=CancelState.CANCELED, not_canceled={}))

    async def open_orders(self, condition_id: str = "") -> list[OpenOrder]:
        """Nothing of ours rests at the venue."""
        return []

    async def order(self, order_id: str) -> OpenOrder | None:
        """The venue knows none of our orders."""
        return None

    async def trades(self, condition_id: str = "", after_s: int = 0) -> list[TradeRecord]:
        """We traded nothing."""
        return []


def _later(call: Callable[..., None], result: object) -> None:
    asyncio.get_running_loop().call_soon(call, result)
