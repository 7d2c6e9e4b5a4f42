"""A market of the simulated feed as the engine sees it."""

from collections.abc import Callable, Sequence

from polymm.engine.ports import QuoteView
from polymm.venues.polymarket.feed_market import FeedMarket


class View:
    """The feed's book and lane; proofs are looked up when they are asked for.

    Args:
        feed: The market in its feed.
        reference_ns: When the reference price was last heard.
    """

    __slots__ = ("_reference_ns", "evaluate", "feed", "set_inventory", "set_working")

    def __init__(self, feed: FeedMarket, reference_ns: Callable[[], int]) -> None:
        self.feed = feed
        self._reference_ns = reference_ns
        self.evaluate = feed.evaluate
        self.set_inventory = feed.set_inventory
        self.set_working = feed.set_working

    @property
    def best_bid_e4(self) -> int:
        return self.feed.book.best_bid_e4

    @property
    def best_ask_e4(self) -> int:
        return self.feed.book.best_ask_e4

    @property
    def has_epoch(self) -> bool:
        return self.feed.book.has_epoch

    @property
    def tick_e4(self) -> int:
        return self.feed.settled_tick_e4

    @property
    def last_trade_e4(self) -> int:
        return self.feed.book.last_trade_e4

    @property
    def timestamp_ms(self) -> int:
        return 0

    @property
    def quote(self) -> QuoteView:
        return self.feed.lane.quote

    @property
    def proven_ns(self) -> Sequence[int]:
        """When each token's book was last known to be true."""
        self.feed.look()
        return self.feed.proven_ns

    @property
    def is_contradicted(self) -> bool:
        return self.feed.is_contradicted

    @property
    def reference_ns(self) -> int:
        """When the newest reference price came."""
        return self._reference_ns()
