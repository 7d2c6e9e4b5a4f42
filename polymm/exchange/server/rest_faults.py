"""What goes wrong between a client and the engine: the switches of order entry and its edge.

The middleware strikes at every request of the CLOB before or after the route has it; what needs to
know whether an order was taken in is called by the routes themselves.
"""

import asyncio
from contextlib import suppress

from aiohttp import web

from polymm.domain.market import NS
from polymm.exchange import refusals
from polymm.exchange.faults import Fault
from polymm.exchange.server.answers import Handler, Refused
from polymm.exchange.server.buckets import throttled
from polymm.exchange.server.hall import HALL, Hall
from polymm.exchange.trading import Mode
from polymm.venues.polymarket import wire

# Everything else on the exchange's port is another service, with faults of its own.
OTHER_SERVICES = ("/gamma", "/data-api", "/relayer", "/rpc", "/control", "/ws/")
TRADING_PATHS = frozenset({"/order", "/orders", "/cancel-all", "/cancel-market-orders"})

BAD_GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    "<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n"
    "</body>\r\n</html>\r\n"
)
BLOCKED = "error code: 1010"
TOO_FAST = "error code: 1015"

# How often a request that hangs looks whether its client has left.
HANG_CHECK_S = 0.02


@web.middleware
async def rest_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let requests of the CLOB meet what its edge and its engine do to some."""
    if request.path.startswith(OTHER_SERVICES):
        return await handler(request)
    hall = request.app[HALL]
    faults = hall.faults
    delay_ns = faults.delay_ns(Fault.EDGE_DELAY)
    if delay_ns:
        await asyncio.sleep(delay_ns / NS)
    if faults.strikes(Fault.EDGE_BLOCKED):
        return web.Response(status=403, text=BLOCKED)
    if faults.strikes(Fault.EDGE_THROTTLED):
        headers = _retry_after(hall, Fault.EDGE_THROTTLED)
        return web.Response(status=429, text=TOO_FAST, headers=headers)
    if faults.strikes(Fault.THROTTLED):
        return throttled(_retry_after(hall, Fault.THROTTLED))
    if wire.HEADER_API_KEY in request.headers and faults.strikes(Fault.UNAUTHORIZED):
        raise Refused(refusals.UNAUTHORIZED)
    if request.path in TRADING_PATHS:
        _restart(hall)
    if not faults.strikes(Fault.EDGE_HTML):
        return await handler(request)
    with suppress(Refused, web.HTTPException):
        await handler(request)  # What it answers is lost at the edge.
    return web.Response(status=502, text=BAD_GATEWAY, content_type="text/html")


def _retry_after(hall: Hall, fault: Fault) -> dict[str, str]:
    return {"Retry-After": str(-(-hall.faults.duration_ns(fault) // NS))}


def _restart(hall: Hall) -> None:
    """Let the engine restart at a request, unless it is in some other state already."""
    trading, now_ns = hall.exchange.trading, hall.now_ns()
    if trading.mode(now_ns) is Mode.NORMAL and hall.faults.strikes(Fault.ENGINE_RESTART):
        trading.set(Mode.RESTARTING, now_ns + hall.faults.duration_ns(Fault.ENGINE_RESTART))


async def hang(request: web.Request, fault: Fault) -> web.Response:
    """Leave a client without an answer until the fault's time is over, then cut it off."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + request.app[HALL].faults.duration_ns(fault) / NS
    while (left_s := until_s - loop.time()) > 0:
        if request.transport is None or request.transport.is_closing():
            break
        await asyncio.sleep(min(left_s, HANG_CHECK_S))
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def hold_reply(hall: Hall) -> None:
    """Let the events of an order overtake its answer, where the switch says so."""
    delay_ns = hall.faults.delay_ns(Fault.USER_FILL_BEFORE_REPLY)
    if delay_ns:
        await asyncio.sleep(delay_ns / NS)
