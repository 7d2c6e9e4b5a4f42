"""The second lane: a real `polymm run` on a real `polymm exchange`, with a bad network between.

All three are as they ship; nothing is reached into. What is known comes from the wire (the proxy
notes each request), from the journal's files, and from the exchange.
"""

import asyncio
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from polymm.runtime.embedded import EmbeddedExchange, embedded_exchange
from tests.support.fault_proxy import FaultProxy, Passed, Way, fault_proxy
from tests.support.live_sessions import FAST_CHAIN

# A machine that runs other tests as well stands still now and then; that is not what is tested.
START_S_MAX = 180.0
STOP_S_MAX = 10.0
# Room for many fills, so that both sides are quoted at all times.
PATIENT: Mapping[str, object] = {
    "risk.lag_max_ms": 10_000,
    "risk.slow_max_ms": 30_000,
    "risk.skew_max_ms": 30_000,
    "risk.book_age_max_ms": 10_000,
    "strategy.order_size": 5,
    "strategy.max_position": 1_000,
    "cycle.merge": "false",
}


@dataclass
class Bot:
    """A `polymm run` that may be killed and begun again on the same account and journal.

    Args:
        proxy: Its only way to the exchange.
        state: Its folder.
        log: Gets what it writes to stderr, of all its lives.
        flags: Further flags.
        settings: Configuration by dotted key.

    Attributes:
        begun_ns: When its process was made, monotonic.
    """

    proxy: FaultProxy
    state: Path
    log: Path
    flags: Sequence[str] = ()
    settings: Mapping[str, object] = field(default_factory=dict)
    begun_ns: int = 0
    process: asyncio.subprocess.Process | None = None

    @property
    def said(self) -> str:
        """What it wrote to stderr."""
        return self.log.read_text(errors="replace")

    async def begin(self) -> None:
        """Start the process."""
        assert self.process is None, "one life at a time"
        self.begun_ns = time.monotonic_ns()
        settings = {
            f"POLYMM__{key.upper().replace('.', '__')}": str(value)
            for key, value in self.settings.items()
        }
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "polymm", "run"),
                *("--exchange", f"http://127.0.0.1:{self.proxy.port}"),
                *("--state", str(self.state), "--forever", "--no-report", "--quiet", *self.flags),
                env=os.environ | settings,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
            )

    def kill(self) -> None:
        """End it as the machine would: without a word."""
        assert self.process is not None
        self.process.kill()

    def signal(self, number: signal.Signals) -> None:
        """Tell it something."""
        assert self.process is not None
        self.process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end; the code it left."""
        assert self.process is not None
        code = await self.process.wait()
        self.process = None
        return code

    async def stop(self) -> None:
        """End it in any case."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await self.ended()
        except TimeoutError:
            self.kill()
            await self.ended()

    # What the wire says

    def requests(self, method: str, path: str = "") -> list[Passed]:
        """Give what it asked in this life."""
        return [
            one
            for one in self.proxy.notes
            if one.way is Way.OUT
            and one.method == method
            and one.path.startswith(path)
            and one.came_ns >= self.begun_ns
        ]

    async def asked(self, method: str, path: str = "", count: int = 1) -> Passed:
        """Wait until it has asked something so often; the last of these."""
        until_s = time.monotonic() + START_S_MAX
        while len(found := self.requests(method, path)) < count:
            assert self.process is not None
            assert self.process.returncode is None, f"it ended: {self.said}"
            assert time.monotonic() < until_s, f"no {method} {path}: {self.said}"
            await asyncio.sleep(0.002)
        return found[count - 1]


@dataclass
class Lane:
    """An exchange, a network and a bot."""

    exchange: EmbeddedExchange
    proxy: FaultProxy
    bot: Bot

    async def control(self, path: str = "", **asked: Any) -> Any:
        """Ask or switch the exchange."""
        url = f"{self.exchange.control}{path}"
        async with aiohttp.ClientSession() as session:
            call = session.post(url, json=asked) if path else session.get(url)
            async with call as reply:
                assert reply.status == 200, await reply.text()
                return await reply.json()


@asynccontextmanager
async def second_lane(
    *exchange_flags: str,
    bot_flags: Sequence[str] = (),
    settings: Mapping[str, object] | None = None,
    seed: int = 1,
) -> AsyncIterator[Lane]:
    """Put the three together; the bot is not begun yet."""
    flags = ("--window", "60", "--coins", "btc", "--seed", str(seed), *FAST_CHAIN)
    async with embedded_exchange([*flags, *exchange_flags]) as exchange:
        port = urlsplit(exchange.hosts.clob).port
        assert port is not None
        async with fault_proxy(port, seed=seed) as proxy:
            with tempfile.TemporaryDirectory(prefix="polymm-lane-") as folder:
                home = Path(folder)
                bot = Bot(
                    proxy, home / "state", home / "log", bot_flags, PATIENT | (settings or {})
                )
                try:
                    yield Lane(exchange, proxy, bot)
                finally:
                    await bot.stop()
