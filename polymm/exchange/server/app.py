"""The exchange as one aiohttp application on one loopback port, services told apart by path."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import orjson
from aiohttp import web

from polymm.exchange.refusals import Refusal
from polymm.exchange.server.hall import HALL, Hall, Refused
from polymm.exchange.server.settings import ServerSettings

HOST = "127.0.0.1"
BODY_BYTES_MAX = 1 << 20

# Each gives its routes and keeps what it needs of the hall.
MakeRoutes = Callable[[Hall], Iterable[web.AbstractRouteDef]]
ROUTES: tuple[MakeRoutes, ...] = ()

# Where each service is, beside the order-entry routes, which are at the root.
PATHS = {
    "clob": ("http", ""),
    "ws_market": ("ws", "/ws/market"),
    "ws_user": ("ws", "/ws/user"),
    "gamma": ("http", "/gamma"),
    "data": ("http", "/data-api"),
    "relayer": ("http", "/relayer"),
    "prices": ("ws", "/ws/prices"),
    "rtds": ("ws", "/ws/rtds"),
    "rpc": ("http", "/rpc"),
    "control": ("http", "/control"),
}


def refusal_response(refusal: Refusal) -> web.Response:
    """Write a refusal as the venue does."""
    body: dict[str, object] = {"error": refusal.text}
    headers = {}
    if refusal.code:
        body["code"] = refusal.code
    if refusal.retry_after_s is not None:
        body["retry_after_seconds"] = refusal.retry_after_s
        headers["Retry-After"] = str(refusal.retry_after_s)
    return json_response(body, status=refusal.status, headers=headers)


def json_response(
    body: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> web.Response:
    """Answer with JSON."""
    return web.Response(
        body=orjson.dumps(body), status=status, headers=headers, content_type="application/json"
    )


@web.middleware
async def refusals_told(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Turn refusals into answers, and unknown paths into the venue's JSON."""
    try:
        return await handler(request)
    except Refused as refused:
        return refusal_response(refused.refusal)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return json_response({"error": error.reason.lower()}, status=error.status)


def make_app(hall: Hall) -> web.Application:
    """Put all routes together."""
    app = web.Application(middlewares=[refusals_told], client_max_size=BODY_BYTES_MAX)
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
async def serving(settings: ServerSettings) -> AsyncIterator[Served]:
    """Serve an exchange on loopback until the block is left."""
    hall = Hall(settings)
    runner = web.AppRunner(make_app(hall), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, settings.port)
        await site.start()
        port = runner.addresses[0][1]
        hall.start()
        urls = {name: f"{scheme}://{HOST}:{port}{path}" for name, (scheme, path) in PATHS.items()}
        yield Served(hall, urls)
    finally:
        hall.stop()
        await runner.cleanup()
