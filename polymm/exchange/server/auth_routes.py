"""API keys on the network: made and derived by signature (L1), listed and deleted by HMAC (L2).

Keys that only read and builders' keys have no documented answers beside the shapes that the two
official clients take; they carry a secret of their own and sign as any other key does.
"""

import orjson
from aiohttp import web

from polymm.domain.market import NS
from polymm.exchange import refusals
from polymm.exchange.server.accounts import Account
from polymm.exchange.server.answers import Refused, json_response
from polymm.exchange.server.auth import authenticate, authenticate_builder, check_l1
from polymm.exchange.server.hall import Hall
from polymm.venues.polymarket import wire

DONE = "OK"


def auth_routes(hall: Hall) -> list[web.RouteDef]:
    """Routes under ``/auth``."""
    keys = _Keys(hall)
    return [
        web.post("/auth/api-key", keys.create),
        web.get("/auth/derive-api-key", keys.derive),
        web.get("/auth/api-keys", keys.names),
        web.delete("/auth/api-key", keys.delete),
        web.get("/auth/ban-status/closed-only", keys.closed_only),
        web.post("/auth/readonly-api-key", keys.create_reader),
        web.get("/auth/readonly-api-keys", keys.readers),
        web.delete("/auth/readonly-api-key", keys.delete_reader),
        web.post("/auth/builder-api-key", keys.create_builder),
        web.get("/auth/builder-api-key", keys.builders),
        web.delete("/auth/builder-api-key", keys.delete_builder),
    ]


class _Keys:
    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._accounts = hall.accounts

    async def create(self, request: web.Request) -> web.Response:
        address, nonce = check_l1(self._hall, request.headers)
        account = self._accounts.create(address, nonce, self._now_s())
        if account is None:
            raise Refused(refusals.KEY_EXISTS)
        return json_response(account.credentials)

    async def derive(self, request: web.Request) -> web.Response:
        account = self._accounts.derive(*check_l1(self._hall, request.headers))
        if account is None:
            raise Refused(refusals.NO_KEY)
        return json_response(account.credentials)

    async def names(self, request: web.Request) -> web.Response:
        account, _ = await authenticate(request)
        return json_response({"apiKeys": [one.key_id for one in account.holder.accounts.values()]})

    async def delete(self, request: web.Request) -> web.Response:
        account, _ = await authenticate(request)
        self._accounts.delete(account)
        return json_response(DONE)

    async def closed_only(self, request: web.Request) -> web.Response:
        account, _ = await authenticate(request)
        return json_response({"closed_only": account.holder.is_closed_only})

    # Keys that only read

    async def create_reader(self, request: web.Request) -> web.Response:
        account, _ = await authenticate(request)
        reader = self._accounts.create_reader(account.holder, self._now_s())
        if reader is None:
            raise Refused(refusals.KEY_EXISTS)
        return json_response(reader.credentials)

    async def readers(self, request: web.Request) -> web.Response:
        account, _ = await authenticate(request)
        return json_response({"readonlyApiKeys": list(account.holder.readers)})

    async def delete_reader(self, request: web.Request) -> web.Response:
        account, body = await authenticate(request)
        try:
            asked = orjson.loads(body)
        except orjson.JSONDecodeError:
            raise Refused(refusals.INVALID_PAYLOAD) from None
        key_id = asked.get("key") if isinstance(asked, dict) else None
        if not isinstance(key_id, str):
            raise Refused(refusals.INVALID_PAYLOAD)
        reader = account.holder.readers.get(key_id)
        if reader is None:
            raise Refused(refusals.KEY_NOT_FOUND)
        self._accounts.delete(reader)
        return json_response(DONE)

    # Keys for the relayer

    async def create_builder(self, request: web.Request) -> web.Response:
        account, _ = await authenticate(request)
        builder = self._accounts.create_builder(account.holder, self._now_s())
        if builder is None:
            raise Refused(refusals.KEY_EXISTS)
        return json_response(
            {"key": builder.key_id, "secret": builder.secret, "passphrase": builder.passphrase}
        )

    async def builders(self, request: web.Request) -> web.Response:
        account, _ = await authenticate(request)
        return json_response([_told(builder) for builder in account.holder.builders.values()])

    async def delete_builder(self, request: web.Request) -> web.Response:
        """Delete the builder's key that signs the request, or all where an account's key does."""
        if wire.BUILDER_HEADER_KEY in request.headers:
            builder, _ = await authenticate_builder(request)
            self._accounts.delete(builder)
        else:
            account, _ = await authenticate(request)
            for builder in list(account.holder.builders.values()):
                self._accounts.delete(builder)
        return json_response(DONE)

    def _now_s(self) -> int:
        return self._hall.now_ns() // NS


def _told(builder: Account) -> dict[str, object]:
    return {"key": builder.key_id, "createdAt": builder.created_s * 1000, "revokedAt": None}
