"""The exchange of the fan-out bench: a process of its own with very busy traders."""

import asyncio
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from typing import Any

import uvloop

from polymm.errors import LedgerError
from polymm.exchange.flow_settings import FlowSettings
from polymm.exchange.market_channel import MarketMessage
from polymm.exchange.server.app import serving
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.pump import Message
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.synthetic import fit_flow
from polymm.exchange.user_channel import UserMessage
from polymm.exchange.windows import WindowSettings
from polymm.runtime.exchange_process import calm_collector

# In a long window the price is still in the middle after a minute: books are two-sided and deep.
WINDOW_S = 3_600
BEGUN_S = 5
MESSAGES_AN_ORDER = 1.95  # An order near the touch comes and goes.
NS, MS = 1_000_000_000, 1_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """Time of day, moved so that a window has just begun."""

    ahead_ns: int

    def __call__(self) -> int:
        """Now, ns since the epoch."""
        return time.time_ns() + self.ahead_ns


@dataclass(frozen=True, slots=True)
class Measured:
    """What the exchange needed between the first word and the second.

    Args:
        delays_ns: As of Ear.
        used: Share of a core.
    """

    delays_ns: list[int]
    used: float


@dataclass(frozen=True, slots=True)
class Ended:
    """What the exchange says at the third word.

    Args:
        user_events: As of Ear, since the start.
        fault: What its audit found, "" for nothing.
    """

    user_events: Counter[str]
    fault: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where a running exchange is.

    Args:
        urls: Of its services, by name.
        clock: What it goes by.
        markets: Up and Down token of each window that runs.
    """

    urls: dict[str, str]
    clock: Clock
    markets: list[tuple[str, str]]


class Ear:
    """Takes in what an exchange hands on.

    Attributes:
        delays_ns: From venue time to the moment all sockets were written, of market messages.
        user_events: What was told to each account, by its API key.
    """

    def __init__(self, clock: Clock) -> None:
        self.delays_ns: list[int] = []
        self.user_events: Counter[str] = Counter()
        self._clock = clock

    def note(self, messages: Sequence[Message]) -> None:
        """Take in what was just written."""
        now_ns = self._clock()
        for one in messages:
            if type(one) is MarketMessage:
                self.delays_ns.append(now_ns - one.at_ns)
            elif type(one) is UserMessage:
                self.user_events[one.owner] += 1


def fast_flow(windows: WindowSettings, rate: float) -> FlowSettings:
    """The usual traders, and so many noisy ones that all coins together make ``rate`` messages."""
    flow = fit_flow(windows)
    orders = rate / len(windows.coins) / MESSAGES_AN_ORDER
    return replace(flow, noise_order_rate=orders)


def pin(core: int | None) -> None:
    """Keep this process on one core, None for any."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def serve(pipe: Connection, core: int | None, rate: float, coins: tuple[str, ...]) -> None:
    """Run the exchange: tell where it is, then answer one word after the other."""
    pin(core)
    uvloop.run(_serve(pipe, rate, coins))


async def _serve(pipe: Connection, rate: float, coins: tuple[str, ...]) -> None:
    windows = WindowSettings(length_s=WINDOW_S, coins=coins)
    settings = ServerSettings(windows=windows, flow=fast_flow(windows, rate), seed=1)
    now_s = time.time_ns() // NS
    clock = Clock((WINDOW_S - now_s % WINDOW_S + BEGUN_S) * NS)
    async with serving(settings, clock_ns=clock) as served:
        hall, ear = served.hall, Ear(clock)
        hall.listeners.append(ear.note)
        now_ns = hall.now_ns()
        running = [one for one in hall.by_slug.values() if one.market.start_ns < now_ns]
        pipe.send(Place(served.urls, clock, [one.pool.tokens for one in running]))
        calm_collector()
        await next_word(pipe)
        ear.delays_ns.clear()
        began_cpu, began = time.process_time(), time.monotonic()
        await next_word(pipe)
        used = (time.process_time() - began_cpu) / (time.monotonic() - began)
        pipe.send(Measured(ear.delays_ns, used))
        await next_word(pipe)
        pipe.send(Ended(ear.user_events, audit(hall)))


def audit(hall: Hall) -> str:
    """Have the exchange prove that no money is lost; what is wrong, "" for nothing."""
    try:
        hall.exchange.audit()
    except LedgerError as error:
        return str(error)
    return ""


async def next_word(pipe: Connection) -> Any:
    """Wait for what the other process says."""
    while not pipe.poll():
        await asyncio.sleep(0.02)
    return pipe.recv()


@contextmanager
def process(run: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    """Run something in a process of its own that gets one end of a pipe; here is the other."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(
        target=run, args=(theirs, *arguments), daemon=True
    )
    child.start()
    theirs.close()
    try:
        yield ours
    finally:
        child.terminate()
        child.join()
