"""A market feed before a venue of which a scene decides every word."""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from polymm.domain.order import Token
from polymm.venues.polymarket.market_feed import FeedMarket, MarketFeed, MarketFeedSettings
from tests.support.feed_venue import FeedVenue, Talk, feed_venue
from tests.support.feeds import MS, Stepped, both_books
from tests.support.wire import DOWN, STAMP, book, compact

# The settings of every day, a hundred times as fast; stamps are those of long ago.
FAST = MarketFeedSettings(
    time_ns=0,
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
CALM = MarketFeedSettings(
    time_ns=0, check_ns=2 * MS, backoff_base_ns=2 * MS, backoff_ns_max=10 * MS
)


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
