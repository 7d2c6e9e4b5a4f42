"""Slow, obvious twin of the depth analysis: lists, sorting and exact fractions."""

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction

Levels = list[tuple[int, int]]


@dataclass
class Analysis:
    reason: str  # "", "thin_book" or "crossed"
    bids: Levels  # filtered, best first
    asks: Levels
    bid_depth_e6: int
    ask_depth_e6: int
    imbalance: Fraction


def clean(levels: list[tuple[int, int]]) -> dict[int, int]:
    total: dict[int, int] = defaultdict(int)
    for price_e4, size_e6 in levels:
        if 0 < price_e4 < 10_000 and size_e6 > 0:
            total[price_e4] += size_e6
    return dict(total)


def analyse(bids: Levels, asks: Levels, min_size_e6: int, lookback: int) -> Analysis:
    bids = [level for level in clean(bids).items() if level[1] >= min_size_e6]
    asks = [level for level in clean(asks).items() if level[1] >= min_size_e6]
    bids.sort(reverse=True)
    asks.sort()
    bid_depth = sum(size for _, size in bids[:lookback])
    ask_depth = sum(size for _, size in asks[:lookback])
    total = bid_depth + ask_depth
    imbalance = Fraction(bid_depth - ask_depth, total) if total else Fraction(0)
    if len(bids) < 2 or len(asks) < 2:
        reason = "thin_book"
    elif bids[0][0] >= asks[0][0]:
        reason = "crossed"
    else:
        reason = ""
    return Analysis(reason, bids, asks, bid_depth, ask_depth, imbalance)
