"""Books and inventories in, quotes out: the way most tests of the strategy ask for a quote."""

from polymm._core.book import Book
from polymm._core.lane import Lane, QuoteRecord
from polymm.strategy.base import BaseParameters
from tests.oracle.signals import Levels

SHARE = 1_000_000
LIMITED = BaseParameters(order_size_e6=20 * SHARE, max_position_e6=200 * SHARE)


def quote_of(
    bids: Levels,
    asks: Levels,
    params: BaseParameters,
    *,
    up: float = 0,
    down: float = 0,
    unsellable: float = 0,
    last_e4: int = 0,
    tick_e4: int = 100,
) -> QuoteRecord:
    """Quote one book by a lane; inventory in shares."""
    book = Book(tick_e4)
    book.replace(bids, asks)
    lane = Lane(book, params)
    lane.set_inventory(round(up * SHARE), round(down * SHARE), round(unsellable * SHARE))
    lane.set_last_price(last_e4)
    lane.evaluate(1)
    return lane.quote


def book_at(mid_e4: int, half_e4: int = 100) -> tuple[Levels, Levels]:
    """Two even levels a side around a mid."""
    bids = [(mid_e4 - half_e4 - 100 * i, 100 * SHARE) for i in range(2)]
    return bids, [(mid_e4 + half_e4 + 100 * i, 100 * SHARE) for i in range(2)]
