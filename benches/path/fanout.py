"""The exchange's fan-out: ``python -m benches.path.fanout --seconds 60``.

An exchange in a process of its own runs its synthetic traders fast enough for some thousand market
messages a second, and this process listens on several sockets. All must get the very same bytes;
afterwards books are kept from them and the hash of every change is proved. Lag runs from
the venue time of a change, which messages hold in whole ms, to the socket's read: it is up to 1 ms
too long. More than 20 ms at p99 would mean that the exchange's one thread has no time left.
"""

import argparse
import asyncio
import gc
import multiprocessing
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any
from zlib import crc32

import orjson
import uvloop

from benches.path.channel_audit import BAD_FLAGS, ChannelAudit
from benches.path.latency import spread
from polymm.exchange.flow_settings import FlowSettings
from polymm.exchange.market_channel import MarketMessage
from polymm.exchange.server.app import serving
from polymm.exchange.server.pump import Message
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.synthetic import fit_flow
from polymm.exchange.windows import WindowSettings
from polymm.net.websocket import Closed, Receiver, WebSocket, open_websocket
from polymm.runtime.exchange_process import calm_collector

# In a long window the price is still in the middle after a minute: books are two-sided and deep.
WINDOW_S = 3_600
BEGUN_S = 5
MESSAGES_AN_ORDER = 1.95  # An order near the touch comes and goes.
WARM_UP_S = 1.0
NS, MS = 1_000_000_000, 1_000_000
LAG_MS_MAX = 20.0
TIMESTAMP = re.compile(rb'"timestamp": ?"(\d+)"')


def fast_flow(windows: WindowSettings, rate: float) -> FlowSettings:
    """The usual traders, and so many noisy ones that all coins together make ``rate`` messages."""
    flow = fit_flow(windows)
    orders = rate / len(windows.coins) / MESSAGES_AN_ORDER
    return replace(flow, noise_order_rate=orders)


class Delays:
    """Notes how late the exchange says what it says.

    Attributes:
        samples: From venue time to the moment all sockets were written, ns.
    """

    def __init__(self, now_ns: "Clock") -> None:
        self.samples: list[int] = []
        self._now_ns = now_ns

    def note(self, messages: Sequence[Message]) -> None:
        """Take in what was just written."""
        now_ns = self._now_ns()
        self.samples += [now_ns - one.at_ns for one in messages if type(one) is MarketMessage]


@dataclass(frozen=True, slots=True)
class Clock:
    """Time of day, moved so that a window has just begun."""

    ahead_ns: int

    def __call__(self) -> int:
        """Now, ns since the epoch."""
        return time.time_ns() + self.ahead_ns


def serve(pipe: Connection, core: int | None, rate: float, coins: tuple[str, ...]) -> None:
    """Run the exchange: tell where it is, and after a word what it needed from a first word on."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    uvloop.run(serve_until_asked(pipe, rate, coins))


async def serve_until_asked(pipe: Connection, rate: float, coins: tuple[str, ...]) -> None:
    """Serve between two words from the parent."""
    windows = WindowSettings(length_s=WINDOW_S, coins=coins)
    settings = ServerSettings(windows=windows, flow=fast_flow(windows, rate), seed=1)
    now_s = time.time_ns() // NS
    clock = Clock((WINDOW_S - now_s % WINDOW_S + BEGUN_S) * NS)
    async with serving(settings, clock_ns=clock) as served:
        hall = served.hall
        delays = Delays(clock)
        hall.listeners.append(delays.note)
        now_ns = hall.now_ns()
        running = [one for one in hall.by_slug.values() if one.market.start_ns < now_ns]
        pipe.send((served.urls["ws_market"], clock, [one.pool.tokens for one in running]))
        calm_collector()
        await next_word(pipe)
        delays.samples.clear()
        began_cpu, began = time.process_time(), time.monotonic()
        await next_word(pipe)
        used = (time.process_time() - began_cpu) / (time.monotonic() - began)
        hall.exchange.audit()
        pipe.send((delays.samples, used))


async def next_word(pipe: Connection) -> Any:
    """Wait for what the other process says."""
    while not pipe.poll():
        await asyncio.sleep(0.02)
    return pipe.recv()


@contextmanager
def exchange_process(
    core: int | None, rate: float, coins: tuple[str, ...]
) -> Iterator[tuple[Connection, str, Clock, list[tuple[str, str]]]]:
    """Run an exchange; its pipe, address, clock and the tokens of the windows that run."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve, args=(theirs, core, rate, coins), daemon=True
    )
    process.start()
    theirs.close()
    try:
        if not ours.poll(30):
            raise TimeoutError("the exchange did not start")
        yield (ours, *ours.recv())
    finally:
        process.terminate()
        process.join()


@dataclass
class Listener:
    """One subscriber.

    Attributes:
        begin_ms: What the exchange says at this venue time and later counts,
        end_ms: as long as it is said before this.
        lags_ms: From venue time to the read.
        digest: Of all messages that count.
        kept: All messages, where this one keeps them.
        is_closed: Whether the exchange hung up.
    """

    clock: Clock
    begin_ms: int
    end_ms: int
    kept: list[bytes] | None = None
    lags_ms: list[int] = field(default_factory=list)
    digest: int = 0
    is_closed: bool = False

    async def open(self, url: str, tokens: Sequence[str]) -> WebSocket:
        """Subscribe."""
        receiver = Receiver(on_message=self.take, on_close=self.note_end)
        socket = await open_websocket(url, receiver, clock_ns=time.time_ns)
        first = {"type": "market", "assets_ids": tokens, "custom_feature_enabled": True}
        socket.send_text(orjson.dumps(first))
        return socket

    def take(self, payload: bytes, recv_ns: int) -> None:
        """Take in a frame."""
        if self.kept is not None:
            self.kept.append(payload)
        said_ms = int(TIMESTAMP.search(payload)[1])  # type: ignore[index]
        if self.begin_ms <= said_ms < self.end_ms:
            self.digest = crc32(payload, self.digest)
            self.lags_ms.append((recv_ns + self.clock.ahead_ns) // MS - said_ms)

    def note_end(self, _: Closed) -> None:
        """Note that the exchange hung up."""
        self.is_closed = True


async def listen(
    pipe: Connection,
    url: str,
    clock: Clock,
    markets: list[tuple[str, str]],
    options: argparse.Namespace,
) -> bool:
    """Listen for the time asked for, print what was seen; whether all of it was right."""
    begin_ms = clock() // MS + round(WARM_UP_S * 1_000)
    end_ms = begin_ms + round(options.seconds * 1_000)
    listeners = [Listener(clock, begin_ms, end_ms) for _ in range(options.subscribers)]
    listeners[0].kept = []
    tokens = [token for market in markets for token in market]
    sockets = [await one.open(url, tokens) for one in listeners]
    await asyncio.sleep((begin_ms - clock() // MS) / 1_000)
    pipe.send(b"begin")
    gc.disable()
    used = time.process_time()
    await asyncio.sleep((end_ms - clock() // MS) / 1_000)
    used = (time.process_time() - used) / options.seconds
    # What is still on the way belongs to it.
    await asyncio.sleep(WARM_UP_S)
    is_cut = any(one.is_closed for one in listeners)
    pipe.send(b"end")
    delays, exchange_used = await next_word(pipe)
    for socket in sockets:
        socket.abort()
    audit = ChannelAudit(markets)
    for frame in listeners[0].kept:
        audit.take(frame)
    return report(listeners, audit, delays, exchange_used, used, options.seconds, is_cut=is_cut)


def report(
    listeners: Sequence[Listener],
    audit: ChannelAudit,
    delays: Sequence[int],
    exchange_used: float,
    used: float,
    seconds: float,
    *,
    is_cut: bool,
) -> bool:
    """Print the figures; whether they are what they should be."""
    lags = [lag for one in listeners for lag in one.lags_ms]
    seen = spread([lag * MS for lag in lags], 0.0)
    said = spread(delays, 0.0)
    rate = len(listeners[0].lags_ms) / seconds
    print(
        f"messages a second      {rate:9,.0f}   to each of {len(listeners)} subscribers"
        "\n"
        f"lag, ms                p50 {seen.p50_ns / MS:.1f}  p99 {seen.p99_ns / MS:.1f}"
        f"  max {max(lags):.1f}\n"
        f"of that to the write   p50 {said.p50_ns / MS:.2f}  p99 {said.p99_ns / MS:.2f}"
        f"  max {max(delays) / MS:.2f}\n"
        f"hashes                 {audit.true_count:,} true, {len(audit.false)} false\n"
        f"CPU of a core          exchange {exchange_used:.0%}, subscribers {used:.0%}"
    )
    is_same = len({(one.digest, len(one.lags_ms)) for one in listeners}) == 1
    faults = {
        "subscribers got different bytes": not is_same,
        "hashes are false": bool(audit.false),
        "books disagree with their tops": bool(audit.flags & BAD_FLAGS),
        "the exchange hung up on a subscriber": is_cut,
        f"lag p99 is above {LAG_MS_MAX:g} ms": seen.p99_ns / MS > LAG_MS_MAX,
    }
    for text, is_so in faults.items():
        if is_so:
            print(f"WRONG: {text}")
    return not any(faults.values())


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benches.path.fanout", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long")
    parser.add_argument("--rate", type=float, default=5_500.0, help="messages a second")
    parser.add_argument("--coins", default="btc,eth", help="a window of each")
    parser.add_argument("--subscribers", type=int, default=4, help="sockets of this process")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    options = parse(arguments)
    cores: Sequence[int | None] = sorted(os.sched_getaffinity(0))
    core, other = (cores[0], cores[-1]) if len(cores) > 1 else (None, None)
    with exchange_process(core, options.rate, tuple(options.coins.split(","))) as (pipe, *rest):
        if other is not None:
            os.sched_setaffinity(0, {other})
        is_right = uvloop.run(listen(pipe, *rest, options))
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
