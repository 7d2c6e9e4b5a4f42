from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polymm._core.book import Book

class Depth(NamedTuple):
    bid_e4: int
    bid_e6: int
    bid2_e4: int
    bid2_e6: int
    ask_e4: int
    ask_e6: int
    ask2_e4: int
    ask2_e6: int
    bid_depth_e6: int
    ask_depth_e6: int
    imbalance: float
    mid: float
    is_crossed: bool

def analyze_depth(
    book: Book, *, min_size_e6: int = 5_000_000, depth_lookback: int = 5
) -> Depth | None: ...
def analyze_levels(
    bids: Iterable[tuple[float, float]],
    asks: Iterable[tuple[float, float]],
    *,
    min_size: float = 5.0,
    depth_lookback: int = 5,
) -> Depth | None: ...
def analyze_depth_columns(
    bid_e4: NDArray[np.int64],
    bid_e6: NDArray[np.int64],
    ask_e4: NDArray[np.int64],
    ask_e6: NDArray[np.int64],
    *,
    min_size_e6: int = 5_000_000,
    depth_lookback: int = 5,
    tick_e4: int = 100,
    lot_e6: int = 10_000,
    order_min_e6: int = 5_000_000,
) -> NDArray[Any]: ...
