"""Slow, obvious twin of the base strategy, step by step after docs/strategy.md section 2.

Everything is an exact fraction of dollars or shares, so that no rounding of its own can agree with
the kernel's by accident. Names of parameters are those of BaseParameters.
"""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor
from typing import Any

from tests.oracle.inventory import limit_scale, mergeable, skew
from tests.oracle.signals import Levels, analyse, clean

TOLERANCE = Fraction(1, 10**9)


@dataclass
class Wanted:
    """Prices in dollars, sizes in shares; None where there is no price."""

    bid: Fraction | None = None
    ask: Fraction | None = None
    bid_tick: Fraction | None = None
    ask_tick: Fraction | None = None
    bid_size: Fraction = Fraction(0)
    sell_size: Fraction = Fraction(0)
    buy_size: Fraction = Fraction(0)
    merge: Fraction = Fraction(0)
    skew: Fraction | None = None
    reasons: set[str] = field(default_factory=set)


def exact(value: float) -> Fraction:
    """The decimal that a parameter was written as."""
    return Fraction(str(value))


def clamp(x: Fraction, low: Fraction, high: Fraction) -> Fraction:
    return max(low, min(high, x))


def floor_to(x: Fraction, step: Fraction) -> Fraction:
    return floor(x / step) * step


def ceil_to(x: Fraction, step: Fraction) -> Fraction:
    return ceil(x / step) * step


def prices(
    mid: Fraction, width: Fraction, adj: Fraction, tick: Fraction, p: Any, wanted: Wanted
) -> None:
    """Steps 8 and 9."""
    low, high = exact(p.quote_min), exact(p.quote_max)
    wanted.bid = clamp(mid - width / 2 + adj, low, high)
    wanted.ask = clamp(mid + width / 2 + adj, low, high)
    low, high = limits(tick, p)
    bid = clamp(floor_to(wanted.bid + TOLERANCE, tick), low, high)
    ask = clamp(ceil_to(wanted.ask - TOLERANCE, tick), low, high)
    if ask <= bid:
        ask = bid + tick
        if ask > high:
            bid, ask = high - tick, high
    wanted.bid_tick, wanted.ask_tick = bid, ask


def limits(tick: Fraction, p: Any) -> tuple[Fraction, Fraction]:
    """The limits of step 9, on the grid."""
    low = max(exact(p.quote_min), tick)
    high = min(exact(p.quote_max), 1 - tick)
    return ceil_to(low, tick), floor_to(high, tick)


def guard(bids: Levels, asks: Levels, tick: Fraction, p: Any, wanted: Wanted) -> None:
    """Step 10, against the unfiltered touch."""
    assert wanted.bid_tick is not None
    assert wanted.ask_tick is not None
    raw_bids, raw_asks = clean(bids), clean(asks)
    low, high = limits(tick, p)
    if raw_asks and wanted.bid_tick >= Fraction(min(raw_asks), 10_000):
        wanted.bid_tick = ceil_to(Fraction(min(raw_asks), 10_000), tick) - tick
    if raw_bids and wanted.ask_tick <= Fraction(max(raw_bids), 10_000):
        wanted.ask_tick = floor_to(Fraction(max(raw_bids), 10_000), tick) + tick
    if not low <= wanted.bid_tick <= high:
        wanted.bid_tick = None
        wanted.reasons.add("bid_guarded_out")
    if not low <= wanted.ask_tick <= high:
        wanted.ask_tick = None
        wanted.reasons.add("ask_guarded_out")


def sizes(
    up: Fraction, down: Fraction, lot: Fraction, order_min: Fraction, p: Any, wanted: Wanted
) -> None:
    """Steps 11 to 13."""
    assert wanted.skew is not None
    order = Fraction(p.order_size_e6, 10**6)
    skip = exact(p.skip_skew)
    scales = [
        (exact(p.scale1_skew), exact(p.scale1)),
        (exact(p.scale2_skew), exact(p.scale2)),
    ]

    def limit(leaning: Fraction) -> Fraction:
        micro = limit_scale(leaning, scales) * p.max_position_e6
        return Fraction(floor(micro + Fraction(1, 2)), 10**6)

    def fit(size: Fraction) -> Fraction:
        size = max(Fraction(0), floor_to(size, lot))
        return size if size >= order_min else Fraction(0)

    if wanted.bid_tick is not None:
        if wanted.skew > skip:
            wanted.reasons.add("bid_too_long")
        else:
            wanted.bid_size = fit(min(order, limit(wanted.skew) - up))
            if not wanted.bid_size:
                wanted.reasons.add("bid_no_room")
    if wanted.ask_tick is not None:
        if wanted.skew < -skip:
            wanted.reasons.add("ask_too_short")
        else:
            if p.ask_mode == "sell_first":
                wanted.sell_size = fit(min(order, up))
            rest = order - wanted.sell_size
            wanted.buy_size = fit(min(rest, limit(-wanted.skew) - down))
            if not wanted.sell_size + wanted.buy_size:
                wanted.reasons.add("ask_no_room")
    if not wanted.bid_size:
        wanted.bid_tick = None
    if not wanted.sell_size + wanted.buy_size:
        wanted.ask_tick = None
    if wanted.bid_tick is None and wanted.ask_tick is None:
        wanted.reasons.add("no_size")


def quote(
    bids: Levels,
    asks: Levels,
    p: Any,
    *,
    up_e6: int = 0,
    down_e6: int = 0,
    last_price_e4: int = 0,
    tick_e4: int = 100,
    lot_e6: int = 10_000,
    order_min_e6: int = 5_000_000,
) -> Wanted:
    """Steps 2 to 14 for one book and one inventory; ``p`` is a BaseParameters."""
    up, down = Fraction(up_e6, 10**6), Fraction(down_e6, 10**6)
    tick = Fraction(tick_e4, 10_000)
    wanted = Wanted(merge=Fraction(mergeable(up, down, Fraction(p.merge_threshold_e6, 10**6))))
    seen = analyse(bids, asks, p.min_size_e6, p.depth_lookback)
    if seen.reason == "crossed" or (seen.reason and p.thin_book == "pull"):
        wanted.reasons.add(seen.reason)
        return wanted
    if not seen.reason:
        best_bid = Fraction(seen.bids[0][0], 10_000)
        best_ask = Fraction(seen.asks[0][0], 10_000)
        mid = (best_bid + best_ask) / 2
        width = clamp(best_ask - best_bid, exact(p.min_spread), exact(p.max_spread))
    elif last_price_e4:
        mid = Fraction(last_price_e4, 10_000)
        width = exact(p.spread)
    else:
        wanted.reasons |= {"thin_book", "no_price"}
        return wanted
    wanted.skew = skew(up, down, mid, p.skew_mode, Fraction(p.max_position_e6, 10**6))
    adj = Fraction(0)
    if not seen.reason:
        sign = {"prose": -1, "literal": 1}[p.inventory_sign]
        adj = sign * exact(p.k_inv) * wanted.skew + exact(p.k_imb) * seen.imbalance
    prices(mid, width, adj, tick, p, wanted)
    guard(bids, asks, tick, p, wanted)
    sizes(up, down, Fraction(lot_e6, 10**6), Fraction(order_min_e6, 10**6), p, wanted)
    return wanted
