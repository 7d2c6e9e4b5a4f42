"""One market and its maker, between the ledger that knows and the maker that quotes."""

from dataclasses import dataclass
from typing import Final

from polymm.domain.market import Market
from polymm.domain.order import Token
from polymm.engine.events import NEVER_NS
from polymm.engine.fill_ledger import FillLedger, Position
from polymm.engine.maker import Maker
from polymm.engine.ports import MarketView
from polymm.engine.settings import SECOND
from polymm.engine.sight import Sight

# From a merge that failed to the next try.
MERGE_RETRY_NS: Final = 30 * SECOND


@dataclass(slots=True, eq=False)
class Seat:
    """One market and its maker.

    Attributes:
        is_open: Its window has begun.
        is_reduced: Only what takes exposure away may be quoted.
        merging_e6: Pairs the maker wants merged and that are not all on the chain yet.
        merge_ns: No merge is asked for before: the last one failed.
        timer_ns: When the maker wants to be woken.
        marked_ns: When its price was last told to the gate.
    """

    market: Market
    maker: Maker
    sight: Sight
    view: MarketView
    is_open: bool = False
    is_reduced: bool = False
    merging_e6: int = 0
    merge_ns: int = 0
    timer_ns: int = NEVER_NS
    marked_ns: int = 0

    def show_inventory(self, fills: FillLedger) -> None:
        """Let the maker hold what the ledger does."""
        inventory, market = self.maker.inventory, self.market.condition_id
        inventory.up_e6 = fills.position(market, Token.UP).booked_e6
        inventory.down_e6 = fills.position(market, Token.DOWN).booked_e6
        inventory.cash_e10 = fills.account(market).booked_e10

    def show_settled(self, fills: FillLedger) -> Position:
        """Let the maker know which shares of Up are settled: only those may be sold."""
        position = fills.position(self.market.condition_id, Token.UP)
        self.maker.inventory.unsettled_up_e6 = position.buying_e6
        return position

    def agree(self, fills: FillLedger) -> None:
        """Let the maker know which shares are settled, and of fills that it was not told of.

        A fill that is settled further is no news to it, and one of an order that nobody knows any
        more never was.
        """
        inventory, market = self.maker.inventory, self.market.condition_id
        up = self.show_settled(fills)
        down_e6 = fills.position(market, Token.DOWN).booked_e6
        if (inventory.up_e6, inventory.down_e6) != (up.booked_e6, down_e6):
            self.show_inventory(fills)
            self.maker.counts["inventory_adopted"] += 1

    def correct(self, fills: FillLedger, merging_e6: int) -> None:
        """Begin anew with what the ledger holds after a correction.

        Args:
            merging_e6: Pairs whose merge is on its way; what else was wanted merged is over.
        """
        self.show_inventory(fills)
        self.merging_e6 = 0
        self.maker.inventory.merging_e6 = merging_e6

    def merge_failed(self, now_ns: int, pairs_e6: int) -> None:
        """Merge pairs by a later try; the maker keeps them aside for it."""
        self.merging_e6 += pairs_e6
        self.merge_ns = now_ns + MERGE_RETRY_NS
