"""The control route: what is switched while the exchange runs, by programs of this machine.

A request must come from loopback, name loopback as its host and not come from a web page.

GET ``/control`` tells the state. POST takes a JSON object:

========================== ===========================================================
``/control/fault``         ``name``, ``rate``, and where wanted ``lasts_ms`` [low, high],
                           ``limit``, ``seed``: see `polymm.exchange.faults.Faults.set`
``/control/clear``         turns every fault off
``/control/mode``          ``mode`` (`polymm.exchange.trading.Mode`), ``seconds`` or null
``/control/account``       ``address`` of a key or a wallet of it, and of ``is_banned``,
                           ``is_closed_only``, ``needs_deposit_wallet`` what shall change
``/control/audit``         proves that no money is lost: 200, or 500 with what is wrong
========================== ===========================================================
"""

from dataclasses import asdict
from ipaddress import ip_address
from typing import Any

import orjson
from aiohttp import web

from polymm.domain.market import NS
from polymm.errors import InputError, LedgerError
from polymm.exchange.faults import SCENES
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.answers import Handler, Refused, json_response
from polymm.exchange.server.hall import Hall
from polymm.exchange.trading import Mode

PREFIX = "/control"
FLAGS = ("is_banned", "is_closed_only", "needs_deposit_wallet")
SECONDS_MAX = 86_400
LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def control_routes(hall: Hall) -> list[web.RouteDef]:
    """Routes under ``/control``."""
    control = _Control(hall)
    return [
        web.get(PREFIX, guarded(control.state)),
        web.post(f"{PREFIX}/fault", guarded(control.fault)),
        web.post(f"{PREFIX}/clear", guarded(control.clear)),
        web.post(f"{PREFIX}/mode", guarded(control.mode)),
        web.post(f"{PREFIX}/account", guarded(control.account)),
        web.post(f"{PREFIX}/audit", guarded(control.audit)),
    ]


def guarded(handler: Handler) -> Handler:
    """Let only this machine's own programs in."""

    async def check(request: web.Request) -> web.StreamResponse:
        try:
            is_local = ip_address(request.remote or "").is_loopback
        except ValueError:
            is_local = False
        name = request.host.rpartition(":")[0] or request.host
        if not is_local or name not in LOCAL_NAMES or "Origin" in request.headers:
            raise Refused(Refusal("control is for programs of this machine only", status=403))
        return await handler(request)

    return check


class _Control:
    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    async def state(self, _: web.Request) -> web.Response:
        hall = self._hall
        exchange, now_ns = hall.exchange, hall.now_ns()
        return json_response(
            {
                "time_ms": now_ns // 1_000_000,
                "mode": exchange.trading.mode(now_ns),
                "faults": rates_by_name(hall),
                "struck": {fault.value: n for fault, n in hall.faults.struck.items()},
                "switches": {fault.value: asdict(scene) for fault, scene in SCENES.items()},
                "windows": sorted(hall.by_slug),
                "open_orders": len(exchange.dealing.open),
                "wallets": len(exchange.ledger.wallets),
                "slow_sockets": hall.slow_count,
            }
        )

    async def fault(self, request: web.Request) -> web.Response:
        asked = await read_object(request, {"name", "rate", "lasts_ms", "limit", "seed"})
        lasts_ms = asked.get("lasts_ms")
        try:
            self._hall.faults.set(
                text(asked, "name"),
                number(asked, "rate"),
                lasts_ms=None if lasts_ms is None else two_times(lasts_ms),
                limit=whole(asked, "limit"),
                seed=whole(asked, "seed"),
            )
        except InputError as error:
            raise Refused(Refusal(str(error))) from None
        return json_response(rates_by_name(self._hall))

    async def clear(self, request: web.Request) -> web.Response:
        await read_object(request, set())
        self._hall.faults.clear()
        return json_response({})

    async def mode(self, request: web.Request) -> web.Response:
        asked = await read_object(request, {"mode", "seconds"})
        try:
            mode = Mode(text(asked, "mode"))
        except ValueError:
            raise Refused(Refusal(f"mode must be one of {', '.join(Mode)}")) from None
        seconds = asked.get("seconds")
        until_ns = None
        if seconds is not None:
            if not 0 <= number(asked, "seconds") <= SECONDS_MAX:
                raise Refused(Refusal(f"seconds must be within 0..{SECONDS_MAX}, was {seconds}"))
            until_ns = self._hall.now_ns() + int(seconds * NS)
        self._hall.exchange.trading.set(mode, until_ns)
        return json_response({"mode": mode, "seconds": seconds})

    async def account(self, request: web.Request) -> web.Response:
        asked = await read_object(request, {"address", *FLAGS})
        holder = self._hall.accounts.holder(text(asked, "address"))
        if holder is None:
            raise Refused(Refusal("address is of no account: it has no key yet", status=404))
        for name in FLAGS:
            value = asked.get(name, getattr(holder, name))
            if not isinstance(value, bool):
                raise Refused(Refusal(f"{name} must be true or false, was {value!r:.80}"))
            setattr(holder, name, value)
        return json_response({name: getattr(holder, name) for name in FLAGS})

    async def audit(self, request: web.Request) -> web.Response:
        await read_object(request, set())
        try:
            self._hall.exchange.audit()
        except LedgerError as error:
            return json_response({"error": str(error)}, status=500)
        return json_response({"audit": "ok"})


def rates_by_name(hall: Hall) -> dict[str, float]:
    """Switches that are on."""
    return {fault.value: rate for fault, rate in hall.faults.rates.items()}


async def read_object(request: web.Request, known: set[str]) -> dict[str, Any]:
    """Read a JSON object with known keys; an empty body is an empty object."""
    body = await request.read()
    try:
        asked = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        raise Refused(Refusal("body must be JSON")) from None
    if not isinstance(asked, dict):
        raise Refused(Refusal("body must be a JSON object"))
    unknown = sorted(set(asked) - known)
    if unknown:
        raise Refused(Refusal(f"keys must be of {sorted(known)}, were also {unknown}"))
    return asked


def text(asked: dict[str, Any], key: str) -> str:
    """Take a text."""
    value = asked.get(key)
    if not isinstance(value, str):
        raise Refused(Refusal(f"{key} must be text, was {value!r:.80}"))
    return value


def number(asked: dict[str, Any], key: str) -> float:
    """Take a number."""
    value = asked.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(Refusal(f"{key} must be a number, was {value!r:.80}"))
    return value


def whole(asked: dict[str, Any], key: str) -> int | None:
    """Take a whole number that may be left out."""
    value = asked.get(key)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise Refused(Refusal(f"{key} must be a whole number, was {value!r:.80}"))
    return value


def two_times(value: object) -> tuple[int, int]:
    """Take a shortest and a longest time."""
    match value:
        case [int() as low, int() as high]:
            return low, high
    raise Refused(Refusal(f"lasts_ms must be two whole numbers, was {value!r:.80}"))
