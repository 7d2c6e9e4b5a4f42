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

`tests/oracle/exposure.py` tries all cases one by one.
"""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple, Protocol

from polymm.domain.order import Place, Side, Token
from polymm.engine.fill_ledger import FillLedger, Position
from polymm.engine.order_life import Life

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


class OrdersView(Protocol):
    """What is asked of the order manager."""

    @property
    def by_hash(self) -> Mapping[str, LiveOrder]: ...

    def potentially_live(self) -> Collection[LiveOrder]: ...


class Load(NamedTuple):
    """What the orders that may be live can still do, as it matters to one more.

    Args:
        low_e6, high_e6: Least (at most 0) and most (at least 0) by which they may move Up less
            Down of the market.
        cost_e10: Most they may pay, by market, 1e-10 dollars.
        selling_e6: What they may sell of the order's token.
        levels: How many there are of its token and side.
        live, planned: How many there are at all, and of these, how many are not signed yet.
        is_met: Whether one of them could trade with it, also by way of the other token.
        is_unknown: Whether it is not known of one of its token and side if it rests.
        is_quarantined: Whether what became of one in its market cannot be found out.
    """

    low_e6: int
    high_e6: int
    cost_e10: Mapping[str, int]
    selling_e6: int
    levels: int
    live: int
    planned: int
    is_met: bool
    is_unknown: bool
    is_quarantined: bool


def weigh(orders: Collection[LiveOrder], market: str, place: Place, margin_e6: int) -> Load:
    """Add up what orders may still do, beside one that is asked about.

    Args:
        orders: All that may be live, of all markets.
        market: Of the order asked about.
        margin_e6: Shares by which each may be filled beyond its size.
    """
    token, side = place.token, place.side
    is_bid = (token is _UP) is (side is _BUY)
    up_e4 = place.price_e4 if token is _UP else 10_000 - place.price_e4
    low_e6 = high_e6 = own_e10 = selling_e6 = levels = planned = 0
    is_met = is_unknown = is_quarantined = False
    cost_e10: dict[str, int] = {}
    for order in orders:
        _, _, its_token, its_side, price_e4, _ = order.place
        reserve_e6, where, life = order.reserve_e6, order.market, order.life
        size_e6 = reserve_e6 + margin_e6
        if life is _PLANNED:
            planned += 1
        is_buy = its_side is _BUY
        if where != market:
            if is_buy:
                cost_e10[where] = cost_e10.get(where, 0) + size_e6 * price_e4
            continue
        if is_buy:
            own_e10 += size_e6 * price_e4
        if its_token is token and its_side is side:
            levels += 1
            if not is_buy:
                selling_e6 += reserve_e6
            if life is _UNKNOWN:
                is_unknown = True
        if its_token is not _UP:
            is_buy = not is_buy
            price_e4 = 10_000 - price_e4
        # From here on in Up terms.
        if is_buy:
            high_e6 += size_e6
            if not is_bid and price_e4 >= up_e4:
                is_met = True
        else:
            low_e6 -= size_e6
            if is_bid and price_e4 <= up_e4:
                is_met = True
        if life is _QUARANTINED:
            is_quarantined = True
    if own_e10:
        cost_e10[market] = own_e10
    return Load(
        low_e6,
        high_e6,
        cost_e10,
        selling_e6,
        levels,
        len(orders),
        planned,
        is_met,
        is_unknown,
        is_quarantined,
    )


def difference_e6(load: Load, up: Position, down: Position, *, is_bid: bool) -> int:
    """Most shares by which the market may lean to the side that a bid, or an ask, leads to.

    Args:
        is_bid: Whether it is asked for a buy of Up or a sale of Down; then Up less Down is
            answered, else Down less Up.
    """
    if is_bid:
        return up.high_e6 - down.low_e6 + load.high_e6
    return down.high_e6 - up.low_e6 - load.low_e6


def money_e10(load: Load, fills: FillLedger, market: str, own_e10: int) -> tuple[int, int]:
    """Most that all markets may cost, and most cash that may leave; 1e-10 dollars.

    Args:
        market: Of an order that may pay ``own_e10`` beside those of the load.
    """
    costs = dict(load.cost_e10)
    costs[market] = costs.get(market, 0) + own_e10
    cash_e10 = fills.total.spending_e10 + sum(costs.values())
    for name, account in fills.accounts.items():
        paid_e10 = account.spending_e10 - account.confirmed_e10 + costs.get(name, 0)
        costs[name] = paid_e10 if paid_e10 > 0 else 0
    return sum(costs.values()), cash_e10
