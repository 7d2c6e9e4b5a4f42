"""How the markets look, now and a moment ago: what a cache in front of the exchange still shows.

Once a second the changing facts of every market are noted. Gamma's stale answers are read from
the last minute of it, price histories from each market's whole life.
"""

from array import array
from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.exchange.listing import Listing
from polymm.exchange.server.hall import Hall

# Gamma is at most a minute old (markets-5m notes 2), and both ends count.
KEPT = 61


class Glance(NamedTuple):
    """What may change about one market.

    Args:
        listing: The market; only what never changes may be read of it.
        bid_e4: Best bid in Up terms, 0 for none.
        ask_e4: Best ask in Up terms, 10000 for none.
        tick_e4: Tick in force.
        last_e4: Price of the last trade in Up terms, None before the first.
        accepting: Whether orders are taken.
        winner: Outcome that pays, None before the resolution.
        closed_ns: When it was resolved, 0 before.
        to_beat_e8: Price to beat, None before the start.
        final_e8: Final price, None before the resolution.
    """

    listing: Listing
    bid_e4: int
    ask_e4: int
    tick_e4: int
    last_e4: int | None
    accepting: bool
    winner: Token | None
    closed_ns: int
    to_beat_e8: int | None
    final_e8: int | None

    @classmethod
    def of(cls, listing: Listing, now_ns: int) -> "Glance":
        """Look at a market."""
        bid_e4, ask_e4 = listing.touch(Token.UP)
        return cls(
            listing,
            bid_e4,
            ask_e4,
            listing.ladder.tick_e4,
            None if listing.last_trade is None else listing.last_trade[1],
            listing.accepting and now_ns >= listing.accepts_from_ns,
            listing.winner,
            listing.closed_ns,
            listing.to_beat_e8,
            listing.final_e8,
        )

    @property
    def has_two_sides(self) -> bool:
        """Whether somebody bids and somebody asks."""
        return self.bid_e4 > 0 and self.ask_e4 < 10_000

    def price_e5(self, token: Token) -> int:
        """What a share is worth, 1e-5 dollars: its payout, the middle, the last trade or a half."""
        if self.winner is not None:
            return 100_000 if token is self.winner else 0
        up_e5 = 50_000
        if self.has_two_sides:
            up_e5 = (self.bid_e4 + self.ask_e4) * 5
        elif self.last_e4 is not None:
            up_e5 = self.last_e4 * 10
        return 100_000 - up_e5 if token else up_e5


Past = dict[str, Glance]


class Glances:
    """Looks at all markets of a hall, and remembers.

    Args:
        hall: Its clock drives this; nothing has to be called.
    """

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._past: deque[tuple[int, Past]] = deque(maxlen=KEPT)
        # Of each market second and price of Up (1e-5 dollars), one after the other, where new.
        self._prices: dict[str, array[int]] = {}
        hall.exchange.on_listed.append(self._listed)
        self._looks = False

    def now(self) -> Past:
        """All markets as they are, by slug."""
        now_ns = self._hall.now_ns()
        return {slug: Glance.of(item, now_ns) for slug, item in self._hall.by_slug.items()}

    def at(self, ns: int) -> Past:
        """All markets as they were, by slug; the oldest known where that is longer ago."""
        for at_ns, past in reversed(self._past):
            if at_ns <= ns:
                return past
        return self._past[0][1] if self._past else self.now()

    def prices(self, listing: Listing) -> Iterator[tuple[int, int]]:
        """Each second at which Up's price was new, and the price, 1e-5 dollars; oldest first."""
        points = self._prices.get(listing.market.slug, array("q"))
        return zip(points[::2], points[1::2], strict=True)

    def _listed(self, _: Listing) -> None:
        """Begin to look once there is something to see; what is listed later is seen in turn."""
        if not self._looks:
            self._looks = True
            timers = self._hall.exchange.timers
            timers.at(timers.now_ns, self._look)

    def _look(self, now_ns: int) -> None:
        before: Mapping[str, Glance] = self._past[-1][1] if self._past else {}
        present = {}
        for slug, listing in self._hall.by_slug.items():
            glance = Glance.of(listing, now_ns)
            same = before.get(slug)
            # Equal glances share one object: most markets rest most of the time.
            present[slug] = same if same == glance else glance
            points = self._prices.setdefault(slug, array("q"))
            price_e5 = glance.price_e5(Token.UP)
            if not points or points[-1] != price_e5:
                points.extend((now_ns // NS, price_e5))
        for slug in self._prices.keys() - present.keys():
            del self._prices[slug]
        self._past.append((now_ns, present))
        self._hall.exchange.timers.at(now_ns + NS, self._look)
