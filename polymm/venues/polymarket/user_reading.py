"""Frames of the user channel and rows of listings, read into typed events.

Total: any bytes give events or faults, and a record that cannot be read spoils no other. Numbers
are texts that may be empty, times seconds or milliseconds (user-ws notes 2 and 3).
"""

from typing import Any, Final

import orjson

from polymm._core.tolerant import decimal, json_fault
from polymm.domain.order import Side
from polymm.errors import DecodeError, InputError
from polymm.venues.polymarket.user_events import (
    MakerOrder,
    OrderChange,
    OrderEvent,
    TradeEvent,
    TradeStatus,
    UserEvent,
    UserFrame,
)

# In older captures times are in seconds; a number above this is in milliseconds.
SECONDS_MAX: Final = 100_000_000_000
PLACES_MAX: Final = 18
SHOWN_CHARS_MAX: Final = 60
# No order is larger: 1e8 shares, 1e-6 each.
SIZE_E6_MAX: Final = 10**14

# Longest first: what follows a status and an underscore is the reason, in free words.
ORDER_STATUSES: Final = (
    "CANCELED_NOT_ENOUGH_BALANCE",
    "CANCELED_MARKET_NOT_FOUND",
    "CANCELED_MARKET_RESOLVED",
    "CANCELED_ORDER_TIMED_OUT",
    "CANCELED_EXPIRED_ORDER",
    "UNMATCHED",
    "CANCELED",
    "MATCHED",
    "DELAYED",
    "INVALID",
    "LIVE",
)
# Documents and listings write both kinds of status with their type's name in front.
_PREFIXES: Final = ("TRADE_STATUS_", "ORDER_STATUS_")


def read_user_frame(frame: bytes) -> UserFrame:
    """Read one frame: an object or an array. Total: any bytes give events or faults."""
    try:
        told = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        return UserFrame((), (json_fault("frame", frame, error.msg, error.pos),), 0)
    events: list[UserEvent] = []
    faults: list[DecodeError] = []
    ignored = 0
    for record in told if isinstance(told, list) else [told]:
        kind = record.get("event_type") if isinstance(record, dict) else None
        try:
            if not isinstance(kind, str):
                raise DecodeError(f"a user event must be an object of a type, was {_shown(record)}")
            if kind == "order":
                events.append(read_order(record))
            elif kind == "trade":
                events.append(read_trade(record))
            else:
                ignored += 1
        except DecodeError as error:
            faults.append(error)
    return UserFrame(tuple(events), tuple(faults), ignored)


def read_order(record: dict[str, Any]) -> OrderEvent:
    """Read an order event.

    Raises:
        DecodeError: A fact is missing or cannot be.
    """
    change = record.get("type")
    if not isinstance(change, str) or change not in OrderChange.__members__:
        raise DecodeError(f"type of an order event must be known, was {_shown(change)}")
    status, reason = _order_status(record.get("status"))
    matched = record.get("size_matched")
    trades = record.get("associate_trades") or []
    if not isinstance(trades, list) or not all(isinstance(one, str) for one in trades):
        raise DecodeError(f"associate_trades must be ids, was {_shown(trades)}")
    return OrderEvent(
        order_id=_text(record, "id").lower(),
        change=OrderChange(change),
        status=status,
        reason=reason,
        owner=_text(record, "owner", ""),
        condition_id=_text(record, "market").lower(),
        token_id=_text(record, "asset_id"),
        side=_side(record.get("side")),
        price_e4=_price(record, 4),
        size_e6=_size(record, "original_size"),
        matched_e6=None if matched in (None, "") else _size(record, "size_matched"),
        trade_ids=tuple(trades),
        stamp_ms=_time_ms(record, "timestamp"),
    )


def read_trade(record: dict[str, Any]) -> TradeEvent:
    """Read a trade event or a row of ``GET /data/trades``, which has the same keys.

    Raises:
        DecodeError: A fact is missing or cannot be.
    """
    makers = record.get("maker_orders")
    if not isinstance(makers, list) or not all(isinstance(one, dict) for one in makers):
        raise DecodeError(f"maker_orders must list objects, was {_shown(makers)}")
    role = record.get("trader_side")
    matched_key = "match_time" if "match_time" in record else "matchtime"
    return TradeEvent(
        trade_id=_text(record, "id"),
        status=_trade_status(record.get("status")),
        taker_order_id=_text(record, "taker_order_id", "").lower(),
        condition_id=_text(record, "market").lower(),
        token_id=_text(record, "asset_id"),
        side=_side(record.get("side")),
        price_e6=(_price(record, PLACES_MAX) + 10**12 // 2) // 10**12,
        size_e6=_size(record, "size"),
        is_taker=role == "TAKER" if role in ("TAKER", "MAKER") else None,
        makers=tuple(_maker(one) for one in makers),
        transaction_hash=_text(record, "transaction_hash", ""),
        matched_s=_time_ms(record, matched_key) // 1_000,
        stamp_ms=_time_ms(record, "timestamp") or _time_ms(record, "last_update"),
    )


# Values


def _maker(record: dict[str, Any]) -> MakerOrder:
    side = record.get("side")
    return MakerOrder(
        order_id=_text(record, "order_id").lower(),
        owner=_text(record, "owner", ""),
        wallet=_text(record, "maker_address", ""),
        token_id=_text(record, "asset_id"),
        side=None if side in (None, "") else _side(side),
        price_e4=_price(record, 4),
        size_e6=_size(record, "matched_amount"),
    )


def _bare(status: str) -> str:
    for prefix in _PREFIXES:
        status = status.removeprefix(prefix)
    return status


def _order_status(value: object) -> tuple[str, str]:
    """Split a status from the venue's words behind it; ("", words) where it is none we know."""
    if value in (None, ""):
        return "", ""
    if not isinstance(value, str):
        raise DecodeError(f"status must be a text, was {_shown(value)}")
    text = _bare(value)
    for status in ORDER_STATUSES:
        if text == status or text.startswith(f"{status}_"):
            return status, text[len(status) + 1 :]
    return "", text


def _trade_status(value: object) -> TradeStatus:
    text = _bare(value) if isinstance(value, str) else ""
    if text not in TradeStatus.__members__:
        raise DecodeError(f"status of a trade must be known, was {_shown(value)}")
    return TradeStatus(text)


def _text(record: dict[str, Any], key: str, default: str | None = None) -> str:
    value = record.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not (value or default is not None):
        raise DecodeError(f"{key} must be a text, was {_shown(value)}")
    return value


def _side(value: object) -> Side:
    if not isinstance(value, str) or value.upper() not in Side.__members__:
        raise DecodeError(f"side must be BUY or SELL, was {_shown(value)}")
    return Side[value.upper()]


def _price(record: dict[str, Any], places: int) -> int:
    price = _number(record, "price", places)
    if price > 10**places:
        raise DecodeError(f"price must be at most 1, was {_shown(record['price'])}")
    return price


def _size(record: dict[str, Any], key: str) -> int:
    size_e6 = _number(record, key, 6)
    if size_e6 > SIZE_E6_MAX:
        raise DecodeError(f"{key} must be at most 1e8 shares, was {_shown(record[key])}")
    return size_e6


def _number(record: dict[str, Any], key: str, places: int) -> int:
    # An amount left blank is none at all: booked as nothing it would hide what comes later.
    try:
        return decimal(record.get(key), places, key)
    except InputError as error:
        raise DecodeError(str(error)) from error


def _time_ms(record: dict[str, Any], key: str) -> int:
    """Read seconds or milliseconds, as text or number; 0 where absent."""
    value = record.get(key)
    if value in (None, ""):
        return 0
    number = _number(record, key, 0)
    return number if number > SECONDS_MAX else number * 1_000


def _shown(value: object) -> str:
    return repr(value)[:SHOWN_CHARS_MAX]
