from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

REASON_TOO_LONG: Final[str]
REASON_TOO_SHORT: Final[str]

SkewMode = Literal["value", "shares", "net_limit"]

def inventory_skew(
    up_e6: int,
    down_e6: int,
    mid: float,
    *,
    mode: SkewMode = "value",
    max_position_e6: int = 5_000_000,
) -> float: ...
def should_skip_side(side: int, skew: float, *, skip_skew: float = 0.7) -> tuple[bool, str]: ...
def position_limit(
    side: int,
    skew: float,
    max_position_e6: int,
    *,
    scale1_skew: float = 0.5,
    scale1: float = 0.2,
    scale2_skew: float = 0.3,
    scale2: float = 0.5,
) -> int: ...
def merge_opportunity(up_e6: int, down_e6: int, threshold_e6: int = 100_000) -> int: ...
def inventory_skew_columns(
    up_e6: NDArray[np.int64],
    down_e6: NDArray[np.int64],
    mid: NDArray[np.float64],
    *,
    mode: SkewMode = "value",
    max_position_e6: int = 5_000_000,
) -> NDArray[np.float64]: ...
def should_skip_side_columns(
    side: int, skew: NDArray[np.float64], *, skip_skew: float = 0.7
) -> NDArray[np.bool_]: ...
def position_limit_columns(
    side: int,
    skew: NDArray[np.float64],
    max_position_e6: int,
    *,
    scale1_skew: float = 0.5,
    scale1: float = 0.2,
    scale2_skew: float = 0.3,
    scale2: float = 0.5,
) -> NDArray[np.int64]: ...
def merge_opportunity_columns(
    up_e6: NDArray[np.int64], down_e6: NDArray[np.int64], threshold_e6: int = 100_000
) -> NDArray[np.int64]: ...
