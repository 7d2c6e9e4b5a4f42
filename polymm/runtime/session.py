"""A run against a venue in real time: feeds, windows, desks, and the engine they share.

Everything lives on one loop. Windows are found and subscribed ahead; each has a desk of its own,
which is gone again when its window is settled. What an earlier process left is taken up first.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from functools import cache

from polymm.domain.market import NS, Market
from polymm.domain.order import Token
from polymm.engine.actions import Alarm, Finished
from polymm.engine.phases import STOPPING
from polymm.engine.refusals import HALTS
from polymm.errors import InputError
from polymm.runtime.access import Access
from polymm.runtime.account_session import AccountSession, AccountSettings
from polymm.runtime.clock import Clock
from polymm.runtime.desk import Desk
from polymm.runtime.moments import Watch, moment_of
from polymm.runtime.public_reads import PublicReads
from polymm.runtime.recorder import Channel, Recorder
from polymm.runtime.run_store import RunStore
from polymm.runtime.session_parts import SessionEnd, SessionSettings, window_of
from polymm.runtime.soak import Footprints
from polymm.runtime.stage_names import new_stages
from polymm.runtime.state_folder import StateFolder
from polymm.runtime.window_run import RunShared, WindowRun
from polymm.strategy.base import raise_order_size
from polymm.venues.polymarket.catalog import CatalogEntry
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.finder import FinderSettings, WindowFinder
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.market_feed import MarketFeed, MarketFeedSettings
from polymm.venues.polymarket.replies import shown
from polymm.venues.polymarket.slugs import Window, window_at

# Of the window that is open at the start at least so much must be left to be worth a desk.
OPEN_SHARE_MIN = 0.25
WATCH_S = 0.25


# Cached, so that a raise is warned of once and not with every window.
_raised = cache(raise_order_size)


class Session:
    """Trades windows of some coins until enough are settled, or until it is stopped.

    Args:
        hosts: Where the venue is.
        settings: What is traded.
        reads: The venue's public routes.
        access: A wallet and its way to order entry; None observes and sends nothing.
        state: What outlives this process.
        store: Gets the records of finished markets.
        rng: Salts and jitter.
        clock: Of everything.
        on_quiet: Called when nothing of ours rests anywhere: the moment to tidy up.
        watch: Called a few times a second.
        note: Gets a line for people now and then.
        recorder: Records what is received and done; the caller's to open and close.
        beside: What lives while all is heard, such as a feed for the recorder alone.

    Attributes:
        account: The engine and what stands around it.
        end: What the session leaves behind.
    """

    def __init__(
        self,
        hosts: Hosts,
        settings: SessionSettings,
        *,
        reads: PublicReads,
        access: Access | None,
        state: StateFolder,
        store: RunStore,
        rng: random.Random,
        clock: Clock,
        on_quiet: Callable[[], None],
        watch: Watch | None = None,
        note: Callable[[str], None] | None = None,
        recorder: Recorder | None = None,
        beside: AbstractAsyncContextManager[None] | None = None,
    ) -> None:
        self.settings = settings
        self.end = SessionEnd(stages=new_stages())
        self._access = access
        self._store = store
        self._clock = clock
        self._rng = rng
        self._on_quiet = on_quiet
        self._watch = watch
        self._note = note
        self._recorder = recorder
        self._beside = beside or nullcontext()
        self._watching: asyncio.TimerHandle | None = None
        self._footprints = Footprints()
        self.end.footprints = self._footprints.found
        self._stop = asyncio.Event()
        self._lost = asyncio.Event()
        self._done = asyncio.Event()
        self._fault: BaseException | None = None
        self._runs: set[asyncio.Task[None]] = set()
        self._whole_left = dict.fromkeys(settings.coins, settings.windows)
        # When each window's quotes were pulled, until the next one's gap was measured.
        self._closed_ns: dict[str, int] = {}
        self._reads = reads
        self.account = AccountSession(
            AccountSettings(
                engine=settings.engine,
                journal=settings.journal,
                source=settings.source,
                digest=settings.digest,
            ),
            access,
            state,
            clock,
            self.end.stages,
            on_finish=self._on_finish,
            on_alarm=self._on_alarm,
            tee=None if recorder is None else recorder.journal,
        )
        self._is_started = False
        self._stopped = False
        self._by_feed: dict[FeedMarket, Desk] = {}
        self._shared: RunShared
        self.feed = MarketFeed(
            hosts.ws_market,
            self._reads.clob,
            self._on_change,
            on_obstacle=self._on_obstacle,
            on_resolved=self._on_resolved,
            rng=rng,
            settings=MarketFeedSettings(lag_ns_max=settings.limits.lag_ns_max),
            clock_ns=clock.now_ns,
            tap=None if recorder is None else recorder.tap(Channel.MARKET),
        )

    @property
    def desks(self) -> list[Desk]:
        """All desks at work."""
        return list(self._by_feed.values())

    def stop(self) -> None:
        """Pull everything, verify, count and end."""
        if not self._stop.is_set():
            self._stopped = True
            self._end_soon()
            if self._is_started and not self._lost.is_set():
                self.account.stop("asked to end")

    def lose(self, why: str) -> None:
        """End without asking the venue anything: it is gone, and all orders with it."""
        self.end.faults.append(why)
        self._lost.set()
        if self._is_started:
            self.account.break_off()
        self.stop()

    def fail(self, fault: BaseException) -> None:
        """Step the engine no more, cancel everything without it, and raise what happened."""
        self._fault = self._fault or fault
        if self._is_started:
            self.account.break_off()
        self._end_soon()

    async def run(self) -> SessionEnd:
        """Trade until all windows are settled.

        Raises:
            HaltedError: The kill file is there.
            LockedError: Another engine runs this account.
            JournalError: Its journal cannot be gone on with.
            VenueError: The venue or the credentials refused at the start.
            LedgerError: After a defect of ours, orders may be live.
        """
        account = self.account
        async with AsyncExitStack() as stack:
            await self._reads.open()
            stack.push_async_callback(self._reads.close)
            await self._reads.check()
            await account.open(stack)
            self._shared = self._make_shared()
            self._take_up()
            self._is_started = True
            await account.start(stack)
            await self.feed.open()
            stack.push_async_callback(self.feed.close)
            await stack.enter_async_context(self._beside)
            finder = self._make_finder()
            await finder.open()
            stack.push_async_callback(finder.close)
            self._look()
            stack.callback(self._look_away)
            await self._done.wait()
            await finder.close()
            await asyncio.gather(*self._runs)
            await self._end_engine()
            counts = {"market feed": self.feed.counts, "finder": finder.counts}
            self.end.tell(self.account, counts)
        if self._fault is not None:
            raise self._fault
        return self.end

    async def _end_engine(self) -> None:
        """Let the engine say its last word, and compare the money."""
        account = self.account
        if self._fault is not None:
            await account.save_what_rests()
            return
        if self._lost.is_set():
            return
        account.stop("all is settled")
        await account.over.wait()
        if self._fault is None and not self._lost.is_set():
            facts, faults = await account.check_money(is_stopped=self._stopped)
            self.end.facts |= facts
            self.end.faults += faults

    def _on_finish(self, finished: Finished) -> None:
        halts = HALTS & self.account.trading.engine.gate.closed_by.keys()
        if halts - {STOPPING}:
            self.end.halted = finished.reason
        if finished.code == "unproven":
            left = ", ".join(finished.left) or "none is listed"
            self.end.faults.append(f"orders may be live ({finished.reason}): {left}")
        self._end_soon()

    def _end_soon(self) -> None:
        self._stop.set()
        self._done.set()

    def _on_alarm(self, alarm: Alarm) -> None:
        self.end.counts[f"alarm_{alarm.name}"] += 1
        # Both may hold words of the venue's.
        subject = f" {shown(alarm.subject)}" if alarm.subject else ""
        self._say(f"alarm {alarm.name}{subject}: {shown(alarm.text)}")

    def _say(self, text: str) -> None:
        if self._note is not None:
            self._note(text)

    def _make_shared(self) -> RunShared:
        access = self._access
        return RunShared(
            trading=self.account.trading,
            lists=None if access is None else access.gateway,
            settler=access,
            api_key=None if access is None else access.api_key,
            ask_winner=self._reads.winner,
            close_margin_ns=self.settings.close_margin_ns,
            stop=self._stop,
            over=self.account.over,
            lost=self._lost,
        )

    def _take_up(self) -> None:
        """Seat and lead the markets that an earlier process did not settle."""
        for market in self.account.left:
            self._seat(market)

    # Windows

    def _make_finder(self) -> WindowFinder:
        settings = self.settings
        length_ns = settings.window_s * NS
        now_ns = self._clock.now_ns()
        left_ns = window_at(settings.coins[0], settings.window_s, now_ns).end_ns - now_ns
        return WindowFinder(
            settings.coins,
            settings.window_s,
            self._reads.gamma,
            self._reads.clob,
            self._on_found,
            on_refused=self._on_refused,
            rng=self._rng,
            settings=FinderSettings(ahead=1, with_open=left_ns >= OPEN_SHARE_MIN * length_ns),
            clock_ns=self._clock.now_ns,
        )

    def _is_wanted(self, window: Window) -> bool:
        """Count a whole window as taken; those after the last are not."""
        if self._stop.is_set():
            return False
        if window.start_ns <= self._clock.now_ns() or not self.settings.windows:
            return True
        if not self._whole_left[window.coin]:
            return False
        self._whole_left[window.coin] -= 1
        return True

    def _on_found(self, window: Window, entry: CatalogEntry) -> None:
        if not self._is_wanted(window):
            return
        if entry.market.condition_id not in self.account.trading.desks:
            self._seat(entry.market)

    def _seat(self, market: Market) -> None:
        """Give a market its feed, its seat at the engine and its desk, and lead it to its end."""
        if self._recorder is not None:
            self._recorder.add_market(market)
        parameters = _raised(self.settings.parameters, market.order_min_e6)
        try:
            feed = self.feed.add(market, parameters, quoter_address=self.settings.quoter_address)
        except InputError:
            self.end.counts["windows_without_room"] += 1
            return
        desk = self.account.trading.add_market(feed)
        desk.on_obstacle("no_line")
        self._by_feed[feed] = desk
        task = asyncio.get_running_loop().create_task(self._lead(desk, window_of(market)))
        self._runs.add(task)
        task.add_done_callback(self._on_run_done)

    def _on_refused(self, window: Window, why: str) -> None:
        self.end.counts[f"window_refused: {why}"] += 1
        self._is_wanted(window)
        self._look_done()

    async def _lead(self, desk: Desk, window: Window) -> None:
        run = WindowRun(self._shared, desk, lambda at_ns: self._pulled(window, at_ns))
        end = await run.live()
        record = desk.record
        before_ns = self._closed_ns.pop(window.later(-1).slug, 0)
        first_ns = next((quote[0] for quote in record.quotes if quote[2] or quote[4]), 0)
        if before_ns and first_ns:
            record.roll_gap_s = (first_ns - before_ns) / NS
        self.end.faults += end.faults
        if self._recorder is not None:
            self._recorder.remove_market(desk.market, desk.winner)
        self.account.settle(desk, end)
        self._by_feed.pop(desk.feed)
        self.feed.remove(desk.feed)
        self._store.add(record)

    def _on_run_done(self, task: "asyncio.Task[None]") -> None:
        self._runs.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.fail(task.exception() or AssertionError())
        self._look_done()

    def _look_done(self) -> None:
        if self.settings.windows and not self._runs and not any(self._whole_left.values()):
            self._done.set()

    def _pulled(self, window: Window, at_ns: int) -> None:
        self._closed_ns[window.slug] = at_ns
        if all(desk.is_flat for desk in self.desks):
            self._clock.follow()
            self.account.trading.journal.renew()
            self._on_quiet()

    def _look(self) -> None:
        """Show where the desks stand, and note what this process holds."""
        self._watching = asyncio.get_running_loop().call_later(WATCH_S, self._look)
        now_ns = self._clock.now_ns()
        self.account.look()
        if self._access is not None:
            self._access.gateway.budget.live = self.account.trading.may_rest("")
        if self._watch is not None:
            self._watch([moment_of(desk, now_ns) for desk in self.desks])
        window = window_at(self.settings.coins[0], self.settings.window_s, now_ns)
        self._footprints.look(window.start_s, now_ns)
        if self._recorder is not None and (told := self._recorder.look(window.start_ns)):
            self.end.counts["alarm_recorder"] += 1
            self._say(f"alarm {told}")

    def _look_away(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    # From the market feed

    def _on_change(self, market: FeedMarket, flags: int, recv_ns: int) -> None:
        desk = self._by_feed.get(market)
        if desk is not None:
            desk.on_book(flags, recv_ns)

    def _on_obstacle(self, market: FeedMarket, why: str) -> None:
        desk = self._by_feed.get(market)
        if desk is not None:
            desk.on_obstacle(why)

    def _on_resolved(self, market: FeedMarket, winner: Token) -> None:
        desk = self._by_feed.get(market)
        if desk is not None:
            desk.on_resolved(winner)
