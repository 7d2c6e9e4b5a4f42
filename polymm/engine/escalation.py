"""What follows when an order cannot be cancelled: its market's, all, and then the venue's own end.

The order manager cancels by id and sends again; here stands what comes after that, each step with a
clock and an alarm of its own. That no heartbeat is sent any more `polymm.engine.beating` decides.
"""

from collections.abc import Callable

from polymm.engine.actions import Action, Alarm
from polymm.engine.events import NEVER_NS
from polymm.engine.evidence import CancelAnswered, CancelVerdict, Swept
from polymm.engine.order_life import Order
from polymm.engine.order_manager import OrderManager
from polymm.engine.proving import ReconcileSettings
from polymm.engine.sweeping import Sweeping, may_rest


class Left:
    """What may rest in a market and shall not.

    Attributes:
        since_ns: Since when the first of it shall not.
        seen_ns: When a read last showed any of it.
        kept_ns: When the last cancel went out that was refused of what had been seen to rest after
            a refusal; 0 for none.
    """

    __slots__ = ("kept_ns", "seen_ns", "since_ns")

    def __init__(self) -> None:
        self.since_ns = NEVER_NS
        self.seen_ns = self.kept_ns = 0


class Escalation:
    """Watches the orders whose cancel is wanted and not proven.

    Args:
        orders: The belief about every order.
        settings: Clocks.
        actions: Takes cancels and alarms.
        is_over: Whether the venue takes no orders of a market any more: nothing rests in it.

    Attributes:
        next_timer_ns: When to tick at the latest.
    """

    def __init__(
        self,
        orders: OrderManager,
        settings: ReconcileSettings,
        actions: list[Action],
        is_over: Callable[[str], bool],
    ) -> None:
        self.next_timer_ns = NEVER_NS
        self._orders = orders
        self._settings = settings
        self._actions = actions
        self._is_over = is_over
        self._markets: dict[str, Sweeping] = {}
        self._answered: set[str] = set()
        self._all = self._new("")
        self._is_told = False
        self._next_look_ns = 0

    def _new(self, market: str) -> Sweeping:
        longest_ns = self._settings.sweep_retry_ns_max
        return Sweeping(market, self._orders, self._settings, self._actions, longest_ns=longest_ns)

    def swept(self, now_ns: int, event: Swept) -> None:
        """Take what became of a cancel of all."""
        for sweeping in (self._all, *self._markets.values()):
            sweeping.apply(now_ns, event)

    def answered(self, event: CancelAnswered) -> None:
        """Look at once at what the venue refuses to cancel."""
        if event.verdict is CancelVerdict.NOT_CANCELED:
            self._next_look_ns = 0

    def end(self) -> None:
        """Somebody else cancels everything, for good."""
        self._all.end()
        self._markets.clear()
        self._answered.clear()
        self.next_timer_ns = NEVER_NS

    def tick(self, now_ns: int, *, is_swept: bool, is_proven: bool) -> None:
        """Let time pass; looks no more often than a quarter of its first clock.

        Args:
            is_swept: Whether somebody else cancels everything already.
            is_proven: Whether one of those cancels was answered that nothing could outrun.
        """
        if now_ns < min(self._next_look_ns, self.next_timer_ns):
            return
        self._next_look_ns = now_ns + self._settings.by_market_ns // 4
        left = self._left()
        first_ns = min((one.since_ns for one in left.values()), default=NEVER_NS)
        if is_swept:
            self._markets.clear()
            self._answered.clear()
            self._all.end()
            self.next_timer_ns = self._expire(now_ns, first_ns, is_proven=is_proven)
            return
        next_ns = NEVER_NS
        for market, one in left.items():
            next_ns = min(next_ns, self._raise(now_ns, market, one))
        for market in self._markets.keys() - left.keys():
            del self._markets[market]
        self._answered &= self._markets.keys()
        self.next_timer_ns = min(next_ns, self._raise_all(now_ns, first_ns))

    def _left(self) -> dict[str, Left]:
        """By market what may rest and shall not, but where nothing rests any more."""
        left: dict[str, Left] = {}
        for order in self._orders.potentially_live():
            market, since_ns = order.market, _wanted_ns(order)
            if since_ns == NEVER_NS or self._is_over(market):
                continue
            one = left.get(market)
            if one is None:
                one = left[market] = Left()
            one.since_ns = min(one.since_ns, since_ns)
            one.seen_ns = max(one.seen_ns, order.open_ns)
            if order.is_kept and order.cancels and order.cancels[-1] < order.refused_ns:
                one.kept_ns = max(one.kept_ns, order.cancels[-1])
        return left

    def _raise(self, now_ns: int, market: str, left: Left) -> int:
        """Cancel one market's; answers when to look again."""
        sweeping = self._markets.get(market)
        if sweeping is None:
            due_ns = left.since_ns + self._settings.by_market_ns
            if now_ns < due_ns and not left.kept_ns:
                return due_ns
            sweeping = self._markets[market] = self._new(market)
            sweeping.begin(now_ns)
            self._alarm("cancel_by_market", market, now_ns, left.since_ns)
        elif sweeping.begun_ns < left.kept_ns:
            # At once, as often as a cancel of its own is refused: an order has but five.
            if sweeping.proven_ns >= 0:
                self._answered.add(market)
            sweeping.begin(now_ns)
        elif 0 <= sweeping.proven_ns < left.seen_ns:
            # It was said to help, and something rests: again, which is no reason to cancel all.
            sweeping.again(now_ns)
            self._answered.add(market)
        sweeping.tick(now_ns)
        return sweeping.next_timer_ns

    def _raise_all(self, now_ns: int, since_ns: int) -> int:
        """Cancel everything where a market's cancel does not help; answers when to look again."""
        by_all_ns = self._settings.by_all_ns
        is_helped = all(
            sweeping.proven_ns >= 0 or market in self._answered
            for market, sweeping in self._markets.items()
        )
        if since_ns == NEVER_NS or is_helped:
            self._all.end()
            return self._expire(now_ns, NEVER_NS, is_proven=True)
        if now_ns < since_ns + by_all_ns:
            return since_ns + by_all_ns
        if not self._all.is_on:
            self._all.begin(now_ns)
            self._alarm("cancel_all", "", now_ns, since_ns)
        self._all.tick(now_ns)
        is_proven = self._all.proven_ns >= 0
        expiry_ns = self._expire(now_ns, since_ns, is_proven=is_proven)
        return min(self._all.next_timer_ns, expiry_ns)

    def _expire(self, now_ns: int, since_ns: int, *, is_proven: bool) -> int:
        """Tell once that only the venue can end an order; answers when to look again."""
        if since_ns == NEVER_NS or is_proven:
            self._is_told = False
            return NEVER_NS
        if self._is_told:
            return NEVER_NS
        expiry_ns = since_ns + self._settings.expiry_ns
        if now_ns < expiry_ns:
            return expiry_ns
        self._is_told = True
        self._alarm("awaiting_expiry", "", now_ns, since_ns)
        return NEVER_NS

    def _alarm(self, name: str, market: str, now_ns: int, since_ns: int) -> None:
        text = f"a cancel is wanted for {(now_ns - since_ns) // 1_000_000} ms and not proven"
        self._actions.append(Alarm(name, market, text))


def _wanted_ns(order: Order) -> int:
    """Since when an order that may rest shall not, NEVER_NS where it may."""
    if not order.is_cancel_wanted or not (may_rest(order) or order.is_kept):
        return NEVER_NS
    return order.wanted_ns or order.open_ns
