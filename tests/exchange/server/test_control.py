"""The control route: switches while the exchange runs, for programs of this machine only."""

import asyncio
from typing import Any

import aiohttp
import pytest

from polymm.exchange.faults import Fault
from polymm.exchange.server.app import Served, serving
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.trading import Mode
from tests.support.guests import Party, play

Answer = tuple[int, Any]


def on_control(path: str, body: object = None, **more: Any) -> tuple[Answer, Served]:
    """POST to a fresh exchange's control route, or GET where there is no body."""

    async def run() -> tuple[Answer, Served]:
        async with (
            asyncio.timeout(5),
            serving(ServerSettings()) as served,
            aiohttp.ClientSession() as session,
        ):
            method = "GET" if body is None else "POST"
            kind = {"data": body} if isinstance(body, bytes) else {"json": body}
            url = served.urls["control"] + path
            async with session.request(method, url, **kind, **more) as reply:
                return (reply.status, await reply.json()), served

    return asyncio.run(run())


def test_state_names_every_switch_and_window() -> None:
    (status, state), served = on_control("")
    assert status == 200
    assert set(state["switches"]) == set(Fault)
    assert state["windows"] == sorted(served.hall.by_slug)
    assert state["mode"] == "normal"


def test_a_fault_is_switched_with_its_rate_length_and_limit() -> None:
    asked = {"name": "throttled", "rate": 1, "lasts_ms": [5, 5], "limit": 1, "seed": 3}
    (status, rates), served = on_control("/fault", asked)
    assert (status, rates) == (200, {"throttled": 1})
    faults = served.hall.faults
    assert faults.strikes(Fault.THROTTLED)
    assert not faults.strikes(Fault.THROTTLED), "the limit holds"


def test_the_mode_is_switched_for_a_time() -> None:
    (status, _), served = on_control("/mode", {"mode": "cancel_only", "seconds": 30})
    trading, now_ns = served.hall.exchange.trading, served.hall.now_ns()
    assert status == 200
    assert trading.mode(now_ns) is Mode.CANCEL_ONLY
    assert trading.mode(now_ns + 31 * 10**9) is Mode.NORMAL


def test_the_audit_answers() -> None:
    assert on_control("/audit", {})[0] == (200, {"audit": "ok"})
    assert on_control("/clear", {})[0] == (200, {})


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/fault", b"{", "body must be JSON"),
        ("/fault", [], "body must be a JSON object"),
        ("/fault", {"name": "no_such", "rate": 1}, "fault must be one of"),
        ("/fault", {"name": "throttled", "rate": 2}, "must be within 0..1, was 2"),
        ("/fault", {"name": "throttled", "rate": "1"}, "rate must be a number, was '1'"),
        ("/fault", {"name": "throttled", "rate": 1, "lasts": 1}, "were also ['lasts']"),
        ("/fault", {"name": "throttled", "rate": 1, "lasts_ms": 1}, "two whole numbers"),
        ("/fault", {"name": "throttled", "rate": 1, "limit": 1.5}, "whole number, was 1.5"),
        ("/mode", {"mode": "asleep"}, "mode must be one of"),
        ("/mode", {"mode": 1}, "mode must be text"),
        ("/mode", {"mode": "post_only", "seconds": 1e300}, "seconds must be within 0..86400"),
        ("/mode", {"mode": "post_only", "seconds": -1}, "seconds must be within 0..86400"),
    ],
)
def test_what_it_cannot_use_it_names(path: str, body: object, says: str) -> None:
    (status, answer), _ = on_control(path, body)
    assert status == 400
    assert says in answer["error"]


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.test"}, {"Host": "evil.test:1"}])
def test_web_pages_are_kept_out(headers: dict[str, str]) -> None:
    (status, answer), served = on_control("/mode", {"mode": "disabled"}, headers=headers)
    assert status == 403
    assert "programs of this machine" in answer["error"]
    assert served.hall.exchange.trading.mode(served.hall.now_ns()) is Mode.NORMAL


def test_an_account_is_banned_and_let_in_again() -> None:
    async def scene(party: Party) -> None:
        guest = party.guest()
        url = party.served.urls["control"] + "/account"
        async with aiohttp.ClientSession() as session:
            for banned, status in ((True, 400), (False, 200)):
                asked = {"address": guest.signing.key.address, "is_banned": banned}
                async with session.post(url, json=asked) as reply:
                    flags = await reply.json()
                assert flags["is_banned"] is banned
                assert (await guest.buy(10, 10)).status == status
            async with session.post(url, json={"address": "0x" + "11" * 20}) as reply:
                assert reply.status == 404

    play(scene)
