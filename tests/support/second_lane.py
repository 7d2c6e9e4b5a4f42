"""The second lane: a real `polymm run` on a real `polymm exchange`, with a bad network between.

All three are as they ship; nothing is reached into. What is known comes from the wire (the proxy
notes each request), from the journal's files, and from the exchange.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from polymm.runtime.embedded import EmbeddedExchange, embedded_exchange
from tests.support.bot_process import BotProcess
from tests.support.fault_proxy import FaultProxy, Passed, Way, fault_proxy
from tests.support.live_sessions import FAST_CHAIN

# A machine that runs other tests as well stands still now and then; that is not what is tested.
START_S_MAX = 180.0
# Room for many fills, so that both sides are quoted at all times.
PATIENT: Mapping[str, object] = {
    "risk.lag_max_ms": 10_000,
    "risk.slow_max_ms": 30_000,
    "risk.skew_max_ms": 30_000,
    "risk.book_age_max_ms": 10_000,
    "strategy.order_size": 5,
    "strategy.max_position": 1_000_000,
    "cycle.max_total_position": 1_000_000,
    "risk.max_market": 1_000_000,
    "risk.max_total": 1_000_000,
    "cycle.merge": "false",
}


@dataclass(kw_only=True)
class Bot(BotProcess):
    """A bot whose only way to the exchange is a proxy.

    Args:
        proxy: It notes every request.
    """

    proxy: FaultProxy

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

    def habits(self) -> str:
        """How often it asked what in this life, and when last, s before now."""
        now_ns, last_ns, counts = time.monotonic_ns(), dict[str, int](), Counter[str]()
        for one in self.proxy.notes:
            if one.way is Way.OUT and one.came_ns >= self.begun_ns:
                name = f"{one.method} {one.path.partition('?')[0]}"
                counts[name] += 1
                last_ns[name] = one.came_ns
        return "".join(
            f"\n  {name}: {counts[name]}, last {(now_ns - at_ns) / 1e9:.1f} s ago"
            for name, at_ns in last_ns.items()
        )

    async def asked(self, method: str, path: str = "", count: int = 1) -> Passed:
        """Wait until it has asked something so often; the last of these."""
        until_s = time.monotonic() + START_S_MAX
        while len(found := self.requests(method, path)) < count:
            assert self.process is not None
            assert self.process.returncode is None, f"it ended: {self.said}"
            assert time.monotonic() < until_s, f"no {method} {path}: {self.said}{self.habits()}"
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
                    url=f"http://127.0.0.1:{proxy.port}",
                    state=home / "state",
                    log=home / "log",
                    flags=bot_flags,
                    settings=PATIENT | (settings or {}),
                    proxy=proxy,
                )
                try:
                    yield Lane(exchange, proxy, bot)
                finally:
                    await bot.stop()
