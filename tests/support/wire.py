"""Composed market-channel messages in the wire's shapes, for tests without recordings."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

UP = "45936375922793925919605092352922707796689801895417366600539442410775071099958"
DOWN = "86520121088881862182423437128238697252500151785248183602134095101149900014256"
OTHER = "13917627517502768201235213826866970628416806758650647861097354638225151676696"
MARKET = "0x125149c5918fc5f8c6d34682f700a898a1a19ea4f4e2ae68ff4c5794ba657074"
HASH = "425af2848c4f6462b5d2954448419abc0abac9ac"
STAMP = 1776808414710

Levels = Sequence[tuple[str, str]]


def levels(rows: Levels) -> list[dict[str, str]]:
    return [{"price": price, "size": size} for price, size in rows]


def book(
    bids: Levels, asks: Levels, *, asset: str = UP, stamp: int = STAMP, **more: Any
) -> dict[str, Any]:
    """One `book` event in the order of an update; levels worst first by the venue's habit."""
    return {
        "market": MARKET,
        "asset_id": asset,
        "bids": levels(bids),
        "asks": levels(asks),
        "hash": HASH,
        "timestamp": str(stamp),
        "event_type": "book",
        **more,
    }


def entry(
    price: str,
    size: str,
    side: str,
    *,
    asset: str = UP,
    top: tuple[str, str] = ("0.48", "0.52"),
) -> dict[str, str]:
    return {
        "asset_id": asset,
        "price": price,
        "size": size,
        "side": side,
        "hash": HASH,
        "best_bid": top[0],
        "best_ask": top[1],
    }


def price_change(*entries: Mapping[str, str], stamp: int = STAMP) -> dict[str, Any]:
    return {
        "market": MARKET,
        "price_changes": list(entries),
        "timestamp": str(stamp),
        "event_type": "price_change",
    }


def trade(
    price: str, size: str, side: str, *, asset: str = UP, stamp: int = STAMP
) -> dict[str, Any]:
    return {
        "market": MARKET,
        "asset_id": asset,
        "price": price,
        "size": size,
        "fee_rate_bps": "0",
        "side": side,
        "timestamp": str(stamp),
        "event_type": "last_trade_price",
        "transaction_hash": "0x" + "ab" * 32,
    }


def tick_change(new: str, *, asset: str = UP, stamp: int = STAMP) -> dict[str, Any]:
    return {
        "market": MARKET,
        "asset_id": asset,
        "old_tick_size": "0.01",
        "new_tick_size": new,
        "timestamp": str(stamp),
        "event_type": "tick_size_change",
    }


def compact(message: object) -> bytes:
    """Without blanks, as `book` messages come."""
    return json.dumps(message, separators=(",", ":")).encode()


def spaced(message: object) -> bytes:
    """With a blank after every comma, as `price_change` messages come."""
    return json.dumps(message, separators=(", ", ":")).encode()
