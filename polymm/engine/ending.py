"""The end of an engine: everything is cancelled until it is proven, then it says what is left.

Two things are the proof: a cancel of all that was sent after the last placement was resolved, and
a complete list, begun after its answer, that shows nothing.
"""

from polymm.engine import evidence as ev
from polymm.engine.actions import Action, Alarm, Finished
from polymm.engine.events import NEVER_NS
from polymm.engine.order_life import Life
from polymm.engine.order_manager import OrderManager
from polymm.engine.proving import ReconcileSettings
from polymm.engine.reads import ReadClock
from polymm.engine.settings import SECOND
from polymm.engine.sweeping import Sweeping, may_rest


class Ending:
    """Ends an engine, once.

    Args:
        orders: The belief about every order.
        settings: Waits.
        lists: The clock of this read.
        actions: Takes cancels, alarms and the last word.

    Attributes:
        code: What `Finished` will say if all is proven; "" while nothing ends.
        is_over: Whether the last word is said.
        next_timer_ns: When to tick at the latest.
    """

    def __init__(
        self,
        orders: OrderManager,
        settings: ReconcileSettings,
        *,
        lists: ReadClock,
        actions: list[Action],
    ) -> None:
        self.code = ""
        self.is_over = False
        self.next_timer_ns = NEVER_NS
        self._reason = ""
        self._orders = orders
        self._settings = settings
        self._lists = lists
        self._actions = actions
        self._last_ns = NEVER_NS
        self._is_empty = False
        self._listed: tuple[str, ...] = ()
        self._sweeping = Sweeping("", orders, settings, actions, longest_ns=settings.retry_ns_min)

    @property
    def is_on(self) -> bool:
        """Whether the engine ends or has ended."""
        return bool(self.code)

    def begin(self, now_ns: int, code: str, reason: str, wait_ns: int) -> None:
        """Cancel all at once; a second reason cancels once more and never ends later."""
        if self.is_over:
            return
        self.code = code
        self._reason = f"{self._reason}; {reason}" if self._reason else reason
        self._last_ns = min(self._last_ns, now_ns + wait_ns)
        self._is_empty = False
        self._lists.wait_ns = min(self._lists.wait_ns, self._settings.hurry_ns)
        self._sweeping.begin(now_ns)
        self._cancel(now_ns)

    def hurry(self, last_ns: int) -> None:
        """Say the last word by then at the latest: who asks for an end does not wait longer."""
        self._last_ns = min(self._last_ns, last_ns)

    def swept(self, now_ns: int, event: ev.Swept) -> None:
        """Take what became of a cancel of all."""
        self._sweeping.apply(now_ns, event)

    def take_list(self, now_ns: int, event: ev.OpenListed) -> None:
        """Take a complete list of all markets."""
        if not self.is_on or self._sweeping.proven_ns < 0:
            return
        if event.began_ns < self._sweeping.proven_ns:
            return
        self._listed = tuple(seen.order for seen in event.orders)
        self._is_empty = not event.orders
        if event.orders:
            self._sweeping.again(now_ns)
            self._cancel(now_ns)

    def advance(self, now_ns: int) -> None:
        """Let time pass and say the last word when everything is proven, or when time is up."""
        self.next_timer_ns = NEVER_NS
        if not self.is_on or self.is_over:
            return
        self._sweeping.tick(now_ns)
        if self._sweeping.proven_ns >= 0:
            again_ns = self._lists.good_ns + self._settings.retry_ns_min
            self._lists.want(max(self._sweeping.proven_ns, again_ns))
        resting = [order for order in self._orders.potentially_live() if may_rest(order)]
        is_stuck = all(order.life is Life.QUARANTINED for order in resting)
        if (self._is_empty and is_stuck) or now_ns >= self._last_ns:
            self._finish(now_ns, [order.order for order in resting])
        else:
            self.next_timer_ns = min(self._sweeping.next_timer_ns, self._last_ns)

    def _finish(self, now_ns: int, resting: list[str]) -> None:
        self.is_over = True
        self._sweeping.end()
        is_proven = self._is_empty and not resting
        left = tuple(dict.fromkeys((*filter(None, resting), *self._listed)))
        if not is_proven:
            over_s = (now_ns - self._last_ns) / SECOND
            text = f"{len(left)} orders may rest, {over_s:+.1f} s to the limit"
            self._actions.append(Alarm("stop_unproven", ",".join(left[:10]), text))
        code = self.code if is_proven else "unproven"
        self._actions.append(Finished(code, left, self._reason))

    def _cancel(self, now_ns: int) -> None:
        for order in list(self._orders.potentially_live()):
            self._orders.want_cancel(now_ns, order.place.order_id)
