"""A market as its maker sees it: nothing, while anything speaks against quoting."""

from polymm._core.layout import REQUOTE
from polymm.engine.ports import MarketView, QuoteView


class Sight:
    """The maker's book and lane over a market's.

    While there is an obstacle the book has no epoch, so that every cycle ends as ``no_book`` and
    pulls what works, and the first one is asked for at once.

    Args:
        view: The market's book and lane.

    Attributes:
        view: As given.
        obstacles: What speaks against quoting, by name.
        set_inventory, set_working: Those of the view.
    """

    __slots__ = ("_must_look", "obstacles", "set_inventory", "set_working", "view")

    def __init__(self, view: MarketView) -> None:
        self.view = view
        self.obstacles: set[str] = set()
        self.set_inventory = view.set_inventory
        self.set_working = view.set_working
        self._must_look = False

    def put(self, name: str, *, stands: bool) -> bool:
        """Set an obstacle or take it away; True where the maker must look at once."""
        if stands == (name in self.obstacles):
            return False
        before = bool(self.obstacles)
        (self.obstacles.add if stands else self.obstacles.discard)(name)
        self._must_look = self._must_look or before != bool(self.obstacles)
        return before != bool(self.obstacles)

    # BookView

    @property
    def best_bid_e4(self) -> int:
        """Best bid in Up terms, 0 where that side is empty."""
        return self.view.best_bid_e4

    @property
    def best_ask_e4(self) -> int:
        """Best ask in Up terms, 10000 where that side is empty."""
        return self.view.best_ask_e4

    @property
    def has_epoch(self) -> bool:
        """Whether there is a book to quote from."""
        return not self.obstacles and self.view.has_epoch

    @property
    def tick_e4(self) -> int:
        """Price grid, 1e-4 dollars."""
        return self.view.tick_e4

    @property
    def last_trade_e4(self) -> int:
        """Price of the last trade in Up terms, 0 where none was seen."""
        return self.view.last_trade_e4

    @property
    def timestamp_ms(self) -> int:
        """0: the view itself proves its book's age, and says so by an obstacle."""
        return 0

    # LaneView

    @property
    def quote(self) -> QuoteView:
        """Wanted quote of the last evaluate."""
        return self.view.quote

    def evaluate(self, now_ns: int) -> int:
        """Form the quote; REQUOTE or 0."""
        flags = self.view.evaluate(now_ns)
        if self._must_look:
            self._must_look = False
            return flags | REQUOTE
        return flags
