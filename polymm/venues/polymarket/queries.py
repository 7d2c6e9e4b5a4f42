"""Reads what the venue answers to questions about an account.

Any body gives values or a `VenueError` that says what was expected: a row that cannot be read fails
the whole answer, since a list that is short by one order looks like proof that the order is gone.
"""

from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

from polymm._core.tolerant import decimal
from polymm.domain.order import Side
from polymm.errors import InputError
from polymm.net.http_outcome import Reply
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.replies import parsed
from polymm.venues.polymarket.results import Balance, Geoblock, MakerFill, OpenOrder, TradeRecord
from polymm.venues.polymarket.service import record_of, unreadable

Row = dict[str, Any]
T = TypeVar("T")

_PRICE_E4_MAX: Final = 10**4
_SIZE_E6_MAX: Final = 10**14
_AVERAGE_PLACES: Final = 18
# Base units can be 2^256 - 1.
_UINT256_DIGITS: Final = 78


class Page(NamedTuple):
    """One page of a list; the cursor is "" on the last."""

    rows: list[Row]
    next_cursor: str


def read_page(reply: Reply, what: str) -> Page:
    """Read one page.

    Raises:
        VenueError: No list of objects, or no word on whether there is more.
    """
    record = record_of(reply, what)
    rows, cursor = record.get("data"), record.get("next_cursor")
    # A list that does not say that it ends may be short.
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise unreadable(what, "a list of objects under data", rows)
    if not isinstance(cursor, str) or not cursor:
        raise unreadable(what, "text under next_cursor", cursor)
    return Page(rows, "" if cursor == wire.CURSOR_END else cursor)


def read_order(row: Row) -> OpenOrder:
    """Read one open order.

    Raises:
        VenueError: Something in it is missing or impossible.
    """
    what = "an open order's "
    try:
        return OpenOrder(
            order_id=_text(row, "id", what).lower(),
            status=_status(row, wire.ORDER_STATUS_PREFIX, what),
            condition_id=_text(row, "market", what).lower(),
            token_id=_text(row, "asset_id", what),
            side=_side(row, what),
            price_e4=_price(row, what),
            size_e6=_size(row.get("original_size"), f"{what}original_size"),
            matched_e6=_size(row.get("size_matched") or "0", f"{what}size_matched"),
            outcome=str(row.get("outcome") or ""),
            maker=str(row.get("maker_address") or ""),
            kind=str(row.get("order_type") or "").upper(),
            expiration_s=_seconds(row.get("expiration"), f"{what}expiration"),
            created_s=_seconds(row.get("created_at"), f"{what}created_at"),
            trade_ids=_ids(row, "associate_trades", what),
        )
    except InputError as error:
        raise unreadable("an open order", "as documented", str(error)) from error


def read_trade(row: Row) -> TradeRecord:
    """Read one trade.

    Raises:
        VenueError: Something in it is missing or impossible.
    """
    what = "a trade's "
    makers = row.get("maker_orders") or []
    if not isinstance(makers, list) or not all(isinstance(one, dict) for one in makers):
        raise unreadable(f"{what}maker_orders", "a list of objects", makers)
    try:
        return TradeRecord(
            trade_id=_text(row, "id", what),
            status=_status(row, wire.TRADE_STATUS_PREFIX, what),
            condition_id=_text(row, "market", what).lower(),
            token_id=_text(row, "asset_id", what),
            side=_side(row, what),
            price_e4=_price(row, what, _AVERAGE_PLACES),
            size_e6=_size(row.get("size"), f"{what}size"),
            is_maker=_is_maker(row),
            taker_order_id=str(row.get("taker_order_id") or "").lower(),
            matched_s=_seconds(row.get("match_time"), f"{what}match_time"),
            updated_s=_seconds(row.get("last_update"), f"{what}last_update"),
            transaction_hash=str(row.get("transaction_hash") or "").lower(),
            fills=tuple(_maker_fill(one) for one in makers),
        )
    except InputError as error:
        raise unreadable("a trade", "as documented", str(error)) from error


def _maker_fill(row: Row) -> MakerFill:
    what = "a maker order's "
    return MakerFill(
        order_id=_text(row, "order_id", what).lower(),
        owner=str(row.get("owner") or ""),
        maker=str(row.get("maker_address") or ""),
        token_id=_text(row, "asset_id", what),
        side=_side(row, what),
        price_e4=_price(row, what),
        size_e6=_size(row.get("matched_amount"), f"{what}matched_amount"),
    )


def read_found_order(reply: Reply) -> OpenOrder | None:
    """Read the answer to a question for one order; None where it is empty.

    Raises:
        VenueError: Something else came.
    """
    value = parsed(reply.body)
    if value in (None, "", {}) and len(reply.body) <= len(b"null") + 2:
        return None
    return read_order(record_of(reply, "an open order"))


def read_balance(reply: Reply) -> Balance:
    """Read a balance and its allowances.

    Raises:
        VenueError: Something else came.
    """
    record = record_of(reply, "a balance")
    allowances = record.get("allowances")
    if not isinstance(allowances, dict):
        # An older shape has a single one, of an operator that it does not name.
        allowances = {"": record["allowance"]} if "allowance" in record else {}
    try:
        return Balance(
            _base_units(record.get("balance"), "a balance"),
            {
                str(operator).lower(): _base_units(value, "an allowance")
                for operator, value in allowances.items()
            },
        )
    except InputError as error:
        raise unreadable("a balance", "base units", str(error)) from error


def read_time(reply: Reply) -> int:
    """Read the venue's time, unix seconds, bare or in an object.

    Raises:
        VenueError: No time.
    """
    value = parsed(reply.body)
    if isinstance(value, dict):
        value = value.get("time", value.get("timestamp"))
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 10**10:
        raise unreadable("the venue's time", "unix seconds", reply.body[:100])
    return value


def read_version(reply: Reply) -> int:
    """Read which generation of the exchange the venue runs, not a market's version.

    Raises:
        VenueError: It does not say.
    """
    value = record_of(reply, "a version").get("version")
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 100:
        raise unreadable("the venue's version", "a small number", value)
    return value


def read_flag(reply: Reply, key: str) -> bool:
    """Read an object's flag.

    Raises:
        VenueError: It does not say.
    """
    value = record_of(reply, key).get(key)
    if not isinstance(value, bool):
        raise unreadable(key, "true or false", value)
    return value


def read_tier(reply: Reply) -> str:
    """Read the name of an account's tier, lower case. No document shows the answer's shape.

    Raises:
        VenueError: No name in it.
    """
    record = record_of(reply, "a tier")
    name = next((record[key] for key in ("tier", "name") if isinstance(record.get(key), str)), "")
    if not name:
        raise unreadable("a tier", "named", list(record))
    return str(name).lower()


def read_geoblock(reply: Reply) -> Geoblock:
    """Read whether this machine's address may trade.

    Raises:
        VenueError: The answer does not say.
    """
    record = record_of(reply, "a geoblock")
    return Geoblock(
        read_flag(reply, "blocked"),
        str(record.get("country") or ""),
        str(record.get("region") or ""),
    )


# Values


def _text(row: Row, key: str, what: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value:
        raise InputError(f"{what}{key} must be text, was {value!r:.80}")
    return value


def _ids(row: Row, key: str, what: str) -> tuple[str, ...]:
    value = row.get(key) or []
    if not isinstance(value, list):
        raise InputError(f"{what}{key} must list ids, was {value!r:.80}")
    return tuple(map(str, value))


def _status(row: Row, prefix: str, what: str) -> str:
    return _text(row, "status", what).upper().removeprefix(prefix)


def _side(row: Row, what: str) -> Side:
    value = str(row.get("side")).upper()
    if value not in wire.SIDES:
        raise InputError(f"{what}side must be BUY or SELL, was {value!r:.80}")
    return Side(wire.SIDES.index(value))


def _price(row: Row, what: str, places: int = 4) -> int:
    """A price in 1e-4 dollars, rounded where it may be finer."""
    value = row.get("price")
    step = 10 ** (places - 4)
    price_e4 = (decimal(value, places, f"{what}price") + step // 2) // step
    if price_e4 > _PRICE_E4_MAX:
        raise InputError(f"{what}price must be at most 1, was {value!r:.80}")
    return int(price_e4)


def _size(value: object, name: str) -> int:
    size_e6: int = decimal(value, 6, name)
    if size_e6 > _SIZE_E6_MAX:
        raise InputError(f"{name} must be at most 1e8 shares, was {value!r:.80}")
    return size_e6


def _is_maker(row: Row) -> bool:
    value = row.get("trader_side")
    if value not in ("MAKER", "TAKER"):
        raise InputError(f"a trade's trader_side must be MAKER or TAKER, was {value!r:.80}")
    return bool(value == "MAKER")


def _seconds(value: object, name: str) -> int:
    """Unix seconds as number, text or ISO time; 0 for none."""
    if value in (None, "", 0, "0"):
        return 0
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10**11:
        return value
    if isinstance(value, str):
        if value.isascii() and value.isdigit() and len(value) <= 11:
            return int(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is not None and moment.tzinfo is not None:
            return int(moment.timestamp())
    raise InputError(f"{name} must be a time, was {value!r:.80}")


def _base_units(value: object, name: str) -> int:
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.isascii() or not text.isdigit():
        raise InputError(f"{name} must be base units, was {value!r:.80}")
    if len(text) > _UINT256_DIGITS:
        raise InputError(f"{name} must be base units, was {value!r:.80}")
    return int(text)
