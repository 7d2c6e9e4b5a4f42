"""The market channel, from the exchange's book to the maker's: frames with everything that befalls.

The real line with the real decoder, books and lanes reads what the exchange writes, under the real
rules of freshness; only the sockets and their seats are not there.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from polymm._core.decode import Decoder
from polymm._core.layout import CHANGED
from polymm.domain.market import Market
from polymm.domain.order import Token
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.feed_market import View as FeedView
from polymm.venues.polymarket.freshness import Cure, MarketFeedSettings, Witness, judge
from polymm.venues.polymarket.venue_time import VenueTime
from tests.simulation.faults import MS, WireFault
from tests.simulation.feed_socket import SECOND, Socket, Ways
from tests.simulation.feed_view import View
from tests.simulation.light_writer import stale_book

SETTINGS = MarketFeedSettings()
CHECK_NS = 50 * MS
WELL_CHECK_NS = 250 * MS
# A market is watched from so long before its window.
BEFORE_NS = 2_000 * MS
# A second socket is later than the first by up to so much.
APART_MS = 20


class Feed:
    """One engine's market feed: its sockets, watched as the real feed watches its own.

    Args:
        ways: What the sockets go by.
        latency_ns: Of a frame.
        lines: Sockets with the same markets.
        reference_ns: When the reference price was last heard.
        on_change: Market, flags.
        on_obstacle: Market, the name of what stands in the way, "" for nothing.

    Attributes:
        views: By condition id.
    """

    def __init__(
        self,
        ways: Ways,
        latency_ns: int,
        lines: int,
        reference_ns: Callable[[], int],
        on_change: Callable[[str, int], None],
        on_obstacle: Callable[[str, str], None],
    ) -> None:
        self.views: dict[str, View] = {}
        self._ways = ways
        self._latency_ns = latency_ns
        self._reference_ns = reference_ns
        self._tell = on_change
        self._tell_obstacle = on_obstacle
        self._obstacles: dict[str, str] = {}
        self._time = VenueTime(SETTINGS.time_ns, SETTINGS.lag_ns_max)
        self._witnesses: dict[str, Witness] = {}
        self._rest_books = Decoder()
        self._counts: Counter[str] = Counter()
        self._sockets: list[Socket] = []
        for i in range(lines):
            own_ns = latency_ns + (ways.rng.randint(0, APART_MS) * MS if i else 0)
            self._sockets.append(Socket(ways, self.views, own_ns, self._counts, self._turned))

    # Life

    def start(self) -> None:
        """Open the sockets and begin to watch."""
        now_ns = self._ways.clock_ns()
        for socket in self._sockets:
            socket.open(now_ns)
        self._ways.at(now_ns + CHECK_NS, self._check)

    def add(self, market: Market, params: Any) -> View:
        """Subscribe to a market."""
        now_ns = self._ways.clock_ns()
        feed = FeedMarket(
            market,
            params,
            self._changed,
            quoter_address=0,
            proof_ns_max=SETTINGS.proof_ns_max,
            mismatch_ns_max=SETTINGS.mismatch_ns_max,
            now_ns=now_ns,
            time=self._time,
        )
        view = self.views[market.condition_id] = View(feed, self._reference_ns)
        self._witnesses[market.condition_id] = Witness(feed, self._counts, self._rest_books)
        self._obstacles[market.condition_id] = ""
        for socket in self._sockets:
            socket.add(feed)
        self._watch(market.condition_id, now_ns)
        return view

    def remove(self, market: str) -> None:
        """Forget a market."""
        view = self.views.pop(market)
        view.feed.is_removed = True
        self._witnesses.pop(market).end()
        for socket in self._sockets:
            socket.remove(view.feed)

    def publish(self, market: str, tokens: Sequence[int], frame: bytes) -> None:
        """Take a frame from the exchange."""
        for socket in self._sockets:
            socket.publish(market, tokens, frame)

    def obstacle(self, market: str) -> str:
        """Name what stood in a market's way when it was last looked at, "" for nothing."""
        return self._obstacles[market]

    def end(self) -> None:
        """Go down with the process."""
        for socket in self._sockets:
            socket.line = None

    def heal(self) -> None:
        """Be sound from now on."""
        self._ways.late = (0, 0)
        for socket in self._sockets:
            socket.heal()

    def _changed(self, feed: FeedMarket, flags: int, recv_ns: int) -> None:
        self._tell(feed.market.condition_id, flags | CHANGED)

    def _turned(self, now_ns: int) -> None:
        """Note whether any socket is open."""
        is_open = any(socket.line is not None for socket in self._sockets)
        self._ways.senses.feed_closed_ns = 0 if is_open else now_ns

    # Watching

    def _check(self, now_ns: int) -> None:
        """Look at everything that time alone can make wrong, as the real feed does.

        What cannot become wrong soon is looked at less often than there.
        """
        is_well = True
        if self._time.due(now_ns):
            self._time.take(200, b"%d" % (now_ns // SECOND), now_ns, now_ns)
        for market, view in list(self.views.items()):
            facts = view.feed.market
            if not facts.start_ns - BEFORE_NS <= now_ns <= facts.end_ns:
                continue
            if self._is_well(now_ns, market, view.feed):
                continue
            is_well = False
            witness = self._witnesses[market]
            for token in witness.due(now_ns, SETTINGS):
                self._ways.at(
                    now_ns + 2 * self._latency_ns,
                    partial(self._testify, market, token, now_ns),
                )
            is_contradicted = witness.is_contradicted(now_ns, SETTINGS)
            for socket in self._sockets:
                self._cure(now_ns, socket, view.feed, is_contradicted=is_contradicted)
            self._watch(market, now_ns)
        self._ways.at(now_ns + (WELL_CHECK_NS if is_well else CHECK_NS), self._check)

    def _is_well(self, now_ns: int, market: str, feed: FeedMarket) -> bool:
        """Whether a closer look can be spared: sound sockets, told of both tokens just now."""
        muted = any(socket.is_muted for socket in self._sockets)
        if feed.leader is None or muted or self._ways.faults.feed_switches:
            return False
        feed.look()
        is_fresh = now_ns - min(feed.proven_ns) < SETTINGS.quiet_ns // 2
        return is_fresh and not self._obstacles[market] and all(map(_is_sound, feed.views))

    def _cure(
        self, now_ns: int, socket: Socket, feed: FeedMarket, *, is_contradicted: bool
    ) -> None:
        line = socket.line
        if line is None:
            return
        view = line.views[feed]
        cure, _ = judge(view, line.recv_ns, now_ns, SETTINGS)
        if cure is Cure.REPLACE:
            socket.close(now_ns)
        elif cure is Cure.REDRIVE or (is_contradicted and view is feed.leader):
            line.redrive(view, now_ns)

    def _testify(self, market: str, token: Token, asked_ns: int, now_ns: int) -> None:
        """Let a REST book speak for a token of which nothing was heard."""
        listing = self._ways.exchange.listings.get(market)
        witness = self._witnesses.get(market)
        if listing is None or witness is None:
            return
        if self._ways.is_down(now_ns):
            witness.take(token, 0, b"", asked_ns, now_ns)
            return
        body = listing.rest_book(token)
        if self._ways.faults.strikes(WireFault.REST_BOOK_STALE):
            body = stale_book(listing, token, self._ways.rng.choice((0, now_ns // MS)))
        witness.take(token, 200, body.encode(), asked_ns, now_ns)
        if witness.market.proven_ns[token] >= asked_ns:
            self._ways.stamp(market, (int(token),), witness.market.proven_ns[token])

    def _watch(self, market: str, now_ns: int) -> None:
        obstacle = self.views[market].feed.obstacle(now_ns)
        if obstacle != self._obstacles[market]:
            self._obstacles[market] = obstacle
            self._tell_obstacle(market, obstacle)


def _is_sound(view: FeedView) -> bool:
    """Whether a socket's book of a market needs nothing by itself."""
    book = view.book
    return book.has_epoch and not (view.mismatch_ns or view.crossed_ns or book.is_crossed)
