"""A busy book held against REST now and then, though no answer ever meets one moment of it.

A delta that was lost below the best prices is told by no message; it may stand for minutes and then
be the best price. So a REST book is compared with what of ours did not move while it was on its
way (FAILURES 5). A level may come and go unseen between two looks: only one that differs twice in a
row, with the same size of ours, is believed to be wrong.
"""

from typing import Final

from polymm._core.layout import ASK, BID
from polymm.domain.order import Token
from polymm.venues.polymarket.feed_market import FeedMarket, View
from polymm.venues.polymarket.freshness import MarketFeedSettings, Witness

# Ours reflects what REST has seen this long after its answer, and is watched until then.
SETTLE_NS: Final = 150_000_000
# If it does not by then, there is no verdict.
WAIT_NS_MAX: Final = 1_000_000_000
# After a difference it is looked at again so soon.
AGAIN_NS: Final = 1_000_000_000

# Side and price, Up terms, with our size.
_Level = tuple[int, int, int]


class RestAudit:
    """Audits one market's book; to be called at each look of its feed.

    Args:
        witness: Reads REST books of the market.
        now_ns: When it may first be audited.
    """

    __slots__ = (
        "_asked_ms",
        "_differing",
        "_epoch",
        "_leader",
        "_market",
        "_next_ns",
        "_seen",
        "_steady",
        "_taken_ns",
        "_token",
        "_told",
        "_told_ms",
        "_witness",
    )

    def __init__(self, witness: Witness, now_ns: int) -> None:
        self._witness = witness
        self._market: FeedMarket = witness.market
        self._next_ns = now_ns
        self._token = Token.DOWN
        # Of the audit under way: the book that was asked about, what of it has not moved, and every
        # level that it has had.
        self._leader: View | None = None
        self._epoch = self._asked_ms = 0
        self._steady: set[_Level] = set()
        self._seen: set[tuple[int, int]] = set()
        self._told: set[_Level] | None = None
        self._told_ms = self._taken_ns = 0
        # What differed at the last one.
        self._differing: set[_Level] = set()

    @property
    def _is_on(self) -> bool:
        return self._leader is not None

    def due(self, now_ns: int, settings: MarketFeedSettings) -> Token | None:
        """Name the token to ask for now, in turns; None where there is nothing to be asked."""
        market, leader = self._market, self._market.leader
        if self._is_on or now_ns < self._next_ns or not settings.rest_audit_ns:
            return None
        if leader is None or not market.is_fresh(now_ns):
            return None
        self._next_ns = now_ns + settings.rest_audit_ns
        token = Token.UP if self._token is Token.DOWN else Token.DOWN
        self._leader, self._epoch = leader, market.epoch
        self._asked_ms = market.timestamp_ms
        self._steady = self._levels()
        self._seen = {level[:2] for level in self._steady}
        self._told = None
        self._token = token
        return token

    def take(self, status: int, body: bytes, now_ns: int) -> None:
        """Take the answer; the verdict comes with a later look."""
        book = self._witness.read(status, body)
        if book is None:
            self._leader = None
            return
        self._told = {(side, *level) for side in (BID, ASK) for level in book.levels(side)}
        self._told_ms, self._taken_ns = book.timestamp_ms, now_ns

    def look(self, now_ns: int) -> str:
        """Watch the book while an answer is awaited, and judge it.

        Returns:
            "" where there is no verdict now, else its name: ``same``; ``differs`` for the first
            time; ``wrong`` where a level differed before; ``older`` than what we had already;
            ``ahead`` of us.
        """
        market = self._market
        if not self._is_on:
            return ""
        if market.leader is not self._leader or market.epoch != self._epoch:
            self._leader = None
            return ""
        levels = self._levels()
        self._steady &= levels
        self._seen.update(level[:2] for level in levels)
        if self._told is None or now_ns < self._taken_ns + SETTLE_NS:
            return ""
        if self._told_ms < self._asked_ms:
            self._leader = None
            return "older"
        if market.timestamp_ms < self._told_ms:
            if now_ns < self._taken_ns + WAIT_NS_MAX:
                return ""
            self._leader = None
            return "ahead"
        self._leader = None
        return self._judge(now_ns, self._told)

    def _judge(self, now_ns: int, told: set[_Level]) -> str:
        # A level that only REST has is one of size 0 of ours.
        missing = {(side, e4, 0) for side, e4, _ in told if (side, e4) not in self._seen}
        differing = (self._steady - told) | missing
        before, self._differing = self._differing, differing
        if not differing:
            return "same"
        self._next_ns = now_ns + AGAIN_NS
        # The same token is asked for again.
        self._token = Token.UP if self._token is Token.DOWN else Token.DOWN
        if before.isdisjoint(differing):
            return "differs"
        self._differing = set()
        return "wrong"

    def _levels(self) -> set[_Level]:
        book = self._market.book
        return {(side, *level) for side in (BID, ASK) for level in book.levels(side)}
