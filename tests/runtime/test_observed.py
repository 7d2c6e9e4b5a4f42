"""Watching a venue: the maker believes that it quotes, and not one write leaves this process."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from polymm.errors import VenueError
from polymm.exchange.rules import Rules
from polymm.exchange.server import app as server_app
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.windows import WindowSettings
from polymm.research.records import MarketRun
from polymm.runtime.session_parts import SessionEnd
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.wire import SignatureType
from tests.support.live_sessions import configured, make_bot, stored

pytestmark = pytest.mark.waits

READS = {"GET", "HEAD"}
CONFIG = configured(window_s=6, windows=1)


class Requests:
    """Notes every request that a served exchange meets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[tuple[str, str]] = []
        make_app = server_app.make_app

        @web.middleware
        async def note(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self.seen.append((request.method, request.path))
            return await handler(request)

        def noting(hall: Hall) -> web.Application:
            application = make_app(hall)
            application.middlewares.append(note)
            return application

        monkeypatch.setattr(server_app, "make_app", noting)

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [one for one in self.seen if one[0] not in READS]


async def run(kind: SignatureType | None) -> tuple[list[MarketRun], SessionEnd, int]:
    settings = ServerSettings(
        windows=WindowSettings(length_s=6),
        rules=Rules(mined_ms=(50, 100), confirmed_ms=(50, 100)),
        block_ms=100,
    )
    with stored() as store:
        async with asyncio.timeout(30), server_app.serving(settings) as served:
            bot = await make_bot(Hosts.of(served.urls), CONFIG, store, kind=kind)
            end = await bot.run()
            wallets = sum(not one.is_house for one in served.hall.exchange.ledger.wallets.values())
        return bot.markets, end, wallets


def test_no_write_and_no_key_leaves_while_quotes_are_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    requests = Requests(monkeypatch)
    markets, end, wallets = asyncio.run(run(None))
    assert requests.writes == []
    assert not any("/auth" in path or "user" in path for _, path in requests.seen)
    assert wallets == 0
    assert end.facts["not sent"].split()[0] != "0"
    assert {run.fill_form for run in markets} == {"none"}
    assert sum(run.orders.placed_n for run in markets) > 0
    assert sum(run.seconds["two_sided"] for run in markets) > 0
    assert all(run.orders.filled_e6 == 0 for run in markets)
    assert markets[-1].status == "settled"


def test_the_same_run_with_a_wallet_does_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above could not fail."""
    requests = Requests(monkeypatch)
    _, end, wallets = asyncio.run(run(SignatureType.EOA))
    assert ("POST", "/order") in requests.writes
    assert wallets > 0
    assert end.faults == []


def test_a_venue_that_does_not_answer_is_told_at_once() -> None:
    async def scene() -> None:
        names = (
            "clob",
            "ws_market",
            "ws_user",
            "gamma",
            "data",
            "relayer",
            "prices",
            "rtds",
            "rpc",
        )
        nowhere = Hosts.of(dict.fromkeys(names, "http://127.0.0.1:1"))
        with stored() as store:
            bot = await make_bot(nowhere, CONFIG, store, kind=None)
            async with asyncio.timeout(20):
                await bot.run()

    with pytest.raises(VenueError, match=r"refused: the venue must answer at"):
        asyncio.run(scene())
