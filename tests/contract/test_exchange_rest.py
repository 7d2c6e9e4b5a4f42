"""The exchange keeps the contract of REST, asked over plain HTTP by those who know the notes."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import orjson
import pytest

from polymm.exchange.server.settings import Buckets
from tests.contract import rest_account, rest_cancels, rest_orders, rest_public, rest_states
from tests.contract.cases import Ask, Case, Place, PlaceMany
from tests.contract.patterns import differences, filled
from tests.contract.plain import Answer
from tests.contract.stage import SETTINGS, Stage, stage

CASES = [
    *rest_public.CASES,
    *rest_account.CASES,
    *rest_orders.CASES,
    *rest_cancels.CASES,
    *rest_states.CASES,
]
HERE = [case for case in CASES if case.before is not None]


@pytest.fixture(scope="module")
def scenes() -> Iterator[tuple[asyncio.Runner, Stage]]:
    """One exchange for all cases: each leaves it tidy."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        on = runner.run(stack.enter_async_context(stage()))
        yield runner, on
        runner.run(stack.aclose())


async def ask(on: Stage, asks: Any) -> Answer:
    """Ask what a case asks, as Ann."""
    ann = on.ann
    match asks:
        case Place(wish):
            return await ann.place(wish, "A")
        case PlaceMany(wishes):
            names = asks.names
            bodies = [ann.order(wish, name) for wish, name in zip(wishes, names, strict=True)]
            return await ann.private("POST", "/orders", bodies)
        case Ask(method, path, body, query, auth, spoil, late_s):
            path = path.format_map(on.names)
            given = b"" if body is None else body
            raw = given if isinstance(given, bytes) else orjson.dumps(filled(given, on.names))
            headers = {
                "": {},
                "l1": ann.l1(late_s=late_s),
                "l2": ann.l2(method, path, raw, late_s=late_s),
            }[auth]
            sent = {k: v for k, v in (headers | spoil).items() if v is not None}
            return await ann.ask(method, path, raw, headers=sent, **filled(query, on.names))


async def keep(on: Stage, case: Case) -> None:
    """Play one case."""
    async with asyncio.timeout(5):
        for step in case.before or ():
            await step(on)
        answer = await ask(on, case.asks)
    assert answer.status == case.status, answer
    assert differences(case.answer, answer.value, on.names) == []
    headers = {name: answer.headers.get(name) for name in case.headers}
    assert differences(dict(case.headers), headers, on.names, "headers") == []


@pytest.mark.parametrize("case", HERE, ids=lambda case: case.scene)
def test_the_exchange_answers(case: Case, scenes: tuple[asyncio.Runner, Stage]) -> None:
    runner, on = scenes

    async def scene() -> None:
        try:
            await keep(on, case)
        finally:
            await on.tidy()

    runner.run(scene())


@pytest.mark.parametrize("case", rest_states.LIMITS, ids=lambda case: case.scene)
def test_the_exchange_limits(case: Case) -> None:
    async def scene() -> None:
        buckets = Buckets(order_rate=1, order_burst=2)
        async with stage(replace(SETTINGS, buckets=buckets)) as on:
            await keep(on, case)

    asyncio.run(scene())
