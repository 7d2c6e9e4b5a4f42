"""The exchange keeps the contract of the sockets, heard by a plain websocket client."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import orjson
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.contract import market_socket, user_socket
from tests.contract.patterns import differences, filled
from tests.contract.socket_cases import Does, Ends, Hears, HearsAll, Means, Quiet, Sends, Talk
from tests.contract.stage import Stage, stage

PATIENCE_S = 3


@pytest.fixture(scope="module")
def scenes() -> Iterator[tuple[asyncio.Runner, Stage]]:
    """One exchange for all talks: each leaves it tidy."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        on = runner.run(stack.enter_async_context(stage()))
        yield runner, on
        runner.run(stack.aclose())


class Listener:
    """Carries a script out on one socket."""

    def __init__(self, on: Stage, connection: ClientConnection) -> None:
        self._on = on
        self._connection = connection

    async def play(self, script: tuple[Any, ...]) -> None:
        for line in script:
            await self._line(line)

    async def _line(self, line: Any) -> None:
        names = self._on.names
        match line:
            case Sends(message):
                await self._say(message)
            case Does(step):
                await step(self._on)
            case Hears(pattern):
                assert differences(pattern, await self._hear(), names) == []
            case HearsAll(patterns):
                await self._hear_all(list(patterns))
            case Quiet():
                await self._say("PING")
                assert await self._hear() == "PONG"
            case Ends(code, reason):
                with pytest.raises(ConnectionClosed):
                    await self._hear()
                assert self._connection.close_code == code
                assert reason in (None, self._connection.close_reason)
            case Means():
                pass

    async def _say(self, message: Any) -> None:
        is_text = isinstance(message, str)
        value = message if is_text else orjson.dumps(filled(message, self._on.names)).decode()
        await self._connection.send(value)

    async def _hear(self) -> Any:
        async with asyncio.timeout(PATIENCE_S):
            text = await self._connection.recv()
        return text if text == "PONG" else orjson.loads(text)

    async def _hear_all(self, patterns: list[Any]) -> None:
        heard = []
        try:
            while patterns:
                heard.append(await self._hear())
                found = (p for p in patterns if not differences(p, heard[-1], self._on.names))
                pattern = next(found, None)
                if pattern is not None:
                    patterns.remove(pattern)
        except TimeoutError:
            pytest.fail(f"never heard: {patterns}\nheard: {heard}")


async def attend(on: Stage, url: str, talk: Talk) -> None:
    """Carry a talk out."""
    on.names |= {"SECRET": on.ann.key["secret"], "PASSPHRASE": on.ann.key["passphrase"]}
    on.names["A_STRANGER"] = "1" * 77
    async with asyncio.timeout(10):
        for step in talk.before:
            await step(on)
        async with connect(url, ping_interval=None, close_timeout=0.2) as connection:
            await Listener(on, connection).play(talk.script)


@pytest.mark.parametrize("talk", market_socket.CASES, ids=lambda talk: talk.scene)
def test_the_market_socket(talk: Talk, scenes: tuple[asyncio.Runner, Stage]) -> None:
    runner, on = scenes

    async def scene() -> None:
        try:
            await attend(on, on.urls["ws_market"], talk)
        finally:
            await on.tidy()

    runner.run(scene())


@pytest.mark.parametrize("talk", user_socket.CASES, ids=lambda talk: talk.scene)
def test_the_user_socket(talk: Talk, scenes: tuple[asyncio.Runner, Stage]) -> None:
    runner, on = scenes

    async def scene() -> None:
        try:
            await attend(on, on.urls["ws_user"], talk)
        finally:
            await on.tidy()

    runner.run(scene())


@pytest.mark.parametrize("talk", market_socket.ENDINGS, ids=lambda talk: talk.scene)
def test_what_changes_a_market_for_good(talk: Talk) -> None:
    async def scene() -> None:
        async with stage() as on:
            await attend(on, on.urls["ws_market"], talk)

    asyncio.run(scene())
