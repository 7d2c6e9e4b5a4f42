"""The worst that may come of what was sent, over all fills and all settlements, in closed form.

Each order that may be live can still be filled by anything from nothing to its whole reserve, each
provisional fill can stand or fall, and none of them depends on another. So every sum over them is
an interval whose ends are sums of ends:

* Up less Down of a market: the ledger's interval over settlements, widened upwards by every order
  that buys Up or sells Down and downwards by every other;
* what a market costs: what was paid for it less what it brought, provisional purchases counted and
  provisional proceeds not, with every buy filled and no sell; never below 0, so that what one
  market won is no licence to lose it in another. The cost of all markets is the sum;
* cash that may be spent: the same reserves of all buys;
* shares that may be sold: the reserves of all sells of a token.

The ends of each market are kept beside its orders (`Load`), so that one more order is held against
sums that stand ready. `tests/oracle/exposure.py` tries all cases one by one.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, Protocol

from polymm.domain.order import Place, Side, Token
from polymm.engine.fill_ledger import FillLedger, Position
from polymm.engine.life import Life

_UP: Final = Token.UP
_BUY: Final = Side.BUY
_PLANNED: Final = Life.PLANNED
_UNKNOWN: Final = Life.UNKNOWN_NEW
_QUARANTINED: Final = Life.QUARANTINED


class LiveOrder(Protocol):
    """What is asked of an order that may be live."""

    @property
    def place(self) -> Place: ...

    @property
    def market(self) -> str: ...

    @property
    def life(self) -> Life: ...

    @property
    def reserve_e6(self) -> int: ...  # what may still come of it, fills to be had and fills owed


class Load:
    """What the orders of one market that may be live can still do, as it matters to one more.

    Each may be filled by a margin beyond its size; so there are counts beside the sums.

    Attributes:
        planned: How many of them are not signed yet.
        bids_e6, asks_e6: What may still come of orders that buy Up or sell Down, and of the others.
        bids_n, asks_n: How many there are.
        bid_e4, ask_e4: Their best prices in Up terms, 0 and 10000 where there is none.
        paying_e10: Most that the buys may pay, 1e-10 dollars.
        paying_e4: What one share more of each of them would.
        selling_e6: What may be sold, by token.
        levels: How many there are, by `kind_of` token and side.
        unknown: Kinds of which it is not known of one whether it rests, as bits.
        is_quarantined: Whether what became of one cannot be found out.
    """

    __slots__ = (
        "ask_e4",
        "asks_e6",
        "asks_n",
        "bid_e4",
        "bids_e6",
        "bids_n",
        "is_quarantined",
        "levels",
        "paying_e4",
        "paying_e10",
        "planned",
        "selling_e6",
        "unknown",
    )

    def __init__(self) -> None:
        self.planned = 0
        self.bids_e6 = self.asks_e6 = self.bids_n = self.asks_n = 0
        self.bid_e4 = 0
        self.ask_e4 = 10_000
        self.paying_e10 = self.paying_e4 = 0
        self.selling_e6 = [0, 0]
        self.levels = [0, 0, 0, 0]
        self.unknown = 0
        self.is_quarantined = False

    def add(self, order: LiveOrder) -> None:
        """Count one order more."""
        _, _, token, side, price_e4, _ = order.place
        reserve_e6, life = order.reserve_e6, order.life
        kind = kind_of(token, side)
        self.levels[kind] += 1
        if life is _PLANNED:
            self.planned += 1
        elif life is _UNKNOWN:
            self.unknown |= 1 << kind
        elif life is _QUARANTINED:
            self.is_quarantined = True
        is_bid = side is _BUY
        if is_bid:
            self.paying_e10 += reserve_e6 * price_e4
            self.paying_e4 += price_e4
        else:
            self.selling_e6[token] += reserve_e6
        if token is not _UP:
            is_bid = not is_bid
            price_e4 = 10_000 - price_e4
        if is_bid:
            self.bids_e6 += reserve_e6
            self.bids_n += 1
            if price_e4 > self.bid_e4:
                self.bid_e4 = price_e4
        else:
            self.asks_e6 += reserve_e6
            self.asks_n += 1
            if price_e4 < self.ask_e4:
                self.ask_e4 = price_e4


NO_LOAD: Final = Load()
"""Of a market without orders; nobody adds to it."""


class OrdersView(Protocol):
    """What is asked of the order manager."""

    @property
    def by_hash(self) -> Mapping[str, LiveOrder]: ...

    @property
    def version(self) -> int: ...  # grows whenever `loads` may answer something else

    def potentially_live(self) -> Collection[LiveOrder]: ...

    def loads(self) -> Mapping[str, Load]: ...  # of markets with orders that may be live


def kind_of(token: Token, side: Side) -> int:
    """Number a token and side: 0 to 3."""
    return (0 if token is _UP else 2) + (0 if side is _BUY else 1)


def weigh(orders: Iterable[LiveOrder]) -> Load:
    """Add up what orders of one market may still do.

    Args:
        orders: All of it that may be live.
    """
    load = Load()
    for order in orders:
        load.add(order)
    return load


def difference_e6(load: Load, up: Position, down: Position, margin_e6: int, *, is_bid: bool) -> int:
    """Most shares by which the market may lean to the side that a bid, or an ask, leads to.

    Args:
        margin_e6: Shares by which each order may be filled beyond its size.
        is_bid: Whether it is asked for a buy of Up or a sale of Down; then Up less Down is
            answered, else Down less Up.
    """
    if is_bid:
        return up.high_e6 - down.low_e6 + load.bids_e6 + load.bids_n * margin_e6
    return down.high_e6 - up.low_e6 + load.asks_e6 + load.asks_n * margin_e6


def money_e10(
    loads: Mapping[str, Load], fills: FillLedger, margin_e6: int, market: str, own_e10: int
) -> tuple[int, int]:
    """Most that all markets may cost, and most cash that may leave; 1e-10 dollars.

    Args:
        loads: Of all markets.
        margin_e6: Shares by which each order may be filled beyond its size.
        market: Of an order that may pay ``own_e10`` beside those of the loads.
    """
    costs = {market: own_e10}
    cash_e10 = fills.total.spending_e10 + own_e10
    for name, load in loads.items():
        paying_e10 = load.paying_e10 + load.paying_e4 * margin_e6
        cash_e10 += paying_e10
        costs[name] = costs.get(name, 0) + paying_e10
    for name, account in fills.accounts.items():
        costs[name] = costs.get(name, 0) + account.spending_e10 - account.confirmed_e10
    cost_e10 = 0
    for paid_e10 in costs.values():
        if paid_e10 > 0:
            cost_e10 += paid_e10
    return cost_e10, cash_e10
