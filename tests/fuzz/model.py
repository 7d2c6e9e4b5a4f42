"""What accepted frames must have done to every market, by the oracle's books."""

import json
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.oracle.decoding import OracleBook, up_price

SINGLE_KINDS = ("book", "last_trade_price", "tick_size_change")


def e4(text: object) -> int:
    return int(Decimal(str(text)) * 10_000)


class Model:
    """The oracle's books by slot, and the epochs, ticks and trades that stand around them."""

    def __init__(self, markets: Sequence[tuple[str, str]], tick_e4: int = 100) -> None:
        self.tokens: dict[str, tuple[int, int]] = {}
        self.names: list[dict[str, tuple[str, int]]] = []
        for slot, market in enumerate(markets):
            known = {token: i for i, token in enumerate(market) if token}
            self.tokens |= {token: (slot, i) for token, i in known.items()}
            self.names.append({token: ("", i) for token, i in known.items()})
        self.books = [OracleBook() for _ in markets]
        self.ticks_e4 = [tick_e4] * len(markets)
        self.last_trades_e4 = [0] * len(markets)

    def feed(self, frame: bytes) -> list[tuple[int, ...]]:
        """Apply a frame that was accepted; answer its trades as plain tuples."""
        value = json.loads(frame)
        trades = []
        for message in value if isinstance(value, list) else [value]:
            kind = message.get("event_type", "book")
            if kind == "price_change":
                held = {entry["asset_id"] for entry in message["price_changes"]}
                for slot in {self.tokens[token][0] for token in held if token in self.tokens}:
                    self.books[slot].apply(message, self.names[slot])
            elif kind in SINGLE_KINDS and message["asset_id"] in self.tokens:
                trades += self._apply(kind, message, *self.tokens[message["asset_id"]])
        return trades

    def _apply(
        self, kind: str, message: dict[str, Any], slot: int, token: int
    ) -> list[tuple[int, ...]]:
        if kind == "book":
            book = self.books[slot]
            is_late = book.has_epoch and int(message["timestamp"]) < max(book.book_stamps)
            book.apply(message, self.names[slot])
            if not is_late and message.get("tick_size") not in (None, ""):
                self.ticks_e4[slot] = e4(message["tick_size"])
            return []
        if kind == "tick_size_change":
            tick_e4 = e4(message["new_tick_size"])
            if tick_e4 != self.ticks_e4[slot]:
                self.ticks_e4[slot] = tick_e4
                self.books[slot] = OracleBook()
            return []
        price = int(up_price(Fraction(str(message["price"])), token) * 10_000)
        self.last_trades_e4[slot] = price
        taker = (message["side"] == "SELL") ^ token
        size_e6 = int(Fraction(str(message["size"])) * 10**6)
        return [(slot, taker, price, size_e6, int(message["timestamp"]), token)]

    def state(self, slot: int) -> tuple[Any, ...]:
        """Give what `session.state` reads of a compiled book."""
        book = self.books[slot]
        return (
            *([(int(p * 10**4), int(s * 10**6)) for p, s in book.levels(side)] for side in (0, 1)),
            self.ticks_e4[slot],
            self.last_trades_e4[slot],
            book.has_epoch,
            max(book.newest, 0),
        )
