"""What a bid and an ask of one market may be, measured before they are wanted.

The gate holds every order against the worst that may come of all others. Nothing of that depends
on the order itself, so what is left for a bid and an ask is worked out after each step, off the
path, and the path only compares. A room says yes or nothing: where it does not say yes, the gate
looks in detail and finds the name of the refusal, or that there is none.
"""

from collections.abc import Sequence
from typing import Final

from polymm.domain.market import Market
from polymm.domain.order import Place, Side, Token
from polymm.engine.exposure import NO_LOAD, Load, OrdersView, difference_e6, kind_of, money_e10
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.limits import RiskLimits

_UP: Final = Token.UP
_BUY: Final = Side.BUY


class Room:
    """What may go out beside everything that may be live, as long as nothing of it changes.

    Args:
        market: Whose.
        limits: Of the gate.
        merging_e6: Pairs that are not for sale.
        is_reduce_only: Whether only what takes exposure away may go out.

    Attributes:
        version: Of orders and fills when it was measured.
        live, planned: Orders of the account that may be live, and of these, those not signed yet.
    """

    __slots__ = (
        "_ask_e4",
        "_bid_e4",
        "_lot_e6",
        "_margin_e6",
        "_most_e6",
        "_paying_e10",
        "_price_max_e4",
        "_price_min_e4",
        "_size_min_e6",
        "live",
        "planned",
        "version",
    )

    def __init__(
        self,
        market: Market,
        limits: RiskLimits,
        orders: OrdersView,
        fills: FillLedger,
        *,
        merging_e6: int,
        is_reduce_only: bool,
    ) -> None:
        loads = orders.loads()
        load = loads.get(market.condition_id, NO_LOAD)
        self.version = orders.version + fills.version
        self.live = len(orders.potentially_live())
        self.planned = sum(each.planned for each in loads.values())
        self._price_min_e4, self._price_max_e4 = limits.price_min_e4, limits.price_max_e4
        self._size_min_e6, self._lot_e6 = max(market.order_min_e6, 1), market.lot_e6
        self._margin_e6 = margin_e6 = limits.fill_margin_e6
        # Own orders on the other side.
        self._bid_e4, self._ask_e4 = load.bid_e4, load.ask_e4
        is_reduce_only = is_reduce_only or load.is_quarantined
        self._most_e6 = [
            self._most(kind, market, limits, load, fills, merging_e6, is_reduce_only=is_reduce_only)
            for kind in ((token, side) for token in Token for side in Side)
        ]
        # What all markets cost, but for this one; what it has cost and its orders may.
        cost_e10, cash_e10 = money_e10(loads, fills, margin_e6, market.condition_id, 0)
        account = fills.account(market.condition_id)
        own_e10 = load.paying_e10 + load.paying_e4 * margin_e6
        own_e10 += account.spending_e10 - account.confirmed_e10
        left_e10 = limits.max_total_cost_e6 * 10_000 - cost_e10 + max(own_e10, 0)
        # Where the others alone cost too much, what was earned here does not help.
        left_e10 = left_e10 - own_e10 if left_e10 >= 0 else -1
        self._paying_e10 = min(left_e10, fills.total.confirmed_e10 - cash_e10)

    def _most(
        self,
        kind: tuple[Token, Side],
        market: Market,
        limits: RiskLimits,
        load: Load,
        fills: FillLedger,
        merging_e6: int,
        *,
        is_reduce_only: bool,
    ) -> int:
        """Most shares of an order of one token and side; less than any order has for none."""
        token, side = kind
        number = kind_of(token, side)
        if load.unknown & 1 << number or load.levels[number] >= limits.levels_max:
            return 0
        up, down = fills.positions(market.condition_id)
        is_bid = (token is _UP) is (side is _BUY)
        most_e6 = -difference_e6(load, up, down, limits.fill_margin_e6, is_bid=is_bid)
        if not is_reduce_only:
            most_e6 += limits.max_market_e6 - limits.fill_margin_e6
        if side is not _BUY:
            held = up if token is _UP else down
            held_e6 = min(held.low_e6, held.confirmed_e6) - merging_e6
            most_e6 = min(most_e6, held_e6 - load.selling_e6[token])
        return min(most_e6, limits.order_size_max_e6)

    def holds(self, places: Sequence[Place], bid_e4: int, ask_e4: int, tick_e4: int) -> bool:
        """Whether these may go out together for sure: a bid, an ask, or one of each.

        Args:
            bid_e4, ask_e4: The book's best, Up terms.
        """
        most_e6, margin_e6, left_e10 = self._most_e6, self._margin_e6, self._paying_e10
        price_min_e4, price_max_e4 = self._price_min_e4, self._price_max_e4
        size_min_e6, lot_e6 = self._size_min_e6, self._lot_e6
        above_e4 = self._bid_e4 if self._bid_e4 > bid_e4 else bid_e4
        below_e4 = self._ask_e4 if self._ask_e4 < ask_e4 else ask_e4
        has_bid = has_ask = False
        for _, _, token, side, price_e4, size_e6 in places:
            if price_e4 % tick_e4 or not price_min_e4 <= price_e4 <= price_max_e4:
                return False
            if size_e6 < size_min_e6 or size_e6 % lot_e6 or price_e4 * size_e6 % 10_000:
                return False
            is_bid = side is _BUY
            kind = 0 if is_bid else 1
            if is_bid:
                left_e10 -= (size_e6 + margin_e6) * price_e4
            if token is not _UP:
                is_bid = not is_bid
                kind += 2
                price_e4 = 10_000 - price_e4
            if size_e6 > most_e6[kind]:
                return False
            if is_bid:
                if has_bid or price_e4 >= below_e4:
                    return False
                has_bid = True
                above_e4 = price_e4 if price_e4 > above_e4 else above_e4
            else:
                if has_ask or price_e4 <= above_e4:
                    return False
                has_ask = True
                below_e4 = price_e4 if price_e4 < below_e4 else below_e4
        # Whoever only sells pays nothing, and needs no room for it.
        return left_e10 >= 0 or left_e10 == self._paying_e10
