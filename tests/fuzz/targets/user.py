"""Frames of the user channel: every shape of the contract, and what they do to our own orders."""

from typing import Any

import orjson

from polymm.errors import DecodeError
from polymm.venues.polymarket.user_events import OrderEvent, TradeEvent, own_fills
from polymm.venues.polymarket.user_reading import (
    ORDER_STATUSES,
    SIZE_E6_MAX,
    read_user_frame,
)
from tests.contract.patterns import filled
from tests.contract.user_socket import life, order
from tests.fuzz.inputs import Sample
from tests.fuzz.targets.contract_samples import NAMES
from tests.fuzz.targets.target import must

MINE = frozenset((NAMES["A"], NAMES["B"]))
E10 = 10_000


def user_events() -> list[dict[str, Any]]:
    """One event of every shape."""
    shapes = [
        order("PLACEMENT", "LIVE"),
        order("UPDATE", "LIVE", matched="4", associate_trades=["28c4d2eb"]),
        order("CANCELLATION", "CANCELED", matched="4"),
        order("CANCELLATION", "CANCELED_EXPIRED_ORDER"),
        order("PLACEMENT", "ORDER_STATUS_UNMATCHED", matched=""),
        *life(token="UP", side="SELL", price="0.4", size="10"),
        *life(token="DOWN", side="BUY", price="0.6", size="4.5"),
    ]
    return [filled(shape, NAMES) for shape in shapes]


class UserTarget:
    """Bytes of the user channel to events, and events to fills."""

    spoil = None
    growing_max = 0

    def __init__(self) -> None:
        events = user_events()
        several = [events[:3], events[5:8]]
        self.samples = [Sample("frame", orjson.dumps(one)) for one in (*events, *several)]
        self.samples += [Sample("frame", word, is_json=False) for word in (b"PONG", b"[]", b"{}")]

    def read(self, label: str, text: bytes) -> str:
        told = read_user_frame(text)
        for fault in told.faults:
            must(isinstance(fault, DecodeError), f"a fault is a DecodeError, was {fault!r}")
            must(len(str(fault)) < 300, f"a fault is told briefly, had {len(str(fault))} letters")
        for event in told.events:
            self.check(event)
        if told.faults:
            return "refused"
        return "event" if told.events else "ignored"

    def check(self, event: OrderEvent | TradeEvent) -> None:
        """Hold an event to its bounds."""
        must(0 <= event.size_e6 <= SIZE_E6_MAX, f"a size within its bounds, was {event.size_e6}")
        must(event.stamp_ms >= 0, f"a stamp of 0 or more, was {event.stamp_ms}")
        if isinstance(event, OrderEvent):
            must(event.status in ("", *ORDER_STATUSES), f"a known status, was {event.status!r}")
            must(0 <= event.price_e4 <= E10, f"a price of at most 1, was {event.price_e4}")
            must((event.matched_e6 or 0) <= SIZE_E6_MAX, "a matched size within its bounds")
            return
        for fill in own_fills(event, NAMES["OWNER"], MINE, NAMES["WALLET"]):
            must(0 <= fill.size_e6 <= SIZE_E6_MAX, f"a fill within bounds, was {fill.size_e6}")
            most = fill.size_e6 * E10 if fill.is_maker else event.size_e6 * E10
            must(0 <= fill.cash_e10 <= most, f"cash of at most a dollar a share, was {fill!r}")

    def growing(self) -> int:
        return 0
