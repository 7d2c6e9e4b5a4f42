"""The user feed on a loopback socket: events, and every moment at which some may be missing."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from polymm.venues.polymarket.credentials import ApiCredentials, Secret
from polymm.venues.polymarket.user_events import OrderEvent, UserEvent
from polymm.venues.polymarket.user_feed import UserFeed, UserFeedSettings
from tests.support.feed_venue import FeedVenue, Talk, feed_venue
from tests.support.loopback import Stage, until, unused_port
from tests.venues.polymarket.test_user_events import order, trade

MS = 1_000_000
CREDENTIALS = ApiCredentials(Secret("a-key"), Secret("c2VjcmV0"), Secret("a-passphrase"))
FAST = UserFeedSettings(
    ping_ns=20 * MS,
    doubt_ns=10 * MS,
    pong_ns_max=60 * MS,
    backoff_base_ns=2 * MS,
    backoff_ns_max=5 * MS,
    check_ns=2 * MS,
)


@dataclass
class Scene:
    """A feed with its venue, and what it told."""

    venue: FeedVenue
    feed: UserFeed
    told: list[Any] = field(default_factory=list)
    gaps: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)

    @property
    def events(self) -> list[UserEvent]:
        return [one for one in self.told if one != "gap"]


@asynccontextmanager
async def opened(
    settings: UserFeedSettings = FAST, *, url: str = "", **options: Any
) -> AsyncIterator[Scene]:
    async with feed_venue(**options) as venue:
        told: list[Any] = []
        gaps: list[int] = []
        lost: list[int] = []

        def on_gap(since_ns: int) -> None:
            told.append("gap")
            gaps.append(since_ns)

        feed = UserFeed(
            url or venue.url,
            CREDENTIALS,
            lambda event, _: told.append(event),
            on_gap,
            on_lost=lost.append,
            rng=random.Random(1),
            settings=settings,
        )
        await feed.open()
        try:
            yield Scene(venue, feed, told, gaps, lost)
        finally:
            await feed.close()
            assert not feed.is_live
            told.clear()
            await asyncio.sleep(0.005)
            assert told == []


def telling(*messages: Any) -> Callable[[Talk, Any], None]:
    def on_text(talk: Talk, asked: Any) -> None:
        talk.say(*messages)

    return on_text


def test_credentials_come_first_and_the_answered_ping_proves_the_socket(run: Stage) -> None:
    async def scene() -> None:
        async with opened(UserFeedSettings()) as it:
            await until(lambda: it.feed.is_live)
            talk = it.venue.talks[0]
            assert talk.asked == [
                {
                    "type": "user",
                    "auth": {
                        "apiKey": "a-key",
                        "secret": "c2VjcmV0",
                        "passphrase": "a-passphrase",
                    },
                }
            ]
            assert talk.heard[1] == b"PING"
            assert it.told == ["gap"]

    run(scene())


def test_events_are_told_one_by_one_after_the_gap(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=telling([order(), trade()], order(type="UPDATE"))) as it:
            await until(lambda: len(it.told) == 4)
            assert it.told[0] == "gap"
            kinds = [type(event).__name__ for event in it.events]
            assert kinds == ["OrderEvent", "TradeEvent", "OrderEvent"]
            assert it.feed.counts["events"] == 3

    stage(scene())


def test_each_reconnect_is_a_gap_since_the_last_sign_of_life(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            await until(lambda: it.feed.is_live)
            for i in range(1, 4):
                aborted_ns = time.monotonic_ns()
                it.venue.live[0].abort()
                await until(lambda i=i: len(it.gaps) == i + 1)
                assert it.gaps[i - 1] < it.gaps[i] < aborted_ns
                assert it.lost == it.gaps[1:]  # told at once, not when it is heard again
            assert it.feed.counts["ended_closed_1006"] == 3
            assert it.feed.refusals == 0

    run(scene())


def test_refused_credentials_are_counted_in_a_row(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=lambda talk, _: talk.close(1008), answers_pings=False) as it:
            await until(lambda: it.feed.refusals == 3)
            assert it.told == []
            it.venue.on_text = telling(order())
            await until(lambda: it.feed.is_live)
            assert it.feed.refusals == 0

    stage(scene())


def test_words_before_a_close_are_no_sign_of_life(stage: Stage) -> None:
    def refuse(talk: Talk, _: Any) -> None:
        talk.say({"error": "unauthorized"})
        talk.close(1008)

    async def scene() -> None:
        async with opened(on_text=refuse, answers_pings=False) as it:
            await until(lambda: it.feed.refusals == 3)
            assert not it.feed.is_live
            assert it.told == it.lost == []

    stage(scene())


def test_a_frame_that_cannot_be_read_is_a_gap_and_spoils_nothing(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(on_text=telling([order(price="x"), order()], b"{")) as it:
            await until(lambda: len(it.gaps) == 3)
            assert [type(event) for event in it.events] == [OrderEvent]
            assert it.feed.counts["malformed"] == 2

    stage(scene())


def test_a_mute_socket_is_replaced(stage: Stage) -> None:
    async def scene() -> None:
        async with opened(answers_pings=False) as it:
            await until(lambda: it.feed.counts["ended_mute"] == 2)
            assert it.told == []
            assert it.feed.refusals == 0

    stage(scene())


def test_a_socket_that_falls_mute_is_told_before_it_is_given_up(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            await until(lambda: it.feed.is_live)
            it.venue.answers_pings = False
            await until(lambda: bool(it.lost))
            assert not it.feed.is_live
            assert it.feed.counts["ended_mute"] == 0
            await until(lambda: it.feed.counts["ended_mute"] == 1)
            it.venue.answers_pings = True
            await until(lambda: it.feed.is_live)
            assert it.lost == it.gaps[1:]  # told once, since the last sign of life
            assert it.feed.refusals == 0

    run(scene())


def test_a_late_answer_ends_the_doubt_on_the_same_socket(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            await until(lambda: it.feed.is_live)
            it.venue.answers_pings = False
            await until(lambda: bool(it.lost))
            it.venue.answers_pings = True
            it.venue.live[0].say(b"PONG")
            await until(lambda: it.feed.is_live)
            assert it.gaps[1:] == it.lost
            assert it.feed.counts["opened"] == 1

    run(scene())


def test_a_venue_that_closes_a_socket_in_doubt_refused_no_credentials(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            await until(lambda: it.feed.is_live)
            it.venue.answers_pings = False
            await until(lambda: bool(it.lost))
            it.venue.live[0].close(1001)
            await until(lambda: it.feed.counts["ended_closed_1001"] == 1)
            assert it.feed.refusals == 0
            assert len(it.lost) == 1

    run(scene())


def test_a_loop_that_stood_still_reads_before_it_doubts(run: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            await until(lambda: it.feed.is_live)
            time.sleep(0.1)
            await asyncio.sleep(0.01)
            assert it.lost == []

    run(scene())


@pytest.mark.parametrize("limit_ms", [500, 2_000, 60_000])
def test_silence_is_told_before_what_was_heard_is_too_old(limit_ms: int) -> None:
    made = UserFeedSettings.within(limit_ms * MS)
    # A PING leaves, and its silence is seen, up to a look late.
    told_ns = made.ping_ns + made.doubt_ns + 2 * made.check_ns
    assert told_ns <= limit_ms * MS
    assert made.ping_ns <= 10_000 * MS  # the venue's own word


def test_nobody_there_is_tried_again(stage: Stage) -> None:
    async def scene() -> None:
        port = await unused_port()
        async with opened(url=f"ws://127.0.0.1:{port}/") as it:
            await until(lambda: it.feed.counts["dial_refused"] == 3)

    stage(scene())
