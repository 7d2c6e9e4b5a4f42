"""Everybody else in the market: a small seeded crowd that moves the book and takes what it meets.

It is no picture of a market, only cheap: one act changes one level or takes from the top, prices
wander, and every order of ours that is left behind is hit.
"""

from collections.abc import Callable
from itertools import count
from random import Random

from polymm.domain.order import Side, Token
from polymm.exchange.exchange import SPENDER, Exchange
from polymm.exchange.flow_book import ASK, BID
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder, OrderKind
from polymm.exchange.wallets import CASH, Wallet
from tests.simulation.faults import MS

HOUSE = "house"
PLENTY_E6 = 10**13
LEVELS = 8
SHARE_E6 = 1_000_000


class Crowd:
    """The traders of one market.

    Args:
        exchange: Where they trade.
        listing: The market.
        at: Lets something happen later.
        rng: All that is drawn.
        per_s: Acts a second.
        takes: Share of them that take from the top, and most shares of each.
    """

    def __init__(
        self,
        exchange: Exchange,
        listing: Listing,
        at: Callable[[int, Callable[[int], None]], None],
        rng: Random,
        per_s: float,
        takes: tuple[float, int],
    ) -> None:
        self._exchange = exchange
        self._listing = listing
        self._at = at
        self._rng = rng
        self._per_ns = per_s / 1e9
        self._takes, self._take_shares = takes
        self._fair_e4 = rng.randint(2_000, 8_000)
        self._numbers = count(1)
        self._wallet = _house(exchange, listing)
        self._mine: tuple[list[BookOrder], list[BookOrder]] = ([], [])

    def start(self, now_ns: int) -> None:
        """Build a book and go on from there."""
        for side in (BID, ASK):
            for step in range(1, LEVELS - 1):
                self._quote(now_ns, side, step)
        self._act_later(now_ns)

    def _act_later(self, now_ns: int) -> None:
        wait_ns = int(self._rng.expovariate(self._per_ns)) + 1
        self._at(now_ns + wait_ns, self._act)

    def _act(self, now_ns: int) -> None:
        if not self._listing.accepting:
            return
        self._exchange.advance(now_ns)
        rng = self._rng
        what = rng.random()
        side = BID if rng.random() < 0.5 else ASK
        if what < 0.06:
            self._wander()
        if what < self._takes:
            self._take(now_ns, side)
        elif what < 0.55:
            self._quote(now_ns, side, 1 + int(rng.expovariate(0.6)))
        else:
            self._leave(now_ns, side)
        self._act_later(now_ns)

    def _wander(self) -> None:
        tick_e4 = self._listing.ladder.tick_e4
        step_e4 = self._rng.choice((-2, -1, -1, 1, 1, 2)) * max(tick_e4, 50)
        self._fair_e4 = min(max(self._fair_e4 + step_e4, 600), 9_400)

    def _quote(self, now_ns: int, side: int, steps: int) -> None:
        """Rest an order, or take with it what has been left behind."""
        ladder = self._listing.ladder
        tick_e4 = ladder.tick_e4
        away_e4 = steps * tick_e4
        price_e4 = self._fair_e4 - away_e4 if side == BID else self._fair_e4 + away_e4
        price_e4 = min(max(price_e4 // tick_e4 * tick_e4, tick_e4), 10_000 - tick_e4)
        if ladder.crosses(side, price_e4):
            self._enter(now_ns, side, price_e4, self._rng.randint(5, 40))
            return
        order = self._order(now_ns, side, price_e4, self._rng.randint(5, 200))
        self._rest(now_ns, order)
        mine = self._mine[side]
        mine.append(order)
        if len(mine) > 4 * LEVELS:
            self._mine[side][:] = [one for one in mine if one.order_id in self._wallet.orders]

    def _rest(self, now_ns: int, order: BookOrder) -> None:
        """Put an order into the book that was found good: entering it costs three times as much."""
        dealing = self._exchange.dealing
        order.status = "LIVE"
        dealing.open[order.order_id] = (order, self._listing)
        self._wallet.orders[order.order_id] = order
        dealing._rest(now_ns, order, self._listing)

    def _leave(self, now_ns: int, side: int) -> None:
        """Take an own order out, but leave a few levels."""
        mine = self._mine[side]
        if len(self._listing.ladder.prices[side]) < LEVELS // 2:
            self._quote(now_ns, side, 2)
            return
        while mine:
            order = mine.pop(int(self._rng.random() * len(mine)))
            if order.order_id in self._wallet.orders:
                self._exchange.dealing.end(now_ns, order, self._listing, "CANCELED")
                return

    def _take(self, now_ns: int, side: int) -> None:
        """Take what stands at the top of the other side."""
        ladder = self._listing.ladder
        prices = ladder.prices[1 - side]
        if len(prices) > 2:
            price_e4 = prices[0] if side == BID else prices[-1]
            self._enter(now_ns, side, price_e4, self._rng.randint(2, self._take_shares))

    def _enter(self, now_ns: int, side: int, price_e4: int, shares: int) -> None:
        order = self._order(now_ns, side, price_e4, shares, OrderKind.FAK)
        self._exchange.dealing.enter(now_ns, order, self._listing)

    def _order(
        self, now_ns: int, side: int, price_e4: int, shares: int, kind: OrderKind = OrderKind.GTC
    ) -> BookOrder:
        """Make an order of either token: which one decides how a match is made good."""
        token = Token.DOWN if self._rng.random() < 0.3 else Token.UP
        own = Side(side ^ token)
        return BookOrder(
            f"{HOUSE}-{self._listing.number}-{next(self._numbers)}",
            self._wallet,
            "",
            CASH if own is Side.BUY else self._listing.pool.tokens[token],
            token,
            own,
            10_000 - price_e4 if token else price_e4,
            shares * SHARE_E6,
            kind,
            created_ns=now_ns,
            has_waited=True,
        )


def _house(exchange: Exchange, listing: Listing) -> Wallet:
    """Give the crowd of a market all it can ever need."""
    ledger = exchange.ledger
    wallet = ledger.open_wallet(f"{HOUSE}-{listing.number}", is_house=True)
    wallet.allow(SPENDER)
    ledger.deposit(wallet, 2 * PLENTY_E6)
    ledger.split(wallet, listing.pool, PLENTY_E6)
    return wallet


def start_ns_of(listing: Listing) -> int:
    """When a market's crowd arrives: a little before its window."""
    return listing.market.start_ns - 3_000 * MS
