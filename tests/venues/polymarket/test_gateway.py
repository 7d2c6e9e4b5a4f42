"""Order entry on the wire: what leaves, on which connection, how often, and what is told."""

import asyncio
import random
import time
from dataclasses import replace

import pytest

from polymm.errors import InputError
from polymm.net.http_pool import PoolSettings
from polymm.venues.polymarket.gateway import Gateway
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.results import BeatState, CancelState, PlaceResult, PlaceState
from polymm.venues.polymarket.signing import Wallet
from tests.support.gateways import (
    MARKET,
    ORDER_A,
    ORDER_B,
    PASSPHRASE,
    SECRET,
    ScriptedVenue,
    beaten,
    buy,
    canceling,
    cancelled,
    credentials,
    gateway_to,
    json_reply,
    placed,
    proves,
    scripted,
    settings,
    swept,
)
from tests.support.keys import HARDHAT, signing_key
from tests.support.loopback import Stage, serving, trust, until, unused_port


def test_without_a_venue_nothing_is_sent_and_that_is_known(stage: Stage) -> None:
    async def scene() -> None:
        async with gateway_to(f"http://127.0.0.1:{await unused_port()}") as gateway:
            (result,) = await placed(gateway, buy())
            assert (result.state, result.reason, result.written_ns) == (
                PlaceState.NOT_SENT,
                "refused",
                0,
            )
            (cancel,) = await cancelled(gateway, ORDER_A)
            assert (cancel.state, cancel.is_final) == (CancelState.NOT_SENT, False)
            assert (await swept(gateway)).state is CancelState.NOT_SENT
            assert (await beaten(gateway)).state is BeatState.MISSED

    stage(scene())


def test_a_cancel_does_not_wait_behind_a_placement_or_a_query(run: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            for route in (("POST", "/order"), ("GET", "/data/orders"), ("POST", "/v1/heartbeats")):
                venue.gates[route] = asyncio.Event()
            venue.say("DELETE", "/order", canceling)
            told: list[object] = []
            gateway.place([buy(), buy(4_000)], told.append)
            gateway.beat(told.append)
            query = asyncio.create_task(gateway.open_orders())
            await until(lambda: len(venue.asked) == 3)
            (cancel,) = await cancelled(gateway, ORDER_A)
            assert cancel.state is CancelState.CANCELED
            assert told == []
            assert len({one.connection for one in venue.asked}) == 4
            query.cancel()
            await asyncio.gather(query, return_exceptions=True)

    run(scene())


def test_placements_that_wait_are_taken_back_before_all_is_cancelled(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.gates["POST", "/order"] = asyncio.Event()
            told: list[PlaceResult] = []
            ids = gateway.place([buy(), buy(4_000), buy(3_000)], told.append)
            await until(lambda: len(venue.asked) == 1)
            assert gateway.withdraw() == 2
            await until(lambda: len(told) == 2)
            assert {(one.state, one.reason) for one in told} == {(PlaceState.NOT_SENT, "withdrawn")}
            assert [one.order_id for one in told] == ids[1:]

    stage(scene())


def test_an_id_of_foreign_text_stays_an_id(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("DELETE", "/order", canceling)
            foreign = '0x","market":"0x1","orderID":"0x2'
            await cancelled(gateway, foreign)
            assert venue.asked[0].json == {"orderID": foreign}

    stage(scene())


def test_a_market_is_forgotten_with_all_its_families(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (_, gateway):
            gateway.prepare(MARKET)
            assert len(gateway.placements._families) == 4
            assert gateway.account.versions[MARKET.up_token] == "v1"
            gateway.forget(MARKET)
            assert not gateway.placements._families
            assert not gateway.account.versions

    stage(scene())


# Cancels


def test_one_cancel_and_many(run: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("DELETE", "/order", canceling)
            venue.say("DELETE", "/orders", canceling)
            (one,) = await cancelled(gateway, ORDER_A)
            two = await cancelled(gateway, ORDER_A, ORDER_B)
            assert {found.state for found in (one, *two)} == {CancelState.CANCELED}
            assert one.decided_ns <= one.signed_ns <= one.written_ns <= one.answered_ns
            single, many = venue.asked
            assert (single.json, many.json) == ({"orderID": ORDER_A}, [ORDER_A, ORDER_B])
            assert proves(single)
            assert proves(many)
            assert {one.headers["ACCEPT-ENCODING"] for one in venue.asked} == {"identity"}

    run(scene())


def test_more_cancels_than_the_bucket_holds_go_in_pieces(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("DELETE", "/orders", canceling)
            order_ids = [f"0x{i:064x}" for i in range(150)]
            found = await cancelled(gateway, *order_ids)
            states = [one.state for one in found]
            assert states.count(CancelState.CANCELED) == 120
            over = [one for one in found if one.state is CancelState.NOT_SENT]
            assert {one.reason for one in over} == {"cancel_budget"}
            assert all(0 < one.retry_after_ns <= 30 * 10**9 // 80 for one in over)

    stage(scene())


def test_sweeps_name_a_market_or_nothing(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            answer = json_reply({"canceled": [ORDER_A], "not_canceled": {}})
            venue.say("DELETE", "/cancel-all", answer)
            venue.say("DELETE", "/cancel-market-orders", answer)
            before = gateway.budget.tokens(time.monotonic_ns())[1]
            assert (await swept(gateway)).canceled == (ORDER_A,)
            assert (await swept(gateway, MARKET.condition_id)).canceled == (ORDER_A,)
            everything, market = venue.asked
            assert everything.body == b""
            assert market.json == {"market": MARKET.condition_id}
            assert proves(everything)
            assert proves(market)
            # One token each, and one for what each of them cancelled.
            assert before - gateway.budget.tokens(time.monotonic_ns())[1] in (3, 4)

    stage(scene())


# Budgets


def test_orders_stop_before_the_venue_would_refuse_them(stage: Stage) -> None:
    async def scene() -> None:
        pool = PoolSettings(size=4, waiting_max=100)
        async with scripted(orders=pool) as (venue, gateway):
            venue.say("POST", "/order", json_reply({"error": "invalid signature"}, "400 Bad"))
            found = await placed(gateway, *(buy() for _ in range(70)))
            sent = [one for one in found if one.state is PlaceState.REJECTED]
            over = [one for one in found if one.state is PlaceState.NOT_SENT]
            assert len(venue.of("POST", "/order")) == len(sent) in range(60, 64)
            assert {one.reason for one in over} == {"order_budget"}
            assert all(0 < one.retry_after_ns <= 10**9 for one in over)

    stage(scene())


def test_live_orders_keep_cancels_in_reserve(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            gateway.budget.live = 99  # 1.2 tokens for each, and for the new one: 121 of 120
            (result,) = await placed(gateway, buy())
            assert (result.state, result.reason) == (PlaceState.NOT_SENT, "order_budget")
            venue.say("DELETE", "/order", canceling)
            (cancel,) = await cancelled(gateway, ORDER_A)
            assert cancel.state is CancelState.CANCELED, "cancels may use the reserve"

    stage(scene())


def test_the_venues_count_and_its_refusals_are_obeyed(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            error = {"error": "Too Many Requests"}
            venue.say(
                "POST",
                "/order",
                json_reply(error, "400 Bad", "Poly-RateLimit-Remaining: 0"),
                json_reply(error, "429 Too Many Requests", "Retry-After: 2"),
            )
            await placed(gateway, buy())
            assert gateway.budget.tokens(time.monotonic_ns())[0] <= 1
            await asyncio.sleep(0.03)
            (refused,) = await placed(gateway, buy())
            assert (refused.reason, refused.retry_after_ns) == ("throttled", 2 * 10**9)
            (held,) = await placed(gateway, buy())
            assert held.state is PlaceState.NOT_SENT
            assert 1.9e9 < held.retry_after_ns <= 2e9
            venue.say("DELETE", "/order", canceling)
            assert (await cancelled(gateway, ORDER_A))[0].state is CancelState.CANCELED

    stage(scene())


def test_a_refused_cancel_is_no_reason_to_hurry(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            error = {"error": "Too Many Requests"}
            venue.say("DELETE", "/order", json_reply(error, "429 ?", "Retry-After: 1"))
            (refused,) = await cancelled(gateway, ORDER_A)
            assert (refused.state, refused.retry_after_ns) == (CancelState.REJECTED, 10**9)
            (held,) = await cancelled(gateway, ORDER_A)
            assert (held.state, held.reason) == (CancelState.NOT_SENT, "cancel_budget")
            assert (await swept(gateway)).reason == "cancel_budget"
            assert len(venue.asked) == 1

    stage(scene())


# Heartbeats


def test_beats_hand_their_id_on(run: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say(
                "POST",
                "/v1/heartbeats",
                json_reply({"heartbeat_id": "b-1"}),
                json_reply({"heartbeat_id": "b-2"}),
            )
            assert (await beaten(gateway)).state is BeatState.ACCEPTED
            assert (await beaten(gateway)).state is BeatState.ACCEPTED
            sent = venue.of("POST", "/v1/heartbeats")
            assert [one.json["heartbeat_id"] for one in sent] == ["", "b-1"]
            assert all(map(proves, sent))
            assert gateway.chain.heartbeat_id == "b-2"

    run(scene())


def test_a_wrong_id_is_corrected_at_once(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say(
                "POST",
                "/v1/heartbeats",
                json_reply(
                    {"error_msg": "Invalid Heartbeat ID", "heartbeat_id": "b-9"}, "400 Bad Request"
                ),
                json_reply({"heartbeat_id": "b-10"}),
            )
            found = await beaten(gateway)
            assert (found.state, found.copies) == (BeatState.ACCEPTED, 2)
            sent = venue.of("POST", "/v1/heartbeats")
            assert [one.json["heartbeat_id"] for one in sent] == ["", "b-9"]

    stage(scene())


def test_one_beat_is_out_at_a_time(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.gates["POST", "/v1/heartbeats"] = asyncio.Event()
            venue.say("POST", "/v1/heartbeats", json_reply({"heartbeat_id": "b-1"}))
            found: list[object] = []
            assert gateway.beat(found.append)
            assert not gateway.beat(found.append)
            venue.gates["POST", "/v1/heartbeats"].set()
            await until(lambda: bool(found))
            assert len(venue.asked) == len(found) == 1

    stage(scene())


# Secrets


def test_no_secret_has_a_text_form(stage: Stage) -> None:
    async def scene() -> None:
        async with scripted() as (venue, gateway):
            venue.say("POST", "/order", None)
            (signed,) = gateway.sign([buy()])
            found = await placed(gateway, buy())
            told = [*map(repr, found), repr(signed), repr(gateway.__dict__)]
            for text in told:
                assert not any(secret in text for secret in (SECRET, PASSPHRASE, HARDHAT[2:]))

    stage(scene())


def test_requests_go_to_the_path_that_the_host_has(stage: Stage) -> None:
    async def scene() -> None:
        venue = ScriptedVenue()
        async with serving(venue.script) as server:
            url = f"http://127.0.0.1:{server.port}/venue"
            async with gateway_to(url) as gateway:
                venue.say("POST", "/venue/order", json_reply({"error": "?"}, "400 Bad"))
                assert (await placed(gateway, buy()))[0].reason == "refused"
                (one,) = venue.of("POST", "/venue/order")
                inside = replace(one, target="/order")
                assert proves(inside), "what is signed is the venue's own path"

    stage(scene())


def test_orders_go_over_tls_to_whom_we_trust_only(run: Stage) -> None:
    async def scene() -> None:
        known = trust()
        venue = ScriptedVenue()
        venue.say("POST", "/order", json_reply({"error": "invalid signature"}, "400 Bad"))
        for server_tls, state, reason in (
            (known.server, PlaceState.REJECTED, "signature"),
            (known.other_name, PlaceState.NOT_SENT, "certificate"),
            (known.stranger, PlaceState.NOT_SENT, "certificate"),
        ):
            async with (
                serving(venue.script, tls=server_tls) as server,
                gateway_to(f"https://localhost:{server.port}", tls=known.client) as gateway,
            ):
                (found,) = await placed(gateway, buy())
                assert (found.state, found.reason) == (state, reason)
        assert len(venue.of("POST", "/order")) == 1

    run(scene())


def test_a_name_without_an_address_is_told(stage: Stage) -> None:
    async def scene() -> None:
        async with gateway_to(f"http://{'x' * 64}.example") as gateway:
            (found,) = await placed(gateway, buy())
            assert (found.state, found.reason) == (PlaceState.NOT_SENT, "dns")

    stage(scene())


def test_an_unknown_tier_is_refused() -> None:
    with pytest.raises(InputError, match="tier must be one of standard"):
        Gateway(
            Hosts(clob="http://127.0.0.1:1"),
            Wallet(key=signing_key()),
            credentials(),
            settings=settings(tier="royal"),
            rng=random.Random(1),
        )
