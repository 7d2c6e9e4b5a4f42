"""The rules of both venues as one short program with a switch for each difference.

With no switch on it is polymm's venue (docs/strategy.md section 4), with all on hftbacktest's
NoPartialFillExchange under its risk-averse queue (its documentation, "Order Fill"). Whoever shows
both explains each fill that differs by the switches that it takes.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Flag, auto
from typing import Any, Final, NamedTuple, Protocol

from numpy.typing import NDArray

from polymm._core.layout import (
    ASK,
    BID,
    ROW_ASK,
    ROW_BOOK,
    ROW_TRADE,
)
from polymm._core.queue import QueuePosition


class Rule(Flag):
    """Where hftbacktest is not polymm."""

    TOUCH = auto()
    THROUGH = auto()
    WHOLE = auto()
    TWICE = auto()


MEANINGS: Final = {
    Rule.TOUCH: "the book's other side reached its price: that fills there, never here",
    Rule.THROUGH: "a trade went through its price: that fills all there, the trade's size here",
    Rule.WHOLE: "a trade reached a part of it: that fills all there, the part here",
    Rule.TWICE: "a trade was told after the drop it made: both move the queue there, one here",
}
NONE: Final = Rule(0)
ALL: Final = Rule.TOUCH | Rule.THROUGH | Rule.WHOLE | Rule.TWICE


class Sent(NamedTuple):
    """An order as the venue hears of it; ``side`` in Up terms, no ``cancel_ns`` is 0."""

    order_id: int
    side: int
    price_e4: int
    size_e6: int
    arrives_ns: int
    cancel_ns: int


class FillAt(NamedTuple):
    """A fill: when, and how much."""

    at_ns: int
    size_e6: int


Fills = Mapping[int, Sequence[FillAt]]


class Place(Protocol):
    """Where an order stands at its price."""

    def on_size(self, now_ns: int, size_e6: int) -> None:
        """Take in the displayed size."""

    def on_trade(self, now_ns: int, size_e6: int) -> int:
        """Take in a trade at the price; how much of it reached the order."""


class PlainPlace:
    """hftbacktest's risk-averse queue: trades take from the front, a smaller level caps it."""

    def __init__(self, size_e6: int) -> None:
        self.front_e6 = size_e6

    def on_size(self, now_ns: int, size_e6: int) -> None:
        self.front_e6 = min(self.front_e6, size_e6)

    def on_trade(self, now_ns: int, size_e6: int) -> int:
        self.front_e6 -= size_e6
        return min(max(-self.front_e6, 0), size_e6)


@dataclass(slots=True)
class _Resting:
    sent: Sent
    place: Place
    open_e6: int


class Venue:
    """Our orders on a tape, by the rules that are switched on."""

    def __init__(self, rules: Rule, lot_e6: int) -> None:
        self.rules = rules
        self.lot_e6 = lot_e6
        self.sizes: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.resting: list[_Resting] = []
        self.fills: dict[int, list[FillAt]] = defaultdict(list)

    def place(self, sent: Sent) -> None:
        """Rest an order, unless it would take."""
        bids, asks = ({p for p, size in side.items() if size} for side in self.sizes)
        if sent.price_e4 >= min(asks) if sent.side == BID else sent.price_e4 <= max(bids):
            return
        shown_e6 = self.sizes[sent.side].get(sent.price_e4, 0)
        place = PlainPlace(shown_e6) if Rule.TWICE in self.rules else QueuePosition(shown_e6)
        self.resting.append(_Resting(sent, place, sent.size_e6))

    def cancel(self, order_id: int) -> None:
        """Take an order away, if it rests."""
        self.resting = [one for one in self.resting if one.sent.order_id != order_id]

    def change(self, now_ns: int, side: int, price_e4: int, size_e6: int) -> None:
        """Let a level have another size."""
        self.sizes[side][price_e4] = size_e6
        for one in list(self.resting):
            if one.sent.side == side:
                if one.sent.price_e4 == price_e4:
                    one.place.on_size(now_ns, size_e6)
            elif Rule.TOUCH in self.rules and size_e6 and _beyond(one.sent, price_e4) >= 0:
                self._fill(now_ns, one, one.open_e6)

    def trade(self, now_ns: int, taker: int, price_e4: int, size_e6: int) -> None:
        """Let a trade take from the other side."""
        left_e6 = size_e6
        for one in list(self.resting):
            beyond_e4 = _beyond(one.sent, price_e4)
            if one.sent.side == taker or beyond_e4 < 0:
                continue
            if beyond_e4:
                reached_e6 = one.open_e6 if Rule.THROUGH in self.rules else left_e6
            else:
                reached_e6 = one.place.on_trade(now_ns, size_e6)
                if Rule.WHOLE in self.rules and reached_e6 >= self.lot_e6:
                    reached_e6 = one.open_e6
            left_e6 = max(left_e6 - self._fill(now_ns, one, reached_e6), 0)

    def _fill(self, now_ns: int, one: _Resting, reached_e6: int) -> int:
        size_e6 = min(one.open_e6, reached_e6)
        size_e6 -= size_e6 % self.lot_e6
        if size_e6:
            self.fills[one.sent.order_id].append(FillAt(now_ns, size_e6))
            one.open_e6 -= size_e6
            if not one.open_e6:
                self.resting.remove(one)
        return size_e6


def _beyond(sent: Sent, price_e4: int) -> int:
    """How far a price lies beyond an order; below 0 where before it."""
    return sent.price_e4 - price_e4 if sent.side == BID else price_e4 - sent.price_e4


def replay(rows: NDArray[Any], orders: Iterable[Sent], rules: Rule, *, lot_e6: int) -> Fills:
    """Let orders meet a tape; of one ns the tape comes first."""
    venue = Venue(rules, lot_e6)
    steps: list[tuple[int, int, Sent]] = []
    for sent in orders:
        steps.append((sent.arrives_ns, 0, sent))
        if sent.cancel_ns:
            steps.append((sent.cancel_ns, 1, sent))
    steps.sort(key=lambda step: step[:2], reverse=True)
    columns = (rows[name].tolist() for name in ("exch_ns", "kind", "flags", "price_e4", "size_e6"))
    for now_ns, kind, flags, price_e4, size_e6 in zip(*columns, strict=True):
        while steps and steps[-1][0] < now_ns:
            _, is_cancel, sent = steps.pop()
            if is_cancel:
                venue.cancel(sent.order_id)
            else:
                venue.place(sent)
        side = ASK if flags & ROW_ASK else BID
        if kind == ROW_TRADE:
            venue.trade(now_ns, side, price_e4, size_e6)
        elif kind != ROW_BOOK:
            venue.change(now_ns, side, price_e4, size_e6)
    return venue.fills
