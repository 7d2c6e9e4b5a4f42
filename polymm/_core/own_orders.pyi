from typing import Any

from numpy.typing import NDArray

from polymm._core.tape_rows import TapeRows

SCRIPT_FIELDS: tuple[str, ...]
PLACE: int
CANCEL: int

def play_orders(
    rows: TapeRows,
    script: NDArray[Any],
    *,
    start_ns: int,
    end_ns: int,
    tick_e4: int = 100,
    lot_e6: int = 10_000,
    order_min_e6: int = 5_000_000,
    fee_rate_e6: int = 70_000,
    trade_lag_ns: int = 0,
    form: str = "trades",
    queue: str = "risk_averse",
    queue_n: float = 3.0,
    match_ns: int = 1_000_000_000,
    is_first: bool = False,
    min_size_e6: int = 0,
) -> tuple[NDArray[Any], NDArray[Any], dict[int, str]]: ...
