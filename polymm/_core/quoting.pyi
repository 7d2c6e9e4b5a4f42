from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Protocol, SupportsIndex

import numpy as np
from numpy.typing import NDArray

InventorySign = Literal["prose", "literal"]

class HasFields(Protocol):
    def as_fields(self) -> Mapping[str, int | float]: ...

class MmPrices(NamedTuple):
    bid_e4: int
    ask_e4: int
    bid: float
    ask: float
    reasons: int

def calculate_mm_prices(
    bid_e4: int,
    ask_e4: int,
    skew: float = 0.0,
    imbalance: float = 0.0,
    *,
    tick_e4: int = 100,
    touch_bid_e4: int | None = None,
    touch_ask_e4: int | None = None,
    inventory_sign: InventorySign = "prose",
    k_inv: float = 0.01,
    k_imb: float = 0.005,
    min_spread: float = 0.002,
    max_spread: float = 0.02,
    quote_min: float = 0.01,
    quote_max: float = 0.99,
) -> MmPrices: ...
def calculate_mm_prices_columns(
    states: NDArray[Any],
    skew: NDArray[np.float64],
    *,
    inventory_sign: InventorySign = "prose",
    k_inv: float = 0.01,
    k_imb: float = 0.005,
    min_spread: float = 0.002,
    max_spread: float = 0.02,
    quote_min: float = 0.01,
    quote_max: float = 0.99,
) -> NDArray[Any]: ...
def quote_columns(
    states: NDArray[Any],
    params: Mapping[str, int | float] | HasFields,
    *,
    quoter_address: SupportsIndex = 0,
) -> NDArray[Any]: ...
