"""The local chain's two doors, relayer and RPC, on one chain."""

from aiohttp import web

from polymm.exchange.server.chain import Chain
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.relayer import relayer_routes
from polymm.exchange.server.rpc import rpc_routes


def chain_routes(hall: Hall) -> list[web.RouteDef]:
    """Routes under ``/relayer`` and ``/rpc``."""
    chain = Chain(hall)
    return [*relayer_routes(hall, chain), *rpc_routes(hall, chain)]
