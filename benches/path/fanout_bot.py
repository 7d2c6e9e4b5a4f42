"""The bot of the fan-out bench: the session of ``polymm run``, in a process of its own."""

import asyncio
import gc
import random
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import uvloop

from benches.path.fanout_exchange import MS, NS, WINDOW_S, Place, next_word, pin
from benches.path.latency import spread
from polymm._core.layout import ASK, BID
from polymm.research.records import StageTimes
from polymm.runtime.access import Access
from polymm.runtime.accounts import WALLETS
from polymm.runtime.clock import Clock
from polymm.runtime.config_source import load_config
from polymm.runtime.desk import Desk
from polymm.runtime.public_reads import PublicReads
from polymm.runtime.run_store import RunStore
from polymm.runtime.runner import session_settings
from polymm.runtime.session import Session
from polymm.runtime.stage_names import Stage, stage_times
from polymm.runtime.state_folder import state_folder
from polymm.venues.polymarket.credentials import Secret, SigningKey
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.keys import create_or_derive_key
from polymm.venues.polymarket.signing import Wallet

SLICE_S = 10
LOOK_S = 0.01
QUOTES_S_MAX = 20.0
# Of the time in which the book allows quoting, at least one side of ours must rest for so much.
UPTIME_MIN = 0.9
# Defects of a window that no market excuses.
DEFECTS = ("orders_after_close", "close_unproven", "foreign_fills", "failed_trades")


@dataclass(slots=True)
class Slice:
    """Ten seconds of the bot, counted in looks at each desk.

    Attributes:
        placed: Orders sent that the exchange took.
        looks: How often a desk was looked at; of that,
        allowed: the book allowed quoting; of that,
        quoted: one side of ours rested at least, as far as replies prove it,
        both: both did.
    """

    placed: int = 0
    looks: int = 0
    allowed: int = 0
    quoted: int = 0
    both: int = 0


@dataclass(frozen=True, slots=True)
class BotFigures:
    """What the bot did.

    Args:
        slices: In order.
        ages_ms: Age of the newest venue stamp that a book holds, at each look.
        fills: In all windows.
        user_events: Heard of, by API key: of this one account.
        gaps: How often the user channel began; the first time is none.
        faults: What does not add up, one sentence each.
        stages: Latencies.
    """

    slices: list[Slice]
    ages_ms: list[int]
    fills: int
    user_events: tuple[str, int]
    gaps: int
    faults: list[str]
    stages: list[StageTimes]


@dataclass(slots=True)
class Looker:
    """Looks at the desks every few milliseconds; the loop's stalls show as ages.

    Attributes:
        desks: Those that quoted at the beginning.
    """

    session: Session
    clock: Clock
    seconds: float
    desks: list[Desk] = field(default_factory=list)
    slices: list[Slice] = field(default_factory=list)
    ages_ms: list[int] = field(default_factory=list)
    began_ns: int = 0
    timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Look for the time asked for."""
        self.desks = quoting(self.session)
        self.began_ns = self.clock.now_ns()
        self.slices = [Slice() for _ in range(max(1, round(self.seconds / SLICE_S)))]
        self._look()

    def _place_of(self, now_ns: int) -> Slice | None:
        """The slice of a time, None outside; the last one takes what is left over."""
        passed_ns = now_ns - self.began_ns
        if not 0 <= passed_ns < self.seconds * NS:
            return None
        return self.slices[min(passed_ns // (SLICE_S * NS), len(self.slices) - 1)]

    def _look(self) -> None:
        now_ns = self.clock.now_ns()
        one = self._place_of(now_ns)
        if one is None:
            return
        self.timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)
        for desk in self.desks:
            feed = desk.feed
            self.ages_ms.append(now_ns // MS - feed.book.timestamp_ms)
            one.looks += 1
            if feed.lane.state_view["usable"].item():
                one.allowed += 1
                sides = sum(desk.best(side)[1] > 0 for side in (BID, ASK))
                one.quoted += sides > 0
                one.both += sides == 2

    def count(self) -> None:
        """Count the orders of each slice."""
        for desk in self.desks:
            for sent in desk.sent.values():
                one = self._place_of(sent.sent_ns)
                if one is not None:
                    one.placed += sent.is_alive


def quoting(session: Session) -> list[Desk]:
    """Desks in their window that have something resting."""
    desks = [desk for desk in session.desks if desk.is_quoting]
    return [desk for desk in desks if desk.best(BID)[1] or desk.best(ASK)[1]]


def trade(pipe: Connection, core: int | None, place: Place, coins: str, seconds: float) -> None:
    """Trade: say when all quotes stand, look at a word, end and tell at the next."""
    pin(core)
    uvloop.run(_trade(pipe, place, coins, seconds))


async def _trade(pipe: Connection, place: Place, coins: str, seconds: float) -> None:
    flags = {"session.coins": ("--coins", coins), "session.window_s": ("--window-s", WINDOW_S)}
    config = load_config(flags=flags).config
    hosts, clock, rng = Hosts.of(place.urls), Clock(wall_ns=place.clock), random.Random(1)
    key = SigningKey(Secret(secrets.token_hex(32)))
    wallet = Wallet(key=key, signature_type=WALLETS[config.session.wallet])
    credentials = await create_or_derive_key(hosts, key, rng=rng)
    reads = PublicReads(hosts, rng, clock_ns=clock.now_ns)
    access = Access(hosts, wallet, credentials, reads, rng=rng, clock_ns=clock.now_ns)
    with RunStore() as store, state_folder(None) as state:
        session = Session(
            hosts,
            session_settings(config, "fan-out bench", is_endless=True),
            reads=reads,
            access=access,
            state=state,
            store=store,
            rng=rng,
            clock=clock,
            on_quiet=lambda: None,
        )
        running = asyncio.create_task(session.run())
        looker = Looker(session, clock, seconds)
        asking = asyncio.create_task(_obey(pipe, looker, len(place.markets)))
        await asyncio.wait({running, asking}, return_when=asyncio.FIRST_COMPLETED)
        session.stop()
        end = await running
        await asking
        looker.count()
        markets = list(store.read())
    faults = [*end.faults]
    for run in markets:
        faults += [f"{run.market.slug}: {name}" for name in DEFECTS if name in run.defects]
    pipe.send(
        BotFigures(
            slices=looker.slices,
            ages_ms=looker.ages_ms,
            fills=sum(len(run.fills) for run in markets),
            user_events=(credentials.key.reveal(), access.heard["events"]),
            gaps=access.heard["gaps"] - 1,
            faults=faults,
            stages=stage_times(end.stages),
        )
    )


async def _obey(pipe: Connection, looker: Looker, desks: int) -> None:
    async with asyncio.timeout(QUOTES_S_MAX):
        while len(quoting(looker.session)) < desks:
            await asyncio.sleep(LOOK_S)
    pipe.send("quotes")
    await next_word(pipe)
    gc.collect()
    gc.freeze()
    gc.disable()
    looker.begin()
    await next_word(pipe)


def report(bot: BotFigures, told: int, lag_ms_max: float) -> dict[str, bool]:
    """Print what the bot did; what must not be so, and whether it is.

    Args:
        told: User events that the exchange wrote for this account.
    """
    total = Slice()
    for one in bot.slices:
        total.looks += one.looks
        total.allowed += one.allowed
        total.quoted += one.quoted
        total.both += one.both
    uptime, both = (one / max(total.allowed, 1) for one in (total.quoted, total.both))
    age = spread([one * MS for one in bot.ages_ms], 0.0)
    answered = bot.stages[Stage.ANSWERED]
    print(
        f"bot, orders in {SLICE_S} s   {' '.join(str(one.placed) for one in bot.slices)}\n"
        f"bot, uptime            {uptime:.1%} a side, {both:.1%} both, of the"
        f" {total.allowed / max(total.looks, 1):.1%} that books allow; {bot.fills:,} fills\n"
        f"bot, age of books, ms  p50 {age.p50_ns / MS:.1f}  p99 {age.p99_ns / MS:.1f}"
        f"  max {max(bot.ages_ms):.1f}\n"
        f"bot, answer, ms        p50 {answered.p50_ns / MS:.2f}  p99 {answered.p99_ns / MS:.2f}\n"
        f"bot, user events       {told:,} told, {told - bot.user_events[1]:,} lost,"
        f" {bot.gaps} gaps"
    )
    for fault in bot.faults:
        print(f"bot, fault             {fault}")
    return {
        "the bot placed nothing for a slice": is_idle(bot.slices),
        f"the bot's uptime is below {UPTIME_MIN:.0%}": uptime < UPTIME_MIN,
        f"the age of the bot's books is above {lag_ms_max:g} ms at p99": age.p99_ns / MS
        > lag_ms_max,
        "user events were lost": told != bot.user_events[1] or bot.gaps != 0,
        "the bot's money or orders do not add up": bool(bot.faults),
    }


def is_idle(slices: Sequence[Slice]) -> bool:
    """Whether nothing was placed in a slice most of which allowed it, or nothing was allowed."""
    idle = [one for one in slices if not one.placed and 2 * one.allowed > one.looks]
    return bool(idle) or not any(one.allowed for one in slices)
