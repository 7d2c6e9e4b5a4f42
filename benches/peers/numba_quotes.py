"""Analysis and quote compiled by Numba: arrays in, one array out.

``quote_into`` takes five arrays, as a program does that keeps prices and sizes apart;
``quote_into_packed`` takes two, the cheapest call we could make: Numba pays by the argument.
"""

import numba
import numpy as np
from numpy.typing import NDArray

from benches.peers.quotes import LOOKBACK, MIN_SIZE, price_quotes

Floats = NDArray[np.float64]

_price_quotes = numba.njit(price_quotes)


@numba.njit
def _analyze(prices: Floats, sizes: Floats) -> tuple[float, float, float, int]:
    depth = best = second = 0.0
    count = 0
    for i in range(prices.shape[0]):
        size = sizes[i]
        if size >= MIN_SIZE:
            count += 1
            depth += size
            if count == 1:
                best = prices[i]
            elif count == 2:
                second = prices[i]
            if count == LOOKBACK:
                break
    return best, second, depth, count


@numba.njit
def quote_into(
    bid_prices: Floats,
    bid_sizes: Floats,
    ask_prices: Floats,
    ask_sizes: Floats,
    up: float,
    down: float,
    out: Floats,
) -> int:
    """Analyse and quote; 1 and a filled ``out`` where there is a quote, else 0.

    Args:
        bid_prices: (n,) float64, best first, dollars; the other three alike, sizes in shares.
        out: (7,) float64, the fields of ``Answer``.
    """
    best_bid, _, bid_depth, bids = _analyze(bid_prices, bid_sizes)
    best_ask, _, ask_depth, asks = _analyze(ask_prices, ask_sizes)
    if bids < 2 or asks < 2 or best_bid >= best_ask:
        return 0
    out[:] = _price_quotes(
        best_bid, best_ask, bid_depth, ask_depth, bid_prices[0], ask_prices[0], up, down
    )
    return 1


@numba.njit
def quote_into_packed(levels: Floats, out: Floats) -> int:
    """Analyse and quote over one array of everything.

    Args:
        levels: (5, n) float64: bid prices, bid sizes, ask prices, ask sizes, then (up, down).
        out: (7,) float64, the fields of ``Answer``.
    """
    return quote_into(levels[0], levels[1], levels[2], levels[3], levels[4, 0], levels[4, 1], out)
