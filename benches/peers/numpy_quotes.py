"""Analysis and quote with NumPy: levels vectorised, the few scalars left in Python."""

import numpy as np
from numpy.typing import NDArray

from benches.peers.quotes import LOOKBACK, MIN_SIZE, Answer, price_quotes

Floats = NDArray[np.float64]


def quote_arrays(
    bid_prices: Floats,
    bid_sizes: Floats,
    ask_prices: Floats,
    ask_sizes: Floats,
    up: float,
    down: float,
) -> Answer | None:
    """Analyse and quote over arrays, best first.

    Args:
        bid_prices: (n,) float64, dollars; the other three alike, sizes in shares.
    """
    bids = np.flatnonzero(bid_sizes >= MIN_SIZE)[:LOOKBACK]
    asks = np.flatnonzero(ask_sizes >= MIN_SIZE)[:LOOKBACK]
    if len(bids) < 2 or len(asks) < 2:
        return None
    best_bid = bid_prices.item(bids.item(0))
    best_ask = ask_prices.item(asks.item(0))
    if best_bid >= best_ask:
        return None
    return Answer._make(
        price_quotes(
            best_bid,
            best_ask,
            bid_sizes[bids].sum().item(),
            ask_sizes[asks].sum().item(),
            bid_prices.item(0),
            ask_prices.item(0),
            up,
            down,
        )
    )
