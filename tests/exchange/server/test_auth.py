"""Who may do what: L1 and L2 as both official clients sign, and every way to get them wrong."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import ApiCreds, RequestArgs
from py_clob_client_v2.exceptions import PolyApiException
from py_clob_client_v2.headers.headers import create_level_1_headers, create_level_2_headers
from py_clob_client_v2.signer import Signer

from polymm.exchange.server import app
from polymm.exchange.server.app import serving
from polymm.exchange.server.auth import auth_digest, authenticate, authenticate_builder
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.settings import ServerSettings
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.auth import RequestSigner, l1_headers
from tests.support.keys import HARDHAT, HARDHAT_ADDRESS, api_credentials, signing_key
from tests.support.vectors import vectors

SKEW_S = 30
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
UNAUTHORIZED = (401, {"error": "Unauthorized/Invalid api key"})
INVALID_L1 = (401, {"error": "Invalid L1 Request headers"})
TRADE = "/test/trade"
Answer = tuple[int, Any]
Headers = dict[str, str]


class Guest:
    """Somebody who talks to a served exchange by hand.

    Attributes:
        now_s: The exchange's clock.
        credentials: As the exchange gave them, once there is a key.
    """

    def __init__(self, url: str, session: aiohttp.ClientSession, hall: Hall) -> None:
        self.url = url
        self.session = session
        self.hall = hall
        self.credentials: dict[str, str] = {}

    @property
    def now_s(self) -> int:
        return self.hall.now_ns() // 10**9

    async def ask(
        self, method: str, path: str, headers: Headers | None = None, body: bytes = b""
    ) -> Answer:
        url = self.url + path
        async with self.session.request(method, url, headers=headers, data=body or None) as reply:
            return reply.status, await reply.json()

    def l1(self, nonce: int = 0, *, late_s: int = 0, chain_id: int = wire.POLYGON) -> Headers:
        return l1_headers(
            signing_key(), chain_id=chain_id, timestamp_s=self.now_s + late_s, nonce=nonce
        )

    async def create(self, nonce: int = 0) -> None:
        status, self.credentials = await self.ask("POST", "/auth/api-key", self.l1(nonce))
        assert status == 200

    def l2(self, method: str, path: str, body: bytes = b"", *, late_s: int = 0) -> Headers:
        signer = RequestSigner(HARDHAT_ADDRESS, api_credentials(self.credentials))
        return signer.headers(self.now_s + late_s, method, path, body)

    async def private(self, method: str, path: str, body: bytes = b"") -> Answer:
        return await self.ask(method, path, self.l2(method, path.partition("?")[0], body), body)


def trading_routes(_: Hall) -> list[web.RouteDef]:
    """A private route that changes something, and one that builders' keys open."""

    async def trade(request: web.Request) -> web.Response:
        account, body = await authenticate(request)
        return web.json_response([account.address, body.decode()])

    async def look(request: web.Request) -> web.Response:
        account, _ = await authenticate(request, reads=True)
        return web.json_response(account.address)

    async def relay(request: web.Request) -> web.Response:
        account, _ = await authenticate_builder(request)
        return web.json_response(account.address)

    return [
        web.route("*", TRADE, trade),
        web.post("/test/look", look),
        web.post("/test/submit", relay),
    ]


@pytest.fixture
def visit(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Serve an exchange and let a script talk to it."""
    monkeypatch.setattr(app, "ROUTES", (*app.ROUTES, trading_routes))

    def run(script: Callable[[Guest], Awaitable[Any]], **settings: Any) -> Any:
        async def serve() -> Any:
            async with (
                asyncio.timeout(10),
                serving(ServerSettings(skew_s_max=SKEW_S, **settings)) as served,
                aiohttp.ClientSession() as session,
            ):
                answer = await script(Guest(served.urls["clob"], session, served.hall))
                served.hall.exchange.audit()
                return answer

        return asyncio.run(serve())

    return run


# L1


def test_a_key_is_made_once_and_derived_ever_after(visit: Callable[..., Any]) -> None:
    async def script(guest: Guest) -> None:
        assert await guest.ask("GET", "/auth/derive-api-key", guest.l1()) == (
            400,
            {"error": "Could not derive api key!"},
        )
        status, made = await guest.ask("POST", "/auth/api-key", guest.l1())
        assert status == 200
        assert set(made) == {"apiKey", "secret", "passphrase"}
        again = await guest.ask("POST", "/auth/api-key", guest.l1())
        assert again == (400, {"error": "Could not create api key"})
        assert await guest.ask("GET", "/auth/derive-api-key", guest.l1()) == (200, made)
        status, other = await guest.ask("POST", "/auth/api-key", guest.l1(nonce=1))
        assert status == 200
        assert other["apiKey"] != made["apiKey"]

    visit(script)


def test_forged_l1_headers_are_refused(visit: Callable[..., Any]) -> None:
    async def script(guest: Guest) -> None:
        good = guest.l1()
        changes: list[Headers] = [
            {"POLY_ADDRESS": OTHER},
            {"POLY_ADDRESS": "0x1"},
            {"POLY_NONCE": "1"},
            {"POLY_NONCE": "-1"},
            {"POLY_NONCE": str(2**256)},
            {"POLY_NONCE": "٣"},
            {"POLY_TIMESTAMP": str(guest.now_s + 1)},
            {"POLY_TIMESTAMP": "soon"},
            {"POLY_TIMESTAMP": "9" * 5000},
            {"POLY_SIGNATURE": good["POLY_SIGNATURE"][:-2] + "1d"},
            {"POLY_SIGNATURE": "0x"},
            {"POLY_SIGNATURE": "no hexadecimal digits"},
        ]
        for change in changes:
            asked = await guest.ask("POST", "/auth/api-key", good | change)
            assert asked == INVALID_L1, change
        for name in good.keys() - {"POLY_NONCE"}:
            left = {key: value for key, value in good.items() if key != name}
            assert await guest.ask("POST", "/auth/api-key", left) == INVALID_L1, name
        for headers in (
            guest.l1(late_s=SKEW_S + 2),
            guest.l1(late_s=-SKEW_S - 2),
            guest.l1(chain_id=wire.AMOY),
        ):
            assert await guest.ask("POST", "/auth/api-key", headers) == INVALID_L1
        assert guest.hall.accounts.holder(HARDHAT_ADDRESS) is None, "nobody got money"

    visit(script)


def test_the_chain_is_a_setting(visit: Callable[..., Any]) -> None:
    async def script(guest: Guest) -> None:
        assert await guest.ask("POST", "/auth/api-key", guest.l1()) == INVALID_L1
        status, _ = await guest.ask("POST", "/auth/api-key", guest.l1(chain_id=wire.AMOY))
        assert status == 200

    visit(script, chain_id=wire.AMOY)


def test_l1_digests_are_those_of_the_golden_vectors() -> None:
    for row in vectors("auth")["l1"]:
        digest = auth_digest(
            row["headers"]["POLY_ADDRESS"],
            str(row["timestamp"]),
            row["nonce"],
            chain_id=row["chainId"],
        )
        assert f"0x{digest.hex()}" == row["digest"]


# L2


def test_a_private_request_is_known_by_its_hmac(visit: Callable[..., Any]) -> None:
    async def script(guest: Guest) -> None:
        await guest.create()
        body = b'{"orderID":"0x1"}'
        for method in ("POST", "DELETE"):
            assert await guest.private(method, TRADE, body) == (
                200,
                [HARDHAT_ADDRESS, body.decode()],
            )
        for path in ("/auth/api-keys", "/auth/api-keys?next_cursor=MA%3D%3D"):
            status, keys = await guest.private("GET", path)
            assert (status, keys) == (200, {"apiKeys": [guest.credentials["apiKey"]]})

    visit(script)


def test_forged_l2_headers_are_refused(visit: Callable[..., Any]) -> None:
    async def script(guest: Guest) -> None:
        await guest.create()
        body = b"{}"
        good = guest.l2("POST", TRADE, body)
        changes: list[Headers] = [
            {"POLY_ADDRESS": OTHER},
            {"POLY_ADDRESS": ""},
            {"POLY_API_KEY": "9180014b-33c8-9240-a14b-bdca11c0a465"},
            {"POLY_API_KEY": ""},
            {"POLY_PASSPHRASE": "0" * 64},
            {"POLY_PASSPHRASE": "ünbekannt"},
            {"POLY_SIGNATURE": "A" * 43 + "="},
            {"POLY_SIGNATURE": good["POLY_SIGNATURE"].rstrip("=")},
            {"POLY_SIGNATURE": "ü"},
            {"POLY_TIMESTAMP": str(guest.now_s + 1)},
            {"POLY_TIMESTAMP": "now"},
        ]
        for change in changes:
            assert await guest.ask("POST", TRADE, good | change, body) == UNAUTHORIZED, change
        for name in good:
            left = {key: value for key, value in good.items() if key != name}
            assert await guest.ask("POST", TRADE, left, body) == UNAUTHORIZED, name
        assert await guest.ask("POST", TRADE, good, b"{ }") == UNAUTHORIZED, "another body"
        assert await guest.ask("DELETE", TRADE, good, body) == UNAUTHORIZED, "another method"
        elsewhere = guest.l2("POST", "/order", body)
        assert await guest.ask("POST", TRADE, elsewhere, body) == UNAUTHORIZED, "another path"
        assert (await guest.ask("POST", TRADE, good, body))[0] == 200

    visit(script)


def test_a_request_may_be_a_little_early_or_late(visit: Callable[..., Any]) -> None:
    async def script(guest: Guest) -> None:
        await guest.create()
        for late_s, status in ((-SKEW_S - 2, 401), (-SKEW_S + 2, 200), (SKEW_S - 2, 200)):
            headers = guest.l2("GET", TRADE, late_s=late_s)
            assert (await guest.ask("GET", TRADE, headers))[0] == status
        assert await guest.ask("GET", TRADE, guest.l2("GET", TRADE, late_s=SKEW_S + 2)) == (
            UNAUTHORIZED
        )

    visit(script)


def test_the_same_headers_are_believed_again(visit: Callable[..., Any]) -> None:
    """Nobody knows the venue to remember requests; an order that comes twice is Duplicated."""

    async def script(guest: Guest) -> None:
        await guest.create()
        headers = guest.l2("POST", TRADE, b"[]")
        answers = [await guest.ask("POST", TRADE, headers, b"[]") for _ in range(2)]
        assert answers == [(200, [HARDHAT_ADDRESS, "[]"])] * 2

    visit(script)


def test_a_deleted_key_is_worth_nothing(visit: Callable[..., Any]) -> None:
    async def script(guest: Guest) -> None:
        await guest.create()
        assert await guest.private("DELETE", "/auth/api-key") == (200, "OK")
        assert await guest.private("GET", "/auth/api-keys") == UNAUTHORIZED
        before = guest.credentials
        await guest.create()
        assert guest.credentials != before

    visit(script)


def test_closed_only_is_told(visit: Callable[..., Any]) -> None:
    async def script(guest: Guest) -> None:
        await guest.create()
        path = "/auth/ban-status/closed-only"
        assert await guest.private("GET", path) == (200, {"closed_only": False})
        holder = guest.hall.accounts.holder(HARDHAT_ADDRESS)
        assert holder is not None
        holder.is_closed_only = True
        assert await guest.private("GET", path) == (200, {"closed_only": True})

    visit(script)


def test_a_key_that_only_reads_changes_nothing(visit: Callable[..., Any]) -> None:
    async def script(guest: Guest) -> None:
        await guest.create()
        status, reader = await guest.private("POST", "/auth/readonly-api-key")
        assert status == 200
        own, guest.credentials = guest.credentials, reader
        assert (await guest.private("GET", TRADE))[0] == 200
        assert (await guest.private("POST", "/test/look"))[0] == 200
        for method in ("POST", "DELETE"):
            assert await guest.private(method, TRADE) == UNAUTHORIZED
        assert await guest.private("POST", "/auth/readonly-api-key") == UNAUTHORIZED
        guest.credentials = own
        listed = await guest.private("GET", "/auth/readonly-api-keys")
        assert listed == (200, {"readonlyApiKeys": [reader["apiKey"]]})
        for body, wanted in (
            (b"", 400),
            (b"[]", 400),
            (b'{"key":1}', 400),
            (b'{"key":"x"}', 404),
            (orjson.dumps({"key": reader["apiKey"]}), 200),
        ):
            assert (await guest.private("DELETE", "/auth/readonly-api-key", body))[0] == wanted
        guest.credentials = reader
        assert await guest.private("GET", TRADE) == UNAUTHORIZED

    visit(script)


def test_a_builders_key_opens_the_relayer_and_nothing_else(visit: Callable[..., Any]) -> None:
    async def script(guest: Guest) -> None:
        await guest.create()
        status, key = await guest.private("POST", "/auth/builder-api-key")
        assert status == 200
        own, guest.credentials = guest.credentials, {"apiKey": key.pop("key"), **key}

        def as_builder(method: str, path: str, body: bytes = b"") -> Headers:
            return {
                name.replace("POLY_", "POLY_BUILDER_"): value
                for name, value in guest.l2(method, path, body).items()
            }

        headers = as_builder("POST", "/test/submit", b"{}")
        assert await guest.ask("POST", "/test/submit", headers, b"{}") == (200, HARDHAT_ADDRESS)
        assert await guest.ask("POST", "/test/submit", headers, b"[]") == UNAUTHORIZED
        assert await guest.ask("POST", "/test/submit") == UNAUTHORIZED
        assert await guest.private("GET", "/auth/api-keys") == UNAUTHORIZED
        headers = as_builder("DELETE", "/auth/builder-api-key")
        assert await guest.ask("DELETE", "/auth/builder-api-key", headers) == (200, "OK")
        assert await guest.ask("DELETE", "/auth/builder-api-key", headers) == UNAUTHORIZED
        guest.credentials = own
        assert await guest.private("GET", "/auth/builder-api-key") == (200, [])

    visit(script)


# The official client


def test_py_clob_client_v2_does_all_it_knows_with_keys(visit: Callable[..., Any]) -> None:
    def script(url: str) -> None:
        client = ClobClient(url, wire.POLYGON, key=HARDHAT)
        creds = client.create_or_derive_api_key()
        assert client.create_or_derive_api_key() == creds
        assert client.create_api_key(nonce=5).api_key != creds.api_key
        client.set_api_creds(creds)
        assert creds.api_key in client.get_api_keys()["apiKeys"]
        assert client.get_closed_only_mode() == {"closed_only": False}
        reader = client.create_readonly_api_key()["apiKey"]
        assert client.get_readonly_api_keys() == {"readonlyApiKeys": [reader]}
        assert client.delete_readonly_api_key(reader) == "OK"
        assert client.create_builder_api_key()["key"]
        assert len(client.get_builder_api_keys()) == 1
        assert client.revoke_builder_api_key() == "OK"
        assert client.get_builder_api_keys() == []
        assert client.delete_api_key() == "OK"
        with pytest.raises(PolyApiException) as refused:
            client.get_api_keys()
        assert refused.value.status_code == 401

    visit(lambda guest: asyncio.to_thread(script, guest.url))


def test_its_headers_verify_also_with_an_apostrophe_in_the_body(visit: Callable[..., Any]) -> None:
    async def script(guest: Guest) -> None:
        signer = Signer(HARDHAT, wire.POLYGON)
        status, made = await guest.ask("POST", "/auth/api-key", create_level_1_headers(signer, 3))
        assert status == 200
        creds = ApiCreds(*(made[name] for name in ("apiKey", "secret", "passphrase")))
        body = """{"key":"it's"}"""
        asked = RequestArgs(method="POST", request_path=TRADE, serialized_body=body)
        headers = create_level_2_headers(signer, creds, asked, int(time.time()))
        assert (await guest.ask("POST", TRADE, headers, body.encode()))[0] == 200
        guest.credentials = made
        assert (await guest.private("POST", TRADE, body.encode()))[0] == 200

    visit(script)
