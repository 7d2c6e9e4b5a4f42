"""DELETE /order, /orders, /cancel-all and /cancel-market-orders (rest notes 3).

All answer 200 with what was cancelled and why the rest was not, also when nothing was.
"""

from collections.abc import Callable, Sequence

from aiohttp import web

from polymm.exchange import refusals
from polymm.exchange.exchange import CancelAnswer
from polymm.exchange.faults import Fault
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.accounts import Account
from polymm.exchange.server.answers import Refused, json_response
from polymm.exchange.server.auth import authenticate
from polymm.exchange.server.buckets import Toll, Tolls, collect
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.order_body import (
    read_cancel,
    read_cancels,
    read_json,
    read_market_cancel,
)
from polymm.exchange.server.queries import find_condition
from polymm.exchange.server.rest_faults import hang


def cancel_routes(hall: Hall, tolls: Tolls) -> list[web.RouteDef]:
    """Routes that cancel orders."""
    cancels = _Cancels(hall, tolls)
    return [
        web.delete("/order", cancels.one),
        web.delete("/orders", cancels.many),
        web.delete("/cancel-all", cancels.everything),
        web.delete("/cancel-market-orders", cancels.market),
    ]


class _Cancels:
    def __init__(self, hall: Hall, tolls: Tolls) -> None:
        self._hall = hall
        self._tolls = tolls

    async def one(self, request: web.Request) -> web.StreamResponse:
        account, raw = await self._admit(request)
        toll = self._toll(account, 1)
        return await self._collect(
            request, toll, lambda: self._cancel(account, [read_cancel(read_json(raw))])
        )

    async def many(self, request: web.Request) -> web.StreamResponse:
        account, raw = await self._admit(request)
        order_ids = read_cancels(read_json(raw))
        toll = self._toll(account, len(order_ids))
        return await self._collect(request, toll, lambda: self._cancel(account, order_ids))

    async def everything(self, request: web.Request) -> web.StreamResponse:
        account, _ = await self._admit(request)
        toll = self._toll(account, 1)
        return await self._collect(request, toll, lambda: self._cancel_where(account, toll, "", ""))

    async def market(self, request: web.Request) -> web.StreamResponse:
        account, raw = await self._admit(request)
        toll = self._toll(account, 1)

        def cancel() -> CancelAnswer:
            condition_id, token_id = read_market_cancel(read_json(raw))
            if condition_id:
                listing = find_condition(self._hall.exchange, condition_id)
                if listing is None:
                    return CancelAnswer()
                condition_id = listing.condition_id
            return self._cancel_where(account, toll, condition_id, token_id)

        return await self._collect(request, toll, cancel)

    async def _admit(self, request: web.Request) -> tuple[Account, bytes]:
        admitted = await authenticate(request)
        refusal = self._hall.exchange.trading.cancel_refusal(self._hall.now_ns())
        if refusal is not None:
            raise Refused(refusal)
        return admitted

    def _toll(self, account: Account, cost: int) -> Toll:
        return self._tolls.cancel(account.address, self._hall.now_ns(), cost)

    async def _collect(
        self, request: web.Request, toll: Toll, cancel: Callable[[], CancelAnswer]
    ) -> web.StreamResponse:
        """Cancel if the toll is paid, and answer unless the answer is lost."""
        faults = self._hall.faults

        async def act() -> web.StreamResponse:
            if faults.strikes(Fault.CANCEL_FAILED):
                raise Refused(refusals.CANCEL_FAILED)
            answer = cancel()
            if faults.strikes(Fault.CANCEL_REPLY_LOST):
                return await hang(request, Fault.CANCEL_REPLY_LOST)
            return json_response({"canceled": answer.canceled, "not_canceled": answer.not_canceled})

        return await collect(self._hall.now_ns, toll, act)

    def _cancel(self, account: Account, order_ids: Sequence[str]) -> CancelAnswer:
        hall = self._hall
        missed = {
            order_id: refusals.CANCEL_NOT_FOUND
            for order_id in order_ids
            if order_id in hall.exchange.dealing.open and hall.faults.strikes(Fault.CANCEL_UNKNOWN)
        }
        rest = [order_id for order_id in order_ids if order_id not in missed]
        answer = hall.exchange.cancel(hall.now_ns(), account.key_id, rest)
        hall.pump.wake()
        if isinstance(answer, Refusal):
            raise Refused(answer)
        answer.not_canceled.update(missed)
        return answer

    def _cancel_where(
        self, account: Account, toll: Toll, condition_id: str, token_id: str
    ) -> CancelAnswer:
        """Cancel what fits; what it costs is known only then."""
        found = self._hall.exchange.open_orders(
            account.key_id, condition_id=condition_id, token_id=token_id
        )
        answer = self._cancel(account, [order.order_id for order, _ in found])
        toll.debit(len(answer.canceled))
        return answer
