"""Synthetic book changes as frames of the market channel, byte shapes as recorded.

Spacing and key order differ by event type exactly as in the recordings: the
fast pass of a decoder shall meet in synthetic markets what it meets in real ones.
"""

from bisect import bisect_left
from hashlib import sha1
from typing import Protocol

from polymm.domain.market import Market
from polymm.domain.order import Token
from polymm.domain.tape import TapeFrame
from polymm.exchange.flow_book import ASK, BID

SIDE_TEXTS = ("BUY", "SELL")


def decimal_text(value: int, digits: int) -> str:
    """Write ``value / 10**digits`` without trailing zeros: 500 with 4 digits is "0.05"."""
    whole, part = divmod(value, 10**digits)
    return f"{whole}.{part:0{digits}d}".rstrip("0") if part else str(whole)


# An empty bid side reads "0", an empty ask side "1": the ends of this table.
PRICE_TEXTS = tuple(decimal_text(price_e4, 4) for price_e4 in range(10_001))


class LadderView(Protocol):
    """What is written down of a matching book, in Up terms."""

    prices: tuple[list[int], list[int]]  # ascending, both sides
    tick_e4: int

    @property
    def best_bid_e4(self) -> int: ...
    @property
    def best_ask_e4(self) -> int: ...


class FrameWriter:
    """Writes down what happens to one book, for both tokens.

    Hashes are real: the SHA-1 of the REST form of each token's book after the change.

    Args:
        market: Gives ids, tick and smallest order.
        book: The unified Up book; read, never changed. Call ``level`` after each change of it.
        version: Version text that books of later protocols carry, "" for none.

    Attributes:
        frames: All frames so far, in the order they were written.
    """

    def __init__(self, market: Market, book: LadderView, version: str = "") -> None:
        self.frames: list[TapeFrame] = []
        self._book = book
        self._tokens = (market.up_token, market.down_token)
        self._market_text = market.condition_id
        self._order_min_text = decimal_text(market.order_min_e6, 6)
        self._last_trade_text = ""
        # Level texts by token, then by side in Up terms, worst level first.
        self._texts: tuple[tuple[list[str], list[str]], ...] = (([], []), ([], []))
        # The same joined, until the side changes.
        self._joined: tuple[list[str | None], list[str | None]] = ([None, None], [None, None])
        self._version_text = f',"version":"{version}"' if version else ""

    def level(
        self,
        now_ns: int,
        side: int,
        price_e4: int,
        size_e6: int,
        *,
        quiet: bool,
        token: Token | None = None,
    ) -> None:
        """Note a level's new total; unless ``quiet``, as a ``price_change`` frame.

        Args:
            now_ns: Venue time.
            side: BID or ASK, as the price in Up terms.
            price_e4: The level.
            size_e6: Its new total, 0 to remove it.
            quiet: Write no frame.
            token: The one whose order changed the level; None where every order is a buy.
        """
        size_text = decimal_text(size_e6, 6)
        self._note_level(side, price_e4, size_text if size_e6 else "")
        if not quiet:
            self._tell_level(now_ns, side, price_e4, size_text, token)

    def _note_level(self, side: int, price_e4: int, size_text: str) -> None:
        """Keep the texts of both books in step with the book; no size: the level is gone."""
        self._joined[0][side] = self._joined[1][side] = None
        prices = self._book.prices[side]
        place = bisect_left(prices, price_e4)
        if side == ASK:
            # The worst ask is the highest.
            place = len(prices) - place - bool(size_text)
        for texts, own_e4 in zip(self._texts, (price_e4, 10_000 - price_e4), strict=True):
            column = texts[side]
            if not size_text:
                del column[place]
                continue
            text = f'{{"price":"{PRICE_TEXTS[own_e4]}","size":"{size_text}"}}'
            if len(column) < len(prices):
                column.insert(place, text)
            else:
                column[place] = text

    def _tell_level(
        self, now_ns: int, side: int, price_e4: int, size_text: str, token: Token | None = None
    ) -> None:
        """Write a ``price_change`` with the hashes of the books as they are."""
        up_text, down_text = PRICE_TEXTS[price_e4], PRICE_TEXTS[10_000 - price_e4]
        timestamp = now_ns // 1_000_000
        up_hash = self._hash(Token.UP, timestamp, self._sides(Token.UP))
        down_hash = self._hash(Token.DOWN, timestamp, self._sides(Token.DOWN))
        bid_e4, ask_e4 = self._book.best_bid_e4, self._book.best_ask_e4
        up = (
            f'{{"asset_id":"{self._tokens[0]}", "price":"{up_text}", "size":"{size_text}", '
            f'"side":"{SIDE_TEXTS[side]}", "hash":"{up_hash}", '
            f'"best_bid":"{PRICE_TEXTS[bid_e4]}", "best_ask":"{PRICE_TEXTS[ask_e4]}"}}'
        )
        down = (
            f'{{"asset_id":"{self._tokens[1]}", "price":"{down_text}", "size":"{size_text}", '
            f'"side":"{SIDE_TEXTS[1 - side]}", "hash":"{down_hash}", '
            f'"best_bid":"{PRICE_TEXTS[10_000 - ask_e4]}", '
            f'"best_ask":"{PRICE_TEXTS[10_000 - bid_e4]}"}}'
        )
        # The order's own token comes first. Without inventory every maker's order is a buy.
        is_up = side == BID if token is None else token is Token.UP
        entries = f"{up}, {down}" if is_up else f"{down}, {up}"
        self._write(
            now_ns,
            f'{{"market":"{self._market_text}", "price_changes":[{entries}], '
            f'"timestamp":"{timestamp}", "event_type":"price_change"}}',
        )

    def first_snapshot(self, now_ns: int) -> None:
        """Write the dump that answers a subscription: one array, ended by a newline."""
        books = [self.dump(token, now_ns // 1_000_000) for token in Token]
        self._write(now_ns, f"[{','.join(books)}]\n")

    def dump(self, token: Token, timestamp: int) -> str:
        """Give one token's entry of such a dump; ``timestamp`` in ms."""
        sides = self._sides(token)
        return (
            f'{{"market":"{self._market_text}","asset_id":"{self._tokens[token]}",'
            f'"timestamp":"{timestamp}","hash":"{self._hash(token, timestamp, sides)}",'
            f'{sides},"tick_size":"{PRICE_TEXTS[self._book.tick_e4]}",'
            f'"event_type":"book","last_trade_price":"{self._last_trade_text}"'
            f"{self._version_text}}}"
        )

    def rest_book(self, token: Token, timestamp: int) -> str:
        """Give one token's book as REST answers it; ``timestamp`` in ms."""
        text = self._hashed(token, timestamp, self._sides(token))
        return text.replace('"hash":""', f'"hash":"{_digest(text)}"', 1)

    def books(self, now_ns: int) -> None:
        """Write one ``book`` frame for each token."""
        timestamp = now_ns // 1_000_000
        for token in Token:
            sides = self._sides(token)
            self._write(
                now_ns,
                f'{{"market":"{self._market_text}","asset_id":"{self._tokens[token]}",'
                f'{sides},"hash":"{self._hash(token, timestamp, sides)}",'
                f'"timestamp":"{timestamp}","event_type":"book"{self._version_text}}}',
                token,
            )

    def touch(self, now_ns: int) -> None:
        """Write ``best_bid_ask`` of both tokens as the book is now."""
        bid_e4, ask_e4 = self._book.best_bid_e4, self._book.best_ask_e4
        spread = PRICE_TEXTS[ask_e4 - bid_e4]
        for token, bid, ask in (
            (Token.UP, bid_e4, ask_e4),
            (Token.DOWN, 10_000 - ask_e4, 10_000 - bid_e4),
        ):
            self._write(
                now_ns,
                f'{{"market":"{self._market_text}","asset_id":"{self._tokens[token]}",'
                f'"best_bid":"{PRICE_TEXTS[bid]}","best_ask":"{PRICE_TEXTS[ask]}",'
                f'"spread":"{spread}","timestamp":"{now_ns // 1_000_000}",'
                f'"event_type":"best_bid_ask"}}',
                token,
            )

    def trade(
        self, now_ns: int, token: Token, taker_side: int, price_e4: int, size_e6: int, number: int
    ) -> None:
        """Write ``last_trade_price``; side and price are in Up terms, ``token`` the taker's."""
        side, own_e4 = (
            (taker_side, price_e4) if token is Token.UP else (1 - taker_side, 10_000 - price_e4)
        )
        transaction = sha1(f"{self._market_text}{number}".encode(), usedforsecurity=False)
        self._write(
            now_ns,
            f'{{"market":"{self._market_text}","asset_id":"{self._tokens[token]}",'
            f'"price":"{PRICE_TEXTS[own_e4]}","size":"{decimal_text(size_e6, 6)}",'
            f'"fee_rate_bps":"1000","side":"{SIDE_TEXTS[side]}",'
            f'"timestamp":"{now_ns // 1_000_000}","event_type":"last_trade_price",'
            f'"transaction_hash":"0x{transaction.hexdigest():0>64}"}}',
            token,
        )

    def note_trade_price(self, token: Token, price_e4: int) -> None:
        """Remember the last price, which enters the hash with three decimals."""
        own_e4 = price_e4 if token is Token.UP else 10_000 - price_e4
        self._last_trade_text = f"{own_e4 / 10_000:.3f}"

    def tick_size(self, now_ns: int, old_e4: int, new_e4: int) -> None:
        """Write ``tick_size_change``, once for each token."""
        for token in Token:
            self._write(
                now_ns,
                f'{{"market":"{self._market_text}","asset_id":"{self._tokens[token]}",'
                f'"old_tick_size":"{PRICE_TEXTS[old_e4]}","new_tick_size":"{PRICE_TEXTS[new_e4]}",'
                f'"timestamp":"{now_ns // 1_000_000}","event_type":"tick_size_change"}}',
                token,
            )

    def _write(self, now_ns: int, text: str, token: Token | None = None) -> None:
        """Keep a frame; ``token`` is the one it speaks of, None for both."""
        self.frames.append(TapeFrame(now_ns, 0, text.encode()))

    def _sides(self, token: Token) -> str:
        """Both sides of one token's book, worst level first."""
        joined = self._joined[token]
        bids, asks = joined
        if bids is None:
            bids = joined[BID] = ",".join(self._texts[token][BID])
        if asks is None:
            asks = joined[ASK] = ",".join(self._texts[token][ASK])
        # Up bids run upwards, Up asks downwards; mirrored they are Down's asks and bids.
        first, second = (bids, asks) if token is Token.UP else (asks, bids)
        return f'"bids":[{first}],"asks":[{second}]'

    def _hash(self, token: Token, timestamp: int, sides: str) -> str:
        return _digest(self._hashed(token, timestamp, sides))

    def _hashed(self, token: Token, timestamp: int, sides: str) -> str:
        return (
            f'{{"market":"{self._market_text}","asset_id":"{self._tokens[token]}",'
            f'"timestamp":"{timestamp}","hash":"",{sides},'
            f'"min_order_size":"{self._order_min_text}",'
            f'"tick_size":"{PRICE_TEXTS[self._book.tick_e4]}","neg_risk":false,'
            f'"last_trade_price":"{self._last_trade_text}"{self._version_text}}}'
        )


def _digest(text: str) -> str:
    return sha1(text.encode(), usedforsecurity=False).hexdigest()
