from collections.abc import Mapping
from typing import Any, SupportsIndex

from numpy.typing import NDArray

from polymm._core.quoting import HasFields
from polymm._core.tape_rows import TapeRows

Delay = int | NDArray[Any]

class Backtest:
    def __init__(self, *, cash_e6: int | None = None) -> None: ...
    def add_market(
        self,
        rows: TapeRows,
        params: Mapping[str, int | float] | HasFields,
        cycle: Mapping[str, int | float],
        *,
        start_ns: int,
        end_ns: int,
        cash_e6: int,
        tick_e4: int = 100,
        lot_e6: int = 10_000,
        order_min_e6: int = 5_000_000,
        fee_rate_e6: int = 70_000,
        trade_lag_ns: int = 0,
        outcome: int = -1,
        form: str = "trades",
        queue: str = "risk_averse",
        queue_n: float = 3.0,
        match_ns: int = 1_000_000_000,
        feed_ns: Delay = 100_000_000,
        order_ns: Delay = 50_000_000,
        cancel_ns: Delay = 50_000_000,
        reply_ns: Delay = 50_000_000,
        seed: int = 0,
        merge_delay_ns: int = 5_000_000_000,
        close_margin_ns: int = 0,
        quoter_address: SupportsIndex = 0,
        keep: str = "course",
    ) -> int: ...
    def run(self, until_ns: int | None = None) -> bool: ...
    def stop(self, now_ns: int) -> None: ...
    def notes(self, name: str, number: int = 0) -> NDArray[Any]: ...
    def result(self, number: int = 0) -> dict[str, Any]: ...
