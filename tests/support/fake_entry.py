"""Order entry that a scene answers for, by hand and in any order."""

from collections.abc import Callable, Sequence

from polymm.domain.market import Market
from polymm.domain.order import Side
from polymm.errors import VenueError
from polymm.venues.polymarket.results import (
    CancelResult,
    CancelState,
    MakerFill,
    NewOrder,
    OpenOrder,
    PlaceResult,
    PlaceState,
    SweepResult,
    TradeRecord,
)


class FakeEntry:
    """Notes what is sent; nothing is answered before the scene does it.

    Attributes:
        orders: Placed ones by id.
        cancels: Ids in the order in which their cancels were sent.
        listed: What queries find.
        is_down: Whether queries fail.
    """

    def __init__(self) -> None:
        self.orders: dict[str, NewOrder] = {}
        self.cancels: list[str] = []
        self.sweeps: list[str] = []
        self.listed: dict[str, OpenOrder] = {}
        self.traded: list[TradeRecord] = []
        self.is_down = False
        self.queries = 0
        self._on_placed: dict[str, Callable[[PlaceResult], None]] = {}
        self._on_cancelled: dict[str, Callable[[CancelResult], None]] = {}

    def prepare(self, market: Market) -> None:
        pass

    def forget(self, market: Market) -> None:
        pass

    def place(
        self, orders: Sequence[NewOrder], on_result: Callable[[PlaceResult], None]
    ) -> list[str]:
        ids = []
        for order in orders:
            order_id = f"0x{len(self.orders) + 1:064x}"
            self.orders[order_id] = order
            self._on_placed[order_id] = on_result
            ids.append(order_id)
        return ids

    def cancel(self, order_ids: Sequence[str], on_result: Callable[[CancelResult], None]) -> None:
        for order_id in order_ids:
            self.cancels.append(order_id)
            self._on_cancelled[order_id] = on_result

    def cancel_market(self, condition_id: str, on_result: Callable[[SweepResult], None]) -> None:
        self.sweeps.append(condition_id)
        on_result(SweepResult(state=CancelState.CANCELED, not_canceled={}))

    async def open_orders(self, condition_id: str = "") -> list[OpenOrder]:
        self._ask()
        return list(self.listed.values())

    async def order(self, order_id: str) -> OpenOrder | None:
        self._ask()
        return self.listed.get(order_id)

    async def trades(self, condition_id: str = "", after_s: int = 0) -> list[TradeRecord]:
        self._ask()
        return list(self.traded)

    def _ask(self) -> None:
        self.queries += 1
        if self.is_down:
            raise VenueError("timeout", "no answer", is_known=False)

    # The scene's part

    def answer(self, order_id: str, state: PlaceState, reason: str = "") -> None:
        self._on_placed.pop(order_id)(PlaceResult(order_id=order_id, state=state, reason=reason))

    def answer_cancel(self, order_id: str, state: CancelState, reason: str = "") -> None:
        result = CancelResult(order_id=order_id, state=state, reason=reason)
        self._on_cancelled.pop(order_id)(result)

    def list_order(self, order_id: str, matched_e6: int = 0) -> None:
        order = self.orders[order_id]
        self.listed[order_id] = OpenOrder(
            order_id=order_id,
            status="LIVE",
            condition_id=order.market.condition_id,
            token_id=order.market.up_token,
            side=order.side,
            price_e4=order.price_e4,
            size_e6=order.size_e6,
            matched_e6=matched_e6,
            outcome="Up",
            maker="",
            kind="GTC",
            expiration_s=0,
            created_s=0,
            trade_ids=(),
        )

    def list_trade(self, order_id: str, size_e6: int, trade_id: str = "t") -> None:
        order = self.orders[order_id]
        part = MakerFill(
            order_id=order_id,
            owner="",
            maker="",
            token_id=order.market.up_token,
            side=order.side,
            price_e4=order.price_e4,
            size_e6=size_e6,
        )
        self.traded.append(
            TradeRecord(
                trade_id=trade_id,
                status="CONFIRMED",
                condition_id=order.market.condition_id,
                token_id=order.market.up_token,
                side=Side.SELL,
                price_e4=order.price_e4,
                size_e6=size_e6,
                is_maker=True,
                taker_order_id="0xother",
                matched_s=0,
                updated_s=0,
                transaction_hash="",
                fills=(part,),
            )
        )
