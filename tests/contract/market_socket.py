"""Market-ws notes: the first frame, the dump, changes, trades, ticks, subscriptions, the end."""

from typing import Any

from polymm.domain.order import Token
from tests.contract.patterns import (
    DECIMAL,
    HASH,
    MS,
    TEXT,
    WORD,
    Among,
    Maybe,
    Ref,
)
from tests.contract.plain import Wish
from tests.contract.socket_cases import Does, Ends, Hears, HearsAll, Means, Quiet, Sends, Talk
from tests.contract.stage import down_won, gone, rests, took

SHARE = 1_000_000
ASK = Wish(side="SELL", price="0.60", size="10")
BID = Wish(price="0.40", size="10")


def first(*tokens: str, **more: Any) -> Sends:
    usual = {"type": "market", "assets_ids": [Ref(one) for one in tokens]}
    return Sends(usual | {"custom_feature_enabled": False} | more)


def row(price: str, size: str) -> dict[str, str]:
    return {"price": price, "size": size}


def book(token: str, bids: list[Any], asks: list[Any], **more: Any) -> dict[str, Any]:
    return {
        "market": Ref("MARKET"),
        "asset_id": Ref(token),
        "timestamp": MS,
        "hash": HASH,
        "bids": [row(*level) for level in bids],
        "asks": [row(*level) for level in asks],
        "event_type": "book",
    } | more


def entry(token: str, side: str, price: str, size: str, bid: str, ask: str) -> dict[str, Any]:
    return {
        "asset_id": Ref(token),
        "price": price,
        "size": size,
        "side": side,
        "hash": HASH,
        "best_bid": bid,
        "best_ask": ask,
    }


def change(*entries: dict[str, Any]) -> dict[str, Any]:
    return {
        "market": Ref("MARKET"),
        "price_changes": Among(entries),
        "timestamp": MS,
        "event_type": "price_change",
    }


# A dump tells the tick and the last price, updates do not.
DUMPED = {"tick_size": "0.01", "last_trade_price": TEXT}
EMPTY = [book("UP", [], [], **DUMPED), book("DOWN", [], [], **DUMPED)]
# Bids ascending, asks descending: the best is last.
FULL = [
    book("UP", [("0.39", "5"), ("0.4", "10")], [("0.61", "7.5"), ("0.6", "10")], **DUMPED),
    book("DOWN", [("0.39", "7.5"), ("0.4", "10")], [("0.61", "5"), ("0.6", "10")], **DUMPED),
]
TWO_SIDES = (
    rests("B", BID),
    rests("B2", BID.but(price="0.39", size="5")),
    rests("S", ASK),
    rests("S2", ASK.but(price="0.61", size="7.5")),
)
FULL_MEANS = Means(
    {
        "bids": [(4_000, 10 * SHARE), (3_900, 5 * SHARE)],
        "asks": [(6_000, 10 * SHARE), (6_100, 7_500_000)],
        "tick_e4": 100,
    }
)
REFUSED = Ends(1008, "invalid subscription payload")
NO_SUBSCRIPTIONS: tuple[Any, ...] = (
    "PING",
    "{",
    [],
    {"type": "market"},
    {"type": "user", "assets_ids": []},
    {"operation": "subscribe", "assets_ids": ["1"]},
)

OPENING = [
    *(
        Talk(
            scene=f"no subscription: {message}",
            note="market-ws notes 1",
            script=(Sends(message), REFUSED),
        )
        for message in NO_SUBSCRIPTIONS
    ),
    Talk(
        scene="the dump is one array, worst levels first",
        note="market-ws notes 3",
        before=TWO_SIDES,
        script=(first("UP", "DOWN"), Hears(FULL), FULL_MEANS),
    ),
    Talk(
        scene="empty books are dumped too",
        note="market-ws notes 3",
        script=(
            first("UP", "DOWN"),
            Hears(EMPTY),
            Means({"bids": [], "asks": [], "has_epoch": True}),
        ),
    ),
    Talk(
        scene="tokens that nobody knows are left out",
        note="market-ws notes 2",
        script=(first("UP", "A_STRANGER"), Hears(EMPTY[:1]), Quiet()),
    ),
    Talk(
        scene="the type may be upper case",
        note="market-ws notes 2",
        script=(first("UP", type="MARKET"), Hears(EMPTY[:1])),
    ),
    Talk(
        scene="no dump where none is wanted",
        note="market-ws notes 2",
        script=(first("UP", initial_dump=False), Quiet()),
    ),
    Talk(
        scene="PING is answered by PONG, as text",
        note="market-ws notes 1",
        script=(first("UP"), Hears(EMPTY[:1]), Sends("PING"), Hears("PONG"), Quiet()),
    ),
]

CHANGES = [
    Talk(
        scene="a new level is told for both tokens, as its new total",
        note="market-ws notes 3",
        before=TWO_SIDES,
        script=(
            first("UP", "DOWN"),
            Hears(FULL),
            Does(rests("N", BID.but(price="0.45", size="20"))),
            Hears(
                change(
                    entry("UP", "BUY", "0.45", "20", "0.45", "0.6"),
                    entry("DOWN", "SELL", "0.55", "20", "0.4", "0.55"),
                )
            ),
            Means({"bids": [(4_500, 20 * SHARE), (4_000, 10 * SHARE), (3_900, 5 * SHARE)]}),
            Does(rests("N2", BID.but(price="0.45", size="5"))),
            Hears(
                change(
                    entry("UP", "BUY", "0.45", "25", "0.45", "0.6"),
                    entry("DOWN", "SELL", "0.55", "25", "0.4", "0.55"),
                )
            ),
            Means({"bids": [(4_500, 25 * SHARE), (4_000, 10 * SHARE), (3_900, 5 * SHARE)]}),
        ),
    ),
    Talk(
        scene="an order for Down shows in both books",
        note="market-ws notes 3",
        script=(
            first("UP", "DOWN"),
            Hears(EMPTY),
            Does(rests("N", Wish(token="DOWN", price="0.35", size="8"))),
            Hears(
                change(
                    entry("UP", "SELL", "0.65", "8", "0", "0.65"),
                    entry("DOWN", "BUY", "0.35", "8", "0.35", "1"),
                )
            ),
            Means({"bids": [], "asks": [(6_500, 8 * SHARE)]}),
        ),
    ),
    Talk(
        scene="a level that is empty has the size 0, and an empty side the price 0 or 1",
        note="market-ws notes 3",
        before=(rests("B", BID),),
        script=(
            first("UP", "DOWN"),
            Hears([book("UP", [("0.4", "10")], []), book("DOWN", [], [("0.6", "10")])]),
            Does(gone("B")),
            Hears(
                change(
                    entry("UP", "BUY", "0.4", "0", "0", "1"),
                    entry("DOWN", "SELL", "0.6", "0", "0", "1"),
                )
            ),
            Means({"bids": [], "asks": []}),
        ),
    ),
    Talk(
        scene="a trade: the change, both books, and the price",
        note="market-ws notes 3",
        before=TWO_SIDES,
        script=(
            first("UP", "DOWN"),
            Hears(FULL),
            Does(took("T", Wish(price="0.60", size="6"))),
            HearsAll(
                (
                    change(
                        entry("UP", "SELL", "0.6", "4", "0.4", "0.6"),
                        entry("DOWN", "BUY", "0.4", "4", "0.4", "0.6"),
                    ),
                    book(
                        "UP",
                        [("0.39", "5"), ("0.4", "10")],
                        [("0.61", "7.5"), ("0.6", "4")],
                    ),
                    book(
                        "DOWN",
                        [("0.39", "7.5"), ("0.4", "4")],
                        [("0.61", "5"), ("0.6", "10")],
                    ),
                    {
                        "event_type": "last_trade_price",
                        "asset_id": Ref("UP"),
                        "market": Ref("MARKET"),
                        "price": "0.6",
                        "side": "BUY",
                        "size": "6",
                        "fee_rate_bps": DECIMAL,
                        "transaction_hash": Maybe(WORD),
                        "timestamp": MS,
                    },
                )
            ),
            Means(
                {
                    "asks": [(6_000, 4 * SHARE), (6_100, 7_500_000)],
                    "last_trade_e4": 6_000,
                }
            ),
        ),
    ),
    Talk(
        scene="with the custom feature the best prices after a match",
        note="market-ws notes 3",
        before=TWO_SIDES,
        script=(
            first("UP", "DOWN", custom_feature_enabled=True),
            Hears(FULL),
            Does(took("T", Wish(price="0.60", size="10"))),
            HearsAll(
                (
                    {
                        "event_type": "best_bid_ask",
                        "market": Ref("MARKET"),
                        "asset_id": Ref("UP"),
                        "best_bid": "0.4",
                        "best_ask": "0.61",
                        "spread": "0.21",
                        "timestamp": MS,
                    },
                    {"event_type": "best_bid_ask", "asset_id": Ref("DOWN"), "best_bid": "0.39"},
                )
            ),
        ),
    ),
]

SUBSCRIBING = [
    Talk(
        scene="one more token: its book is the answer",
        note="market-ws notes 2",
        script=(
            first("UP"),
            Hears(EMPTY[:1]),
            Sends({"operation": "subscribe", "assets_ids": [Ref("DOWN")]}),
            Hears(EMPTY[1:]),
            Quiet(),
        ),
    ),
    Talk(
        scene="a token that is there already brings no second book",
        note="market-ws notes 2",
        script=(
            first("UP"),
            Hears(EMPTY[:1]),
            Sends(
                {
                    "operation": "subscribe",
                    "assets_ids": [Ref("UP")],
                    "custom_feature_enabled": True,
                }
            ),
            Quiet(),
        ),
    ),
    Talk(
        scene="who unsubscribes hears no more, and again after another subscription",
        note="market-ws notes 2",
        script=(
            first("UP", "DOWN"),
            Hears(EMPTY),
            Sends({"operation": "unsubscribe", "assets_ids": [Ref("UP"), Ref("DOWN")]}),
            Quiet(),
            Does(rests("B", BID)),
            Quiet(),
            Sends({"operation": "subscribe", "assets_ids": [Ref("UP")]}),
            Hears([book("UP", [("0.4", "10")], [])]),
        ),
    ),
]


def finer(token: str) -> dict[str, Any]:
    return {
        "event_type": "tick_size_change",
        "asset_id": Ref(token),
        "market": Ref("MARKET"),
        "old_tick_size": "0.01",
        "new_tick_size": "0.001",
        "timestamp": MS,
    }


# These change the market for good: each needs an exchange of its own.
RESOLVED = {
    "event_type": "market_resolved",
    "id": TEXT,
    "market": Ref("MARKET"),
    "assets_ids": Among((Ref("UP"), Ref("DOWN"))),
    "winning_asset_id": Ref("DOWN"),
    "winning_outcome": "Down",
    "timestamp": MS,
}
ENDINGS = [
    Talk(
        scene="beyond 0.96 the tick becomes finer, for both tokens",
        note="market-ws notes 3",
        script=(
            first("UP", "DOWN"),
            Hears(EMPTY),
            Does(rests("B", BID.but(price="0.97"))),
            HearsAll(
                (
                    finer("UP"),
                    finer("DOWN"),
                    book("UP", [("0.97", "10")], [], tick_size=Maybe("0.001")),
                    book("DOWN", [], [("0.03", "10")], tick_size=Maybe("0.001")),
                )
            ),
            Means({"bids": [(9_700, 10 * SHARE)], "tick_e4": 10}),
        ),
    ),
    Talk(
        scene="the end of a market, and who won",
        note="market-ws notes 3",
        script=(
            first("UP", "DOWN", custom_feature_enabled=True),
            Hears(EMPTY),
            Does(down_won),
            Hears(RESOLVED),
            Means({"winner": Token.DOWN}),
        ),
    ),
]

CASES = OPENING + CHANGES + SUBSCRIBING
