"""The market channel, from the exchange's book to the maker's: frames with everything that befalls.

The real line with the real decoder, books and lanes reads what the exchange writes, under the real
rules of freshness; only the socket and its seat are not there.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from types import SimpleNamespace
from typing import Any

from polymm._core.decode import Decoder
from polymm._core.layout import CHANGED
from polymm.domain.market import Market
from polymm.domain.order import Token
from polymm.exchange.exchange import Exchange
from polymm.exchange.faults import Fault
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.freshness import Cure, MarketFeedSettings, Witness, judge
from polymm.venues.polymarket.link import Dialling
from polymm.venues.polymarket.market_line import MarketLine
from polymm.venues.polymarket.venue_time import VenueTime
from tests.simulation.faults import MS, WireFault, WireFaults
from tests.simulation.feed_view import View
from tests.simulation.light_writer import stale_book
from tests.simulation.senses import Senses
from tests.simulation.wire import At

SETTINGS = MarketFeedSettings(lines=1)
CHECK_NS = 50 * MS
WELL_CHECK_NS = 250 * MS
# A market is watched from so long before its window.
BEFORE_NS = 2_000 * MS
SECOND = 1_000 * MS
LATE_MS = (300, 8_000)


class Feed:
    """One engine's market feed: one socket, watched as the real feed watches its own.

    Args:
        exchange: Whose books.
        faults: The wire's switches.
        at, at_world: Let something happen later: to this engine while it lives, or anyway.
        is_frozen: Whether its loop stands still.
        clock_ns: The world's.
        rng: Latencies.
        is_down: Whether the network is.
        reference_ns: When the reference price was last heard.
        on_change: Market, flags.
        on_obstacle: Market, the name of what stands in the way, "" for nothing.

    Attributes:
        views: By condition id.
    """

    def __init__(
        self,
        exchange: Exchange,
        faults: WireFaults,
        at: At,
        at_world: At,
        is_frozen: Callable[[], bool],
        clock_ns: Callable[[], int],
        rng: Random,
        latency_ns: int,
        senses: Senses,
        is_down: Callable[[int], bool],
        reference_ns: Callable[[], int],
        on_change: Callable[[str, int], None],
        on_obstacle: Callable[[str, str], None],
    ) -> None:
        self.views: dict[str, View] = {}
        self._exchange = exchange
        self._faults = faults
        self._at = at
        self._at_world = at_world
        self._is_frozen = is_frozen
        self._clock_ns = clock_ns
        self._rng = rng
        self._latency_ns = latency_ns
        self._senses = senses
        self._is_down = is_down
        self._reference_ns = reference_ns
        self._tell = on_change
        self._tell_obstacle = on_obstacle
        self._line: MarketLine | None = None
        self._subscribed: set[str] = set()
        self._obstacles: dict[str, str] = {}
        self._due_ns = 0
        self._silent_ns = 0
        self._mute: dict[tuple[str, int], int] = {}
        self._held: tuple[str, Sequence[int], bytes] | None = None
        self._opening = False
        # By how much everything is late, and until when.
        self._late = (0, 0)
        self._time = VenueTime(SETTINGS.time_ns, SETTINGS.lag_ns_max)
        self._witnesses: dict[str, Witness] = {}
        self._rest_books = Decoder()
        self._counts: Counter[str] = Counter()

    # Life

    def start(self) -> None:
        """Open the socket and begin to watch."""
        self._open(self._clock_ns())
        self._at(self._clock_ns() + CHECK_NS, self._check)

    def add(self, market: Market, params: Any) -> View:
        """Subscribe to a market."""
        feed = FeedMarket(
            market,
            params,
            self._changed,
            quoter_address=0,
            proof_ns_max=SETTINGS.proof_ns_max,
            mismatch_ns_max=SETTINGS.mismatch_ns_max,
            now_ns=self._clock_ns(),
            time=self._time,
        )
        view = self.views[market.condition_id] = View(feed, self._reference_ns)
        self._witnesses[market.condition_id] = Witness(feed, self._counts, self._rest_books)
        self._obstacles[market.condition_id] = ""
        if self._line is not None:
            self._line.add(feed)
        self._watch(market.condition_id, self._clock_ns())
        return view

    def remove(self, market: str) -> None:
        """Forget a market."""
        view = self.views.pop(market)
        view.feed.is_removed = True
        self._witnesses.pop(market).end()
        self._subscribed.discard(market)
        if self._line is not None:
            self._line.remove(view.feed)

    def obstacle(self, market: str) -> str:
        """Name what stood in a market's way when it was last looked at, "" for nothing."""
        return self._obstacles[market]

    def end(self) -> None:
        """Go down with the process."""
        self._line = None

    def heal(self) -> None:
        """Be sound from now on."""
        self._silent_ns = 0
        self._late = (0, 0)
        self._mute.clear()

    def _changed(self, feed: FeedMarket, flags: int, recv_ns: int) -> None:
        self._tell(feed.market.condition_id, flags | CHANGED)

    # The socket

    def _open(self, now_ns: int) -> None:
        self._opening = False
        if self._is_down(now_ns):
            self._reopen(now_ns)
            return
        line = MarketLine(
            Dialling(url="", clock_ns=self._clock_ns, ping=b"", ping_ns=SECOND, answer_ns_max=None),
            [view.feed for view in self.views.values()],
            self._counts,
            on_end=lambda line, reason: None,
            on_resolved=lambda feed, winner: None,
        )
        line.link = SimpleNamespace(  # type: ignore[assignment]
            send=lambda text: self._hear(line, text), answered=lambda ns: None
        )
        line.opened_ns = now_ns
        self._line = line
        self._silent_ns = 0
        self._subscribed = set()
        self._senses.feed_closed_ns = 0
        for market in self.views:
            self._subscribe(market, now_ns)

    def _close(self, now_ns: int) -> None:
        line, self._line = self._line, None
        self._held = None
        if line is not None:
            line.drop_views(now_ns)
        self._senses.feed_closed_ns = now_ns
        self._senses.fault_ns = now_ns
        self._reopen(now_ns)

    def _reopen(self, now_ns: int) -> None:
        if not self._opening:
            self._opening = True
            self._at(now_ns + self._rng.randint(50, 1_500) * MS, self._open)

    def _hear(self, line: MarketLine, text: bytes) -> bool:
        """Take what the line sends to the venue: the only thing that counts is a new dump."""
        now_ns = self._clock_ns()
        is_add = b'"subscribe"' in text
        for market, view in self.views.items():
            if view.feed.market.up_token.encode() in text:
                self._subscribed.discard(market)
                if is_add:
                    self._at(
                        now_ns + self._latency_ns,
                        partial(self._subscribe, market),
                    )
        return True

    def _subscribe(self, market: str, now_ns: int) -> None:
        """Dump both books, and send all changes from now on."""
        listing = self._exchange.listings.get(market)
        if listing is None or market not in self.views or self._line is None:
            return
        self._subscribed.add(market)
        faults = self._exchange.faults
        changed_ms = max(listing.changed_ns, 1) // 1_000_000
        books = [
            listing.writer.dump(token, changed_ms)
            for token in Token
            if not faults.strikes(Fault.MARKET_BOOK_MISSING)
        ]
        if books:
            self._post(now_ns, market, (0, 1), f"[{','.join(books)}]\n".encode())

    # Frames on their way

    def publish(self, market: str, tokens: Sequence[int], frame: bytes) -> None:
        """Take a frame from the exchange."""
        if market not in self._subscribed or self._line is None:
            return
        now_ns = self._clock_ns()
        own = self._faults
        is_sound = not own.feed_switches and now_ns >= self._silent_ns and not self._mute
        if is_sound and self._held is None and not self._is_down(now_ns):
            self._post(now_ns, market, tokens, frame)
            return
        faults = self._exchange.faults
        if faults.strikes(Fault.MARKET_SILENT):
            self._silent_ns = now_ns + faults.duration_ns(Fault.MARKET_SILENT)
        if now_ns < self._silent_ns or self._is_down(now_ns):
            self._senses.fault_ns = now_ns
            return
        if faults.strikes(Fault.MARKET_CLOSED):
            self._at(now_ns, self._close)
            return
        if own.strikes(WireFault.MARKET_TOKEN_SILENT):
            lasts_ns = own.duration_ns(WireFault.MARKET_TOKEN_SILENT)
            self._mute[market, tokens[0]] = now_ns + lasts_ns
        if self._mute:
            tokens, frame = self._unmuted(now_ns, market, tokens, frame)
            if not tokens:
                return
        if own.strikes(WireFault.MARKET_FRAME_LOST):
            self._senses.fault_ns = now_ns
            return
        if own.strikes(WireFault.MARKET_FRAME_GARBLED):
            frame = frame.replace(b'"side"', b'"edis"').replace(b'"bids"', b'"sdib"')
        if own.strikes(WireFault.MARKET_FRAME_SWAPPED) and self._held is None:
            self._held = (market, tokens, frame)
            return
        self._post(now_ns, market, tokens, frame)
        if own.strikes(WireFault.MARKET_FRAME_TWICE):
            self._post(now_ns, market, tokens, frame)
        if self._held is not None:
            held, self._held = self._held, None
            self._post(now_ns, *held)

    def _unmuted(
        self, now_ns: int, market: str, tokens: Sequence[int], frame: bytes
    ) -> tuple[Sequence[int], bytes]:
        """Leave what concerns a silent token out of a frame."""
        kept = [token for token in tokens if now_ns >= self._mute.get((market, token), 0)]
        if len(kept) == len(tokens) or not kept:
            return kept, frame
        self._senses.fault_ns = now_ns
        up, found, down = frame.partition(b"}, {")
        if not found:
            return (), frame
        if kept == [0]:
            return kept, up + down[down.index(b"}]") :]
        return kept, up[: up.index(b"[{") + 2] + down

    def _post(self, now_ns: int, market: str, tokens: Sequence[int], frame: bytes) -> None:
        due_ns = now_ns + self._latency_ns
        if self._faults.feed_switches:
            due_ns += self._faults.delay_ns(WireFault.MARKET_LAGS)
            due_ns += self._lateness_ns(now_ns)
        # A socket keeps its order: what is late makes all that follows as late.
        due_ns = self._due_ns = max(due_ns, self._due_ns)
        self._at_world(due_ns, partial(self._receive, self._line, market, tokens, now_ns, frame))

    def _lateness_ns(self, now_ns: int) -> int:
        """How late everything is now: the same for each message, on this socket and the next."""
        faults, fault = self._faults, WireFault.MARKET_LATE
        if now_ns >= self._late[1] and faults.strikes(fault):
            late_ns = faults.stream(fault).randint(*LATE_MS) * MS
            self._late = late_ns, now_ns + faults.duration_ns(fault)
            self._senses.fault_ns = now_ns
        return self._late[0] if now_ns < self._late[1] else 0

    def _receive(
        self,
        line: MarketLine | None,
        market: str,
        tokens: Sequence[int],
        sent_ns: int,
        frame: bytes,
        now_ns: int,
    ) -> None:
        if line is None or line is not self._line:
            return
        if self._is_frozen():
            self._at(now_ns, partial(self._receive, line, market, tokens, sent_ns, frame))
            return
        senses = self._senses
        senses.heard_ns = now_ns
        self._stamp(market, tokens, sent_ns)
        line.on_message(frame, now_ns)
        line.on_chunk_end()

    def _stamp(self, market: str, tokens: Sequence[int], ns: int) -> None:
        stamps = self._senses.book_ns.get(market)
        if stamps is None:
            stamps = self._senses.book_ns[market] = [0, 0]
        for token in tokens:
            stamps[token] = max(stamps[token], ns)

    # Watching

    def _check(self, now_ns: int) -> None:
        """Look at everything that time alone can make wrong, as the real feed does.

        What cannot become wrong soon is looked at less often than there.
        """
        is_well = True
        line = self._line
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
                self._at(
                    now_ns + 2 * self._latency_ns,
                    partial(self._testify, market, token, now_ns),
                )
            if line is not None and line is self._line:
                self._cure(now_ns, line, view.feed, witness)
            self._watch(market, now_ns)
        self._at(now_ns + (WELL_CHECK_NS if is_well else CHECK_NS), self._check)

    def _is_well(self, now_ns: int, market: str, feed: FeedMarket) -> bool:
        """Whether a closer look can be spared: a sound socket told of both tokens just now."""
        leader = feed.leader
        if leader is None or self._faults.feed_switches or self._mute or self._obstacles[market]:
            return False
        feed.look()
        is_fresh = now_ns - min(feed.proven_ns) < SETTINGS.quiet_ns // 2
        return (
            is_fresh
            and not leader.mismatch_ns
            and not leader.crossed_ns
            and not leader.book.is_crossed
        )

    def _cure(self, now_ns: int, line: MarketLine, feed: FeedMarket, witness: Witness) -> None:
        cure, _ = judge(line.views[feed], line.recv_ns, now_ns, SETTINGS)
        if cure is Cure.REPLACE:
            self._close(now_ns)
        elif cure is Cure.REDRIVE or witness.is_contradicted(now_ns, SETTINGS):
            line.redrive(line.views[feed], now_ns)

    def _testify(self, market: str, token: Token, asked_ns: int, now_ns: int) -> None:
        """Let a REST book speak for a token of which nothing was heard."""
        listing = self._exchange.listings.get(market)
        witness = self._witnesses.get(market)
        if listing is None or witness is None:
            return
        if self._is_down(now_ns):
            witness.take(token, 0, b"", asked_ns, now_ns)
            return
        body = listing.rest_book(token)
        if self._faults.strikes(WireFault.REST_BOOK_STALE):
            body = stale_book(listing, token, self._rng.choice((0, now_ns // MS)))
        witness.take(token, 200, body.encode(), asked_ns, now_ns)
        if witness.market.proven_ns[token] >= asked_ns:
            self._stamp(market, (int(token),), witness.market.proven_ns[token])

    def _watch(self, market: str, now_ns: int) -> None:
        obstacle = self.views[market].feed.obstacle(now_ns)
        if obstacle != self._obstacles[market]:
            self._obstacles[market] = obstacle
            self._tell_obstacle(market, obstacle)
