"""Cancels: of orders, of a market, of everything; told apart by what each answer proves."""

from collections.abc import Callable, Sequence
from functools import partial

import orjson

from polymm.net.http_outcome import OnOutcome, Outcome, Reply
from polymm.venues.polymarket import replies, wire
from polymm.venues.polymarket.budget import Budget
from polymm.venues.polymarket.replies import stamps
from polymm.venues.polymarket.results import CancelResult, CancelState, SweepResult
from polymm.venues.polymarket.service import Service, later
from polymm.venues.polymarket.signed_requests import SignedRequests

OnCancelled = Callable[[CancelResult], None]
OnSwept = Callable[[SweepResult], None]


class Cancels:
    """Cancels orders of one API key.

    Args:
        service: Connections that serve nothing else.
        requests: Signs requests.
        budget: Tokens that cancels cost.
        wait_ns: From writing, or waiting for a connection, to the whole answer.
        clock_ns: Of stamps.
    """

    def __init__(
        self,
        service: Service,
        requests: SignedRequests,
        budget: Budget,
        *,
        wait_ns: int,
        clock_ns: Callable[[], int],
    ) -> None:
        self._service = service
        self._requests = requests
        self._budget = budget
        self._wait_ns = wait_ns
        self._clock_ns = clock_ns

    def cancel(self, order_ids: Sequence[str], on_result: OnCancelled) -> None:
        """Cancel orders: one by one request, more by as few as the venue and its buckets allow.

        Args:
            on_result: Called once an id, never before this returns.
        """
        decided_ns = self._clock_ns()
        most = min(wire.CANCELS_MAX, self._budget.tier.cancel_burst)
        for i in range(0, len(order_ids), most):
            self._cancel(tuple(order_ids[i : i + most]), decided_ns, on_result)

    def cancel_market(self, condition_id: str, on_result: OnSwept, token_id: str = "") -> None:
        """Cancel all orders of a market, or of one of its tokens.

        Args:
            on_result: Called once, never before this returns.
        """
        scope = {"market": condition_id} | ({"asset_id": token_id} if token_id else {})
        self._sweep(wire.CANCEL_MARKET_PATH, orjson.dumps(scope), on_result)

    def cancel_all(self, on_result: OnSwept) -> None:
        """Cancel all orders of this API key.

        Args:
            on_result: Called once, never before this returns.
        """
        self._sweep(wire.CANCEL_ALL_PATH, None, on_result)

    def _cancel(self, ids: tuple[str, ...], decided_ns: int, on_result: OnCancelled) -> None:
        wait_ns = self._budget.take_cancels(len(ids), decided_ns)
        if wait_ns:
            later(_cancels_over_budget, ids, decided_ns, wait_ns, on_result)
            return
        if len(ids) == 1:
            path, body = wire.ORDER_PATH, orjson.dumps({"orderID": ids[0]})
        else:
            path, body = wire.ORDERS_PATH, orjson.dumps(ids)
        request = self._requests.make_now("DELETE", path, body)
        on_outcome = partial(self._cancelled, ids, decided_ns, self._clock_ns(), on_result)
        self._send_cancel(request, on_outcome)

    def _cancelled(
        self,
        ids: tuple[str, ...],
        decided_ns: int,
        signed_ns: int,
        on_result: OnCancelled,
        outcome: Outcome,
    ) -> None:
        results = replies.read_cancel(outcome, ids, stamps(outcome, decided_ns, signed_ns))
        self._cancel_answered(outcome, results[0].retry_after_ns)
        for result in results:
            on_result(result)

    def _sweep(self, path: str, body: bytes | None, on_result: OnSwept) -> None:
        decided_ns = self._clock_ns()
        wait_ns = self._budget.take_cancels(1, decided_ns)
        if wait_ns:
            refused = SweepResult(
                state=CancelState.NOT_SENT,
                not_canceled={},
                reason="cancel_budget",
                retry_after_ns=wait_ns,
            )
            later(on_result, refused)
            return
        request = self._requests.make_now("DELETE", path, body)
        self._send_cancel(request, partial(self._swept, decided_ns, on_result))

    def _swept(self, decided_ns: int, on_result: OnSwept, outcome: Outcome) -> None:
        result = replies.read_sweep(outcome, stamps(outcome, decided_ns, decided_ns))
        self._budget.swept(len(result.canceled), self._clock_ns())
        self._cancel_answered(outcome, result.retry_after_ns)
        on_result(result)

    def _cancel_answered(self, outcome: Outcome, retry_after_ns: int) -> None:
        if isinstance(outcome, Reply):
            self._budget.cancels_answered(outcome, outcome.answered_ns)
            if outcome.status == 429:
                self._budget.block_cancels(retry_after_ns, outcome.answered_ns)

    def _send_cancel(self, request: bytes, on_outcome: OnOutcome) -> None:
        refused = self._service.send(request, wait_ns=self._wait_ns, on_outcome=on_outcome)
        if refused is not None:
            later(on_outcome, refused)


def _cancels_over_budget(
    ids: tuple[str, ...], decided_ns: int, wait_ns: int, on_result: OnCancelled
) -> None:
    for order_id in ids:
        on_result(
            CancelResult(
                order_id=order_id,
                state=CancelState.NOT_SENT,
                reason="cancel_budget",
                retry_after_ns=wait_ns,
                decided_ns=decided_ns,
            )
        )
