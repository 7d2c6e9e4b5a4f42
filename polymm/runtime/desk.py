"""One market at work: what a feed shows goes to the engine, what came of it into the record.

A desk decides nothing; waiting is done by `polymm.runtime.window_run`, which leads it through its
window.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from polymm._core.layout import ASK, BID, REQUOTE
from polymm._core.stages import Stages
from polymm.domain.order import (
    Accepted,
    Cancelled,
    Fill,
    Merged,
    Place,
    Rejected,
    Reply,
    Token,
    Voided,
)
from polymm.domain.tuples import filled
from polymm.engine import evidence as ev
from polymm.engine.seat import Seat
from polymm.research.records import MarketRun
from polymm.research.tape_recorder import Recorder
from polymm.runtime.stage_names import Stage
from polymm.venues.polymarket.feed_market import FeedMarket

# The venue rounds matches: an order with no more than this left is done (user-ws notes 2).
DUST_E6: Final = 10_000


class TakesEvents(Protocol):
    """Whoever steps the engine."""

    def __call__(self, event: ev.Event, recv_ns: int = 0) -> None: ...


@dataclass(slots=True, kw_only=True)
class Shared:
    """What all desks of a session have in common.

    Args:
        clock_ns: Of everything.
        take: Steps the engine.
        may_rest: Counts the orders of a market that may be live.
        stages: Latency counters.
        source: What the report calls the place where it ran.
        fill_form: As in MarketRun.
    """

    clock_ns: Callable[[], int]
    take: TakesEvents
    may_rest: Callable[[str], int]
    stages: Stages
    source: str
    fill_form: str


@dataclass(slots=True, eq=False)
class Sent:
    """What became of one order that was written.

    Attributes:
        order: As the venue knows it.
        front_e6: What stood at its price then.
        is_alive: Whether the venue showed that it took it.
        booked_e6: Fills of it that stand.
        end: How it ended: "" while it may be live, else filled, cancelled, rejected or expired.
        reject_reason: Why it was refused, "" where it was not.
    """

    place: Place
    order: str
    sent_ns: int
    front_e6: int
    is_alive: bool = False
    booked_e6: int = 0
    end: str = ""
    reject_reason: str = ""


class Desk:
    """One maker in its window, as the session sees it.

    Args:
        shared: What all desks share.
        feed: The market in its feed.
        seat: The market in its engine.

    Attributes:
        market: The window.
        maker: The engine's.
        sent: What became of its orders, by the engine's number.
        record: What the report is made of.
        recorder: Writes it.
        winner: Once the venue has told.
        is_open: Whether its window has begun.
    """

    def __init__(self, shared: Shared, feed: FeedMarket, seat: Seat) -> None:
        self.shared = shared
        self.feed = feed
        self.market = market = feed.market
        self.maker = seat.maker
        self.sent: dict[int, Sent] = {}
        self.record = MarketRun(
            market=market, source=shared.source, status="unsettled", fill_form=shared.fill_form
        )
        self.recorder = Recorder(self.record, feed.lane)
        self.recorder.watch(self)
        self.winner: Token | None = None
        self.is_open = False
        self._seat = seat
        self._lane = feed.lane
        self._feed_obstacle = ""

    # Standing, for the recorder

    @property
    def shares_e6(self) -> tuple[int, int]:
        """Up and Down held by our own fills."""
        return self.maker.inventory.up_e6, self.maker.inventory.down_e6

    def best(self, side: int) -> tuple[int, int]:
        """What rests on a side as far as replies prove it, Up terms."""
        return self.maker.orders.resting(side)

    @property
    def live_n(self) -> int:
        """Orders that may be live."""
        return self.shared.may_rest(self.market.condition_id)

    @property
    def is_flat(self) -> bool:
        """Whether no order may be live and no fill is owed."""
        return self.live_n == 0

    @property
    def is_quoting(self) -> bool:
        """Whether it is open and not being closed."""
        return self.is_open and not self.maker.is_closing

    @property
    def obstacles(self) -> set[str]:
        """What speaks against quoting, by name."""
        return self._seat.sight.obstacles

    @property
    def merging_e6(self) -> int:
        """Pairs that wait to be on the chain before they are merged."""
        return self._seat.merging_e6

    # Life

    def open(self) -> None:
        """Begin to quote."""
        self.is_open = True
        self.shared.take(ev.MarketOpened(self.market.condition_id))

    def end(self, cash_e6: int) -> None:
        """Take nothing any more: the market is over and its money counted."""
        self.is_open = False
        self.shared.take(ev.MarketSettled(self.market.condition_id, cash_e6))

    def resume(self, told: ev.FillTold, place: Place) -> None:
        """Take a fill over that an earlier process was told of."""
        size_e6 = told.size_e6
        fill = Fill(
            trade_id=-1,
            order_id=place.order_id,
            slug=place.slug,
            token=told.token,
            side=told.side,
            price_e4=(2 * told.cash_e10 + size_e6) // (2 * size_e6),
            size_e6=size_e6,
            fee_e6=told.fee_e6,
            exch_ns=told.stamp_ns,
            counter_fee_e6=told.counter_fee_e6,
        )
        self.recorder.on_fill(fill)

    # From the feed

    def on_book(self, flags: int, recv_ns: int) -> None:
        """Take what a frame changed; most frames end here."""
        now_ns = self.shared.clock_ns()
        if flags & REQUOTE and self.is_open:
            self.feed.prove(now_ns)
            event = filled(ev.BookChanged, (self.market.condition_id, flags))
            self.shared.take(event, recv_ns)
            self.feed.look()
            self.explain(now_ns)
        # What is only recorded comes after what is sent.
        self.shared.stages.record(Stage.DECODED, now_ns - recv_ns)
        lane = self.feed.lane
        if lane is not self._lane:
            self._lane = lane
            self.recorder.look_at(lane)
        self.recorder.on_book(now_ns)

    def on_obstacle(self, name: str) -> None:
        """Take what the feed says now keeps the market from being quoted, "" for nothing."""
        before, self._feed_obstacle = self._feed_obstacle, name
        if name:
            self._put(name, stands=True)
        if before and before != name:
            self._put(before, stands=False)

    def _put(self, name: str, *, stands: bool) -> None:
        """Have all quotes pulled while something speaks against them."""
        if stands and name not in self.obstacles and self.is_quoting:
            self.count(f"obstacle_{name}")
        self.shared.take(ev.Obstacle(self.market.condition_id, name, stands))

    def on_resolved(self, winner: Token) -> None:
        """Know who won: the market is closed, and no order rests in it any more."""
        self.winner = winner
        self.shared.take(ev.MarketClosed(self.market.condition_id))

    # From the engine

    def on_written(self, place: Place, order: str, now_ns: int) -> None:
        """Know that an order's bytes were handed over."""
        side = BID if place.sign > 0 else ASK
        front_e6 = self.feed.book.size_e6(side, place.up_price_e4)
        self.sent[place.order_id] = Sent(place, order, now_ns, front_e6)

    def on_reply(self, reply: Reply) -> None:
        """Take what the maker was told."""
        match reply:
            case Fill():
                self._fill(reply)
            case Voided():
                self._void(reply)
            case Merged():
                self.recorder.on_merge(self.shared.clock_ns(), reply.pairs_e6)
            case Accepted():
                sent = self.sent.get(reply.order_id)
                if sent is not None:
                    sent.is_alive = True
            case Rejected():
                sent = self.sent.get(reply.order_id)
                if sent is not None:
                    sent.end, sent.reject_reason = "rejected", reply.reason
            case Cancelled():
                sent = self.sent.get(reply.order_id)
                if sent is not None and sent.end != "filled":
                    sent.end = "expired" if reply.reason == "expired" else "cancelled"

    def _fill(self, fill: Fill) -> None:
        sent = self.sent.get(fill.order_id)
        if sent is not None:
            fill = replace(fill, front_e6=sent.front_e6)
            sent.is_alive = True
            sent.booked_e6 += fill.size_e6
            if sent.place.size_e6 - sent.booked_e6 <= DUST_E6:
                sent.end = "filled"
        self.recorder.on_fill(fill)

    def _void(self, void: Voided) -> None:
        """Take a fill back that did not happen: it is no longer among those of the report."""
        fills = self.record.fills
        key = _key(void.fill)
        found = next((record for record in fills if _key(record.fill) == key), None)
        if found is not None:
            fills.remove(found)
        sent = self.sent.get(void.fill.order_id)
        if sent is not None:
            sent.booked_e6 -= void.fill.size_e6
        self.count("failed_trades")

    def explain(self, now_ns: int) -> None:
        """Note why the maker does not quote both sides."""
        obstacles = tuple(sorted(self.obstacles))
        self.recorder.explain(now_ns, obstacles or self.maker.no_quote_reasons)

    def note(self, now_ns: int) -> None:
        """Note what rests now, and why not both sides do."""
        self.explain(now_ns)
        quotes = self.record.quotes
        if not quotes or quotes[-1][1:] != (*self.best(BID), *self.best(ASK)):
            self.recorder.on_orders(now_ns)

    def count(self, name: str) -> None:
        """Count something odd."""
        defects = self.record.defects
        defects[name] = defects.get(name, 0) + 1


def _key(fill: Fill) -> tuple[int, int, int, int]:
    """What tells fills apart also across processes, which number trades anew."""
    return fill.order_id, fill.exch_ns, fill.size_e6, fill.price_e4
