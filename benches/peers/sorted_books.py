"""Two SortedDicts a token, as poly-maker keeps them; best is the first or the last key."""

from sortedcontainers import SortedDict


class SortedDictBook:
    """One token's book."""

    __slots__ = ("asks", "best_ask", "best_bid", "bids")

    def __init__(self) -> None:
        self.bids = SortedDict()
        self.asks = SortedDict()
        self.best_bid = 0.0
        self.best_ask = 1.0

    def replace(self, bids: dict[float, float], asks: dict[float, float]) -> None:
        self.bids, self.asks = SortedDict(bids), SortedDict(asks)
        self.best_bid = self.bids.keys()[-1] if bids else 0.0
        self.best_ask = self.asks.keys()[0] if asks else 1.0

    def change(self, is_bid: bool, price: float, size: float) -> None:
        if is_bid:
            levels = self.bids
            if size:
                levels[price] = size
            else:
                levels.pop(price, None)
            self.best_bid = levels.keys()[-1] if levels else 0.0
        else:
            levels = self.asks
            if size:
                levels[price] = size
            else:
                levels.pop(price, None)
            self.best_ask = levels.keys()[0] if levels else 1.0
