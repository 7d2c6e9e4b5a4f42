"""Orders as the engine sends them, replies as a venue answers them, and the life between.

Prices are in the terms of the order's own token (a bought Down share costs ``1 - ask`` of Up).
Order ids are the engine's own integers, unique within a run.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Token(IntEnum):
    """Which outcome a share pays on."""

    UP = 0
    DOWN = 1


class Side(IntEnum):
    """Whether the order buys or sells its token."""

    BUY = 0
    SELL = 1


class Place(NamedTuple):
    """Put a post-only order into the book.

    A tuple since it is made on the path: a frozen dataclass takes four times as long to fill.

    Args:
        order_id: The engine's own number, unique within a run.
        slug: Market.
        token: Outcome bought or sold.
        side: Buy or sell.
        price_e4: 1e-4 dollars, 1..9999, in the token's own terms.
        size_e6: 1e-6 shares, above 0.
    """

    order_id: int
    slug: str
    token: Token
    side: Side
    price_e4: int
    size_e6: int

    @property
    def sign(self) -> int:
        """+1 if the order buys UP-equivalent (it rests as a bid of Up), -1 if it sells it."""
        return 1 if (self.token is Token.UP) == (self.side is Side.BUY) else -1

    @property
    def up_price_e4(self) -> int:
        """Price in Up terms."""
        return self.price_e4 if self.token is Token.UP else 10_000 - self.price_e4


@dataclass(frozen=True, slots=True)
class Cancel:
    """Take one order out of the book."""

    order_id: int
    slug: str


@dataclass(frozen=True, slots=True)
class Merge:
    """Turn ``pairs_e6`` Up and Down shares into one dollar a pair."""

    slug: str
    pairs_e6: int


Action = Place | Cancel | Merge


@dataclass(frozen=True, slots=True)
class Accepted:
    """The order rests in the book."""

    order_id: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The order never rested. ``reason`` is one of REJECT_REASONS."""

    order_id: int
    reason: str


REJECT_REASONS = (
    "post_only_crosses",
    "balance",
    "size_below_minimum",
    "off_tick",
    "off_lot",
    "book_unknown",
    "market_closed",
)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Proof that the order no longer rests: ``filled_e6`` of it was filled before."""

    order_id: int
    filled_e6: int
    reason: str = "requested"  # or "expired": the market closed over it


@dataclass(frozen=True, slots=True)
class CancelRefused:
    """The cancel proved nothing; ``reason`` is "matched", "unknown" or "unavailable"."""

    order_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Fill:
    """One fill of one of our orders.

    Args:
        price_e4: In the token's own terms.
        size_e6: 1e-6 shares.
        fee_e6: Fee we paid, 1e-6 dollars (makers: 0).
        exch_ns: Venue time of the match.
        inferred: No trade was recorded; the fill follows from a book that went through the price.
        front_e6: Queue ahead of us when we joined, for the report.
        after_cancel_sent: The fill happened while our cancel was on its way.
        counter_fee_e6: Fee the taker paid on this fill (base of the rebate estimate).
    """

    trade_id: int
    order_id: int
    slug: str
    token: Token
    side: Side
    price_e4: int
    size_e6: int
    fee_e6: int
    exch_ns: int
    inferred: bool = False
    front_e6: int = 0
    after_cancel_sent: bool = False
    counter_fee_e6: int = 0

    @property
    def sign(self) -> int:
        """+1 if the fill buys UP-equivalent, -1 if it sells it."""
        return 1 if (self.token is Token.UP) == (self.side is Side.BUY) else -1

    @property
    def up_price_e4(self) -> int:
        """Price in Up terms."""
        return self.price_e4 if self.token is Token.UP else 10_000 - self.price_e4


@dataclass(frozen=True, slots=True)
class Voided:
    """A fill that was told never happened: its settlement failed. Its order stays as it is."""

    fill: Fill


@dataclass(frozen=True, slots=True)
class Merged:
    """Pairs became cash."""

    slug: str
    pairs_e6: int


Reply = Accepted | Rejected | Cancelled | CancelRefused | Fill | Voided | Merged


class OrderState(IntEnum):
    """Where an order stands in the engine's belief. Every state but DONE may still fill."""

    PENDING_NEW = 0  # sent, no sign of life yet
    WORKING = 1  # accepted or filled in part
    PENDING_CANCEL = 2  # a cancel was sent; it proves nothing
    CLOSING = 3  # proven out of the book, but fills it reported have not arrived
    DONE = 4


class OrderEvent(IntEnum):
    """What may happen to an order."""

    ACCEPTED = 0
    REJECTED = 1
    FILLED_PART = 2
    FILLED_ALL = 3  # all that was ordered or, when closing, all that was reported
    CANCEL_SENT = 4
    CANCEL_REFUSED = 5
    CANCELLED = 6
    CANCELLED_OWING = 7  # cancelled, and fills are still to come


_NEW, _WORKING, _CANCEL, _CLOSING, _DONE = OrderState

# Legal transitions. A pair that is absent moves nothing: whoever meets one counts it.
# A rejection ends only an order that showed no life; evidence of life wins over it.
NEXT_STATE: Final[Mapping[tuple[OrderState, OrderEvent], OrderState]] = MappingProxyType(
    {
        (_NEW, OrderEvent.ACCEPTED): _WORKING,
        (_NEW, OrderEvent.REJECTED): _DONE,
        (_NEW, OrderEvent.FILLED_PART): _WORKING,
        (_NEW, OrderEvent.FILLED_ALL): _DONE,
        (_NEW, OrderEvent.CANCEL_SENT): _CANCEL,
        (_NEW, OrderEvent.CANCELLED): _DONE,
        (_NEW, OrderEvent.CANCELLED_OWING): _CLOSING,
        (_WORKING, OrderEvent.ACCEPTED): _WORKING,
        (_WORKING, OrderEvent.FILLED_PART): _WORKING,
        (_WORKING, OrderEvent.FILLED_ALL): _DONE,
        (_WORKING, OrderEvent.CANCEL_SENT): _CANCEL,
        (_WORKING, OrderEvent.CANCELLED): _DONE,
        (_WORKING, OrderEvent.CANCELLED_OWING): _CLOSING,
        (_CANCEL, OrderEvent.ACCEPTED): _CANCEL,
        (_CANCEL, OrderEvent.REJECTED): _DONE,
        (_CANCEL, OrderEvent.FILLED_PART): _CANCEL,
        (_CANCEL, OrderEvent.FILLED_ALL): _DONE,
        (_CANCEL, OrderEvent.CANCEL_SENT): _CANCEL,
        (_CANCEL, OrderEvent.CANCEL_REFUSED): _CANCEL,
        (_CANCEL, OrderEvent.CANCELLED): _DONE,
        (_CANCEL, OrderEvent.CANCELLED_OWING): _CLOSING,
        (_CLOSING, OrderEvent.ACCEPTED): _CLOSING,
        (_CLOSING, OrderEvent.FILLED_PART): _CLOSING,
        (_CLOSING, OrderEvent.FILLED_ALL): _DONE,
        (_CLOSING, OrderEvent.CANCEL_REFUSED): _CLOSING,
    }
)
