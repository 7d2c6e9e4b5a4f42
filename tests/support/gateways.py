"""A gateway before a scripted venue or a served exchange, and its callbacks as awaitables."""

import asyncio
import base64
import hashlib
import hmac
import random
import ssl
import time
import traceback
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from polymm.domain.market import Market
from polymm.domain.order import Side, Token
from polymm.errors import VenueError
from polymm.net.http_pool import PoolSettings
from polymm.venues.polymarket.credentials import ApiCredentials, Secret
from polymm.venues.polymarket.gateway import Gateway, GatewaySettings
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.results import (
    BeatResult,
    CancelResult,
    NewOrder,
    PlaceResult,
    SweepResult,
)
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.wire import SignatureType
from tests.support.keys import HARDHAT_ADDRESS, signing_key
from tests.support.loopback import MS, read_request, reply, serving, until

SECRET, PASSPHRASE = "c2VjcmV0LWNhbmFyeQ==", "passphrase-canary"
KEY_ID = "9180014b-33c8-9240-a14b-bdca11c0a465"
SHARE = 1_000_000
MARKET = Market(
    slug="btc-updown-5m-1776323400",
    condition_id="0x" + "ab" * 32,
    up_token="1234567890",
    down_token="9876543210",
    start_ns=1_776_323_400 * 10**9,
    end_ns=1_776_323_700 * 10**9,
)
ORDER_A, ORDER_B = "0x" + "0a" * 32, "0x" + "0b" * 32

# Quick to dial again, and never patient.
QUICK = PoolSettings(size=1, backoff_base_ns=MS, backoff_ns_max=2 * MS)
PATIENCE = 150 * MS


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


Answer = bytes | None | Callable[[Asked], bytes | None]


@dataclass
class ScriptedVenue:
    """Answers each route from a list, the last answer for ever; None hangs up without a word.

    Attributes:
        gate: Routes in here wait until it is set.
    """

    asked: list[Asked] = field(default_factory=list)
    answers: dict[tuple[str, str], list[Answer]] = field(default_factory=dict)
    gates: dict[tuple[str, str], asyncio.Event] = field(default_factory=dict)
    _turns: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    _connections: int = 0

    def say(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[method, path] = list(answers)

    def of(self, method: str, path: str) -> list[Asked]:
        return [one for one in self.asked if (one.method, one.path) == (method, path)]

    async def script(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections += 1
        number = self._connections
        while True:
            one = _read(await read_request(reader), number)
            self.asked.append(one)
            route = one.method, one.path
            gate = self.gates.get(route)
            if gate is not None:
                await gate.wait()
            answer = self._answer(one, route)
            if answer is None:
                return
            writer.write(answer)
            await writer.drain()

    def _answer(self, one: Asked, route: tuple[str, str]) -> bytes | None:
        answers = self.answers.get(route)
        if answers is None:
            if one.path == "/time":
                return reply(b"%d" % time.time())
            return reply(b'{"error":"no such route"}', "404 Not Found")
        turn, self._turns[route] = self._turns[route], self._turns[route] + 1
        answer = answers[min(turn, len(answers) - 1)]
        return answer(one) if callable(answer) else answer


def _read(request: bytes, connection: int) -> Asked:
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.upper()] = value.strip()
    return Asked(method, target, headers, body, connection)


def shown_by(error: BaseException, *secrets: str) -> list[str]:
    """Those secrets that a traceback with locals would show, outside the tests themselves."""
    found = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = zip(found.stack, found.stack.format(), strict=True)
    told = str(error) + "".join(text for frame, text in frames if "/tests/" not in frame.filename)
    return [secret for secret in secrets if secret in told]


def json_reply(value: object, status: str = "200 OK", *headers: str) -> bytes:
    return reply(orjson.dumps(value), status, *headers)


def credentials() -> ApiCredentials:
    return ApiCredentials(Secret(KEY_ID), Secret(SECRET), Secret(PASSPHRASE))


def settings(**others: Any) -> GatewaySettings:
    quick = {
        "place_ns_max": PATIENCE,
        "cancel_ns_max": PATIENCE,
        "beat_ns_max": PATIENCE,
        "query_ns_max": PATIENCE,
        "orders": QUICK,
        "cancels": QUICK,
        "beats": QUICK,
        "queries": QUICK,
    }
    return GatewaySettings(**quick | others)


def buy(price_e4: int = 5_000, shares: int = 10, **others: Any) -> NewOrder:
    facts = {"market": MARKET, "token": Token.UP, "side": Side.BUY} | others
    return NewOrder(price_e4=price_e4, size_e6=shares * SHARE, **facts)


@asynccontextmanager
async def gateway_to(
    url: str, tls: ssl.SSLContext | None = None, **others: Any
) -> AsyncIterator[Gateway]:
    """A gateway with a key of the golden vectors, open; the venue need not be there."""
    gateway = Gateway(
        Hosts(clob=url),
        Wallet(key=signing_key(), signature_type=SignatureType.EOA),
        credentials(),
        settings=settings(**others),
        rng=random.Random(5),
        tls=tls,
    )
    with suppress(VenueError):
        await gateway.open()
    try:
        yield gateway
    finally:
        await gateway.close()


@asynccontextmanager
async def scripted(**others: Any) -> AsyncIterator[tuple[ScriptedVenue, Gateway]]:
    """A venue that does as it is told, and a gateway to it that is ready."""
    venue = ScriptedVenue()
    async with (
        serving(venue.script) as server,
        gateway_to(f"http://127.0.0.1:{server.port}", **others) as gateway,
    ):
        await until(lambda: gateway.is_ready)
        venue.asked.clear()
        yield venue, gateway


async def placed(gateway: Gateway, *orders: NewOrder) -> list[PlaceResult]:
    """Place and wait for what became of each, in the order they were told."""
    found: list[PlaceResult] = []
    ids = gateway.place(orders, found.append)
    assert found == [], "nobody hears of an order before its id is known"
    await until(lambda: len(found) == len(orders))
    assert sorted(one.order_id for one in found) == sorted(ids)
    return sorted(found, key=lambda one: ids.index(one.order_id))


async def cancelled(gateway: Gateway, *order_ids: str) -> list[CancelResult]:
    found: list[CancelResult] = []
    gateway.cancel(order_ids, found.append)
    assert found == []
    await until(lambda: len(found) == len(order_ids))
    return found


async def swept(gateway: Gateway, condition_id: str = "") -> SweepResult:
    found: list[SweepResult] = []
    if condition_id:
        gateway.cancel_market(condition_id, found.append)
    else:
        gateway.cancel_all(found.append)
    assert found == []
    await until(lambda: bool(found))
    return found[0]


async def beaten(gateway: Gateway) -> BeatResult:
    found: list[BeatResult] = []
    assert gateway.beat(found.append)
    assert found == []
    await until(lambda: bool(found))
    return found[0]


def canceling(one: Asked) -> bytes:
    named = one.json
    order_ids = [named["orderID"]] if isinstance(named, dict) else named
    return json_reply({"canceled": order_ids, "not_canceled": {}})


def proves(one: Asked) -> bool:
    """Whether the headers are those of our key over exactly these bytes (signing notes 2)."""
    message = (one.headers["POLY_TIMESTAMP"] + one.method + one.path).encode() + one.body
    made = hmac.digest(base64.urlsafe_b64decode(SECRET), message, hashlib.sha256)
    return (
        one.headers["POLY_SIGNATURE"] == base64.urlsafe_b64encode(made).decode()
        and one.headers["POLY_API_KEY"] == KEY_ID
        and one.headers["POLY_PASSPHRASE"] == PASSPHRASE
        and one.headers["POLY_ADDRESS"] == HARDHAT_ADDRESS
        and one.headers["CONTENT-TYPE"] == "application/json"
    )
