"""A bot of a process of its own right on a local exchange, known by its journal."""

import asyncio
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from polymm.engine.records import OrderPlanned, Record
from polymm.errors import JournalError
from polymm.runtime.journal_codec import decode
from polymm.runtime.journal_format import read_frames
from polymm.runtime.state_folder import StateFolder
from tests.support.bot_process import BotProcess
from tests.support.live_sessions import FAST_CHAIN

WINDOW_S = 60
EXCHANGE = (
    *("--window", str(WINDOW_S), "--coins", "btc", "--seed", "3", "--fund", "1000"),
    *FAST_CHAIN,
)
PLANNED_S_MAX = 40.0
ENDED_S_MAX = 30.0
LOOK_S = 0.02


class Bot(BotProcess):
    """One state folder and the process that trades with it.

    Args:
        url: Its exchange.
        folder: Of its state.
    """

    def __init__(self, url: str, folder: Path) -> None:
        flags = ("--window-s", str(WINDOW_S))
        super().__init__(
            url=url, state=folder, log=folder.with_name(f"{folder.name}.log"), flags=flags
        )
        self.folder = StateFolder(folder)

    async def last_word(self) -> tuple[int, str]:
        """Wait for its end; its code and what it said last."""
        async with asyncio.timeout(ENDED_S_MAX):
            code = await self.ended()
        said = self.said.splitlines()
        return code, said[-1] if said else ""

    async def until(self, is_so: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until something is so; the process must live meanwhile."""
        last_s = time.monotonic() + seconds
        while not is_so():
            assert self.process is not None
            code = self.process.returncode
            assert code is None, f"{what}: it ended with code {code}: {self.said}"
            assert time.monotonic() < last_s, f"{what}: not within {seconds:g} s"
            await asyncio.sleep(LOOK_S)

    def records(self) -> Iterator[Record]:
        """Read all segments of its journal, the oldest first."""
        for path in sorted(self.folder.journal.glob("*.journal")):
            try:
                frames = read_frames(path.read_bytes()).frames
            except JournalError:
                continue  # torn by the kill where the next process cuts it
            yield from map(decode, frames)

    def planned(self) -> set[str]:
        """Hashes of all orders that its journal knows."""
        return {one.order for one in self.records() if isinstance(one, OrderPlanned)}
