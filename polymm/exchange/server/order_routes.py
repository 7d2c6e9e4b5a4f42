"""POST /order and /orders: from a posted body to an order on the exchange (rest notes 3).

The checks stand in the order of the simulator notes, section 1: who sends, whether the exchange
trades, how fast, the body's form, whose order it is and who signed it; the rest is the exchange's.
"""

import asyncio
from typing import Any

from aiohttp import web

from polymm.domain.market import NS
from polymm.exchange import refusals
from polymm.exchange.dealing import Placed
from polymm.exchange.entry import OrderRequest
from polymm.exchange.faults import Fault
from polymm.exchange.flow_wire import decimal_text
from polymm.exchange.refusals import Refusal
from polymm.exchange.server.accounts import Account
from polymm.exchange.server.answers import Refused, json_response
from polymm.exchange.server.auth import authenticate
from polymm.exchange.server.buckets import Tolls, collect
from polymm.exchange.server.hall import Hall
from polymm.exchange.server.order_body import OrderBody, read_batch, read_json, read_order_body
from polymm.exchange.server.rest_faults import hang, hold_reply
from polymm.exchange.server.signatures import verify_order


def order_routes(hall: Hall, tolls: Tolls) -> list[web.RouteDef]:
    """Routes that place orders."""
    entry = _Entry(hall, tolls)
    return [web.post("/order", entry.one), web.post("/orders", entry.many)]


class _Entry:
    def __init__(self, hall: Hall, tolls: Tolls) -> None:
        self._hall = hall
        self._tolls = tolls

    async def one(self, request: web.Request) -> web.StreamResponse:
        account, raw = await authenticate(request)
        self._check_open()
        toll = self._tolls.order(account.address, self._hall.now_ns(), 1)
        return await collect(
            self._hall.now_ns, toll, lambda: self._place_one(request, account, raw)
        )

    async def many(self, request: web.Request) -> web.StreamResponse:
        account, raw = await authenticate(request)
        self._check_open()
        batch = read_batch(read_json(raw))
        toll = self._tolls.order(account.address, self._hall.now_ns(), len(batch))
        return await collect(
            self._hall.now_ns, toll, lambda: self._place_many(request, account, batch)
        )

    def _check_open(self) -> None:
        """Refuse what no order could pass now, before the body is looked at."""
        refusal = self._hall.exchange.trading.order_refusal(self._hall.now_ns(), post_only=True)
        if refusal is not None:
            raise Refused(refusal)

    async def _place_one(
        self, request: web.Request, account: Account, raw: bytes
    ) -> web.StreamResponse:
        hall = self._hall
        body = read_order_body(read_json(raw))
        refusal = hall.exchange.trading.order_refusal(hall.now_ns(), post_only=body.post_only)
        if refusal is not None:
            raise Refused(refusal)
        await self._meet_faults()
        placed = self._place(account, body)
        if isinstance(placed, Refusal):
            raise Refused(placed)
        return await self._answer(request, accepted(placed, is_deferred=body.defer_exec))

    async def _place_many(
        self, request: web.Request, account: Account, batch: list[object]
    ) -> web.StreamResponse:
        bodies = [read_order_body(posted) for posted in batch]
        await self._meet_faults()
        answers = []
        for body in bodies:
            placed = self._place(account, body)
            if isinstance(placed, Refusal):
                answers.append(rejected(placed.text))
            elif self._hall.faults.strikes(Fault.BATCH_LEG_UNNAMED):
                answers.append(rejected(""))
            else:
                answers.append(accepted(placed, is_deferred=body.defer_exec))
        return await self._answer(request, answers)

    async def _meet_faults(self) -> None:
        """Let an order never reach the book, or late."""
        faults = self._hall.faults
        if faults.strikes(Fault.POST_TIMED_OUT):
            raise Refused(refusals.ORDER_TIMED_OUT)
        delay_ns = faults.delay_ns(Fault.POST_LATE)
        if delay_ns:
            await asyncio.sleep(delay_ns / NS)

    def _place(self, account: Account, body: OrderBody) -> Placed | Refusal:
        hall, message = self._hall, body.message
        order_id = verify_order(
            message,
            owner=body.owner,
            account=account,
            listing=hall.exchange.find(message.token_id),
            chain_id=hall.settings.chain_id,
        )
        if isinstance(order_id, Refusal):
            return order_id
        wallet = hall.accounts.wallet(message.maker)
        if wallet is None:
            return refusals.INVALID_SIGNATURE
        request = OrderRequest(
            order_id=order_id,
            wallet=wallet,
            owner=account.key_id,
            token_id=message.token_id,
            side=message.side,
            maker_amount_e6=message.maker_amount_e6,
            taker_amount_e6=message.taker_amount_e6,
            kind=body.kind,
            post_only=body.post_only,
            expiration_s=body.expiration_s,
        )
        placed = hall.exchange.place(hall.now_ns(), request)
        hall.pump.wake()
        return placed

    async def _answer(self, request: web.Request, answer: object) -> web.StreamResponse:
        """Answer for orders that were taken in, unless the answer is lost."""
        faults = self._hall.faults
        await hold_reply(self._hall)
        if faults.strikes(Fault.POST_REPLY_LOST):
            return await hang(request, Fault.POST_REPLY_LOST)
        if faults.strikes(Fault.POST_UNKNOWN):
            raise Refused(refusals.ORDER_UNKNOWN)
        return json_response(answer)


def accepted(placed: Placed, *, is_deferred: bool) -> dict[str, Any]:
    """Write the answer for an order that was taken in; a deferred one is not matched yet."""
    is_told = not (is_deferred and placed.status == "matched")
    return {
        "success": True,
        "errorMsg": "",
        "orderID": placed.order_id,
        "status": placed.status if is_told else "delayed",
        "makingAmount": amount_text(placed.making_e6) if is_told else "",
        "takingAmount": amount_text(placed.taking_e6) if is_told else "",
        "tradeIDs": list(placed.trade_ids) if is_told else [],
        "transactionsHashes": [],
    }


def rejected(reason: str) -> dict[str, Any]:
    """Write the entry of a batch for an order that was not taken in."""
    return {
        "success": True,
        "errorMsg": reason,
        "orderID": "",
        "status": "",
        "makingAmount": "",
        "takingAmount": "",
    }


def amount_text(amount_e6: int) -> str:
    """Write dollars or shares as people do; nothing is ""."""
    return decimal_text(amount_e6, 6) if amount_e6 else ""
