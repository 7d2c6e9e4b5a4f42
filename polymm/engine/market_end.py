"""The end of one market: pulled before its close, proven empty, and a tombstone afterwards.

The market's own clock says when, not the venue: its data is cached for minutes and its word of the
end may never come (FAILURES 50, 51).
"""

from polymm.engine import evidence as ev
from polymm.engine.actions import Action, Alarm
from polymm.engine.events import NEVER_NS
from polymm.engine.order_life import Life
from polymm.engine.order_manager import OrderManager
from polymm.engine.proving import ReconcileSettings
from polymm.engine.reads import ReadClock
from polymm.engine.sweeping import Sweeping


class MarketEnd:
    """One market's way to its end.

    Args:
        market: Condition id.
        close_ns: From when on nothing of ours may rest in it.
        end_ns: When the venue ends it.
        orders: The belief about every order.
        settings: Waits.
        lists, trades: The clocks of these reads.
        actions: Takes cancels and alarms.

    Attributes:
        is_closing: Whether its close has come.
        is_closed: Whether the venue said that it takes no orders any more.
        is_verified: Whether it is proven that nothing of ours rests in it, nor will.
        next_timer_ns: When to tick at the latest.
    """

    __slots__ = (
        "_actions",
        "_close_ns",
        "_end_ns",
        "_is_alarmed",
        "_lists",
        "_orders",
        "_settings",
        "_sweeping",
        "_trades",
        "is_closed",
        "is_closing",
        "is_verified",
        "market",
        "next_timer_ns",
    )

    def __init__(
        self,
        market: str,
        close_ns: int,
        end_ns: int,
        orders: OrderManager,
        settings: ReconcileSettings,
        *,
        lists: ReadClock,
        trades: ReadClock,
        actions: list[Action],
    ) -> None:
        self.market = market
        self.is_closing = self.is_closed = self.is_verified = False
        self.next_timer_ns = close_ns
        self._close_ns = close_ns
        self._end_ns = end_ns
        self._orders = orders
        self._settings = settings
        self._lists = lists
        self._trades = trades
        self._actions = actions
        self._is_alarmed = False
        self._sweeping = Sweeping(
            market, orders, settings, actions, longest_ns=settings.retry_ns_min
        )

    def close(self, now_ns: int) -> None:
        """Take the venue's word that it takes no orders any more: what rested is gone."""
        self.is_closing = self.is_closed = True
        self._sweeping.end()
        self.tick(now_ns)

    def swept(self, now_ns: int, event: ev.Swept) -> None:
        """Take what became of a cancel of all."""
        self._sweeping.apply(now_ns, event)

    def take_list(self, now_ns: int, event: ev.OpenListed) -> None:
        """Take a complete list of open orders."""
        if event.market not in ("", self.market) or not self._sweeping.is_on:
            return
        if self._sweeping.proven_ns < 0 or event.began_ns < self._sweeping.proven_ns:
            return
        if any(seen.market == self.market for seen in event.orders):
            self._sweeping.again(now_ns)
            self._cancel(now_ns)
        else:
            self.is_verified = True
            self._sweeping.end()

    def tick(self, now_ns: int) -> None:
        """Let time pass."""
        if self.is_closed:
            self._await_trades(now_ns)
            return
        if not self.is_closing and now_ns >= self._close_ns:
            self._begin(now_ns)
        if not self.is_closing or self.is_verified:
            self.next_timer_ns = NEVER_NS if self.is_closing else self._close_ns
            return
        self._sweeping.tick(now_ns)
        self.next_timer_ns = self._sweeping.next_timer_ns
        if self._sweeping.proven_ns >= 0:
            self._lists.want(self._sweeping.proven_ns)
        if not self._is_alarmed:
            if now_ns >= self._end_ns:
                self._is_alarmed = True
                self._actions.append(Alarm("close_unverified", self.market, self._left()))
            else:
                self.next_timer_ns = min(self.next_timer_ns, self._end_ns)

    def _begin(self, now_ns: int) -> None:
        self.is_closing = True
        if not any(True for _ in self._orders.potentially_live(self.market)):
            self.is_verified = True
            return
        self._cancel(now_ns)
        self._sweeping.begin(now_ns)

    def _await_trades(self, now_ns: int) -> None:
        """A closed market's orders end by its complete trades; these are read until they have."""
        self.next_timer_ns = NEVER_NS
        lives = [order.life for order in self._orders.potentially_live(self.market)]
        if any(life is not Life.QUARANTINED for life in lives):
            self.next_timer_ns = now_ns + self._settings.apart_ns
            self._trades.want(self.next_timer_ns)

    def _cancel(self, now_ns: int) -> None:
        for order in list(self._orders.potentially_live(self.market)):
            self._orders.want_cancel(now_ns, order.place.order_id)

    def _left(self) -> str:
        count = sum(1 for _ in self._orders.potentially_live(self.market))
        return f"{count} orders may rest, {self._sweeping.failures} cancels of all had no effect"
