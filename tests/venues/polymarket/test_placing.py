"""Placements: named before they are sent, signed as they are sent, and sent once."""

import asyncio
import time
from dataclasses import replace

import pytest

from polymm.domain.order import Side, Token
from polymm.errors import InputError
from polymm.venues.polymarket.results import PlaceState
from tests.support.gateways import (
    KEY_ID,
    MARKET,
    QUICK,
    Asked,
    buy,
    json_reply,
    placed,
    proves,
    scripted,
)
from tests.support.loopback import MS, Stage, reply, settled, until


def test_an_order_is_named_before_it_is_sent_and_signed_as_sent(run: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("POST", "/order", json_reply({"error": "invalid expiration"}, "400 Bad"))
            (signed,) = gateway.sign([buy()])
            await settled()
            assert venue.asked == [], "nothing leaves before it is submitted"
            found = []
            gateway.submit([signed], found.append)
            await until(lambda: bool(found))
            (one,) = venue.of("POST", "/order")
            assert proves(one)
            body = one.json
            assert (body["owner"], body["orderType"], body["postOnly"]) == (KEY_ID, "GTC", True)
            assert (body["order"]["makerAmount"], body["order"]["takerAmount"]) == (
                "5000000",
                "10000000",
            )
            (result,) = found
            assert (result.order_id,) == signed.order_ids
            assert 0 < result.decided_ns <= result.signed_ns <= result.written_ns
            assert result.written_ns <= result.answered_ns
            with pytest.raises(AssertionError, match="submitted once"):
                gateway.submit([signed], found.append)

    run(scene())


def test_an_accepted_order_lives_under_the_id_that_we_computed(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            (signed,) = gateway.sign([buy()])
            (order_id,) = signed.order_ids
            venue.say(
                "POST",
                "/order",
                json_reply({"success": True, "orderID": order_id, "status": "live"}),
            )
            found = []
            gateway.submit([signed], found.append)
            await until(lambda: bool(found))
            assert found[0].state is PlaceState.LIVE

    stage(scene())


@pytest.mark.parametrize("answer", [None, reply(b"<html>", "502 Bad Gateway"), reply(b"{")])
def test_a_post_is_never_sent_twice(run: Stage, answer: bytes | None) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("POST", "/order", answer)
            (result,) = await placed(gateway, buy())
            assert (result.state, result.is_known) == (PlaceState.UNKNOWN, False)
            await asyncio.sleep(0.01)
            assert len(venue.of("POST", "/order")) == 1

    run(scene())


def test_an_answer_that_never_comes_ends_as_unknown(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted(place_ns_max=20 * MS) as (venue, gateway):
            venue.gates["POST", "/order"] = asyncio.Event()
            (result,) = await placed(gateway, buy())
            assert (result.state, result.reason) == (PlaceState.UNKNOWN, "timeout")
            assert result.written_ns > 0

    stage(scene())


def test_orders_that_are_placed_together_each_have_a_request(stage: Stage) -> None:
    async def scene() -> None:
        pool = replace(QUICK, size=2)
        async with scripted(orders=pool) as (venue, gateway):
            venue.say("POST", "/order", json_reply({"error": "invalid signature"}, "400 Bad"))
            found = await placed(gateway, buy(), buy(4_900), buy(token=Token.DOWN, price_e4=4_000))
            assert [one.state for one in found] == [PlaceState.REJECTED] * 3
            orders = [one.json["order"] for one in venue.of("POST", "/order")]
            assert {order["tokenId"] for order in orders} == {MARKET.up_token, MARKET.down_token}
            assert len({order["salt"] for order in orders}) == 3
            stamps = [int(order["timestamp"]) for order in orders]
            assert len(set(stamps)) == 3, "time stamps of one signer rise strictly"

    stage(scene())


def test_an_order_is_written_before_the_next_is_signed(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted(orders=replace(QUICK, size=2)) as (venue, gateway):
            venue.say("POST", "/order", json_reply({"error": "invalid signature"}, "400 Bad"))
            first, second = sorted(
                await placed(gateway, buy(), buy(4_900)), key=lambda one: one.written_ns
            )
            assert first.decided_ns == second.decided_ns
            assert first.written_ns <= second.signed_ns

    stage(scene())


def test_a_batch_is_one_request_of_fifteen_at_most(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted(batch=True) as (venue, gateway):

            def half(one: Asked) -> bytes:
                assert proves(one)
                refused = {"success": True, "errorMsg": "invalid expiration", "orderID": ""}
                return json_reply([refused for _ in one.json])

            venue.say("POST", "/orders", half)
            found = await placed(gateway, *(buy(100 + 100 * i) for i in range(17)))
            assert {one.reason for one in found} == {"expiration"}
            assert [len(one.json) for one in venue.of("POST", "/orders")] == [15, 2]
            venue.say("POST", "/order", json_reply({"error": "invalid signature"}, "400 Bad"))
            assert (await placed(gateway, buy()))[0].reason == "signature", "one alone is no batch"

    stage(scene())


def test_all_kinds_of_orders_carry_what_they_need(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("POST", "/order", json_reply({"error": "invalid expiration"}, "400 Bad"))
            soon = int(time.time()) + 200
            await placed(gateway, buy(kind="GTD", expiration_s=soon))
            await placed(gateway, buy(3_000, 7, kind="FAK", post_only=False))
            await placed(gateway, buy(3_000, 7, kind="FOK", post_only=False, side=Side.SELL))
            gtd, fak, fok = (one.json for one in venue.of("POST", "/order"))
            assert (gtd["orderType"], gtd["order"]["expiration"]) == ("GTD", str(soon))
            assert (fak["order"]["makerAmount"], fak["order"]["takerAmount"]) == (
                "7000000",
                "23333300",
            ), "a buy that takes says how many dollars it spends"
            assert (fok["order"]["makerAmount"], fok["order"]["takerAmount"]) == (
                "7000000",
                "2100000",
            )

    stage(scene())


@pytest.mark.parametrize(
    "wrong",
    [
        {"price_e4": 5_050},
        {"price_e4": 10_000},
        {"shares": 0},
        {"kind": "FAK"},
        {"kind": "IOC", "post_only": False},
        {"kind": "GTD"},
        {"kind": "GTD", "expiration_s": -1},
        {"expiration_s": 1_900_000_000},
        {"market": replace(MARKET, up_token="not a number")},
        {"market": replace(MARKET, up_token="55", version="v3")},
    ],
)
def test_one_order_that_cannot_be_signed_stops_all_of_them(stage: Stage, wrong: dict) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            with pytest.raises(InputError):
                gateway.place([buy(), buy(**wrong)], lambda _: None)
            await settled()
            assert venue.asked == []

    stage(scene())
