"""Questions about an account: whole lists or errors, balances by kind, the venue's clock."""

import time
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs

import pytest

from polymm.domain.order import Side
from polymm.errors import InputError, VenueError
from polymm.venues.polymarket.results import Balance
from tests.support.gateways import (
    KEY_ID,
    MARKET,
    ORDER_A,
    ORDER_B,
    PASSPHRASE,
    SECRET,
    Asked,
    buy,
    gateway_to,
    json_reply,
    scripted,
    shown_by,
)
from tests.support.loopback import Stage, reply, unused_port

ORDER = {
    "id": ORDER_A,
    "status": "ORDER_STATUS_LIVE",
    "owner": "key",
    "maker_address": "0x" + "11" * 20,
    "market": MARKET.condition_id,
    "asset_id": MARKET.up_token,
    "side": "BUY",
    "original_size": "10",
    "size_matched": "2.5",
    "price": "0.52",
    "outcome": "Up",
    "expiration": "0",
    "order_type": "GTC",
    "associate_trades": None,
    "created_at": 1784850912,
}
TRADE = {
    "id": "11111111-2222",
    "taker_order_id": ORDER_B,
    "market": MARKET.condition_id,
    "asset_id": MARKET.up_token,
    "side": "BUY",
    "size": "10",
    "fee_rate_bps": "0",
    "price": "0.52",
    "status": "TRADE_STATUS_MATCHED_NOT_BROADCASTED",
    "match_time": "1784850912",
    "last_update": "1784850920",
    "outcome": "Up",
    "owner": "key",
    "maker_address": "0x" + "11" * 20,
    "transaction_hash": "",
    "err_msg": None,
    "trader_side": "MAKER",
    "maker_orders": [
        {
            "order_id": ORDER_A,
            "owner": "key",
            "maker_address": "0x" + "11" * 20,
            "matched_amount": "10",
            "price": "0.48",
            "fee_rate_bps": "0",
            "asset_id": MARKET.down_token,
            "outcome": "Down",
            "side": "BUY",
        }
    ],
}


def page(rows: list[Any], cursor: object = "LTE=") -> bytes:
    return json_reply({"limit": 100, "count": len(rows), "next_cursor": cursor, "data": rows})


def query(one: Asked) -> dict[str, str]:
    return {name: value for name, (value,) in parse_qs(one.target.partition("?")[2]).items()}


def test_orders_are_read_to_the_last_page(run: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            other = ORDER | {"id": ORDER_B, "status": "live", "created_at": "2026-11-23T04:00:00Z"}
            venue.say("GET", "/data/orders", page([ORDER], "MTAw"), page([other, ORDER]))
            first, second = await gateway.open_orders(MARKET.condition_id)
            assert (first.order_id, first.status, first.side) == (ORDER_A, "LIVE", Side.BUY)
            assert (first.price_e4, first.size_e6, first.matched_e6) == (5_200, 10**7, 2_500_000)
            assert (first.created_s, first.expiration_s, first.trade_ids) == (1784850912, 0, ())
            assert (second.order_id, second.status, second.created_s) == (
                ORDER_B,
                "LIVE",
                1795406400,
            )
            assert [query(one)["next_cursor"] for one in venue.asked] == ["MA==", "MTAw"]
            assert query(venue.asked[0])["market"] == MARKET.condition_id

    run(scene())


def test_trades_keep_each_makers_own_terms(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            # The taker met several makers: its price is an average.
            venue.say("GET", "/data/trades", page([TRADE | {"price": "0.523456789"}]))
            (trade,) = await gateway.trades(MARKET.condition_id, after_s=1784850000)
            assert (trade.status, trade.is_maker) == ("MATCHED_NOT_BROADCASTED", True)
            assert trade.price_e4 == 5_235
            assert (trade.matched_s, trade.updated_s) == (1784850912, 1784850920)
            (fill,) = trade.fills
            assert (fill.order_id, fill.token_id, fill.side) == (
                ORDER_A,
                MARKET.down_token,
                Side.BUY,
            )
            assert (fill.price_e4, fill.size_e6) == (4_800, 10**7)
            assert query(venue.asked[0])["after"] == "1784850000"

    stage(scene())


@pytest.mark.parametrize(
    "answers",
    [
        [page([ORDER], "MTAw")],  # the same cursor again and again
        [page([ORDER], "MTAw"), reply(b"<html>", "502 Bad Gateway")],
        [page([ORDER], "MTAw"), None],
        [page([ORDER], "")],
        [page([ORDER], 7)],
        [json_reply({"next_cursor": "LTE=", "data": None})],
        [json_reply([ORDER])],
        [page(["order"])],
        [page([ORDER, ORDER | {"price": "0.52345"}])],
        [page([ORDER, ORDER | {"price": "52"}])],
        [page([ORDER, ORDER | {"price": "NaN"}])],
        [page([ORDER, ORDER | {"original_size": "9" * 30}])],
        [page([ORDER, ORDER | {"size_matched": 1e300}])],
        [page([ORDER, ORDER | {"expiration": "²"}])],
        [json_reply({"data": [ORDER]})],  # no word on whether there is more
        [page([ORDER], None)],
        [page([ORDER, ORDER | {"side": "LONG"}])],
        [page([ORDER, ORDER | {"id": None}])],
        [page([ORDER, ORDER | {"original_size": "-1"}])],
        [page([ORDER, ORDER | {"created_at": "yesterday"}])],
        [reply(b"<html>", "200 OK")],
    ],
)
def test_a_list_that_is_not_whole_is_an_error(stage: Stage, answers: list[Any]) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("GET", "/data/orders", *answers)
            with pytest.raises(VenueError):
                await gateway.open_orders()

    stage(scene())


def test_a_list_without_end_is_an_error(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted(pages_max=3) as (venue, gateway):
            venue.say("GET", "/data/orders", *(page([ORDER], f"c{i}") for i in range(9)))
            with pytest.raises(VenueError, match="ends within 3 pages"):
                await gateway.open_orders()
            assert len(venue.asked) == 3

    stage(scene())


@pytest.mark.parametrize(
    "answer",
    [
        reply(b'{"error":"order not found"}', "404 Not Found"),
        reply(b"null"),
        reply(b"{}"),
        reply(b'""'),
        reply(b""),
    ],
)
def test_an_order_that_is_not_there(stage: Stage, answer: bytes) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("GET", f"/data/order/{ORDER_A}", answer)
            assert await gateway.order(ORDER_A) is None

    stage(scene())


def test_one_order(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("GET", f"/data/order/{ORDER_A}", json_reply(ORDER))
            found = await gateway.order(ORDER_A)
            assert found is not None
            assert found.matched_e6 == 2_500_000
            venue.say("GET", f"/data/order/{ORDER_B}", reply(b"<html>", "500 ?"))
            with pytest.raises(VenueError):
                await gateway.order(ORDER_B)

    stage(scene())


def test_balances_are_asked_for_by_what_they_are_of(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            operator = "0xE111180000d2663C0091e4f400237545B87B996B"
            answer = {"balance": "1000000000", "allowances": {operator: str(2**256 - 1)}}
            venue.say("GET", "/balance-allowance", json_reply(answer))
            gateway.prepare(replace(MARKET, up_token="77", down_token="78", version="v2"))
            gateway.prepare(MARKET)
            assert await gateway.balance() == Balance(10**9, {operator.lower(): 2**256 - 1})
            await gateway.balance(MARKET.up_token)
            await gateway.balance("78")
            await gateway.balance("99", version="v2")
            kinds = [query(one)["asset_type"] for one in venue.asked]
            assert kinds == ["COLLATERAL", "CONDITIONAL", "CONDITIONAL-V2", "CONDITIONAL-V2"]
            assert [query(one).get("token_id") for one in venue.asked] == [
                None,
                MARKET.up_token,
                "78",
                "99",
            ]
            assert {query(one)["signature_type"] for one in venue.asked} == {"0"}
            with pytest.raises(InputError, match="version"):
                await gateway.balance("99")
            venue.say("GET", "/balance-allowance/update", reply(b""))
            await gateway.refresh_balance("78")

    stage(scene())


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"balance":"1.5"}', b'{"balance":-1}', b'{"balance":"1","allowances":{"a":null}}'],
)
def test_a_balance_that_is_none(stage: Stage, body: bytes) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("GET", "/balance-allowance", reply(body))
            with pytest.raises(VenueError, match="base units"):
                await gateway.balance()

    stage(scene())


def test_flags_and_tiers(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say(
                "GET", "/auth/ban-status/closed-only", reply(b'{"closed_only":true}'), reply(b"{}")
            )
            assert await gateway.closed_only() is True
            with pytest.raises(VenueError):
                await gateway.closed_only()
            venue.say("GET", "/v1/user/rate-limit-tier", reply(b'{"tier":"Gold"}'), reply(b"{}"))
            assert await gateway.tier() == "gold"
            assert gateway.budget.tier.order_rate == 400
            with pytest.raises(VenueError):
                await gateway.tier()

    stage(scene())


@pytest.mark.parametrize(
    ("answer", "reason", "known"),
    [
        (reply(b"error code: 1010", "403 Forbidden"), "blocked", True),
        (reply(b'{"error":"Unauthorized/Invalid api key"}', "401 ?"), "unauthorized", True),
        (reply(b"<html>", "502 ?"), "server_error", False),
        (None, "closed", False),
    ],
)
def test_an_error_names_its_reason(
    stage: Stage, answer: bytes | None, reason: str, known: bool
) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("GET", "/data/orders", answer)
            with pytest.raises(VenueError) as caught:
                await gateway.open_orders()
            assert (caught.value.reason, caught.value.is_known) == (reason, known)
            assert shown_by(caught.value, SECRET, PASSPHRASE, KEY_ID) == []

    stage(scene())


def test_without_a_venue_a_question_fails_at_once(stage: Stage) -> None:
    async def scene() -> None:
        async with gateway_to(f"http://127.0.0.1:{await unused_port()}") as gateway:
            with pytest.raises(VenueError) as caught:
                await gateway.open_orders()
            assert (caught.value.reason, caught.value.is_known) == ("refused", True)

    stage(scene())


# Time


def test_private_requests_carry_the_venues_time(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            ahead = json_reply(int(time.time()) + 600)
            venue.say("GET", "/time", ahead)
            assert abs(await gateway.measure_skew() - 600 * 10**9) < 2 * 10**9
            venue.say("GET", "/data/orders", page([]))
            await gateway.open_orders()
            sent_s = int(venue.asked[-1].headers["POLY_TIMESTAMP"])
            assert abs(sent_s - time.time() - 600) <= 2
            (posting,) = gateway.sign([buy()])
            stamp_ms = int(posting.request.partition(b'"timestamp":"')[2][:13])
            assert abs(stamp_ms / 1_000 - time.time() - 600) <= 2

    stage(scene())


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (b"1784850912", 1784850912),
        (b'{"time":1784850912}', 1784850912),
        (b'"1784850912"', 1784850912),
    ],
)
def test_the_time_in_all_its_shapes(stage: Stage, body: bytes, seconds: int) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("GET", "/time", reply(body))
            assert await gateway.server_time() == seconds

    stage(scene())


def test_the_version_is_a_number_or_an_error(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("GET", "/version", reply(b'{"version":3}'))
            assert await gateway.version() == 3
            for body in (b"2", b"{}", b'{"version":"2"}', b'{"version":true}', b"<html>"):
                venue.say("GET", "/version", reply(body))
                with pytest.raises(VenueError):
                    await gateway.version()

    stage(scene())


@pytest.mark.parametrize("body", [b"null", b"true", b"-5", b"1784850912000", b"<html>", b"{}"])
def test_what_is_no_time(stage: Stage, body: bytes) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("GET", "/time", reply(body))
            before = gateway.skew.offset_ns
            with pytest.raises(VenueError):
                await gateway.server_time()
            assert gateway.skew.offset_ns == before

    stage(scene())
