"""Books, prices and markets, told to anybody: shapes, mirrored tokens, errors, fresh markets."""

import re
from hashlib import sha1

import orjson
import pytest

from polymm.domain.market import NS, FeeSchedule, Market
from polymm.domain.order import Side, Token
from polymm.exchange.faults import Fault
from polymm.exchange.server import market_routes
from polymm.exchange.server.settings import Geoblock
from polymm.exchange.windows import WindowSettings
from tests.support.visitors import ANN, BOB, START_NS, Visitor, visit

UNKNOWN = "7" * 77
ONE_TOKEN = ["/book", "/midpoint", "/price", "/spread", "/last-trade-price"]
PARAMETERS = ["/tick-size", "/neg-risk", "/fee-rate"]
MANY_TOKENS = ["/books", "/midpoints", "/prices", "/spreads", "/last-trades-prices"]


def both_sides(visitor: Visitor):
    """Bids at 40 and 45, asks at 52 and 60 cents of Up, the last bought at 52."""
    listing = visitor.last
    ann, bob = visitor.wallet(ANN, listing), visitor.wallet(BOB, listing)
    for side, cents in ((Side.BUY, 40), (Side.BUY, 45), (Side.SELL, 60), (Side.SELL, 52)):
        visitor.order(ann, side, cents, 20, listing)
    visitor.order(bob, Side.BUY, 52, 8, listing)
    return listing


def true_hash(book):
    return sha1(orjson.dumps(book | {"hash": ""}), usedforsecurity=False).hexdigest()


def test_a_book_is_told_worst_level_first_with_its_true_hash():
    async def scene(visitor):
        listing = both_sides(visitor)
        reply = await visitor.get("/book", token_id=listing.market.up_token)
        book = reply.body
        assert book["market"] == listing.condition_id
        assert [level["price"] for level in book["bids"]] == ["0.4", "0.45"]
        assert book["asks"] == [{"price": "0.6", "size": "20"}, {"price": "0.52", "size": "12"}]
        assert (book["min_order_size"], book["tick_size"]) == ("5", "0.01")
        assert book["timestamp"] == str(visitor.now_ns // 1_000_000)
        assert book["last_trade_price"] == "0.520"
        assert book["hash"] == true_hash(book)

    visit(scene)


def test_the_other_token_is_the_mirror_of_the_first():
    async def scene(visitor):
        listing = both_sides(visitor)
        up, down = listing.pool.tokens
        found = {}
        for path, query in (
            ("/midpoint", {}), ("/spread", {}), ("/last-trade-price", {}),
            ("/price", {"side": "BUY"}), ("/price", {"side": "SELL"}),
        ):  # fmt: skip
            for token in (up, down):
                reply = await visitor.get(path, token_id=token, **query)
                found.setdefault((path, *query.values()), []).append(reply.body)
        assert found == {
            ("/midpoint",): [{"mid": "0.485"}, {"mid": "0.515"}],
            ("/spread",): [{"spread": "0.07"}, {"spread": "0.07"}],
            ("/last-trade-price",): [
                {"price": "0.52", "side": "BUY"}, {"price": "0.48", "side": "SELL"},
            ],
            ("/price", "BUY"): [{"price": "0.52"}, {"price": "0.55"}],
            ("/price", "SELL"): [{"price": "0.45"}, {"price": "0.48"}],
        }  # fmt: skip

    visit(scene)


def test_an_empty_book_reaches_from_nothing_to_a_dollar():
    async def scene(visitor):
        token_id = visitor.last.market.up_token
        for path, query, answer in (
            ("/midpoint", {}, {"mid": "0.5"}),
            ("/spread", {}, {"spread": "1"}),
            ("/price", {"side": "BUY"}, {"price": "1"}),
            ("/price", {"side": "SELL"}, {"price": "0"}),
            ("/last-trade-price", {}, {"price": "0.5", "side": ""}),
        ):
            reply = await visitor.get(path, token_id=token_id, **query)
            assert reply == (200, answer)

    visit(scene)


def test_many_tokens_are_told_at_once_and_unknown_ones_left_out():
    async def scene(visitor):
        listing = both_sides(visitor)
        up, down = listing.pool.tokens
        asked = [{"token_id": token} for token in (down, UNKNOWN, up)]
        books = (await visitor.post("/books", asked)).body
        assert [book["asset_id"] for book in books] == [down, up]
        assert all(book["hash"] == true_hash(book) for book in books)
        midpoints = await visitor.post("/midpoints", asked)
        assert midpoints.body == {down: "0.515", up: "0.485"}
        assert (await visitor.post("/spreads", asked)).body == {down: "0.07", up: "0.07"}
        both = await visitor.post("/prices", asked[2:])
        assert both.body == {up: {"BUY": "0.52", "SELL": "0.45"}}
        one = [{"token_id": up, "side": "BUY"}, {"token_id": down, "side": "SELL"}]
        assert (await visitor.post("/prices", one)).body == {
            up: {"BUY": "0.52"},
            down: {"SELL": "0.48"},
        }
        untraded = visitor.listings[-2].market.up_token
        last = await visitor.post("/last-trades-prices", [*asked, {"token_id": untraded}])
        assert last.body == [
            {"token_id": down, "price": "0.48", "side": "SELL"},
            {"token_id": up, "price": "0.52", "side": "BUY"},
        ]

    visit(scene)


def test_what_is_no_token_id_is_told_apart_from_an_unknown_one():
    async def scene(visitor):
        invalid = (400, {"error": "Invalid token id"})
        for path in ONE_TOKEN + PARAMETERS:
            for token_id in ("", "0x12", "-1", "1.5", "9" * 79, "٣"):
                assert await visitor.get(path, token_id=token_id, side="BUY") == invalid
            assert await visitor.get(path) == invalid
        for path in ONE_TOKEN:
            reply = await visitor.get(path, token_id=UNKNOWN, side="BUY")
            text = "No orderbook exists for the requested token id"
            assert reply == (404, {"error": text})
        for path in [*PARAMETERS, f"/markets-by-token/{UNKNOWN}"]:
            reply = await visitor.get(path, token_id=UNKNOWN)
            assert reply == (404, {"error": "market not found"})
        price = await visitor.get("/price", token_id=visitor.last.market.up_token)
        assert price == (400, {"error": "Invalid side"})

    visit(scene)


@pytest.mark.parametrize("body", [b"", b"{", b"{}", b"[1]", b"\xff", b"null", b'"x"'])
def test_a_body_that_is_no_list_of_tokens_is_refused(body):
    async def scene(visitor):
        for path in MANY_TOKENS:
            assert await visitor.post(path, body) == (400, {"error": "Invalid payload"})

    visit(scene)


def test_a_body_with_a_bad_entry_or_too_many_is_refused():
    async def scene(visitor):
        up = visitor.last.market.up_token
        for path in MANY_TOKENS:
            for entry in ({}, {"token_id": 5}, {"token_id": "x"}):
                reply = await visitor.post(path, [{"token_id": up}, entry])
                assert reply == (400, {"error": "Invalid token id"})
            assert (await visitor.post(path, [{"token_id": up}] * 500)).status == 200
            reply = await visitor.post(path, [{"token_id": up}] * 501)
            assert reply == (400, {"error": "Payload exceeds the limit"})
        reply = await visitor.post("/prices", [{"token_id": up, "side": "buy"}])
        assert reply == (400, {"error": "Invalid side"})

    visit(scene)


def test_the_compact_record_leaves_out_what_is_at_its_default():
    async def scene(visitor):
        listing = visitor.last
        record = (await visitor.get(f"/clob-markets/{listing.condition_id}")).body
        up, down = listing.pool.tokens
        assert record == {
            "r": {"mi": 50, "ma": 4.5, "moas": 30},
            "t": [{"t": up, "o": "Up"}, {"t": down, "o": "Down"}],
            "c": listing.condition_id,
            "mos": 5,
            "mts": 0.01,
            "mbf": 1000,
            "tbf": 1000,
            "ao": True,
            "aot": record["aot"],
            "itode": True,
            "fd": {"r": 0.07, "e": 1, "to": True},
            "v": "v1",
        }
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["aot"])

    visit(scene, windows=WindowSettings())


def test_a_free_market_without_delay_says_so_by_saying_nothing():
    async def scene(visitor):
        listing = visitor.last
        record = (await visitor.get(f"/clob-markets/{listing.condition_id}")).body
        assert not {"fd", "itode", "nr", "cbos", "sd"} & record.keys()
        visitor.hall.exchange.close(listing, visitor.now_ns)
        assert "ao" not in (await visitor.get(f"/clob-markets/{listing.condition_id}")).body

    fees = FeeSchedule(rate_e6=0, rebate_e6=0)
    visit(scene, windows=WindowSettings(taker_delay_ns=0, fees=fees))


def test_a_condition_of_31_bytes_is_found_with_and_without_its_zeros():
    async def scene(visitor):
        condition_id = visitor.last.condition_id
        for shown in (condition_id, condition_id.removesuffix("00"), condition_id.upper()):
            shown = shown.replace("0X", "0x")
            assert (await visitor.get(f"/clob-markets/{shown}")).body["c"] == condition_id
        for unknown in ("0x" + "ab" * 32, "0x", "nonsense"):
            for path in ("/clob-markets/", "/markets/", "/markets/live-activity/"):
                reply = await visitor.get(path + unknown)
                assert reply == (404, {"error": "market not found"})

    visit(scene, windows=WindowSettings(version="v2"))


def test_a_market_takes_orders_only_from_the_time_it_says():
    async def scene(visitor):
        begin_ns = visitor.now_ns + 60 * NS
        fresh = Market(
            slug="btc-updown-5m-1800003000",
            condition_id="0x" + "fe" * 32,
            up_token="1" * 77,
            down_token="2" * 77,
            start_ns=START_NS + 3_000 * NS,
            end_ns=START_NS + 3_300 * NS,
        )
        visitor.hall.exchange.list_market(fresh, number=9, coin="btc", accepts_from_ns=begin_ns)
        path = f"/clob-markets/{fresh.condition_id}"
        assert "ao" not in (await visitor.get(path)).body
        sampling = await visitor.get("/sampling-markets")
        assert fresh.condition_id not in {m["condition_id"] for m in sampling.body["data"]}
        visitor.wait(61)
        assert (await visitor.get(path)).body["ao"] is True
        long = await visitor.get(f"/markets/{fresh.condition_id}")
        assert long.body["accepting_orders"] is True

    visit(scene)


def test_the_long_record_tells_who_won_and_the_book_is_gone():
    async def scene(visitor):
        listing = visitor.listings[0]
        path = f"/markets/{listing.condition_id}"
        before = (await visitor.get(path)).body
        assert (before["closed"], before["enable_order_book"]) == (False, True)
        visitor.wait(7)
        after = (await visitor.get(path)).body
        assert (after["closed"], after["accepting_orders"]) == (True, False)
        winner = listing.outcome_name(listing.winner)
        assert [t["outcome"] for t in after["tokens"] if t["winner"]] == [winner]
        assert sorted(t["price"] for t in after["tokens"]) == [0, 1]
        reply = await visitor.get("/book", token_id=listing.market.up_token)
        assert reply.status == 404
        assert (await visitor.post("/books", [{"token_id": listing.market.up_token}])).body == []
        assert (await visitor.get("/neg-risk", token_id=listing.market.up_token)).status == 200

    visit(scene, windows=WindowSettings(length_s=6))


def test_a_hidden_market_is_not_found_for_a_while_and_trades_on():
    async def scene(visitor):
        listing = visitor.last
        visitor.hall.faults.set(Fault.MARKET_NOT_FOUND, 1.0, limit=1, lasts_ms=(5_000, 5_000))
        for _ in range(2):
            for path in ("/clob-markets/", "/markets/"):
                reply = await visitor.get(path + listing.condition_id)
                assert reply == (404, {"error": "market not found"})
            assert (await visitor.get("/book", token_id=listing.market.up_token)).status == 200
            visitor.wait(2)
        visitor.wait(2)
        assert (await visitor.get(f"/clob-markets/{listing.condition_id}")).status == 200
        assert visitor.hall.faults.struck == {Fault.MARKET_NOT_FOUND: 1}

    visit(scene)


def test_lists_of_markets_come_in_pages(monkeypatch):
    monkeypatch.setattr(market_routes, "PAGE_SIZE", 3)

    async def scene(visitor):
        for path in ("/markets", "/simplified-markets", "/sampling-markets"):
            found, cursor = [], "MA=="
            while cursor != "LTE=":
                page = (await visitor.get(path, next_cursor=cursor)).body
                assert page["count"] == len(page["data"]) <= page["limit"] == 3
                found += [market["condition_id"] for market in page["data"]]
                cursor = page["next_cursor"]
            assert sorted(found) == sorted(item.condition_id for item in visitor.listings)
            beyond = await visitor.get(path, next_cursor="LTE=")
            assert (beyond.body["data"], beyond.body["next_cursor"]) == ([], "LTE=")
        for cursor in ("x", "LTI=", "MA", "////"):
            assert (await visitor.get("/markets", next_cursor=cursor)).status == 400

    visit(scene)


def test_a_price_history_holds_the_last_price_of_each_step():
    async def scene(visitor):
        listing = both_sides(visitor)
        visitor.wait(61)
        visitor.order(visitor.wallet(BOB, listing), Side.BUY, 47, 8, listing)
        visitor.wait(120)
        query = {"market": listing.market.up_token, "interval": "1h", "fidelity": 1}
        history = (await visitor.get("/prices-history", **query)).body["history"]
        assert [point["p"] for point in history] == [0.485, 0.495]
        assert history[1]["t"] - history[0]["t"] == 61
        query["market"] = listing.market.down_token
        mirrored = (await visitor.get("/prices-history", **query)).body["history"]
        assert [point["p"] for point in mirrored] == [0.515, 0.505]
        query |= {"startTs": history[1]["t"], "endTs": history[1]["t"]}
        assert (await visitor.get("/prices-history", **query)).body["history"] == mirrored[1:]
        for wrong in ({"interval": "2y"}, {"fidelity": "x"}, {"fidelity": "0"}):
            assert (await visitor.get("/prices-history", **(query | wrong))).status == 400
        nothing = await visitor.get("/prices-history", market=UNKNOWN, interval="max")
        assert nothing == (200, {"history": []})

    visit(scene)


def test_live_activity_shows_what_accounts_traded():
    async def scene(visitor):
        listing = both_sides(visitor)
        (event,) = (await visitor.get(f"/markets/live-activity/{listing.condition_id}")).body
        assert event["market"]["asset_id"] == listing.token_id(Token.UP)
        assert (event["side"], event["size"], event["price"]) == ("BUY", "8", "0.52")
        assert event["user"]["address"] == BOB

    visit(scene)


def test_the_exchange_tells_its_state_and_its_clock():
    async def scene(visitor):
        assert await visitor.get("/ok") == (200, "OK")
        assert await visitor.get("/time") == (200, visitor.now_ns // NS)
        assert await visitor.get("/version") == (200, {"version": 2})
        assert await visitor.get("/no-such-path") == (404, {"error": "not found"})

    visit(scene)


def test_where_one_is_can_be_set():
    async def scene(visitor):
        assert (await visitor.get("/api/geoblock")).body == {
            "blocked": True,
            "ip": "127.0.0.1",
            "country": "US",
            "region": "NY",
        }

    visit(scene, geoblock=Geoblock(country="US", region="NY", blocked=True))


def test_nobody_funds_rewards_and_no_builder_is_known():
    async def scene(visitor):
        for path in ("/rewards/markets/current", f"/rewards/markets/{visitor.last.condition_id}"):
            page = (await visitor.get(path, next_cursor="MA==")).body
            assert (page["data"], page["next_cursor"]) == ([], "LTE=")
        assert (await visitor.get("/rewards/user")).status == 401
        builder = "0x" + "bb" * 32
        reply = await visitor.get(f"/fees/builder-fees/{builder}")
        assert reply == (404, {"error": "builder not found"})
        trades = await visitor.get("/builder/trades", builder_code=builder)
        assert trades.body["data"] == []

    visit(scene)
