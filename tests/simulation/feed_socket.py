"""One socket of the simulated market channel, with everything that befalls its frames."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from types import SimpleNamespace

from polymm.domain.order import Token
from polymm.exchange.exchange import Exchange
from polymm.exchange.faults import Fault
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.link import Dialling
from polymm.venues.polymarket.market_line import MarketLine
from tests.simulation.faults import MS, WireFault, WireFaults
from tests.simulation.feed_view import View
from tests.simulation.senses import Senses
from tests.simulation.wire import At

SECOND = 1_000 * MS
LATE_MS = (300, 8_000)


@dataclass(slots=True, eq=False)
class Ways:
    """What all sockets of one engine go by.

    Args:
        exchange: Whose books.
        faults: The wire's switches.
        at, at_world: Let something happen later: to this engine while it lives, or anyway.
        is_frozen: Whether its loop stands still.
        clock_ns: The world's.
        rng: Latencies.
        senses: What came through.
        is_down: Whether the network is.
        late: By how much everything is late now, and until when.
    """

    exchange: Exchange
    faults: WireFaults
    at: At
    at_world: At
    is_frozen: Callable[[], bool]
    clock_ns: Callable[[], int]
    rng: Random
    senses: Senses
    is_down: Callable[[int], bool]
    late: tuple[int, int] = (0, 0)

    def lateness_ns(self, now_ns: int) -> int:
        """How late everything is now: the same for each message, on this socket and the next."""
        faults, fault = self.faults, WireFault.MARKET_LATE
        if now_ns >= self.late[1] and faults.strikes(fault):
            late_ns = faults.stream(fault).randint(*LATE_MS) * MS
            self.late = late_ns, now_ns + faults.duration_ns(fault)
            self.senses.fault_ns = now_ns
        return self.late[0] if now_ns < self.late[1] else 0

    def stamp(self, market: str, tokens: Sequence[int], ns: int) -> None:
        """Note that some tokens of a market were as told at that time."""
        stamps = self.senses.book_ns.get(market)
        if stamps is None:
            stamps = self.senses.book_ns[market] = [0, 0]
        for token in tokens:
            stamps[token] = max(stamps[token], ns)


class Socket:
    """A socket that is opened again whenever it is closed.

    Args:
        views: All markets, by condition id.
        latency_ns: Of a frame.
        on_turn: Called with the time when it was opened or closed.

    Attributes:
        line: What reads it, None while it is closed.
    """

    def __init__(
        self,
        ways: Ways,
        views: Mapping[str, View],
        latency_ns: int,
        counts: Counter[str],
        on_turn: Callable[[int], None],
    ) -> None:
        self.line: MarketLine | None = None
        self._ways = ways
        self._views = views
        self._latency_ns = latency_ns
        self._counts = counts
        self._on_turn = on_turn
        self._subscribed: set[str] = set()
        self._due_ns = 0
        self._silent_ns = 0
        self._mute: dict[tuple[str, int], int] = {}
        self._held: tuple[str, Sequence[int], bytes] | None = None
        self._opening = False

    # Its life

    def add(self, feed: FeedMarket) -> None:
        """Subscribe to a market."""
        if self.line is not None:
            self.line.add(feed)

    def remove(self, feed: FeedMarket) -> None:
        """Forget a market."""
        self._subscribed.discard(feed.market.condition_id)
        if self.line is not None:
            self.line.remove(feed)

    def heal(self) -> None:
        """Be sound from now on."""
        self._silent_ns = 0
        self._mute.clear()

    @property
    def is_muted(self) -> bool:
        """Whether tokens were left out at any time since it was healed."""
        return bool(self._mute)

    def open(self, now_ns: int) -> None:
        """Connect, unless the network is down: then later."""
        self._opening = False
        if self._ways.is_down(now_ns):
            self._reopen(now_ns)
            return
        clock_ns = self._ways.clock_ns
        line = MarketLine(
            Dialling(url="", clock_ns=clock_ns, ping=b"", ping_ns=SECOND, answer_ns_max=None),
            [view.feed for view in self._views.values()],
            self._counts,
            on_end=lambda line, reason: None,
            on_resolved=lambda feed, winner: None,
        )
        line.link = SimpleNamespace(  # type: ignore[assignment]
            send=lambda text: self._hear(line, text),
            answered=lambda ns: None,
            drop=lambda market: None,
        )
        line.opened_ns = now_ns
        self.line = line
        self._silent_ns = 0
        self._subscribed = set()
        self._on_turn(now_ns)
        for market in self._views:
            self._subscribe(market, now_ns)

    def close(self, now_ns: int) -> None:
        """Lose the connection, and open another soon."""
        line, self.line = self.line, None
        self._held = None
        if line is not None:
            line.drop_views(now_ns)
        self._ways.senses.fault_ns = now_ns
        self._on_turn(now_ns)
        self._reopen(now_ns)

    def _reopen(self, now_ns: int) -> None:
        if not self._opening:
            self._opening = True
            self._ways.at(now_ns + self._ways.rng.randint(50, 1_500) * MS, self.open)

    def _hear(self, line: MarketLine, text: bytes) -> bool:
        """Take what the line sends to the venue: the only thing that counts is a new dump."""
        now_ns = self._ways.clock_ns()
        is_add = b'"subscribe"' in text
        for market, view in self._views.items():
            if view.feed.market.up_token.encode() in text:
                self._subscribed.discard(market)
                if is_add:
                    self._ways.at(
                        now_ns + self._latency_ns,
                        partial(self._subscribe, market),
                    )
        return True

    def _subscribe(self, market: str, now_ns: int) -> None:
        """Dump both books, and send all changes from now on."""
        listing = self._ways.exchange.listings.get(market)
        if listing is None or market not in self._views or self.line is None:
            return
        self._subscribed.add(market)
        faults = self._ways.exchange.faults
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
        if market not in self._subscribed or self.line is None:
            return
        now_ns = self._ways.clock_ns()
        own = self._ways.faults
        is_sound = not own.feed_switches and now_ns >= self._silent_ns and not self._mute
        if is_sound and self._held is None and not self._ways.is_down(now_ns):
            self._post(now_ns, market, tokens, frame)
            return
        faults = self._ways.exchange.faults
        if faults.strikes(Fault.MARKET_SILENT):
            self._silent_ns = now_ns + faults.duration_ns(Fault.MARKET_SILENT)
        if now_ns < self._silent_ns or self._ways.is_down(now_ns):
            self._ways.senses.fault_ns = now_ns
            return
        if faults.strikes(Fault.MARKET_CLOSED):
            self._ways.at(now_ns, self.close)
            return
        if own.strikes(WireFault.MARKET_TOKEN_SILENT):
            lasts_ns = own.duration_ns(WireFault.MARKET_TOKEN_SILENT)
            self._mute[market, tokens[0]] = now_ns + lasts_ns
        if self._mute:
            tokens, frame = self._unmuted(now_ns, market, tokens, frame)
            if not tokens:
                return
        if own.strikes(WireFault.MARKET_FRAME_LOST):
            self._ways.senses.fault_ns = now_ns
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
        self._ways.senses.fault_ns = now_ns
        up, found, down = frame.partition(b"}, {")
        if not found:
            return (), frame
        if kept == [0]:
            return kept, up + down[down.index(b"}]") :]
        return kept, up[: up.index(b"[{") + 2] + down

    def _post(self, now_ns: int, market: str, tokens: Sequence[int], frame: bytes) -> None:
        due_ns = now_ns + self._latency_ns
        if self._ways.faults.feed_switches:
            due_ns += self._ways.faults.delay_ns(WireFault.MARKET_LAGS)
            due_ns += self._ways.lateness_ns(now_ns)
        # A socket keeps its order: what is late makes all that follows as late.
        due_ns = self._due_ns = max(due_ns, self._due_ns)
        self._ways.at_world(
            due_ns, partial(self._receive, self.line, market, tokens, now_ns, frame)
        )

    def _receive(
        self,
        line: MarketLine | None,
        market: str,
        tokens: Sequence[int],
        sent_ns: int,
        frame: bytes,
        now_ns: int,
    ) -> None:
        if line is None or line is not self.line:
            return
        if self._ways.is_frozen():
            self._ways.at(now_ns, partial(self._receive, line, market, tokens, sent_ns, frame))
            return
        senses = self._ways.senses
        senses.heard_ns = now_ns
        self._ways.stamp(market, tokens, sent_ns)
        line.on_message(frame, now_ns)
        line.on_chunk_end()
