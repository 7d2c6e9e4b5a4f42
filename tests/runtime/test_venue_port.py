"""The engine's actions carried out over loopback: what is written, and what comes back."""

import asyncio
import time

import pytest

from polymm.domain.market import NS
from polymm.engine import evidence as ev
from polymm.runtime import merging
from polymm.venues.polymarket.results import SettleResult, SettleState
from tests.runtime.test_venue_words import maker, trade
from tests.support.gateways import MARKET, ORDER_A, ORDER_B, SHARE, canceling, json_reply
from tests.support.loopback import Stage, until
from tests.support.port_scene import Book, M, opened, place


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


@pytest.mark.parametrize(
    ("left_s", "margin_s", "kind", "dies_s"),
    [
        (187.0, 2, "GTD", 298),  # it says so 185 s ahead
        (186.9, 2, "GTC", 0),
        (300.0, 0, "GTD", 300),
        (60.0, 2, "GTC", 0),
        (300.0, -1, "GTC", 0),  # nobody asked for it
    ],
)
def test_an_order_says_when_it_dies_where_the_venue_takes_that_in_time(
    stage: Stage, left_s: float, margin_s: int, kind: str, dies_s: int
) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.ns[0] = MARKET.end_ns - int(left_s * NS)
            it.port.expiry_margin_ns = margin_s * NS
            (signed,) = it.port.sign(M, [place(1)])
            body = bytes(signed.request.request)
            assert f'"orderType":"{kind}"'.encode() in body
            assert b'"postOnly":true' in body
            stated = MARKET.start_ns // NS + dies_s if dies_s else 0
            assert f'"expiration":"{stated}"'.encode() in body

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
        monkeypatch.setattr(merging, "RETRY_S", 0.0)
        failed = ev.MergeFailed(M, 3 * SHARE, "busy")
        assert await merged(done) == ([ev.Merged(M, 3 * SHARE)], 1)
        assert await merged(busy, done) == ([ev.Merged(M, 3 * SHARE)], 2)
        assert await merged(busy) == ([failed], merging.TRIES)
        assert await merged(reverted) == ([failed._replace(reason="reverted")], 1)

    run(scene())
