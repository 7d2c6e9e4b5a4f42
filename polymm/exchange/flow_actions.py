"""What traders in synthetic markets see and say; the contract between them and any matching.

A trader is asked at times it names itself. It sees the time, the reference price and a narrow
view of a book, and answers actions; it never touches the book. The internal matching book of
``flow`` executes them in virtual time, a local exchange may do so in real time.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from polymm.domain.order import Token
from polymm.exchange.flow_book import Owner
from polymm.exchange.flow_reference import Reference

MS = 1_000_000
LOT_E6 = 10_000
ORDER_MIN_E6 = 5_000_000


class BookView(Protocol):
    """What traders see of a book, in Up terms; ``polymm._core.book.Book`` fits as well."""

    @property
    def best_bid_e4(self) -> int: ...
    @property
    def best_ask_e4(self) -> int: ...
    @property
    def tick_e4(self) -> int: ...


class Rest(NamedTuple):
    """Put a post-only order into the book; a crossing one is gone at once."""

    order_id: int
    side: int  # BID or ASK, Up terms, as all prices here
    price_e4: int
    size_e6: int


class Pull(NamedTuple):
    """Take an order out of the book if it still rests."""

    order_id: int


class Take(NamedTuple):
    """Match up to a limit after the taker delay; what does not match is dropped."""

    side: int  # BID buys UP-equivalent, ASK sells it
    limit_e4: int
    size_e6: int
    token: Token  # the one whose book the order names


FlowAction = Rest | Pull | Take


class Trader(Owner, Protocol):
    """One participant: asked to ``act`` at ``next_ns``, which moves on with each call."""

    next_ns: int

    def act(self, now_ns: int, reference: Reference, book: BookView) -> Sequence[FlowAction]:
        """Decide. The view is valid during the call only."""
        ...


def draws(draw: Callable[[int], NDArray[np.float64]]) -> Callable[[], float]:
    """Hand out numbers one by one, drawn in blocks: a draw apiece would be slow."""

    def stream() -> Iterator[float]:
        while True:
            yield from draw(1024).tolist()

    return stream().__next__


def shares_e6(shares: float) -> int:
    """Round shares down to the lot, but never below the smallest order."""
    return max(ORDER_MIN_E6, int(shares * 100) * LOT_E6)
