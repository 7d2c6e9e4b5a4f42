"""Bots that are killed with SIGKILL in the middle of trading, and go on from their state.

``python -m tests.support.restarts 200`` does it so often, some at a time, and exits with 1 where
one of them did not come back as it must.
"""

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polymm as package
from polymm.engine import evidence as ev
from polymm.engine.records import OrderPlanned, Record, RunBegun, StepInput
from polymm.errors import JournalError
from polymm.runtime.accounts import local_account
from polymm.runtime.journal_codec import decode
from polymm.runtime.journal_format import read_frames
from polymm.runtime.state_folder import StateFolder
from polymm.venues.polymarket.gateway import Gateway, GatewaySettings
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.keys import create_or_derive_key

NS = 10**9
WINDOW_S = 60
EXCHANGE = (
    *("--window", str(WINDOW_S), "--coins", "btc", "--seed", "3", "--fund", "1000"),
    *("--set", "rules.mined_ms=100,300", "--set", "rules.confirmed_ms=100,300"),
    *("--set", "relayed_ms=200,400", "--set", "submits_a_minute=1000"),
)
PLANNED_S_MAX = 40.0
READY_S_MAX = 20.0
CANCEL_S_MAX = 1.0
STOP_S_MAX = 5.0
AT_A_TIME = 4
ENDED_S_MAX = 30.0
LOOK_S = 0.02


@dataclass(frozen=True, slots=True)
class Comeback:
    """How one bot came back.

    Args:
        left: Orders that rested when its first process was gone.
        cancel_s: From its new run's beginning to the answer of its first cancel of all.
        ready_s: From its start until everything was proven.
        stop_s: How long its end took.
        faults: What must not be, one sentence each.
    """

    left: int
    cancel_s: float
    ready_s: float
    stop_s: float
    faults: tuple[str, ...]


class Bot:
    """One state folder and the process that trades with it."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self.state = StateFolder(folder)
        self.process: asyncio.subprocess.Process

    async def start(self) -> None:
        """Start a process and go on at once."""
        command = ("run", "--exchange", self.url, "--state", str(self.state.path))
        windows = ("--window-s", str(WINDOW_S), "--windows", "1000")
        self.process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "polymm", *command, *windows),
            *("--no-report", "--quiet", "--json"),
            env=os.environ | {"PYTHONPATH": str(Path(package.__file__).parents[1])},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )

    async def ended(self) -> tuple[int, str]:
        """Wait for its end; its code and what it said last."""
        assert self.process.stderr is not None
        async with asyncio.timeout(ENDED_S_MAX):
            said = (await self.process.stderr.read()).decode().splitlines()
            return await self.process.wait(), said[-1] if said else ""

    async def until(self, is_so: object, seconds: float, what: str) -> None:
        """Wait until something is so; the process must live meanwhile."""
        assert callable(is_so)
        last_s = time.monotonic() + seconds
        while not is_so():
            if self.process.returncode is not None:
                raise AssertionError(f"{what}: it ended with code {self.process.returncode}")
            if time.monotonic() >= last_s:
                raise AssertionError(f"{what}: not within {seconds:g} s")
            await asyncio.sleep(LOOK_S)

    def records(self) -> Iterator[Record]:
        """Read all segments of its journal, the oldest first."""
        for path in sorted(self.state.journal.glob("*.journal")):
            try:
                frames = read_frames(path.read_bytes()).frames
            except JournalError:
                continue  # torn by the kill where the next process cuts it
            yield from map(decode, frames)

    def planned(self) -> set[str]:
        """Hashes of all orders that its journal knows."""
        return {one.order for one in self.records() if isinstance(one, OrderPlanned)}

    def status(self) -> dict[str, object]:
        """What it last said of itself."""
        try:
            told = json.loads(self.state.status.read_text())
        except (OSError, ValueError):
            return {}
        return told if told.get("pid") == self.process.pid else {}

    def cancel_s(self) -> float:
        """From the newest run's beginning to the answer of its first cancel of all."""
        began_ns, done_ns = 0, 0
        for record in self.records():
            if isinstance(record, RunBegun):
                began_ns, done_ns = record.started_ns, 0
            elif isinstance(record, StepInput) and isinstance(record.event, ev.Swept):
                done_ns = done_ns or record.event.recv_ns
        return (done_ns - began_ns) / NS if done_ns else float("inf")


async def gateway_of(bot: Bot) -> Gateway:
    """Another way into the bot's account, which only looks."""
    account = local_account(bot.url, bot.state.path, "deposit")
    rng = random.Random(1)
    credentials = await create_or_derive_key(account.hosts, account.wallet.key, rng=rng)
    gateway = Gateway(
        account.hosts, account.wallet, credentials, settings=GatewaySettings(), rng=rng
    )
    await gateway.open()
    return gateway


async def come_back(url: str, folder: Path, wait_s: float) -> Comeback:
    """Start a bot, kill it so long after its first order, and let it go on."""
    bot = Bot(url, folder)
    await bot.start()
    faults: list[str] = []
    try:
        await bot.until(lambda: bool(bot.planned()), PLANNED_S_MAX, "its first order")
        await asyncio.sleep(wait_s)
        bot.process.kill()
        await bot.process.wait()
        gateway = await gateway_of(bot)
        try:
            left = {order.order_id for order in await gateway.open_orders()}
            if not left <= bot.planned():
                faults.append(f"orders of no journal: {left - bot.planned()}")
            await bot.start()
            await bot.until(
                lambda: bot.status().get("phase") == "READY", PLANNED_S_MAX, "everything proven"
            )
            ready_s = float(str(bot.status()["ready_s"]))
            now = {order.order_id for order in await gateway.open_orders()}
            if now & left:
                faults.append(f"live after READY: {now & left}")
            if not now <= bot.planned():
                faults.append(f"unknown after READY: {now - bot.planned()}")
            began_s = time.monotonic()
            bot.process.terminate()
            code = await bot.process.wait()
            stop_s = time.monotonic() - began_s
            if code != 0:
                faults.append(f"SIGTERM ended with code {code}")
            rests = [order.order_id for order in await gateway.open_orders()]
            if rests:
                faults.append(f"live after the end: {rests}")
        finally:
            await gateway.close()
    finally:
        if bot.process.returncode is None:
            bot.process.kill()
            await bot.process.wait()
    cancel_s = bot.cancel_s()
    for name, found, most in (
        ("cancel-all", cancel_s, CANCEL_S_MAX),
        ("READY", ready_s, READY_S_MAX),
        ("the end", stop_s, STOP_S_MAX),
    ):
        if found > most:
            faults.append(f"{name} took {found:.2f} s, must be at most {most:g} s")
    return Comeback(len(left), cancel_s, ready_s, stop_s, tuple(faults))


async def come_back_all(
    hosts: Hosts, count: int, *, seed: int, at_a_time: int = AT_A_TIME
) -> list[Comeback]:
    """Kill so many bots, some at a time, each a while after its first order."""
    rng, gate = random.Random(seed), asyncio.Semaphore(at_a_time)
    waits = [rng.random() * 2 for _ in range(count)]

    async def one(folder: Path, wait_s: float) -> Comeback:
        async with gate:
            return await come_back(hosts.clob, folder, wait_s)

    with tempfile.TemporaryDirectory(prefix="polymm-restarts-") as parent:
        folders = [Path(parent) / str(number) for number in range(count)]
        return await asyncio.gather(*map(one, folders, waits))


async def _main(count: int) -> int:
    from polymm.runtime.embedded import embedded_exchange

    async with embedded_exchange(EXCHANGE) as child:
        found = await come_back_all(child.hosts, count, seed=count)
    for one in found:
        print(one)
    good, held = sum(not one.faults for one in found), sum(one.left > 0 for one in found)
    print(f"{good} of {count} came back as they must, {held} had left orders behind")
    return 0 if good == count else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(_main(int(sys.argv[1]))))
