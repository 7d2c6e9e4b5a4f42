"""The market channel: books of all markets, from sockets that watch over each other.

Each seat keeps one socket. A socket in doubt stays until the one that replaces it has all its
books, so that a market never waits for a connection that only might be better.
"""

import asyncio
import random
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from polymm._core.decode import Decoder
from polymm.domain.market import Market
from polymm.domain.order import Token
from polymm.errors import DialError, InputError
from polymm.net.pacing import Backoff
from polymm.net.tasks import Background
from polymm.net.websocket import ENGINES
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.book_audit import audit
from polymm.venues.polymarket.feed_market import FeedMarket, OnChange, OnResolved
from polymm.venues.polymarket.freshness import Cure, MarketFeedSettings, Witness, judge
from polymm.venues.polymarket.link import Dialling, SocketTap
from polymm.venues.polymarket.market_line import MarketLine
from polymm.venues.polymarket.reading import Read
from polymm.venues.polymarket.rest_audit import RestAudit
from polymm.venues.polymarket.venue_time import VenueTime

if TYPE_CHECKING:
    from polymm._core.quoting import HasFields

__all__ = ["FeedMarket", "MarketFeed", "MarketFeedSettings", "OnChange", "OnObstacle", "OnResolved"]

# Market and what now keeps it from being quoted, "" for nothing.
OnObstacle = Callable[[FeedMarket, str], None]

# A socket that lived so long was a good one: the next failure waits shortly again.
_GOOD_NS = 10_000_000_000


class _Seat:
    """The place of one socket: the one that serves, and the one that it replaces."""

    def __init__(self, backoff: Backoff) -> None:
        self.backoff = backoff
        self.line: MarketLine | None = None
        self.old: MarketLine | None = None
        self.over: asyncio.Event = asyncio.Event()  # the line has ended, or must be replaced
        self.reason = ""


class MarketFeed:
    """Keeps the books of all added markets.

    Args:
        url: Of the market channel.
        read: Asks the CLOB's public routes: the witness.
        on_change: Called in the turn that read the socket, once a chunk and market, when the bytes
            of the leading socket changed the market; also when another socket leads because the
            last one cannot, or no book is left: then the book is empty.
        on_obstacle: Called when a market becomes quotable ("") or stops to be, and why.
        on_resolved: Called once when the venue tells the winner.
        rng: Jitter of back-offs.
        clock_ns: The maker's clock; never falls. Lanes are evaluated by it.
        tls: For wss; the system's trust where None.
        engine: Of the websocket.
        tap: Hears all frames first.

    Attributes:
        counts: What happened, by name.
        markets: All that were added and not removed.
    """

    def __init__(
        self,
        url: str,
        read: Read,
        on_change: OnChange,
        *,
        rng: random.Random,
        on_obstacle: OnObstacle | None = None,
        on_resolved: OnResolved | None = None,
        settings: MarketFeedSettings | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        tls: ssl.SSLContext | None = None,
        engine: str = ENGINES[0],
        tap: SocketTap | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.markets: list[FeedMarket] = []
        self.settings = MarketFeedSettings() if settings is None else settings
        self._dialling = Dialling(
            url=url,
            clock_ns=clock_ns,
            ping=wire.PING,
            ping_ns=self.settings.ping_ns,
            answer_ns_max=self.settings.pong_ns_max,
            tls=tls,
            engine=engine,
            tap=tap,
        )
        self._read = read
        self._on_change = on_change
        self._on_obstacle = on_obstacle
        self._on_resolved = on_resolved
        self._rng = rng
        self._clock_ns = clock_ns
        self._seats: list[_Seat] = []
        self._lines: list[MarketLine] = []
        self._tasks = Background()
        self._timer: asyncio.TimerHandle | None = None
        self._has_markets = asyncio.Event()
        self._witnesses: dict[FeedMarket, Witness] = {}
        self._rest_audits: dict[FeedMarket, RestAudit] = {}
        self._rest_books = Decoder()
        self._obstacles: dict[FeedMarket, str] = {}
        self._time: VenueTime | None = None
        if self.settings.time_ns:
            self._time = VenueTime(self.settings.time_ns, self.settings.lag_ns_max)

    @property
    def lines(self) -> tuple[MarketLine, ...]:
        """Open sockets, those to be replaced too."""
        return tuple(line for line in self._lines if line.opened_ns)

    async def open(self) -> None:
        """Begin to keep the sockets; answers at once. The first markets may be added before."""
        assert not self._seats, "a feed is opened once"
        for i in range(self.settings.lines):
            backoff = Backoff(
                self._rng,
                base_ns=self.settings.backoff_base_ns,
                cap_ns=self.settings.backoff_ns_max,
            )
            self._seats.append(_Seat(backoff))
            self._tasks.start(self._keep(self._seats[i]), f"market line {i}")
        self._tick()

    async def close(self) -> None:
        """End everything; no callback comes afterwards."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for market in list(self.markets):
            market.is_removed = True
        lines = list(self._lines)
        for line in lines:
            line.link.end("closed")
        await self._tasks.close()
        await asyncio.gather(*(line.link.wait_closed() for line in lines))

    def add(
        self,
        market: Market,
        params: "Mapping[str, int | float] | HasFields",
        *,
        quoter_address: int = 0,
    ) -> FeedMarket:
        """Subscribe to a market on all sockets.

        Args:
            params: Of its lanes: see `polymm._core.lane.Lane`.
            quoter_address: Likewise.

        Raises:
            InputError: It stands already, or there is no room.
        """
        tokens_max = self.settings.tokens_max
        if 2 * (len(self.markets) + 1) > tokens_max:
            raise InputError(f"a feed holds at most {tokens_max} tokens, no room for {market.slug}")
        if any(market.up_token == one.market.up_token for one in self.markets):
            raise InputError(f"{market.slug} stands already")
        found = FeedMarket(
            market,
            params,
            self._on_change,
            quoter_address=quoter_address,
            proof_ns_max=self.settings.proof_ns_max,
            mismatch_ns_max=self.settings.mismatch_ns_max,
            now_ns=self._clock_ns(),
            time=self._time,
        )
        witness = self._witnesses[found] = Witness(found, self.counts, self._rest_books)
        self._rest_audits[found] = RestAudit(witness, self._clock_ns())
        for line in self._lines:
            line.add(found)
        self.markets.append(found)
        self._obstacles[found] = "no_line"
        self._has_markets.set()
        return found

    def remove(self, market: FeedMarket) -> None:
        """Unsubscribe from a market and free its slots; it says nothing more."""
        if market.is_removed:
            return
        market.is_removed = True
        self.markets.remove(market)
        self._witnesses.pop(market).end()
        del self._rest_audits[market]
        del self._obstacles[market]
        for line in self._lines:
            line.remove(market)
        if not self.markets:
            self._has_markets.clear()

    # Sockets

    async def _keep(self, seat: _Seat) -> None:
        """Keep one socket open, and replace it when it is in doubt."""
        while True:
            await self._has_markets.wait()
            seat.over.clear()
            seat.reason = ""
            line = MarketLine(
                self._dialling,
                self.markets,
                self.counts,
                on_end=self._on_end,
                on_resolved=self._resolve,
            )
            self._lines.append(line)
            try:
                await line.open()
            except BaseException as error:
                self._forget(line)
                if not isinstance(error, DialError):
                    raise
                self.counts[f"dial_{error.kind}"] += 1
            else:
                self.counts["opened"] += 1
                if not line.link.end_reason:
                    seat.line = line
                    await seat.over.wait()
                seat.line = None
                self.counts[f"ended_{seat.reason or line.link.end_reason}"] += 1
                if self._clock_ns() - line.opened_ns > _GOOD_NS:
                    seat.backoff.succeed()
            await asyncio.sleep(seat.backoff.next_ns() / 1e9)

    def _on_end(self, line: MarketLine, reason: str) -> None:
        self._forget(line)
        # Whoever quotes from the last socket must not hear of its end with the next look only.
        now_ns = self._clock_ns()
        for market in list(self.markets):
            self._tell_obstacle(market, now_ns)
        for seat in self._seats:
            if seat.old is line:
                seat.old = None
            if seat.line is line:
                seat.reason = reason
                seat.over.set()

    def _forget(self, line: MarketLine) -> None:
        if line in self._lines:
            self._lines.remove(line)
            line.drop_views(self._clock_ns())

    def _replace(self, line: MarketLine, reason: str) -> None:
        """Open another socket; this one serves until that has its books."""
        for seat in self._seats:
            if seat.line is line:
                self.counts[f"replaced_{reason}"] += 1
                if seat.old is not None:
                    seat.old.link.end("replaced")
                seat.old, seat.line, seat.reason = line, None, "replaced"
                seat.over.set()

    def _retire(self, seat: _Seat, now_ns: int) -> None:
        line, old = seat.line, seat.old
        if line is None or old is None or not line.opened_ns:
            return
        if line.is_whole or now_ns - line.opened_ns > self.settings.dump_ns_max:
            old.link.end("replaced")

    # Watching

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self.settings.check_ns / 1e9, self._tick)
        self.check(self._clock_ns())

    def check(self, now_ns: int) -> None:
        """Look at everything that time alone can make wrong."""
        if self._time is not None and self._time.due(now_ns):
            self._tasks.start(self._ask_time(self._time), "venue time")
        for line in list(self._lines):
            line.link.tick(now_ns, line.recv_ns)
        for seat in self._seats:
            self._retire(seat, now_ns)
        for market, witness in list(self._witnesses.items()):
            for token in witness.due(now_ns, self.settings):
                self._tasks.start(self._ask(witness, token, now_ns), "market witness")
            self._doubt(market, witness, now_ns)
            self._audit(market, now_ns)
            self._audit_by_rest(market, now_ns)
            self._tell_obstacle(market, now_ns)
        for line in list(self._lines):
            self._cure(line, now_ns)

    def _doubt(self, market: FeedMarket, witness: Witness, now_ns: int) -> None:
        """Ask for a book again that REST contradicts."""
        if not witness.is_contradicted(now_ns, self.settings):
            return
        for line in list(self._lines):
            view = line.views.get(market)
            if view is market.leader and view is not None:
                if now_ns - line.recv_ns > self.settings.quiet_ns:
                    self._replace(line, "contradicted")
                else:
                    self.counts["resync_contradicted"] += 1
                    line.redrive(view, now_ns)

    def _audit(self, market: FeedMarket, now_ns: int) -> None:
        """Compare the newest hash now and then; a wrong one is counted and nothing else."""
        if market.leader is None or now_ns - market.audited_ns < self.settings.audit_ns:
            return
        verdict = audit(market.leader, now_ns)
        if verdict:
            market.audited_ns = now_ns
            self.counts[f"hash_{verdict}"] += 1

    def _audit_by_rest(self, market: FeedMarket, now_ns: int) -> None:
        """Hold a book against REST now and then; ask for one again that is wrong for certain."""
        audit_by_rest = self._rest_audits[market]
        token = audit_by_rest.due(now_ns, self.settings)
        if token is not None:
            self._tasks.start(self._ask_audit(market, audit_by_rest, token), "market audit")
        verdict = audit_by_rest.look(now_ns)
        if not verdict:
            return
        self.counts[f"audit_{verdict}"] += 1
        if verdict != "wrong":
            return
        for line in list(self._lines):
            view = line.views.get(market)
            if view is not None and view is market.leader:
                self.counts["resync_audit"] += 1
                line.redrive(view, now_ns)

    def _cure(self, line: MarketLine, now_ns: int) -> None:
        if not line.opened_ns:
            return
        for view in list(line.views.values()):
            if self._witnesses[view.market].is_unknown:
                continue
            cure, reason = judge(view, line.recv_ns, now_ns, self.settings)
            if cure is Cure.REPLACE:
                self._replace(line, reason)
                return
            if cure is Cure.REDRIVE:
                self.counts[f"resync_{reason}"] += 1
                line.redrive(view, now_ns)

    def _tell_obstacle(self, market: FeedMarket, now_ns: int) -> None:
        obstacle = market.obstacle(now_ns)
        if obstacle == self._obstacles.get(market):
            return
        self._obstacles[market] = obstacle
        self.counts[f"obstacle_{obstacle or 'none'}"] += 1
        if self._on_obstacle is not None:
            self._on_obstacle(market, obstacle)

    async def _read_book(self, market: FeedMarket, token: Token) -> tuple[int, bytes]:
        facts = market.market
        token_id = facts.down_token if token else facts.up_token
        return await self._read(wire.BOOK_PATH.format(token_id=token_id))

    async def _ask_audit(self, market: FeedMarket, asking: RestAudit, token: Token) -> None:
        status, body = await self._read_book(market, token)
        if not market.is_removed:
            asking.take(status, body, self._clock_ns())

    async def _ask(self, witness: Witness, token: Token, now_ns: int) -> None:
        status, body = await self._read_book(witness.market, token)
        if not witness.market.is_removed:
            witness.take(token, status, body, now_ns, self._clock_ns())

    async def _ask_time(self, venue: VenueTime) -> None:
        asked_ns = self._clock_ns()
        status, body = await self._read(wire.TIME_PATH)
        venue.take(status, body, asked_ns, self._clock_ns())

    def _resolve(self, market: FeedMarket, winner: Token) -> None:
        if market.winner is None and not market.is_removed:
            market.winner = winner
            if self._on_resolved is not None:
                self._on_resolved(market, winner)
