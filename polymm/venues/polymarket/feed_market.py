"""One market as a feed knows it: book and lane of whichever socket is ahead."""

from collections.abc import Mapping

from polymm._core.book import Book
from polymm._core.lane import Lane, QuoteRecord
from polymm._core.quoting import HasFields
from polymm.domain.market import Market


class FeedMarket:
    """A market's book and way to a quote: the engine's BookView and LaneView.

    Reading goes to the leading socket's book and lane, writing to all lanes, so that a change of
    leader changes no belief.

    Attributes:
        market: The market's own facts.
        book: Of the leader; changes with the next message, and is another after a change of leader.
        lane: Of the leader.
        epoch: Counts books that began anew: another leader, a tick change, a resync.
    """

    market: Market
    book: Book
    lane: Lane
    epoch: int

    # BookView

    @property
    def best_bid_e4(self) -> int:
        """Best bid in Up terms, 0 where that side is empty."""
        return self.book.best_bid_e4

    @property
    def best_ask_e4(self) -> int:
        """Best ask in Up terms, 10000 where that side is empty."""
        return self.book.best_ask_e4

    @property
    def has_epoch(self) -> bool:
        """Whether a snapshot has opened the leader's epoch."""
        return self.book.has_epoch

    @property
    def tick_e4(self) -> int:
        """Price grid, 1e-4 dollars."""
        return self.book.tick_e4

    @property
    def last_trade_e4(self) -> int:
        """Price of the last trade in Up terms, 0 where none was seen."""
        return self.book.last_trade_e4

    @property
    def timestamp_ms(self) -> int:
        """Newest venue time applied, 0 where none."""
        return self.book.timestamp_ms

    # LaneView

    @property
    def quote(self) -> QuoteRecord:
        """Wanted quote of the leader's last evaluate."""
        return self.lane.quote

    def evaluate(self, now_ns: int) -> int:
        """Let the leader's lane form its quote; REQUOTE or 0."""
        return self.lane.evaluate(now_ns)

    def set_inventory(self, up_e6: int, down_e6: int) -> None:
        """Tell all lanes the shares held.

        Raises:
            InputError: A position is below 0; all lanes then quote nothing.
        """
        raise NotImplementedError

    def set_working(self, bid_e4: int, bid_e6: int, ask_e4: int, ask_e6: int, now_ns: int) -> None:
        """Tell all lanes what works now."""
        raise NotImplementedError

    def set_params(self, params: Mapping[str, int | float] | HasFields) -> None:
        """Replace the parameters of all lanes."""
        raise NotImplementedError

    def set_fair(self, fair: float) -> None:
        """Set the fair value that user quoters see."""
        raise NotImplementedError

    def set_last_price(self, price_e4: int) -> None:
        """Set the price a thin book is quoted around, 0 leaves it to the book."""
        raise NotImplementedError

    # Freshness

    def obstacle(self, now_ns: int) -> str:
        """Name what keeps the market from being quoted at this time, "" for nothing.

        ``no_line``, ``no_book``, ``tick_unsettled``, ``crossed``, ``mismatch``, ``stale_up``,
        ``stale_down``, ``resolved`` or ``removed``.
        """
        raise NotImplementedError

    def is_fresh(self, now_ns: int) -> bool:
        """Whether the book may be quoted from: both tokens proven, nothing in doubt."""
        return not self.obstacle(now_ns)
