"""Rewards and rebates as the CLOB tells them.

Nobody funds liquidity rewards on this exchange, so everything about them is empty; maker rebates
are paid when a market is resolved, and can be looked up by day.
"""

from datetime import UTC, datetime

from aiohttp import web

from polymm.domain.market import NS
from polymm.exchange.flow_wire import decimal_text
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.answers import Refused, json_response
from polymm.exchange.server.auth import authenticate
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.queries import page
from polymm.venues.polymarket import wire

PAGE_SIZE = 500
NO_MAKER = Refusal("maker_address is required")


def reward_routes(hall: Hall) -> list[web.RouteDef]:
    """Routes of rewards and rebates."""
    rewards = _Rewards(hall)
    return [
        web.get("/rewards/markets/{which}", rewards.none_at_all),
        web.get("/rewards/user", rewards.none_of_mine),
        web.get("/rewards/user/markets", rewards.none_of_mine),
        web.get("/rewards/user/total", rewards.no_total),
        web.get("/rewards/user/percentages", rewards.no_percentages),
        web.get("/rebates/current", rewards.rebates),
    ]


class _Rewards:
    def __init__(self, hall: Hall) -> None:
        self._clearing = hall.exchange.clearing

    async def none_at_all(self, request: web.Request) -> web.Response:
        return json_response(page(request, [], PAGE_SIZE))

    async def none_of_mine(self, request: web.Request) -> web.Response:
        await authenticate(request, reads=True)
        return json_response(page(request, [], PAGE_SIZE))

    async def no_total(self, request: web.Request) -> web.Response:
        await authenticate(request, reads=True)
        return json_response([])

    async def no_percentages(self, request: web.Request) -> web.Response:
        await authenticate(request, reads=True)
        return json_response({})

    async def rebates(self, request: web.Request) -> web.Response:
        """Tell what a wallet was paid on a day, UTC."""
        maker = request.query.get("maker_address", "").lower()
        if not maker:
            raise Refused(NO_MAKER)
        found = []
        for at_ns, condition_id, address, amount_e6 in self._clearing.rebates:
            date = datetime.fromtimestamp(at_ns // NS, UTC).date().isoformat()
            if address.lower() == maker and date == request.query.get("date"):
                found.append(
                    {
                        "date": date,
                        "condition_id": condition_id,
                        "asset_address": wire.PUSD,
                        "maker_address": address,
                        "rebated_fees_usdc": decimal_text(amount_e6, 6),
                    }
                )
        return json_response(found)
