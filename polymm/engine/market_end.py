"""The end of one market: pulled before its close, proven empty, and a tombstone afterwards.

The market's own clock says when, not the venue: its data is cached for minutes and its word of the
end may never come (FAILURES 50, 51).
"""

from polymm.domain.market import Market
from polymm.engine import evidence as ev
from polymm.engine.actions import Action, Alarm
from polymm.engine.events import NEVER_NS
from polymm.engine.order_life import Life
from polymm.engine.order_manager import OrderManager
from polymm.engine.proving import ReconcileSettings
from polymm.engine.reads import Reads
from polymm.engine.sweeping import Sweeping


class MarketEnds:
    """The ends of all markets that are taken in.

    Args:
        orders: The belief about every order.
        settings: Waits.
        reads: Of the whole account.
        actions: Takes cancels and alarms.
    """

    __slots__ = ("_actions", "_ends", "_orders", "_reads", "_settings")

    def __init__(
        self,
        orders: OrderManager,
        settings: ReconcileSettings,
        reads: Reads,
        actions: list[Action],
    ) -> None:
        self._orders = orders
        self._settings = settings
        self._reads = reads
        self._actions = actions
        self._ends: dict[str, MarketEnd] = {}

    def add(self, market: Market, close_margin_ns: int) -> None:
        """Take a market in."""
        self._ends[market.condition_id] = MarketEnd(
            market.condition_id,
            market.end_ns - close_margin_ns,
            market.end_ns,
            self._orders,
            self._settings,
            reads=self._reads,
            actions=self._actions,
        )

    def remove(self, market: str) -> None:
        """Forget a market that is settled."""
        self._ends.pop(market, None)

    def is_open(self, market: str) -> bool:
        """Whether a market is known and its close has not come."""
        end = self._ends.get(market)
        return end is not None and not end.is_closing

    def is_closing(self, market: str) -> bool:
        """Whether a market's close has come: nothing of ours may rest in it any more."""
        end = self._ends.get(market)
        return end is not None and end.is_closing

    def is_clean(self, market: str) -> bool:
        """Whether it is proven that nothing of ours rests in a closing market."""
        end = self._ends.get(market)
        return end is not None and end.is_verified

    def is_over(self, market: str) -> bool:
        """Whether the venue said that it takes no orders of a market any more."""
        end = self._ends.get(market)
        return end is not None and end.is_closed

    def markets(self, *, are_open: bool) -> list[str]:
        """List those that are not settled, or only those whose close has not come."""
        return [end.market for end in self._ends.values() if not (are_open and end.is_closing)]

    @property
    def is_calm(self) -> bool:
        """Whether no market is being emptied just now."""
        return all(not end.is_closing or end.is_verified for end in self._ends.values())

    @property
    def next_timer_ns(self) -> int:
        """When to tick at the latest."""
        return min((end.next_timer_ns for end in self._ends.values()), default=NEVER_NS)

    def tick(self, now_ns: int) -> None:
        """Let time pass."""
        for end in self._ends.values():
            end.tick(now_ns)

    def close(self, now_ns: int, market: str) -> None:
        """Take the venue's word that a market takes no orders any more."""
        end = self._ends.get(market)
        if end is not None:
            end.close(now_ns)

    def swept(self, now_ns: int, event: ev.Swept) -> None:
        """Take what became of a cancel of all."""
        for end in self._ends.values():
            end.swept(now_ns, event)

    def take_list(self, now_ns: int, event: ev.OpenListed) -> None:
        """Take a complete list of open orders."""
        for end in self._ends.values():
            end.take_list(now_ns, event)


class MarketEnd:
    """One market's way to its end.

    Args:
        market: Condition id.
        close_ns: From when on nothing of ours may rest in it.
        end_ns: When the venue ends it.
        orders: The belief about every order.
        settings: Waits.
        reads: Of the whole account.
        actions: Takes cancels and alarms.

    Attributes:
        is_closing: Whether its close has come.
        is_closed: Whether the venue said that it takes no orders any more.
        is_verified: Whether nothing of ours rests in it, nor will: proven, or since it is closed.
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
        reads: Reads,
        actions: list[Action],
    ) -> None:
        self.market = market
        self.is_closing = self.is_closed = self.is_verified = False
        self.next_timer_ns = close_ns
        self._close_ns = close_ns
        self._end_ns = end_ns
        self._orders = orders
        self._settings = settings
        self._lists = reads.lists
        self._trades = reads.trades
        self._actions = actions
        self._is_alarmed = False
        self._sweeping = Sweeping(
            market, orders, settings, actions, longest_ns=settings.retry_ns_min
        )

    def close(self, now_ns: int) -> None:
        """Take the venue's word that it takes no orders any more: what rested is gone."""
        self.is_closing = self.is_closed = self.is_verified = True
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
