"""The small matching book of synthetic markets: price-time priority over one unified Up book."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import NamedTuple, Protocol

BID = 0
ASK = 1


class Owner(Protocol):
    """Who stands behind a resting order."""

    def order_left(self, order_id: int, size_e6: int) -> None:
        """Hear that ``size_e6`` of the order still rests; 0: it is gone."""
        ...


class Match(NamedTuple):
    """What a taker took at one price, and what the level holds after it."""

    price_e4: int
    size_e6: int
    left_e6: int


class _Level:
    """Orders at one price, oldest first: ``{order_id: size_e6}`` keeps the time priority."""

    __slots__ = ("orders", "total_e6")

    def __init__(self) -> None:
        self.orders: dict[int, int] = {}
        self.total_e6 = 0


class MatchingBook:
    """Resting orders by side and price, in Up terms.

    Prices are 1e-4 dollars within 1..9999, sizes 1e-6 shares. Order ids are unique.
    """

    def __init__(self, tick_e4: int) -> None:
        self.tick_e4 = tick_e4
        self.prices: tuple[list[int], list[int]] = ([], [])  # ascending, both sides
        self._levels: tuple[dict[int, _Level], dict[int, _Level]] = ({}, {})
        self._orders: dict[int, tuple[int, int, Owner]] = {}  # side, price, owner

    @property
    def best_bid_e4(self) -> int:
        """Best bid, 0 if there is none."""
        return self.prices[BID][-1] if self.prices[BID] else 0

    @property
    def best_ask_e4(self) -> int:
        """Best ask, 10000 if there is none."""
        return self.prices[ASK][0] if self.prices[ASK] else 10_000

    def size_e6(self, side: int, price_e4: int) -> int:
        """Shares resting at one price."""
        level = self._levels[side].get(price_e4)
        return level.total_e6 if level else 0

    def crosses(self, side: int, price_e4: int) -> bool:
        """Whether an order at this price would match."""
        if side == BID:
            return price_e4 >= self.best_ask_e4
        return price_e4 <= self.best_bid_e4

    def rest(self, owner: Owner, order_id: int, side: int, price_e4: int, size_e6: int) -> int:
        """Add an order that does not cross at the back of its level; answer the new total."""
        assert 0 < price_e4 < 10_000
        assert size_e6 > 0
        assert not self.crosses(side, price_e4)
        level = self._levels[side].get(price_e4)
        if level is None:
            level = self._levels[side][price_e4] = _Level()
            insort(self.prices[side], price_e4)
        level.orders[order_id] = size_e6
        level.total_e6 += size_e6
        self._orders[order_id] = (side, price_e4, owner)
        return level.total_e6

    def pull(self, order_id: int) -> tuple[int, int, int] | None:
        """Take an order out; answer (side, price, new total), None if it no longer rests."""
        found = self._orders.pop(order_id, None)
        if found is None:
            return None
        side, price_e4, _ = found
        level = self._levels[side][price_e4]
        level.total_e6 -= level.orders.pop(order_id)
        total_e6 = level.total_e6
        if not total_e6:
            self._remove(side, price_e4)
        return side, price_e4, total_e6

    def take(self, side: int, limit_e4: int, size_e6: int) -> Iterator[Match]:
        """Match a taker who buys (``BID``) or sells (``ASK``) up to its limit; no rest remains.

        One level a step: between two steps the book stands as after the last match yielded.
        """
        other = 1 - side
        while size_e6 and self.prices[other] and self.crosses(side, limit_e4):
            price_e4 = self.prices[other][0 if other == ASK else -1]
            level = self._levels[other][price_e4]
            taken_e6 = self._take_level(level, size_e6)
            if not level.total_e6:
                self._remove(other, price_e4)
            size_e6 -= taken_e6
            yield Match(price_e4, taken_e6, level.total_e6)

    def _take_level(self, level: _Level, size_e6: int) -> int:
        left_e6 = size_e6
        for order_id, rests_e6 in list(level.orders.items()):
            fill_e6 = min(left_e6, rests_e6)
            owner = self._orders[order_id][2]
            if fill_e6 == rests_e6:
                del level.orders[order_id], self._orders[order_id]
            else:
                level.orders[order_id] = rests_e6 - fill_e6
            level.total_e6 -= fill_e6
            left_e6 -= fill_e6
            owner.order_left(order_id, rests_e6 - fill_e6)
            if not left_e6:
                break
        return size_e6 - left_e6

    def _remove(self, side: int, price_e4: int) -> None:
        del self._levels[side][price_e4]
        prices = self.prices[side]
        del prices[bisect_left(prices, price_e4)]
