"""What a synthetic market is made of: rates, sizes, lags and edges of those who trade in it.

The defaults are calibrated so that ``book_statistics`` comes near the recorded BTC 5m book
(docs/strategy.md 4.12); tests/exchange/test_flow_statistics.py holds the bands. Two differences
from those recordings are the rules' own: an average settles earlier than a single price, so that
more books end one-sided, and the finer tick, which was not in use then, makes spreads below a cent.
"""

from dataclasses import dataclass
from typing import Literal

from polymm.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowSettings:
    """Settings of one synthetic market. Rates are per second, sizes in shares, edges in dollars.

    Args:
        window_s: Length of the window, 1..3600 s.
        settlement: ``twap`` compares averages over ``lookback_s``, ``point`` single prices.
        lookback_s: Length of both averages, at most ``window_s``; ignored by ``point``.
        step_ms: Step of the reference price; nobody sees it finer.
        vol_annual: Annual volatility of the reference price, a ratio (0.5 is 50 %).
        vol_of_vol: Standard deviation of the log of volatility, 0 for a constant one.
        vol_memory_s: Time over which volatility clusters.
        taker_delay_ms: Time a taker's order is held before it matches.
        trade_delay_ms: From a match to its ``last_trade_price``; recorded: about 20 ms.
        maker_count: Makers who quote ladders around a lagged fair value.
        maker_lag_ms: Their lags run evenly from the first to the second.
        maker_alarm_lag_ms: The shorter lag with which they notice that a quote has become stale.
        maker_interval_ms: Mean time between two looks of one maker.
        maker_edge: Half-spread each wants around its fair value.
        maker_error: Standard deviation of each maker's private error of fair value.
        maker_levels: Levels a side of one ladder.
        maker_size: Median size of a ladder's first level; deeper ones are larger.
        background_edge: Distance at which the patient, deep orders stay from fair value.
        background_size: Median size of such an order; those at the ends are much larger.
        noise_order_rate: Small limit orders placed near the touch.
        noise_order_size: Their median size.
        noise_order_life_s: Mean time until their owner takes them back.
        noise_take_rate: Market orders of traders who know nothing.
        noise_take_size: Their median size; the distribution is log-normal.
        noise_take_spread: Standard deviation of the log of that size.
        informed_count: Takers who know the fair value first.
        informed_lag_ms: How late even they are.
        informed_interval_ms: Mean time between two looks of one of them.
        informed_edge: Profit per share after the fee that makes them take.
        informed_size: Most they take at once.
        late_s: The last seconds, in which makers widen by ``late_edge_ratio``.
        late_edge_ratio: Factor on ``maker_edge`` in the last ``late_s``.
        late_depth_ratio: Factor on all resting sizes, reached ``late_s`` before the end.
        tick_change: Price beyond which (or below one minus which) the tick becomes 0.001; 1
            keeps it at 0.01 as in the recordings of 2026-04.
        fine_beyond: Price beyond which makers make use of the finer tick.
    """

    window_s: int = 300
    settlement: Literal["twap", "point"] = "twap"
    lookback_s: int = 60
    step_ms: int = 50
    vol_annual: float = 0.5
    vol_of_vol: float = 0.3
    vol_memory_s: float = 60.0
    taker_delay_ms: int = 150
    trade_delay_ms: int = 20
    maker_count: int = 3
    maker_lag_ms: tuple[int, int] = (200, 450)
    maker_alarm_lag_ms: int = 180
    maker_interval_ms: int = 90
    maker_edge: float = 0.0027
    maker_error: float = 0.0012
    maker_levels: int = 5
    maker_size: float = 190.0
    background_edge: float = 0.025
    background_size: float = 170.0
    noise_order_rate: float = 10.0
    noise_order_size: float = 25.0
    noise_order_life_s: float = 1.5
    noise_take_rate: float = 6.5
    noise_take_size: float = 9.0
    noise_take_spread: float = 1.9
    informed_count: int = 2
    informed_lag_ms: int = 20
    informed_interval_ms: int = 50
    informed_edge: float = 0.003
    informed_size: float = 100.0
    late_s: float = 15.0
    late_edge_ratio: float = 4.0
    late_depth_ratio: float = 0.7
    tick_change: float = 0.96
    fine_beyond: float = 0.98

    def __post_init__(self) -> None:
        if not 1 <= self.window_s <= 3600:
            raise InputError(f"window_s must be within 1..3600, was {self.window_s}")
        if not 1 <= self.lookback_s <= self.window_s:
            raise InputError(
                f"lookback_s must be within 1..window_s ({self.window_s}), was {self.lookback_s}"
            )
        if self.step_ms < 1 or 1000 % self.step_ms:
            raise InputError(f"step_ms must divide 1000, was {self.step_ms}")
        for name in ("vol_annual", "maker_interval_ms", "informed_interval_ms", "vol_memory_s"):
            value = getattr(self, name)
            if not value > 0:
                raise InputError(f"{name} must be above 0, was {value}")
        for name in ("noise_order_rate", "noise_take_rate", "maker_count", "informed_count"):
            value = getattr(self, name)
            if value < 0:
                raise InputError(f"{name} must be at least 0, was {value}")


SHORT_WINDOW = FlowSettings(window_s=60, lookback_s=12)
"""One minute of the same kind of market, for quick runs: the price moves faster."""

AS_RECORDED = FlowSettings(settlement="point", tick_change=1.0)
"""The regime of the 2026-04 recordings, for like with like: point rule, one-cent tick always."""
