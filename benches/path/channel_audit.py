"""Follows the market channel as a client would and proves the hash of every change."""

from collections.abc import Iterable
from hashlib import sha1

import orjson

from polymm._core import layout
from polymm._core.book import Book
from polymm._core.decode import Decoder

BAD_FLAGS = layout.MISMATCH | layout.CROSSED


class ChannelAudit:
    """Books kept from frames alone, and what was wrong with them.

    The hash covers two texts that are not in a change: the tick, told by a message of its own, and
    the last trade's price, told late. That of a change a trade made is one of the change's prices.

    Args:
        markets: Up and Down token of each market.

    Attributes:
        true_count: Hashes that are those of the books kept here.
        false: Messages with a hash that is not.
        flags: Of the decoder, all or-ed.
        books: By token, with 1 for Down.
    """

    def __init__(self, markets: Iterable[tuple[str, str]]) -> None:
        self.true_count = 0
        self.false: list[bytes] = []
        self.flags = 0
        self.books: dict[str, tuple[Book, int]] = {}
        self._decoder = Decoder()
        self._ticks: dict[str, str] = {}
        self._last_trades: dict[str, str] = {}
        for up, down in markets:
            book = self._decoder.book(self._decoder.add_market(up, down))
            self.books |= {up: (book, 0), down: (book, 1)}

    def take(self, frame: bytes) -> None:
        """Take in one frame of the channel."""
        self.flags |= self._decoder.feed(frame)
        parsed = orjson.loads(frame)
        for message in parsed if isinstance(parsed, list) else [parsed]:
            kind = message["event_type"]
            if kind == "price_change":
                changes = message["price_changes"]
                guesses = [f"{float(change['price']):.3f}" for change in changes]
                for change in changes:
                    self._check(message, change, guesses)
            elif kind == "book":
                market = message["market"]
                if "tick_size" in message:
                    self._ticks[market] = message["tick_size"]
                    self._last_trades[market] = message["last_trade_price"]
                self._check(message, message, ())
            elif kind == "tick_size_change":
                self._ticks[message["market"]] = message["new_tick_size"]

    def _check(
        self, message: dict[str, str], entry: dict[str, str], last_trades: Iterable[str]
    ) -> None:
        token, market = entry["asset_id"], message["market"]
        if token not in self.books:
            return
        book, side = self.books[token]
        head = (
            f'{{"market":"{market}","asset_id":"{token}","timestamp":"{message["timestamp"]}",'
            f'"hash":"",{book.level_texts(side)},"min_order_size":"5",'
            f'"tick_size":"{self._ticks.get(market, "0.01")}","neg_risk":false,"last_trade_price":"'
        )
        state = sha1(head.encode(), usedforsecurity=False)
        for last_trade in (self._last_trades.get(market, ""), *last_trades):
            attempt = state.copy()
            attempt.update(f'{last_trade}"}}'.encode())
            if attempt.hexdigest() == entry["hash"]:
                self._last_trades[market] = last_trade
                self.true_count += 1
                return
        self.false.append(orjson.dumps(message))
