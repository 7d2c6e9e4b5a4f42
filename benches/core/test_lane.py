"""Book to quote: the compiled strategy as the path calls it, and its readable parts."""

from functools import partial

from benches.core.conftest import TimePasses
from benches.peers.ours import NOW_NS
from benches.peers.quotes import quote_cases
from benches.workload import Workload
from polymm import Book, Lane, analyze_depth, calculate_mm_prices


def test_evaluate(lanes: list[Lane], time_calls: TimePasses) -> None:
    """Time analysis, quote and "must we requote?" in one call, 16 books.

    Slower means a later quote after every message. The arithmetic is about 45 ns of it.
    """
    time_calls([partial(lane.evaluate, NOW_NS) for lane in lanes])


def test_read_quote(lanes: list[Lane], time_calls: TimePasses) -> None:
    """Time reading the quote into Python; slower is paid only when a requote is wanted."""
    time_calls([partial(getattr, lane, "quote") for lane in lanes])


def test_analyze_depth(workload: Workload, time_calls: TimePasses) -> None:
    """Time the analysis as a Python call; slower hurts users of the importable core."""
    books = []
    for case in quote_cases(workload):
        book = Book()
        book.replace(case.bids, case.asks)
        books.append(book)
    time_calls([partial(analyze_depth, book) for book in books])


def test_calculate_mm_prices(time_calls: TimePasses) -> None:
    """Time the prices as a Python call; slower hurts users of the importable core."""
    time_calls([partial(calculate_mm_prices, 4_800, 4_900, 0.1, -0.2)] * 64)
