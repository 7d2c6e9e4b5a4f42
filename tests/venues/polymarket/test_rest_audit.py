"""A busy book is held against REST books that meet none of its moments."""

import asyncio
import random
from collections import Counter
from typing import Any

from polymm._core.decode import Decoder
from polymm.domain.order import Token
from polymm.venues.polymarket.freshness import MarketFeedSettings, Witness
from polymm.venues.polymarket.market_line import MarketLine
from polymm.venues.polymarket.rest_audit import RestAudit
from tests.support.feeds import (
    MARKET_ONE,
    MS,
    PARAMS,
    SECOND,
    FeedScene,
    bid_change,
    both_books,
)
from tests.support.loopback import Stage
from tests.support.market_scene import dumping, opened
from tests.support.wire import STAMP, UP, book, compact

SETTINGS = MarketFeedSettings(rest_audit_ns=200 * MS)
TRIP_MS = 60
LAG_MS = 30


class Busy:
    """A venue's book that changes every few milliseconds, the feed of it, and a REST route.

    Attributes:
        bids: Of Up at the venue by price in cents; best ask is 52.
        lost: Prices whose changes never reach the feed.
    """

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.scene = FeedScene()
        self.market = self.scene.market()
        self.line: MarketLine = self.scene.line()
        self.bids = {48: 100, 47: 100, 46: 100, 45: 100, 44: 100}
        self.lost: set[int] = set()
        self.at_ms = 0
        self._way: list[tuple[int, Any]] = []
        self.scene.hear(self.line, both_books())
        for price in (47, 46, 45, 44):
            self._tell(price)
        witness = Witness(self.market, Counter(), Decoder())
        self.audit = RestAudit(witness, self.scene.clock.now_ns)

    def _tell(self, price: int) -> None:
        if price in self.lost:
            return
        frame = bid_change(f"0.{price}", str(self.bids[price]), at_ms=self.at_ms)
        self._way.append((self.at_ms + LAG_MS, frame))

    def run(self, ms: int) -> None:
        """Let time pass, with a change of some level every 4 ms."""
        for _ in range(ms):
            self.at_ms += 1
            self.scene.clock.now_ns += MS
            if self.at_ms % 4 == 0:
                price = self.draw.choice((48, 47, 46))
                self.bids[price] = self.draw.randint(50, 500)
                self._tell(price)
            while self._way and self._way[0][0] <= self.at_ms:
                self.scene.hear(self.line, self._way.pop(0)[1], after_ms=0)

    def rest_book(self) -> bytes:
        bids = sorted((f"0.{price}", str(size)) for price, size in self.bids.items())
        return compact(book(bids, [("0.52", "100")], asset=UP, stamp=STAMP + self.at_ms))

    def verdict(self) -> str:
        """Let one audit come and be answered in its time."""
        now_ns = self.scene.clock
        while self.audit.due(now_ns(), SETTINGS) is not Token.UP:
            self.audit.take(0, b"", now_ns())
            self.run(50)
        self.run(TRIP_MS // 2)
        body = self.rest_book()
        self.run(TRIP_MS // 2)
        self.audit.take(200, body, now_ns())
        for _ in range(40):
            self.run(50)
            found = self.audit.look(now_ns())
            if found:
                return found
        return ""


def test_a_busy_book_that_is_true_is_never_resynced() -> None:
    busy = Busy(1)
    verdicts = Counter(busy.verdict() for _ in range(40))
    assert verdicts["same"] > 30
    assert "wrong" not in verdicts


def test_a_level_whose_change_was_lost_is_found_at_once_and_believed_when_seen_twice() -> None:
    busy = Busy(2)
    busy.run(100)
    busy.lost.add(44)
    busy.bids[44] = 900
    assert busy.verdict() == "differs"
    began_ns = busy.scene.clock.now_ns
    assert busy.verdict() == "wrong"
    assert busy.scene.clock.now_ns - began_ns < 3 * SECOND


def test_a_level_that_was_lost_whole_is_found_too() -> None:
    busy = Busy(3)
    busy.run(100)
    busy.bids[40] = 70
    assert [busy.verdict(), busy.verdict()] == ["differs", "wrong"]


def test_a_difference_that_moves_on_was_none() -> None:
    busy = Busy(4)
    busy.run(100)
    busy.bids[41] = 7
    assert busy.verdict() == "differs"
    del busy.bids[41]
    busy.bids[42] = 7
    assert busy.verdict() == "differs"
    del busy.bids[42]
    assert busy.verdict() == "same"


def test_rest_that_is_behind_or_ahead_of_us_says_nothing() -> None:
    busy = Busy(5)
    busy.run(100)
    assert busy.audit.due(busy.scene.clock(), SETTINGS) is Token.UP
    stale = compact(book([("0.01", "5")], [("0.99", "5")], asset=UP, stamp=STAMP))
    busy.audit.take(200, stale, busy.scene.clock())
    busy.run(200)
    assert busy.audit.look(busy.scene.clock()) == "older"
    busy.run(500)
    assert busy.audit.due(busy.scene.clock(), SETTINGS) is Token.DOWN
    early = compact(book([("0.01", "5")], [("0.99", "5")], asset=UP, stamp=STAMP + 10**6))
    busy.audit.take(200, early, busy.scene.clock())
    busy.run(1_000)
    assert busy.audit.look(busy.scene.clock()) == "ahead"


def test_no_answer_and_another_book_end_an_audit_without_a_verdict() -> None:
    busy = Busy(6)
    for status, body in ((0, b"timeout"), (503, b"{}"), (200, b"<html>")):
        assert busy.audit.due(busy.scene.clock(), SETTINGS) is not None
        busy.audit.take(status, body, busy.scene.clock())
        assert busy.audit.look(busy.scene.clock()) == ""
        busy.run(200)
    assert busy.audit.due(busy.scene.clock(), SETTINGS) is not None
    busy.line.redrive(busy.line.views[busy.market], busy.scene.clock())
    busy.run(10)
    assert busy.audit.look(busy.scene.clock()) == ""
    # Without a book there is nothing to compare.
    assert busy.audit.due(busy.scene.clock() + SECOND, SETTINGS) is None


def test_a_feed_asks_for_a_book_again_that_rest_contradicts_while_it_is_heard_of(
    stage: Stage,
) -> None:
    settings = MarketFeedSettings(
        time_ns=0, check_ns=2 * MS, backoff_base_ns=2 * MS, backoff_ns_max=10 * MS, lines=1
    )

    async def scene() -> None:
        async with opened(settings, on_text=dumping) as it:
            wrong = book([("0.48", "100"), ("0.40", "9")], [("0.52", "100")], asset=UP)
            for token in (MARKET_ONE.up_token, MARKET_ONE.down_token):
                it.venue.answers[f"/book?token_id={token}"] = (200, compact(wrong))
            it.feed.add(MARKET_ONE, PARAMS)
            async with asyncio.timeout(8):
                while not it.feed.counts["audit_differs"]:
                    await asyncio.sleep(0.002)
                for audit in it.feed._rest_audits.values():
                    audit._next_ns = 0
                while not it.feed.counts["resync_audit"]:
                    await asyncio.sleep(0.002)

    stage(scene())
