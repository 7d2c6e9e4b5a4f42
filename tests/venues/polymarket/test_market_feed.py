"""The market feed on loopback sockets: it subscribes, opens again, rolls over and ends."""

import asyncio
import time

import pytest

from polymm.domain.order import Token
from polymm.errors import InputError
from polymm.venues.polymarket.market_feed import MarketFeedSettings
from tests.support.feeds import MARKET_ONE, MARKET_TWO, MS, PARAMS, bid_change, whole_book
from tests.support.loopback import Stage, until, unused_port
from tests.support.market_scene import CALM, dumping, opened
from tests.support.wire import DOWN, OTHER, STAMP, UP


def test_both_sockets_subscribe_before_they_ping(run: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=dumping) as it:
            market = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.is_fresh(market) and len(it.venue.live) == 2)
            await until(lambda: all(b"PING" in talk.heard for talk in it.venue.live))
            for talk in it.venue.live:
                assert talk.asked[0] == {
                    "type": "market",
                    "assets_ids": [UP, DOWN],
                    "custom_feature_enabled": True,
                }
                assert talk.heard[0] != b"PING"
            assert (market.best_bid_e4, market.best_ask_e4) == (4_800, 5_200)
            assert it.obstacles[-1] == (market, "")

    run(scene())


def test_no_socket_is_opened_for_no_market(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=dumping) as it:
            await asyncio.sleep(0.02)
            assert it.venue.talks == []

    stage(scene())


def test_markets_come_and_go_on_open_sockets(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(CALM, on_text=dumping) as it:
            one = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.is_fresh(one) and len(it.venue.live) == 2)
            await until(lambda: all(talk.asked for talk in it.venue.live))
            two = it.feed.add(MARKET_TWO, PARAMS)
            with pytest.raises(InputError, match="stands already"):
                it.feed.add(MARKET_TWO, PARAMS)
            await until(lambda: len(it.venue.live[0].asked) == 2)
            it.venue.live[0].say(whole_book(up=OTHER))
            await until(lambda: two.has_epoch)

            it.feed.remove(one)
            it.feed.remove(one)
            await until(lambda: all(len(talk.asked) == 3 for talk in it.venue.live))
            operations = [asked.get("operation") for asked in it.venue.live[0].asked]
            assert operations == [None, "subscribe", "unsubscribe"]
            assert it.venue.live[1].asked[-1]["assets_ids"] == [UP, DOWN]
            assert it.feed.markets == [two]

            it.stepped.steps.clear()
            it.venue.live[0].say(bid_change("0.49", "1", at_ms=1))
            await asyncio.sleep(0.005)
            assert it.stepped.steps == []
            again = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.is_fresh(again))

    stage(scene())


def test_more_tokens_than_a_socket_bears_are_refused(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(MarketFeedSettings(time_ns=0, tokens_max=2), on_text=dumping) as it:
            it.feed.add(MARKET_ONE, PARAMS)
            with pytest.raises(InputError, match="at most 2 tokens"):
                it.feed.add(MARKET_TWO, PARAMS)

    stage(scene())


def test_a_socket_that_ends_is_opened_again_while_the_other_leads(run: Stage) -> None:
    async def scene() -> None:
        async with opened(CALM, on_text=dumping) as it:
            market = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.is_fresh(market) and len(it.venue.live) == 2)
            await until(lambda: [line.is_whole for line in it.feed.lines] == [True, True])
            for i in range(4):
                it.venue.live[i % 2].abort()
                await until(lambda i=i: len(it.venue.talks) == 3 + i)
                assert market.has_epoch
                await until(lambda: len(it.venue.live) == 2)
                await until(lambda: [line.is_whole for line in it.feed.lines] == [True, True])
            assert it.feed.counts["ended_closed_1006"] == 4
            assert it.doubts == []

    run(scene())


def test_without_any_socket_the_book_is_empty_and_the_maker_told(stage: Stage) -> None:
    async def scene() -> None:
        one_line = MarketFeedSettings(time_ns=0, lines=1, backoff_base_ns=20 * MS, check_ns=MS)
        async with opened(one_line, on_text=dumping) as it:
            market = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.is_fresh(market))
            assert market.quote.bid_e6
            it.stepped.steps.clear()
            it.venue.live[0].close(1001)
            await until(lambda: bool(it.stepped.steps))
            assert (market.has_epoch, market.quote.bid_e6) == (False, 0)
            assert it.feed.counts["ended_closed_1001"] == 1
            await until(lambda: it.is_fresh(market))

    stage(scene())


def test_the_end_of_the_last_socket_is_told_before_the_next_look(stage: Stage) -> None:
    async def scene() -> None:
        rarely = MarketFeedSettings(time_ns=0, check_ns=60_000 * MS)
        async with opened(rarely, on_text=dumping) as it:
            market = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: market.has_epoch and len(it.venue.live) == 2)
            it.feed.check(time.monotonic_ns())
            for talk in it.venue.live:
                assert it.obstacles[-1][1] != "no_line"
                talk.abort()
            await until(lambda: not it.feed.lines)
            assert it.obstacles[-1] == (market, "no_line")

    stage(scene())


def test_nobody_there_is_counted_by_kind_and_tried_again(stage: Stage) -> None:
    async def scene() -> None:
        port = await unused_port()
        async with opened(url=f"ws://127.0.0.1:{port}/") as it:
            it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.feed.counts["dial_refused"] >= 4)
            assert it.feed.lines == ()

    stage(scene())


def test_the_winner_is_told_once(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(CALM, on_text=dumping) as it:
            market = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.is_fresh(market) and len(it.venue.live) == 2)
            message = {
                "event_type": "market_resolved",
                "assets_ids": [UP, DOWN],
                "winning_asset_id": UP,
                "timestamp": str(STAMP),
            }
            for talk in it.venue.live:
                talk.say(message)
            await until(lambda: bool(it.resolved))
            await asyncio.sleep(0.005)
            assert it.resolved == [(market, Token.UP)]
            assert market.obstacle(time.monotonic_ns()) == "resolved"

    stage(scene())


def test_many_turns_leave_nothing_behind(stage: Stage) -> None:
    """Markets roll over again and again: equal numbers of tasks and sockets, no slot lost."""

    async def scene() -> None:
        async with opened(CALM, on_text=dumping) as it:
            two = it.feed.add(MARKET_TWO, PARAMS)
            await until(lambda: len(it.feed.lines) == 2)
            tasks = len(asyncio.all_tasks())
            for _ in range(300):
                one = it.feed.add(MARKET_ONE, PARAMS)
                it.feed.remove(one)
            assert len(asyncio.all_tasks()) == tasks
            assert [line.decoder.add_market("9" * 70) for line in it.feed.lines] == [1, 1]
            assert it.feed.markets == [two]
            assert two.views == [line.views[two] for line in it.feed.lines]

    stage(scene())
