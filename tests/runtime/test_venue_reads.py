"""What the engine reads of the venue over loopback, whole or as failed."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from polymm.domain.order import Token
from polymm.engine import evidence as ev
from polymm.engine.actions import ReadBalances, ReadOpen, ReadOrder, ReadPreflight, ReadTrades
from polymm.runtime import venue_port
from polymm.venues.polymarket import wire
from tests.support.gateways import MARKET, ORDER_A, ORDER_B, SHARE, json_reply
from tests.support.loopback import Stage
from tests.support.port_scene import Book, M, opened
from tests.venues.polymarket.test_account import ORDER, TRADE, page

PARKED = page([TRADE | {"status": "PARKED"}])


def test_lists_are_read_whole_and_begin_when_they_were_asked_for(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.venue.say("GET", "/data/orders", page([ORDER], "MTAw"), page([]))
            it.venue.say("GET", f"/data/order/{ORDER_A}", json_reply(ORDER))
            it.venue.say("GET", f"/data/order/{ORDER_B}", json_reply({"error": "no"}, "404 No"))
            it.port.read(ReadOpen(M))
            began_ns, it.ns[0] = it.ns[0], it.ns[0] + 5
            listed = await it.first(ev.OpenListed)
            assert listed.orders == (ev.OpenSeen(ORDER_A, M, 2_500_000, 10 * SHARE),)
            assert (listed.market, listed.began_ns <= began_ns + 5) == (M, True)
            it.port.read(ReadOrder(ORDER_A))
            found = await it.first(ev.OrderRead)
            assert (found.order, found.seen) == (ORDER_A, listed.orders[0])
            it.events.clear()
            it.port.read(ReadOrder(ORDER_B))
            assert (await it.first(ev.OrderRead)).seen is None

    run(scene())


def test_trades_are_asked_for_by_the_venues_clock(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.gateway.skew.samples = 0
            ahead_ns = 1_000 * 10**9
            it.gateway.skew.sampled(1_000, asked_ns=ahead_ns * 2, answered_ns=ahead_ns * 2)
            it.venue.say("GET", "/data/trades", page([]))
            it.port.read(ReadTrades("", 2_060 * 10**9))
            await it.first(ev.TradesRead)
            asked_s = int(it.venue.asked[-1].target.partition("after=")[2].partition("&")[0])
            assert asked_s in range(1_060 - venue_port.OVERLAP_S, 1_062)

    run(scene())


def test_trades_are_read_with_overlap_and_only_those_of_our_markets(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            ours = {"status": "CONFIRMED", "id": "t2"}
            elsewhere = TRADE | {"market": "0x" + "99" * 32, "id": "t3"}
            it.venue.say("GET", "/data/trades", page([TRADE, TRADE | ours, elsewhere]))
            it.port.my_orders = {ORDER_A}
            it.port.read(ReadTrades("", 1_784_850_900 * 10**9))
            read = await it.first(ev.TradesRead)
            assert [(fill.trade, fill.status.name) for fill in read.fills] == [
                (TRADE["id"], "MATCHED"),
                ("t2", "CONFIRMED"),
            ]
            assert {(fill.order, fill.token) for fill in read.fills} == {(ORDER_A, Token.DOWN)}
            assert read.after_ns == 1_784_850_900 * 10**9
            asked_s = int(it.venue.asked[-1].target.partition("after=")[2].partition("&")[0])
            assert asked_s == 1_784_850_900 - venue_port.OVERLAP_S
            assert it.port.counts["trades_elsewhere"] == 1

    run(scene())


@pytest.mark.parametrize(
    ("action", "kind", "subject", "answers", "reason"),
    [
        (ReadOpen(M), ev.ReadKind.OPEN, M, [page([ORDER], "MTAw")], "unreadable"),
        (ReadOpen(""), ev.ReadKind.OPEN, "", [page([ORDER], "MTAw"), None], "closed"),
        (ReadOrder(ORDER_A), ev.ReadKind.ORDER, ORDER_A, [json_reply([1])], "unreadable"),
        (ReadTrades(M, 0), ev.ReadKind.TRADES, M, [PARKED], "bad_reply"),
        (ReadBalances((M,)), ev.ReadKind.BALANCES, "", [json_reply({})], "unreadable"),
        (ReadPreflight(), ev.ReadKind.PREFLIGHT, "", [json_reply({}, "500 Oops")], "server_error"),
    ],
)  # fmt: skip
def test_a_read_that_is_not_whole_proves_nothing(
    run: Stage, action: Any, kind: ev.ReadKind, subject: str, answers: list[Any], reason: str
) -> None:
    async def scene() -> None:
        async with opened() as it:
            paths = ("/data/orders", f"/data/order/{ORDER_A}", "/data/trades")
            for path in (*paths, "/balance-allowance", "/version"):
                it.venue.say("GET", path, *answers)
            it.port.read(action)
            failed = await it.first(ev.ReadFailed)
            assert (failed.kind, failed.subject, failed.reason) == (kind, subject, reason)
            assert len(it.events) == 1

    run(scene())


def test_a_read_has_a_deadline_of_its_own(run: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene() -> None:
        monkeypatch.setattr(venue_port, "READ_S_MAX", 0.01)
        async with opened(query_ns_max=10**10) as it:
            it.venue.gates["GET", "/data/orders"] = asyncio.Event()
            it.port.read(ReadOpen(M))
            assert (await it.first(ev.ReadFailed)).reason == "timeout"

    run(scene())


def test_balances_say_what_the_venue_believes(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            held = json_reply({"balance": "7000000", "allowances": {"0xe1": "0"}})
            free = json_reply({"balance": "1000000", "allowances": {"0xe1": "5"}})
            it.venue.say("GET", "/balance-allowance", free, held, held, held)
            it.port.read(ReadBalances((M,)))
            read = await it.first(ev.BalancesRead)
            assert read.cash_e6 == SHARE
            assert read.shares == ((M, Token.UP, 7 * SHARE), (M, Token.DOWN, 7 * SHARE))
            it.events.clear()
            it.port.read(ReadBalances(("0xover",)))
            assert (await it.first(ev.BalancesRead)).shares == ()

    run(scene())


V1, V2 = wire.EXCHANGES[137, "v1", False], wire.EXCHANGES[137, "v2", False]


@pytest.mark.parametrize(
    ("markets", "version", "is_closed", "allowances", "faults"),
    [
        ("v1", 2, False, {V1: "1"}, ()),
        ("v1", 3, True, {V1: "0"}, ("version", "closed_only", "no_allowance")),
        # Of another exchange than the market's.
        ("v1", 2, False, {V2: "1", "0xe1": "1"}, ("no_allowance",)),
        ("v1 v2", 2, False, {V1: "1"}, ("no_allowance",)),
        ("v1 v2", 2, False, {V1: "1", V2: "1"}, ()),
        # Nothing is traded yet.
        ("", 2, False, {V2: "1", V1: "0"}, ()),
        ("", 2, False, {"0xe1": "1"}, ("no_allowance",)),
    ],
)
def test_the_preflight_asks_for_version_keys_and_the_contracts_of_the_markets(
    run: Stage,
    markets: str,
    version: int,
    is_closed: bool,
    allowances: dict[str, str],
    faults: tuple[str, ...],
) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.port.remove_market(MARKET)
            for name in markets.split():
                it.port.add_market(replace(MARKET, condition_id=name, version=name), Book())
            closed = json_reply({"closed_only": is_closed})
            it.venue.say("GET", "/version", json_reply({"version": version}))
            it.venue.say("GET", "/auth/ban-status/closed-only", closed)
            balance = json_reply({"balance": "1", "allowances": allowances})
            it.venue.say("GET", "/balance-allowance", balance)
            it.port.read(ReadPreflight())
            assert (await it.first(ev.PreflightRead)).faults == faults

    run(scene())


def test_an_allowance_whose_operator_is_not_named_counts_for_any(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.venue.say("GET", "/version", json_reply({"version": 2}))
            closed = json_reply({"closed_only": False})
            it.venue.say("GET", "/auth/ban-status/closed-only", closed)
            it.venue.say("GET", "/balance-allowance", json_reply({"balance": "1", "allowance": 1}))
            it.port.read(ReadPreflight())
            assert (await it.first(ev.PreflightRead)).faults == ()

    run(scene())
