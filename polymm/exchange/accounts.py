"""The venue's own books on one trader in one market: cash, shares, what open orders hold back.

Integers only. A fill of whole lots at a price on the 1e-4 grid is a whole number of 1e-6 dollars
(0.01 share times 1e-4 dollars), so nothing is ever rounded; what is not whole is refused.
"""

from dataclasses import dataclass

from polymm.domain.order import Place, Side, Token
from polymm.errors import LedgerError


def notional_e6(price_e4: int, size_e6: int) -> int:
    """Price times size in 1e-6 dollars.

    Raises:
        LedgerError: The product is not a whole number of 1e-6 dollars.
    """
    whole, rest = divmod(price_e4 * size_e6, 10_000)
    if rest:
        raise LedgerError(
            f"price_e4 {price_e4} times size_e6 {size_e6} must be whole 1e-6 dollars,"
            f" {rest}e-10 dollars are left over"
        )
    return whole


@dataclass(slots=True)
class Hold:
    """What one open order holds back: cash for a buy, shares for a sell."""

    token: Token
    side: Side
    price_e4: int
    remaining_e6: int

    @property
    def cash_e6(self) -> int:
        """Cash held back, 1e-6 dollars."""
        return notional_e6(self.price_e4, self.remaining_e6) if self.side is Side.BUY else 0


class Account:
    """One trader's ledger in one market.

    Args:
        cash_e6: Starting cash, 1e-6 dollars.

    Attributes:
        cash_e6: Cash, reserved or not.
        shares_e6: [Up, Down] held, locked or not.
        reserved_e6: Cash held back by open buys.
        locked_e6: [Up, Down] held back by open sells.
        merging_e6: Pairs on their way to cash; still in ``shares_e6``, no longer free.
    """

    __slots__ = (
        "_bought_e6",
        "_fees_e6",
        "_holds",
        "_merged_e6",
        "_settled_e6",
        "_share_flow_e6",
        "_sold_e6",
        "cash_e6",
        "cash_start_e6",
        "locked_e6",
        "merging_e6",
        "reserved_e6",
        "shares_e6",
    )

    def __init__(self, cash_e6: int) -> None:
        self.cash_start_e6 = cash_e6
        self.cash_e6 = cash_e6
        self.shares_e6 = [0, 0]
        self.reserved_e6 = 0
        self.locked_e6 = [0, 0]
        self.merging_e6 = 0
        self._holds: dict[int, Hold] = {}
        # Running totals of every flow, kept apart from the balances for audit().
        self._bought_e6 = self._sold_e6 = self._fees_e6 = 0
        self._merged_e6 = self._settled_e6 = 0
        self._share_flow_e6 = [0, 0]

    @property
    def free_cash_e6(self) -> int:
        """Cash that a new buy may reserve."""
        return self.cash_e6 - self.reserved_e6

    def free_shares_e6(self, token: Token) -> int:
        """Shares that a new sell or a merge may take."""
        return self.shares_e6[token] - self.locked_e6[token] - self.merging_e6

    def reserve(self, order: Place) -> bool:
        """Hold back what the order needs; False, with nothing changed, where it is not there."""
        if order.order_id in self._holds:
            raise LedgerError(f"order {order.order_id} already holds a reserve")
        hold = Hold(order.token, order.side, order.price_e4, order.size_e6)
        if order.side is Side.BUY:
            if hold.cash_e6 > self.free_cash_e6:
                return False
            self.reserved_e6 += hold.cash_e6
        else:
            if order.size_e6 > self.free_shares_e6(order.token):
                return False
            self.locked_e6[order.token] += order.size_e6
        self._holds[order.order_id] = hold
        return True

    def fill(self, order_id: int, size_e6: int, fee_e6: int = 0) -> None:
        """Book a fill of an open order at its own price.

        Raises:
            LedgerError: Unknown order, or more than its remainder.
        """
        hold = self._holds.get(order_id)
        if hold is None or not 0 < size_e6 <= hold.remaining_e6:
            left = hold.remaining_e6 if hold else None
            raise LedgerError(f"order {order_id} cannot fill {size_e6}, remaining is {left}")
        amount_e6 = notional_e6(hold.price_e4, size_e6)
        if hold.side is Side.BUY:
            self.cash_e6 -= amount_e6
            self.reserved_e6 -= amount_e6
            self.shares_e6[hold.token] += size_e6
            self._share_flow_e6[hold.token] += size_e6
            self._bought_e6 += amount_e6
        else:
            self.cash_e6 += amount_e6
            self.locked_e6[hold.token] -= size_e6
            self.shares_e6[hold.token] -= size_e6
            self._share_flow_e6[hold.token] -= size_e6
            self._sold_e6 += amount_e6
        self.cash_e6 -= fee_e6
        self._fees_e6 += fee_e6
        hold.remaining_e6 -= size_e6
        if not hold.remaining_e6:
            del self._holds[order_id]

    def release(self, order_id: int) -> None:
        """Give back what the remainder of an order holds."""
        hold = self._holds.pop(order_id, None)
        if hold is None:
            raise LedgerError(f"order {order_id} holds no reserve")
        if hold.side is Side.BUY:
            self.reserved_e6 -= hold.cash_e6
        else:
            self.locked_e6[hold.token] -= hold.remaining_e6

    def merge_begin(self, pairs_e6: int) -> bool:
        """Take pairs out of the free shares; False, with nothing changed, where they are not."""
        free = min(self.free_shares_e6(Token.UP), self.free_shares_e6(Token.DOWN))
        if not 0 < pairs_e6 <= free:
            return False
        self.merging_e6 += pairs_e6
        return True

    def merge_finish(self, pairs_e6: int) -> None:
        """Turn pairs that ``merge_begin`` took into one dollar each."""
        if not 0 < pairs_e6 <= self.merging_e6:
            raise LedgerError(f"merge of {pairs_e6} was not begun, on the way: {self.merging_e6}")
        self.merging_e6 -= pairs_e6
        for token in Token:
            self.shares_e6[token] -= pairs_e6
            self._share_flow_e6[token] -= pairs_e6
        self.cash_e6 += pairs_e6
        self._merged_e6 += pairs_e6

    def settle(self, *, up_wins: bool) -> None:
        """Pay one dollar for each share of the winner and nothing for the other.

        Raises:
            LedgerError: Orders or merges are still open.
        """
        if self._holds or self.merging_e6:
            raise LedgerError(
                f"cannot settle over {len(self._holds)} open orders and {self.merging_e6} merging"
            )
        paid = self.shares_e6[Token.UP if up_wins else Token.DOWN]
        for token in Token:
            self._share_flow_e6[token] -= self.shares_e6[token]
        self.shares_e6 = [0, 0]
        self.cash_e6 += paid
        self._settled_e6 += paid

    def audit(self) -> None:
        """Check that balances follow from flows and reserves from open orders.

        Raises:
            LedgerError: They do not, or something is negative.
        """
        expected = self.cash_start_e6 - self._bought_e6 + self._sold_e6 - self._fees_e6
        expected += self._merged_e6 + self._settled_e6
        reserved = sum(hold.cash_e6 for hold in self._holds.values())
        locked = [0, 0]
        for hold in self._holds.values():
            if hold.side is Side.SELL:
                locked[hold.token] += hold.remaining_e6
        for name, kept, found in (
            ("cash_e6", self.cash_e6, expected),
            ("reserved_e6", self.reserved_e6, reserved),
            ("locked_e6", self.locked_e6, locked),
            ("shares_e6", self.shares_e6, self._share_flow_e6),
        ):
            if kept != found:
                raise LedgerError(f"{name} must be {found} by its flows, was {kept}")
        free = [self.free_cash_e6, *(self.free_shares_e6(token) for token in Token)]
        if min(free) < 0:
            raise LedgerError(f"free cash, Up and Down must not be negative, were {free}")
