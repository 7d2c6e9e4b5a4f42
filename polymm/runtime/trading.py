"""One account's engine at work on a loop: its venue, its journal, its desks, its watchers.

Everything here is plain callbacks between the parts; what waits is in `polymm.runtime.window_run`
and `polymm.runtime.session`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from polymm._core.stages import Stages
from polymm.domain.market import Market
from polymm.domain.order import Reply
from polymm.engine import evidence as ev
from polymm.engine.actions import Alarm, Finished
from polymm.engine.driver import Driver
from polymm.engine.engine import Engine, EngineSettings
from polymm.engine.ports import BudgetView, SignedOrder, Venue
from polymm.errors import JournalError
from polymm.runtime.clock import Clock
from polymm.runtime.desk import Desk, Shared
from polymm.runtime.journal import Journal
from polymm.runtime.kill_switch import KillSwitch
from polymm.runtime.loop_watch import LoopWatch
from polymm.runtime.pump import Pump
from polymm.runtime.stage_names import Stage, record_placement
from polymm.runtime.venue_port import HasTick, OnEvent
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.results import PlaceResult


class SessionVenue(Venue, Protocol):
    """What a session asks of the engine's venue beside what the engine does."""

    take: OnEvent
    on_placed: Callable[[PlaceResult], None]
    on_alarm: Callable[[Alarm], None]
    on_finish: Callable[[Finished], None]
    written: list[tuple[SignedOrder, int]]
    merging: int

    def add_market(self, market: Market, book: HasTick | None) -> None: ...

    def remove_market(self, market: Market) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingSettings:
    """How one account is traded.

    Args:
        engine: What the engine goes by.
        source: What the report calls the place.
        fill_form: As in MarketRun.
        kill_file: Nothing trades while it is there.
    """

    engine: EngineSettings
    source: str
    fill_form: str
    kill_file: Path


class Trading:
    """One engine with all that stands around it.

    Args:
        settings: How.
        venue: Where it trades.
        budget: The mirror of the venue's token buckets.
        journal: Open, with what earlier runs told.
        clock: Of everything.
        stages: Latency counters.
        on_finish: Told when the engine is done.
        on_alarm: Told what people should know.

    Attributes:
        engine: What decides.
        pump: What steps it.
        desks: By condition id.
        finished: What it ended with, None before.
    """

    def __init__(
        self,
        settings: TradingSettings,
        venue: SessionVenue,
        budget: BudgetView,
        journal: Journal,
        clock: Clock,
        stages: Stages,
        *,
        on_finish: Callable[[Finished], None],
        on_alarm: Callable[[Alarm], None],
    ) -> None:
        self.desks: dict[str, Desk] = {}
        self._by_slug: dict[str, Desk] = {}
        self.finished: Finished | None = None
        self.journal = journal
        self.engine = Engine(
            settings.engine,
            budget=journal.looks.budget(budget),
            first_order_id=journal.state.next_order_id,
        )
        # At the time of the run's own record, so that the run can be repeated from the journal.
        run = journal.state.run
        began_ns = clock.now_ns() if run is None else run.started_ns
        self.engine.restore(began_ns, journal.state)
        self.engine.on_reply = self._on_reply
        self.watch = LoopWatch(clock, self._on_stall, self._on_jump, self._look)
        self.pump = Pump(
            Driver(self.engine, venue, journal, clock.now_ns),
            clock.now_ns,
            self._before,
            self._after,
        )
        self.shared = Shared(
            clock_ns=clock.now_ns,
            take=self.pump.take,
            may_rest=self.may_rest,
            stages=stages,
            source=settings.source,
            fill_form=settings.fill_form,
        )
        self.switch = KillSwitch(settings.kill_file, self._on_kill)
        self._venue = venue
        self._clock_ns = clock.now_ns
        self._stages = stages
        self._on_finish = on_finish
        # What made the engine place each order: when its frame was received, when it was taken.
        self._causes: dict[str, tuple[int, int]] = {}
        venue.take = self.pump.take
        venue.on_placed = self._on_placed
        venue.on_alarm = on_alarm
        venue.on_finish = self._finish
        journal.tell = self.pump.take

    # Markets

    def add_market(self, feed: FeedMarket) -> Desk:
        """Seat a market: from now on its orders, fills and end are the engine's."""
        market = feed.market
        now_ns = self._clock_ns()
        failure = ""
        try:
            self.journal.market(now_ns, market)
        except JournalError as error:
            failure = str(error)  # the next checkpoint will have the market
        self._venue.add_market(market, feed)
        self.engine.add_market(now_ns, market, self.journal.looks.view(feed))
        if failure:
            self.pump.take(ev.JournalFailed(failure))
        desk = Desk(self.shared, feed, self.engine.seats[market.condition_id])
        for told in self.engine.fills.fills(market.condition_id):
            order = self.engine.orders.by_hash.get(told.order)
            if order is not None and told.status is not ev.Settlement.VOID:
                desk.resume(told, order.place)
        merged_e6 = self.journal.state.merged_e6.get(market.condition_id, 0)
        if merged_e6:
            desk.recorder.on_merge(now_ns, merged_e6)
        self.desks[market.condition_id] = self._by_slug[market.slug] = desk
        return desk

    def remove_market(self, desk: Desk, cash_e6: int) -> None:
        """Have a market forgotten that is settled."""
        desk.end(cash_e6)
        del self.desks[desk.market.condition_id], self._by_slug[desk.market.slug]
        self._venue.remove_market(desk.market)

    def may_rest(self, market: str) -> int:
        """How many orders of a market, "" of all, may be live."""
        return len(self.engine.orders.potentially_live(market))

    def is_settled(self, market: str) -> bool:
        """Whether every fill of a market is confirmed or void, and no merge is on its way."""
        return not self._venue.merging and not self.engine.fills.account(market).provisional_n

    # From the engine

    def _on_reply(self, market: str, reply: Reply) -> None:
        desk = self.desks.get(market)
        if desk is not None:
            desk.on_reply(reply)

    def _before(self, now_ns: int) -> None:
        """Look first what stands above any event: the switch, and a loop that stood still."""
        if self.switch.is_signalled:
            self.switch.look()
        self.watch.check(now_ns)

    def _after(self, event: ev.Event) -> None:
        """Write down what came of an event: after everything that had to be sent is sent."""
        if self._venue.written:
            self._note_written()
        if type(event) is not ev.BookChanged:
            now_ns = self._clock_ns()
            for desk in self.desks.values():
                if desk.is_open:
                    desk.note(now_ns)

    def _note_written(self) -> None:
        pump, written = self.pump, self._venue.written
        for signed, now_ns in written:
            self._causes[signed.order] = (pump.recv_ns, pump.began_ns)
            self._by_slug[signed.place.slug].on_written(signed.place, signed.order, now_ns)
        written.clear()

    def _on_placed(self, result: PlaceResult) -> None:
        recv_ns, began_ns = self._causes.pop(result.order_id, (0, 0))
        if began_ns and result.decided_ns:
            self._stages.record(Stage.DECIDED, result.decided_ns - began_ns)
        record_placement(self._stages, result, recv_ns)
        if result.reason == "off_tick":
            order = self.engine.orders.by_hash.get(result.order_id)
            desk = self.desks.get(order.market) if order is not None else None
            if desk is not None:
                desk.feed.doubt_tick()

    def _finish(self, finished: Finished) -> None:
        self.finished = finished
        self._on_finish(finished)

    # From the watchers

    def _on_stall(self, stall_ns: int) -> None:
        self.pump.take(ev.Stalled(stall_ns))

    def _on_jump(self, delta_ns: int) -> None:
        self.pump.take(ev.ClockJumped(delta_ns))

    def _on_kill(self, why: str) -> None:
        self.pump.take(ev.Kill(why))

    def _look(self) -> None:
        self.switch.look()
