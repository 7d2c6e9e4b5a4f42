"""The dead man's switch: who began to send beats and stops loses all open orders (rest notes 4).

Each beat is answered with the id that the next one must carry. What ends an account's orders also
ends its registration; the next beat begins a new one.
"""

from dataclasses import dataclass
from random import Random
from uuid import UUID

from aiohttp import web

from polymm.domain.market import NS
from polymm.exchange import refusals
from polymm.exchange.faults import Fault
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.answers import Refused, json_response
from polymm.exchange.server.auth import authenticate
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.order_body import read_json

WRONG_ID = "Invalid Heartbeat ID"


def heartbeat_routes(hall: Hall) -> list[web.RouteDef]:
    """Routes that keep orders alive."""
    heartbeats = Heartbeats(hall)
    return [
        web.post("/v1/heartbeats", heartbeats.beat),
        web.post("/heartbeats", heartbeats.plain_beat),
    ]


@dataclass(slots=True)
class _Pulse:
    """One account's registration: the id of its next beat, and when that is overdue."""

    next_id: str
    until_ns: int


class Heartbeats:
    """Who sends beats, and what becomes of those who stop.

    Args:
        hall: Settings, clock and orders.
    """

    def __init__(self, hall: Hall) -> None:
        self._hall = hall
        self._rng = Random(f"heartbeats {hall.settings.seed}")
        self._pulses: dict[str, _Pulse] = {}

    async def beat(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/heartbeats."""
        account, raw = await authenticate(request)
        hall = self._hall
        if hall.faults.strikes(Fault.HEARTBEAT_REFUSED):
            raise Refused(refusals.UNAUTHORIZED)
        match read_json(raw):
            # The first clients sent null where a text is empty today.
            case {"heartbeat_id": str() | None as sent}:
                pass
            case _:
                raise Refused(refusals.INVALID_PAYLOAD)
        pulse = self._pulses.get(account.key_id)
        expected = "" if pulse is None else pulse.next_id
        if (sent or "") != expected:
            return json_response({"error_msg": WRONG_ID, "heartbeat_id": expected}, status=400)
        if not self._pulses:
            self._look_later(hall.now_ns())
        next_id = str(UUID(int=self._rng.getrandbits(128), version=4))
        until_ns = hall.now_ns() + hall.settings.heartbeat_s_max * NS
        self._pulses[account.key_id] = _Pulse(next_id, until_ns)
        return json_response({"heartbeat_id": next_id})

    async def plain_beat(self, request: web.Request) -> web.StreamResponse:
        """POST /heartbeats, which is documented without a timing: it keeps nothing alive."""
        await authenticate(request)
        return json_response({"status": "ok"})

    def _look_later(self, now_ns: int) -> None:
        hall = self._hall
        hall.exchange.timers.at(now_ns + hall.settings.heartbeat_check_s * NS, self._look)
        hall.pump.wake()

    def _look(self, now_ns: int) -> None:
        """Cancel what belongs to accounts that are overdue; look again while there are others."""
        late = [key for key, pulse in self._pulses.items() if now_ns >= pulse.until_ns]
        for key_id in late:
            answer = self._hall.exchange.cancel_where(now_ns, key_id)
            # While something cannot be cancelled, such as an order in the taker delay, the account
            # stays overdue.
            if not isinstance(answer, Refusal) and not answer.not_canceled:
                del self._pulses[key_id]
        if self._pulses:
            self._look_later(now_ns)
