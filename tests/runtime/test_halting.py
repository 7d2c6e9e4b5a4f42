"""Engines that are halted, doubled and swept from outside, as processes over sockets."""

import asyncio
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from polymm.runtime.embedded import embedded_exchange
from polymm.venues.polymarket.gateway import Gateway
from tests.support.bot_process import open_gateway
from tests.support.lone_bot import EXCHANGE, PLANNED_S_MAX, Bot

pytestmark = pytest.mark.waits

ANSWER_S_MAX = 20.0
STOP_S_MAX = 5.0


def on_an_exchange(scene: Callable[[str], Awaitable[None]]) -> None:
    async def play() -> None:
        async with embedded_exchange(EXCHANGE) as child:
            await scene(child.hosts.clob)

    asyncio.run(play())


async def trading(url: str, folder: Path) -> tuple[Bot, Gateway]:
    """A bot that has placed, and another way into its account."""
    bot = Bot(url, folder)
    await bot.begin()
    await bot.until(lambda: bool(bot.planned()), PLANNED_S_MAX, "its first order")
    return bot, await open_gateway(url, folder)


async def verb(*arguments: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "polymm", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(ANSWER_S_MAX):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


@pytest.mark.parametrize("how", ["file", "verb"])
def test_a_killed_engine_cancels_everything_and_nobody_starts_it_again(
    tmp_path: Path, how: str
) -> None:
    async def scene(url: str) -> None:
        bot, gateway = await trading(url, tmp_path)
        try:
            if how == "file":
                bot.folder.kill_file.touch()
            else:
                account = gateway.wallet.funder
                code, out, err = await verb("kill", "--account", account)
                assert (code, err) == (0, ""), err
                assert out == f"killed  process {bot.pid}, account {account.lower()}\n"
            code, last = await bot.last_word()
            assert code == 42
            # Whichever of the two it sees first.
            assert last.startswith(("polymm: halted: the file ", "polymm: halted: the signal "))
            assert await gateway.open_orders() == []
            await bot.begin()
            code, last = await bot.last_word()
            assert (code, last.rpartition("; ")[2]) == (42, "remove it to trade again")
        finally:
            await gateway.close()

    on_an_exchange(scene)


def test_sigterm_ends_in_order_within_five_seconds(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        bot, gateway = await trading(url, tmp_path)
        try:
            began_s = time.monotonic()
            bot.signal(signal.SIGTERM)
            code, last = await bot.last_word()
            assert (code, last) == (0, "polymm: ending in order; once more ends at once")
            assert time.monotonic() - began_s <= STOP_S_MAX
            assert await gateway.open_orders() == []
        finally:
            await gateway.close()

    on_an_exchange(scene)


def test_a_second_engine_is_refused_wherever_it_keeps_its_state(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        bot, gateway = await trading(url, tmp_path / "first")
        try:
            (tmp_path / "second").mkdir(mode=0o700)
            shutil.copy(bot.folder.key, tmp_path / "second" / "key")
            second = Bot(url, tmp_path / "second")
            await second.begin()
            code, last = await second.last_word()
            assert code == 5
            assert last.startswith("polymm: one engine an account: process")
            assert not second.folder.journal.exists()
            assert bot.process is not None
            assert bot.process.returncode is None
        finally:
            await bot.stop()
            await gateway.close()

    on_an_exchange(scene)


def test_what_a_dead_engine_left_is_cancelled_without_it(tmp_path: Path) -> None:
    async def scene(url: str) -> None:
        bot, gateway = await trading(url, tmp_path)
        try:
            bot.kill()
            await bot.ended()
            left = len(await gateway.open_orders())
            where = ("--exchange", url, "--state", str(tmp_path))
            code, out, err = await verb("cancel-all", *where)
            assert (code, err) == (0, "")
            # Some may have been filled meanwhile, or cancelled for want of a heartbeat.
            assert out in {f"cancelled  {n} orders\n" for n in range(left + 1)}
            assert await gateway.open_orders() == []
        finally:
            await gateway.close()

    on_an_exchange(scene)
