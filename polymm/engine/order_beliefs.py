"""The belief about every order of the account, and what follows when it changes.

From a changed state follow replies to the order's maker, alarms, and what is to be sent. Only
orders that an event or a timer touches are looked at.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from heapq import heappop, heappush
from typing import Final

from polymm.domain.order import Place, Reply
from polymm.engine import order_evidence as taking
from polymm.engine.actions import Action, Alarm, OrderEnded
from polymm.engine.events import NEVER_NS
from polymm.engine.evidence import FillTold
from polymm.engine.exposure import Load
from polymm.engine.fill_ledger import FillLedger, FillNews
from polymm.engine.order_evidence import Row
from polymm.engine.order_life import Life, Order
from polymm.engine.order_pursuit import Pursuit
from polymm.engine.order_register import OrderRegister
from polymm.engine.order_replies import ALARMED_REJECTED, RESTORED, Voice
from polymm.engine.order_settings import OrderSettings

_FILLED: Final = Life.FILLED
_QUARANTINED: Final = Life.QUARANTINED


class OrderBeliefs:
    """Believes of each order what the evidence allows, whatever its order of arrival.

    Final orders are kept until their market is forgotten, since evidence may come late.

    Args:
        fills: Where fills are counted; the manager tells it of each.
        settings: Waits and counts.

    Attributes:
        by_id: Orders by the engine's number.
        by_hash: The same by the venue's hash, once they are signed.
        actions: What is to be sent: CancelOrders (one a step), ReadOrder, ReadTrades, ReadOpen,
            Alarm, OrderEnded. To be drained after each step.
        replies: What makers are to be told, with the market; to be drained after each step. Those
            about orders of an earlier run are fills only.
        counts: Oddities by name.
        on_cell: Told of each (state before, row) that is met, for tests of coverage.
    """

    def __init__(self, fills: FillLedger, settings: OrderSettings | None = None) -> None:
        self.settings = settings or OrderSettings()
        self.fills = fills
        self._register = OrderRegister(self.settings)
        self.by_id: Mapping[int, Order] = self._register.by_id
        self.by_hash: Mapping[str, Order] = self._register.by_hash
        self.actions: list[Action] = []
        self.replies: list[tuple[str, Reply]] = []
        self.counts: Counter[str] = Counter()
        self.on_cell: Callable[[Life, Row], None] | None = None
        self._pursuit = Pursuit(self.settings, self.actions)
        self._voice = Voice(self.replies)
        self._timers: list[tuple[int, int]] = []

    # What is asked of it

    def potentially_live(self, market: str = "") -> Collection[Order]:
        """Orders that may still be filled or owe a fill, of a market or "" of all.

        A view, not a copy: nothing may be changed while it is walked through.
        """
        return self._register.live(market)

    @property
    def next_timer_ns(self) -> int:
        """When `tick` is due; NEVER_NS while nothing waits."""
        timers = self._timers
        while timers:
            wake_ns, order_id = timers[0]
            order = self.by_id.get(order_id)
            if order is not None and order.wake_ns == wake_ns:
                return wake_ns
            heappop(timers)
        return NEVER_NS

    def loads(self) -> Mapping[str, Load]:
        """What orders that may be live can still do, by market; true until something changes."""
        return self._register.loads()

    def prepare(self) -> None:
        """Do ahead what the next orders need in any case."""
        self._register.prepare()

    @property
    def version(self) -> int:
        """Grows whenever `loads` may answer something else."""
        return self._register.version

    # What the engine does itself

    def plan(self, now_ns: int, market: str, place: Place, *, front_e6: int = 0) -> Order:
        """Believe in an order that is about to be signed and sent: from here on it counts.

        Args:
            market: Condition id.
            front_e6: What stands at its price, for the report.
        """
        order = self._register.add(now_ns, market, place)
        order.front_e6 = front_e6
        return order

    def discard(self, now_ns: int, order_id: int, reason: str) -> None:
        """Know that no byte of a planned order left, nor ever will."""
        order = self.by_id[order_id]
        order.is_rejected = True
        order.reject_reason = reason
        self._refresh(now_ns, order, Row.DISCARDED)

    def want_cancel(self, now_ns: int, order_id: int) -> None:
        """Want an order gone: cancelled as soon and as often as it may help.

        One whose placement is unanswered is cancelled when it is answered or overdue.
        """
        order = self.by_id.get(order_id)
        if order is None:
            self.counts["cancel_of_nothing"] += 1
        elif not order.wanted_ns and order.life < _FILLED:
            order.wanted_ns = now_ns
            self._refresh(now_ns, order, Row.CANCEL_WANTED)

    def doubt(self, now_ns: int, market: str = "", *, why: str) -> None:
        """Believe of no order of a market, "" of all, that it rests, until one is seen open.

        Args:
            why: Restart, missed heartbeat, gap of the user channel: counted.
        """
        self.counts[f"doubt_{why}"] += 1
        for reads in self._register.reads(market):
            reads.doubted_ns = max(reads.doubted_ns, now_ns)
        self._refresh_all(now_ns, market, Row.DOUBT)

    def restore(
        self,
        now_ns: int,
        market: str,
        place: Place,
        order: str,
        *,
        planned_ns: int,
        written_ns: int = 0,
        cancels: Iterable[int] = (),
        how: str = "",
        matched_e6: int = 0,
    ) -> Order:
        """Take an order over from the journal: what was not final is UNKNOWN_CANCEL.

        Its fills are restored by `restore_fill`, afterwards.

        Args:
            written_ns: When its bytes were handed over; 0 where that is not known.
            cancels: When cancels of it were.
            how: Name of its final state, "" where it had none.
            matched_e6: What was matched when it ended.
        """
        taken = self._register.add(planned_ns, market, place)
        self._register.sign(taken, order)
        taken.voice = RESTORED
        taken.written_ns = written_ns or planned_ns
        taken.cancels = tuple(sorted(cancels))
        taken.told_e6 = matched_e6
        taken.is_rejected = how == Life.REJECTED.name
        taken.is_alive = not taken.is_rejected
        if not how:
            taken.reads.doubted_ns = max(taken.reads.doubted_ns, now_ns)
        elif taken.is_alive:
            taken.gone_ns, taken.is_end_told = now_ns, True
        taken.refresh(now_ns)
        self._register.note_change(taken)
        if taken.life >= _FILLED:
            self._register.end(taken)
        else:
            # Whoever starts an engine reads everything first.
            self._wake(taken, now_ns + self.settings.restore_wait_ns)
        return taken

    def restore_fill(self, now_ns: int, fill: FillTold) -> None:
        """Take a fill over from the journal; its maker knows of it."""
        news = self.fills.apply(fill)
        order = self.by_hash.get(fill.order)
        if order is None or news not in (FillNews.NEW, FillNews.STILLBORN):
            return
        stands = news is FillNews.NEW
        taking.take_fill(order, fill, stands=stands)
        if stands:
            self._voice.tell_fill(order, fill, is_news=False)
        before = order.refresh(now_ns)
        self._register.note_change(order)
        if before < _FILLED <= order.life:
            self._register.end(order)

    def forget(self, market: str) -> None:
        """Drop the orders of a market that is settled; what may be live stays until it is final."""
        self.counts["forgotten_live"] += self._register.forget(market)
        self._voice.forget(market)

    # Time and what follows

    def tick(self, now_ns: int) -> None:
        """Let time pass: answers become overdue, cancels and reads are due again."""
        timers = self._timers
        while timers and timers[0][0] <= now_ns:
            wake_ns, order_id = heappop(timers)
            order = self.by_id.get(order_id)
            if order is not None and order.wake_ns == wake_ns:
                order.wake_ns = NEVER_NS
                self._refresh(now_ns, order)

    def _refresh(self, now_ns: int, order: Order, row: Row | None = None) -> None:
        """Compute an order's state anew, and do and tell what follows."""
        before = order.refresh(now_ns)
        life = order.life
        self._register.note_change(order)
        if self.on_cell is not None:
            for met in taking.rows(before, order, row):
                self.on_cell(before, met)
        if life is not before:
            self._move(order, before)
        if order.is_rejected and order.is_alive and not order.voice & ALARMED_REJECTED:
            order.voice |= ALARMED_REJECTED
            self._alarm("rejected_order_lives", order, order.reject_reason)
        self._voice.tell_life(order)
        wake_ns = self._pursuit.pursue(now_ns, order)
        if wake_ns != order.wake_ns:
            self._wake(order, wake_ns)

    def _wake(self, order: Order, wake_ns: int) -> None:
        """Look at an order again at that time, and at no other that was set before."""
        order.wake_ns = wake_ns
        if wake_ns != NEVER_NS:
            heappush(self._timers, (wake_ns, order.place.order_id))

    def _refresh_all(self, now_ns: int, market: str, row: Row | None = None) -> None:
        """Refresh all orders of a market, "" of all, that may be live."""
        for order in tuple(self.potentially_live(market)):
            self._refresh(now_ns, order, row)

    def _move(self, order: Order, before: Life) -> None:
        """Do what a change of state entails, but for what is told to the maker."""
        life = order.life
        if life >= _FILLED:
            if before < _FILLED:
                self._register.end(order)
                self._pursuit.withdraw(order)
            if order.order:
                self.actions.append(OrderEnded(order.order, life.name, order.matched_e6))
        elif before >= _FILLED:
            self._register.reopen(order)
            self.actions.append(OrderEnded(order.order, "", order.matched_e6))
            self._alarm("ended_order_lives", order, f"was {before.name}")
        elif life is _QUARANTINED:
            is_spent = len(order.cancels) >= self.settings.cancels_max
            name = "cancels_used_up" if is_spent else "quarantined"
            self._alarm(name, order, f"was {before.name}")

    def _alarm(self, name: str, order: Order, text: str) -> None:
        self.actions.append(Alarm(name, order.order, text))
