"""The market channel's frames at a tenth of their cost: recorded shapes, and no hash."""

from collections.abc import Callable, Sequence
from typing import Any

from polymm.domain.order import Token
from polymm.exchange.flow_book import ASK, BID
from polymm.exchange.flow_wire import PRICE_TEXTS, SIDE_TEXTS, decimal_text
from polymm.exchange.listing import Listing
from polymm.exchange.market_channel import ChannelWriter

NO_HASH = "0" * 40
# Market, the tokens it speaks of, the text.
Publish = Callable[[str, Sequence[int], bytes], None]


class LightWriter(ChannelWriter):
    """Writes what happens to one book from its ladder.

    Args:
        listing: The market.
        publish: Gets every frame.
    """

    def __init__(self, listing: Listing, publish: Publish) -> None:
        market = listing.market
        super().__init__(market, listing.ladder, lambda _: None)
        self._publish = publish
        self._listing = listing
        self._heads = tuple(
            f'{{"asset_id":"{token}", "price":"' for token in (market.up_token, market.down_token)
        )
        self._first = f'{{"market":"{market.condition_id}", "price_changes":['

    def level(self, now_ns: int, side: int, price_e4: int, size_e6: int, **_: Any) -> None:
        self._tell_level(now_ns, side, price_e4, decimal_text(size_e6, 6))

    def _tell_level(
        self, now_ns: int, side: int, price_e4: int, size_text: str, token: Token | None = None
    ) -> None:
        ladder = self._book
        bid_e4, ask_e4 = ladder.best_bid_e4, ladder.best_ask_e4
        up, down = self._heads
        self._publish(
            self._market_text,
            (0, 1),
            (
                f'{self._first}{up}{PRICE_TEXTS[price_e4]}", "size":"{size_text}", '
                f'"side":"{SIDE_TEXTS[side]}", "hash":"{NO_HASH}", '
                f'"best_bid":"{PRICE_TEXTS[bid_e4]}", "best_ask":"{PRICE_TEXTS[ask_e4]}"}}, '
                f'{down}{PRICE_TEXTS[10_000 - price_e4]}", "size":"{size_text}", '
                f'"side":"{SIDE_TEXTS[1 - side]}", "hash":"{NO_HASH}", '
                f'"best_bid":"{PRICE_TEXTS[10_000 - ask_e4]}", '
                f'"best_ask":"{PRICE_TEXTS[10_000 - bid_e4]}"}}], '
                f'"timestamp":"{now_ns // 1_000_000}", "event_type":"price_change"}}'
            ).encode(),
        )

    def top(self, now_ns: int) -> None:
        """Nothing: a level's change carries the best prices."""

    def false_hash(self, now_ns: int, change: Any) -> None:
        self.change(now_ns, change)

    def _note_level(self, side: int, price_e4: int, size_text: str) -> None:
        """Nothing: a book is written from the ladder."""

    def _sides(self, token: Token) -> str:
        ladder = self._listing.ladder
        texts = []
        for side in (BID, ASK):
            prices = ladder.prices[side]
            texts.append(
                ",".join(
                    f'{{"price":"{PRICE_TEXTS[10_000 - price if token else price]}",'
                    f'"size":"{decimal_text(ladder.size_e6(side, price), 6)}"}}'
                    for price in (prices if side == BID else reversed(prices))
                )
            )
        bids, asks = reversed(texts) if token else texts
        return f'"bids":[{bids}],"asks":[{asks}]'

    def _hash(self, token: Token, timestamp: int, sides: str) -> str:
        return NO_HASH

    def _write(self, now_ns: int, text: str, token: Token | None = None) -> None:
        tokens = (0, 1) if token is None else (int(token),)
        self._publish(self._market_text, tokens, text.encode())


def stale_book(listing: Listing, token: Token, stamp_ms: int) -> str:
    """The book that REST was seen to show of a market that traded elsewhere."""
    return (
        f'{{"market":"{listing.condition_id}","asset_id":"{listing.token_id(token)}",'
        f'"timestamp":"{stamp_ms}","hash":"{NO_HASH}",'
        '"bids":[{"price":"0.01","size":"100"}],"asks":[{"price":"0.99","size":"100"}],'
        '"min_order_size":"5","tick_size":"0.01","neg_risk":false,"last_trade_price":""}'
    )
