"""What a session needs of order entry, so that it can be observed without any."""

from collections.abc import Callable, Sequence
from typing import Protocol

from polymm.domain.market import Market
from polymm.venues.polymarket.results import (
    CancelResult,
    NewOrder,
    OpenOrder,
    PlaceResult,
    SettleResult,
    SweepResult,
    TradeRecord,
)


class OrderEntry(Protocol):
    """The part of `polymm.venues.polymarket.gateway.Gateway` that a desk uses."""

    def prepare(self, market: Market) -> None: ...

    def forget(self, market: Market) -> None: ...

    def place(
        self, orders: Sequence[NewOrder], on_result: Callable[[PlaceResult], None]
    ) -> list[str]: ...

    def cancel(
        self, order_ids: Sequence[str], on_result: Callable[[CancelResult], None]
    ) -> None: ...

    def cancel_market(
        self, condition_id: str, on_result: Callable[[SweepResult], None]
    ) -> None: ...

    async def open_orders(self, condition_id: str = "") -> list[OpenOrder]: ...

    async def order(self, order_id: str) -> OpenOrder | None: ...

    async def trades(self, condition_id: str = "", after_s: int = 0) -> list[TradeRecord]: ...


class Settler(Protocol):
    """Pairs into dollars, and winning shares into dollars."""

    async def merge(self, market: Market, pairs_e6: int) -> SettleResult: ...

    async def redeem(self, market: Market, *, up_e6: int, down_e6: int) -> SettleResult: ...
