"""Which requotes are worth their tokens.

A requote costs a token for the cancel and one for the new order, and both flow in at the venue's
rate. So the fewer are left, the further a price must have moved: an order that stands is replaced
if the wanted price is at least n ticks away, where n is 1 while half or more of the tokens are left
and doubles with every halving after that. What is left is the smaller of two shares: of the burst
of order tokens, and of the cancel tokens beyond the reserve that keeps every live order
cancellable, which placements never spend. Three things are always worth it, whatever is left:

* an order larger than wanted: it stands outside a limit that has shrunk;
* an order on the wrong side of the fair price, the middle of what is wanted: whoever takes it wins;
* an order for which nothing is wanted, which is no requote but a pull.

While half or more is left, everything that the strategy asks for is worth it.
"""

from collections.abc import Collection, Sequence
from typing import Final, Protocol

from polymm._core.layout import BID
from polymm.engine.planning import is_for
from polymm.engine.ports import BudgetView
from polymm.engine.working import Leg, WorkingOrder

# Further away than any two prices are.
NEVER_TICKS: Final = 10_000


class LiveCount(Protocol):
    """Orders that may be live."""

    def potentially_live(self) -> Collection[object]: ...


class Worth:
    """Says of an order that stands whether replacing it is worth the tokens.

    Args:
        budget: The mirror of the venue's token buckets.
        orders: Those that may be live, of the whole account.
    """

    __slots__ = ("_budget", "_orders")

    def __init__(self, budget: BudgetView, orders: LiveCount) -> None:
        self._budget = budget
        self._orders = orders

    def least_ticks(self, now_ns: int) -> int:
        """Ticks by which a price must be away now to be worth it."""
        budget = self._budget
        orders, cancels = budget.tokens(now_ns)
        order_burst, cancel_burst = budget.bursts
        reserve = budget.reserve(len(self._orders.potentially_live()))
        ticks = 1
        for left, most in ((orders, order_burst), (cancels - reserve, cancel_burst - reserve)):
            if left <= 0:
                return NEVER_TICKS
            while 2 * ticks * left < most:
                ticks *= 2
        return ticks

    def is_worth(
        self, now_ns: int, order: WorkingOrder, wanted: Sequence[Leg], tick_e4: int
    ) -> bool:
        """Whether to replace an order by what is wanted in its place.

        Args:
            wanted: All legs of the quote, of both sides.
        """
        leg = next((leg for leg in wanted if is_for(order, leg)), None)
        if leg is None or order.remaining_e6 > leg.size_e6 or _is_wrong(order, wanted):
            return True
        least = self.least_ticks(now_ns)
        return least == 1 or abs(leg.price_e4 - order.place.price_e4) >= least * tick_e4


def _is_wrong(order: WorkingOrder, wanted: Sequence[Leg]) -> bool:
    """Whether an order stands at or beyond the middle of what is wanted.

    Where only one side is wanted the fair price is not known: then a price better for whoever takes
    it than the wanted one is wrong.
    """
    prices = [leg.up_price_e4 for leg in wanted]
    middle_x2_e4 = min(prices) + max(prices)
    is_one_sided = all(leg.side == order.side for leg in wanted)
    over_x2_e4 = 2 * order.up_price_e4 - middle_x2_e4
    if order.side != BID:
        over_x2_e4 = -over_x2_e4
    return over_x2_e4 > 0 if is_one_sided else over_x2_e4 >= 0
