"""All that is told without credentials: by the CLOB, by Gamma and Data API, and the geoblock.

This exchange knows no builders.
"""

from aiohttp import web

from polymm.domain.market import NS
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.answers import Refused, json_response
from polymm.exchange.server.book_routes import book_routes
from polymm.exchange.server.data_api import data_routes
from polymm.exchange.server.gamma import gamma_routes
from polymm.exchange.server.glances import Glances
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.market_routes import market_routes
from polymm.exchange.server.queries import page
from polymm.exchange.server.reward_routes import reward_routes

# The exchange's generation, the same whatever version its markets are of.
VERSION = 2
BUILDER_PAGE = 500
NO_BUILDER = Refusal("builder not found", status=404)


def public_routes(hall: Hall) -> list[web.RouteDef]:
    """All routes that need no credentials."""
    public, glances = _Public(hall), Glances(hall)
    return [
        web.get("/ok", public.ok),
        web.get("/time", public.time),
        web.get("/version", public.version),
        web.get("/api/geoblock", public.geoblock),
        web.get("/builder/trades", public.empty_page),
        web.get("/fees/builder-fees/{builder}", public.builder_fees),
        *reward_routes(hall),
        *book_routes(hall),
        *market_routes(hall, glances),
        *gamma_routes(hall, glances),
        *data_routes(hall, glances),
    ]


class _Public:
    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    async def ok(self, _: web.Request) -> web.Response:
        return json_response("OK")

    async def time(self, _: web.Request) -> web.Response:
        return json_response(self._hall.now_ns() // NS)

    async def version(self, _: web.Request) -> web.Response:
        return json_response({"version": VERSION})

    async def geoblock(self, request: web.Request) -> web.Response:
        place = self._hall.settings.geoblock
        return json_response(
            {
                "blocked": place.blocked,
                "ip": request.remote,
                "country": place.country,
                "region": place.region,
            }
        )

    async def empty_page(self, request: web.Request) -> web.Response:
        return json_response(page(request, [], BUILDER_PAGE))

    async def builder_fees(self, _: web.Request) -> web.Response:
        raise Refused(NO_BUILDER)
