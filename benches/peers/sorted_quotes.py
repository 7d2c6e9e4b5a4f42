"""Analysis and quote over two SortedDicts, as a poly-maker style program holds its book."""

from collections.abc import Iterable

from sortedcontainers import SortedDict

from benches.peers.quotes import LOOKBACK, MIN_SIZE, Answer, price_quotes


def quote_sorted(bids: SortedDict, asks: SortedDict, up: float, down: float) -> Answer | None:
    """Walk each side from its best level and stop at the look-back."""
    bid = analyze_sorted(bids, reversed(bids))
    ask = analyze_sorted(asks, asks)
    if bid is None or ask is None or bid[0] >= ask[0]:
        return None
    raw_bid, raw_ask = bids.keys()[-1], asks.keys()[0]
    return Answer._make(price_quotes(bid[0], ask[0], bid[2], ask[2], raw_bid, raw_ask, up, down))


def analyze_sorted(
    levels: SortedDict, prices: Iterable[float]
) -> tuple[float, float, float] | None:
    """Find best price, second price and depth of one side, None where it is thin."""
    depth = best = second = 0.0
    count = 0
    for price in prices:
        size = levels[price]
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
