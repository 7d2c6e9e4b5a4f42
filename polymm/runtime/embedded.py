"""The local exchange as a child process of a run: started, found, and never left behind."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from polymm.errors import ConfigError
from polymm.venues.polymarket.hosts import Hosts

START_S_MAX = 60.0
STOP_S_MAX = 10.0
LINE_BYTES_MAX = 1 << 16


@dataclass(frozen=True, slots=True)
class EmbeddedExchange:
    """A running child.

    Args:
        hosts: Of its services.
        control: Of the route that switches it.
        process: Its own.
    """

    hosts: Hosts
    control: str
    process: asyncio.subprocess.Process

    @property
    def pid(self) -> int:
        """Of the process."""
        return self.process.pid

    async def wait_end(self) -> str:
        """Wait until it ends by itself; tells how."""
        code = await self.process.wait()
        how = f"by signal {-code}" if code < 0 else f"with code {code}"
        return f"the embedded exchange must last as long as the run, ended {how}"


@asynccontextmanager
async def embedded_exchange(arguments: Sequence[str]) -> AsyncIterator[EmbeddedExchange]:
    """Run ``polymm exchange`` on any free port while the block lasts.

    The child is in a group of its own, so that a Ctrl-C meets us alone and our orders can still be
    cancelled. It reads our end of a pipe: when we are gone, however suddenly, so is it.

    Args:
        arguments: Beside the port, for example ``["--window", "60"]``.

    Raises:
        ConfigError: It does not start; what it said stands on stderr.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            *("-m", "polymm", "exchange", "--port", "0", "--json", "--with-parent"),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=LINE_BYTES_MAX,
            start_new_session=True,
        )
    except OSError as error:
        text = f"the embedded exchange cannot be started: {error.strerror or error}"
        raise ConfigError(text) from None
    try:
        yield await _find(process)
    finally:
        await _stop(process)


async def _find(process: asyncio.subprocess.Process) -> EmbeddedExchange:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(START_S_MAX):
            line = await process.stdout.readline()
        urls = json.loads(line)
        return EmbeddedExchange(Hosts.of(urls), str(urls["control"]), process)
    except TimeoutError:
        raise ConfigError(
            f"the embedded exchange must serve within {START_S_MAX:g} s, did not"
        ) from None
    except ValueError:
        raise ConfigError("the embedded exchange did not start") from None


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Let the child end in order, and see to it that it does."""
    assert process.stdin is not None
    process.stdin.close()
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S_MAX):
            await process.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
