"""Price-time matching of one market's two tokens in a single book, in Up terms.

A buy of Up at p and a sell of Down at 1 - p rest as the same bid and share one queue. Which tokens
a taker and a maker trade decides how their match is made good: tokens change hands
(complementary), a pair is made (mint) or burned (merge); one taker may meet all three. The book
knows no money: who may order is settled before, what a match costs after (``wallets``).
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from polymm.domain.order import Side, Token
from polymm.exchange.flow_book import ASK, BID
from polymm.exchange.wallets import Wallet


class OrderKind(StrEnum):
    """How long an order lives."""

    GTC = "GTC"
    GTD = "GTD"
    FOK = "FOK"
    FAK = "FAK"

    @property
    def rests(self) -> bool:
        """Whether what does not match stays in the book."""
        return self in (OrderKind.GTC, OrderKind.GTD)


class MatchKind(StrEnum):
    """How a taker's and a maker's order are made good."""

    COMPLEMENTARY = "complementary"
    MINT = "mint"
    MERGE = "merge"


@dataclass(slots=True, eq=False)
class BookOrder:
    """One order as the exchange knows it, resting or not.

    Args:
        order_id: The hash of the signed order, or any unique text.
        wallet: Whose money it trades.
        owner: Key of the account that sent it, "" for the exchange's own traders.
        held_asset: What it holds back of: cash for a buy, its token's id for a sell.
        token: Outcome bought or sold.
        side: Buy or sell.
        price_e4: Limit, 1e-4 dollars, in the token's own terms.
        size_e6: 1e-6 shares, whole lots; for a buy with a budget what it means at its limit.
        kind: How long it lives.
        post_only: It must not match on entry.
        expires_s: Stated expiration, unix seconds, 0 for none.
        created_ns: When it came in.
        watcher: Called with what is open after each match, with 0 once it is gone.
        budget_e6: Dollars (1e-6) that a FOK or FAK buy spends, None where its size decides.
        has_waited: The taker delay lies behind it: a recorded trade's order.

    Attributes:
        matched_e6: Shares matched so far.
        spent_e6: Dollars (1e-6) they cost or brought, without fees.
        held_e6: What it holds back of its wallet now.
        status: As the venue's events name it.
        trade_ids: Trades it had a part in.
    """

    order_id: str
    wallet: Wallet
    owner: str
    held_asset: str
    token: Token
    side: Side
    price_e4: int
    size_e6: int
    kind: OrderKind = OrderKind.GTC
    post_only: bool = False
    expires_s: int = 0
    created_ns: int = 0
    budget_e6: int | None = None
    has_waited: bool = False
    watcher: Callable[[int], None] | None = None
    matched_e6: int = 0
    spent_e6: int = 0
    held_e6: int = 0
    status: str = ""
    trade_ids: list[str] = field(default_factory=list)

    @property
    def open_e6(self) -> int:
        """Shares not matched yet."""
        return self.size_e6 - self.matched_e6

    @property
    def up_side(self) -> int:
        """BID or ASK in Up terms."""
        return self.side ^ self.token

    @property
    def up_price_e4(self) -> int:
        """Limit in Up terms."""
        return 10_000 - self.price_e4 if self.token else self.price_e4


class Fill(NamedTuple):
    """What a taker takes of one maker.

    Args:
        maker: The resting order.
        size_e6: 1e-6 shares, whole lots.
        up_price_e4: The maker's price in Up terms: both trade at it.
        is_short: The maker leaves the book one lot short of its size.
    """

    maker: BookOrder
    size_e6: int
    up_price_e4: int
    is_short: bool = False

    def price_e4(self, token: Token) -> int:
        """Price in a token's own terms."""
        return 10_000 - self.up_price_e4 if token else self.up_price_e4

    def kind(self, taker: BookOrder) -> MatchKind:
        """How taker and maker are made good."""
        if taker.token is self.maker.token:
            return MatchKind.COMPLEMENTARY
        return MatchKind.MINT if taker.side is Side.BUY else MatchKind.MERGE


class LevelChange(NamedTuple):
    """A level's new total after a change, in Up terms; ``token`` is the changing order's."""

    side: int
    price_e4: int
    total_e6: int
    token: Token


class _Level:
    """Orders at one price, oldest first: the order of the dictionary is the time priority."""

    __slots__ = ("orders", "total_e6")

    def __init__(self) -> None:
        self.orders: dict[str, BookOrder] = {}
        self.total_e6 = 0


_up_price = attrgetter("up_price_e4")


def never(*_: object) -> bool:
    """Decide against whatever is asked."""
    return False


class Ladder:
    """Resting orders of one market by side and price, in Up terms.

    Args:
        tick_e4: Price grid, 1e-4 dollars; kept for those who look, not enforced here.
        lot_e6: Fills are whole lots, so that every amount is whole micro-dollars.
        shorten: Asked for each maker that would be filled whole; True fills it a lot short.
        exceed: Likewise, where the taker wants more; True fills it a lot beyond its size.
    """

    def __init__(
        self,
        tick_e4: int,
        lot_e6: int = 10_000,
        *,
        shorten: Callable[[], bool] = never,
        exceed: Callable[[BookOrder], bool] = never,
    ) -> None:
        self.tick_e4 = tick_e4
        self.prices: tuple[list[int], list[int]] = ([], [])  # ascending, both sides
        self._lot_e6 = lot_e6
        self._shorten = shorten
        self._exceed = exceed
        self._levels: tuple[dict[int, _Level], dict[int, _Level]] = ({}, {})

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

    def orders(self) -> Iterator[BookOrder]:
        """Every resting order: bids before asks, by price upwards, oldest first."""
        for side in (BID, ASK):
            for price_e4 in self.prices[side]:
                yield from self._levels[side][price_e4].orders.values()

    def crosses(self, side: int, price_e4: int) -> bool:
        """Whether an order at this price would match."""
        if side == BID:
            return price_e4 >= self.best_ask_e4
        return price_e4 <= self.best_bid_e4

    def rest(self, order: BookOrder) -> LevelChange:
        """Add what is open of an order that does not cross at the back of its level."""
        side, price_e4 = order.up_side, order.up_price_e4
        assert order.open_e6 > 0
        assert not self.crosses(side, price_e4)
        level = self._levels[side].get(price_e4)
        if level is None:
            level = self._levels[side][price_e4] = _Level()
            insort(self.prices[side], price_e4)
        level.orders[order.order_id] = order
        level.total_e6 += order.open_e6
        return LevelChange(side, price_e4, level.total_e6, order.token)

    def remove(self, order: BookOrder) -> LevelChange | None:
        """Take an order out; None where it does not rest."""
        side, price_e4 = order.up_side, order.up_price_e4
        level = self._levels[side].get(price_e4)
        if level is None or level.orders.pop(order.order_id, None) is None:
            return None
        level.total_e6 -= order.open_e6
        return self._changed(side, price_e4, level, order.token)

    def plan(self, taker: BookOrder, *, is_trial: bool = False) -> tuple[list[Fill], bool]:
        """Find what a taker would take now, best price first, oldest first; change nothing.

        Args:
            taker: The order that comes in.
            is_trial: Nobody will carry it out, so no maker is chosen to be filled short.

        Returns:
            The fills, and whether they complete the order: its size taken, or less left of its
            budget than one lot costs at the last price reached.
        """
        fills: list[Fill] = []
        left_e6, budget_e6 = taker.open_e6, taker.budget_e6
        lot_e6 = self._lot_e6
        for up_price_e4, level in self._reachable(taker):
            own_e4 = 10_000 - up_price_e4 if taker.token else up_price_e4
            for maker in level.orders.values():
                rests_e6 = size_e6 = maker.open_e6
                if budget_e6 is not None:
                    left_e6 = budget_e6 * 10_000 // own_e4 // lot_e6 * lot_e6
                if size_e6 > left_e6:
                    size_e6 = left_e6
                if not size_e6:
                    return fills, True
                is_whole = size_e6 == rests_e6 > lot_e6 and not is_trial
                is_short = is_whole and self._shorten()
                if is_short:
                    size_e6 -= lot_e6
                elif is_whole and size_e6 + lot_e6 <= left_e6 and self._exceed(maker):
                    size_e6 += lot_e6
                if budget_e6 is not None:
                    budget_e6 -= own_e4 * size_e6 // 10_000
                left_e6 -= size_e6
                fills.append(Fill(maker, size_e6, up_price_e4, is_short))
                if not left_e6 and budget_e6 is None:
                    return fills, True
        if budget_e6 is None or not fills:
            return fills, False
        return fills, budget_e6 * 10_000 < fills[-1].price_e4(taker.token) * lot_e6

    def commit(self, taker: BookOrder, fills: Sequence[Fill]) -> Iterator[LevelChange]:
        """Carry out a plan made just before, a level a step; run it to its end.

        Between two steps the book stands as after the level just given. A taker with open size
        may ``rest`` afterwards.
        """
        side = 1 - taker.up_side
        for up_price_e4, group in groupby(fills, key=_up_price):
            level = self._levels[side][up_price_e4]
            for maker, size_e6, _, is_short in group:
                gone = maker.open_e6 if is_short else min(size_e6, maker.open_e6)
                level.total_e6 -= gone
                if gone == maker.open_e6:
                    del level.orders[maker.order_id]
                for order in (taker, maker):
                    own_e4 = 10_000 - up_price_e4 if order.token else up_price_e4
                    order.matched_e6 += size_e6
                    order.spent_e6 += size_e6 * own_e4 // 10_000
            yield self._changed(side, up_price_e4, level, maker.token)

    def _reachable(self, taker: BookOrder) -> Iterator[tuple[int, _Level]]:
        """Levels that a taker's limit reaches, best first."""
        other, limit_e4 = 1 - taker.up_side, taker.up_price_e4
        prices = self.prices[other]
        for price_e4 in prices if other == ASK else reversed(prices):
            if price_e4 > limit_e4 if other == ASK else price_e4 < limit_e4:
                return
            yield price_e4, self._levels[other][price_e4]

    def _changed(self, side: int, price_e4: int, level: _Level, token: Token) -> LevelChange:
        if not level.orders:
            assert not level.total_e6
            del self._levels[side][price_e4]
            prices = self.prices[side]
            del prices[bisect_left(prices, price_e4)]
        return LevelChange(side, price_e4, level.total_e6, token)
