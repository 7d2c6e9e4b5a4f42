"""The tolerant pass: any legal market-channel frame into staged events, by way of orjson.

The fast pass reads the wire's usual shape only; this one reads every shape the protocol allows
(keys in any order, either spacing, numbers as texts or numbers, unknown keys) and says of anything
else what was expected and what was found. It knows no books: the decoder applies what it answers.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from polymm.errors import DecodeError

PRICE_SCALE = 10_000
SIZE_E6_MAX = 10**14
STAMP_MS_MAX = 10**14
DIGITS_MAX = 40
TOKEN_CHARS_MAX = 96

_ABSENT = object()


class BookEvent(NamedTuple):
    """A full snapshot of one token; levels as (price_e4, size_e6) in its own terms."""

    asset: str
    stamp_ms: int
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    tick_e4: int


class Entry(NamedTuple):
    """One changed level of a price_change; tops are -1 where the message carries none."""

    asset: str
    price_e4: int
    size_e6: int
    is_sell: bool
    best_bid_e4: int
    best_ask_e4: int


class PriceChangeEvent(NamedTuple):
    """Changed levels that share one time stamp."""

    stamp_ms: int
    entries: list[Entry]


class TradeEvent(NamedTuple):
    """One match, in the asset's own terms; ``is_sell`` is the taker's side."""

    asset: str
    stamp_ms: int
    price_e4: int
    size_e6: int
    is_sell: bool


class TickEvent(NamedTuple):
    """A new price grid for one token's book."""

    asset: str
    stamp_ms: int
    tick_e4: int


class ResolvedEvent(NamedTuple):
    """A market's end; ``winner`` is the winning token."""

    winner: str
    assets: list[str]


class IgnoredEvent(NamedTuple):
    """An event type that carries nothing for a book."""

    event_type: str


Event = BookEvent | PriceChangeEvent | TradeEvent | TickEvent | ResolvedEvent | IgnoredEvent


def decimal(value: object, places: int, name: str) -> int:
    """Read a decimal text or JSON number into an integer of ``10**-places``, exactly.

    Raises:
        DecodeError: Not a plain decimal, negative, or finer than the grid.
    """
    if isinstance(value, str):
        text = value
    elif isinstance(value, int) and not isinstance(value, bool):
        text = str(value)
    elif isinstance(value, float):
        text = _plain_float(value)
    else:
        raise DecodeError(f"{name} must be a decimal text or number, was {_shown(value)}")
    whole, dot, fraction = text.partition(".")
    digits = whole + fraction
    if not (
        digits.isdigit()
        and digits.isascii()
        and len(digits) <= DIGITS_MAX
        and (fraction or not dot)
    ):
        raise DecodeError(f"{name} must be a decimal of at least 0, was {_shown(value)}")
    if len(fraction) > places:
        if fraction[places:].strip("0"):
            raise DecodeError(f"{name} must lie on the grid of 1e-{places}, was {_shown(value)}")
        fraction = fraction[:places]
    return int(whole or "0") * int(10**places) + int(fraction.ljust(places, "0") or "0")


def _plain_float(value: float) -> str:
    """Write a JSON float without an exponent; its shortest form decides the digits."""
    text = repr(value)
    if "e" not in text:
        return text.removesuffix(".0")
    from decimal import Decimal

    return format(Decimal(text), "f")


def _price(value: object, name: str) -> int:
    price_e4 = decimal(value, 4, name)
    if not 1 <= price_e4 <= PRICE_SCALE - 1:
        raise DecodeError(f"{name} must be within 0.0001..0.9999, was {_shown(value)}")
    return price_e4


def _top(value: object, name: str) -> int:
    """Read a best price: 0 and 1 stand for an empty side, an absent one is -1."""
    if value is _ABSENT or value is None or value == "":
        return -1
    price_e4 = decimal(value, 4, name)
    if price_e4 > PRICE_SCALE:
        raise DecodeError(f"{name} must be within 0..1, was {_shown(value)}")
    return price_e4


def _size(value: object, name: str) -> int:
    size_e6 = decimal(value, 6, name)
    if size_e6 >= SIZE_E6_MAX:
        raise DecodeError(f"{name} must be below 1e8 shares, was {_shown(value)}")
    return size_e6


def _stamp(message: dict[str, Any]) -> int:
    value = message.get("timestamp", _ABSENT)
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) <= 15):
        raise DecodeError(f"timestamp must be epoch milliseconds, was {_shown(value)}")
    stamp_ms = int(text)
    if stamp_ms >= STAMP_MS_MAX:
        raise DecodeError(f"timestamp must be epoch milliseconds, was {_shown(value)}")
    return stamp_ms


def _asset(message: dict[str, Any], key: str = "asset_id") -> str:
    value = message.get(key, _ABSENT)
    if not (isinstance(value, str) and 0 < len(value) <= TOKEN_CHARS_MAX):
        raise DecodeError(f"{key} must be a token id text, was {_shown(value)}")
    return value


def _is_sell(message: dict[str, Any]) -> bool:
    value = message.get("side", _ABSENT)
    if value == "BUY":
        return False
    if value == "SELL":
        return True
    raise DecodeError(f"side must be BUY or SELL, was {_shown(value)}")


def _list(message: dict[str, Any], key: str) -> list[Any]:
    value = message.get(key, _ABSENT)
    if not isinstance(value, list):
        raise DecodeError(f"{key} must be an array, was {_shown(value)}")
    return value


def _dict(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise DecodeError(f"{name} must be an object, was {_shown(value)}")
    return value


def _tick(value: object, name: str) -> int:
    tick_e4 = decimal(value, 4, name)
    if not 1 <= tick_e4 <= 1_000 or PRICE_SCALE % tick_e4:
        raise DecodeError(f"{name} must divide 1 and be within 0.0001..0.1, was {_shown(value)}")
    return tick_e4


def _levels(message: dict[str, Any], key: str) -> list[tuple[int, int]]:
    levels = []
    for value in _list(message, key):
        level = _dict(value, f"{key} level")
        price_e4 = _price(level.get("price", _ABSENT), f"{key} price")
        levels.append((price_e4, _size(level.get("size", _ABSENT), f"{key} size")))
    return levels


def _book(message: dict[str, Any]) -> BookEvent:
    tick = message.get("tick_size")
    return BookEvent(
        _asset(message),
        _stamp(message),
        _levels(message, "bids"),
        _levels(message, "asks"),
        0 if tick is None or tick == "" else _tick(tick, "tick_size"),
    )


def _price_change(message: dict[str, Any]) -> PriceChangeEvent:
    if "price_changes" not in message and ("changes" in message or "asset_id" in message):
        raise DecodeError(
            "price_change must hold price_changes, was the single-change shape of 2024"
        )
    entries = []
    for value in _list(message, "price_changes"):
        entry = _dict(value, "price_changes entry")
        entries.append(
            Entry(
                _asset(entry),
                _price(entry.get("price", _ABSENT), "price"),
                _size(entry.get("size", _ABSENT), "size"),
                _is_sell(entry),
                _top(entry.get("best_bid", _ABSENT), "best_bid"),
                _top(entry.get("best_ask", _ABSENT), "best_ask"),
            )
        )
    return PriceChangeEvent(_stamp(message), entries)


def _trade(message: dict[str, Any]) -> TradeEvent:
    return TradeEvent(
        _asset(message),
        _stamp(message),
        _price(message.get("price", _ABSENT), "price"),
        _size(message.get("size", _ABSENT), "size"),
        _is_sell(message),
    )


def _tick_change(message: dict[str, Any]) -> TickEvent:
    tick_e4 = _tick(message.get("new_tick_size", _ABSENT), "new_tick_size")
    return TickEvent(_asset(message), _stamp(message), tick_e4)


def _resolved(message: dict[str, Any]) -> ResolvedEvent:
    assets = _list(message, "assets_ids")
    if not all(isinstance(asset, str) for asset in assets):
        raise DecodeError(f"assets_ids must be token id texts, was {_shown(assets)}")
    return ResolvedEvent(_asset(message, "winning_asset_id"), assets)


_READERS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "book": _book,
    "price_change": _price_change,
    "last_trade_price": _trade,
    "tick_size_change": _tick_change,
    "market_resolved": _resolved,
}


def _read_object(message: dict[str, Any]) -> Event:
    event_type = message.get("event_type", _ABSENT)
    if event_type is _ABSENT and "bids" in message and "asks" in message:
        return _book(message)  # the REST form of the same snapshot
    if not isinstance(event_type, str):
        raise DecodeError(f"event_type must be a text, was {_shown(event_type)}")
    reader = _READERS.get(event_type)
    return reader(message) if reader else IgnoredEvent(event_type)


def _shown(value: object) -> str:
    """Show a value in an error, cut short: it comes from outside and may be huge."""
    if value is _ABSENT:
        return "absent"
    if isinstance(value, list | dict):
        return f"{type(value).__name__} of {len(value)}"
    text = repr(value)
    return text if len(text) <= 48 else f"{text[:45]}..."


def owned_bytes(frame: object) -> bytes:
    """Copy what is not bytes but can be read as such.

    Raises:
        DecodeError: It is no buffer of bytes, or one that was released.
    """
    if not isinstance(frame, bytes | bytearray | memoryview):
        raise DecodeError(f"frame must be bytes, was {type(frame).__name__}")
    try:
        return bytes(frame)
    except (ValueError, BufferError) as error:
        raise DecodeError(f"frame must be readable: {error}") from error


def json_fault(name: str, frame: bytes, message: str, position: int) -> DecodeError:
    """Say where a text stops being JSON; orjson counts characters, and calls bad UTF-8 place 0."""
    try:
        text = frame.decode()
    except UnicodeDecodeError as fault:
        return DecodeError(f"{name} must be UTF-8: {fault.reason}", fault.start)
    return DecodeError(f"{name} must be JSON: {message}", len(text[:position].encode()))


def read_frame(frame: bytes) -> list[Event]:
    """Read a frame into events, whole or not at all.

    Args:
        frame: One text frame's bytes: an object, or an array of objects.

    Returns:
        One event per object, in order; empty for an empty array.

    Raises:
        DecodeError: Not JSON, not UTF-8, too deep, or a known event with a wrong value.
    """
    import orjson

    try:
        value = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise json_fault("frame", frame, error.msg, error.pos) from error
    if isinstance(value, dict):
        return [_read_object(value)]
    if isinstance(value, list):
        return [_read_object(_dict(item, "array element")) for item in value]
    raise DecodeError(f"frame must be an object or an array, was {_shown(value)}")
