"""Rest notes 2 to 4: keys, open orders, trades, balances and the heartbeat."""

from typing import Any

from polymm.domain.order import Side
from tests.contract.cases import Ask, Case, Reads
from tests.contract.patterns import (
    COUNT,
    DECIMAL,
    FLAG,
    SECONDS,
    SECONDS_NUMBER,
    TEXT,
    UNITS,
    UUID,
    WORD,
    Among,
    Anything,
    Like,
    Ref,
)
from tests.contract.plain import Wish
from tests.contract.stage import many, rests, settled, took

BUY = Wish()
KEY = {
    "apiKey": UUID,
    "secret": Like("[A-Za-z0-9_-]+=*", "c2VjcmV0"),
    "passphrase": Like(".+", "passphrase"),
}
PAGE = {"limit": 100, "count": COUNT, "next_cursor": "LTE="}

OPEN = {
    "id": Ref("A"),
    "status": Like("(ORDER_STATUS_)?LIVE", "ORDER_STATUS_LIVE"),
    "owner": Ref("OWNER"),
    "maker_address": Ref("WALLET"),
    "market": Ref("MARKET"),
    "asset_id": Ref("UP"),
    "side": "BUY",
    "original_size": "10",
    "size_matched": "4",
    "price": Like("0.40?", "0.4"),
    "outcome": "Up",
    "expiration": "0",
    "order_type": "GTC",
    "associate_trades": [UUID],
    "created_at": SECONDS_NUMBER,
}
TRADE = {
    "id": UUID,
    "taker_order_id": Ref("T"),
    "market": Ref("MARKET"),
    "asset_id": Ref("DOWN"),
    "side": "BUY",
    "size": "10",
    "fee_rate_bps": DECIMAL,
    "price": Like("0.60?", "0.6"),
    "status": Like("(TRADE_STATUS_)?CONFIRMED", "TRADE_STATUS_CONFIRMED"),
    "match_time": SECONDS,
    "last_update": SECONDS,
    "outcome": "Down",
    "bucket_index": COUNT,
    "owner": TEXT,
    "maker_address": TEXT,
    "transaction_hash": WORD,
    "trader_side": "MAKER",
    "maker_orders": [
        {
            "order_id": Ref("A"),
            "owner": Ref("OWNER"),
            "maker_address": Ref("WALLET"),
            "matched_amount": "10",
            "price": Like("0.40?", "0.4"),
            "fee_rate_bps": DECIMAL,
            "asset_id": Ref("UP"),
            "outcome": "Up",
            "side": "BUY",
        }
    ],
}
MINTED = (rests("A", BUY), took("T", Wish(token="DOWN", price="0.60")), settled())
# So that four of ten shares are matched.
PARTLY = (rests("A", BUY), took("T", Wish(side="SELL", size="4", price="0.40", kind="FAK"), "bob"))


def case(scene: str, note: str, ask: Ask, answer: Any, **more: Any) -> Case:
    return Case(scene=scene, note=note, asks=ask, answer=answer, **more)


def told(scene: str, ask: Ask, text: str, status: int = 400, note: str = "rest notes 3") -> Case:
    return Case(scene=scene, note=note, asks=ask, status=status, answer={"error": text})


KEYS = [
    case("a key is derived again", "rest notes 2", Ask("GET", "/auth/derive-api-key", auth="l1"),
         KEY | {"apiKey": Ref("OWNER")}),
    case("a key is made once", "rest notes 2", Ask("POST", "/auth/api-key", auth="l1"),
         {"error": "Could not create api key"}, status=400),
    case("keys are listed", "rest notes 2", Ask("GET", "/auth/api-keys"),
         {"apiKeys": Among((Ref("OWNER"),))}),
    case("an account that may do anything", "rest notes 2",
         Ask("GET", "/auth/ban-status/closed-only"), {"closed_only": False},
         reads=Reads("closed_only", False)),
    case("the tier of an account", "rest notes 6", Ask("GET", "/v1/user/rate-limit-tier"),
         {"tier": Like("(?i)standard", "standard")}, reads=Reads("tier", "standard")),
]  # fmt: skip

ORDERS = [
    case("a page has a hundred rows and names the next", "rest notes 3",
         Ask("GET", "/data/orders"),
         {"limit": 100, "count": 100, "next_cursor": "MTAw", "data": Among(())},
         before=(many(101, BUY),)),
    case("the last page names the end", "rest notes 3",
         Ask("GET", "/data/orders", query={"next_cursor": "MTAw"}),
         PAGE | {"data": [{"status": Like(".*LIVE", "LIVE")}]}, before=(many(101, BUY),)),
    case("open orders, one part filled", "rest notes 3", Ask("GET", "/data/orders"),
         PAGE | {"data": [OPEN]}, before=PARTLY,
         reads=Reads("open_orders", [{
             "order_id": Ref("A"), "status": "LIVE", "condition_id": Ref("MARKET"),
             "token_id": Ref("UP"), "side": Side.BUY, "price_e4": 4_000, "size_e6": 10_000_000,
             "matched_e6": 4_000_000, "kind": "GTC", "expiration_s": 0,
         }])),
    case("open orders of a token that has none", "rest notes 3",
         Ask("GET", "/data/orders", query={"asset_id": Ref("DOWN")}),
         PAGE | {"data": []}, before=(rests("A", BUY),), reads=Reads("open_orders", [])),
    case("open orders of a market", "rest notes 3",
         Ask("GET", "/data/orders", query={"market": Ref("MARKET"), "next_cursor": "MA=="}),
         PAGE | {"data": [{"id": Ref("A")}]}, before=(rests("A", BUY),)),
    case("one open order", "rest notes 3", Ask("GET", "/data/order/{A}"),
         OPEN | {"size_matched": "0", "associate_trades": []}, before=(rests("A", BUY),),
         reads=Reads("order", {"order_id": Ref("A"), "matched_e6": 0},
                     {"order_id": Ref("A")})),
    Case(scene="an order that nobody knows", note="rest notes 3",
         asks=Ask("GET", "/data/order/0x" + "ee" * 32), status=404,
         answer={"error": Like(".*not found.*", "order not found")},
         reads=Reads("order", None, {"order_id": "0x" + "ee" * 32})),
    case("what a maker did in a mint", "rest notes 3",
         Ask("GET", "/data/trades", query={"market": Ref("MARKET")}),
         {"limit": 100, "count": COUNT, "next_cursor": "LTE=", "data": Among((TRADE,))},
         before=MINTED,
         reads=Reads("trades", [{
             "status": "CONFIRMED", "token_id": Ref("DOWN"), "side": Side.BUY,
             "price_e4": 6_000, "size_e6": 10_000_000, "is_maker": True,
             "taker_order_id": Ref("T"), "matched_s": 1_776_808_414,
             "transaction_hash": "0x" + "ee" * 32,
         }])),
    case("no trades before time began", "rest notes 3",
         Ask("GET", "/data/trades", query={"before": "1000"}), PAGE | {"data": []},
         before=MINTED, reads=Reads("trades", [])),
]  # fmt: skip

BALANCES = [
    case("dollars and who may move them", "rest notes 3",
         Ask("GET", "/balance-allowance",
             query={"asset_type": "COLLATERAL", "signature_type": "0"}),
         {"balance": UNITS,
          "allowances": {"0xE111180000d2663C0091e4f400237545B87B996B": UNITS}},
         reads=Reads("balance", {
             "balance_e6": 1_000_000_000,
             "allowances_e6": {"0xe111180000d2663c0091e4f400237545b87b996b": 1_000_000_000},
         })),
    case("shares of a token", "rest notes 3",
         Ask("GET", "/balance-allowance", query={
             "asset_type": "CONDITIONAL", "token_id": Ref("UP"), "signature_type": "0"}),
         {"balance": UNITS, "allowances": {"0xE111180000d2663C0091e4f400237545B87B996B": UNITS}},
         reads=Reads("balance", {"balance_e6": 1_000_000_000}, {"token_id": Ref("UP")})),
    told("an asset type that is none",
         Ask("GET", "/balance-allowance", query={"asset_type": "GOLD", "signature_type": "0"}),
         "Invalid asset type"),
    told("a signature type that is none",
         Ask("GET", "/balance-allowance", query={"asset_type": "COLLATERAL",
                                                 "signature_type": "9"}),
         "Invalid signature_type"),
    case("the venue reads the chain anew", "rest notes 3",
         Ask("GET", "/balance-allowance/update",
             query={"asset_type": "COLLATERAL", "signature_type": "0"}), Anything({}),
         reads=Reads("refresh_balance", None)),
    case("whether an order scores", "rest notes 3",
         Ask("GET", "/order-scoring", query={"order_id": Ref("A")}), {"scoring": FLAG},
         before=(rests("A", BUY),)),
]  # fmt: skip

BEATS = [
    case("a heart begins to beat", "rest notes 4", Ask("POST", "/v1/heartbeats",
         {"heartbeat_id": ""}), {"heartbeat_id": Like(".+", "next")},
         reads=Reads("beat", {"state": "accepted", "copies": 1})),
    Case(scene="a wrong id is answered by the right one", note="rest notes 4",
         asks=Ask("POST", "/v1/heartbeats", {"heartbeat_id": "nonsense"}), status=400,
         answer={"error_msg": "Invalid Heartbeat ID", "heartbeat_id": Like(".*", "expected")},
         reads=Reads("beat", {"state": "refused", "copies": 2})),
]  # fmt: skip

CASES = KEYS + ORDERS + BALANCES + BEATS
