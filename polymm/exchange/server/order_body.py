"""The bodies of order entry and cancels, read so that nothing of the wrong shape gets further.

Types are those that both official clients send (signing notes 5): amounts, token and times are
texts of decimal digits, the salt a number or such a text, flags booleans that may be left out.
Keys that nobody named are passed over, as the venue does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from polymm.domain.order import Side
from polymm.exchange import refusals
from polymm.exchange.matching import OrderKind
from polymm.exchange.server.answers import Refused
from polymm.exchange.server.signatures import OrderMessage
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.wire import SignatureType

BATCH_MAX = 15
CANCELS_MAX = 1_000

_DIGITS = re.compile(r"[0-9]{1,78}")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_WORD = re.compile(r"0x[0-9a-fA-F]{64}")
_SIGNATURE = re.compile(r"0x(?:[0-9a-fA-F]{2}){1,1024}")
# What orders carried before the exchange's second generation and no longer do.
_FORMER_KEYS = frozenset({"taker", "nonce", "feeRateBps"})


@dataclass(frozen=True, slots=True)
class OrderBody:
    """One posted order.

    Args:
        message: What is signed, and the signature.
        owner: API key that is named as its owner.
        kind: GTC, GTD, FOK or FAK.
        expiration_s: Unix seconds, 0 for none.
        post_only: Whether it must not match on entry.
        defer_exec: Whether the answer comes before the match.
    """

    message: OrderMessage
    owner: str
    kind: OrderKind
    expiration_s: int
    post_only: bool
    defer_exec: bool


def read_json(body: bytes) -> object:
    """Parse a body.

    Raises:
        Refused: Not JSON, or nested too deep.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused(refusals.INVALID_PAYLOAD) from None


def read_order_body(posted: object) -> OrderBody:
    """Read what is posted for one order.

    Raises:
        Refused: A key is missing, or a value has another type or form than it must.
    """
    body = _mapping(posted)
    order = _mapping(body.get("order"))
    if "timestamp" not in order and order.keys() >= _FORMER_KEYS:
        raise Refused(refusals.VERSION_MISMATCH)
    message = OrderMessage(
        salt=_salt(order.get("salt")),
        maker=_text(order, "maker", _ADDRESS),
        signer=_text(order, "signer", _ADDRESS),
        token_id=_text(order, "tokenId", _DIGITS),
        maker_amount_e6=_number(order, "makerAmount"),
        taker_amount_e6=_number(order, "takerAmount"),
        side=Side(_index(order.get("side"), wire.SIDES)),
        signature_type=_kind(order.get("signatureType")),
        timestamp_ms=_number(order, "timestamp"),
        metadata=_text(order, "metadata", _WORD),
        builder=_text(order, "builder", _WORD),
        signature=_text(order, "signature", _SIGNATURE),
    )
    kind = wire.ORDER_TYPES[_index(body.get("orderType"), wire.ORDER_TYPES)]
    owner = body.get("owner")
    if not isinstance(owner, str):
        raise Refused(refusals.INVALID_PAYLOAD)
    return OrderBody(
        message,
        owner,
        OrderKind(kind),
        _number(order, "expiration"),
        _flag(body, "postOnly"),
        _flag(body, "deferExec"),
    )


def read_batch(posted: object) -> list[object]:
    """Read the array around the orders of a batch, 1 to 15 of them.

    Raises:
        Refused: No array, an empty one or one too long.
    """
    if not isinstance(posted, list) or not posted:
        raise Refused(refusals.INVALID_PAYLOAD)
    if len(posted) > BATCH_MAX:
        raise Refused(refusals.too_many_orders(len(posted), BATCH_MAX))
    return posted


def read_cancel(posted: object) -> str:
    """Read which order shall be cancelled.

    Raises:
        Refused: No such object, or the id cannot be one.
    """
    return _order_id(_mapping(posted).get("orderID"))


def read_cancels(posted: object) -> list[str]:
    """Read which orders shall be cancelled, each once.

    Raises:
        Refused: No array, an empty one, one too long, or an id that cannot be one.
    """
    if not isinstance(posted, list) or not posted:
        raise Refused(refusals.INVALID_PAYLOAD)
    if len(posted) > CANCELS_MAX:
        raise Refused(refusals.too_many_cancels(CANCELS_MAX))
    return list(dict.fromkeys(_order_id(item) for item in posted))


def read_market_cancel(posted: object) -> tuple[str, str]:
    """Read of which market and token all orders shall be cancelled, "" for any.

    Raises:
        Refused: No such object.
    """
    body = _mapping(posted)
    market, token_id = body.get("market", ""), body.get("asset_id", "")
    if not isinstance(market, str) or not isinstance(token_id, str):
        raise Refused(refusals.INVALID_PAYLOAD)
    return market, token_id


def _order_id(value: object) -> str:
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    raise Refused(refusals.INVALID_ORDER_ID)


def _mapping(value: object) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise Refused(refusals.INVALID_PAYLOAD)


def _text(order: Mapping[str, Any], key: str, form: re.Pattern[str]) -> str:
    value = order.get(key)
    if isinstance(value, str) and form.fullmatch(value):
        return value
    raise Refused(refusals.INVALID_PAYLOAD)


def _number(order: Mapping[str, Any], key: str) -> int:
    return _uint(order.get(key))


def _salt(value: object) -> int:
    # A bool is an int to Python and no number to anybody else.
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return _uint(value)


def _uint(text: object) -> int:
    if isinstance(text, str) and _DIGITS.fullmatch(text):
        return int(text)
    raise Refused(refusals.INVALID_PAYLOAD)


def _index(value: object, choices: tuple[str, ...]) -> int:
    if isinstance(value, str) and value in choices:
        return choices.index(value)
    raise Refused(refusals.INVALID_PAYLOAD)


def _kind(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(SignatureType):
        return value
    raise Refused(refusals.INVALID_PAYLOAD)


def _flag(body: Mapping[str, Any], key: str) -> bool:
    value = body.get(key, False)
    if isinstance(value, bool):
        return value
    raise Refused(refusals.INVALID_PAYLOAD)
