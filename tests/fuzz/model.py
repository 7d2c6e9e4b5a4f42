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
        self.tick_stamps = [0] * len(markets)
        self.trade_stamps = [0] * len(markets)

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
        stamp = int(message["timestamp"])
        if kind == "book":
            book = self.books[slot]
            is_late = book.has_epoch and stamp < max(book.book_stamps)
            book.apply(message, self.names[slot])
            if not is_late and message.get("tick_size") not in (None, ""):
                self._set_tick(slot, e4(message["tick_size"]), stamp)
            return []
        if kind == "tick_size_change":
            if self._set_tick(slot, e4(message["new_tick_size"]), stamp):
                self.books[slot] = OracleBook()
                self.trade_stamps[slot] = 0
            return []
        price = int(up_price(Fraction(str(message["price"])), token) * 10_000)
        if stamp >= self.trade_stamps[slot]:
            self.trade_stamps[slot] = stamp
            self.last_trades_e4[slot] = price
        taker = (message["side"] == "SELL") ^ token
        size_e6 = int(Fraction(str(message["size"])) * 10**6)
        return [(slot, taker, price, size_e6, stamp, token)]

    def _set_tick(self, slot: int, tick_e4: int, stamp: int) -> bool:
        """Take a tick unless a later message named one; answer whether it is another."""
        if stamp < self.tick_stamps[slot]:
            return False
        self.tick_stamps[slot] = stamp
        is_other = tick_e4 != self.ticks_e4[slot]
        self.ticks_e4[slot] = tick_e4
        return is_other

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
