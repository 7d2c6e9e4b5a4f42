"""Each REST switch: what the client sees, and what was done in truth."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import aiohttp
import orjson
import pytest

from polymm.domain.order import Side
from polymm.exchange.faults import SCENES, Fault, Place
from polymm.exchange.trading import Mode
from polymm.exchange.user_channel import UserMessage
from tests.support.guests import Guest, Party, Reply, play
from tests.support.loopback import until

# Switches that other routes of the CLOB carry out.
ELSEWHERE = {Fault.MARKET_NOT_FOUND}


def turn(one: Party, fault: Fault, *lasts_ms: int, rate: float = 1.0, limit: int = 1) -> None:
    low_high = (lasts_ms[0], lasts_ms[-1]) if lasts_ms else None
    one.hall.faults.set(fault, rate, lasts_ms=low_high, limit=limit)


def test_a_post_times_out_before_the_book() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        turn(one, Fault.POST_TIMED_OUT)
        _, body = guest.order(Side.BUY, 40, 10)
        reply = await guest.call("POST", "/order", body)
        assert (reply.status, reply.body) == (500, {"error": "order timed out"})
        assert not guest.open_ids()
        assert (await guest.call("POST", "/order", body)).status == 200, "safe to send again"

    play(scene)


@pytest.mark.parametrize("path", ["/order", "/orders"])
def test_an_order_rests_though_its_reply_is_lost(path: str) -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        turn(one, Fault.POST_REPLY_LOST, 50)
        order_id, body = guest.order(Side.BUY, 40, 10)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await guest.call("POST", path, body if path == "/order" else [orjson.loads(body)])
        assert guest.open_ids() == [order_id]

    play(scene)


def test_who_hangs_up_on_a_lost_reply_frees_its_connection() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        turn(one, Fault.POST_REPLY_LOST, 30_000)
        order_id, body = guest.order(Side.BUY, 40, 10)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await guest.call("POST", "/order", body)
        assert guest.open_ids() == [order_id]
        assert (await guest.cancel(order_id)).body["canceled"] == [order_id]

    play(scene)


def test_a_lost_reply_strikes_accepted_orders_only() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        turn(one, Fault.POST_REPLY_LOST, 30_000)
        assert (await guest.buy(40, 1)).status == 400
        assert one.hall.faults.rates

    play(scene)


def test_an_ambiguous_500_may_hide_an_order_that_rests() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        turn(one, Fault.POST_UNKNOWN)
        order_id, body = guest.order(Side.BUY, 40, 10)
        reply = await guest.call("POST", "/order", body)
        assert (reply.status, reply.body) == (500, {"error": "could not insert order"})
        assert guest.open_ids() == [order_id]

    play(scene)


def test_a_late_order_overtakes_nothing_but_survives_a_cancel_all() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        turn(one, Fault.POST_LATE, 60)
        order_id, body = guest.order(Side.BUY, 40, 10)
        posted = asyncio.create_task(guest.call("POST", "/order", body))
        await asyncio.sleep(0.02)
        assert (await guest.call("DELETE", "/cancel-all")).body["canceled"] == []
        assert (await posted).body["orderID"] == order_id
        assert guest.open_ids() == [order_id]

    play(scene)


def test_a_late_order_enters_though_its_sender_has_left() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        turn(one, Fault.POST_LATE, 200)
        order_id, body = guest.order(Side.BUY, 40, 10)
        sent = asyncio.create_task(guest.call("POST", "/order", body))
        await until(lambda: bool(one.hall.faults.struck[Fault.POST_LATE]))
        sent.cancel()
        await asyncio.wait([sent])
        assert sent.cancelled()
        assert guest.open_ids() == []
        await until(lambda: guest.open_ids() == [order_id])

    play(scene)


def test_a_leg_of_a_batch_has_no_name() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        turn(one, Fault.BATCH_LEG_UNNAMED)
        orders = [guest.order(Side.BUY, 40 + i, 10) for i in range(2)]
        reply = await guest.call("POST", "/orders", [orjson.loads(body) for _, body in orders])
        assert [each["orderID"] for each in reply.body] == ["", orders[1][0]]
        assert reply.body[0]["errorMsg"] == ""
        assert guest.open_ids() == [order_id for order_id, _ in orders]

    play(scene)


def test_events_of_a_fill_overtake_its_reply() -> None:
    async def scene(one: Party) -> None:
        maker, taker = one.guest(), one.guest()
        await maker.sell(60, 10)
        turn(one, Fault.USER_FILL_BEFORE_REPLY, 40)
        told: list[str] = []

        def listen(messages: Sequence[object]) -> None:
            for message in messages:
                if isinstance(message, UserMessage) and message.owner == taker.key_id:
                    told.append(orjson.loads(message.payload)["event_type"])

        one.hall.listeners.append(listen)
        posted = asyncio.create_task(taker.buy(60, 10))
        while not told:
            await asyncio.sleep(0.001)
        assert not posted.done()
        assert "trade" in told
        assert (await posted).body["status"] == "matched"

    play(scene)


def test_the_engine_restarts_then_takes_only_post_only() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        (order_id,) = await guest.rest(1)
        turn(one, Fault.ENGINE_RESTART, 60_000)
        assert (await guest.call("GET", "/data/orders")).status == 200
        assert one.hall.faults.rates, "only trading meets it"
        assert (await guest.buy(40, 10)).status == 425
        assert (await guest.cancel(order_id)).status == 425
        trading = one.hall.exchange.trading
        assert trading.mode(one.hall.now_ns() + 61 * 10**9) is Mode.POST_ONLY
        turn(one, Fault.ENGINE_RESTART, 60_000)
        assert (await guest.buy(40, 10, post_only=True)).status == 200, "one restart at a time"
        assert trading.mode(one.hall.now_ns() + 181 * 10**9) is Mode.NORMAL

    play(scene)


async def on_order(guest: Guest) -> Reply:
    return await guest.buy(40, 10)


async def on_query(guest: Guest) -> Reply:
    return await guest.call("GET", "/data/orders")


@pytest.mark.parametrize("ask", [on_order, on_query])
@pytest.mark.parametrize(
    ("fault", "status", "body", "is_done"),
    [
        (Fault.THROTTLED, 429, {"error": "Too Many Requests"}, False),
        (Fault.UNAUTHORIZED, 401, {"error": "Unauthorized/Invalid api key"}, False),
        (Fault.EDGE_BLOCKED, 403, b"error code: 1010", False),
        (Fault.EDGE_THROTTLED, 429, b"error code: 1015", False),
        (Fault.EDGE_HTML, 502, b"<html>", True),
    ],
)
def test_what_the_edge_does_is_told_by_status_and_type(
    ask: Callable[[Guest], Awaitable[Reply]],
    fault: Fault,
    status: int,
    body: object,
    *,
    is_done: bool,
) -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        turn(one, fault)
        reply = await ask(guest)
        assert reply.status == status
        if isinstance(body, bytes):
            assert reply.body.startswith(body)
            assert "json" not in reply.headers["Content-Type"]
        else:
            assert reply.body == body
        assert bool(guest.open_ids()) is (is_done and ask is on_order)
        if status == 429:
            assert 1 <= int(reply.headers["Retry-After"]) <= 3
        assert (await ask(guest)).status == 200

    play(scene)


def test_the_edge_leaves_other_services_alone() -> None:
    async def scene(one: Party) -> None:
        for fault in (Fault.EDGE_BLOCKED, Fault.EDGE_HTML, Fault.THROTTLED):
            one.hall.faults.set(fault, 1.0)
        async with aiohttp.ClientSession() as session:

            async def status(service: str, path: str = "") -> int:
                async with session.get(one.served.urls[service] + path) as reply:
                    return reply.status

            assert await status("control") == 200
            assert await status("clob", "/time") == 403
            one.hall.faults.clear()
            one.hall.faults.set(Fault.UNAUTHORIZED, 1.0)
            assert await status("clob", "/time") == 200, "it needs no key"

    play(scene)


def test_the_edge_delays_without_a_word() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        turn(one, Fault.EDGE_DELAY, 60)
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        assert (await guest.buy(40, 10)).status == 200
        assert 0.06 <= loop.time() - start_s < 0.5

    play(scene)


def test_a_cancel_is_carried_out_though_its_reply_is_lost() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        ids = await guest.rest(2)
        turn(one, Fault.CANCEL_REPLY_LOST, 30_000)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await guest.cancel(ids[0])
        assert guest.open_ids() == ids[1:]

    play(scene)


def test_a_cancel_fails_and_cancels_nothing() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        ids = await guest.rest(2)
        for method in ("/cancel-all", "/orders"):
            turn(one, Fault.CANCEL_FAILED)
            reply = await guest.call("DELETE", method, ids)
            assert (reply.status, reply.body) == (500, {"error": "could not cancel orders"})
        assert guest.open_ids() == ids

    play(scene)


def test_a_cancel_answers_not_found_though_the_order_rests() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        ids = await guest.rest(2)
        turn(one, Fault.CANCEL_UNKNOWN)
        reply = await guest.cancel(*ids)
        assert reply.body == {
            "canceled": ids[1:],
            "not_canceled": {ids[0]: "Order not found or already canceled"},
        }
        assert guest.open_ids() == ids[:1]

    play(scene)


def test_young_orders_are_missing_from_the_list_but_found_by_id() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        ids = await guest.rest(2)
        turn(one, Fault.ORDERS_LATE, 5_000)
        assert (await guest.call("GET", "/data/orders")).body["count"] == 0
        assert (await guest.call("GET", f"/data/order/{ids[0]}")).status == 200
        assert (await guest.call("GET", "/data/orders")).body["count"] == 2

    play(scene)


def test_a_beat_is_refused_and_the_deadline_stays() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        await guest.rest(1)
        turn(one, Fault.HEARTBEAT_REFUSED, limit=2)
        for _ in range(2):
            reply = await guest.call("POST", "/v1/heartbeats", {"heartbeat_id": ""})
            assert (reply.status, reply.body) == (401, {"error": "Unauthorized/Invalid api key"})
        first = await guest.call("POST", "/v1/heartbeats", {"heartbeat_id": ""})
        assert first.status == 200, "the refused ones registered nothing"
        turn(one, Fault.HEARTBEAT_REFUSED, limit=100)
        await guest.call("POST", "/v1/heartbeats", first.body)
        one.wait(15.1)
        assert guest.open_ids() == []

    play(scene)


def test_a_cancel_comes_too_late_and_says_so() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        (order_id,) = await guest.rest(1)
        turn(one, Fault.CANCEL_ALREADY_MATCHED)
        reply = await guest.cancel(order_id)
        assert reply.body["not_canceled"] == {order_id: "Order already matched"}

    play(scene)


def test_a_funded_wallet_is_told_it_has_nothing() -> None:
    async def scene(one: Party) -> None:
        guest = one.guest()
        turn(one, Fault.BALANCE_ZERO)
        reply = await guest.buy(40, 10)
        text = "not enough balance / allowance: balance: 0, order amount: 4000000"
        assert (reply.status, reply.body) == (400, {"error": text})
        assert (await guest.buy(40, 10)).status == 200

    play(scene)


def test_every_switch_of_this_place_has_a_scene_here() -> None:
    source = Path(__file__).read_text()
    here = {fault for fault, scene in SCENES.items() if scene.place is Place.REST} - ELSEWHERE
    assert {
        fault for fault in here if f"Fault.{fault.name}," not in source.replace(")", ",")
    } == set()
