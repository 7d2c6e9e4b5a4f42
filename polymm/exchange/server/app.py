"""The exchange as one aiohttp application on one loopback port, services told apart by path."""

import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from polymm.domain.tape import Tape
from polymm.exchange.server.answers import refusals_told
from polymm.exchange.server.auth_routes import auth_routes
from polymm.exchange.server.chain_routes import chain_routes
from polymm.exchange.server.control import control_routes
from polymm.exchange.server.hall import HALL, Hall
from polymm.exchange.server.market_socket import market_socket_routes
from polymm.exchange.server.prices_socket import prices_socket_routes
from polymm.exchange.server.public_routes import public_routes
from polymm.exchange.server.rest_faults import rest_faults
from polymm.exchange.server.rtds_socket import rtds_socket_routes
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.server.trading_routes import trading_routes
from polymm.exchange.server.user_socket import user_socket_routes
from polymm.venues.polymarket import wire

HOST = "127.0.0.1"
BODY_BYTES_MAX = 1 << 20

# Each gives its routes and keeps what it needs of the hall.
MakeRoutes = Callable[[Hall], Iterable[web.AbstractRouteDef]]
ROUTES: tuple[MakeRoutes, ...] = (
    auth_routes,
    chain_routes,
    control_routes,
    market_socket_routes,
    prices_socket_routes,
    public_routes,
    rtds_socket_routes,
    trading_routes,
    user_socket_routes,
)

# Where each service is, beside the order-entry routes, which are at the root.
PATHS = {**wire.LOCAL_SERVICES, "control": ("http", "/control")}


def make_app(hall: Hall) -> web.Application:
    """Put all routes together."""
    app = web.Application(middlewares=[refusals_told, rest_faults], client_max_size=BODY_BYTES_MAX)
    app[HALL] = hall
    for make_routes in ROUTES:
        app.add_routes(make_routes(hall))
    return app


@dataclass(frozen=True, slots=True)
class Served:
    """A running exchange.

    Args:
        hall: What is behind the routes.
        urls: Of each service, by name.
    """

    hall: Hall
    urls: dict[str, str]


@asynccontextmanager
async def serving(
    settings: ServerSettings,
    *,
    tapes: Sequence[Tape] = (),
    tls: ssl.SSLContext | None = None,
    clock_ns: Callable[[], int] = time.time_ns,
) -> AsyncIterator[Served]:
    """Serve an exchange on loopback until the block is left.

    Args:
        settings: Of the whole process.
        tapes: Recordings to play instead of synthetic traders.
        tls: Certificate to serve with; None for plain connections.
        clock_ns: Time of day, for those who want to start at a certain one.

    Raises:
        OSError: The port is taken.
    """
    hall = Hall(settings, tapes, clock_ns)
    runner = web.AppRunner(make_app(hall), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, settings.port, ssl_context=tls)
        await site.start()
        port = runner.addresses[0][1]
        hall.start()
        s = "s" if tls else ""
        urls = {name: f"{kind}{s}://{HOST}:{port}{path}" for name, (kind, path) in PATHS.items()}
        yield Served(hall, urls)
    finally:
        hall.stop()
        await runner.cleanup()
