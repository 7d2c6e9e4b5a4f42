"""Maker rebates as the venue lists them: what a wallet was paid on a day."""

from urllib.parse import urlencode

import orjson

from polymm._core.tolerant import decimal
from polymm.errors import InputError
from polymm.venues.polymarket import wire


def rebates_path(wallet: str, date: str) -> str:
    """Path of the question.

    Args:
        date: YYYY-MM-DD, UTC.
    """
    return f"{wire.REBATES_PATH}?{urlencode({'date': date, 'maker_address': wallet})}"


def read_rebates_e6(body: bytes) -> int:
    """Add up what was paid, 1e-6 dollars.

    Raises:
        InputError: Not a list of payments.
    """
    try:
        rows: list[dict[str, str]] = orjson.loads(body)
        paid_e6: list[int] = [decimal(row["rebated_fees_usdc"], 6, "a rebate") for row in rows]
    except (TypeError, KeyError, orjson.JSONDecodeError) as error:
        raise InputError(f"rebates must be a list of payments, was {body[:80]!r}") from error
    return sum(paid_e6)
