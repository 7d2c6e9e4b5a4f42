"""What is sent about an order that is not resolved: cancels, again and again, and reads.

Sending changes no belief. It has clocks of its own, and nothing it does proves anything: a cancel
that is wanted goes out as soon as the venue can know the order, and is repeated while its answers
say nothing; an unresolved order is asked about until it is resolved, never final by a clock.
"""

from typing import Final

from polymm.engine.actions import Action, CancelOrders, ReadOpen, ReadOrder, ReadTrades
from polymm.engine.events import NEVER_NS
from polymm.engine.order_life import Life, Order
from polymm.engine.order_settings import OrderSettings

# As many as one CancelOrders may name.
CANCELS_A_REQUEST: Final = 100
# What an order is asked about for: owed fills only, whether it rests, both, or that no fill is
# missing of one that does not rest.
_NOTHING, _TRADES, _ALL, _ALL_OWED, _PROOF = range(5)
_NEW, _LIVE, _CANCEL, _CLOSING, _QUARANTINED = (
    Life.NEW_INFLIGHT,
    Life.LIVE,
    Life.CANCEL_INFLIGHT,
    Life.CLOSING,
    Life.QUARANTINED,
)
_FILLED: Final = Life.FILLED
_PLANNED: Final = Life.PLANNED


class Pursuit:
    """Asks for what unresolved orders need.

    Args:
        settings: Its clocks.
        actions: Where what is asked for is put; what belongs together is joined.
    """

    __slots__ = ("_actions", "_settings")

    def __init__(self, settings: OrderSettings, actions: list[Action]) -> None:
        self._settings = settings
        self._actions = actions

    def pursue(self, now_ns: int, order: Order) -> int:
        """Ask for what is due about an order; when to look at it again."""
        life = order.life
        if life is _LIVE and not order.debt_e6 and not (order.reads.lists and order.is_missing):
            order.check_kind = _NOTHING
            return NEVER_NS
        if life is _NEW:
            return order.overdue_ns
        if life is _PLANNED or life >= _FILLED:
            return NEVER_NS
        wake_ns = self._check(now_ns, order)
        if order.is_cancel_wanted:
            wake_ns = min(wake_ns, self._cancel(now_ns, order))
        stuck_ns = order.unresolved_ns + self._settings.quarantine_ns
        return min(wake_ns, stuck_ns) if stuck_ns > now_ns else wake_ns

    def withdraw(self, order: Order) -> None:
        """Ask for no cancel of an order that has ended since it was asked for."""
        actions = self._actions
        for i, action in enumerate(actions):
            if isinstance(action, CancelOrders) and order.order in action.orders:
                order.asks -= 1
                left = tuple(name for name in action.orders if name != order.order)
                actions[i : i + 1] = (CancelOrders(left),) if left else ()
                return

    def _cancel(self, now_ns: int, order: Order) -> int:
        """Cancel an order if that is due and may help; when to look again."""
        settings = self._settings
        if order.life is _CLOSING or order.closing_ns < NEVER_NS:
            return NEVER_NS
        flight_ends_ns = order.flight_ends_ns
        wake_ns = flight_ends_ns if flight_ends_ns > now_ns else NEVER_NS
        # "Not canceled" is for good, unless the order was seen open afterwards.
        if order.refused_ns > order.open_ns or len(order.cancels) >= settings.cancels_max:
            return wake_ns
        due_ns = now_ns
        if order.asks:
            failed_ns = max(order.cancel_failed_ns, order.refused_ns)
            if failed_ns < order.asked_ns:
                failed_ns = order.asked_ns + settings.cancel_answer_ns
            resend = min(order.asks, len(settings.resends_ns)) - 1
            due_ns = max(failed_ns + settings.resends_ns[resend], order.retry_ns)
        if due_ns > now_ns:
            return min(wake_ns, due_ns)
        order.asks += 1
        order.asked_ns = now_ns
        self._ask_cancel(order.order)
        return min(wake_ns, now_ns + settings.cancel_answer_ns)

    def _check(self, now_ns: int, order: Order) -> int:
        """Read what an order's state needs if that is due; when to look again."""
        kind = _check_kind(order)
        if kind is _NOTHING:
            order.check_kind = _NOTHING
            return NEVER_NS
        settings = self._settings
        if kind != order.check_kind:
            order.check_kind, order.checks = kind, 0
            order.base_ns = now_ns + settings.debt_wait_ns if kind is _TRADES else now_ns
            if kind is _PROOF:
                order.base_ns = max(now_ns, order.trades_due_ns)
        elif order.last_write_ns > order.base_ns:
            order.base_ns, order.checks = order.last_write_ns, 0
        due_ns = self._check_ns(order)
        if due_ns > now_ns:
            return due_ns
        while due_ns <= now_ns:
            order.checks += 1
            due_ns = self._check_ns(order)
        self._ask_trades(order.market, order.planned_ns - settings.overlap_ns)
        if kind is _ALL or kind is _ALL_OWED:
            self._ask(ReadOrder(order.order))
            if now_ns > order.last_write_ns + settings.late_ns:
                self._ask(ReadOpen(order.market))
        return due_ns

    def _check_ns(self, order: Order) -> int:
        """When an order's next check is due.

        Those after which nothing is on its way any more count from the last write about it. While
        fills are owed the wait does not grow: a trade may be listed late.
        """
        settings, number, kind = self._settings, order.checks, order.check_kind
        last = len(settings.checks_ns) - 1
        wait_ns = settings.checks_ns[min(number, last)]
        if number > last:
            wait_ns += (number - last) * settings.check_period_ns
        if kind is _TRADES or kind is _ALL_OWED:
            wait_ns = min(wait_ns, number * settings.debt_period_ns)
        is_late = wait_ns > settings.late_ns and (kind is _ALL or kind is _ALL_OWED)
        return wait_ns + (order.last_write_ns if is_late else order.base_ns)

    def _ask(self, action: ReadOrder | ReadOpen) -> None:
        if action not in self._actions:
            self._actions.append(action)

    def _ask_trades(self, market: str, after_ns: int) -> None:
        """Read trades of a market once a step, as far back as any order of it needs."""
        actions = self._actions
        for i, action in enumerate(actions):
            if isinstance(action, ReadTrades) and action.market == market:
                actions[i] = ReadTrades(market, min(action.after_ns, after_ns))
                return
        actions.append(ReadTrades(market, after_ns))

    def _ask_cancel(self, order: str) -> None:
        """Cancel with all others of this step."""
        actions = self._actions
        for i, action in enumerate(actions):
            if isinstance(action, CancelOrders) and len(action.orders) < CANCELS_A_REQUEST:
                actions[i] = CancelOrders((*action.orders, order))
                return
        actions.append(CancelOrders((order,)))


def _check_kind(order: Order) -> int:
    """What has to be read to resolve an order."""
    life = order.life
    if (life is _CLOSING or life is _QUARANTINED) and not order.debt_e6 and order.trades_due_ns:
        return _PROOF
    if life is _CLOSING and not order.refused_old_ns:
        return _TRADES
    if (life is _LIVE or life is _CANCEL) and not order.is_missing:
        return _TRADES if order.debt_e6 else _NOTHING
    return _ALL_OWED if order.debt_e6 else _ALL
