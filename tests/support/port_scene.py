"""The engine's port to a venue over loopback: a book, a chain, and what comes back as evidence."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.runtime.venue_port import LiveVenue
from polymm.venues.polymarket.credentials import Secret
from polymm.venues.polymarket.gateway import Gateway
from polymm.venues.polymarket.results import SettleResult
from tests.support.gateways import KEY_ID, MARKET, SHARE, ScriptedVenue, scripted
from tests.support.loopback import until

T = TypeVar("T")
M = MARKET.condition_id


@dataclass
class Book:
    tick_e4: int = 100


@dataclass
class Chain:
    """Settles as it is told, the last answer for ever."""

    answers: list[SettleResult] = field(default_factory=list)
    asked: list[int] = field(default_factory=list)

    async def merge(self, market: object, pairs_e6: int) -> SettleResult:
        self.asked.append(pairs_e6)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def redeem(self, market: object, *, up_e6: int, down_e6: int) -> SettleResult:
        raise AssertionError("a port never redeems")


@dataclass
class Scene:
    venue: ScriptedVenue
    gateway: Gateway
    port: LiveVenue
    chain: Chain
    events: list[ev.Event]
    ns: list[int]

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]

    async def first(self, kind: type[T]) -> T:
        await until(lambda: bool(self.of(kind)))
        (found,) = self.of(kind)
        return found


@asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[Scene]:
    async with scripted(**settings) as (venue, gateway):
        chain, events, ns = Chain(), list[ev.Event](), [10**18]
        port = LiveVenue(gateway, chain, Secret(KEY_ID), lambda: ns[0])
        port.take = events.append
        port.add_market(MARKET, Book())
        try:
            yield Scene(venue, gateway, port, chain, events, ns)
        finally:
            await port.close()


def place(number: int = 1, price_e4: int = 4_800) -> Place:
    return Place(number, MARKET.slug, Token.UP, Side.BUY, price_e4, 5 * SHARE)
