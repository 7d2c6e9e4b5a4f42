"""All orders of the account by number, by hash and by market, finals too until they are forgotten.

The maps are the register's own; who may be live is kept apart, since that is asked on the path.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from polymm.domain.order import Place
from polymm.engine.exposure import Load, weigh
from polymm.engine.order_life import Life, Order
from polymm.engine.order_reads import MarketReads, RestHealth
from polymm.engine.order_settings import OrderSettings

# A quote is two orders.
BLANKS: Final = 2


class OrderBook:
    """All orders of one market.

    Attributes:
        reads: What reads told of all of them at once.
        live: Those that may be live, by number, oldest first.
        orders: All of them.
        is_over: The market was forgotten; only what may be live is left.
    """

    __slots__ = ("is_over", "live", "orders", "reads")

    def __init__(self, reads: MarketReads) -> None:
        self.reads = reads
        self.live: dict[int, Order] = {}
        self.orders: list[Order] = []
        self.is_over = False


class OrderRegister:
    """Keeps orders.

    Args:
        settings: Of the orders.

    Attributes:
        by_id: Orders by the engine's number.
        by_hash: The same by the venue's hash, once they are signed.
        health: When the venue could be read.
        version: Grows with every order, and with every change of one.
    """

    def __init__(self, settings: OrderSettings) -> None:
        self.by_id: dict[int, Order] = {}
        self.by_hash: dict[str, Order] = {}
        self.health = RestHealth(settings.slot_ns)
        self.version = 0
        self._settings = settings
        self._live: dict[int, Order] = {}
        self._books: dict[str, OrderBook] = {}
        self._blank: list[Order] = []
        # True but for the orders that were added since, and the markets in which some changed.
        self._loads: dict[str, Load] = {}
        self._added: list[Order] = []
        self._changed: set[str] = set()

    def add(self, planned_ns: int, market: str, place: Place) -> Order:
        """Begin to keep an order."""
        book = self._books.get(market)
        if book is None:
            book = self._books[market] = OrderBook(MarketReads(self.health))
        order = self._blank.pop() if self._blank else Order(self._settings)
        order.begin(book.reads, planned_ns, market, place)
        order_id = place.order_id
        self.by_id[order_id] = self._live[order_id] = book.live[order_id] = order
        book.orders.append(order)
        self._added.append(order)
        self.version += 1
        return order

    def prepare(self) -> None:
        """Have the next orders ready but for what they are."""
        blank = self._blank
        while len(blank) < BLANKS:
            blank.append(Order(self._settings))

    def note_change(self, order: Order) -> None:
        """Know that what may come of an order is another than before."""
        self._changed.add(order.market)
        self.version += 1

    def loads(self) -> Mapping[str, Load]:
        """What orders that may be live can still do, by market: true until one changes."""
        if self._added:
            for order in self._added:
                if order.market not in self._changed:
                    load = self._loads.get(order.market)
                    if load is None:
                        load = self._loads[order.market] = Load()
                    load.add(order)
            self._added.clear()
        if self._changed:
            for market in self._changed:
                book = self._books.get(market)
                if book is None or not book.live:
                    self._loads.pop(market, None)
                else:
                    self._loads[market] = weigh(book.live.values())
            self._changed.clear()
        return self._loads

    def sign(self, order: Order, name: str) -> None:
        """Know an order by its hash from here on."""
        order.order = name
        self.by_hash[name] = order

    def live(self, market: str = "") -> Collection[Order]:
        """Orders that may be live, of a market or "" of all: a view."""
        if not market:
            return self._live.values()
        book = self._books.get(market)
        return () if book is None else book.live.values()

    def reads(self, market: str) -> Iterable[MarketReads]:
        """What a read of a market, "" of all, speaks of; it says nothing of later orders."""
        if not market:
            return [book.reads for book in self._books.values()]
        book = self._books.get(market)
        return () if book is None else (book.reads,)

    def end(self, order: Order) -> None:
        """Know that an order is final."""
        order_id = order.place.order_id
        book = self._books[order.market]
        self.note_change(order)
        del self._live[order_id], book.live[order_id]
        if book.is_over:
            self._drop(order)
            if not book.live:
                del self._books[order.market]

    def reopen(self, order: Order) -> None:
        """Know that a final order may be live after all."""
        order_id = order.place.order_id
        self.note_change(order)
        self._live[order_id] = self._books[order.market].live[order_id] = order

    def forget(self, market: str) -> int:
        """Drop the orders of a market, but what may be live; how many that are."""
        book = self._books.get(market)
        if book is None:
            return 0
        book.is_over = True
        for order in book.orders:
            if order.life >= Life.FILLED:
                self._drop(order)
        book.orders = list(book.live.values())
        if not book.orders:
            del self._books[market]
        return len(book.orders)

    def _drop(self, order: Order) -> None:
        self.by_id.pop(order.place.order_id, None)
        self.by_hash.pop(order.order, None)
