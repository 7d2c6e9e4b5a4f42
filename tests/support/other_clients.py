"""Programs that run in environments of their own, because their libraries do not fit into ours.

Such tests are marked ``clients``; `tests.clients.environment` makes what they run in. A program
reads its orders as lines of JSON and answers each with one line.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.clients.environment import polymarket_client

PROGRAMS = Path(__file__).resolve().parent.parent / "clients" / "programs"
LINE_BYTES_MAX = 1 << 22

needs_polymarket_client = pytest.mark.clients


class OtherProgram:
    """A running program that is told what to do line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def tell(self, **asked: Any) -> Any:
        """Give one order and wait for its answer.

        Raises:
            AssertionError: It ended instead; with what it said.
        """
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None and stdout is not None and stderr is not None  # noqa: PT018
        stdin.write(json.dumps(asked).encode() + b"\n")
        await stdin.drain()
        line = await stdout.readline()
        assert line, (await stderr.read()).decode()[-4_000:]
        return json.loads(line)


@asynccontextmanager
async def other_program(name: str) -> AsyncIterator[OtherProgram]:
    """Run a program until the block is left."""
    process = await asyncio.create_subprocess_exec(
        polymarket_client(),
        str(PROGRAMS / name),
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
    )
    try:
        yield OtherProgram(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
