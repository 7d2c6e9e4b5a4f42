"""One maker in one window: what a feed shows it, what order entry answers, what is recorded.

A desk is all plain callbacks; waiting is done by `polymm.runtime.window_run`, which leads it
through its window.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from polymm._core.layout import ASK, BID, REQUOTE
from polymm._core.stages import Stages
from polymm.domain.inventory import Portfolio
from polymm.domain.market import NS
from polymm.domain.order import Action, Cancel, Merge, Merged, Place, Token
from polymm.engine.events import NEVER_NS, BookChanged, Closing, Event, Timer
from polymm.engine.maker import Maker
from polymm.engine.settings import MakerSettings
from polymm.research.records import FillRecord, MarketRun
from polymm.research.tape_recorder import Recorder
from polymm.runtime.clock import Clock
from polymm.runtime.dispatch import Dispatch, Sent
from polymm.runtime.doubts import Doubts
from polymm.runtime.ports import OrderEntry, Settler
from polymm.runtime.settled import SettledShares
from polymm.runtime.sight import Sight
from polymm.runtime.stage_names import Stage, record_placement
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.results import PlaceResult
from polymm.venues.polymarket.user_events import FillNews, OwnFill

# Engine numbers of one desk; makers of one session need ranges apart.
IDS_A_DESK = 1_000_000
# A timer that is due is not due again within the same turn of the loop.
WAIT_S_MIN = 0.001


@dataclass(slots=True, kw_only=True)
class Shared:
    """What all desks of a session have in common.

    Args:
        clock: Of everything.
        entry: Where orders go.
        settler: Merges and redeems; None where nothing is sent.
        maker: Of the cycle.
        close_margin_ns: How long before a window's end everything is pulled.
        stages: Latency counters.
        portfolio: Marked value of all positions.
        doubts: Asks about orders whose state is not known.
    """

    clock: Clock
    entry: OrderEntry
    settler: Settler | None
    maker: MakerSettings
    close_margin_ns: int
    stages: Stages
    portfolio: Portfolio
    doubts: Doubts


class Desk:
    """Runs one maker.

    Args:
        shared: What all desks share.
        feed: The market in its feed.
        number: Of the desk in its session, from 0.
        source: What the report calls the place where it ran.
        fill_form: As in MarketRun.

    Attributes:
        market: The window.
        maker: The engine.
        dispatch: Its orders.
        sight: What it sees.
        record: What the report is made of.
        recorder: Writes it.
        settled: Which shares are on the chain.
        winner: Once the venue has told.
        on_merge: Takes a merge that the maker asks for.
    """

    def __init__(
        self, shared: Shared, feed: FeedMarket, *, number: int, source: str, fill_form: str
    ) -> None:
        self.shared = shared
        self.market = market = feed.market
        self.sight = Sight(feed)
        self.maker = Maker(
            market,
            self.sight,
            self.sight,
            shared.maker,
            first_order_id=1 + number * IDS_A_DESK,
            portfolio=shared.portfolio,
        )
        self.record = MarketRun(
            market=market, source=source, status="unsettled", fill_form=fill_form
        )
        self.recorder = Recorder(self.record, feed.lane)
        self.recorder.watch(self)
        self.dispatch = Dispatch(
            market, shared.entry, self.take, self._doubt, self._answered, shared.clock.now_ns
        )
        self.settled = SettledShares()
        self.winner: Token | None = None
        self.on_merge: Callable[[int], None] = _nothing
        self._lane = feed.lane
        self._feed_obstacle = ""
        self._is_open = False
        self._inbox: deque[tuple[Event, int]] = deque()
        self._is_stepping = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = NEVER_NS
        # When the frame was received that an order answers, by the engine's number.
        self._recv_ns: dict[int, int] = {}
        self._records: dict[tuple[str, str], FillRecord] = {}

    # Standing, for the recorder

    @property
    def shares_e6(self) -> tuple[int, int]:
        """Up and Down held by our own fills."""
        return self.maker.inventory.up_e6, self.maker.inventory.down_e6

    def best(self, side: int) -> tuple[int, int]:
        """What rests on a side as far as replies prove it, Up terms."""
        return self.maker.orders.resting(side)

    @property
    def is_flat(self) -> bool:
        """Whether no order may be live and no fill is owed."""
        return self.live_n == 0

    @property
    def is_quoting(self) -> bool:
        """Whether it is open and not being closed."""
        return self._is_open and not self.maker.is_closing

    @property
    def live_n(self) -> int:
        """Orders that may be live."""
        return len(self.maker.orders)

    # Life

    def open(self) -> None:
        """Begin to quote."""
        self._is_open = True
        self.take(Timer())

    def close(self) -> None:
        """Pull everything and place nothing any more."""
        self.take(Closing())

    def end(self) -> None:
        """Take nothing any more: the market is over and its money counted."""
        self._is_open = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # From the feed

    def on_book(self, flags: int, recv_ns: int) -> None:
        """Take what a frame changed; most frames end here."""
        now_ns = self.shared.clock.now_ns()
        if flags & REQUOTE and self._is_open:
            self.take(BookChanged(flags), recv_ns)
        # What is only recorded comes after what is sent.
        self.shared.stages.record(Stage.DECODED, now_ns - recv_ns)
        lane = self.sight.feed.lane
        if lane is not self._lane:
            self._lane = lane
            self.recorder.look_at(lane)
        self.recorder.on_book(now_ns)

    def on_obstacle(self, name: str) -> None:
        """Take what the feed says now keeps the market from being quoted, "" for nothing."""
        before, self._feed_obstacle = self._feed_obstacle, name
        if name:
            self.put_obstacle(name, stands=True)
        if before and before != name:
            self.put_obstacle(before, stands=False)

    def put_obstacle(self, name: str, *, stands: bool) -> None:
        """Pull all quotes while something speaks against them, quote again afterwards."""
        if stands and name not in self.sight.obstacles and self.is_quoting:
            self._count(f"obstacle_{name}")
        if self.sight.put(name, stands=stands) and self._is_open:
            self.take(BookChanged(REQUOTE))

    def on_resolved(self, winner: Token) -> None:
        """Know who won."""
        self.winner = winner

    # From the user channel and from listings

    def take_fill(self, fill: OwnFill, news: FillNews) -> None:
        """Take what became of a fill."""
        key = (fill.trade_id, fill.order_id)
        if news is FillNews.BOOKED:
            told = self.dispatch.take_fill(fill)
            if told is None:
                self._count("foreign_fills")
                return
            self.settled.book(key, told)
            self.recorder.on_fill(told)
            self._records[key] = self.record.fills[-1]
        elif news is FillNews.REVERSED and key in self._records:
            # The maker cannot take a fill back: it quotes no more on what it believes.
            self.record.fills.remove(self._records.pop(key))
            self._count("failed_trades")
            self.put_obstacle("failed_trade", stands=True)
        if news is not FillNews.OLD:
            self.settled.tell(key, fill.status)

    def take_merged(self, pairs_e6: int) -> None:
        """Know that pairs became cash."""
        self.settled.merge(pairs_e6)
        self.take(Merged(self.market.slug, pairs_e6))
        self.recorder.on_merge(self.shared.clock.now_ns(), pairs_e6)

    # The maker

    def take(self, event: Event, recv_ns: int = 0) -> None:
        """Step the maker; an event that comes meanwhile is taken next.

        Args:
            recv_ns: When the frame was received that the event tells of, 0 for others.
        """
        self._inbox.append((event, recv_ns))
        if self._is_stepping:
            return
        self._is_stepping = True
        try:
            while self._inbox:
                self._step(*self._inbox.popleft())
        finally:
            self._is_stepping = False
        self._arm()

    def _step(self, event: Event, recv_ns: int) -> None:
        clock, maker = self.shared.clock, self.maker
        now_ns = clock.now_ns()
        actions = maker.step(now_ns, event)
        if actions:
            self.shared.stages.record(Stage.DECIDED, clock.now_ns() - now_ns)
            self._act(actions, recv_ns)
        if not isinstance(event, BookChanged | Timer):
            self._note_orders(now_ns)
        obstacles = tuple(sorted(self.sight.obstacles))
        self.recorder.explain(now_ns, obstacles or maker.no_quote_reasons)

    def _act(self, actions: Sequence[Action], recv_ns: int) -> None:
        cancels = [action for action in actions if isinstance(action, Cancel)]
        if cancels:
            self.dispatch.cancel(cancels)
        places = [action for action in actions if isinstance(action, Place)]
        if places:
            book = self.sight.feed.book
            self.dispatch.place(places, map(self._front_e6, places), book.tick_e4)
            if recv_ns:
                self._recv_ns.update((place.order_id, recv_ns) for place in places)
        for action in actions:
            if isinstance(action, Merge):
                self.on_merge(action.pairs_e6)

    def _front_e6(self, place: Place) -> int:
        """What stands at an order's price."""
        side = BID if place.sign > 0 else ASK
        return self.sight.feed.book.size_e6(side, place.up_price_e4)

    def _arm(self) -> None:
        """Wake the maker when it wants to be."""
        at_ns = self.maker.next_timer_ns if self._is_open else NEVER_NS
        if at_ns == self._timer_ns:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_ns = at_ns
        if at_ns != NEVER_NS:
            wait_s = max((at_ns - self.shared.clock.now_ns()) / NS, WAIT_S_MIN)
            self._timer = asyncio.get_running_loop().call_later(wait_s, self._wake)

    def _wake(self) -> None:
        self._timer, self._timer_ns = None, NEVER_NS
        self.take(Timer())

    def _note_orders(self, now_ns: int) -> None:
        quotes = self.record.quotes
        if not quotes or quotes[-1][1:] != (*self.best(BID), *self.best(ASK)):
            self.recorder.on_orders(now_ns)

    def _answered(self, result: PlaceResult) -> None:
        order_id = self.dispatch.by_hash[result.order_id].place.order_id
        record_placement(self.shared.stages, result, self._recv_ns.pop(order_id, 0))

    def _doubt(self, sent: Sent) -> None:
        self.shared.doubts.raise_of(self.dispatch, sent)

    def _count(self, name: str) -> None:
        defects = self.record.defects
        defects[name] = defects.get(name, 0) + 1


def _nothing(*_: object) -> None:
    """Stand for nobody who listens."""
