"""What makers and gate read through their ports during a step, noted so that it can be repeated.

A step of the engine depends on its event, its time and these looks: nothing else. The recorder
stands between the engine and a market's book and lane, and notes a whole book once a step and a
whole quote once an evaluation, since neither changes in between. The player gives the same back
without any market, and says so when it is asked for something else.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple, final

from polymm.engine.ports import BudgetView, MarketView, QuoteView
from polymm.engine.records import Look
from polymm.errors import ReplayError


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
_BUDGET: Final = 0
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


@final
class PlayedQuote(NamedTuple):
    """A quote as it was noted."""

    bid_e4: int
    bid_e6: int
    ask_e4: int
    ask_sell_e6: int
    ask_buy_e6: int
    merge_e6: int
    reasons: int


class LookLog:
    """The looks of the step that runs, for all markets of one engine.

    Attributes:
        step: Counts steps, so that a view knows when what it noted is over.
    """

    __slots__ = ("_looks", "_n_views", "step")

    def __init__(self) -> None:
        self.step = 0
        self._looks: list[Look] = []
        self._n_views = 0

    def view(self, market: MarketView) -> "NotedView":
        """Put a recorder before a market; numbers follow the order of these calls."""
        self._n_views += 1
        return NotedView(market, self._n_views, self, self._looks)

    def budget(self, budget: BudgetView) -> "NotedBudget":
        """Put a recorder before the mirror of the token buckets."""
        return NotedBudget(budget, self._looks)

    def take(self) -> Sequence[Look]:
        """End the step: answer what was looked at, and begin anew."""
        self.step += 1
        if not self._looks:
            return ()
        looks = tuple(self._looks)
        self._looks.clear()
        return looks


class NotedView:
    """A market whose every look is noted.

    Args:
        market: The market itself.
        number: Its own within the run.
        log: Where the step is counted.
        looks: Where looks are noted.
    """

    __slots__ = (
        "_evaluated",
        "_log",
        "_looks",
        "_market",
        "_number",
        "_step",
        "set_inventory",
        "set_working",
    )

    def __init__(self, market: MarketView, number: int, log: LookLog, looks: list[Look]) -> None:
        self._market = market
        self._number = number
        self._log = log
        self._looks = looks
        self._step = -1
        self._evaluated = -1
        self.set_inventory = market.set_inventory
        self.set_working = market.set_working

    def _note_book(self) -> None:
        market = self._market
        up_ns, down_ns = market.proven_ns
        self._step = self._log.step
        self._looks.append(
            (
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
            )
        )

    # BookView

    @property
    def best_bid_e4(self) -> int:
        """Best bid in Up terms, 0 where that side is empty."""
        if self._step != self._log.step:
            self._note_book()
        return self._market.best_bid_e4

    @property
    def best_ask_e4(self) -> int:
        """Best ask in Up terms, 10000 where that side is empty."""
        if self._step != self._log.step:
            self._note_book()
        return self._market.best_ask_e4

    @property
    def has_epoch(self) -> bool:
        """Whether there is a book to quote from."""
        if self._step != self._log.step:
            self._note_book()
        return self._market.has_epoch

    @property
    def tick_e4(self) -> int:
        """Price grid, 1e-4 dollars."""
        if self._step != self._log.step:
            self._note_book()
        return self._market.tick_e4

    @property
    def last_trade_e4(self) -> int:
        """Price of the last trade in Up terms, 0 where none was seen."""
        if self._step != self._log.step:
            self._note_book()
        return self._market.last_trade_e4

    @property
    def timestamp_ms(self) -> int:
        """Newest venue time applied, 0 where unknown."""
        if self._step != self._log.step:
            self._note_book()
        return self._market.timestamp_ms

    @property
    def proven_ns(self) -> Sequence[int]:
        """When each token's book was last known to be true."""
        if self._step != self._log.step:
            self._note_book()
        return self._market.proven_ns

    @property
    def reference_ns(self) -> int:
        """Of the newest reference price, 0 where none is used."""
        if self._step != self._log.step:
            self._note_book()
        return self._market.reference_ns

    # LaneView

    @property
    def quote(self) -> QuoteView:
        """Wanted quote of the last evaluate."""
        quote = self._market.quote
        if self._evaluated != self._log.step:
            self._evaluated = self._log.step
            self._looks.append((self._number, _QUOTE, *(getattr(quote, f) for f in QUOTE_FIELDS)))
        return quote

    def evaluate(self, now_ns: int) -> int:
        """Form the quote; REQUOTE or 0."""
        market = self._market
        self._evaluated = self._log.step
        flags = market.evaluate(now_ns)
        quote = market.quote
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
        self._looks.append((_BUDGET, _BURSTS, *bursts))
        return bursts

    def tokens(self, now_ns: int) -> tuple[int, int]:
        """Tokens for orders and for cancels."""
        tokens = self._budget.tokens(now_ns)
        self._looks.append((_BUDGET, _TOKENS, *tokens))
        return tokens

    def reserve(self, live: int) -> int:
        """Cancel tokens to keep while so many orders may rest."""
        reserve = self._budget.reserve(live)
        self._looks.append((_BUDGET, _RESERVE, reserve))
        return reserve


class LookPlayer:
    """Gives noted looks back, step by step."""

    __slots__ = ("_at", "_looks", "_n_views", "step")

    def __init__(self) -> None:
        self.step = 0
        self._looks: Sequence[Look] = ()
        self._at = 0
        self._n_views = 0

    def view(self) -> "PlayedView":
        """Stand in for the next market; numbers follow the order of these calls."""
        self._n_views += 1
        return PlayedView(self._n_views, self)

    def budget(self) -> "PlayedBudget":
        """Stand in for the mirror of the token buckets."""
        return PlayedBudget(self)

    def begin(self, looks: Sequence[Look]) -> None:
        """Begin a step in which these looks are to be taken."""
        self.step += 1
        self._looks = looks
        self._at = 0

    def next(self, number: int, kind: LookKind) -> Look:
        """Give the next look, which must be this one.

        Raises:
            ReplayError: The engine looks at something else than it did.
        """
        look: Look = self._looks[self._at] if self._at < len(self._looks) else ()
        if look[:2] != (number, kind):
            found = f"{LookKind(look[1]).name} of {look[0]}" if look else "no look"
            raise ReplayError(f"asked for {kind.name} of {number}, noted was {found}")
        self._at += 1
        return look[2:]

    @property
    def left(self) -> int:
        """How many looks of the step were not taken."""
        return len(self._looks) - self._at


class PlayedView:
    """A market of which only what was noted is known."""

    __slots__ = ("_book", "_evaluated", "_number", "_player", "_quote", "_step")

    def __init__(self, number: int, player: LookPlayer) -> None:
        self._evaluated = -1
        self._quote = PlayedQuote(0, 0, 0, 0, 0, 0, 0)
        self._number = number
        self._player = player
        self._step = -1
        self._book: Look = ()

    def _seen(self) -> Look:
        if self._step != self._player.step:
            self._book = self._player.next(self._number, LookKind.BOOK)
            self._step = self._player.step
        return self._book

    @property
    def best_bid_e4(self) -> int:
        """As noted."""
        return self._seen()[0]

    @property
    def best_ask_e4(self) -> int:
        """As noted."""
        return self._seen()[1]

    @property
    def has_epoch(self) -> bool:
        """As noted."""
        return bool(self._seen()[2])

    @property
    def tick_e4(self) -> int:
        """As noted."""
        return self._seen()[3]

    @property
    def last_trade_e4(self) -> int:
        """As noted."""
        return self._seen()[4]

    @property
    def timestamp_ms(self) -> int:
        """As noted."""
        return self._seen()[5]

    @property
    def proven_ns(self) -> Sequence[int]:
        """As noted."""
        return self._seen()[6:8]

    @property
    def reference_ns(self) -> int:
        """As noted."""
        return self._seen()[8]

    def set_inventory(self, up_e6: int, down_e6: int) -> None:
        """Do nothing: what follows from it was noted."""

    def set_working(self, bid_e4: int, bid_e6: int, ask_e4: int, ask_e6: int, now_ns: int) -> None:
        """Do nothing: what follows from it was noted."""

    @property
    def quote(self) -> QuoteView:
        """As noted."""
        if self._evaluated != self._player.step:
            self._evaluated = self._player.step
            self._quote = PlayedQuote(*self._player.next(self._number, LookKind.QUOTE))
        return self._quote

    def evaluate(self, now_ns: int) -> int:
        """Answer as noted, and have the quote of then."""
        flags, *fields = self._player.next(self._number, LookKind.EVALUATED)
        self._evaluated = self._player.step
        self._quote = PlayedQuote(*fields)
        return flags


class PlayedBudget:
    """Token buckets of which only what was noted is known."""

    __slots__ = ("_player",)

    def __init__(self, player: LookPlayer) -> None:
        self._player = player

    @property
    def bursts(self) -> tuple[int, int]:
        """As noted."""
        orders, cancels = self._player.next(_BUDGET, LookKind.BURSTS)
        return orders, cancels

    def tokens(self, now_ns: int) -> tuple[int, int]:
        """As noted."""
        orders, cancels = self._player.next(_BUDGET, LookKind.TOKENS)
        return orders, cancels

    def reserve(self, live: int) -> int:
        """As noted."""
        return self._player.next(_BUDGET, LookKind.RESERVE)[0]
