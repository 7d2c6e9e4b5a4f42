"""Cancelling all orders of a scope, again and again until no order can have been missed.

A cancel of all says nothing about an order whose placement is still on its way: it lands afterwards
(FAILURES 16). So only one that was sent after every placement was resolved counts.
"""

from typing import Final

from polymm.engine.actions import Action, Sweep
from polymm.engine.events import NEVER_NS
from polymm.engine.evidence import CancelVerdict, Swept
from polymm.engine.order_life import Life, Order
from polymm.engine.order_manager import OrderManager
from polymm.engine.proving import Backoff, ReconcileSettings

_ON_THE_WAY: Final = frozenset({Life.PLANNED, Life.NEW_INFLIGHT, Life.UNKNOWN_NEW})
_UNKNOWN: Final = frozenset({Life.UNKNOWN_CANCEL, Life.CANCEL_INFLIGHT, Life.QUARANTINED})
_MAY_REST: Final = frozenset(
    {*_ON_THE_WAY, Life.LIVE, Life.CANCEL_INFLIGHT, Life.UNKNOWN_CANCEL, Life.QUARANTINED}
)


def may_rest(order: Order) -> bool:
    """Whether an order may be in the book, as against one that only may have been filled."""
    return order.life in _MAY_REST


def may_land(order: Order) -> bool:
    """Whether a placement may still be on its way; of one of an earlier run nobody knows."""
    if order.life in _ON_THE_WAY:
        return True
    return order.life in _UNKNOWN and not order.open_ns


class Sweeping:
    """One scope's cancels of all.

    Args:
        market: "" for the whole account.
        orders: The belief about every order.
        settings: Waits.
        longest_ns: The longest wait between two.
        actions: Takes the cancels.

    Attributes:
        market: As given.
        is_on: Whether it was begun and not ended.
        begun_ns: When it was last begun.
        proven_ns: When the answer came of one that nothing could outrun; -1 while there is none.
        failures: Of requests, in a row.
        has_answer: Whether one was answered or lost since the begin.
        next_timer_ns: When to tick at the latest.
    """

    __slots__ = (
        "_actions",
        "_backoff",
        "_due_ns",
        "_floor_ns",
        "_orders",
        "_out_ns",
        "_settings",
        "_was_waiting",
        "begun_ns",
        "has_answer",
        "is_on",
        "market",
        "next_timer_ns",
        "proven_ns",
    )

    def __init__(
        self,
        market: str,
        orders: OrderManager,
        settings: ReconcileSettings,
        actions: list[Action],
        *,
        longest_ns: int,
    ) -> None:
        self.market = market
        self.is_on = self.has_answer = False
        self.begun_ns = self.proven_ns = -1
        self.next_timer_ns = NEVER_NS
        self._orders = orders
        self._settings = settings
        self._actions = actions
        self._backoff = Backoff(settings.retry_ns_min, longest_ns)
        self._due_ns = NEVER_NS
        self._out_ns = -1
        self._floor_ns = 0  # one that was sent before proves nothing
        self._was_waiting = False

    @property
    def failures(self) -> int:
        """Of requests, in a row."""
        return self._backoff.failures

    def begin(self, now_ns: int) -> None:
        """Cancel at once, whatever was proven before."""
        self.is_on = True
        self.has_answer = False
        self.proven_ns = -1
        self.begun_ns = self._floor_ns = now_ns
        self._was_waiting = False
        self._backoff.succeed()
        self._send(now_ns)

    def again(self, now_ns: int) -> None:
        """Something rests: what was proven is not, and the next cancel comes after a wait."""
        if not self.is_on:
            self.begin(now_ns)
        elif self.proven_ns >= 0:
            self.proven_ns = -1
            self._floor_ns = now_ns
            self._due_ns = self._backoff.fail(now_ns)
            self._set_timer()

    def end(self) -> None:
        """Cancel no more."""
        self.is_on = False
        self._due_ns = NEVER_NS
        self._out_ns = -1
        self.next_timer_ns = NEVER_NS

    def apply(self, now_ns: int, event: Swept) -> None:
        """Take an answer, whoever asked."""
        if not self.is_on or event.market != self.market or self.proven_ns >= 0:
            return
        self.has_answer = True
        is_mine = self._out_ns >= 0 and event.recv_ns >= self._out_ns
        if event.verdict is CancelVerdict.CANCELED:
            self._out_ns = -1
            if event.sent_ns >= self._floor_ns and not self._is_waiting(now_ns):
                self.proven_ns = event.recv_ns
                self._due_ns = NEVER_NS
            else:
                self._due_ns = self._backoff.fail(now_ns)
        elif is_mine:
            self._out_ns = -1
            self._due_ns = self._backoff.fail(now_ns, event.retry_after_ns)
        self._set_timer()

    def tick(self, now_ns: int) -> None:
        """Send what is due; once the last placement is resolved that is now."""
        if not self.is_on or self.proven_ns >= 0:
            return
        if self._out_ns >= 0 and now_ns - self._out_ns >= self._settings.sweep_wait_ns:
            self._out_ns = -1
            self.has_answer = True
            self._due_ns = self._backoff.fail(now_ns)
        is_waiting = self._is_waiting(now_ns)
        if self._was_waiting and not is_waiting:
            self._floor_ns = self._due_ns = now_ns
            self._out_ns = -1
        self._was_waiting = is_waiting
        if self._out_ns < 0 and now_ns >= self._due_ns:
            self._send(now_ns)
        self._set_timer()

    def _is_waiting(self, now_ns: int) -> bool:
        """Whether a placement may still be on its way."""
        young_ns = now_ns - self._settings.late_ns
        waiting = any(
            may_land(order) and order.planned_ns > young_ns
            for order in self._orders.potentially_live(self.market)
        )
        if waiting:
            self._was_waiting = True
        return waiting

    def _send(self, now_ns: int) -> None:
        self._out_ns = now_ns
        self._due_ns = NEVER_NS
        self._actions.append(Sweep(self.market))
        self._set_timer()

    def _set_timer(self) -> None:
        if not self.is_on or self.proven_ns >= 0:
            self.next_timer_ns = NEVER_NS
        elif self._out_ns >= 0:
            self.next_timer_ns = self._out_ns + self._settings.sweep_wait_ns
        else:
            self.next_timer_ns = self._due_ns
