"""Audit of the hashes that price_change messages carry, with the reason for each that fails.

A hash is the book after the change *as the engine had it*. Sorted by time stamp some do not
reproduce: messages of one millisecond are not in the engine's order (`batch`), a message was made
from a book that already held a change announced milliseconds later, or not yet one announced
before (`late_book`), or the token's first book came later (`not_recorded`). Each class is proven:
the audit finds the order of neighbouring messages with which the very hash reproduces.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha1
from itertools import combinations
from typing import Any

from tests.oracle.decoding import OracleBook

BEFORE_MS = 12
AFTER_MS = 12
MOVED_MAX = 2


@dataclass
class HashAudit:
    """Counts of one audit: hashes that reproduced, and the others by reason."""

    reproduced: int = 0
    failed: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return self.reproduced + self.failed.total()


def last_trade_texts() -> list[str]:
    """Every text the hidden last trade price may have on a one-cent market."""
    return [f"0.{cents:02d}0" for cents in range(1, 100)]


def reproduces(
    book_texts: str, asset: str, stamp: str, market: str, wanted: str, last_trades: Sequence[str]
) -> str | None:
    """Find the last trade text with which a book's texts give the wanted hash."""
    head = f'{{"market":"{market}","asset_id":"{asset}","timestamp":"{stamp}","hash":"",'
    state = sha1((head + book_texts).encode())
    for text in last_trades:
        attempt = state.copy()
        attempt.update(
            b',"min_order_size":"5","tick_size":"0.01","neg_risk":false,'
            b'"last_trade_price":"' + text.encode() + b'"}'
        )
        if attempt.hexdigest() == wanted:
            return text
    return None


class Explainer:
    """Names the reason why a hash failed; asked in time order, so that it replays once."""

    def __init__(
        self, messages: Sequence[Mapping[str, Any]], tokens: Mapping[str, tuple[str, int]]
    ) -> None:
        self.messages = [m for m in messages if m["event_type"] in ("book", "price_change")]
        self.stamps = [int(m["timestamp"]) for m in self.messages]
        self.tokens = tokens
        self.books = {market: OracleBook() for market, _ in tokens.values()}
        self.replayed = 0

    def explain(self, asset: str, stamp: int, wanted: str, last_trades: Sequence[str]) -> str:
        """Find the order of neighbouring messages with which the hash holds, and name its kind."""
        market, token = self.tokens[asset]
        while self.stamps[self.replayed] < stamp - BEFORE_MS:
            message = self.messages[self.replayed]
            self.books[message["market"]].apply(message, self.tokens)
            self.replayed += 1
        base = self.books[market]
        if not base.has_epoch:
            return "not_recorded"
        stop = bisect_right(self.stamps, stamp + AFTER_MS)
        near = [m for m in self.messages[self.replayed : stop] if m["market"] == market]
        early = [m for m in near if int(m["timestamp"]) <= stamp]
        late = [m for m in near if int(m["timestamp"]) > stamp]
        for kept, pulled, moved in _orders(early, late):
            book = base.copy()
            for message in [*kept, *pulled]:
                book.apply(message, self.tokens, blindly=True)
            texts = book.texts(token)
            if reproduces(texts, asset, str(stamp), market, wanted, last_trades):
                same_ms = all(int(m["timestamp"]) == stamp for m in moved)
                return "batch" if same_ms else "late_book"
        return "unclassed"


def _orders(
    early: Sequence[Any], late: Sequence[Any]
) -> Iterator[tuple[list[Any], list[Any], list[Any]]]:
    """Yield orders by how little they move: earlier messages left out, later ones pulled in."""
    for n_moved in range(MOVED_MAX + 2):
        for n_out in range(n_moved + 1):
            for out in combinations(range(len(early)), n_out):
                kept = [m for i, m in enumerate(early) if i not in out]
                left_out = [early[i] for i in out]
                for pulled in combinations(late, n_moved - n_out):
                    yield kept, list(pulled), [*left_out, *pulled]
