"""Our resting orders against the tape's flow: who is reached by a trade or by a book.

Rules 3 to 5 of docs/strategy.md section 4. This module decides how many shares reach an order; the
venue books them.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from polymm._core.book import Book
from polymm._core.layout import ASK, BID
from polymm._core.queue import QueuePosition
from polymm._core.records import Trade
from polymm.domain.market import NS
from polymm.exchange.tape import FillForm, parse_queue
from tests.oracle.tape_orders import VenueOrder

MIRROR_WINDOW_NS: Final = NS


@dataclass(slots=True)
class _Beyond:
    """What of a crossed level has filled us already, until the level changes."""

    size_e6: int
    taken_e6: int = 0


class RestingOrders:
    """Our resting orders of one market in their queues.

    Args:
        book: The venue's book, borrowed.
        queue: Queue model: see ``parse_queue``.
        fill_form: What can fill an order: see ``TapeVenue``.
        match_ns: A drop of the book and a trade told within it may be one match.
        fill: Called with (now_ns, order, shares that reached it); takes whole lots of them and
            answers how many.

    Attributes:
        is_watched: Whether a change of the book can matter at all.
        mirrored_n: Trades that came once for each token; counted once.
    """

    def __init__(
        self,
        book: Book,
        *,
        queue: str,
        fill_form: FillForm,
        match_ns: int,
        fill: Callable[[int, VenueOrder, int], int],
    ) -> None:
        self.is_watched = False
        self.mirrored_n = 0
        self._book = book
        self._model, self._n = parse_queue(queue)
        self._fill_form = fill_form
        self._match_ns = match_ns
        self._fill = fill
        self._orders: tuple[list[VenueOrder], list[VenueOrder]] = ([], [])
        self._beyond: tuple[dict[int, _Beyond], dict[int, _Beyond]] = ({}, {})
        self._seen: deque[tuple[int, tuple[int, int, int, int], int]] = deque()

    def on_side(self, side: int) -> Sequence[VenueOrder]:
        """Orders of one side, best price first, then earliest."""
        return self._orders[side]

    def join(self, order: VenueOrder) -> None:
        """Put an order at the back of what is displayed at its price."""
        order.front_e6 = self._book.size_e6(order.side, order.price_e4)
        order.queue = QueuePosition(
            order.front_e6, self._model, n=self._n, window_ns=self._match_ns
        )
        orders = self._orders[order.side]
        orders.append(order)
        orders.sort(key=lambda o: -o.price_e4 if o.side == BID else o.price_e4)  # stable
        self.is_watched = True

    def remove(self, order: VenueOrder) -> None:
        """Take an order out of its queue."""
        self._orders[order.side].remove(order)
        order.queue = None
        self._watch()

    def take_trade(self, now_ns: int, trade: Trade) -> bool:
        """Let a trade reach our orders; False for the other token's notice of a known one."""
        if self._is_mirror(now_ns, trade):
            self.mirrored_n += 1
            return False
        # A buying taker meets asks, a selling one bids.
        side = ASK if trade.taker_side == 0 else BID
        left_e6 = trade.size_e6
        for order in tuple(self._orders[side]):
            inside_e4 = _inside_e4(order, trade.price_e4)
            if inside_e4 < 0:
                break
            queue = order.queue
            assert queue is not None
            if inside_e4:
                queue.on_through()
                reached_e6 = left_e6
            else:
                # What our orders ahead took of the trade went no further.
                taken_e6 = trade.size_e6 - left_e6
                reached_e6 = max(queue.on_trade(now_ns, trade.size_e6) - taken_e6, 0)
            left_e6 -= self._fill(now_ns, order, reached_e6)
        return True

    def _is_mirror(self, now_ns: int, trade: Trade) -> bool:
        seen = self._seen
        while seen and now_ns - seen[0][0] > MIRROR_WINDOW_NS:
            seen.popleft()
        key = (trade.taker_side, trade.price_e4, trade.size_e6, trade.stamp_ms)
        for earlier in seen:
            if earlier[1] == key and earlier[2] != trade.token:
                seen.remove(earlier)
                return True
        seen.append((now_ns, key, trade.token))
        return False

    def take_book(self, now_ns: int) -> None:
        """Let our queues, or the levels beyond our prices, see the new book."""
        book = self._book
        if self._fill_form == "trades":
            for side, orders in enumerate(self._orders):
                for order in orders:
                    assert order.queue is not None
                    order.queue.on_size(now_ns, book.size_e6(side, order.price_e4))
        elif self._fill_form == "through":
            if self._beyond[BID] or self._beyond[ASK]:
                self._forget_changed_levels()
            bids, asks = self._orders
            if bids and book.best_ask_e4 < bids[0].price_e4:
                self._fill_through(now_ns, BID)
            if asks and book.best_bid_e4 > asks[0].price_e4:
                self._fill_through(now_ns, ASK)

    def _fill_through(self, now_ns: int, side: int) -> None:
        """Fill our orders of a side by the levels shown strictly beyond them, once per level."""
        beyond = self._beyond[side]
        for order in tuple(self._orders[side]):
            wanted_e6 = order.open_e6
            for price_e4, size_e6 in self._book.levels(1 - side):
                if not wanted_e6 or _inside_e4(order, price_e4) <= 0:
                    break
                level = beyond.setdefault(price_e4, _Beyond(size_e6))
                taken_e6 = min(wanted_e6, size_e6 - level.taken_e6)
                level.taken_e6 += taken_e6
                wanted_e6 -= taken_e6
            self._fill(now_ns, order, order.open_e6 - wanted_e6)
        self._watch()

    def _forget_changed_levels(self) -> None:
        for side, beyond in enumerate(self._beyond):
            for price_e4, level in tuple(beyond.items()):
                if self._book.size_e6(1 - side, price_e4) != level.size_e6:
                    del beyond[price_e4]
        self._watch()

    def _watch(self) -> None:
        self.is_watched = any(self._orders) or any(self._beyond)


def _inside_e4(order: VenueOrder, price_e4: int) -> int:
    """How far a price lies beyond the order, seen from the other side; below 0 where before it."""
    return order.price_e4 - price_e4 if order.side == BID else price_e4 - order.price_e4
