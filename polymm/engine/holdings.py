"""What a maker holds: shares and cash by its own fills, and the merges that it asks for."""

from collections import Counter

from polymm.domain.inventory import Inventory
from polymm.domain.order import Fill, Merge, Merged, Voided
from polymm.engine.ports import QuoteView
from polymm.engine.working import WorkingOrders


class Holdings:
    """Keeps them.

    Args:
        slug: Of the market.
        inventory: Shares and cash by our own fills.
        orders: Whose fills count; those of others are counted and left.
        counts: Of the maker.
        merges: Whether a merge opportunity is acted on or only reported.
    """

    __slots__ = ("_counts", "_inventory", "_merges", "_orders", "_slug")

    def __init__(
        self,
        slug: str,
        inventory: Inventory,
        orders: WorkingOrders,
        counts: Counter[str],
        *,
        merges: bool,
    ) -> None:
        self._slug = slug
        self._inventory = inventory
        self._orders = orders
        self._counts = counts
        self._merges = merges

    def take(self, reply: Fill | Voided | Merged) -> None:
        """Take what moves shares or cash."""
        if isinstance(reply, Fill):
            if self._orders.apply_fill(reply):
                self._inventory.apply_fill(reply)
                self._check()
        elif isinstance(reply, Voided):
            if self._orders.apply_void(reply.fill):
                self._inventory.revert_fill(reply.fill)
                self._check()
        elif reply.slug != self._slug or not self._inventory.apply_merged(reply.pairs_e6):
            self._counts["merge_unasked"] += 1

    def adopt(self, fill: Fill) -> None:
        """Book a fill of an order that an earlier run placed."""
        self._inventory.apply_fill(fill)
        self._counts["adopted_fill"] += 1

    def merge(self, quote: QuoteView) -> Merge | None:
        """Report an opportunity, and act on what backs no open sell, one at a time."""
        if not quote.merge_e6:
            return None
        self._counts["merge_opportunity"] += 1
        inventory = self._inventory
        if not self._merges or inventory.merging_e6:
            return None
        free_e6 = inventory.mergeable_e6(selling_up_e6=self._orders.selling_up_e6)
        pairs_e6 = min(quote.merge_e6, free_e6)
        if pairs_e6 <= 0:
            return None
        inventory.begin_merge(pairs_e6)
        self._counts["merge_sent"] += 1
        return Merge(self._slug, pairs_e6)

    def _check(self) -> None:
        if min(self._inventory.up_e6, self._inventory.down_e6) < 0:
            self._counts["bad_inventory"] += 1
