"""Looks of a step given back as they were noted, without any market.

Whoever asks for something else than was noted is told so: it is not the same run.
"""

from collections.abc import Sequence
from typing import NamedTuple, final

from polymm.engine.looks import BUDGET, LookKind
from polymm.engine.ports import QuoteView
from polymm.engine.records import Look
from polymm.errors import ReplayError


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

    @property
    def is_contradicted(self) -> bool:
        """As noted."""
        return bool(self._seen()[9])

    def set_inventory(self, up_e6: int, down_e6: int, unsellable_up_e6: int = 0) -> None:
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
        """Answer as noted, and have the quote of then; the book is looked at anew."""
        flags, *fields = self._player.next(self._number, LookKind.EVALUATED)
        self._evaluated = self._player.step
        self._quote = PlayedQuote(*fields)
        self._step = -1
        return flags


class PlayedBudget:
    """Token buckets of which only what was noted is known."""

    __slots__ = ("_player",)

    def __init__(self, player: LookPlayer) -> None:
        self._player = player

    @property
    def bursts(self) -> tuple[int, int]:
        """As noted."""
        orders, cancels = self._player.next(BUDGET, LookKind.BURSTS)
        return orders, cancels

    def tokens(self, now_ns: int) -> tuple[int, int]:
        """As noted."""
        orders, cancels = self._player.next(BUDGET, LookKind.TOKENS)
        return orders, cancels

    def reserve(self, live: int) -> int:
        """As noted."""
        return self._player.next(BUDGET, LookKind.RESERVE)[0]
