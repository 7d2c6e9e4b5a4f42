"""Checking the hashes that messages carry, while a tape is made of them (data/README: book hash).

A hash covers keys that are not on the wire, such as the last trade price, which is found by trying.
A ``price_change`` carries the hash of the book after it; of messages with one time and one hash it
holds after the last of them. Messages of one millisecond need not be in the engine's order, so a
few that fail are usual and change nothing; a book that is wrong shows as many that fail.
"""

from typing import Any, Final, Literal, NamedTuple

import orjson

from polymm._core.book import Book
from polymm._core.bookhash import BookText
from polymm.domain.market import Market
from polymm.errors import DecodeError, RecordingError

# Which hashes are checked: of books and changes, of books alone, none.
HashChecks = Literal["all", "books", "none"]
# A hash that was not recorded, but composed for a recording without any.
NO_HASH: Final = "0" * 40


class HashCounts(NamedTuple):
    """How many hashes reproduced and failed; ``unchecked`` had nothing to be compared with."""

    books: int = 0
    books_failed: int = 0
    changes: int = 0
    changes_failed: int = 0
    unchecked: int = 0


class HashCheck:
    """Checks one market's hashes; give it each frame before the book has it.

    Args:
        market: Whose.
        checks: Which.
    """

    def __init__(self, market: Market, checks: HashChecks = "all") -> None:
        if checks not in ("all", "books", "none"):
            raise RecordingError(f"hashes must be all, books or none, was {checks!r}")
        self._market = market
        self._checks = checks
        self._tokens = {market.up_token: 0, market.down_token: 1}
        self._book: Book | None = None
        # Time, hash and market text by token: to be judged when the next message has another.
        self._pending: dict[str, tuple[str, str, str]] = {}
        self._guess = ""
        # Whether no last trade price fitted: until another trade is told, none is looked for again.
        self._is_lost = False
        self._books = [0, 0]
        self._changes = [0, 0]
        self._unchecked = 0

    @property
    def counts(self) -> HashCounts:
        """What was found so far."""
        (books, books_failed), (changes, changes_failed) = self._books, self._changes
        return HashCounts(books, books_failed, changes, changes_failed, self._unchecked)

    def begin(self, book: Book) -> None:
        """Know the book that frames are applied to."""
        self._book = book

    def take(self, frame: bytes) -> None:
        """Look at a frame that the book does not have yet."""
        if self._checks == "none":
            return
        try:
            messages = orjson.loads(frame)
        except orjson.JSONDecodeError:
            return  # the decoder says so
        for message in messages if isinstance(messages, list) else [messages]:
            if isinstance(message, dict) and message.get("market") == self._market.condition_id:
                self._take(message, frame, is_alone=message is messages)

    def finish(self) -> HashCounts:
        """Judge what is left, at the end of the tape."""
        for token in tuple(self._pending):
            self._judge(token)
        return self.counts

    def _take(self, message: dict[str, Any], frame: bytes, *, is_alone: bool) -> None:
        kind = message.get("event_type", "book" if "bids" in message else "")
        if kind in ("book", "last_trade_price"):
            self._is_lost = False
        if kind == "book":
            for token in tuple(self._pending):
                self._judge(token)
            if message.get("asset_id") in self._tokens:
                self._check_book(message, frame if is_alone else orjson.dumps(message))
        elif kind == "price_change" and self._checks == "all":
            told = _told(message, self._tokens)
            for token, new in told.items():
                if self._pending.get(token, new) != new:
                    self._judge(token)
            self._pending |= told

    def _check_book(self, message: dict[str, Any], text: bytes) -> None:
        if message.get("hash", NO_HASH) == NO_HASH:
            self._unchecked += 1
            return
        try:
            self._count(self._books, BookText(text))
        except DecodeError:
            self._unchecked += 1

    def _judge(self, token: str) -> None:
        """Compare the last message of one time and hash with the book as it is now."""
        stamp, claimed, condition = self._pending.pop(token)
        book, market = self._book, self._market
        if book is None or not book.has_epoch or claimed == NO_HASH:
            self._unchecked += 1
            return
        text = BookText(
            f'{{"market":"{condition}","asset_id":"{token}","timestamp":"{stamp}",'
            f'"hash":"{claimed}",{book.level_texts(self._tokens[token])},'
            f'"min_order_size":"{market.order_min_e6 / 1e6:g}",'
            f'"tick_size":"{book.tick_e4 / 1e4:g}",'
            f'"neg_risk":{str(market.neg_risk).lower()}{_version(market)}}}'.encode()
        )
        self._count(self._changes, text)

    def _count(self, counts: list[int], text: BookText) -> None:
        found = text.find_last_trade(self._guess, is_alone=self._is_lost)
        if found is None:
            self._is_lost = True
            counts[1] += 1
        else:
            self._guess = found
            counts[0] += 1


def _told(message: dict[str, Any], tokens: dict[str, int]) -> dict[str, tuple[str, str, str]]:
    """Time, hash and market of a price_change, by token; {} for one of another shape."""
    found = {}
    entries = message.get("price_changes")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("asset_id") in tokens and "hash" in entry:
            stamp, condition = str(message.get("timestamp")), str(message.get("market"))
            found[str(entry["asset_id"])] = stamp, str(entry["hash"]), condition
    return found


def _version(market: Market) -> str:
    return f',"version":"{market.version}"' if market.version == "v2" else ""
