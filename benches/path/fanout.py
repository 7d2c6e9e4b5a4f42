"""The exchange's fan-out: ``python -m benches.path.fanout --seconds 60``.

An exchange in a process of its own runs its synthetic traders fast enough for some thousand market
messages a second, and this process listens on several sockets. All must get the very same bytes;
afterwards books are kept from them and the hash of every change is proved. Lag runs from
the venue time of a change, which messages hold in whole ms, to the socket's read: it is up to 1 ms
too long. More than 20 ms at p99 would mean that the exchange's one thread has no time left.

With ``--bot`` the bot trades on the same exchange all the while, in a third process on the core of
the subscribers.
"""

import argparse
import asyncio
import gc
import os
import re
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any
from zlib import crc32

import orjson
import uvloop

from benches.path.channel_audit import BAD_FLAGS, ChannelAudit
from benches.path.fanout_bot import BotFigures, trade
from benches.path.fanout_bot import report as bot_report
from benches.path.fanout_exchange import (
    MS,
    Clock,
    Ended,
    Measured,
    Place,
    next_word,
    pin,
    process,
    serve,
)
from benches.path.latency import spread
from polymm.net.websocket import Closed, Receiver, WebSocket, open_websocket

WARM_UP_S = 1.0
START_S_MAX = 30
LAG_MS_MAX = 20.0
TIMESTAMP = re.compile(rb'"timestamp": ?"(\d+)"')


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


def heard_from(pipe: Connection, what: str) -> Any:
    """Wait for the first word of another process."""
    if not pipe.poll(START_S_MAX):
        raise TimeoutError(f"{what} did not start within {START_S_MAX} s")
    return pipe.recv()


async def listen(
    pipe: Connection, place: Place, bot_pipe: Connection | None, options: argparse.Namespace
) -> bool:
    """Listen for the time asked for, print what was seen; whether all of it was right."""
    clock, pipes = place.clock, [one for one in (pipe, bot_pipe) if one is not None]
    begin_ms = clock() // MS + round(WARM_UP_S * 1_000)
    end_ms = begin_ms + round(options.seconds * 1_000)
    listeners = [Listener(clock, begin_ms, end_ms) for _ in range(options.subscribers)]
    listeners[0].kept = []
    tokens = [token for market in place.markets for token in market]
    sockets = [await one.open(place.urls["ws_market"], tokens) for one in listeners]
    await asyncio.sleep((begin_ms - clock() // MS) / 1_000)
    for one in pipes:
        one.send("begin")
    gc.disable()
    used = time.process_time()
    await asyncio.sleep((end_ms - clock() // MS) / 1_000)
    used = (time.process_time() - used) / options.seconds
    # What is still on the way belongs to it.
    await asyncio.sleep(WARM_UP_S)
    is_cut = any(one.is_closed for one in listeners)
    for one in pipes:
        one.send("end")
    measured: Measured = await next_word(pipe)
    for socket in sockets:
        socket.abort()
    bot: BotFigures | None = None if bot_pipe is None else await next_word(bot_pipe)
    pipe.send("audit")
    ended: Ended = await next_word(pipe)
    audit = ChannelAudit(place.markets)
    for frame in listeners[0].kept:
        audit.take(frame)
    faults = report(listeners, audit, measured, used, options.seconds)
    faults["the exchange hung up on a subscriber"] = is_cut
    faults[f"the exchange's audit fails: {ended.fault}"] = bool(ended.fault)
    if bot is not None:
        faults |= bot_report(bot, ended.user_events[bot.user_events[0]], LAG_MS_MAX)
    for text, is_so in faults.items():
        if is_so:
            print(f"WRONG: {text}")
    return not any(faults.values())


def report(
    listeners: Sequence[Listener],
    audit: ChannelAudit,
    measured: Measured,
    used: float,
    seconds: float,
) -> dict[str, bool]:
    """Print the figures; what must not be so, and whether it is."""
    lags = [lag for one in listeners for lag in one.lags_ms]
    seen = spread([lag * MS for lag in lags], 0.0)
    delays = measured.delays_ns
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
        f"CPU of a core          exchange {measured.used:.0%}, subscribers {used:.0%}"
    )
    is_same = len({(one.digest, len(one.lags_ms)) for one in listeners}) == 1
    return {
        "subscribers got different bytes": not is_same,
        "hashes are false": bool(audit.false),
        "books disagree with their tops": bool(audit.flags & BAD_FLAGS),
        f"lag p99 is above {LAG_MS_MAX:g} ms": seen.p99_ns / MS > LAG_MS_MAX,
    }


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="benches.path.fanout", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long")
    parser.add_argument("--rate", type=float, default=5_500.0, help="messages a second")
    parser.add_argument("--coins", default="btc,eth", help="a window of each")
    parser.add_argument("--subscribers", type=int, default=4, help="sockets of this process")
    parser.add_argument("--bot", action="store_true", help="trade there meanwhile")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Measure and print."""
    options = parse(arguments)
    cores: Sequence[int | None] = sorted(os.sched_getaffinity(0))
    core, other = (cores[0], cores[-1]) if len(cores) > 1 else (None, None)
    with ExitStack() as stack:
        coins = tuple(options.coins.split(","))
        pipe = stack.enter_context(process(serve, core, options.rate, coins))
        place = heard_from(pipe, "the exchange")
        bot_pipe = None
        if options.bot:
            asked = (other, place, options.coins, options.seconds)
            bot_pipe = stack.enter_context(process(trade, *asked))
            heard_from(bot_pipe, "the bot")
        pin(other)
        is_right = uvloop.run(listen(pipe, place, bot_pipe, options))
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
