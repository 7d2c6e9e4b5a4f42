"""The book alone, as a program uses it that parses by itself."""

from functools import partial
from itertools import cycle, islice

from benches.core.conftest import TimePasses
from benches.peers.quotes import quote_cases
from benches.workload import Workload
from polymm import Book


def _book(workload: Workload) -> Book:
    case = quote_cases(workload)[0]
    book = Book()
    book.replace(case.bids, case.asks)
    return book


def test_set_level(workload: Workload, time_calls: TimePasses) -> None:
    """Time 256 changes of one level.

    Slower means that the bitmap or the checks of a level got dearer; `test_decode` shows whether
    the path pays for it.
    """
    book = _book(workload)
    sizes = cycle((5_000_000, 7_500_000, 0))
    prices = islice(cycle(range(3_000, 4_900, 100)), 256)
    time_calls([partial(book.set_level, 0, price, next(sizes)) for price in prices])


def test_best_prices(workload: Workload, time_calls: TimePasses) -> None:
    """Time reading best bid and best ask as Python ints.

    Slower means that finding the best level is no longer two bit scans.
    """
    book = _book(workload)
    time_calls([partial(getattr, book, name) for name in ("best_bid_e4", "best_ask_e4") * 64])


def test_replace(workload: Workload, time_calls: TimePasses) -> None:
    """Time a snapshot given as Python pairs; slower hurts whoever parses by himself."""
    case = quote_cases(workload)[0]
    time_calls([partial(Book().replace, case.bids, case.asks)] * 4)
