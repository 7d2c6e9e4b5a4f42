"""``python -m tests.support.killing --times 200``: kill -9 while it quotes, begin again, look.

Each time: cancel-all within a second of the new process's start, quoting again (READY) within
twenty, and no order live at the exchange that this life did not write down before it was sent.
An order of an earlier life that still lives is one that the engine does not know of.

With ``--jobs`` several do so side by side, each on an exchange of its own. They mostly wait, but
they begin processes on each other's cores: a start is then held to what it computes, and READY to
the time in which nobody stood in line for a core.
"""

import argparse
import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Final

from polymm.engine.records import OrderPlanned, RunBegun
from polymm.runtime.journal_codec import decode
from polymm.runtime.journal_format import read_frames
from polymm.venues.polymarket.gateway import Gateway
from polymm.venues.polymarket.results import OpenOrder
from tests.support.bot_process import open_gateway
from tests.support.second_lane import Bot, Lane, second_lane

CANCEL_ALL_S_MAX: Final = 1.0
# A busy machine computes the same with colder caches.
CANCEL_ALL_CPU_S_MAX: Final = 1.5
READY_S_MAX: Final = 20.0
QUOTES_S_MAX: Final = 2.5  # It is killed so long after it is ready, at the latest.
LOOKS: Final = 3
# A quarter of it where cores are free. Towards a window's end its price may leave what is quoted.
LIFE_S: Final = 60.0
# They seldom end together; a slug names whole minutes.
WINDOWS_S: Final = tuple(range(660, 3_600, 60))


def window_s_of(now_s: float, needed_s: float) -> int:
    """A length of windows of which so much is left now, that the market is the same all the time.

    Raises:
        ValueError: None is long enough.
    """
    for window_s in WINDOWS_S:
        left_s = window_s - now_s % window_s
        if left_s > max(needed_s, window_s / 2):
            return window_s
    raise ValueError(f"no window has {needed_s:g} s left")


@dataclass(frozen=True)
class Life:
    """What one life of the bot showed.

    Args:
        cancel_all_s: From the process's start to the request; ``cpu_s`` what it had computed then.
        ready_s: From the process's start to the first order.
        looks: Live orders at each look.
    """

    cancel_all_s: float
    cpu_s: float
    ready_s: float
    looks: tuple[int, ...]


@dataclass
class Kills:
    """All lives, and what was not as it must be."""

    lives: list[Life] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def written_orders(state: Path) -> set[str]:
    """Orders that the present life wrote down before it sent them."""
    orders: set[str] = set()
    for path in sorted((state / "journal").glob("*.journal")):
        for frame in read_frames(path.read_bytes()).frames:
            record = decode(frame)
            if isinstance(record, RunBegun):
                orders = set()
            elif isinstance(record, OrderPlanned):
                orders.add(record.order)
    return orders


def cpu_s(bot: Bot) -> float:
    """What the bot's process has computed, s."""
    text = Path(f"/proc/{bot.pid}/stat").read_text(encoding="ascii")
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / 100


def stood_s(*pids: int) -> float:
    """How long these processes have stood in line for a core, s."""
    texts = (Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii") for pid in pids)
    return sum(int(text.split()[1]) for text in texts) / 1e9


@asynccontextmanager
async def onlooker(lane: Lane) -> AsyncIterator[Gateway]:
    """The account's own lists, read beside the proxy."""
    gateway = await open_gateway(lane.exchange.hosts.clob, lane.bot.state)
    try:
        yield gateway
    finally:
        await gateway.close()


async def look(gateway: Gateway, bot: Bot) -> tuple[list[OpenOrder], str]:
    """Live orders, and what is wrong with them, "" for nothing."""
    live = await gateway.open_orders()
    written = written_orders(bot.state)  # after the list: an order is written before it is sent
    unknown = [order.order_id for order in live if order.order_id not in written]
    sides = [(order.token_id, order.side) for order in live]
    if unknown:
        return live, f"live and unknown to this life: {', '.join(unknown)}"
    if len(set(sides)) < len(sides):
        return live, f"two live orders of a token and side: {sides}"
    return live, ""


async def live_once(
    lane: Lane, gateway: Gateway, rng: random.Random, kills: Kills, *, bound_by_cpu: bool
) -> None:
    """Lead the bot from its start to its violent end."""
    bot = lane.bot
    sweep = await bot.asked("DELETE", "/cancel-all")
    computed_s = cpu_s(bot)
    sweep_s = (sweep.came_ns - bot.begun_ns) / 1e9
    pids = (bot.pid, lane.exchange.pid, os.getpid())
    stood_before_s = stood_s(*pids)
    first = await bot.asked("POST", "/order")
    ready_s = (first.came_ns - bot.begun_ns) / 1e9
    rest_s = ready_s - sweep_s
    if bound_by_cpu:
        rest_s = max(rest_s - (stood_s(*pids) - stood_before_s), 0.0)
    name = f"life {len(kills.lives) + 1}"
    took_s = min(sweep_s, computed_s) if bound_by_cpu else sweep_s
    if took_s > (CANCEL_ALL_CPU_S_MAX if bound_by_cpu else CANCEL_ALL_S_MAX):
        kills.faults.append(f"{name}: cancel-all after {sweep_s:.3f} s ({computed_s:.2f} computed)")
    if took_s + rest_s > READY_S_MAX:
        kills.faults.append(f"{name}: quoting after {ready_s:.1f} s, {sweep_s:.1f} to cancel-all")
    looks = []
    quotes_s = rng.random() * QUOTES_S_MAX
    for _ in range(LOOKS):
        live, fault = await look(gateway, bot)
        looks.append(len(live))
        if fault:
            kills.faults.append(f"{name}: {fault}")
        await asyncio.sleep(quotes_s / LOOKS)
    kills.lives.append(Life(sweep_s, computed_s, ready_s, tuple(looks)))
    bot.kill()
    await bot.ended()


async def kill_often(
    times: int,
    seed: int,
    *,
    bound_by_cpu: bool = False,
    settings: Mapping[str, object] | None = None,
    **troubles: float,
) -> Kills:
    """Kill a bot so often on one exchange, and look at each life after the first.

    Args:
        bound_by_cpu: Count what the process computed until the cancel-all, not how long that
            took, and until READY not what anybody stood in line for a core: where the machine is
            busy with other tests, its own start is not what takes long.
        settings: Of the bot.
        troubles: Of the network; see `tests.support.fault_proxy.Trouble`.
    """
    rng, kills = random.Random(f"kills/{seed}"), Kills()
    window_s = window_s_of(time.time(), min(times * LIFE_S, 1_500.0))
    flags = ("--window", str(window_s))
    bot_flags = ("--window-s", str(window_s))
    async with second_lane(*flags, bot_flags=bot_flags, settings=settings, seed=seed) as lane:
        bot = lane.bot
        await bot.begin()
        await bot.asked("POST", "/order", count=2)
        bot.kill()
        await bot.ended()
        lane.proxy.trouble(**troubles)
        async with onlooker(lane) as gateway:
            for number in range(times):
                await bot.begin()
                await live_once(lane, gateway, rng, kills, bound_by_cpu=bound_by_cpu)
                print(f"  {number + 1}: {kills.lives[-1]}", flush=True)
        audit = await lane.control("/audit")
        if audit != {"audit": "ok"}:
            kills.faults.append(f"the exchange's own books: {audit}")
    return kills


def kill_share(
    job: int, times: int, *, seed: int, bound_by_cpu: bool, settings: Mapping[str, object]
) -> Kills:
    """One job's lives, in a process of its own; its faults say which job's they are."""
    shared = kill_often(times, seed + job, bound_by_cpu=bound_by_cpu, settings=settings)
    kills = asyncio.run(shared)
    kills.faults = [f"job {job + 1}, {fault}" for fault in kills.faults]
    return kills


def kill_side_by_side(
    times: int, jobs: int, seed: int, *, bound_by_cpu: bool, settings: Mapping[str, object]
) -> Kills:
    """Share the lives among so many processes."""
    share = partial(kill_share, seed=seed, bound_by_cpu=bound_by_cpu, settings=settings)
    counts = [times // jobs + (job < times % jobs) for job in range(jobs)]
    total = Kills()
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for kills in pool.map(share, range(jobs), counts):
            total.lives += kills.lives
            total.faults += kills.faults
    return total


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.support.killing", description=__doc__)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--jobs", type=int, default=1, help="side by side; implies --lenient")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lenient", action="store_true", help="hold the start to what it computes")
    parser.add_argument("--merge", action="store_true", help="merge pairs, also when it is killed")
    asked = parser.parse_args(arguments)
    kills = kill_side_by_side(
        asked.times,
        min(asked.jobs, asked.times),
        asked.seed,
        bound_by_cpu=asked.lenient or asked.jobs > 1,
        settings={"cycle.merge": str(asked.merge).lower()},
    )
    good = asked.times - len({fault.partition(":")[0] for fault in kills.faults})
    for fault in kills.faults:
        print(f"FAULT: {fault}")
    sweeps_s = [life.cancel_all_s for life in kills.lives]
    readies_s = [life.ready_s for life in kills.lives]
    print(
        f"{good} of {asked.times}, seed {asked.seed}\n"
        f"  cancel-all after {median(sweeps_s):.3f} s, at the latest {max(sweeps_s):.3f} s, having "
        f"computed at most {max(life.cpu_s for life in kills.lives):.2f} s\n"
        f"  quoting after {median(readies_s):.2f} s, at the latest {max(readies_s):.2f} s; "
        f"{sum(sum(life.looks) for life in kills.lives)} live orders looked at"
    )
    return 1 if kills.faults else 0


if __name__ == "__main__":
    sys.exit(main())
