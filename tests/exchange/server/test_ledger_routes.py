"""What an account is told of itself: orders, trades, balances, page by page."""

import base64

import pytest

from polymm.domain.order import Token
from polymm.exchange.rules import Rules
from polymm.exchange.server import ledger_routes
from polymm.exchange.server.settings import Buckets
from polymm.exchange.wallets import UNLIMITED
from polymm.exchange.windows import WindowSettings
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.wire import SignatureType
from tests.support.guests import CHEAP, DOLLAR, SHARE, Guest, Party, play

GHOST = "0x" + "ab" * 32
FAST = Buckets(order_rate=0, cancel_rate=0)


async def listed(guest: Guest, path: str, **query: object) -> list[str]:
    """Ids of all pages."""
    ids, cursor = [], "MA=="
    while cursor != "LTE=":
        page = (await guest.call("GET", path, next_cursor=cursor, **query)).body
        assert page["limit"] == 100
        assert page["count"] == len(page["data"])
        ids += [row["id"] for row in page["data"]]
        cursor = page["next_cursor"]
    return ids


def test_an_open_order_is_told_as_it_stands() -> None:
    async def scene(one: Party) -> None:
        guest, other = one.guest(SignatureType.POLY_GNOSIS_SAFE), one.guest()
        (order_id,) = await guest.rest(1)
        await other.sell(10, 4.5, kind="FAK")
        found = await guest.call("GET", f"/data/order/{order_id}")
        row = found.body
        trades = row.pop("associate_trades")
        assert len(trades) == 1
        assert abs(row.pop("created_at") - one.hall.now_ns() // 10**9) <= 2
        assert row == {
            "id": order_id,
            "status": "ORDER_STATUS_LIVE",
            "owner": guest.key_id,
            "maker_address": guest.signing.funder,
            "market": one.listing.condition_id,
            "asset_id": one.listing.token_id(Token.UP),
            "side": "BUY",
            "original_size": "10",
            "size_matched": "4.5",
            "price": "0.1",
            "outcome": "Up",
            "expiration": "0",
            "order_type": "GTC",
        }
        strange = await other.call("GET", f"/data/order/{order_id}")
        assert (strange.status, strange.body) == (404, {"error": "order not found"})
        await guest.cancel(order_id)
        assert (await guest.call("GET", f"/data/order/{order_id}")).status == 404

    play(scene)


def test_open_orders_come_in_pages_of_a_hundred_and_by_what_is_asked() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        ids = []
        for _ in range(101):
            ids += await guest.rest(1)
        (down,) = await guest.rest(1, Token.DOWN)
        path = "/data/orders"
        first = (await guest.call("GET", path)).body
        assert (first["count"], first["next_cursor"]) == (100, base64.b64encode(b"100").decode())
        assert await listed(guest, path) == [*ids, down]
        assert await listed(guest, path, id=ids[7]) == [ids[7]]
        assert await listed(guest, path, asset_id=one.listing.token_id(Token.DOWN)) == [down]
        assert await listed(guest, path, market=one.listing.condition_id) == [*ids, down]
        assert await listed(guest, path, market=GHOST) == []
        assert await listed(one.guest(), path) == []
        assert await listed(guest, "/data/pre-migration-orders") == []

    play(scene, buckets=FAST)


def test_a_cursor_that_is_none_is_refused() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        for cursor in ("x", "LTI=", "eA==", "é", "AAAA" * 100):
            for path in ("/data/orders", "/data/trades"):
                reply = await guest.call("GET", path, next_cursor=cursor)
                assert reply.status == 400, cursor
                assert set(reply.body) == {"error"}

    play(scene)


def test_both_parties_are_told_of_a_trade() -> None:
    async def scene(one: Party) -> None:
        maker, taker = one.guest(SignatureType.POLY_1271), one.guest()
        (order_id,) = await maker.rest(1, Token.DOWN)  # Down at 0.10 is Up offered at 0.90
        reply = (await taker.buy(90, 5)).body
        (trade,) = (await taker.call("GET", "/data/trades", id=reply["tradeIDs"][0])).body["data"]
        assert (trade["trader_side"], trade["status"]) == ("TAKER", "TRADE_STATUS_MATCHED")
        assert (trade["size"], trade["price"], trade["side"]) == ("5", "0.9", "BUY")
        assert trade["transaction_hash"] == ""
        (leg,) = trade["maker_orders"]
        assert (leg["order_id"], leg["price"], leg["outcome"]) == (order_id, "0.1", "Down")
        assert leg["maker_address"] == maker.signing.funder
        one.wait(20)
        (mine,) = (await maker.call("GET", "/data/trades")).body["data"]
        assert (mine["trader_side"], mine["status"]) == ("MAKER", "TRADE_STATUS_CONFIRMED")
        assert mine["transaction_hash"].startswith("0x")

    play(scene)


def test_trades_are_found_by_market_token_maker_and_time() -> None:
    async def scene(one: Party) -> None:
        maker, taker = one.guest(), one.guest()
        ids = []
        await maker.sell(60, 500)
        for _ in range(102):
            ids += (await taker.buy(60, 2, kind="FAK")).body["tradeIDs"]
        newest_first = ids[::-1]
        path = "/data/trades"
        assert await listed(taker, path) == newest_first
        assert await listed(maker, path) == newest_first
        assert await listed(taker, path, market=one.listing.condition_id) == newest_first
        assert await listed(taker, path, market=GHOST) == []
        assert await listed(taker, path, asset_id=one.listing.token_id(Token.UP)) == newest_first
        assert await listed(taker, path, asset_id=one.listing.token_id(Token.DOWN)) == []
        address = maker.signing.funder.lower()
        assert await listed(taker, path, maker_address=address) == newest_first
        assert await listed(taker, path, maker_address="0x" + "11" * 20) == []
        now_s = one.hall.now_ns() // 10**9
        assert await listed(taker, path, before=str(now_s + 1)) == newest_first
        assert await listed(taker, path, before=str(now_s - 60)) == []
        assert await listed(taker, path, after=str(now_s - 60)) == newest_first
        assert await listed(taker, path, after=str(now_s + 1)) == []
        wrong = await taker.call("GET", path, after="yesterday")
        assert (wrong.status, wrong.body) == (400, {"error": "Invalid timestamp"})
        assert await listed(one.guest(), path) == []

    play(scene, buckets=FAST)


def test_of_thousands_of_trades_only_the_page_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def record(*args: object) -> object:
        written.append(args)
        return {"id": ""}

    monkeypatch.setattr(ledger_routes, "trade_record", record)

    async def scene(one: Party) -> None:
        maker, taker = one.guest(), one.guest()
        await maker.sell(60, 900)
        for _ in range(120):
            await taker.buy(60, 5)
        page = (await maker.call("GET", "/data/trades", maker_address=maker.wallet.address)).body
        assert (page["count"], len(written)) == (100, 100)
        page = (await maker.call("GET", "/data/trades", next_cursor=page["next_cursor"])).body
        assert (page["count"], len(written)) == (20, 120)

    play(scene, buckets=FAST)


def test_balances_are_those_of_the_wallet_that_is_asked_for() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest(SignatureType.POLY_1271)
        await guest.buy(40, 10)
        reply = await guest.call(
            "GET", "/balance-allowance", asset_type="COLLATERAL", signature_type="3"
        )
        assert reply.body["balance"] == str(10_000 * DOLLAR), "open orders do not change it"
        contracts = {
            wire.EXCHANGES[wire.POLYGON, version, neg_risk]
            for version in ("v1", "v2")
            for neg_risk in (False, True)
        }
        assert reply.body["allowances"] == dict.fromkeys(contracts, str(UNLIMITED))
        token = one.listing.token_id(Token.UP)
        query = {"asset_type": "CONDITIONAL", "token_id": token}
        for kind in "0123":
            each = await guest.call("GET", "/balance-allowance", signature_type=kind, **query)
            assert each.body["balance"] == str(1_000 * SHARE)
        await guest.sell(1, 1_000, kind="GTC")
        guest.wallet.allow(one.listing.spender, 0)
        reply = await guest.call("GET", "/balance-allowance", signature_type="3", **query)
        assert reply.body["allowances"][one.listing.spender] == "0"
        ghost = query | {"token_id": "7", "asset_type": "CONDITIONAL-V2"}
        assert (await guest.call("GET", "/balance-allowance", **ghost)).body["balance"] == "0"

    play(scene)


def test_an_update_lets_the_exchange_see_what_the_chain_did() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        one.hall.exchange.split(one.hall.now_ns(), guest.wallet, one.listing, 50 * SHARE)
        query = {
            "asset_type": "CONDITIONAL-V2",
            "token_id": one.listing.token_id(Token.UP),
            "signature_type": "0",
        }
        before = await guest.call("GET", "/balance-allowance", **query)
        assert before.body["balance"] == str(1_000 * SHARE)
        assert (await guest.sell(60, 1_050)).status == 400
        update = await guest.call("GET", "/balance-allowance/update", **query)
        assert update.status == 200
        after = await guest.call("GET", "/balance-allowance", **query)
        assert after.body["balance"] == str(1_050 * SHARE)
        assert (await guest.sell(60, 1_050)).status == 200

    windows = WindowSettings(version="v2", taker_delay_ns=0)
    play(scene, rules=Rules(reads_chain_late=True), **(CHEAP | {"windows": windows}))


NO_BALANCES: tuple[tuple[dict[str, str], str], ...] = (
    ({}, "Invalid asset type"),
    ({"asset_type": "cash"}, "Invalid asset type"),
    ({"asset_type": "COLLATERAL", "signature_type": "4"}, "Invalid signature_type"),
    ({"asset_type": "COLLATERAL", "signature_type": "-1"}, "Invalid signature_type"),
    ({"asset_type": "COLLATERAL", "signature_type": "9" * 99}, "Invalid signature_type"),
    ({"asset_type": "CONDITIONAL", "signature_type": "0"}, "Invalid token id"),
    ({"asset_type": "CONDITIONAL", "token_id": "0x12"}, "Invalid token id"),
)


def test_a_balance_of_nothing_known_is_refused() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        for query, text in NO_BALANCES:
            for path in ("/balance-allowance", "/balance-allowance/update"):
                reply = await guest.call("GET", path, **query)
                assert (reply.status, reply.body) == (400, {"error": text}), query

    play(scene)


def test_resting_orders_score() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        (order_id,) = await guest.rest(1)
        single = await guest.call("GET", "/order-scoring", order_id=order_id)
        assert single.body == {"scoring": True}
        several = await guest.call("POST", "/orders-scoring", [order_id, GHOST])
        assert several.body == {order_id: True, GHOST: False}
        for body in (b"{", b"{}", b"[1]"):
            assert (await guest.call("POST", "/orders-scoring", body)).status == 400

    play(scene)


def test_there_are_no_notifications() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        assert (await guest.call("GET", "/notifications", signature_type="0")).body == []
        assert (await guest.call("DELETE", "/notifications", ids="1,2")).body == "OK"

    play(scene)


def test_every_route_asks_who_is_there() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        for method, path in (
            ("GET", f"/data/order/{GHOST}"),
            ("GET", "/data/orders"),
            ("GET", "/data/pre-migration-orders"),
            ("GET", "/data/trades"),
            ("GET", "/balance-allowance"),
            ("GET", "/balance-allowance/update"),
            ("GET", "/order-scoring"),
            ("POST", "/orders-scoring"),
            ("GET", "/notifications"),
            ("DELETE", "/notifications"),
            ("GET", "/v1/user/rate-limit-tier"),
            ("POST", "/v1/heartbeats"),
            ("POST", "/heartbeats"),
        ):
            reply = await guest.call(method, path, late_s=99)
            assert (reply.status, reply.body) == (401, {"error": "Unauthorized/Invalid api key"})

    play(scene)
