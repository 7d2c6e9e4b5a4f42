"""A run against a venue in real time: feeds, windows, desks, and the account they share.

Everything lives on one loop. Windows are found and subscribed ahead; each has a desk of its own,
which is gone again when its window is settled.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache

from polymm._core.stages import Stages
from polymm.domain.inventory import Portfolio
from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.engine.settings import MakerSettings
from polymm.errors import InputError
from polymm.runtime.access import Access
from polymm.runtime.account_book import AccountBook
from polymm.runtime.clock import Clock
from polymm.runtime.desk import Desk, Shared
from polymm.runtime.doubts import Doubts
from polymm.runtime.moments import Watch, moment_of
from polymm.runtime.observed import ObservedEntry
from polymm.runtime.public_reads import PublicReads
from polymm.runtime.run_store import RunStore
from polymm.runtime.soak import Footprint, Footprints
from polymm.runtime.stage_names import new_stages
from polymm.runtime.window_run import WindowRun
from polymm.strategy.base import BaseParameters, raise_order_size
from polymm.venues.polymarket.catalog import CatalogEntry
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.finder import FinderSettings, WindowFinder
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.market_feed import MarketFeed
from polymm.venues.polymarket.slugs import Window, window_at

# Of the window that is open at the start at least so much must be left to be worth a desk.
OPEN_SHARE_MIN = 0.25
WATCH_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What is traded, and how.

    Args:
        coins: As in slugs.
        window_s: Length of the windows.
        windows: Whole windows of each coin to trade, beside what is left of the open one; 0 for
            no end.
        close_margin_ns: How long before a window's end everything is pulled.
        parameters: Of the strategy.
        maker: Of the cycle.
        quoter_address: A compiled user quoter; 0 for the base strategy.
        source: What the report calls the venue.
    """

    coins: tuple[str, ...]
    window_s: int
    windows: int
    close_margin_ns: int
    parameters: BaseParameters
    maker: MakerSettings
    source: str
    quoter_address: int = 0


@dataclass(slots=True, kw_only=True)
class SessionEnd:
    """What a session left behind, beside the records of its markets.

    Args:
        stages: Latency by stage.
        footprints: One a window.
        facts: For the report.
        counts: What was odd, by name.
        faults: What does not add up, one sentence each.
    """

    stages: Stages
    footprints: list[Footprint] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


# Cached, so that a raise is warned of once and not with every window.
_raised = cache(raise_order_size)


class Session:
    """Trades windows of some coins until enough are settled, or until it is stopped.

    Args:
        hosts: Where the venue is.
        settings: What is traded.
        reads: The venue's public routes.
        access: A wallet and its way to order entry; None observes and sends nothing.
        store: Gets the records of finished markets.
        rng: Salts and jitter.
        clock: Of everything.
        on_quiet: Called when nothing of ours rests anywhere: the moment to tidy up.
        watch: Called a few times a second.

    Attributes:
        desks: Those at work, by the market in its feed.
    """

    def __init__(
        self,
        hosts: Hosts,
        settings: SessionSettings,
        *,
        reads: PublicReads,
        access: Access | None,
        store: RunStore,
        rng: random.Random,
        clock: Clock,
        on_quiet: Callable[[], None],
        watch: Watch | None = None,
    ) -> None:
        self.settings = settings
        self.desks: dict[FeedMarket, Desk] = {}
        self.end = SessionEnd(stages=new_stages())
        self._access = access
        self._store = store
        self._clock = clock
        self._rng = rng
        self._on_quiet = on_quiet
        self._watch = watch
        self._watching: asyncio.TimerHandle | None = None
        self._footprints = Footprints()
        self.end.footprints = self._footprints.found
        self._stop = asyncio.Event()
        self._lost = asyncio.Event()
        self._done = asyncio.Event()
        self._fault: BaseException | None = None
        self._runs: set[asyncio.Task[None]] = set()
        self._numbers = 0
        self._whole_left = dict.fromkeys(settings.coins, settings.windows)
        # When each window's quotes were pulled, until the next one's gap was measured.
        self._closed_ns: dict[str, int] = {}
        self._reads = reads
        self._book = AccountBook(clock.now_ns)
        entry = ObservedEntry(clock.now_ns) if access is None else access.gateway
        self._doubts = Doubts(
            entry,
            self._book.take_fills,
            clock.now_ns,
            lambda: 0 if access is None else access.gateway.skew.offset_ns,
        )
        self._shared = Shared(
            clock=clock,
            entry=entry,
            settler=access,
            maker=settings.maker,
            close_margin_ns=settings.close_margin_ns,
            stages=self.end.stages,
            portfolio=Portfolio(),
            doubts=self._doubts,
        )
        self.feed = MarketFeed(
            hosts.ws_market,
            self._reads.clob,
            self._on_change,
            on_obstacle=self._on_obstacle,
            on_resolved=self._on_resolved,
            rng=rng,
            clock_ns=clock.now_ns,
        )

    def stop(self) -> None:
        """Pull everything, verify, count and end."""
        self._stop.set()
        self._done.set()

    def lose(self, why: str) -> None:
        """End without asking the venue anything: it is gone, and all orders with it."""
        self.end.faults.append(why)
        self._lost.set()
        self.stop()

    def fail(self, fault: BaseException) -> None:
        """End like `stop`, and raise what happened afterwards."""
        self._fault = self._fault or fault
        self.stop()

    async def run(self) -> SessionEnd:
        """Trade until all windows are settled.

        Raises:
            VenueError: The venue or the credentials refused at the start.
        """
        async with AsyncExitStack() as stack:
            await self._reads.open()
            stack.push_async_callback(self._reads.close)
            await self._reads.check()
            if self._access is not None:
                await self._access.open(self._book)
                stack.push_async_callback(self._access.close)
            await self.feed.open()
            stack.push_async_callback(self.feed.close)
            stack.push_async_callback(self._doubts.close)
            finder = self._make_finder()
            await finder.open()
            stack.push_async_callback(finder.close)
            self._look()
            stack.callback(self._look_away)
            await self._done.wait()
            await finder.close()
            await asyncio.gather(*self._runs)
            if self._access is not None and not self._lost.is_set():
                facts, faults = await self._access.check_money()
                self.end.facts |= facts
                self.end.faults += faults
            self._tell(finder)
        if self._fault is not None:
            raise self._fault
        return self.end

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
        market = entry.market
        parameters = _raised(self.settings.parameters, market.order_min_e6)
        try:
            feed = self.feed.add(market, parameters, quoter_address=self.settings.quoter_address)
        except InputError:
            self.end.counts["windows_without_room"] += 1
            return
        self._shared.entry.prepare(market)
        desk = Desk(
            self._shared,
            feed,
            number=self._numbers,
            source=self.settings.source,
            fill_form="none" if self._access is None else "trades",
        )
        self._numbers += 1
        desk.on_obstacle("no_line")
        self.desks[feed] = desk
        self._book.add(desk)
        task = asyncio.get_running_loop().create_task(self._lead(desk, window))
        self._runs.add(task)
        task.add_done_callback(self._on_run_done)

    def _on_refused(self, window: Window, why: str) -> None:
        self.end.counts[f"window_refused: {why}"] += 1
        self._is_wanted(window)
        self._look_done()

    async def _lead(self, desk: Desk, window: Window) -> None:
        run = WindowRun(
            desk,
            self._reads.winner,
            self._stop,
            self._lost,
            lambda at_ns: self._pulled(window, at_ns),
        )
        ending = await run.live()
        record = desk.record
        before_ns = self._closed_ns.pop(window.later(-1).slug, 0)
        first_ns = next((quote[0] for quote in record.quotes if quote[2] or quote[4]), 0)
        if before_ns and first_ns:
            record.roll_gap_s = (first_ns - before_ns) / NS
        self._book.settle(desk, ending)
        self.end.faults += ending.faults
        self.desks.pop(desk.sight.feed)
        self.feed.remove(desk.sight.feed)
        self._shared.entry.forget(desk.market)
        self._shared.portfolio.drop(desk.market.slug)
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
        if all(desk.is_flat for desk in self.desks.values()):
            self._clock.follow()
            self._on_quiet()

    def _look(self) -> None:
        """Show where the desks stand, and note what this process holds."""
        self._watching = asyncio.get_running_loop().call_later(WATCH_S, self._look)
        now_ns = self._clock.now_ns()
        if self._watch is not None:
            self._watch([moment_of(desk, now_ns) for desk in self.desks.values()])
        window = window_at(self.settings.coins[0], self.settings.window_s, now_ns)
        self._footprints.look(window.start_s, now_ns)

    def _look_away(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    # From the market feed

    def _on_change(self, market: FeedMarket, flags: int, recv_ns: int) -> None:
        desk = self.desks.get(market)
        if desk is not None:
            desk.on_book(flags, recv_ns)

    def _on_obstacle(self, market: FeedMarket, why: str) -> None:
        desk = self.desks.get(market)
        if desk is not None:
            desk.on_obstacle(why)

    def _on_resolved(self, market: FeedMarket, winner: Token) -> None:
        desk = self.desks.get(market)
        if desk is not None:
            desk.on_resolved(winner)

    def _tell(self, finder: WindowFinder) -> None:
        """Put what the parts counted into the end."""
        told = {
            "market feed": self.feed.counts,
            "finder": finder.counts,
            "doubts": self._doubts.counts,
            "account": self._book.counts,
            "session": self.end.counts,
        }
        if self._access is not None:
            told |= {"user channel": self._access.heard, "order entry": self._access.counts}
        for name, counts in told.items():
            if counts:
                text = ", ".join(f"{key} {n:,}" for key, n in sorted(counts.items()))
                self.end.facts[name] = text
        if isinstance(self._shared.entry, ObservedEntry):
            withheld = self._shared.entry.withheld
            self.end.facts["not sent"] = (
                f"{withheld['orders']:,} orders, {withheld['cancels']:,} cancels"
            )
