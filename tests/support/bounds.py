"""How fast quotes are pulled, over sockets: ``python -m tests.support.bounds``.

A real `polymm run` quotes on a real `polymm exchange`; between them a proxy cuts and freezes, and
notes when each request reached it. Wanted (FAILURES, Bounds): 10 ms at p99 from a closed feed to
the bytes of the cancel; the age limit and 50 ms from a silent freeze to the last cancel; 20 ms from
the kill switch to the cancel-all, and no order after it. Half a millisecond of each is the proxy's.
A slower result would mean that something waits on the path from knowing to cancelling.
"""

import argparse
import asyncio
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from tests.support.fault_proxy import Passed, Way
from tests.support.killing import window_s_of
from tests.support.second_lane import Bot, Lane, second_lane

CLOSED_MS_MAX: Final = 10.0
FROZEN_MS_MORE: Final = 50.0
KILLED_MS_MAX: Final = 20.0
AGE_LIMIT_MS: Final = 3_000.0
PATIENCE_S: Final = 30.0
FEED: Final = "/ws/market"
WITNESS: Final = "/book"
# What a quiet machine's limits are; the lane's own are patient ones.
STRICT: Final = {"risk.book_age_max_ms": AGE_LIMIT_MS, "risk.lag_max_ms": 250}


@dataclass
class Sample:
    """Times of one kind, ms, and what was not as it must be."""

    name: str
    bound_ms: float
    times_ms: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def p99_ms(self) -> float:
        """The time that 99 of 100 do not exceed."""
        times = sorted(self.times_ms)
        return times[min(int(len(times) * 0.99), len(times) - 1)] if times else float("inf")

    def text(self) -> str:
        """One line."""
        times = sorted(self.times_ms) or [float("inf")]
        verdict = "met" if self.p99_ms <= self.bound_ms and not self.faults else "MISSED"
        return (
            f"{self.name}: p50 {times[len(times) // 2]:.2f} ms, p99 {self.p99_ms:.2f} ms, "
            f"max {times[-1]:.2f} ms of {len(times)}; at most {self.bound_ms:g} ms: {verdict}"
        )


def is_cancel(one: Passed) -> bool:
    """Whether a message asks for a cancel of any kind."""
    return one.way is Way.OUT and one.method == "DELETE"


def cancels_after(bot: Bot, since_ns: int) -> list[Passed]:
    """Requests for cancels that came since."""
    recent = takewhile(lambda one: one.came_ns >= since_ns, reversed(bot.proxy.notes))
    return [one for one in recent if is_cancel(one)]


async def until(bot: Bot, what: str, is_so: Callable[[], bool]) -> None:
    """Wait for something; a bound makes an error of it that tells what the bot said."""
    until_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert bot.process is not None, "a bot that lives"
        assert time.monotonic() < until_s, f"{what} within {PATIENCE_S:g} s: {bot.said}"
        await asyncio.sleep(0.0005)


async def quoting(bot: Bot) -> None:
    """Wait until an order has been answered from now on."""
    since_ns = time.monotonic_ns()
    await until(
        bot,
        "an order",
        lambda: any(
            one.way is Way.BACK and one.method == "POST" and one.path.startswith("/order")
            for one in takewhile(lambda one: one.came_ns > since_ns, reversed(bot.proxy.notes))
        ),
    )


async def first_cancel_ns(bot: Bot, since_ns: int) -> int:
    """Wait for the first cancel since; when it came."""
    await until(bot, "a cancel", lambda: bool(cancels_after(bot, since_ns)))
    return min(one.came_ns for one in cancels_after(bot, since_ns))


async def closed(lane: Lane, rng: random.Random, sample: Sample) -> None:
    """Cut every market socket at once."""
    await quoting(lane.bot)
    await asyncio.sleep(rng.random() * 0.2)
    since_ns = time.monotonic_ns()
    if lane.proxy.cut(FEED):
        sample.times_ms.append((await first_cancel_ns(lane.bot, since_ns) - since_ns) / 1e6)


async def frozen(lane: Lane, rng: random.Random, sample: Sample) -> None:
    """Let market sockets and their witness fall silent, open as they are."""
    await quoting(lane.bot)
    await asyncio.sleep(rng.random() * 0.2)
    proxy = lane.proxy
    proxy.trouble(FEED, Way.BACK, freeze=True)
    proxy.trouble(WITNESS, freeze=True)
    since_ns = time.monotonic_ns()
    # Quotes go and come with what is known; the last to go counts.
    await asyncio.sleep((AGE_LIMIT_MS + 500) / 1e3)
    cancels = cancels_after(lane.bot, since_ns)
    posts = [
        one for one in proxy.notes
        if one.way is Way.OUT and one.method == "POST" and one.path.startswith("/order")
        and one.came_ns >= since_ns
    ]  # fmt: skip
    proxy.calm()
    if not cancels:
        sample.faults.append("nothing was cancelled")
        return
    last_ns = max(one.came_ns for one in (*cancels, *posts))
    sample.times_ms.append((last_ns - since_ns) / 1e6)


async def killed(lane: Lane, rng: random.Random, sample: Sample) -> None:
    """Throw the kill switch by its signal, and begin again."""
    bot = lane.bot
    await quoting(bot)
    await asyncio.sleep(rng.random() * 0.5)
    since_ns = time.monotonic_ns()
    bot.signal(signal.SIGUSR1)
    sweep_ns = await first_cancel_ns(bot, since_ns)
    await bot.ended()
    late = [one for one in bot.requests("POST", "/order") if one.came_ns > sweep_ns]
    if late:
        sample.faults.append(f"{len(late)} orders after the cancel-all")
    sample.times_ms.append((sweep_ns - since_ns) / 1e6)
    await bot.begin()


async def run(asked: argparse.Namespace) -> list[Sample]:
    """Take all samples."""
    rng = random.Random(asked.seed)
    samples = [
        Sample("feed closed", CLOSED_MS_MAX),
        Sample("silent freeze", AGE_LIMIT_MS + FROZEN_MS_MORE),
        Sample("kill switch", KILLED_MS_MAX),
    ]
    counts = (asked.closed, asked.frozen, asked.killed)
    needed_s = asked.closed * 3.0 + asked.frozen * 10.0 + asked.killed * 10.0
    window_s = window_s_of(time.time(), min(needed_s, 1_500.0))
    bot_flags = ("--window-s", str(window_s))
    async with second_lane(
        "--window", str(window_s), bot_flags=bot_flags, settings=STRICT, seed=asked.seed
    ) as lane:
        await lane.bot.begin()
        for sample, count, take in zip(samples, counts, (closed, frozen, killed), strict=True):
            for _ in range(count):
                await take(lane, rng, sample)
    return samples


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.bounds", description=__doc__)
    parser.add_argument("--closed", type=int, default=100, help="samples")
    parser.add_argument("--frozen", type=int, default=20, help="samples")
    parser.add_argument("--killed", type=int, default=20, help="samples")
    parser.add_argument("--seed", type=int, default=1)
    samples = asyncio.run(run(parser.parse_args(arguments)))
    for sample in samples:
        print(sample.text())
        for fault in sample.faults:
            print(f"  FAULT: {fault}")
    return 0 if all(s.p99_ms <= s.bound_ms and not s.faults for s in samples) else 1


if __name__ == "__main__":
    sys.exit(main())
