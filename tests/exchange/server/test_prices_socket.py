"""The price socket for holders of a key: operations, answers, numbers and limits."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from polymm.domain.market import NS
from polymm.exchange.faults import Fault
from polymm.exchange.server import prices_socket
from polymm.exchange.server.app import Served
from polymm.exchange.windows import WindowSettings
from tests.support.ears import DUE_NS, Ear, attend, deaf, listening
from tests.support.feeds import Clock

MS = 1_000_000
SPOT = {"channel": "price.crypto", "filter": {"symbol": "btcusd"}}
AVERAGE = {"channel": "price.crypto.twap", "filter": {"symbol": "btcusd", "window_seconds": 60}}

Scene = Callable[[Served, Ear], Awaitable[None]]


def credentials(served: Served) -> dict[str, str]:
    accounts = served.hall.accounts
    address = "0x" + "11" * 20
    account = accounts.derive(address, 0) or accounts.create(address, 0)
    assert account is not None
    return account.credentials


def authed(scene: Scene, **settings: Any) -> None:
    """Play a scene on a socket that has shown its key, in a time that runs 20 times as fast."""

    async def run(served: Served) -> None:
        auth = {"op": "auth", "rid": "a", "auth": credentials(served)}
        async with listening(served.urls["prices"], auth) as ear:
            assert await ear.hear() == {"op": "authed", "rid": "a"}
            await scene(served, ear)

    attend(run, 0.0, speed=20, **settings)


def ask(op: str, *subscriptions: object, rid: str = "1") -> dict[str, object]:
    return {"op": op, "rid": rid, "subscriptions": list(subscriptions)}


def error(code: str, **more: str) -> dict[str, str]:
    return {"op": "error", "code": code, **more}


# Keys


def test_prices_are_for_holders_of_a_key() -> None:
    async def scene(served: Served) -> None:
        async with listening(served.urls["prices"], ask("subscribe", SPOT, AVERAGE)) as ear:
            for one in (SPOT, AVERAGE):
                channel = str(one["channel"])
                assert await ear.hear() == error("auth_required", channel=channel, rid="1")
            await ear.say({"op": "ping", "rid": "p"})
            assert await ear.hear() == {"op": "pong", "rid": "p"}

    attend(scene, 0.0)


def test_the_eighth_wrong_key_ends_it() -> None:
    async def scene(served: Served) -> None:
        for wrong in ({"secret": "x"}, {"apiKey": {}}, {"passphrase": None}):
            auth = {"op": "auth", "rid": "a", "auth": credentials(served) | wrong}
            async with listening(served.urls["prices"], *[auth] * 8) as ear:
                for _ in range(7):
                    assert await ear.hear() == error("auth_invalid", rid="a")
                assert await ear.hear() == error("auth_attempts", rid="a")
                assert (await ear.ended())[0] == 4001

    attend(scene, 0.0)


# What is told


def test_a_history_comes_first_and_updates_follow_it_number_by_number() -> None:
    clock = Clock(DUE_NS)

    async def scene(served: Served, ear: Ear) -> None:
        prices = served.hall.markets.prices["btc"]
        await ear.say(ask("subscribe", SPOT, AVERAGE))
        last: dict[str, int] = {}
        for channel, step_ms in (("price.crypto", 200), ("price.crypto.twap", 1_000)):
            assert await ear.hear() == {"op": "subscribed", "channel": channel, "rid": "1"}
            message = await ear.hear()
            payload = message.pop("payload")
            assert message == {
                "v": 1,
                "channel": channel,
                "seq": 1,
                "ts": message["ts"],
                "snapshot": True,
            }
            times = [point["timestamp"] for point in payload["data"]]
            assert times == list(range(times[0], times[-1] + step_ms, step_ms))
            assert times[-1] - times[0] == 120_000 - step_ms
            assert 0 <= message["ts"] - times[-1] < step_ms
            last[channel] = times[-1]
        numbers = dict.fromkeys(last, 1)
        for i in range(30):
            # Five prices and an average a second.
            clock.now_ns += 0 if i % 6 else NS
            message = await ear.hear()
            channel, payload = message["channel"], message["payload"]
            numbers[channel] += 1
            assert message["seq"] == numbers[channel]
            assert (payload["symbol"], payload["source"]) == ("btcusd", "chainlink")
            is_spot = channel == "price.crypto"
            last[channel] += 200 if is_spot else 1_000
            at_ms = payload["timestamp"]
            assert at_ms == last[channel] <= message["ts"]
            value = prices.price_e8(at_ms * MS) if is_spot else prices.twap_e8(at_ms * MS, 60 * NS)
            assert payload["value"] == value / 1e8
            assert Decimal(payload["full_accuracy_value"]) * 10**8 == value
            assert payload.get("window_seconds") == (None if is_spot else 60)
        assert numbers == {"price.crypto": 26, "price.crypto.twap": 6}

    authed(scene, clock_ns=clock)


def test_the_average_that_settles_short_windows_has_a_feed_of_its_own() -> None:
    async def scene(served: Served, ear: Ear) -> None:
        own = {
            "channel": "price.crypto.twap",
            "filter": {"symbol": "btcusd", "window_seconds": 1.2},
        }
        await ear.say(ask("subscribe", own))
        assert (await ear.hear())["op"] == "subscribed"
        assert (await ear.hear())["payload"]["window_seconds"] == 1.2
        payload = (await ear.hear())["payload"]
        prices = served.hall.markets.prices["btc"]
        value = prices.twap_e8(payload["timestamp"] * MS, 1_200 * MS)
        assert payload["value"] == value / 1e8

    authed(scene, windows=WindowSettings(length_s=6))


def test_coins_and_providers_are_feeds_of_their_own() -> None:
    async def scene(served: Served, ear: Ear) -> None:
        eth = {"channel": "price.crypto", "filter": {"symbol": "ethusd", "provider": "pyth"}}
        await ear.say(ask("subscribe", SPOT, eth))
        heard = [await ear.hear() for _ in range(10)]
        told = [message["payload"] for message in heard if "payload" in message]
        assert {(one["symbol"], one["source"]) for one in told} == {
            ("btcusd", "chainlink"),
            ("ethusd", "pyth"),
        }
        assert [one["seq"] for one in heard if "seq" in one] == list(range(1, len(told) + 1))

    authed(scene, windows=WindowSettings(coins=("btc", "eth")))


def test_what_is_unsubscribed_ends() -> None:
    async def scene(served: Served, ear: Ear) -> None:
        await ear.say(ask("subscribe", SPOT, AVERAGE))
        await ear.until(lambda message: message.get("seq") == 2)
        await ear.say({"op": "unsubscribe", "rid": "2"} | SPOT)
        gone = {"op": "unsubscribed", "channel": "price.crypto", "rid": "2"}
        await ear.until(lambda message: message == gone)
        for _ in range(3):
            assert (await ear.hear())["channel"] == "price.crypto.twap"

    authed(scene)


# What cannot be


def spot(**wanted: object) -> dict[str, object]:
    return {"channel": "price.crypto", "filter": {"symbol": "btcusd"} | wanted}


def average(**wanted: object) -> dict[str, object]:
    return {"channel": "price.crypto.twap", "filter": {"symbol": "btcusd"} | wanted}


WRONG_ENTRIES: tuple[tuple[object, str], ...] = (
    ({"channel": "price.equity", "filter": {"symbol": "btcusd"}}, "bad_channel"),
    ({"channel": ["price.crypto"]}, "bad_channel"),
    ("price.crypto", "bad_channel"),
    ({"channel": "price.crypto"}, "bad_filter"),
    (spot(symbol="dogeusd"), "bad_filter"),
    (spot(symbol="btc"), "bad_filter"),
    (spot(symbol=["btcusd"]), "bad_filter"),
    (spot(provider="me"), "bad_filter"),
    (average(), "bad_filter"),
    (average(window_seconds=30), "bad_filter"),
    (average(window_seconds=[60]), "bad_filter"),
    (average(window_seconds=True), "bad_filter"),
)


def test_a_wrong_entry_is_told_and_the_others_are_carried_out() -> None:
    async def scene(served: Served, ear: Ear) -> None:
        await ear.say(ask("subscribe", *(entry for entry, _ in WRONG_ENTRIES), SPOT))
        for entry, code in WRONG_ENTRIES:
            told = await ear.hear()
            assert (told["op"], told["code"], told["rid"]) == ("error", code, "1"), entry
        assert (await ear.hear())["op"] == "subscribed"

    authed(scene)


def test_an_unknown_operation_is_told() -> None:
    async def scene(served: Served, ear: Ear) -> None:
        for text in ("{", "[]", "PING", '{"op":"sell"}', '{"op":["auth"]}', "{}"):
            await ear.say(text)
            assert await ear.hear() == error("bad_op")

    authed(scene)


def test_there_are_only_so_many_subscriptions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices_socket, "SUBSCRIPTIONS_MAX", 1)

    async def scene(served: Served, ear: Ear) -> None:
        await ear.say(ask("subscribe", SPOT, AVERAGE, SPOT))
        channel = "price.crypto.twap"
        await ear.until(lambda told: told == error("sub_limit", channel=channel, rid="1"))
        again = {"op": "subscribed", "channel": "price.crypto", "rid": "1"}
        assert await ear.hear() == again, "what it has already counts once"

    authed(scene)


def test_who_asks_too_often_is_told_and_who_floods_is_shown_the_door() -> None:
    async def scene(served: Served, ear: Ear) -> None:
        for _ in range(60):
            await ear.say({"op": "ping", "rid": "p"})
        told = [await ear.hear() for _ in range(60)]
        assert error("rate_limited", rid="p") in told
        for _ in range(500):
            await ear.connection.send("{")
        assert (await ear.ended())[0] == 4008

    authed(scene)


def test_a_frame_beyond_the_limit_ends_it() -> None:
    async def scene(served: Served, ear: Ear) -> None:
        await ear.say("x" * (64 << 10))
        assert await ear.hear() == error("bad_op")
        await ear.say("x" * (64 << 10 | 1))
        assert (await ear.ended())[0] == 4008

    authed(scene)


# Its life


def test_who_answers_no_ping_is_a_slow_consumer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices_socket, "PING_S", 0.01)

    async def scene(served: Served, ear: Ear) -> None:
        async with deaf(served.urls["prices"]) as other:
            pings = b"\x89\x00" * 2
            assert await other.readexactly(4) == pings
            end = await other.readexactly(4)
            assert (end[0], int.from_bytes(end[2:], "big")) == (0x88, 4002)
        await ear.say({"op": "ping", "rid": "p"})
        assert (await ear.hear())["op"] == "pong", "this one answers"

    authed(scene)


def test_who_falls_behind_is_told_how_much_it_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(served: Served, ear: Ear) -> None:
        monkeypatch.setattr(prices_socket, "BACKLOG_BYTES_MAX", -1)
        await ear.say(ask("subscribe", SPOT))
        assert (await ear.hear())["op"] == "subscribed"
        monkeypatch.undo()
        message = await ear.hear()
        assert message["seq"] == 1
        assert message["dropped"] >= 1, "one at least; on a busy machine more came due meanwhile"
        assert "dropped" not in await ear.hear()

    authed(scene)


@pytest.mark.parametrize(
    ("fault", "end"), [(Fault.PRICES_CLOSED, 1006), (Fault.PRICES_DRAINING, 4003)]
)
def test_a_socket_ends_in_the_middle(fault: Fault, end: int) -> None:
    async def scene(served: Served, ear: Ear) -> None:
        await ear.say(ask("subscribe", SPOT))
        await ear.until(lambda message: "snapshot" in message)
        served.hall.faults.set(fault, 1.0, limit=1)
        assert (await ear.ended())[0] == end

    authed(scene)


def test_a_silent_socket_still_answers() -> None:
    async def scene(served: Served, ear: Ear) -> None:
        served.hall.faults.set(Fault.PRICES_SILENT, 1.0, limit=1, lasts_ms=(3_600_000, 3_600_000))
        await ear.say(ask("subscribe", SPOT))
        assert (await ear.hear())["op"] == "subscribed"
        await asyncio.sleep(0.25)
        await ear.say({"op": "ping", "rid": "p"})
        assert (await ear.hear())["op"] == "pong"

    authed(scene)


def test_no_timer_runs_while_nobody_listens() -> None:
    async def scene(served: Served) -> None:
        auth = {"op": "auth", "auth": credentials(served)}
        async with listening(served.urls["prices"], auth) as ear:
            assert await ear.hear() == {"op": "authed"}
        await asyncio.sleep(0.05)
        loop = asyncio.get_running_loop()
        timers = [handle for handle in loop._scheduled if not handle.cancelled()]  # type: ignore[attr-defined]
        names = [getattr(handle._callback, "__qualname__", "") for handle in timers]
        assert not [name for name in names if "PriceClock" in name or "_Session" in name]

    attend(scene, 0.0)
