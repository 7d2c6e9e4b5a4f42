"""A venue that knows drawn markets, takes every order, and notes what it was asked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.clients.drawn import LISTED, ListedToken, Sent
from tests.support.gateways import KEY_ID, PASSPHRASE, SECRET

KEYS = {"apiKey": KEY_ID, "secret": SECRET, "passphrase": PASSPHRASE}
BY_TOKEN = {listed.token_id: listed for listed in LISTED}
BY_CONDITION = {listed.condition_id: listed for listed in LISTED}


class NotingVenue:
    """Answers what clients ask before they sign, and keeps the requests that were signed."""

    def __init__(self) -> None:
        self.url = ""
        self.signed: list[Sent] = []

    def of(self, method: str, path: str) -> list[Sent]:
        return [one for one in self.signed if (one.method, one.path) == (method, path)]

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        if "POLY_SIGNATURE" in request.headers:
            headers = {name.upper(): value for name, value in request.headers.items()}
            self.signed.append(Sent(request.method, request.path, headers, body))
        found = self._found(request)
        if found is None:
            return web.json_response({"error": f"no route {request.path}"}, status=404)
        return web.json_response(found)

    def _found(self, request: web.Request) -> Any:
        *_, parent, name = ("", *request.path.split("/"))
        if parent == "markets-by-token":
            return {"condition_id": BY_TOKEN[name].condition_id}
        if name == "tick-size":
            listed = BY_TOKEN[request.query["token_id"]]
            return {"minimum_tick_size": float(listed.tick)}
        if name == "neg-risk":
            return {"neg_risk": BY_TOKEN[request.query["token_id"]].neg_risk}
        if parent == "clob-markets":
            return _compact(BY_CONDITION[name])
        if parent == "builder-fees":
            return {"builder_maker_fee_rate_bps": 0, "builder_taker_fee_rate_bps": 0}
        return {
            "version": {"version": 2},
            "api-key": KEYS,
            "order": {
                "success": True, "errorMsg": "", "orderID": "0x" + "ab" * 32, "status": "live",
                "takingAmount": "", "makingAmount": "", "tradeIDs": [], "transactionsHashes": [],
            },
            "deployed": {"deployed": True},
        }.get(name)  # fmt: skip


def _compact(listed: ListedToken) -> dict[str, Any]:
    return {
        "c": listed.condition_id,
        "t": [{"t": listed.token_id, "o": "Up"}, {"t": "1", "o": "Down"}],
        "mts": float(listed.tick),
        "mos": 5,
        "ao": True,
        "nr": listed.neg_risk,
        "fd": {"r": 0.07, "e": 1, "to": True},
        "v": listed.version,
    }


@asynccontextmanager
async def noting() -> AsyncIterator[NotingVenue]:
    """Serve on loopback until the block is left."""
    venue = NotingVenue()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", venue.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        venue.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield venue
    finally:
        await runner.cleanup()
