from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, SupportsIndex

from numpy.typing import NDArray

from polymm._core.book import Book
from polymm._core.quoting import HasFields

class QuoteRecord(NamedTuple):
    bid_e4: int
    bid_e6: int
    ask_e4: int
    ask_sell_e6: int
    ask_buy_e6: int
    merge_e6: int
    reasons: int
    bid: float
    ask: float
    skew: float

class Lane:
    def __init__(
        self,
        book: Book,
        params: Mapping[str, int | float] | HasFields,
        *,
        start_ns: int = 0,
        end_ns: int = 0,
        lot_e6: int = 10_000,
        order_min_e6: int = 5_000_000,
        quoter_address: SupportsIndex = 0,
    ) -> None: ...
    def evaluate(self, now_ns: int) -> int: ...
    def set_params(self, params: Mapping[str, int | float] | HasFields) -> None: ...
    def set_inventory(self, up_e6: int, down_e6: int, unsellable_up_e6: int = 0) -> None: ...
    def set_working(
        self, bid_e4: int, bid_e6: int, ask_e4: int, ask_e6: int, now_ns: int
    ) -> None: ...
    def set_last_price(self, price_e4: int) -> None: ...
    def set_fair(self, fair: float) -> None: ...
    @property
    def quote(self) -> QuoteRecord: ...
    @property
    def state_view(self) -> NDArray[Any]: ...
    @property
    def params_view(self) -> NDArray[Any]: ...
    @property
    def quote_view(self) -> NDArray[Any]: ...

def read_record(
    name: Literal["STATE", "PARAMS", "QUOTE"], record: bytes
) -> dict[str, int | float]: ...
