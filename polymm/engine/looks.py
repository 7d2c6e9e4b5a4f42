"""What makers and gate read through their ports during a step, noted so that it can be repeated.

A step of the engine depends on its event, its time and these looks: nothing else. The recorder
stands between the engine and a market's book and lane, and notes a whole quote at each evaluation
and a whole book when it is first read after that, since neither changes within a step.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Any, Final

from polymm.engine.ports import BudgetView, MarketView, QuoteView
from polymm.engine.records import Look


class LookKind(IntEnum):
    """What was looked at; the second number of a look, after the number of its market."""

    BOOK = 0
    EVALUATED = 1  # flags, then the quote
    QUOTE = 2  # without an evaluation in the same step
    TOKENS = 3  # for orders and for cancels
    RESERVE = 4
    BURSTS = 5


_BOOK, _EVALUATED, _QUOTE, _TOKENS, _RESERVE, _BURSTS = (int(kind) for kind in LookKind)
# The budget's number; markets are counted from 1.
BUDGET: Final = 0
BOOK_FIELDS: Final = (
    "best_bid_e4",
    "best_ask_e4",
    "has_epoch",
    "tick_e4",
    "last_trade_e4",
    "timestamp_ms",
    "proven_up_ns",
    "proven_down_ns",
    "reference_ns",
    "is_contradicted",
)
QUOTE_FIELDS: Final = (
    "bid_e4",
    "bid_e6",
    "ask_e4",
    "ask_sell_e6",
    "ask_buy_e6",
    "merge_e6",
    "reasons",
)
# Numbers of a whole look by kind, its market and kind included.
LOOK_SIZES: Final = {
    _BOOK: 2 + len(BOOK_FIELDS),
    _EVALUATED: 3 + len(QUOTE_FIELDS),
    _QUOTE: 2 + len(QUOTE_FIELDS),
    _TOKENS: 4,
    _RESERVE: 3,
    _BURSTS: 4,
}


class LookLog:
    """The looks of the step that runs, for all markets of one engine and its budget.

    The engine looks through these views, and nobody else: a look between two steps would be noted
    with the next, and show it a book of before.
    """

    __slots__ = ("_looks", "_n_views", "_seen")

    def __init__(self) -> None:
        self._looks: list[Look] = []
        self._seen: list[NotedView] = []
        self._n_views = 0

    def view(self, market: MarketView) -> "NotedView":
        """Put a recorder before a market; numbers follow the order of these calls."""
        self._n_views += 1
        return NotedView(market, self._n_views, self._looks, self._seen)

    def budget(self, budget: BudgetView) -> "NotedBudget":
        """Put a recorder before the mirror of the token buckets."""
        return NotedBudget(budget, self._looks)

    def take(self) -> Sequence[Look]:
        """End the step: answer what was looked at, and begin anew."""
        if not self._looks:
            return ()
        looks = tuple(self._looks)
        self._looks.clear()
        for view in self._seen:
            view.forget()
        self._seen.clear()
        return looks


class NotedView:
    """A market whose every look is noted.

    Args:
        market: The market itself.
        number: Its own within the run.
        looks: Where looks are noted.
        seen: Where a view puts itself that has noted something in this step.
    """

    __slots__ = (
        "_book",
        "_looks",
        "_market",
        "_number",
        "_quote",
        "_seen",
        "set_inventory",
        "set_working",
    )

    def __init__(
        self, market: MarketView, number: int, looks: list[Look], seen: list["NotedView"]
    ) -> None:
        self._market = market
        self._number = number
        self._looks = looks
        self._seen = seen
        self._book: Look = ()
        self._quote: QuoteView | None = None
        self.set_inventory = market.set_inventory
        self.set_working = market.set_working

    def forget(self) -> None:
        """The step is over: whatever is looked at next is noted anew."""
        self._book = ()
        self._quote = None

    def _note_book(self) -> Look:
        # Not taken apart: what is only handed on stays an object.
        market: Any = self._market
        up_ns, down_ns = market.proven_ns
        self._book = book = (
            self._number,
            _BOOK,
            market.best_bid_e4,
            market.best_ask_e4,
            int(market.has_epoch),
            market.tick_e4,
            market.last_trade_e4,
            market.timestamp_ms,
            up_ns,
            down_ns,
            market.reference_ns,
            int(market.is_contradicted),
        )
        self._looks.append(book)
        self._seen.append(self)
        return book

    # BookView

    @property
    def best_bid_e4(self) -> int:
        """Best bid in Up terms, 0 where that side is empty."""
        return (self._book or self._note_book())[2]

    @property
    def best_ask_e4(self) -> int:
        """Best ask in Up terms, 10000 where that side is empty."""
        return (self._book or self._note_book())[3]

    @property
    def has_epoch(self) -> bool:
        """Whether there is a book to quote from."""
        return bool((self._book or self._note_book())[4])

    @property
    def tick_e4(self) -> int:
        """Price grid, 1e-4 dollars."""
        return (self._book or self._note_book())[5]

    @property
    def last_trade_e4(self) -> int:
        """Price of the last trade in Up terms, 0 where none was seen."""
        return (self._book or self._note_book())[6]

    @property
    def timestamp_ms(self) -> int:
        """Newest venue time applied, 0 where unknown."""
        return (self._book or self._note_book())[7]

    @property
    def proven_ns(self) -> Sequence[int]:
        """When each token's book was last known to be true."""
        return (self._book or self._note_book())[8:10]

    @property
    def reference_ns(self) -> int:
        """Of the newest reference price, 0 where none is used."""
        return (self._book or self._note_book())[10]

    @property
    def is_contradicted(self) -> bool:
        """Whether messages carry other best prices than the book has."""
        return bool((self._book or self._note_book())[11])

    # LaneView

    @property
    def quote(self) -> QuoteView:
        """Wanted quote of the last evaluate."""
        quote = self._quote
        if quote is None:
            self._quote = quote = self._market.quote
            self._looks.append((self._number, _QUOTE, *(getattr(quote, f) for f in QUOTE_FIELDS)))
            self._seen.append(self)
        return quote

    def evaluate(self, now_ns: int) -> int:
        """Form the quote; REQUOTE or 0. The book is looked at anew."""
        market: Any = self._market
        flags: int = market.evaluate(now_ns)
        quote: Any = market.quote
        self._quote = quote
        self._book = ()
        self._looks.append(
            (
                self._number,
                _EVALUATED,
                flags,
                quote.bid_e4,
                quote.bid_e6,
                quote.ask_e4,
                quote.ask_sell_e6,
                quote.ask_buy_e6,
                quote.merge_e6,
                quote.reasons,
            )
        )
        self._seen.append(self)
        return flags


class NotedBudget:
    """Token buckets whose every answer is noted."""

    __slots__ = ("_budget", "_looks")

    def __init__(self, budget: BudgetView, looks: list[Look]) -> None:
        self._budget = budget
        self._looks = looks

    @property
    def bursts(self) -> tuple[int, int]:
        """Most tokens for orders and for cancels."""
        bursts = self._budget.bursts
        self._looks.append((BUDGET, _BURSTS, *bursts))
        return bursts

    def tokens(self, now_ns: int) -> tuple[int, int]:
        """Tokens for orders and for cancels."""
        tokens = self._budget.tokens(now_ns)
        self._looks.append((BUDGET, _TOKENS, *tokens))
        return tokens

    def reserve(self, live: int) -> int:
        """Cancel tokens to keep while so many orders may rest."""
        reserve = self._budget.reserve(live)
        self._looks.append((BUDGET, _RESERVE, reserve))
        return reserve
