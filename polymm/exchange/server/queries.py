"""How routes read what they are asked: tokens, conditions, lists in bodies, pages."""

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from typing import Any

import orjson
from aiohttp import web

from polymm.exchange import refusals
from polymm.exchange.exchange import Exchange
from polymm.exchange.listing import Listing
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.answers import Refused

INVALID_TOKEN = Refusal("Invalid token id")
INVALID_BODY = Refusal("Invalid payload")
TOO_MANY = Refusal("Payload exceeds the limit")
INVALID_CURSOR = Refusal("next item should be greater than or equal to 0")
MARKET_NOT_FOUND = Refusal("market not found", status=404)

ENTRIES_MAX = 500
TOKEN_DIGITS_MAX = 78
FIRST_CURSOR = "MA=="
END_CURSOR = "LTE="


def check_token(token_id: object) -> str:
    """Take a token id, whether the exchange knows it or not.

    Raises:
        Refused: It cannot be one.
    """
    if (
        isinstance(token_id, str)
        and token_id.isascii()
        and token_id.isdecimal()
        and len(token_id) <= TOKEN_DIGITS_MAX
    ):
        return token_id
    raise Refused(INVALID_TOKEN)


def find_book(exchange: Exchange, token_id: str) -> Listing | None:
    """Find the market of a token while it has a book: until it is resolved."""
    listing = exchange.find(token_id)
    return None if listing is None or listing.winner is not None else listing


def asked_book(request: web.Request, exchange: Exchange) -> tuple[Listing, str]:
    """Read ``token_id`` of a query: its market, which has a book, and the token.

    Raises:
        Refused: It is no token id, or no book is of it.
    """
    token_id = check_token(request.query.get("token_id"))
    listing = find_book(exchange, token_id)
    if listing is None:
        raise Refused(refusals.NO_ORDERBOOK)
    return listing, token_id


def find_condition(exchange: Exchange, condition_id: str) -> Listing | None:
    """Find a market by its condition, which may lack the zeros that fill 31 bytes up to 32."""
    condition_id = condition_id.lower()
    return exchange.listings.get(condition_id) or exchange.listings.get(f"{condition_id}00")


async def read_entries(request: web.Request) -> list[dict[str, Any]]:
    """Read the body of the calls that ask for several tokens at once.

    Raises:
        Refused: Not a JSON array of objects, each with a token id, or too many of them.
    """
    try:
        entries = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        raise Refused(INVALID_BODY) from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Refused(INVALID_BODY)
    if len(entries) > ENTRIES_MAX:
        raise Refused(TOO_MANY)
    for entry in entries:
        check_token(entry.get("token_id"))
    return entries


def page(request: web.Request, items: Sequence[object], size: int) -> dict[str, Any]:
    """Give the page of a list that ``next_cursor`` names, as the CLOB writes pages.

    Raises:
        Refused: The cursor is none of ours.
    """
    cursor = request.query.get("next_cursor") or FIRST_CURSOR
    first = len(items) if cursor == END_CURSOR else read_cursor(cursor)
    shown = items[first : first + size]
    is_last = first + size >= len(items)
    return {
        "limit": size,
        "count": len(shown),
        "next_cursor": END_CURSOR if is_last else write_cursor(first + size),
        "data": list(shown),
    }


def write_cursor(offset: int) -> str:
    """Write an offset as a cursor."""
    return b64encode(str(offset).encode()).decode()


def read_cursor(cursor: str) -> int:
    """Read the offset in a cursor.

    Raises:
        Refused: It holds none.
    """
    try:
        text = b64decode(cursor, validate=True)
    except (Base64Error, ValueError):
        raise Refused(INVALID_CURSOR) from None
    if not text.isdigit() or len(text) > 9:
        raise Refused(INVALID_CURSOR)
    return int(text)
