"""A `polymm run` as a process of its own, and a second way into its account."""

import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from polymm.runtime.accounts import local_account
from polymm.venues.polymarket.gateway import Gateway, GatewaySettings
from polymm.venues.polymarket.keys import create_or_derive_key

STOP_S_MAX = 10.0
WALLET = "deposit"


@dataclass(kw_only=True)
class BotProcess:
    """A `polymm run` that may be killed and begun again on the same account and journal.

    Args:
        url: Its exchange, or its only way there.
        state: Its folder.
        log: Gets what it writes to stderr, of all its lives.
        flags: Further flags.
        settings: Configuration by dotted key.

    Attributes:
        begun_ns: When its process was made, monotonic.
    """

    url: str
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
                *(sys.executable, "-P", "-m", "polymm", "run", "--exchange", self.url),
                *("--state", str(self.state), "--forever", "--no-report", "--quiet", *self.flags),
                env=os.environ | settings,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        """Of its process, which must run."""
        assert self.process is not None
        return self.process.pid

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


async def open_gateway(url: str, state: Path) -> Gateway:
    """Open another way into an account on an exchange, which only looks."""
    account = local_account(url, state, WALLET)
    rng = random.Random(1)
    key = await create_or_derive_key(account.hosts, account.wallet.key, rng=rng)
    gateway = Gateway(account.hosts, account.wallet, key, settings=GatewaySettings(), rng=rng)
    await gateway.open()
    return gateway
