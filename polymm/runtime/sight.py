"""A market as a maker sees it through a feed: nothing, while anything speaks against quoting."""

from polymm._core.layout import REQUOTE
from polymm.engine.ports import QuoteView
from polymm.venues.polymarket.feed_market import FeedMarket


class Sight:
    """The engine's book and lane over a feed's market.

    While there is an obstacle the book has no epoch, so that every cycle ends as ``no_book`` and
    pulls what works, and the first one is asked for at once.

    Args:
        feed: The market in its feed.

    Attributes:
        feed: As given.
        obstacles: What speaks against quoting, by name.
    """

    __slots__ = ("_must_look", "feed", "obstacles")

    def __init__(self, feed: FeedMarket) -> None:
        self.feed = feed
        self.obstacles: set[str] = set()
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
        return self.feed.best_bid_e4

    @property
    def best_ask_e4(self) -> int:
        """Best ask in Up terms, 10000 where that side is empty."""
        return self.feed.best_ask_e4

    @property
    def has_epoch(self) -> bool:
        """Whether there is a book to quote from."""
        return not self.obstacles and self.feed.has_epoch

    @property
    def tick_e4(self) -> int:
        """Price grid, 1e-4 dollars."""
        return self.feed.tick_e4

    @property
    def last_trade_e4(self) -> int:
        """Price of the last trade in Up terms, 0 where none was seen."""
        return self.feed.last_trade_e4

    @property
    def timestamp_ms(self) -> int:
        """0: the feed itself proves its book's age, and says so by an obstacle."""
        return 0

    # LaneView

    @property
    def quote(self) -> QuoteView:
        """Wanted quote of the last evaluate."""
        return self.feed.quote

    def evaluate(self, now_ns: int) -> int:
        """Form the quote; REQUOTE or 0."""
        flags = self.feed.evaluate(now_ns)
        if self._must_look:
            self._must_look = False
            return flags | REQUOTE
        return flags

    def set_inventory(self, up_e6: int, down_e6: int) -> None:
        """Tell the shares held; an InputError where they are below 0."""
        self.feed.set_inventory(up_e6, down_e6)

    def set_working(self, bid_e4: int, bid_e6: int, ask_e4: int, ask_e6: int, now_ns: int) -> None:
        """Tell what works now."""
        self.feed.set_working(bid_e4, bid_e6, ask_e4, ask_e6, now_ns)
