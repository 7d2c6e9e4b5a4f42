"""What user channel and ledger routes say of orders and trades (user-ws notes, rest notes 3).

Amounts are shares and dollars as decimal texts. REST prefixes statuses and the socket does not;
everything else is the same record.
"""

from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from polymm.exchange.flow_wire import PRICE_TEXTS, SIDE_TEXTS, decimal_text
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder
from polymm.exchange.settlement import Trade, TradeStatus


class UserMessage(NamedTuple):
    """One event of the user channel.

    Args:
        at_ns: Venue time.
        owner: API key whose connections get it.
        condition_id: Its market, for connections that asked for some only.
        payload: The text as sent.
    """

    at_ns: int
    owner: str
    condition_id: str
    payload: bytes


def order_event(now_ns: int, kind: str, order: BookOrder, listing: Listing) -> UserMessage:
    """Tell of an order as it stands: ``PLACEMENT``, ``UPDATE`` or ``CANCELLATION``."""
    message = _order_fields(order, listing) | {
        "event_type": "order",
        "type": kind,
        "order_owner": order.owner,
        "associate_trades": order.trade_ids or None,
        "created_at": str(order.created_ns // 1_000_000_000),
        "status": order.status,
        "timestamp": str(now_ns // 1_000_000),
    }
    return UserMessage(now_ns, order.owner, listing.condition_id, orjson.dumps(message))


def open_order(order: BookOrder, listing: Listing) -> dict[str, Any]:
    """Give an open order as ``GET /data/orders`` answers it."""
    return _order_fields(order, listing) | {
        "status": f"ORDER_STATUS_{order.status}",
        "associate_trades": list(order.trade_ids),
        "created_at": order.created_ns // 1_000_000_000,
    }


def _order_fields(order: BookOrder, listing: Listing) -> dict[str, Any]:
    return {
        "id": order.order_id,
        "owner": order.owner,
        "maker_address": order.wallet.address,
        "market": listing.condition_id,
        "asset_id": listing.token_id(order.token),
        "side": SIDE_TEXTS[order.side],
        "original_size": decimal_text(order.size_e6, 6),
        "size_matched": decimal_text(order.matched_e6, 6),
        "price": PRICE_TEXTS[order.price_e4],
        "outcome": listing.outcome_name(order.token),
        "expiration": str(order.expires_s),
        "order_type": order.kind.value,
    }


def trade_event(
    now_ns: int, trade: Trade, owner: str, status: TradeStatus, transaction: int
) -> UserMessage:
    """Tell one party of a trade's status."""
    message = trade_record(trade, owner) | {
        "event_type": "trade",
        "type": "TRADE",
        "status": status.value,
        "trade_owner": owner,
        "transaction_hash": transaction_hash(trade, transaction),
        "last_update": str(now_ns // 1_000_000_000),
        "timestamp": str(now_ns // 1_000_000),
    }
    return UserMessage(now_ns, owner, trade.listing.condition_id, orjson.dumps(message))


def trade_record(trade: Trade, owner: str) -> dict[str, Any]:
    """Give a trade as ``GET /data/trades`` answers it to one of its parties."""
    taker, listing = trade.taker, trade.listing
    return {
        "id": trade.trade_id,
        "taker_order_id": taker.order_id,
        "market": listing.condition_id,
        "asset_id": listing.token_id(taker.token),
        "side": SIDE_TEXTS[taker.side],
        "size": decimal_text(trade.size_e6, 6),
        "fee_rate_bps": "0",
        "price": PRICE_TEXTS[trade.price_e4],
        "status": f"TRADE_STATUS_{trade.status}",
        "match_time": str(trade.matched_ns // 1_000_000_000),
        "match_time_nano": str(trade.matched_ns),
        "last_update": str((trade.updated_ns or trade.matched_ns) // 1_000_000_000),
        "outcome": listing.outcome_name(taker.token),
        "bucket_index": 0,
        "owner": owner,
        "maker_address": taker.wallet.address,
        "transaction_hash": transaction_hash(trade, trade.transaction),
        "err_msg": None,
        "trader_side": "TAKER" if owner == taker.owner else "MAKER",
        "maker_orders": [
            {
                "order_id": fill.maker.order_id,
                "owner": fill.maker.owner,
                "maker_address": fill.maker.wallet.address,
                "matched_amount": decimal_text(fill.size_e6, 6),
                "price": PRICE_TEXTS[fill.maker.price_e4],
                "fee_rate_bps": "0",
                "asset_id": listing.token_id(fill.maker.token),
                "outcome": listing.outcome_name(fill.maker.token),
                "outcome_index": listing.outcomes.index(fill.maker.token),
                "side": SIDE_TEXTS[fill.maker.side],
            }
            for fill in trade.fills
        ],
    }


def transaction_hash(trade: Trade, number: int) -> str:
    """Name a try of a trade's transaction; "" before the first."""
    if not number:
        return ""
    return f"0x{sha256(f'{trade.trade_id} {number}'.encode()).hexdigest()}"
