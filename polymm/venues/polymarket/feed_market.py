"""One market as a feed knows it: book and lane of whichever socket is ahead.

Each socket has a book of its own, true by the order of its connection: merging two streams could
undo levels. The socket whose book has the newer venue time leads; only its frames step the maker.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from polymm._core.book import Book
from polymm._core.lane import Lane, QuoteRecord
from polymm._core.layout import CHANGED, DOWN, TOP, UP
from polymm.domain.market import Market
from polymm.domain.order import Token
from polymm.errors import InputError
from polymm.venues.polymarket.venue_time import VenueTime

if TYPE_CHECKING:
    from polymm._core.quoting import HasFields

# Market, flags of `polymm._core.layout`, and when the bytes came, by the feed's clock.
OnChange = Callable[["FeedMarket", int, int], None]
OnResolved = Callable[["FeedMarket", Token], None]
# Proof that is no older needs no renewal before an order.
PROOF_NS: Final = 20_000_000


@dataclass(slots=True, eq=False)
class View:
    """One market as one socket tells it.

    Args:
        slot: Of the socket's decoder.
        awaited_ns: Since when a first book is awaited.
        asked_ns: When its socket first asked for it: nothing that it tells is older.
        frame: The last frame that moved it.
        heard_ns: When that came, 0 before the first.
        odd_ns: When best prices last contradicted a message, ``mismatch_ns`` since when they do;
            0 where they do not. ``crossed_ns``, ``behind_ns``, ``late_ns`` likewise.
        is_tick_refused: Whether the venue refused an order of ours for this book's grid.
        redrives: How often it was asked for again in a row, ``redriven_ns`` when last.
    """

    market: "FeedMarket"
    slot: int
    book: Book
    lane: Lane
    awaited_ns: int
    asked_ns: int = 0
    frame: bytes = b""
    heard_ns: int = 0
    odd_ns: int = 0
    mismatch_ns: int = 0
    crossed_ns: int = 0
    behind_ns: int = 0
    late_ns: int = 0
    is_tick_refused: bool = False
    redrives: int = 0
    redriven_ns: int = 0

    @property
    def is_usable(self) -> bool:
        """Whether it may lead: a whole book on the market's grid."""
        return self.book.has_epoch and self.book.tick_e4 == self.market.settled_tick_e4

    def is_ahead_of(self, other: "View") -> bool:
        """Whether it should lead instead; a tie changes nothing."""
        if not other.is_usable:
            return self.is_usable
        return self.book.timestamp_ms > other.book.timestamp_ms and self.is_usable

    def forget(self, now_ns: int) -> None:
        """End the book's epoch and wait for another first book."""
        self.book.clear()
        self.awaited_ns = now_ns
        self.mismatch_ns = self.crossed_ns = self.behind_ns = self.late_ns = 0
        self.is_tick_refused = False


class FeedMarket:
    """A market's book and way to a quote: the engine's BookView and LaneView.

    Reading goes to the leading socket's book and lane, writing to all lanes, so that a change of
    leader changes no belief.

    Args:
        params: Of the lanes.
        quoter_address: Likewise.
        proof_ns_max: A token not proven for so long is stale.
        mismatch_ns_max: A book whose best prices contradict the messages for so long is in doubt.
        time: The venue's clock; None where stamps are not to be believed: then what is heard now
            is true now.

    Attributes:
        market: The market's own facts.
        on_change: As given; called for the leader's chunks only.
        book: Of the leader; changes with the next message, and is another after a change of leader.
        lane: Of the leader.
        epoch: Counts beginnings: a socket's book that leads though the last one cannot any more,
            and changes of the tick.
        settled_tick_e4: The newest grid that any socket has told.
        proven_ns: By token, when it was last known to be true: when the venue told of it, by its
            own stamp, or when a REST book was asked for that equals ours.
        reference_ns: Of the newest reference price; 0, since none is used.
        audited_ns: When a message's hash was last compared.
        winner: Once the venue has told.
    """

    def __init__(
        self,
        market: Market,
        params: "Mapping[str, int | float] | HasFields",
        on_change: OnChange,
        *,
        quoter_address: int,
        proof_ns_max: int,
        mismatch_ns_max: int,
        now_ns: int,
        time: VenueTime | None = None,
    ) -> None:
        self.market = market
        self.settled_tick_e4 = market.tick_e4
        self.proven_ns = [now_ns - proof_ns_max - 1] * 2
        self.reference_ns = 0
        self.audited_ns = 0
        self.winner: Token | None = None
        self.is_removed = False
        self.epoch = 0
        self.views: list[View] = []
        self.leader: View | None = None
        self.token_bytes = (market.up_token.encode(), market.down_token.encode())
        self.on_change = on_change
        self._params = params
        self._quoter_address = quoter_address
        self._proof_ns_max = proof_ns_max
        self._mismatch_ns_max = mismatch_ns_max
        self._time = time
        self._held = (0, 0, 0)
        self._working: tuple[int, int, int, int, int] | None = None
        self._fair: float | None = None
        self._last_price_e4 = 0
        # What is looked at while there is no socket: a book without an epoch.
        self._home = Book(market.tick_e4)
        self.book = self._home
        self._home_lane = self.lane = self.make_lane(self._home)

    # BookView

    @property
    def best_bid_e4(self) -> int:
        """Best bid in Up terms, 0 where that side is empty."""
        return self.book.best_bid_e4

    @property
    def best_ask_e4(self) -> int:
        """Best ask in Up terms, 10000 where that side is empty."""
        return self.book.best_ask_e4

    @property
    def has_epoch(self) -> bool:
        """Whether a snapshot has opened the leader's epoch."""
        return self.book.has_epoch

    @property
    def tick_e4(self) -> int:
        """Price grid, 1e-4 dollars."""
        return self.settled_tick_e4

    @property
    def is_contradicted(self) -> bool:
        """Whether messages carry other best prices than the leader's book has."""
        leader = self.leader
        return leader is not None and leader.mismatch_ns > 0

    @property
    def last_trade_e4(self) -> int:
        """Price of the last trade in Up terms, 0 where none was seen."""
        return self.book.last_trade_e4

    @property
    def timestamp_ms(self) -> int:
        """Newest venue time applied, 0 where none."""
        return self.book.timestamp_ms

    # LaneView

    @property
    def quote(self) -> QuoteRecord:
        """Wanted quote of the leader's last evaluate."""
        return self.lane.quote

    def evaluate(self, now_ns: int) -> int:
        """Let the leader's lane form its quote; REQUOTE or 0."""
        return self.lane.evaluate(now_ns)

    def set_inventory(self, up_e6: int, down_e6: int, unsellable_up_e6: int = 0) -> None:
        """Tell all lanes the shares held.

        Raises:
            InputError: A position is below 0; all lanes then quote nothing.
        """
        held = (up_e6, down_e6, unsellable_up_e6)
        if held == self._held and min(up_e6, down_e6) >= 0:
            return  # as with most steps of a maker
        self._held = held
        for lane in self._others():
            tell_inventory(lane, held)
        self.lane.set_inventory(up_e6, down_e6, unsellable_up_e6)

    def set_working(self, bid_e4: int, bid_e6: int, ask_e4: int, ask_e6: int, now_ns: int) -> None:
        """Tell all lanes what works now."""
        working = (bid_e4, bid_e6, ask_e4, ask_e6, now_ns)
        if working == self._working:
            return
        self._working = working
        for view in self.views:
            view.lane.set_working(bid_e4, bid_e6, ask_e4, ask_e6, now_ns)
        self._home_lane.set_working(bid_e4, bid_e6, ask_e4, ask_e6, now_ns)

    def set_params(self, params: "Mapping[str, int | float] | HasFields") -> None:
        """Replace the parameters of all lanes.

        Raises:
            InputError: They cannot be used; nothing changes.
        """
        self._home_lane.set_params(params)
        self._params = params
        for view in self.views:
            view.lane.set_params(params)

    def set_fair(self, fair: float) -> None:
        """Set the fair value that user quoters see, NaN where there is none."""
        self._fair = fair
        for lane in (*self._others(), self.lane):
            lane.set_fair(fair)

    def set_last_price(self, price_e4: int) -> None:
        """Set the price a thin book is quoted around, Up terms; 0 leaves it to the book."""
        self.lane.set_last_price(price_e4)
        self._last_price_e4 = price_e4
        for lane in self._others():
            lane.set_last_price(price_e4)

    def make_lane(self, book: Book) -> Lane:
        """Make a lane over a socket's book that knows all the others know."""
        market = self.market
        lane = Lane(
            book,
            self._params,
            start_ns=market.start_ns,
            end_ns=market.end_ns,
            lot_e6=market.lot_e6,
            order_min_e6=market.order_min_e6,
            quoter_address=self._quoter_address,
        )
        tell_inventory(lane, self._held)
        lane.set_last_price(self._last_price_e4)
        if self._working is not None:
            lane.set_working(*self._working)
        if self._fair is not None:
            lane.set_fair(self._fair)
        return lane

    # Arbitration

    def take(self, view: View, flags: int, recv_ns: int) -> None:
        """Take what a chunk did to a socket's book: step the maker if that socket leads."""
        leader = self.leader
        if view is not leader:
            if leader is not None:
                if not view.is_ahead_of(leader):
                    return
                self.epoch += not leader.is_usable
            self._follow(view)
        self.on_change(self, flags, recv_ns)

    def drop(self, view: View, now_ns: int) -> None:
        """Forget a socket's view; another leads from now on if it did."""
        self.views.remove(view)
        if view is self.leader:
            self.elect(now_ns)

    def elect(self, now_ns: int) -> None:
        """Let the best view lead since the leader is gone or lost its book; step the maker."""
        best: View | None = None
        for view in self.views:
            if best is None or view.is_ahead_of(best):
                best = view
        if best is None:
            self.leader, self.book, self.lane = None, self._home, self._home_lane
        else:
            self._follow(best)
        self.epoch += 1
        if not self.is_removed:
            self.on_change(self, CHANGED | TOP | self.lane.evaluate(now_ns), now_ns)

    def settle_tick(self, view: View, recv_ns: int) -> None:
        """Take a socket's word for a new grid: books on another one no longer lead."""
        if view.book.tick_e4 != self.settled_tick_e4:
            self.settled_tick_e4 = view.book.tick_e4
            self.epoch += 1
        if not view.book.has_epoch:
            view.awaited_ns = recv_ns

    def doubt_tick(self) -> None:
        """Have the book asked for again: the venue refused an order for the grid that it has."""
        if self.leader is not None:
            self.leader.is_tick_refused = True

    def _follow(self, view: View) -> None:
        self.leader, self.book, self.lane = view, view.book, view.lane

    def _others(self) -> list[Lane]:
        lanes = [view.lane for view in self.views] + [self._home_lane]
        return [lane for lane in lanes if lane is not self.lane]

    # Freshness

    def look(self) -> None:
        """Count the leader's last frame as proof of each token it names, as of its stamp."""
        leader = self.leader
        if leader is None or not leader.is_usable:
            return
        told_ns = self._told_ns(leader)
        for token in (UP, DOWN):
            if told_ns > self.proven_ns[token] and self.token_bytes[token] in leader.frame:
                self.proven_ns[token] = told_ns

    def prove(self, now_ns: int) -> None:
        """Count the leader's last frame before an order, where older proof might not do."""
        up_ns, down_ns = self.proven_ns
        if now_ns - (up_ns if up_ns < down_ns else down_ns) > PROOF_NS:
            self.look()

    def _told_ns(self, leader: View) -> int:
        """When the venue told what was heard last, by our clock; note whether that was late.

        The stamp is that of the newest change: what is told after the socket has asked for it was
        true then, too (market-ws notes: an idle book has an old stamp).
        """
        time, heard_ns = self._time, leader.heard_ns
        if time is None:
            return heard_ns
        stamp_ms = leader.book.timestamp_ms
        told_ns = time.ours_ns(stamp_ms)
        # A first book has a stamp of before, and REST may have proven what came late.
        is_late = told_ns > leader.awaited_ns and time.is_late(stamp_ms, heard_ns)
        is_late = is_late and min(self.proven_ns) < heard_ns
        leader.late_ns = (leader.late_ns or heard_ns) if is_late else 0
        if not time.is_known or told_ns < leader.asked_ns:
            told_ns = leader.asked_ns
        return told_ns if told_ns < heard_ns else heard_ns

    def stale_tokens(self, now_ns: int) -> tuple[Token, ...]:
        """List the tokens that were not proven recently enough."""
        oldest_ns = now_ns - self._proof_ns_max
        if min(self.proven_ns) < oldest_ns:
            self.look()
        return tuple(token for token in Token if self.proven_ns[token] < oldest_ns)

    def obstacle(self, now_ns: int) -> str:
        """Name what keeps the market from being quoted at this time, "" for nothing.

        ``removed``, ``resolved``, ``no_line``, ``no_book``, ``tick_unsettled``, ``crossed``,
        ``mismatch``, ``late``, ``stale_up`` or ``stale_down``.
        """
        leader = self.leader
        if self.is_removed:
            return "removed"
        if self.winner is not None:
            return "resolved"
        if leader is None:
            return "no_book" if self.views else "no_line"
        if not leader.book.has_epoch:
            return "no_book"
        if leader.book.tick_e4 != self.settled_tick_e4:
            return "tick_unsettled"
        if leader.book.is_crossed:
            return "crossed"
        if leader.mismatch_ns and now_ns - leader.mismatch_ns > self._mismatch_ns_max:
            return "mismatch"
        self.look()
        if leader.late_ns:
            return "late"
        stale = self.stale_tokens(now_ns)
        return f"stale_{stale[0].name.lower()}" if stale else ""

    def is_fresh(self, now_ns: int) -> bool:
        """Whether the book may be quoted from: both tokens proven, nothing in doubt."""
        return not self.obstacle(now_ns)


def tell_inventory(lane: Lane, held: tuple[int, int, int]) -> None:
    """Tell a lane the shares held; one that refuses them quotes nothing, as it should."""
    with suppress(InputError):
        lane.set_inventory(*held)
