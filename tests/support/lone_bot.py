"""A bot of a process of its own on a local exchange, and a second way into its account."""

import asyncio
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polymm as package
from polymm.engine.records import OrderPlanned, Record
from polymm.errors import JournalError
from polymm.runtime.accounts import local_account
from polymm.runtime.journal_codec import decode
from polymm.runtime.journal_format import read_frames
from polymm.runtime.state_folder import StateFolder
from polymm.venues.polymarket.gateway import Gateway, GatewaySettings
from polymm.venues.polymarket.keys import create_or_derive_key

WINDOW_S = 60
EXCHANGE = (
    *("--window", str(WINDOW_S), "--coins", "btc", "--seed", "3", "--fund", "1000"),
    *("--set", "rules.mined_ms=100,300", "--set", "rules.confirmed_ms=100,300"),
    *("--set", "relayed_ms=200,400", "--set", "submits_a_minute=1000"),
)
PLANNED_S_MAX = 40.0
ENDED_S_MAX = 30.0
LOOK_S = 0.02


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
