"""One market's own facts. Everything here is data of the market, never a constant."""

from dataclasses import dataclass, field
from typing import Literal

NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSchedule:
    """Taker fee ``C * rate * (p * (1 - p)) ** exponent``; makers pay nothing.

    Args:
        rate_e6: Rate in millionths (crypto: 70_000).
        exponent: Only 1 is understood; another value is never quoted.
        rebate_e6: Share of the taker's fee that goes to makers, in millionths.
    """

    rate_e6: int = 70_000
    exponent: int = 1
    rebate_e6: int = 200_000

    def taker_fee_e6(self, price_e4: int, size_e6: int) -> int:
        """Fee in 1e-6 dollars, rounded half up to 5 decimals (docs/strategy.md section 1)."""
        return self.fee_of_e6(size_e6 * price_e4 * (10_000 - price_e4))

    def fee_of_e6(self, weight: int) -> int:
        """Fee for a sum of ``size_e6 * price_e4 * (10_000 - price_e4)``, rounded once."""
        # A weight times rate_e6 is in 1e-20 dollars; 1e-5 dollars are 1e15 of those.
        unit = 10**15
        return (weight * self.rate_e6 + unit // 2) // unit * 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SettlementRule:
    """How the final price is taken: one price (``point``) or an average over ``lookback_ns``."""

    kind: Literal["point", "twap"] = "twap"
    lookback_ns: int = 60 * NS


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One Up/Down window.

    Args:
        slug: For example ``btc-updown-5m-1776323400``.
        up_token: Decimal token id; ``down_token`` is "" where a tape holds one token only.
        start_ns: Window start, ns since the epoch; ``end_ns`` its end.
        tick_e4: Tick at the start, 1e-4 dollars; changes arrive as events.
        lot_e6: 1e-6 shares.
        order_min_e6: Smallest order, 1e-6 shares.
        taker_delay_ns: Time a marketable order is held before it matches.
        version: Generation of the venue's protocol; decides who signs and what is called on chain.
        neg_risk: Whether the market is one of several outcomes that exclude each other.
    """

    slug: str
    condition_id: str
    up_token: str
    down_token: str
    start_ns: int
    end_ns: int
    tick_e4: int = 100
    lot_e6: int = 10_000
    order_min_e6: int = 5_000_000
    fees: FeeSchedule = field(default_factory=FeeSchedule)
    settlement: SettlementRule = field(default_factory=SettlementRule)
    taker_delay_ns: int = 150_000_000
    version: Literal["v1", "v2"] = "v1"
    neg_risk: bool = False
