"""What a Python program would keep a book with, each in the best plain form we could write.

All of them keep both tokens' books and know best bid and ask of both after each message, as a
maker's loop needs them; none of them validates anything. Prices and sizes are floats, as in every
such program we read. ``max`` and ``min`` run only over the side that changed.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from benches.workload import Workload

Levels = dict[int, int]
Tops = tuple[tuple[int, int], tuple[int, int]]


class BookContender(Protocol):
    """A pair of books fed with frames."""

    def feed(self, frame: bytes) -> object:
        """Parse and apply one frame; best bid and ask of both tokens are known afterwards."""

    def sides(self) -> tuple[Levels, Levels, Levels, Levels]:
        """Up bids, Up asks, Down bids, Down asks: 1e-4 dollars to 1e-6 shares."""

    def tops(self) -> Tops:
        """(best bid, best ask) of Up and of Down, 1e-4 dollars; 0 and 10000 where empty."""


class Pair:
    """Two books by token, and how to read them back for comparison."""

    def __init__(self, workload: Workload, make: Callable[[], Any]) -> None:
        self.up, self.down = make(), make()
        self.books = {workload.up_token: self.up, workload.down_token: self.down}

    def sides(self) -> tuple[Levels, Levels, Levels, Levels]:
        up, down = self.up, self.down
        return _fixed(up.bids), _fixed(up.asks), _fixed(down.bids), _fixed(down.asks)

    def tops(self) -> Tops:
        up, down = self.up, self.down
        return (
            (round(up.best_bid * 10_000), round(up.best_ask * 10_000)),
            (round(down.best_bid * 10_000), round(down.best_ask * 10_000)),
        )


def _fixed(side: Mapping[float, float]) -> Levels:
    return {round(price * 10_000): round(size * 1_000_000) for price, size in side.items()}


class DictBook:
    """Two dicts; best by a scan of the side that changed."""

    __slots__ = ("asks", "best_ask", "best_bid", "bids")

    def __init__(self) -> None:
        self.bids: dict[float, float] = {}
        self.asks: dict[float, float] = {}
        self.best_bid = 0.0
        self.best_ask = 1.0

    def replace(self, bids: dict[float, float], asks: dict[float, float]) -> None:
        self.bids, self.asks = bids, asks
        self.best_bid = max(bids, default=0.0)
        self.best_ask = min(asks, default=1.0)

    def change(self, is_bid: bool, price: float, size: float) -> None:
        if is_bid:
            levels = self.bids
            if size:
                levels[price] = size
            else:
                levels.pop(price, None)
            self.best_bid = max(levels, default=0.0)
        else:
            levels = self.asks
            if size:
                levels[price] = size
            else:
                levels.pop(price, None)
            self.best_ask = min(levels, default=1.0)


class KeptBestBook(DictBook):
    """Two dicts and a kept best: a scan only when the best level itself goes."""

    __slots__ = ()

    def change(self, is_bid: bool, price: float, size: float) -> None:
        if is_bid:
            levels = self.bids
            if size:
                levels[price] = size
                if price > self.best_bid:
                    self.best_bid = price
            else:
                levels.pop(price, None)
                if price == self.best_bid:
                    self.best_bid = max(levels, default=0.0)
        else:
            levels = self.asks
            if size:
                levels[price] = size
                if price < self.best_ask:
                    self.best_ask = price
            else:
                levels.pop(price, None)
                if price == self.best_ask:
                    self.best_ask = min(levels, default=1.0)


class Loaded(Pair):
    """A ``loads`` that gives dicts (json, orjson) in front of a pair of books."""

    def __init__(
        self, workload: Workload, make: Callable[[], Any], loads: Callable[[bytes], Any]
    ) -> None:
        super().__init__(workload, make)
        self.loads = loads

    def feed(self, frame: bytes) -> None:
        message = self.loads(frame)
        if message["event_type"] == "price_change":
            books = self.books
            for entry in message["price_changes"]:
                books[entry["asset_id"]].change(
                    entry["side"] == "BUY", float(entry["price"]), float(entry["size"])
                )
        else:
            self.books[message["asset_id"]].replace(
                {float(level["price"]): float(level["size"]) for level in message["bids"]},
                {float(level["price"]): float(level["size"]) for level in message["asks"]},
            )


class Simd(Pair):
    """pysimdjson's lazy proxies in front of a pair of books, one parser reused."""

    def __init__(
        self, workload: Workload, make: Callable[[], Any], parse: Callable[[bytes], Any]
    ) -> None:
        super().__init__(workload, make)
        self.parse = parse

    def feed(self, frame: bytes) -> None:
        message = self.parse(frame)
        if message["event_type"] == "price_change":
            books = self.books
            for entry in message["price_changes"]:
                books[entry["asset_id"]].change(
                    entry["side"] == "BUY", float(entry["price"]), float(entry["size"])
                )
        else:
            self.books[message["asset_id"]].replace(
                {float(level["price"]): float(level["size"]) for level in message["bids"]},
                {float(level["price"]): float(level["size"]) for level in message["asks"]},
            )
