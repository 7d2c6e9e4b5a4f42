"""What the user channel tells, from bytes to typed events and our own fills (user-ws notes 2, 3)."""

from collections.abc import Container
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from polymm.domain.order import Side
from polymm.errors import DecodeError


class TradeStatus(StrEnum):
    """How far a trade is settled."""

    MATCHED = "MATCHED"
    RETRYING = "RETRYING"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"


class OrderChange(StrEnum):
    """What an order event is about."""

    PLACEMENT = "PLACEMENT"
    UPDATE = "UPDATE"
    CANCELLATION = "CANCELLATION"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderEvent:
    """The venue tells of an order of ours.

    Args:
        order_id: Its hash.
        status: One of ORDER_STATUSES, "" where none was told.
        reason: What follows the status, in the venue's words.
        condition_id: Its market.
        token_id: What it buys or sells.
        price_e4: In the token's own terms.
        size_e6: As placed.
        matched_e6: All that was matched so far; None where the venue does not say.
        trade_ids: Trades it took part in, as far as told.
        stamp_ms: Venue time, 0 where unknown.
    """

    order_id: str
    change: OrderChange
    status: str
    reason: str
    owner: str
    condition_id: str
    token_id: str
    side: Side
    price_e4: int
    size_e6: int
    matched_e6: int | None
    trade_ids: tuple[str, ...]
    stamp_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MakerOrder:
    """A resting order's part in a trade; ``side`` is None in older shapes."""

    order_id: str
    owner: str
    wallet: str
    token_id: str
    side: Side | None
    price_e4: int
    size_e6: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeEvent:
    """The venue tells of a trade, or of a further status of it; amounts are the taker's.

    Args:
        price_e6: An average or the worst of several makers' prices, 1e-6 dollars, rounded.
        is_taker: Whether the venue calls us the taker; None where it does not say.
        matched_s: When it matched, epoch seconds, 0 where unknown.
        stamp_ms: Venue time of the status, 0 where unknown.
    """

    trade_id: str
    status: TradeStatus
    taker_order_id: str
    condition_id: str
    token_id: str
    side: Side
    price_e6: int
    size_e6: int
    is_taker: bool | None
    makers: tuple[MakerOrder, ...]
    transaction_hash: str
    matched_s: int
    stamp_ms: int


UserEvent = OrderEvent | TradeEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnFill:
    """What one trade did to one order of ours; the key is (``trade_id``, ``order_id``).

    Args:
        token_id: Of our own order, as ``side`` is.
        size_e6: 1e-6 shares.
        cash_e10: Paid or got for all of it without fee, 1e-10 dollars, exact.
        is_maker: Makers pay no fee.
    """

    trade_id: str
    order_id: str
    status: TradeStatus
    condition_id: str
    token_id: str
    side: Side
    size_e6: int
    cash_e10: int
    is_maker: bool
    matched_s: int
    stamp_ms: int

    @property
    def price_e4(self) -> int:
        """Mean price in the token's own terms, rounded."""
        return (2 * self.cash_e10 + self.size_e6) // (2 * self.size_e6) if self.size_e6 else 0


@dataclass(frozen=True, slots=True)
class UserFrame:
    """All that one frame tells; what cannot be read stands apart, and nothing else suffers."""

    events: tuple[UserEvent, ...]
    faults: tuple[DecodeError, ...]
    ignored: int


def read_user_frame(frame: bytes) -> UserFrame:
    """Read one frame: an object or an array. Total: any bytes give events or faults."""
    raise NotImplementedError


def read_order(record: dict[str, Any]) -> OrderEvent:
    """Read an order event.

    Raises:
        DecodeError: A fact is missing or cannot be.
    """
    raise NotImplementedError


def read_trade(record: dict[str, Any]) -> TradeEvent:
    """Read a trade event or a row of ``GET /data/trades``, which has the same keys.

    Raises:
        DecodeError: A fact is missing or cannot be.
    """
    raise NotImplementedError


def own_fills(
    event: TradeEvent, my_key: str, my_orders: Container[str], my_wallet: str
) -> tuple[OwnFill, ...]:
    """Find what a trade did to our orders (user-ws notes 3, "Own fills, exactly").

    Args:
        my_key: API key, the owner of our orders.
        my_orders: Ids of all our orders that may trade.
        my_wallet: Address that holds our funds.
    """
    raise NotImplementedError


class FillNews(IntEnum):
    """What a fill told of again and again means for the books."""

    OLD = 0  # nothing: known, of a lower rank, or too old to be judged
    BOOKED = 1  # first heard of: it counts
    STATUS = 2  # counted already: only its status changed
    REVERSED = 3  # counted, and now failed: it must be undone


class FillBook:
    """Every fill once, by (trade id, order id), with the highest status told.

    Args:
        keep_ns: A fill is remembered so long after it was last heard of; what matched longer ago
            is refused, since it may have been forgotten.
    """

    def __init__(self, *, keep_ns: int = 3_600_000_000_000) -> None:
        raise NotImplementedError

    def apply(self, fill: OwnFill, now_ns: int) -> FillNews:
        """Take what a socket or a listing tells; what it means for the books.

        Args:
            now_ns: Time of day, ns since the epoch.
        """
        raise NotImplementedError

    def status(self, trade_id: str, order_id: str) -> TradeStatus | None:
        """Give the status of a fill, None where it is not known."""
        raise NotImplementedError
