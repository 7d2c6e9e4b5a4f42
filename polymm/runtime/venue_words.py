"""What the venue says, as evidence for the engine: results, events of the user channel, listings.

Pure functions. A record of ours that cannot be read for certain is an error, never a guess: of a
market whose tokens are others, or of a status that nobody knows.
"""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from polymm.domain.amounts import DOLLAR_E4
from polymm.domain.market import NS, Market
from polymm.domain.order import Side, Token
from polymm.engine.evidence import (
    BeatAnswered,
    CancelAnswered,
    CancelVerdict,
    FillTold,
    OpenSeen,
    OrderNews,
    OrderTold,
    PlaceAnswered,
    PlaceVerdict,
    Settlement,
    Swept,
)
from polymm.errors import VenueError
from polymm.venues.polymarket.results import (
    BeatResult,
    BeatState,
    CancelResult,
    CancelState,
    OpenOrder,
    PlaceResult,
    PlaceState,
    SweepResult,
    TradeRecord,
)
from polymm.venues.polymarket.user_events import (
    OrderChange,
    OrderEvent,
    OwnFill,
    TradeEvent,
    TradeStatus,
    own_fills,
)

_MS: Final = 1_000_000

PLACE_VERDICTS: Final[Mapping[PlaceState, PlaceVerdict]] = MappingProxyType(
    {state: PlaceVerdict[state.name] for state in PlaceState}
)
CANCEL_VERDICTS: Final[Mapping[CancelState, CancelVerdict]] = MappingProxyType(
    {
        CancelState.CANCELED: CancelVerdict.CANCELED,
        CancelState.NOT_CANCELED: CancelVerdict.NOT_CANCELED,
        CancelState.REJECTED: CancelVerdict.REFUSED,
        CancelState.NOT_SENT: CancelVerdict.NOT_SENT,
        CancelState.UNKNOWN: CancelVerdict.UNKNOWN,
    }
)
ORDER_NEWS: Final[Mapping[OrderChange, OrderNews]] = MappingProxyType(
    {change: OrderNews[change.name] for change in OrderChange}
)
SETTLEMENTS: Final[Mapping[TradeStatus, Settlement]] = MappingProxyType(
    {
        TradeStatus.MATCHED_NOT_BROADCASTED: Settlement.MATCHED,
        TradeStatus.MATCHED: Settlement.MATCHED,
        TradeStatus.RETRYING: Settlement.RETRYING,
        TradeStatus.MINED: Settlement.MINED,
        TradeStatus.CONFIRMED: Settlement.CONFIRMED,
        TradeStatus.FAILED: Settlement.VOID,
    }
)


# Results


def place_answered(result: PlaceResult) -> PlaceAnswered:
    """Say what is known of a placement whose request ended."""
    return PlaceAnswered(
        result.order_id,
        PLACE_VERDICTS[result.state],
        result.reason,
        result.written_ns,
        result.answered_ns or result.decided_ns,
        result.retry_after_ns,
    )


def cancel_answered(result: CancelResult, handed_ns: int = 0) -> CancelAnswered:
    """Say what is known of a cancel whose request ended.

    An order in its taker delay, or one that was not cancelled for a reason nobody knows, is as it
    was: only a terminal reason says that there is nothing left to cancel.

    Args:
        handed_ns: When the gateway was asked: it stands for a cancel that never left.
    """
    verdict = CANCEL_VERDICTS[result.state]
    if verdict is CancelVerdict.NOT_CANCELED and not result.is_final:
        verdict = CancelVerdict.REFUSED
    return CancelAnswered(
        result.order_id,
        verdict,
        result.reason,
        handed_ns if verdict is CancelVerdict.NOT_SENT else result.written_ns,
        result.answered_ns or result.decided_ns,
        result.retry_after_ns,
    )


def swept(market: str, result: SweepResult, now_ns: int) -> Swept:
    """Say what is known of a cancel of everything, or of everything in a market.

    Of an order that it did not cancel for a reason that ends nothing it says nothing.

    Args:
        market: Condition id, "" for all.
        now_ns: Stands for the end of a request that never left.
    """
    return Swept(
        market,
        CANCEL_VERDICTS[result.state],
        result.canceled,
        result.ended,
        result.reason,
        result.written_ns,
        result.answered_ns or now_ns,
        result.retry_after_ns,
    )


def beat_answered(result: BeatResult, now_ns: int) -> BeatAnswered:
    """Say what is known of a heartbeat whose request ended."""
    return BeatAnswered(
        result.state is BeatState.ACCEPTED,
        result.reason,
        result.written_ns,
        result.answered_ns or now_ns,
    )


# Orders


def order_told(event: OrderEvent, recv_ns: int) -> OrderTold:
    """Say what the user channel tells of an order."""
    return OrderTold(
        event.order_id,
        ORDER_NEWS[event.change],
        event.status,
        event.condition_id,
        -1 if event.matched_e6 is None else event.matched_e6,
        event.stamp_ms * _MS,
        recv_ns,
    )


def open_seen(order: OpenOrder) -> OpenSeen:
    """Say what a listing shows of an order."""
    return OpenSeen(order.order_id, order.condition_id, order.matched_e6, order.size_e6)


# Fills


def fills_told(
    event: TradeEvent, market: Market, my_key: str, my_orders: Container[str], recv_ns: int
) -> list[FillTold]:
    """Say what a trade of the user channel did to our orders.

    Args:
        my_key: API key, the owner of our orders.
        my_orders: Hashes of our orders.

    Raises:
        VenueError: A token that is none of the market's.
    """
    return _numbered(own_fills(event, my_key, my_orders, ""), market, recv_ns)


def fills_listed(
    trade: TradeRecord, market: Market, my_key: str, my_orders: Container[str], recv_ns: int
) -> list[FillTold]:
    """Say what a listed trade did to our orders (user-ws notes 3).

    Raises:
        VenueError: A status that nobody knows, or a token that is none of the market's.
    """
    status = TradeStatus.__members__.get(trade.status)
    if status is None:
        raise VenueError(
            "bad_reply", f"status of trade {trade.trade_id} was {trade.status!r:.40}", is_known=True
        )
    fills = [
        _listed(trade, status, part.order_id, part.token_id, part.side, part.size_e6, part.price_e4)
        for part in trade.fills
        if part.owner == my_key or part.order_id in my_orders
    ]
    if trade.taker_order_id in my_orders or not trade.is_maker:
        fills.append(
            _listed(trade, status, trade.taker_order_id, trade.token_id, trade.side, trade.size_e6)
        )
    return _numbered(fills, market, recv_ns)


def _listed(
    trade: TradeRecord,
    status: TradeStatus,
    order_id: str,
    token_id: str,
    side: Side,
    size_e6: int,
    price_e4: int = 0,
) -> OwnFill:
    """One fill; a price of 0 stands for the taker's, which is the sum of what it took."""
    cash_e10 = price_e4 * size_e6
    if not price_e4:
        cash_e10 = sum(
            part.size_e6
            * (part.price_e4 if part.token_id == token_id else DOLLAR_E4 - part.price_e4)
            for part in trade.fills
        )
    return OwnFill(
        trade_id=trade.trade_id,
        order_id=order_id,
        status=status,
        condition_id=trade.condition_id,
        token_id=token_id,
        side=side,
        size_e6=size_e6,
        cash_e10=cash_e10,
        is_maker=price_e4 > 0,
        matched_s=trade.matched_s,
        stamp_ms=0,
    )


def _numbered(fills: Iterable[OwnFill], market: Market, recv_ns: int) -> list[FillTold]:
    """Tell parts of one order in one trade apart, by size, so that all sources number alike."""
    legs: Counter[str] = Counter()
    told = []
    for fill in sorted(fills, key=lambda one: (one.order_id, -one.size_e6, one.cash_e10)):
        told.append(_fill(fill, market, legs[fill.order_id], recv_ns))
        legs[fill.order_id] += 1
    return told


def _fill(fill: OwnFill, market: Market, leg: int, recv_ns: int) -> FillTold:
    fee_e6 = market.fees.taker_fee_e6(fill.price_e4, fill.size_e6)
    # A later status comes with the time of its own; only the second of the match stays.
    is_first = fill.status is TradeStatus.MATCHED and fill.stamp_ms
    return FillTold(
        trade=fill.trade_id,
        order=fill.order_id,
        leg=leg,
        status=SETTLEMENTS[fill.status],
        market=fill.condition_id,
        token=token_of(market, fill.token_id),
        side=fill.side,
        size_e6=fill.size_e6,
        cash_e10=fill.cash_e10,
        is_maker=fill.is_maker,
        fee_e6=0 if fill.is_maker else fee_e6,
        counter_fee_e6=fee_e6 if fill.is_maker else 0,
        stamp_ns=fill.stamp_ms * _MS if is_first else fill.matched_s * NS,
        recv_ns=recv_ns,
    )


def token_of(market: Market, token_id: str) -> Token:
    """Say which outcome a token pays on.

    Raises:
        VenueError: None of this market.
    """
    if token_id == market.up_token:
        return Token.UP
    if token_id == market.down_token:
        return Token.DOWN
    raise VenueError(
        "unreadable",
        f"a token of {market.slug} must be Up's or Down's, was {token_id!r:.80}",
        is_known=True,
    )
