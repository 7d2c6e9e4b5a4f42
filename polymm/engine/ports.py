"""What the engine and its driver need of others: core, token buckets, venue and journal.

Each has a scripted twin in tests and in the simulation, driven by the very same code.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from polymm.domain.order import Place
from polymm.engine.actions import Action, Alarm, Finished, Read
from polymm.engine.evidence import Event


class BookView(Protocol):
    """The part of `polymm._core.book.Book` the cycle reads. Prices in Up terms, 1e-4 dollars."""

    @property
    def best_bid_e4(self) -> int: ...  # 0 where that side is empty

    @property
    def best_ask_e4(self) -> int: ...  # 10000 where that side is empty

    @property
    def has_epoch(self) -> bool: ...

    @property
    def tick_e4(self) -> int: ...

    @property
    def last_trade_e4(self) -> int: ...  # 0 where unknown

    @property
    def timestamp_ms(self) -> int: ...  # newest venue time applied, 0 where unknown


class QuoteView(Protocol):
    """The fields of a Quote record the cycle reads; their meaning stands in layout.pxd."""

    @property
    def bid_e4(self) -> int: ...

    @property
    def bid_e6(self) -> int: ...

    @property
    def ask_e4(self) -> int: ...

    @property
    def ask_sell_e6(self) -> int: ...

    @property
    def ask_buy_e6(self) -> int: ...

    @property
    def merge_e6(self) -> int: ...

    @property
    def reasons(self) -> int: ...


class LaneView(Protocol):
    """One market's way from book to wanted quote: `polymm._core.lane.Lane`."""

    @property
    def quote(self) -> QuoteView: ...

    def set_inventory(self, up_e6: int, down_e6: int, unsellable_up_e6: int = 0) -> None: ...

    def set_working(
        self, bid_e4: int, bid_e6: int, ask_e4: int, ask_e6: int, now_ns: int
    ) -> None: ...

    def evaluate(self, now_ns: int) -> int: ...


class MarketView(BookView, LaneView, Protocol):
    """One market's book and lane, with how long ago each token's book was known to be true."""

    @property
    def proven_ns(self) -> Sequence[int]: ...  # by token

    @property
    def reference_ns(self) -> int: ...  # of the newest reference price, 0 where none is used

    @property
    def is_contradicted(self) -> bool: ...  # by the best prices that the newest messages carry


class BudgetView(Protocol):
    """The mirror of the venue's token buckets."""

    @property
    def bursts(self) -> tuple[int, int]: ...  # most tokens for orders and for cancels

    def tokens(self, now_ns: int) -> tuple[int, int]: ...  # for orders and for cancels

    def reserve(self, live: int) -> int: ...  # cancel tokens to keep while so many orders may rest


class SignedOrder(NamedTuple):
    """An order that is signed and not yet written.

    Args:
        order: The venue's hash of it.
        request: What `Venue.write` takes; nobody else looks into it.
    """

    place: Place
    order: str
    request: object


class Venue(Protocol):
    """Where a driver carries actions out. What became of each comes back as an event, later.

    No call waits, and none tells its result before it returns.
    """

    def sign(self, market: str, places: Sequence[Place]) -> Iterable[SignedOrder]: ...

    def write(self, signed: SignedOrder) -> int: ...  # hands the bytes over; ns, 0 where it cannot

    def cancel(self, orders: Sequence[str]) -> int: ...  # likewise

    def sweep(self, market: str) -> None: ...

    def read(self, action: Read) -> None: ...

    def beat(self) -> None: ...

    def merge(self, market: str, pairs_e6: int) -> None: ...

    def alarm(self, alarm: Alarm) -> None: ...

    def finish(self, finished: Finished) -> None: ...


class JournalPort(Protocol):
    """Where a driver writes everything down; what is told first stands first.

    Raises:
        JournalError: Nothing can be written; what was to be sent is not.
    """

    def plan(self, now_ns: int, market: str, place: Place, order: str) -> None:
        """Write an order down before its first byte leaves."""
        ...

    def ask_merge(self, now_ns: int, market: str, pairs_e6: int) -> None:
        """Write a merge down before its first byte leaves."""
        ...

    def note(self, now_ns: int, event: Event, actions: Sequence[Action]) -> None: ...
