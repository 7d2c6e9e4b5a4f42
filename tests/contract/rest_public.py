"""Rest notes 1: what everybody may ask."""

from typing import Any

from tests.contract.cases import Ask, Case, Reads
from tests.contract.patterns import (
    COUNT,
    HASH,
    MS,
    SECONDS_NUMBER,
    TEXT,
    Among,
    Like,
    Maybe,
    Ref,
)
from tests.contract.plain import Wish
from tests.contract.stage import rests, took

NOTE = "rest notes 1"
TOKEN = {"token_id": Ref("UP")}
BOTH = [{"token_id": Ref("UP")}, {"token_id": Ref("DOWN")}]
# 0.40 x 10, 0.45 x 20 | 0.52 x 30, 0.60 x 10, and 10 sold at 0.45 before.
BOOK = (
    rests("R1", Wish(price="0.40", size="10")),
    rests("R2", Wish(price="0.45", size="30")),
    rests("R3", Wish(side="SELL", price="0.52", size="30")),
    rests("R4", Wish(token="DOWN", price="0.40", size="10")),
    took("T", Wish(side="SELL", price="0.45", size="10")),
)


def row(price: str, size: str) -> dict[str, str]:
    return {"price": price, "size": size}


UP = {
    "market": Ref("MARKET"),
    "asset_id": Ref("UP"),
    "timestamp": MS,
    "hash": HASH,
    "bids": [row("0.4", "10"), row("0.45", "20")],
    "asks": [row("0.6", "10"), row("0.52", "30")],
    "min_order_size": "5",
    "tick_size": "0.01",
    "neg_risk": False,
    "last_trade_price": Like("0.450?", "0.450"),
}
DOWN = {
    "asset_id": Ref("DOWN"),
    "bids": [row("0.4", "10"), row("0.48", "30")],
    "asks": [row("0.6", "10"), row("0.55", "20")],
}


def get(scene: str, path: str, answer: Any, *, query: Any = None, **more: Any) -> Case:
    ask = Ask("GET", path, query=TOKEN if query is None else query, auth="")
    return Case(scene=scene, note=NOTE, asks=ask, answer=answer, **({"before": BOOK} | more))


def post(scene: str, path: str, body: Any, answer: Any) -> Case:
    ask = Ask("POST", path, body, auth="")
    return Case(scene=scene, note=NOTE, asks=ask, answer=answer, before=BOOK)


def plain(scene: str, path: str, answer: Any, **more: Any) -> Case:
    return get(scene, path, answer, query={}, before=(), **more)


CASES = [
    plain("the venue is there", "/ok", "OK"),
    plain("what time it is", "/time", SECONDS_NUMBER, reads=Reads("server_time", 1_776_808_414)),
    plain("which generation of the exchange", "/version", {"version": 2},
          reads=Reads("version", 2)),
    get("a book, worst first", "/book", UP),
    get("no book of a token that nobody knows", "/book",
        {"error": "No orderbook exists for the requested token id"}, query={"token_id": "1" * 77},
        status=404),
    get("a token that is none", "/book", {"error": "Invalid token id"}, query={"token_id": "abc"},
        status=400),
    post("books, without those that are not there", "/books", [*BOTH, {"token_id": "1" * 77}],
         [UP, DOWN]),
    get("the middle", "/midpoint", {"mid": "0.485"}),
    post("several middles", "/midpoints", BOTH, {Ref("UP"): "0.485", Ref("DOWN"): "0.515"}),
    get("what a buyer pays", "/price", {"price": "0.52"}, query=TOKEN | {"side": "BUY"}),
    get("what a seller gets", "/price", {"price": "0.45"}, query=TOKEN | {"side": "SELL"}),
    post("several prices", "/prices", [TOKEN | {"side": "BUY"}], {Ref("UP"): {"BUY": "0.52"}}),
    get("the spread", "/spread", {"spread": "0.07"}),
    get("the last price", "/last-trade-price", {"price": "0.45", "side": "SELL"}),
    get("the tick", "/tick-size", {"minimum_tick_size": 0.01}),
    get("the tick of a token that nobody knows", "/tick-size", {"error": "market not found"},
        query={"token_id": "1" * 77}, status=404),
    get("whether outcomes exclude each other", "/neg-risk", {"neg_risk": False}),
    get("the old fee", "/fee-rate", {"base_fee": 1000}),
    plain("the market of a token", "/markets-by-token/{UP}", {"condition_id": Ref("MARKET")}),
    plain("a market in short", "/clob-markets/{MARKET}", {
        "c": Ref("MARKET"),
        "t": [{"t": Ref("UP"), "o": "Up"}, {"t": Ref("DOWN"), "o": "Down"}],
        "mts": 0.01, "mos": 5, "ao": True, "mbf": COUNT, "tbf": COUNT,
        "fd": {"r": 0.07, "e": 1, "to": True}, "v": Maybe("v1"),
    }),
    plain("a market at length", "/markets/{MARKET}", {
        "condition_id": Ref("MARKET"),
        "tokens": Among(({"token_id": Ref("UP"), "outcome": "Up"},)),
        "minimum_order_size": 5, "minimum_tick_size": 0.01, "accepting_orders": True,
        "active": True, "closed": False, "enable_order_book": True, "neg_risk": False,
        "end_date_iso": TEXT, "market_slug": TEXT,
    }),
    plain("a market that nobody knows", "/clob-markets/0x" + "ab" * 32,
          {"error": "market not found"}, status=404),
]  # fmt: skip
