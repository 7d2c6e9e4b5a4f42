"""User-ws notes: credentials, orders and trades from their first to their last event."""

from typing import Any

from polymm.domain.order import Side
from tests.contract.patterns import (
    COUNT,
    DECIMAL,
    MS,
    SECONDS,
    TEXT,
    UUID,
    WORD,
    Anything,
    Like,
    Maybe,
    Ref,
)
from tests.contract.plain import Wish
from tests.contract.socket_cases import Does, Ends, Hears, HearsAll, Means, Quiet, Sends, Talk
from tests.contract.stage import gone, rests, took

SHARE = 1_000_000
BID = Wish()
AUTH = {"apiKey": Ref("OWNER"), "secret": Ref("SECRET"), "passphrase": Ref("PASSPHRASE")}
FIRST = Sends({"type": "user", "auth": AUTH})


def order(kind: str, status: Any, name: str = "A", matched: str = "0", **more: Any) -> Any:
    return {
        "event_type": "order",
        "type": kind,
        "id": Ref(name),
        "owner": Ref("OWNER"),
        "order_owner": Ref("OWNER"),
        "market": Ref("MARKET"),
        "asset_id": Ref("UP"),
        "side": "BUY",
        "original_size": "10",
        "size_matched": matched,
        "price": Like("0.40?", "0.4"),
        "outcome": "Up",
        "associate_trades": Anything(None),
        "created_at": SECONDS,
        "expiration": "0",
        "order_type": "GTC",
        "status": status,
        "maker_address": Ref("WALLET"),
        "timestamp": MS,
    } | more


def trade(status: str, *, token: str, price: str, side: str, size: str, mine: Any) -> Any:
    return {
        "event_type": "trade",
        "type": "TRADE",
        "id": UUID,
        "status": status,
        "taker_order_id": Ref("T"),
        "market": Ref("MARKET"),
        "asset_id": Ref(token),
        "side": side,
        "size": size,
        "price": price,
        "fee_rate_bps": DECIMAL,
        "outcome": "Up" if token == "UP" else "Down",
        "owner": TEXT,
        "trade_owner": TEXT,
        "maker_address": TEXT,
        # "" at the match, known in a block.
        "transaction_hash": TEXT if status == "MATCHED" else WORD,
        "bucket_index": COUNT,
        "match_time": SECONDS,
        "last_update": SECONDS,
        "timestamp": MS,
        "trader_side": "MAKER",
        "maker_orders": [mine],
    }


def mine(matched: str) -> Any:
    return {
        "order_id": Ref("A"),
        "owner": Ref("OWNER"),
        "maker_address": Ref("WALLET"),
        "matched_amount": matched,
        "price": Like("0.40?", "0.4"),
        "fee_rate_bps": DECIMAL,
        "asset_id": Ref("UP"),
        "outcome": "Up",
        "outcome_index": Maybe(0),
        "side": "BUY",
    }


PLACED = order("PLACEMENT", "LIVE")
PLACED_MEANS = {
    "order_id": Ref("A"),
    "change": "PLACEMENT",
    "status": "LIVE",
    "side": Side.BUY,
    "price_e4": 4_000,
    "size_e6": 10 * SHARE,
    "matched_e6": 0,
    "token_id": Ref("UP"),
    "condition_id": Ref("MARKET"),
}


def life(*, token: str, side: str, price: str, size: str) -> tuple[Any, ...]:
    """A trade by its three events, in which Ann's order was the maker."""
    return tuple(
        trade(status, token=token, price=price, side=side, size=size, mine=mine(size))
        for status in ("MATCHED", "MINED", "CONFIRMED")
    )


def booked(status: str, size_e6: int) -> dict[str, Any]:
    """A trade, and what it did to our own order."""
    mine = {
        "order_id": Ref("A"),
        "token_id": Ref("UP"),
        "side": Side.BUY,
        "size_e6": size_e6,
        "price_e4": 4_000,
        "is_maker": True,
    }
    return {"status": status, "size_e6": size_e6, "is_taker": False, "fills": [mine]}


DIRECT = life(token="UP", side="SELL", price="0.4", size="4")
MINT = life(token="DOWN", side="BUY", price="0.6", size="10")

CASES = [
    *(
        Talk(scene=f"no way in: {scene}", note="user-ws notes 1", script=(Sends(said), Ends(1008)))
        for scene, said in (
            ("PING", "PING"),
            ("no credentials", {"type": "user"}),
            ("a market's frame", {"type": "market", "assets_ids": []}),
            ("a wrong secret", {"type": "user", "auth": AUTH | {"secret": "nonsense"}}),
            ("a wrong passphrase", {"type": "user", "auth": AUTH | {"passphrase": "nonsense"}}),
        )
    ),
    Talk(
        scene="PING is answered by PONG, and nothing else comes",
        note="user-ws notes 1",
        script=(FIRST, Sends("PING"), Hears("PONG"), Quiet()),
    ),
    Talk(
        scene="an order rests and is cancelled",
        note="user-ws notes 2",
        script=(
            FIRST,
            Quiet(),
            Does(rests("A", BID)),
            Hears(PLACED),
            Means([PLACED_MEANS]),
            Does(gone("A")),
            Hears(order("CANCELLATION", Like("CANCELED.*", "CANCELED"))),
            Means([{"order_id": Ref("A"), "change": "CANCELLATION", "status": "CANCELED"}]),
            Quiet(),
        ),
    ),
    Talk(
        scene="a part of an order is filled, and the trade goes its way",
        note="user-ws notes 3",
        script=(
            FIRST,
            Quiet(),
            Does(rests("A", BID)),
            Hears(PLACED),
            Means([PLACED_MEANS]),
            Does(took("T", Wish(side="SELL", size="4", kind="FAK", price="0.40"))),
            HearsAll((order("UPDATE", "LIVE", matched="4"), *DIRECT)),
            Means(
                [
                    {"change": "UPDATE", "matched_e6": 4 * SHARE},
                    booked("MATCHED", 4 * SHARE),
                    booked("MINED", 4 * SHARE),
                    booked("CONFIRMED", 4 * SHARE),
                ]
            ),
        ),
    ),
    Talk(
        scene="a buyer of the other outcome mints with us: our order's own token and side count",
        note="user-ws notes 3",
        script=(
            FIRST,
            Quiet(),
            Does(rests("A", BID)),
            Hears(PLACED),
            Means([PLACED_MEANS]),
            Does(took("T", Wish(token="DOWN", price="0.60"))),
            HearsAll((order("UPDATE", Like("LIVE|MATCHED", "MATCHED"), matched="10"), *MINT)),
            Means(
                [
                    {"change": "UPDATE", "matched_e6": 10 * SHARE},
                    booked("MATCHED", 10 * SHARE),
                    booked("MINED", 10 * SHARE),
                    booked("CONFIRMED", 10 * SHARE),
                ]
            ),
        ),
    ),
    Talk(
        scene="only the markets that were asked for",
        note="user-ws notes 1",
        script=(
            Sends({"type": "user", "auth": AUTH, "markets": ["0x" + "ab" * 32]}),
            Quiet(),
            Does(rests("A", BID)),
            Quiet(),
            Sends({"operation": "subscribe", "markets": [Ref("MARKET")]}),
            Quiet(),
            Does(gone("A")),
            Hears(order("CANCELLATION", Like("CANCELED.*", "CANCELED"))),
        ),
    ),
    Talk(
        scene="what others do is not told",
        note="user-ws notes 1",
        script=(FIRST, Quiet(), Does(rests("A", BID, "bob")), Quiet()),
    ),
]
