"""The market feed on loopback sockets: it subscribes, watches, replaces, recovers and ends."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from polymm.domain.order import Token
from polymm.errors import InputError
from polymm.venues.polymarket.market_feed import FeedMarket, MarketFeed, MarketFeedSettings
from tests.support.feed_venue import FeedVenue, Talk, feed_venue
from tests.support.feeds import (
    MARKET_ONE,
    MARKET_TWO,
    MS,
    PARAMS,
    Stepped,
    bid_change,
    both_books,
    whole_book,
)
from tests.support.loopback import Stage, until, unused_port
from tests.support.wire import DOWN, OTHER, STAMP, UP, book, compact

# The settings of every day, a hundred times as fast.
FAST = MarketFeedSettings(
    ping_ns=30 * MS,
    pong_ns_max=60 * MS,
    quiet_ns=60 * MS,
    proof_ns_max=90 * MS,
    doubt_ns_max=30 * MS,
    dump_ns_max=40 * MS,
    crossed_ns_max=20 * MS,
    mismatch_ns_max=20 * MS,
    check_ns=2 * MS,
    backoff_base_ns=2 * MS,
    backoff_ns_max=10 * MS,
)
# No doubts within the time of a scene.
CALM = MarketFeedSettings(check_ns=2 * MS, backoff_base_ns=2 * MS, backoff_ns_max=10 * MS)


@dataclass
class Scene:
    """A feed with its venue, and what it told."""

    venue: FeedVenue
    feed: MarketFeed
    stepped: Stepped
    obstacles: list[tuple[FeedMarket, str]] = field(default_factory=list)
    resolved: list[tuple[FeedMarket, Token]] = field(default_factory=list)

    @property
    def doubts(self) -> list[str]:
        """Obstacles since the first moment without any."""
        names = [name for _, name in self.obstacles]
        return names[names.index("") + 1 :]

    def is_fresh(self, market: FeedMarket) -> bool:
        return market.is_fresh(time.monotonic_ns())


@asynccontextmanager
async def opened(
    settings: MarketFeedSettings = FAST, *, url: str = "", **options: Any
) -> AsyncIterator[Scene]:
    async with feed_venue(**options) as venue:
        stepped = Stepped()
        obstacles: list[tuple[FeedMarket, str]] = []
        resolved: list[tuple[FeedMarket, Token]] = []
        feed = MarketFeed(
            url or venue.url,
            venue.read,
            stepped,
            rng=random.Random(1),
            on_obstacle=lambda *told: obstacles.append(told),
            on_resolved=lambda *told: resolved.append(told),
            settings=settings,
        )
        await feed.open()
        try:
            yield Scene(venue, feed, stepped, obstacles, resolved)
        finally:
            await feed.close()
            told = len(stepped.steps)
            await asyncio.sleep(0.005)
            assert len(stepped.steps) == told


def dumping(talk: Talk, asked: Any) -> None:
    """Answer a subscription with books, as the venue does."""
    if asked.get("operation") != "unsubscribe":
        books = [one for one in both_books() if one["asset_id"] in asked["assets_ids"]]
        talk.say(books)


def rest_of(token: str, bid: str = "0.48", *, at_ms: int = 0) -> dict[str, tuple[int, bytes]]:
    sides: Any = ([(bid, "100")], [("0.52", "100")])
    if token == DOWN:
        sides = ([("0.48", "100")], [(f"{1 - float(bid):.2f}", "100")])
    record = book(*sides, asset=token, stamp=STAMP + at_ms)
    return {f"/book?token_id={token}": (200, compact(record))}


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
        async with opened(MarketFeedSettings(tokens_max=2), on_text=dumping) as it:
            it.feed.add(MARKET_ONE, PARAMS)
            with pytest.raises(InputError, match="at most 2 tokens"):
                it.feed.add(MARKET_TWO, PARAMS)

    stage(scene())


def test_a_socket_that_ends_is_opened_again_while_the_other_leads(run: Stage) -> None:
    async def scene() -> None:
        async with opened(CALM, on_text=dumping) as it:
            market = it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.is_fresh(market) and len(it.venue.live) == 2)
            await until(lambda: all(line.is_whole for line in it.feed.lines))
            for i in range(4):
                it.venue.live[i % 2].abort()
                await until(lambda i=i: len(it.venue.talks) == 3 + i)
                assert market.has_epoch
                await until(lambda: len(it.venue.live) == 2)
                await until(lambda: all(line.is_whole for line in it.feed.lines))
            assert it.feed.counts["ended_closed_1006"] == 4
            assert it.doubts == []

    run(scene())


def test_without_any_socket_the_book_is_empty_and_the_maker_told(stage: Stage) -> None:
    async def scene() -> None:
        one_line = MarketFeedSettings(lines=1, backoff_base_ns=20 * MS, check_ns=MS)
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


def test_nobody_there_is_counted_by_kind_and_tried_again(stage: Stage) -> None:
    async def scene() -> None:
        port = await unused_port()
        async with opened(url=f"ws://127.0.0.1:{port}/") as it:
            it.feed.add(MARKET_ONE, PARAMS)
            await until(lambda: it.feed.counts["dial_refused"] >= 4)
            assert it.feed.lines == ()

    stage(scene())


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
            assert it.venue.talks == [old, new]
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
            lines=1, dump_ns_max=5 * MS, check_ns=MS, backoff_base_ns=MS, backoff_ns_max=MS
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
            await until(lambda: len(it.venue.live) == 2)
            tasks = len(asyncio.all_tasks())
            for _ in range(300):
                one = it.feed.add(MARKET_ONE, PARAMS)
                it.feed.remove(one)
            assert len(asyncio.all_tasks()) == tasks
            assert [line.decoder.add_market("9" * 70) for line in it.feed.lines] == [1, 1]
            assert it.feed.markets == [two]
            assert two.views == [line.views[two] for line in it.feed.lines]

    stage(scene())
