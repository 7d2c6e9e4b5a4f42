"""The market feed in doubt: it asks REST, asks again, replaces sockets, and recovers."""

import asyncio
import time
from dataclasses import replace

from polymm.venues.polymarket.market_feed import MarketFeedSettings
from tests.support.feeds import MARKET_ONE, MS, PARAMS, bid_change, both_books
from tests.support.loopback import Stage, until
from tests.support.market_scene import FAST, dumping, opened, rest_of
from tests.support.wire import DOWN, UP


def test_a_mute_peer_is_cut_off(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=dumping, answers_pings=False) as it:
            it.venue.answers |= rest_of(UP) | rest_of(DOWN)
            it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.feed.counts["ended_mute"] >= 2)

    stage(scene())


def test_a_quiet_market_is_proven_by_rest(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=dumping) as it:
            it.venue.answers |= rest_of(UP) | rest_of(DOWN)
            slow = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.is_fresh(slow))
            # The pause between two questions of a token is half a second.
            await until(lambda: it.feed.counts["witness_same"] >= 2)
            assert set(it.venue.reads) == {f"/book?token_id={token}" for token in (UP, DOWN)}
            assert it.is_fresh(slow)

    stage(scene())


def test_a_silent_socket_is_replaced_and_serves_until_then(stage: Stage) -> None:
    """PONG still comes, data does not, and REST does not answer either."""

    async def scene() -> None:
        async with opened(on_text=dumping) as it:
            market = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.is_fresh(market))
            await until(lambda: not it.is_fresh(market))
            assert market.has_epoch
            await until(lambda: it.is_fresh(market))
            assert it.feed.counts["replaced_silent"] >= 1
            await until(lambda: it.feed.counts["ended_replaced"] >= 2)
            assert len(it.venue.live) <= 4

    stage(scene())


def test_a_doubtful_socket_serves_until_its_successor_has_its_books(stage: Stage) -> None:
    async def scene() -> None:
        settings = replace(FAST, lines=1, dump_ns_max=10_000 * MS)
        async with opened(settings, on_text=dumping) as it:
            market = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.is_fresh(market))
            it.venue.on_text = lambda talk, asked: None
            await until(lambda: len(it.venue.live) == 2)
            await asyncio.sleep(0.01)
            old, new = it.venue.live
            assert market.has_epoch
            assert len(it.feed.lines) == 2
            new.say(both_books(at_ms=1))
            await until(lambda: old.is_over)
            assert it.feed.counts["replaced_silent"] == 1
            assert market.book is it.feed.lines[0].decoder.book(0)
            assert len(it.feed.lines) == 1

    stage(scene())


def test_one_silent_socket_of_two_is_replaced_without_a_doubt_in_the_market(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=dumping) as it:
            market = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.is_fresh(market) and len(it.venue.live) == 2)
            talking = it.venue.talks[0]
            at_ms = 0
            while it.feed.counts["replaced_silent"] == 0:
                at_ms += 1
                talking.say(bid_change("0.40", str(at_ms), at_ms=at_ms))
                await asyncio.sleep(0.002)
            assert talking in it.venue.live
            assert it.doubts == []

    stage(scene())


def test_a_first_book_that_never_comes_is_asked_for_then_the_socket_replaced(stage: Stage) -> None:
    async def scene() -> None:
        settings = MarketFeedSettings(
            time_ns=0,
            lines=1,
            dump_ns_max=5 * MS,
            check_ns=MS,
            backoff_base_ns=MS,
            backoff_ns_max=MS,
        )
        async with opened(settings) as it:
            it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: len(it.venue.talks) == 2)
            operations = [asked.get("operation") for asked in it.venue.talks[0].asked]
            assert operations == [None] + ["unsubscribe", "subscribe"] * 3
            assert it.feed.counts["resync_no_book"] == 3
            assert it.feed.counts["replaced_no_book"] == 1

    stage(scene())


def test_a_lasting_cross_is_cured_by_another_first_book(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=dumping) as it:
            it.venue.answers |= rest_of(UP) | rest_of(DOWN)
            market = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.is_fresh(market) and len(it.venue.live) == 2)
            crossed = bid_change("0.53", "5", at_ms=1, top=("0.53", "0.52"))
            for talk in it.venue.live:
                talk.say(crossed)
            await until(lambda: market.obstacle(time.monotonic_ns()) == "crossed")
            await until(lambda: it.is_fresh(market))
            assert it.feed.counts["resync_crossed"] >= 1
            assert market.best_bid_e4 == 4_800

    stage(scene())


def test_a_rest_book_that_lastingly_contradicts_costs_the_socket(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=dumping) as it:
            it.venue.answers |= rest_of(UP, "0.40", at_ms=5) | rest_of(DOWN, "0.40", at_ms=5)
            it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.feed.counts["witness_differs"] >= 1)
            await until(
                lambda: (
                    it.feed.counts["replaced_contradicted"] + it.feed.counts["replaced_silent"] >= 1
                )
            )

    stage(scene())


def test_a_market_that_rest_does_not_know_is_no_reason_to_open_sockets(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=dumping) as it:
            gone = (404, b'{"error":"no book"}')
            it.venue.answers |= {f"/book?token_id={token}": gone for token in (UP, DOWN)}
            market = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: market.obstacle(time.monotonic_ns()) == "stale_up")
            await until(lambda: it.feed.counts["witness_unknown"] >= 2)
            opened_before = it.feed.counts["opened"]
            await asyncio.sleep(0.05)
            assert it.feed.counts["opened"] == opened_before

    stage(scene())
