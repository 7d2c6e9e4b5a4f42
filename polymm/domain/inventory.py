"""What one market left in our hands, and what several are worth together.

All integers: shares and dollars in 1e-6, and cash in 1e-10 dollars, because a price (1e-4) times
a size (1e-6) is exact only there. Shares that back open sells or a merge on its way are reserved.
"""

from dataclasses import dataclass

from polymm.domain.order import Fill, Side, Token


@dataclass(slots=True)
class Inventory:
    """Shares of both outcomes of one market and the cash they moved.

    A count below zero means that more was sold than was known to be held; nobody may quote on it.

    Attributes:
        up_e6, down_e6: Shares, 1e-6. Pairs on their way into a merge are still counted.
        cash_e10: Change of cash since the start, 1e-10 dollars.
        merging_e6: Pairs sent to be merged and not yet confirmed.
        unsettled_up_e6: Of the Up shares, bought ones that are not confirmed yet: the venue takes
            no order that sells them. 0 where fills settle at once.
    """

    up_e6: int = 0
    down_e6: int = 0
    cash_e10: int = 0
    merging_e6: int = 0
    unsettled_up_e6: int = 0

    @property
    def cash_e6(self) -> int:
        """Change of cash in 1e-6 dollars, rounded down."""
        return self.cash_e10 // 10_000

    def apply_fill(self, fill: Fill) -> None:
        """Move shares and cash by one fill. The caller sees to it that each comes here once."""
        sign = 1 if fill.side is Side.BUY else -1
        if fill.token is Token.UP:
            self.up_e6 += sign * fill.size_e6
        else:
            self.down_e6 += sign * fill.size_e6
        self.cash_e10 -= sign * fill.price_e4 * fill.size_e6 + fill.fee_e6 * 10_000

    def revert_fill(self, fill: Fill) -> None:
        """Take a fill back that never happened. The caller sees to it that each comes here once."""
        sign = 1 if fill.side is Side.BUY else -1
        if fill.token is Token.UP:
            self.up_e6 -= sign * fill.size_e6
        else:
            self.down_e6 -= sign * fill.size_e6
        self.cash_e10 += sign * fill.price_e4 * fill.size_e6 + fill.fee_e6 * 10_000

    def mergeable_e6(self, *, selling_up_e6: int = 0, selling_down_e6: int = 0) -> int:
        """Pairs that back neither an open sell nor a merge on its way."""
        pairs = min(self.up_e6 - selling_up_e6, self.down_e6 - selling_down_e6)
        return max(pairs - self.merging_e6, 0)

    def sellable_up_e6(self) -> int:
        """Up shares that are settled, and that no merge on its way will take."""
        return max(self.up_e6 - self.unsettled_up_e6 - self.merging_e6, 0)

    def begin_merge(self, pairs_e6: int) -> None:
        """Reserve pairs for a merge that is being sent."""
        self.merging_e6 += pairs_e6

    def apply_merged(self, pairs_e6: int) -> bool:
        """Turn pairs into a dollar each; False, and nothing, where no such merge was asked for."""
        if not 0 < pairs_e6 <= self.merging_e6:
            return False
        self.merging_e6 -= pairs_e6
        self.up_e6 -= pairs_e6
        self.down_e6 -= pairs_e6
        self.cash_e10 += pairs_e6 * 10_000
        return True

    def value_e6(self, price_x2_e4: int) -> int:
        """Value of all shares in 1e-6 dollars, rounded down.

        Args:
            price_x2_e4: Twice the price of Up in 1e-4 dollars: a mid lies on half units.
        """
        return (self.up_e6 * price_x2_e4 + self.down_e6 * (20_000 - price_x2_e4)) // 20_000


class Portfolio:
    """The marked value of all positions, shared by the makers of one account.

    Each maker marks its own market; the sum is what `max_total_position` limits.
    """

    __slots__ = ("_marks_e6",)

    def __init__(self) -> None:
        self._marks_e6: dict[str, int] = {}

    @property
    def value_e6(self) -> int:
        """Sum of all marks, 1e-6 dollars."""
        return sum(self._marks_e6.values())

    def mark(self, slug: str, value_e6: int) -> None:
        """Replace the mark of one market."""
        self._marks_e6[slug] = value_e6

    def drop(self, slug: str) -> None:
        """Forget a market that was settled; its marks would grow with every window otherwise."""
        self._marks_e6.pop(slug, None)
