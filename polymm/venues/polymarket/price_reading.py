"""Frames of the two price sockets, read into observations (markets-5m notes 7 and 8).

Total: any bytes give observations, answers or faults. Values are read exactly: the venue's binary
floats are taken only where no exact text stands beside them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final

import orjson

from polymm.errors import DecodeError
from polymm.venues.polymarket import wire

PRICE_DECIMALS: Final = 8
# Legacy oracle topics write exact values as integers of 1e-18 dollars.
RTDS_DECIMALS: Final = 18
DIGITS_MAX: Final = 60
PRICE_E8_MAX: Final = 10**17
STAMP_MS_MAX: Final = 10**14
SHOWN_CHARS_MAX: Final = 60
# Whatever a venue makes up, the names we count by are bounded.
OTHER: Final = "other"


class PriceKind(StrEnum):
    """Which of a coin's prices."""

    SPOT = "spot"
    TWAP = "twap"  # mean over the settlement rule's look-back


@dataclass(frozen=True, slots=True)
class Observation:
    """One published price: 1e-8 dollars, and the venue's time of it."""

    coin: str
    kind: PriceKind
    window_s: float
    price_e8: int
    observed_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceFrame:
    """What one frame of a price socket tells.

    Args:
        observations: Oldest first as sent; a back-fill has many.
        is_snapshot: Whether they are the past.
        dropped: Frames the venue has left out for us since we read too slowly.
        answer: To something we asked: its name, such as ``authed``.
        error: Code of a refusal; ``other`` for one that no document names.
    """

    observations: tuple[Observation, ...] = ()
    is_snapshot: bool = False
    dropped: int = 0
    answer: str = ""
    error: str = ""


_NOTHING: Final = PriceFrame()


def read_polybolt(frame: bytes) -> PriceFrame:
    """Read a frame of PolyBolt.

    Raises:
        DecodeError: It is none.
    """
    told = _object(frame)
    if "op" in told:
        code = told.get("code", "")
        error = code if code in ("", *wire.PRICE_ERRORS) else OTHER
        return PriceFrame(answer=str(told["op"])[:SHOWN_CHARS_MAX], error=error)
    channel = told.get("channel")
    if channel not in (wire.PRICE_CHANNEL_SPOT, wire.PRICE_CHANNEL_TWAP):
        return _NOTHING
    payload = _payload(told)
    is_twap = channel == wire.PRICE_CHANNEL_TWAP
    window_s = payload.get("window_seconds") if is_twap else 0
    if isinstance(window_s, bool) or not isinstance(window_s, int | float) or window_s < 0:
        raise DecodeError(f"window_seconds must be 0 or more, was {_shown(window_s)}")
    coin = _coin(payload, wire.PRICE_SYMBOL)
    kind = PriceKind.TWAP if is_twap else PriceKind.SPOT
    dropped = told.get("dropped", 0)
    return PriceFrame(
        observations=tuple(
            Observation(coin, kind, window_s, _exact_e8(point, places=0), _stamp_ms(point))
            for point in _points(payload)
        ),
        is_snapshot=told.get("snapshot") is True,
        dropped=max(dropped, 0) if isinstance(dropped, int) else 0,
    )


def read_rtds(frame: bytes, coins: Iterable[str]) -> PriceFrame:
    """Read a frame of the legacy socket; its back-fill may carry another topic's name.

    Raises:
        DecodeError: It is none.
    """
    if not frame:
        return _NOTHING
    told = _object(frame)
    if "statusCode" in told:
        status = told["statusCode"]
        is_status = isinstance(status, int) and 100 <= status < 600
        return PriceFrame(error=f"status_{status}" if is_status else OTHER)
    window_s = _rtds_window_s(told.get("topic"))
    if window_s is None or not isinstance(told.get("payload"), dict):
        return _NOTHING
    payload = _payload(told)
    symbol = payload.get("symbol")
    coin = next((one for one in coins if symbol == wire.RTDS_SYMBOL.format(coin=one)), "")
    if not coin:
        return _NOTHING
    kind = PriceKind.TWAP if window_s else PriceKind.SPOT
    return PriceFrame(
        observations=tuple(
            Observation(
                coin, kind, window_s, _exact_e8(point, places=RTDS_DECIMALS), _stamp_ms(point)
            )
            for point in _points(payload)
        ),
        is_snapshot="data" in payload,
    )


def _rtds_window_s(topic: object) -> int | None:
    # The back-fill of the oracle's prices was seen under the name of another source's.
    if topic in (wire.RTDS_TOPIC_SPOT, wire.RTDS_TOPIC_MISNAMED):
        return 0
    return next((s for s, name in wire.RTDS_TOPICS_TWAP.items() if name == topic), None)


def _object(frame: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(frame)
    except orjson.JSONDecodeError as error:
        raise DecodeError(f"a price frame must be JSON: {error.msg}", error.pos) from error
    if not isinstance(told, dict):
        raise DecodeError(f"a price frame must be an object, was {_shown(told)}")
    return told


def _payload(told: dict[str, Any]) -> dict[str, Any]:
    payload = told.get("payload")
    if not isinstance(payload, dict):
        raise DecodeError(f"payload must be an object, was {_shown(payload)}")
    return payload


def _points(payload: dict[str, Any]) -> list[dict[str, Any]]:
    points = payload.get("data", [payload])
    if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
        raise DecodeError(f"data must list objects, was {_shown(points)}")
    return points


def _coin(payload: dict[str, Any], pattern: str) -> str:
    symbol = payload.get("symbol")
    suffix = pattern.format(coin="")
    if not isinstance(symbol, str) or not symbol.endswith(suffix) or symbol == suffix:
        raise DecodeError(f"symbol must end with {suffix}, was {_shown(symbol)}")
    return symbol.removesuffix(suffix)


def _exact_e8(point: dict[str, Any], *, places: int) -> int:
    """Read a price into 1e-8 dollars, half to even below that.

    Args:
        places: Decimals that an exact text hides; the plain value hides none.
    """
    exact = point.get("full_accuracy_value")
    value, places = (exact, places) if exact else (point.get("value"), 0)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise DecodeError(f"value must be a number, was {_shown(value)}")
    text = str(value)
    try:
        number = Decimal(text) if len(text) <= DIGITS_MAX else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or abs(number.adjusted()) > DIGITS_MAX:
        raise DecodeError(f"value must be a number, was {_shown(value)}")
    price = number.scaleb(PRICE_DECIMALS - places)
    if not Decimal("0.5") < price < PRICE_E8_MAX:
        raise DecodeError(f"value must be within 1e-8..1e9 dollars, was {_shown(value)}")
    return int(price.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def _stamp_ms(point: dict[str, Any]) -> int:
    value = point.get("timestamp")
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < STAMP_MS_MAX:
        raise DecodeError(f"timestamp must be epoch milliseconds, was {_shown(value)}")
    return value


def _shown(value: object) -> str:
    return repr(value)[:SHOWN_CHARS_MAX]
