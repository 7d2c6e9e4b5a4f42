"""Analysis and quote as a Python program would write them: the base strategy in plain floats.

Every form does the whole of it: filter by size, two levels a side, depth over the look-back,
imbalance, middle, inventory skew, adjusted and rounded prices, the post-only guard, skip rule,
position limit and venue minimum; and answers ``Answer``. The parameters are constants here, which
is kinder to these forms than the core's is to itself: it reads them from a structure.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import NamedTuple

from benches.workload import Workload

MIN_SIZE = 5.0
LOOKBACK = 5
MIN_SPREAD = 0.002
MAX_SPREAD = 0.02
K_INVENTORY = 0.01
K_IMBALANCE = 0.005
QUOTE_MIN = 0.01
QUOTE_MAX = 0.99
SKIP_SKEW = 0.7
ORDER_SIZE = 20.0
MAX_POSITION = 200.0
ORDER_MIN = 5.0
LOT = 0.01
TICK = 0.01
TICKS_LOW = 1
TICKS_HIGH = 99
CASES = 16


class Answer(NamedTuple):
    """Prices in dollars, sizes in shares (0: no order); the last three are the analysis."""

    bid: float
    bid_size: float
    ask: float
    ask_size: float
    imbalance: float
    mid: float
    skew: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteCase:
    """A book, best level first, as (price_e4, size_e6), and an inventory in 1e-6 shares."""

    bids: Sequence[tuple[int, int]]
    asks: Sequence[tuple[int, int]]
    up_e6: int
    down_e6: int


def quote_cases(workload: Workload, *, seed: int = 1, n: int = CASES) -> list[QuoteCase]:
    """Take n Up books of the workload, each with an inventory that leaves both sides working."""
    chance = random.Random(seed)
    cases = []
    for frame in workload.books:
        message = json.loads(frame)
        if message["asset_id"] == workload.up_token and len(cases) < n:
            down_e6 = chance.randrange(10, 80) * 1_000_000
            cases.append(
                QuoteCase(
                    bids=_best_first(message["bids"]),
                    asks=_best_first(message["asks"]),
                    up_e6=down_e6 + chance.randrange(-5, 6) * 1_000_000,
                    down_e6=down_e6,
                )
            )
    return cases


def _best_first(levels: list[dict[str, str]]) -> list[tuple[int, int]]:
    return [
        (round(float(level["price"]) * 10_000), round(float(level["size"]) * 1_000_000))
        for level in reversed(levels)
    ]


def price_quotes(
    best_bid: float,
    best_ask: float,
    bid_depth: float,
    ask_depth: float,
    raw_bid: float,
    raw_ask: float,
    up: float,
    down: float,
) -> tuple[float, float, float, float, float, float, float]:
    """Turn an analysed book and an inventory into a quote; plain enough for Numba to compile.

    Comparisons instead of min and max: each call of those would cost a Python program 80 ns.
    """
    total = bid_depth + ask_depth
    imbalance = (bid_depth - ask_depth) / total if total > 1e-12 else 0.0
    mid = (best_bid + best_ask) / 2
    width = best_ask - best_bid
    half = (MIN_SPREAD if width < MIN_SPREAD else MAX_SPREAD if width > MAX_SPREAD else width) / 2
    up_value = up * mid
    down_value = down * (1 - mid)
    value = up_value + down_value
    skew = (up_value - down_value) / value if value > 1e-9 else 0.0
    centre = mid - K_INVENTORY * skew + K_IMBALANCE * imbalance
    low = centre - half
    high = centre + half
    low = QUOTE_MIN if low < QUOTE_MIN else QUOTE_MAX if low > QUOTE_MAX else low
    high = QUOTE_MIN if high < QUOTE_MIN else QUOTE_MAX if high > QUOTE_MAX else high
    bid = floor(low / TICK + 1e-7)
    ask = ceil(high / TICK - 1e-7)
    if ask <= bid:
        ask = bid + 1
        if ask > TICKS_HIGH:
            bid = TICKS_HIGH - 1
            ask = TICKS_HIGH
    raw_bid_ticks = floor(raw_bid / TICK + 0.5)
    raw_ask_ticks = floor(raw_ask / TICK + 0.5)
    if bid >= raw_ask_ticks:
        bid = raw_ask_ticks - 1
    if ask <= raw_bid_ticks:
        ask = raw_bid_ticks + 1

    bid_room = MAX_POSITION * (0.2 if skew > 0.5 else 0.5 if skew > 0.3 else 1.0) - up
    ask_room = MAX_POSITION * (0.2 if skew < -0.5 else 0.5 if skew < -0.3 else 1.0) - down
    bid_size = floor((ORDER_SIZE if bid_room > ORDER_SIZE else bid_room) / LOT + 1e-7) * LOT
    ask_size = floor((ORDER_SIZE if ask_room > ORDER_SIZE else ask_room) / LOT + 1e-7) * LOT
    if bid_size < ORDER_MIN or skew > SKIP_SKEW or bid < TICKS_LOW:
        bid_size = 0.0
    if ask_size < ORDER_MIN or skew < -SKIP_SKEW or ask > TICKS_HIGH:
        ask_size = 0.0
    return bid * TICK, bid_size, ask * TICK, ask_size, imbalance, mid, skew


def quote_lists(
    bid_prices: list[float],
    bid_sizes: list[float],
    ask_prices: list[float],
    ask_sizes: list[float],
    up: float,
    down: float,
) -> Answer | None:
    """Analyse and quote over lists that are kept sorted, best first."""
    bid = analyze_list(bid_prices, bid_sizes)
    ask = analyze_list(ask_prices, ask_sizes)
    if bid is None or ask is None or bid[0] >= ask[0]:
        return None
    return Answer._make(
        price_quotes(bid[0], ask[0], bid[2], ask[2], bid_prices[0], ask_prices[0], up, down)
    )


def analyze_list(prices: list[float], sizes: list[float]) -> tuple[float, float, float] | None:
    """Find best price, second price and depth of one side, None where it is thin."""
    depth = best = second = 0.0
    count = 0
    for price, size in zip(prices, sizes, strict=True):
        if size >= MIN_SIZE:
            count += 1
            depth += size
            if count == 1:
                best = price
            elif count == 2:
                second = price
            if count == LOOKBACK:
                break
    return (best, second, depth) if count >= 2 else None
