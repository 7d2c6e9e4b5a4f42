"""Our client understands the answers of the contract: a server gives it them, every hole filled."""

import asyncio
from typing import Any

import orjson
import pytest

from polymm.errors import MarketError, VenueError
from polymm.venues.polymarket.gateway import Gateway
from polymm.venues.polymarket.records import read_clob
from tests.contract import rest_account, rest_cancels, rest_orders, rest_public, rest_states
from tests.contract.cases import Case, Reads
from tests.contract.patterns import filled
from tests.support.gateways import (
    KEY_ID,
    MARKET,
    ORDER_A,
    ORDER_B,
    beaten,
    buy,
    cancelled,
    scripted,
    swept,
)
from tests.support.keys import HARDHAT_ADDRESS
from tests.support.loopback import reply, until

EVERYTHING = [
    *rest_public.CASES,
    *rest_account.CASES,
    *rest_orders.CASES,
    *rest_cancels.CASES,
    *rest_states.CASES,
]
CASES = [case for case in EVERYTHING if case.reads]
NAMES = {
    "A": ORDER_A,
    "B": ORDER_B,
    "C": "0x" + "0c" * 32,
    "T": "0x" + "7a" * 32,
    "UP": MARKET.up_token,
    "DOWN": MARKET.down_token,
    "MARKET": MARKET.condition_id,
    "OWNER": KEY_ID,
    "WALLET": HARDHAT_ADDRESS,
}
ROUTES = {
    "place": ("POST", "/order"),
    "place_many": ("POST", "/orders"),
    "cancel_market": ("DELETE", "/cancel-market-orders"),
    "cancel_all": ("DELETE", "/cancel-all"),
    "beat": ("POST", "/v1/heartbeats"),
}


def written(case: Case, names: dict[str, str]) -> bytes:
    """The answer of a case, as bytes."""
    value = filled(case.answer, names)
    headers = (f"{key}: {filled(one, names)}" for key, one in case.headers.items())
    is_text = isinstance(value, str) and case.status >= 400
    body = value.encode() if is_text else orjson.dumps(value)
    # Phrases do not matter to anybody.
    return reply(body, f"{case.status} Some", *headers)


def route_of(case: Case, reads: Reads, names: dict[str, str]) -> tuple[str, str]:
    """What our client asks in this case."""
    if reads.act == "cancel":
        return "DELETE", "/order" if len(reads.facts) == 1 else "/orders"
    if reads.act in ROUTES:
        return ROUTES[reads.act]
    return case.asks.method, case.asks.path.format_map(names)


async def place(gateway: Gateway, names: dict[str, str], count: int) -> dict[str, Any]:
    found: list[Any] = []
    ids = gateway.place([buy(post_only=False)] * count, found.append)
    names |= dict(zip("ABCDEFGH", ids, strict=False))
    await until(lambda: len(found) == count)
    by_id = {one.order_id: one for one in found}
    return {name: by_id[names[name]] for name in "ABCDEFGH"[:count]}


async def act(gateway: Gateway, reads: Reads, names: dict[str, str]) -> Any:
    """Do what the client does, and give its result; errors as such."""
    match reads.act:
        case "place":
            return (await place(gateway, names, 1))["A"]
        case "place_many":
            return await place(gateway, names, len(reads.facts))
        case "cancel":
            ids = [names[name] for name in reads.facts]
            return dict(zip(reads.facts, await cancelled(gateway, *ids), strict=True))
        case "cancel_market":
            return await swept(gateway, MARKET.condition_id)
        case "cancel_all":
            return await swept(gateway)
        case "beat":
            return await beaten(gateway)
        case method:
            arguments = filled(dict(reads.arguments), names)
            return await getattr(gateway, method)(**arguments)


def agree(wanted: Any, found: Any, names: dict[str, str], at: str) -> None:
    """Hold a result against facts: of its attributes, of those by name, of those in a list."""
    if isinstance(wanted, dict) and not isinstance(found, dict):
        for name, value in wanted.items():
            agree(value, getattr(found, name), names, f"{at}.{name}")
    elif isinstance(wanted, dict) and all(isinstance(one, dict) for one in wanted.values()):
        for name, value in wanted.items():
            agree(value, found[name], names, f"{at}.{name}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), at
        for i, value in enumerate(wanted):
            agree(value, found[i], names, f"{at}.{i}")
    elif isinstance(wanted, tuple):
        assert found == tuple(filled(one, names) for one in wanted), at
    else:
        assert found == filled(wanted, names), at


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.scene)
def test_our_client_reads(case: Case) -> None:
    reads = case.reads
    assert reads is not None

    async def scene() -> None:
        names = dict(NAMES)
        batch = reads.act == "place_many"
        async with asyncio.timeout(5), scripted(batch=batch) as (server, gateway):
            gateway.prepare(MARKET)
            # Written when it is asked: an order's id is known once it was placed.
            server.say(*route_of(case, reads, names), lambda _: written(case, names))
            agree(reads.facts, await act(gateway, reads, names), names, reads.act)

    asyncio.run(scene())


def test_our_client_reads_a_market_that_is_not_there() -> None:
    case = next(one for one in rest_public.CASES if one.scene == "a market that nobody knows")
    with pytest.raises(MarketError, match="market not found") as caught:
        read_clob(orjson.dumps(filled(case.answer, NAMES)))
    assert caught.value.facts == ("clob",)


def test_our_client_reads_a_market_in_short() -> None:
    case = next(one for one in rest_public.CASES if one.scene == "a market in short")
    found = read_clob(orjson.dumps(filled(case.answer, NAMES)))
    assert (found.condition_id, found.tokens) == (MARKET.condition_id, (NAMES["UP"], NAMES["DOWN"]))
    assert (found.tick_e4, found.order_min_e6, found.is_accepting) == (100, 5_000_000, True)
    assert (found.version, found.neg_risk, found.delays_takers) == ("v1", False, False)


@pytest.mark.parametrize("case", rest_states.STATES, ids=lambda case: case.scene)
def test_our_client_knows_why_a_question_has_no_answer(case: Case) -> None:
    assert case.reads is not None
    facts = case.reads.facts

    async def scene() -> None:
        names = dict(NAMES)
        async with asyncio.timeout(5), scripted() as (server, gateway):
            server.say("GET", "/data/orders", lambda _: written(case, names))
            with pytest.raises(VenueError) as caught:
                await gateway.open_orders()
        error = caught.value
        assert (error.status, error.reason) == (case.status, facts["reason"])
        assert error.is_known == facts["is_known"]
        assert error.retry_after_ns == facts.get("retry_after_ns", error.retry_after_ns)

    asyncio.run(scene())
