"""msgspec's typed structs in front of a pair of books; fields no book needs are not decoded."""

from collections.abc import Callable
from typing import Any

import msgspec

from benches.peers.books import Pair
from benches.workload import Workload


class Level(msgspec.Struct, gc=False):
    price: str
    size: str


class Entry(msgspec.Struct, gc=False):
    asset_id: str
    price: str
    size: str
    side: str


class Snapshot(msgspec.Struct, tag="book", tag_field="event_type", gc=False):
    asset_id: str
    bids: list[Level]
    asks: list[Level]


class Changes(msgspec.Struct, tag="price_change", tag_field="event_type", gc=False):
    price_changes: list[Entry]


decode = msgspec.json.Decoder(Snapshot | Changes).decode


class Typed(Pair):
    """A typed decoder in front of a pair of books."""

    def __init__(self, workload: Workload, make: Callable[[], Any]) -> None:
        super().__init__(workload, make)
        self.decode = decode

    def feed(self, frame: bytes) -> None:
        message = self.decode(frame)
        if type(message) is Changes:
            books = self.books
            for entry in message.price_changes:
                books[entry.asset_id].change(
                    entry.side == "BUY", float(entry.price), float(entry.size)
                )
        else:
            self.books[message.asset_id].replace(
                {float(level.price): float(level.size) for level in message.bids},
                {float(level.price): float(level.size) for level in message.asks},
            )
