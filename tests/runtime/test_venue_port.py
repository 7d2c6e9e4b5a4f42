"""The engine's actions carried out over loopback: what is written, and what comes back."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import pytest

from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.engine.actions import (
    ReadBalances,
    ReadOpen,
    ReadOrder,
    ReadPreflight,
    ReadTrades,
)
from polymm.runtime import venue_port
from polymm.runtime.venue_port import LiveVenue
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.credentials import Secret
from polymm.venues.polymarket.gateway import Gateway
from polymm.venues.polymarket.results import SettleResult, SettleState
from tests.runtime.test_venue_words import maker, trade
from tests.support.gateways import (
    KEY_ID,
    MARKET,
    ORDER_A,
    ORDER_B,
    SHARE,
    ScriptedVenue,
    canceling,
    json_reply,
    scripted,
)
from tests.support.loopback import Stage, until
from tests.venues.polymarket.test_account import ORDER, TRADE, page

T = TypeVar("T")
M = MARKET.condition_id
PARKED = page([TRADE | {"status": "PARKED"}])


@dataclass
class Book:
    tick_e4: int = 100


@dataclass
class Chain:
    """Settles as it is told, the last answer for ever."""

    answers: list[SettleResult] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    async def merge(self, market: object, pairs_e6: int) -> SettleResult:
        self.asked.append(pairs_e6)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def redeem(self, market: object, *, up_e6: int, down_e6: int) -> SettleResult:
        raise AssertionError("a port never redeems")


@dataclass
class Scene:
    venue: ScriptedVenue
    gateway: Gateway
    port: LiveVenue
    chain: Chain
    events: list[ev.Event]
    ns: list[int]

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    async def first(self, kind: type[T]) -> T:
        await until(lambda: bool(self.of(kind)))
        (found,) = self.of(kind)
        return found


@asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[Scene]:
    async with scripted(**settings) as (venue, gateway):
        chain, events, ns = Chain(), list[ev.Event](), [10**18]
        port = LiveVenue(gateway, chain, Secret(KEY_ID), lambda: ns[0])
        port.take = events.append
        port.add_market(MARKET, Book())
        try:
            yield Scene(venue, gateway, port, chain, events, ns)
        finally:
            await port.close()


def place(number: int = 1, price_e4: int = 4_800) -> Place:
    return Place(number, MARKET.slug, Token.UP, Side.BUY, price_e4, 5 * SHARE)


def test_each_order_is_signed_when_it_is_asked_for_and_written_once(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.venue.say("POST", "/order", json_reply({"error": "invalid signature"}, "400 Bad"))
            signing = it.port.sign(M, [place(1), place(2, 4_700)])
            first = next(signing)
            assert (first.place, it.venue.asked, it.events) == (place(1), [], [])
            assert it.port.write(first) == it.ns[0]
            second = next(signing)
            assert second.order != first.order
            assert it.events == []  # nothing is told before the call returns
            it.port.write(second)
            await until(lambda: len(it.of(ev.PlaceAnswered)) == 2)
            answers = it.of(ev.PlaceAnswered)
            assert {answer.order for answer in answers} == {first.order, second.order}
            assert {answer.verdict for answer in answers} == {ev.PlaceVerdict.REJECTED}
            assert {answer.reason for answer in answers} == {"signature"}
            assert all(answer.recv_ns >= answer.sent_ns > 0 for answer in answers)
            assert len(it.venue.of("POST", "/order")) == 2

    run(scene())


def test_orders_are_signed_on_the_grid_of_the_book(stage: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            book = Book(10)
            it.port.add_market(MARKET, book)
            (signed,) = it.port.sign(M, [place(price_e4=4_810)])
            assert signed.place.price_e4 == 4_810

    stage(scene())


def test_cancels_and_sweeps_come_back_as_what_they_prove(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.venue.say("DELETE", "/orders", canceling)
            swept = {"canceled": [ORDER_A], "not_canceled": {ORDER_B: "already matched"}}
            it.venue.say("DELETE", "/cancel-market-orders", json_reply(swept))
            it.venue.say("DELETE", "/cancel-all", None)
            assert it.port.cancel((ORDER_A, ORDER_B)) == it.ns[0]
            await until(lambda: len(it.of(ev.CancelAnswered)) == 2)
            assert {one.verdict for one in it.of(ev.CancelAnswered)} == {ev.CancelVerdict.CANCELED}
            it.port.sweep(M)
            sweep = await it.first(ev.Swept)
            assert (sweep.market, sweep.canceled, sweep.not_canceled) == (M, (ORDER_A,), (ORDER_B,))
            it.events.clear()
            it.port.sweep("")
            lost = await it.first(ev.Swept)
            assert (lost.market, lost.verdict) == ("", ev.CancelVerdict.UNKNOWN)

    run(scene())


def test_a_cancel_that_never_leaves_is_told_by_when_it_was_handed_over(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.gateway.budget.take_cancels(120, time.monotonic_ns())
            handed_ns = it.port.cancel((ORDER_A,))
            it.ns[0] += 5
            answer = await it.first(ev.CancelAnswered)
            assert (answer.verdict, answer.reason) == (ev.CancelVerdict.NOT_SENT, "cancel_budget")
            assert (answer.sent_ns, answer.retry_after_ns > 0) == (handed_ns, True)

    run(scene())


def test_a_sweep_of_everything_first_takes_back_what_waits_to_be_placed(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.venue.gates["POST", "/order"] = asyncio.Event()  # holds the one connection
            it.venue.say("DELETE", "/cancel-all", json_reply({"canceled": []}))
            for signed in it.port.sign(M, [place(1), place(2, 4_700)]):
                it.port.write(signed)
            it.port.sweep("")
            await it.first(ev.Swept)
            (withdrawn,) = it.of(ev.PlaceAnswered)
            assert (withdrawn.verdict, withdrawn.reason) == (ev.PlaceVerdict.NOT_SENT, "withdrawn")
            assert withdrawn.sent_ns == 0

    run(scene())


def test_a_beat_that_meets_another_is_told_as_busy(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.venue.say("POST", "/v1/heartbeats", json_reply({"heartbeat_id": "h1"}))
            it.port.beat()
            it.port.beat()
            assert it.events == []
            await until(lambda: len(it.of(ev.BeatAnswered)) == 2)
            busy, accepted = it.of(ev.BeatAnswered)
            assert (busy.is_accepted, busy.reason) == (False, "busy")
            assert accepted.is_accepted

    run(scene())


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


def test_the_channel_is_told_to_the_market_it_speaks_of(stage: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.port.hear(trade(maker()), 5)
            (fill,) = it.of(ev.FillTold)
            assert (fill.order, fill.recv_ns) == (ORDER_A, 5)
            it.port.hear(trade(maker(), condition_id="0xelse"), 6)
            assert it.port.counts == {"fills_elsewhere": 1}
            it.port.remove_market(MARKET)
            it.port.hear(trade(maker()), 7)
            assert it.port.counts["late_fills"] == 1
            assert len(it.events) == 1

    stage(scene())


def test_what_the_channel_told_and_nobody_can_read_is_missing(stage: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.port.hear(trade(maker(token_id="5")), 8)
            assert it.events == [ev.UserChannel(False, 8), ev.UserChannel(True, 8)]
            it.port.lose(4)
            assert it.events[2:] == [ev.UserChannel(False, 4)]

    stage(scene())


def test_a_merge_is_tried_again_only_where_that_may_help(
    run: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy = SettleResult(state=SettleState.FAILED, reason="busy", may_retry=True)
    reverted = SettleResult(state=SettleState.FAILED, reason="reverted")
    done = SettleResult(state=SettleState.SETTLED)

    async def merged(*answers: SettleResult) -> tuple[list[ev.Event], int]:
        async with opened() as it:
            it.chain.answers = list(answers)
            it.port.merge(M, 3 * SHARE)
            await until(lambda: bool(it.events))
            return it.events, len(it.chain.asked)

    async def scene() -> None:
        monkeypatch.setattr(venue_port, "MERGE_RETRY_S", 0.0)
        failed = ev.MergeFailed(M, 3 * SHARE, "busy")
        assert await merged(done) == ([ev.Merged(M, 3 * SHARE)], 1)
        assert await merged(busy, done) == ([ev.Merged(M, 3 * SHARE)], 2)
        assert await merged(busy) == ([failed], venue_port.MERGE_TRIES)
        assert await merged(reverted) == ([failed._replace(reason="reverted")], 1)

    run(scene())
