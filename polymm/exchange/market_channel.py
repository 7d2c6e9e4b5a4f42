"""What the market channel says of one book: messages with true hashes, and whom each concerns.

The texts are those of ``flow_wire``, so that synthetic tapes and the local exchange cannot drift
apart. Faults of the feed (a wrong hash, a crossed top) are written here and nowhere else: the
book itself is never wrong.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import orjson

from polymm.domain.market import Market
from polymm.domain.order import Token
from polymm.exchange.flow_book import BID
from polymm.exchange.flow_wire import FrameWriter, LadderView, decimal_text
from polymm.exchange.matching import LevelChange

FALSE_SIZE_E6 = 7_770_000


class MarketMessage(NamedTuple):
    """One message of the market channel.

    Args:
        at_ns: Venue time.
        condition_id: Its market.
        tokens: Ids it concerns; a subscriber of any of them gets it. () is everybody.
        payload: The text as sent.
        is_custom: For connections with ``custom_feature_enabled`` only.
    """

    at_ns: int
    condition_id: str
    tokens: tuple[str, ...]
    payload: bytes
    is_custom: bool = False


class ChannelWriter(FrameWriter):
    """Writes the messages of one market and hands each on at once.

    Args:
        market: Gives ids, tick and smallest order.
        book: The book in Up terms; call ``change`` after each change of it.
        emit: Gets every message.
        version: Version text of later protocols, "" for none.
    """

    def __init__(
        self,
        market: Market,
        book: LadderView,
        emit: Callable[[MarketMessage], None],
        version: str = "",
    ) -> None:
        super().__init__(market, book, version)
        self._emit = emit
        self._market = market
        self._is_custom = False

    def change(self, now_ns: int, change: LevelChange) -> None:
        """Tell of a level's new total."""
        side, price_e4, total_e6, token = change
        self.level(now_ns, side, price_e4, total_e6, quiet=False, token=token)

    def top(self, now_ns: int) -> None:
        """Tell both tokens' best prices to those who asked for more than the standard."""
        self._is_custom = True
        self.touch(now_ns)
        self._is_custom = False

    def false_hash(self, now_ns: int, change: LevelChange) -> None:
        """Tell of a change with a hash that is not the book's."""
        # The hash covers the smallest order, which is not in the message.
        kept, self._order_min_text = self._order_min_text, "0"
        self.change(now_ns, change)
        self._order_min_text = kept

    def false_top(self, now_ns: int) -> Callable[[int], None] | None:
        """Tell of a bid that crosses the best ask; the answer takes it back, None if no ask."""
        ask_e4 = self._book.best_ask_e4
        if ask_e4 == 10_000:
            return None
        self._tell_false_bid(now_ns, ask_e4, FALSE_SIZE_E6)

        def take_back(then_ns: int) -> None:
            self._tell_false_bid(then_ns, ask_e4, 0)
            self.books(then_ns)

        return take_back

    def _tell_false_bid(self, now_ns: int, price_e4: int, size_e6: int) -> None:
        """Write a bid level that the book does not have; its own levels are left as they are."""
        if price_e4 not in self._book.prices[BID]:
            self._tell_level(now_ns, BID, price_e4, decimal_text(size_e6, 6))

    def created(self, now_ns: int, *, number: int, question: str, tokens: Sequence[Token]) -> None:
        """Tell everybody of a new market."""
        market = self._market
        fees = market.fees
        message = self._event(number, question) | {
            "event_type": "new_market",
            "question": question,
            "slug": market.slug,
            "description": question,
            "assets_ids": [self._tokens[token] for token in tokens],
            "outcomes": ["Down" if token else "Up" for token in tokens],
            "timestamp": str(now_ns // 1_000_000),
            "tags": ["crypto"],
            "condition_id": market.condition_id,
            "active": True,
            "clob_token_ids": [self._tokens[token] for token in tokens],
            "order_price_min_tick_size": f"{market.tick_e4 / 10_000:g}",
            "group_item_title": "",
            "taker_base_fee": "1000",
            "fees_enabled": bool(fees.rate_e6),
            "fee_schedule": {
                "exponent": str(fees.exponent),
                "rate": f"{fees.rate_e6 / 1e6:g}",
                "taker_only": True,
                "rebate_rate": f"{fees.rebate_e6 / 1e6:g}",
            },
            "sports_market_type": "",
            "line": "",
            "game_start_time": "",
        }
        self._tell_all(now_ns, message)

    def resolved(
        self, now_ns: int, *, number: int, question: str, tokens: Sequence[Token], winner: Token
    ) -> None:
        """Tell everybody how a market ended."""
        message = self._event(number, question) | {
            "event_type": "market_resolved",
            "assets_ids": [self._tokens[token] for token in tokens],
            "winning_asset_id": self._tokens[winner],
            "winning_outcome": "Down" if winner else "Up",
            "timestamp": str(now_ns // 1_000_000),
            "tags": ["crypto"],
        }
        self._tell_all(now_ns, message)

    def _event(self, number: int, question: str) -> dict[str, object]:
        slug = self._market.slug
        named = {"ticker": slug, "slug": slug, "title": question, "description": question}
        return {
            "id": str(number),
            "market": self._market_text,
            "event_message": {"id": str(number), **named},
        }

    def _tell_all(self, now_ns: int, message: dict[str, object]) -> None:
        payload = orjson.dumps(message)
        self._emit(MarketMessage(now_ns, self._market_text, (), payload, is_custom=True))

    def _write(self, now_ns: int, text: str, token: Token | None = None) -> None:
        tokens = self._tokens if token is None else (self._tokens[token],)
        self._emit(MarketMessage(now_ns, self._market_text, tokens, text.encode(), self._is_custom))
