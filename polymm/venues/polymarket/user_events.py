"""What the user channel tells of orders and trades, and what a trade did to our own orders.

Shapes and rules: user-ws notes 2 and 3. Bytes become events in `user_reading`.
"""

from collections.abc import Container
from dataclasses import dataclass
from enum import StrEnum

from polymm.domain.order import Side
from polymm.errors import DecodeError


class TradeStatus(StrEnum):
    """How far a trade is settled, in rising rank; the last two are final."""

    MATCHED_NOT_BROADCASTED = "MATCHED_NOT_BROADCASTED"  # in listings only
    MATCHED = "MATCHED"
    RETRYING = "RETRYING"
    MINED = "MINED"
    CONFIRMED = "CONFIRMED"
    FAILED = "FAILED"

    @property
    def is_final(self) -> bool:
        """Whether no other status follows."""
        return self in (TradeStatus.CONFIRMED, TradeStatus.FAILED)


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
        status: One of `user_reading.ORDER_STATUSES`, "" where none was told.
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


def own_fills(
    event: TradeEvent, my_key: str, my_orders: Container[str], my_wallet: str
) -> tuple[OwnFill, ...]:
    """Find what a trade did to our orders (user-ws notes 3, "Own fills, exactly").

    Whatever the other side traded, our position changes by our own order's side and token.

    Args:
        my_key: API key, the owner of our orders.
        my_orders: Ids of all our orders that may trade.
        my_wallet: Address that holds our funds.
    """
    fills = []
    if event.taker_order_id in my_orders or event.is_taker:
        fills.append(
            _fill(
                event,
                event.taker_order_id,
                event.token_id,
                event.side,
                event.size_e6,
                _taker_cash_e10(event),
                is_maker=False,
            )
        )
    wallet = my_wallet.lower()
    for maker in event.makers:
        if (
            maker.owner == my_key
            or maker.order_id in my_orders
            or (wallet and maker.wallet.lower() == wallet)
        ):
            cash_e10 = maker.size_e6 * maker.price_e4
            side = _maker_side(event, maker)
            fills.append(
                _fill(
                    event,
                    maker.order_id,
                    maker.token_id,
                    side,
                    maker.size_e6,
                    cash_e10,
                    is_maker=True,
                )
            )
    return tuple(fills)


def _fill(
    event: TradeEvent,
    order_id: str,
    token_id: str,
    side: Side,
    size_e6: int,
    cash_e10: int,
    *,
    is_maker: bool,
) -> OwnFill:
    return OwnFill(
        trade_id=event.trade_id,
        order_id=order_id,
        status=event.status,
        condition_id=event.condition_id,
        token_id=token_id,
        side=side,
        size_e6=size_e6,
        cash_e10=cash_e10,
        is_maker=is_maker,
        matched_s=event.matched_s,
        stamp_ms=event.stamp_ms,
    )


def _maker_side(event: TradeEvent, maker: MakerOrder) -> Side:
    """The maker's side; where it is not told, it follows from the kind of match."""
    if maker.side is not None:
        return maker.side
    if maker.token_id == event.token_id:
        return Side(1 - event.side)
    return event.side  # two buys mint a pair, two sells merge one


def _taker_cash_e10(event: TradeEvent) -> int:
    """What the taker paid or got: each maker at its own limit, in the taker's token's terms."""
    told_e6 = sum(maker.size_e6 for maker in event.makers)
    if told_e6 > event.size_e6:
        return event.size_e6 * event.price_e6 // 100
    cash_e10 = (event.size_e6 - told_e6) * event.price_e6 // 100
    for maker in event.makers:
        is_same = maker.token_id == event.token_id
        cash_e10 += maker.size_e6 * (maker.price_e4 if is_same else 10_000 - maker.price_e4)
    return cash_e10
