"""Messages to spoil, and what every refusal must leave alone."""

from typing import Any

import pytest

from polymm._core.decode import Decoder
from polymm.errors import DecodeError
from tests.support.wire import (
    DOWN,
    STAMP,
    UP,
    book,
    compact,
    entry,
    price_change,
    tick_change,
    trade,
)

BIDS = [("0.47", "200"), ("0.48", "100")]
ASKS = [("0.53", "120"), ("0.52", "80.5")]
BOOK = book(BIDS, ASKS)
DUMP = {
    **{key: BOOK[key] for key in ("market", "asset_id", "timestamp", "hash", "bids", "asks")},
    "tick_size": "0.01",
    "event_type": "book",
    "last_trade_price": "0.500",
}
CHANGE = price_change(
    entry("0.49", "45", "BUY", top=("0.49", "0.52")),
    entry("0.51", "45", "SELL", asset=DOWN, top=("0.48", "0.51")),
)
TRADE = trade("0.52", "25.5", "BUY")
TICK = tick_change("0.001")
RESOLVED = {
    "event_type": "market_resolved",
    "assets_ids": [UP, DOWN],
    "winning_asset_id": UP,
    "timestamp": str(STAMP),
}
MESSAGES = {"book": BOOK, "dump": DUMP, "change": CHANGE, "trade": TRADE, "tick": TICK}


def opened() -> Decoder:
    """Give a decoder with two markets whose first book stands at 0.48/0.52."""
    decoder = Decoder()
    decoder.add_market(UP, DOWN)
    decoder.add_market("7" * 96, "12345678")
    decoder.feed(compact(BOOK))
    return decoder


def seen(decoder: Decoder) -> tuple[Any, ...]:
    """All that a refused frame must leave alone."""
    counters = decoder.counters()
    del counters["frames"], counters["rejected"]
    books = [decoder.book(slot) for slot in (0, 1)]
    return (
        counters,
        [
            (b.levels(0), b.levels(1), b.tick_e4, b.last_trade_e4, b.has_epoch, b.timestamp_ms)
            for b in books
        ],
    )


def refuse(frame: Any, saying: str = "", *, offset: int | None = None) -> DecodeError:
    """Feed a frame that must be refused and leave no trace; give the error."""
    decoder = opened()
    decoder.feed(compact(TRADE))
    before = seen(decoder)
    with pytest.raises(DecodeError, match=saying) as caught:
        decoder.feed(frame)
    assert type(caught.value) is DecodeError
    assert seen(decoder) == before
    assert decoder.counters()["rejected"] == 1
    # They speak of the last frame, and that did nothing.
    assert (decoder.touched(), decoder.trades(), decoder.resolved()) == ([], [], [])
    if offset is not None:
        assert caught.value.offset == offset
    return caught.value


def changed(message: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Give a copy of a message with another value at a dotted path."""
    first, _, rest = path.partition(".")
    copy: Any = list(message) if isinstance(message, list) else dict(message)
    key: Any = int(first) if isinstance(message, list) else first
    copy[key] = changed(copy[key], rest, value) if rest else value
    return copy
