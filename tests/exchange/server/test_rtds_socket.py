"""The public price socket and its traps."""

import asyncio
from typing import Any

import orjson

from polymm.domain.market import NS
from polymm.exchange.faults import Fault
from polymm.exchange.server.app import Served
from polymm.exchange.windows import WindowSettings
from tests.support.ears import DUE_NS, Ear, attend, listening
from tests.support.feeds import Clock

MS = 1_000_000
ORACLE = "crypto_prices_chainlink"
WINDOWS = WindowSettings(coins=("btc", "eth"))


def ask(*topics: str, action: str = "subscribe", **more: object) -> dict[str, object]:
    entries = [{"topic": topic, "type": "update"} | more for topic in topics]
    return {"action": action, "subscriptions": entries}


async def begun(ear: Ear, fills: int) -> list[Any]:
    """Pass the empty frame; the back-fills behind it."""
    assert await ear.raw() == ""
    return [await ear.hear() for _ in range(fills)]


def test_a_back_fill_comes_first_under_the_name_of_another_topic() -> None:
    clock = Clock(DUE_NS)

    async def scene(served: Served) -> None:
        wanted = ask(ORACLE, filters='{"symbol":"eth/usd"}')
        async with listening(served.urls["rtds"], wanted) as ear:
            (fill,) = await begun(ear, 1)
            assert (fill["topic"], fill["type"]) == ("crypto_prices", "subscribe")
            assert fill["payload"]["symbol"] == "eth/usd"
            times = [point["timestamp"] for point in fill["payload"]["data"]]
            assert times == list(range(times[0], times[0] + 120_000, 1_000))
            for i in range(1, 5):
                clock.now_ns += NS
                message = await ear.hear()
                assert (message["topic"], message["type"]) == (ORACLE, "update")
                assert message["payload"]["timestamp"] == times[-1] + i * 1_000

    attend(scene, 0.0, clock_ns=clock, windows=WINDOWS)


def test_what_a_stall_held_up_is_told_after_it_but_not_all_of_a_long_one() -> None:
    clock = Clock(DUE_NS)

    async def scene(served: Served) -> None:
        async with listening(served.urls["rtds"], ask(ORACLE)) as ear:
            (fill,) = await begun(ear, 1)
            last_ms = fill["payload"]["data"][-1]["timestamp"]
            for stall_s, told in ((5, range(1, 6)), (12, range(8, 13))):
                clock.now_ns += stall_s * NS
                heard = [(await ear.hear())["payload"]["timestamp"] for _ in told]
                assert heard == [last_ms + second * 1_000 for second in told]
                last_ms = heard[-1]

    attend(scene, 0.0, clock_ns=clock)


def test_exact_values_are_scaled_on_the_oracles_topics_and_plain_on_the_other() -> None:
    async def scene(served: Served) -> None:
        topics = ("crypto_prices", ORACLE, "crypto_prices_twap_thirty", "crypto_prices_twap_sixty")
        btc = served.hall.markets.prices["btc"]
        seen = {}
        async with listening(served.urls["rtds"], ask(*topics)) as ear:
            await begun(ear, 8)
            for _ in range(16):
                message = await ear.hear()
                seen[message["topic"], message["payload"]["symbol"]] = message
        assert len(seen) == 8
        plain = seen["crypto_prices", "btcusdt"]["payload"]
        spot_e8 = btc.price_e8(plain["timestamp"] * MS)
        assert plain["full_accuracy_value"] == f"{spot_e8 // 10**8}.{spot_e8 % 10**8:08d}"
        oracle = seen[ORACLE, "btc/usd"]["payload"]
        spot_e8 = btc.price_e8(oracle["timestamp"] * MS)
        assert oracle["full_accuracy_value"] == str(spot_e8 * 10**10)
        assert oracle["value"] == spot_e8 / 1e8
        for topic, seconds in ((topics[2], 30), (topics[3], 60)):
            average = seen[topic, "btc/usd"]["payload"]
            value_e8 = btc.twap_e8(average["timestamp"] * MS, seconds * NS)
            assert average["full_accuracy_value"] == str(value_e8 * 10**10)
            assert average["window_s"] == seconds
        assert len({message["connection_id"] for message in seen.values()}) == 1

    attend(scene, 0.0, speed=20, windows=WINDOWS)


NO_MATCHES: tuple[dict[str, object], ...] = (
    {"filters": '{"symbol": "btc/usd"}'},
    {"filters": "{"},
    {"filters": '["btc/usd"]'},
    {"filters": '{"symbol":7}'},
    {"filters": {"symbol": "btc/usd"}},
    {"type": "trade"},
)


def test_a_filter_that_is_not_compact_matches_nothing() -> None:
    async def scene(served: Served) -> None:
        async with listening(served.urls["rtds"]) as ear:
            for entry in NO_MATCHES:
                await ear.say(ask(ORACLE, **entry))
                await begun(ear, 0)
            await ear.say(ask("crypto_prices", filters='{"symbol":"btcusdt"}'))
            await begun(ear, 1)
            for _ in range(3):
                assert (await ear.hear())["topic"] == "crypto_prices"

    attend(scene, 0.0, speed=20)


def test_one_unknown_topic_fails_the_whole_batch() -> None:
    async def scene(served: Served) -> None:
        unknown: object
        for unknown in ("crypto", ["crypto_prices"]):
            wanted = ask(ORACLE)
            wanted["subscriptions"] = [*wanted["subscriptions"], {"topic": unknown}]  # type: ignore[misc]
            async with listening(served.urls["rtds"], wanted) as ear:
                assert (await ear.hear())["statusCode"] == 401
                await asyncio.sleep(0.06)
                await ear.say("{")
                assert (await ear.hear())["statusCode"] == 400

    attend(scene, 0.0, speed=20)


def test_what_is_no_request_is_told() -> None:
    async def scene(served: Served) -> None:
        async with listening(served.urls["rtds"]) as ear:
            for text in ("{", "[]", '{"action":"sell"}', '{"action":"subscribe"}'):
                await ear.say(text)
                assert (await ear.hear())["statusCode"] == 400

    attend(scene, 0.0)


def test_a_ping_is_heard_and_not_answered() -> None:
    async def scene(served: Served) -> None:
        async with listening(served.urls["rtds"], "PING", ask(ORACLE)) as ear:
            await begun(ear, 1)

    attend(scene, 0.0)


def test_what_is_unsubscribed_ends() -> None:
    async def scene(served: Served) -> None:
        both = ask(ORACLE, "crypto_prices_twap_sixty")
        async with listening(served.urls["rtds"], both) as ear:
            await begun(ear, 2)
            await ear.say(ask(ORACLE, action="unsubscribe"))
            await ear.until(lambda message: message["topic"] != ORACLE)
            for _ in range(3):
                assert (await ear.hear())["topic"] == "crypto_prices_twap_sixty"

    attend(scene, 0.0, speed=20)


def test_a_socket_falls_silent_or_is_torn_down() -> None:
    async def scene(served: Served) -> None:
        faults, url = served.hall.faults, served.urls["rtds"]
        faults.set(Fault.PRICES_SILENT, 1.0, limit=1, lasts_ms=(3_600_000, 3_600_000))
        async with listening(url, ask(ORACLE)) as ear:
            await begun(ear, 0)
            await asyncio.sleep(0.25)
            await ear.say("{")
            assert (await ear.hear())["statusCode"] == 400
        faults.set(Fault.PRICES_CLOSED, 1.0, limit=1)
        async with listening(url, ask(ORACLE)) as ear:
            assert await ear.ended() == (1006, "")

    attend(scene, 0.0, speed=20)


def test_messages_are_as_the_fixtures_show_them() -> None:
    async def scene(served: Served) -> None:
        async with listening(served.urls["rtds"], ask("crypto_prices_twap_sixty")) as ear:
            await begun(ear, 1)
            message = await ear.hear()
        payload = message.pop("payload")
        assert set(message) == {"connection_id", "topic", "type", "timestamp"}
        assert set(payload) == {"symbol", "timestamp", "value", "full_accuracy_value", "window_s"}
        assert orjson.dumps(payload["value"]).count(b".") == 1

    attend(scene, 0.0, speed=20)
