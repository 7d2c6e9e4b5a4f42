"""All private routes of order entry and ledger, with the buckets they share."""

from aiohttp import web

from polymm.exchange.server.buckets import Tolls
from polymm.exchange.server.cancel_routes import cancel_routes
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.heartbeat import heartbeat_routes
from polymm.exchange.server.ledger_routes import ledger_routes
from polymm.exchange.server.order_routes import order_routes


def trading_routes(hall: Hall) -> list[web.RouteDef]:
    """Routes of the CLOB that need an API key."""
    tolls = Tolls(hall.settings.buckets)
    return [
        *order_routes(hall, tolls),
        *cancel_routes(hall, tolls),
        *ledger_routes(hall),
        *heartbeat_routes(hall),
    ]
