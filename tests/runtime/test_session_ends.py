"""How a session ends when something breaks: nothing of ours is left in any book."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import pytest

from polymm.engine import evidence as ev
from polymm.errors import JournalError
from polymm.exchange.rules import Rules
from polymm.exchange.server.app import Served, serving
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.windows import WindowSettings
from polymm.runtime.journal_files import SegmentFiles
from polymm.runtime.session_parts import SessionEnd
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.wire import SignatureType
from tests.support.live_sessions import Bot, configured, make_bot, stored
from tests.support.loopback import until
from tests.support.stepping import Stepping

pytestmark = pytest.mark.waits

CONFIG = configured(window_s=30, windows=5)
SETTINGS = ServerSettings(
    windows=WindowSettings(length_s=30),
    rules=Rules(mined_ms=(20, 50), confirmed_ms=(20, 50)),
    block_ms=50,
)
QUOTES_S_MAX = 15.0


@dataclass
class Scene:
    """A bot that quotes, and the exchange on which it does."""

    served: Served
    bot: Bot
    running: "asyncio.Task[SessionEnd]"

    @property
    def resting(self) -> int:
        """How many orders of the bot the exchange itself holds."""
        access = self.bot.access
        assert access is not None
        owner = access.api_key.reveal()
        return len(self.served.hall.exchange.open_orders(owner))

    @property
    def posted(self) -> int:
        """Orders that were ever handed over."""
        return sum(len(desk.sent) for desk in self.bot.session.desks)


@asynccontextmanager
async def quoting() -> AsyncIterator[Scene]:
    with stored() as kept:
        async with serving(SETTINGS) as served:
            bot = await make_bot(Hosts.of(served.urls), CONFIG, kept, kind=SignatureType.EOA)
            loop = asyncio.get_running_loop()
            loop.set_exception_handler(lambda _, told: bot.session.fail(told["exception"]))
            scene = Scene(served, bot, asyncio.create_task(bot.run()))
            try:
                async with asyncio.timeout(QUOTES_S_MAX):
                    while scene.running.done() or not scene.resting:
                        await asyncio.sleep(0.01)
                yield scene
            finally:
                scene.running.cancel()
                await asyncio.wait({scene.running})


def played(act: Callable[[Scene], Any]) -> None:
    async def play() -> None:
        async with asyncio.timeout(60), quoting() as scene:
            await act(scene)

    asyncio.run(play())


def test_a_defect_of_ours_ends_in_an_error_and_an_empty_book() -> None:
    async def act(scene: Scene) -> None:
        def broken(*_: object) -> NoReturn:
            raise RuntimeError("a defect")

        trading = scene.bot.session.account.trading
        trading.pump.driver.engine = Stepping(trading.engine, broken)
        with pytest.raises(RuntimeError, match="a defect"):
            await scene.running
        assert scene.resting == 0

    played(act)


def test_a_kill_is_told_as_halted_with_nothing_left() -> None:
    async def act(scene: Scene) -> None:
        scene.bot.session.account.trading.pump.take(ev.Kill("by the test"))
        posted = scene.posted
        end = await scene.running
        assert (end.halted, end.faults) == ("by the test", [])
        assert end.counts["alarm_killed"] == 1
        assert scene.resting == 0
        assert scene.posted <= posted  # its desks are gone by now

    played(act)


def test_a_kill_that_is_not_proven_is_told_as_halted_and_with_what_may_be_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(scene: Scene) -> None:
        access, trading = scene.bot.access, scene.bot.session.account.trading
        assert access is not None
        monkeypatch.setattr(access.venue, "read", lambda _: None)
        reconciler = trading.engine.reconciler
        reconciler.settings = replace(reconciler.settings, halt_ns_max=50_000_000)
        trading.pump.take(ev.Kill("by the test"))
        end = await scene.running
        assert end.halted == "by the test"
        assert end.faults[0].startswith("orders may be live (by the test): ")

    played(act)


def test_a_full_disk_pulls_everything_and_quotes_again_once_it_heals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def act(scene: Scene) -> None:
        account = scene.bot.session.account
        journal, gate = account.trading.journal, account.trading.engine.gate

        def full(*_: object, **__: object) -> None:
            raise JournalError("no space left")

        with monkeypatch.context() as patch:
            patch.setattr(SegmentFiles, "write", full)
            patch.setattr(SegmentFiles, "begin", full)
            await until(lambda: not gate.is_open)
            await until(lambda: scene.resting == 0)
            assert journal.failure
        async with asyncio.timeout(QUOTES_S_MAX):
            while not scene.resting:
                await asyncio.sleep(0.01)
        assert (gate.is_open, journal.failure) == (True, "")
        scene.bot.session.stop()
        end = await scene.running
        assert end.faults == []
        assert end.counts["alarm_journal_failed"] == 1

    played(act)
