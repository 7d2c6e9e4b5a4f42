"""``polymm record``: hear markets, prices and our own orders, write it all down, send nothing.

Windows are found and subscribed ahead as in a run; each is heard until its winner is known.
"""

import asyncio
import random
import secrets
import signal
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.errors import InputError, VenueError
from polymm.runtime.accounts import local_hosts
from polymm.runtime.clock import Clock
from polymm.runtime.config import Config
from polymm.runtime.embedded import embedded_exchange
from polymm.runtime.public_reads import PublicReads
from polymm.runtime.recorder import Channel, Recorder
from polymm.runtime.recording_run import prices_recorded, recorder_settings, run_facts
from polymm.runtime.secrets import PREFIX, load_credentials
from polymm.strategy.base import BaseParameters
from polymm.venues.polymarket.catalog import CatalogEntry
from polymm.venues.polymarket.credentials import ApiCredentials
from polymm.venues.polymarket.feed_market import FeedMarket
from polymm.venues.polymarket.finder import FinderSettings, WindowFinder
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.market_feed import MarketFeed
from polymm.venues.polymarket.slugs import Window, window_at
from polymm.venues.polymarket.user_feed import UserFeed

LOOK_S: Final = 0.25
# Winners are told within 316 s at the venue (markets-5m notes); asked for from a second on.
WINNER_NS_MAX: Final = 400 * NS
ASK_NS: Final = NS


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordPlan:
    """What is recorded.

    Args:
        config: Coins, length of the windows, and what is kept.
        folder: Where to.
        hosts: Of the venue; None for an exchange of our own.
        credentials: Of the user channel and of PolyBolt; None goes without.
        windows: Whole windows of each coin, beside the rest of the open one; 0 for no end.
    """

    config: Config
    folder: Path
    hosts: Hosts | None
    credentials: ApiCredentials | None
    windows: int


@dataclass(frozen=True, slots=True)
class RecordEnd:
    """What was recorded.

    Args:
        facts: For people.
        lost: Frames that are missing.
        number: Of the signal that ended it, 0 where none did.
    """

    facts: dict[str, str]
    lost: int
    number: int


def recorded_venue(
    environ: Mapping[str, str], *, is_real: bool, exchange: str
) -> tuple[Hosts | None, ApiCredentials | None]:
    """Where to listen, None for an exchange of our own, and as whom.

    Args:
        environ: Of the process. Without any variable of a key nobody's user channel is heard.
        is_real: Polymarket.
        exchange: Address of a local exchange, "" for none.

    Raises:
        UsageError: No address of this machine.
        CredentialError: There are credentials, and they are malformed.
    """
    if not is_real:
        return (local_hosts(exchange) if exchange else None), None
    if not any(name.startswith(PREFIX) for name in environ):
        return Hosts(), None
    return Hosts(), load_credentials(environ).api


# Given the recorder and the markets that are heard now, a few times a second.
Watch = Callable[[Recorder, int], None]


async def record(plan: RecordPlan, note: Callable[[str], None], watch: Watch) -> RecordEnd:
    """Record until all windows are over, or until SIGINT or SIGTERM.

    Raises:
        ConfigError: The folder cannot be made, or the embedded exchange does not start.
        VenueError: The venue does not answer.
    """
    config, clock = plan.config, Clock()
    async with AsyncExitStack() as stack:
        hosts, venue = plan.hosts, "embedded exchange on loopback, synthetic traders"
        if hosts is None:
            session = config.session
            flags = ["--window", str(session.window_s), "--coins", session.coins]
            flags += ["--seed", str(config.run.seed)]
            hosts = (await stack.enter_async_context(embedded_exchange(flags))).hosts
        else:
            venue = hosts.clob
        facts = run_facts(config, plan.folder, venue, started_ns=clock.now_ns())
        recorder = Recorder(plan.folder, clock.now_ns, facts, recorder_settings(config))
        recorder.open()
        stack.callback(recorder.close)
        recording = Recording(plan, hosts, recorder, clock, note, watch)
        await recording.run()
        fault = recorder.close()
        if fault:
            note(f"alarm {fault}")
        return RecordEnd(recording.facts | recorder.facts(), recorder.lost_frames, recording.number)


class Recording:
    """Hears windows of some coins until enough are over.

    Args:
        hosts: Of the venue.
        recorder: Open; the caller's to close.
        watch: Called a few times a second.

    Attributes:
        facts: What was odd, by name of the part.
        number: Of the signal that ended it, 0 where none did.
    """

    def __init__(
        self,
        plan: RecordPlan,
        hosts: Hosts,
        recorder: Recorder,
        clock: Clock,
        note: Callable[[str], None],
        watch: Watch,
    ) -> None:
        self.facts: dict[str, str] = {}
        self.number = 0
        self._plan = plan
        self._hosts = hosts
        self._recorder = recorder
        self._clock_ns = clock.now_ns
        self._note = note
        self._watch = watch
        self._session = plan.config.session
        self._coins = tuple(self._session.coins.split(","))
        self._rng = random.Random(secrets.randbits(64))
        self._stop = asyncio.Event()
        self._left = dict.fromkeys(self._coins, plan.windows)
        self._heard: dict[str, FeedMarket] = {}
        self._winners: dict[str, Token] = {}
        self._asked_ns: dict[str, int] = {}
        self._counts: Counter[str] = Counter()
        self._reads = PublicReads(hosts, self._rng, clock_ns=self._clock_ns)
        self._feed = MarketFeed(
            hosts.ws_market,
            self._reads.clob,
            lambda market, flags, recv_ns: None,
            on_resolved=self._on_resolved,
            rng=self._rng,
            clock_ns=self._clock_ns,
            tap=recorder.tap(Channel.MARKET),
        )

    async def run(self) -> None:
        """Hear everything until the end.

        Raises:
            VenueError: The venue does not answer at the start.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end, number)
        try:
            async with AsyncExitStack() as stack:
                await self._reads.open()
                stack.push_async_callback(self._reads.close)
                await self._reads.check()
                await self._open(stack)
                while not self._stop.is_set():
                    await self._look()
                    await asyncio.sleep(LOOK_S)
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
        for condition_id in tuple(self._heard):
            self._remove(condition_id)
        for name, counts in (("market feed", self._feed.counts), ("windows", self._counts)):
            told = ", ".join(f"{key} {n:,}" for key, n in sorted(counts.items()) if n)
            if told:
                self.facts[name] = told

    async def _open(self, stack: AsyncExitStack) -> None:
        plan, hosts = self._plan, self._hosts
        await self._feed.open()
        stack.push_async_callback(self._feed.close)
        if plan.credentials is not None:
            user = UserFeed(
                hosts.ws_user,
                plan.credentials,
                lambda event, recv_ns: None,
                lambda since_ns: None,
                rng=self._rng,
                clock_ns=self._clock_ns,
                tap=self._recorder.tap(Channel.USER),
            )
            await user.open()
            stack.push_async_callback(user.close)
        await stack.enter_async_context(
            prices_recorded(
                self._recorder, hosts, plan.credentials, self._coins, self._rng, self._clock_ns
            )
        )
        finder = WindowFinder(
            self._coins,
            self._session.window_s,
            self._reads.gamma,
            self._reads.clob,
            self._on_found,
            on_refused=self._on_refused,
            rng=self._rng,
            settings=FinderSettings(ahead=1),
            clock_ns=self._clock_ns,
        )
        await finder.open()
        stack.push_async_callback(finder.close)

    def _end(self, number: int) -> None:
        self.number = number
        self._stop.set()

    # Windows

    def _is_wanted(self, window: Window) -> bool:
        """Count a whole window as taken; those after the last are not."""
        if window.start_ns <= self._clock_ns() or not self._plan.windows:
            return True
        if not self._left[window.coin]:
            return False
        self._left[window.coin] -= 1
        return True

    def _on_found(self, window: Window, entry: CatalogEntry) -> None:
        market = entry.market
        if not self._is_wanted(window) or market.condition_id in self._heard:
            return
        try:
            self._heard[market.condition_id] = self._feed.add(market, BaseParameters())
        except InputError:
            self._counts["without_room"] += 1
            return
        self._recorder.add_market(market)

    def _on_refused(self, window: Window, why: str) -> None:
        self._counts[f"refused: {why}"] += 1
        self._is_wanted(window)

    def _on_resolved(self, market: FeedMarket, winner: Token) -> None:
        self._winners[market.market.condition_id] = winner

    async def _look(self) -> None:
        now_ns = self._clock_ns()
        window = window_at(self._coins[0], self._session.window_s, now_ns)
        told = self._recorder.look(window.start_ns)
        if told:
            self._note(f"alarm {told}")
        for condition_id, market in tuple(self._heard.items()):
            if now_ns > market.market.end_ns:
                await self._settle(condition_id, market, now_ns)
        self._watch(self._recorder, len(self._heard))
        if self._plan.windows and not self._heard and not any(self._left.values()):
            self._stop.set()

    async def _settle(self, condition_id: str, market: FeedMarket, now_ns: int) -> None:
        """Hear a market until its winner is known, which is asked for where nobody tells."""
        end_ns = market.market.end_ns
        if condition_id in self._winners or now_ns > end_ns + WINNER_NS_MAX:
            self._remove(condition_id)
            return
        if now_ns - self._asked_ns.get(condition_id, end_ns) < ASK_NS:
            return
        self._asked_ns[condition_id] = now_ns
        try:
            winner = await self._reads.winner(market.market.slug)
        except VenueError as error:
            self._counts[f"winner_{error.reason}"] += 1
            return
        if winner is not None:
            self._winners[condition_id] = winner

    def _remove(self, condition_id: str) -> None:
        market = self._heard.pop(condition_id)
        winner = self._winners.pop(condition_id, None)
        self._counts["without_winner" if winner is None else "with_winner"] += 1
        self._recorder.remove_market(market.market, winner)
        self._feed.remove(market)
