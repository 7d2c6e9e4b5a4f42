"""The dead man's switch: the venue cancels everything of ours when it hears no heartbeat for 10 s.

A beat says that the engine can look after its orders. So it is the engine's own step that sends it,
and only while engine, feeds and cancels were well within the last two seconds (FAILURES 32 to 34).
"""

from dataclasses import dataclass, fields
from typing import Final

from polymm.engine import evidence as ev
from polymm.engine.actions import Action, Alarm, Beat, ReadOpen, Sweep
from polymm.engine.events import NEVER_NS
from polymm.engine.evidence import CancelVerdict
from polymm.engine.order_manager import OrderManager
from polymm.engine.phases import HEARTBEAT, MISSED
from polymm.engine.refusals import HALTS
from polymm.engine.risk import RiskGate
from polymm.engine.settings import SECOND
from polymm.errors import ConfigError

# Obstacles to quoting that say nothing of how well a feed is heard; all others count against it.
NOT_OF_FEEDS: Final = frozenset({"resolved", "removed"})
# What is found so soon after a stall was so before: who stood still could not see it.
STALL_SHADOW_NS: Final = SECOND // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class BeatSettings:
    """When a heartbeat is sent and when it is not.

    Args:
        period_ns: Between two beats.
        retry_ns: After one that was refused or not answered.
        answer_ns_max: A beat that is unanswered so long has failed.
        limit_ns: The venue cancels everything so long after the last beat it took (rest notes 4).
        margin_ns: Orders are sent only while so much of the limit is left.
        health_ns_max: Engine, feeds and cancels must have been well so recently.
        rounds_max: After so many failed rounds of cancels no beat is sent.
        list_ns: After a missed limit the open orders are read so often until there are none.
    """

    period_ns: int = 5 * SECOND
    retry_ns: int = SECOND
    answer_ns_max: int = 2 * SECOND
    limit_ns: int = 10 * SECOND
    margin_ns: int = SECOND
    health_ns_max: int = 2 * SECOND
    rounds_max: int = 2
    list_ns: int = 2 * SECOND

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 1:
                raise ConfigError(f"{field.name} must be at least 1, was {value}")
        if self.period_ns + self.retry_ns + self.margin_ns >= self.limit_ns:
            raise ConfigError(
                "period_ns, retry_ns and margin_ns must together be below limit_ns, were"
                f" {self.period_ns + self.retry_ns + self.margin_ns} of {self.limit_ns}"
            )


class CancelPath:
    """Whether cancels arrive: rounds that failed since the last one that did not.

    Everything of one request is one round; a request that is unanswered for too long has failed.

    Args:
        answer_ns_max: What is too long.

    Attributes:
        failed: Rounds in a row.
    """

    __slots__ = ("_answer_ns_max", "_out_ns", "_round_ns", "failed")

    def __init__(self, answer_ns_max: int) -> None:
        self._answer_ns_max = answer_ns_max
        self._out_ns: dict[str, int] = {}
        self._round_ns = -1
        self.failed = 0

    def apply(self, event: ev.Event) -> None:
        """Take what was sent and what became of it."""
        match event:
            case ev.CancelWritten(orders, sent_ns):
                for order in orders:
                    self._out_ns.setdefault(order, sent_ns)
            case ev.CancelAnswered(order, verdict, _, sent_ns, recv_ns):
                self._out_ns.pop(order, None)
                self._count(verdict, sent_ns or recv_ns)
            case ev.Swept(_, verdict, _, _, _, sent_ns, recv_ns):
                self._count(verdict, sent_ns or recv_ns)
            case _:
                pass

    def tick(self, now_ns: int) -> None:
        """Count what stayed unanswered."""
        late = [
            order
            for order, sent_ns in self._out_ns.items()
            if now_ns - sent_ns > self._answer_ns_max
        ]
        for order in late:
            self._fail(self._out_ns.pop(order))

    @property
    def next_timer_ns(self) -> int:
        """When the oldest that is out has failed."""
        if not self._out_ns:
            return NEVER_NS
        return min(self._out_ns.values()) + self._answer_ns_max + 1

    def _count(self, verdict: CancelVerdict, round_ns: int) -> None:
        if verdict in (CancelVerdict.CANCELED, CancelVerdict.NOT_CANCELED):
            self.failed = 0
            self._round_ns = round_ns
        else:
            self._fail(round_ns)

    def _fail(self, round_ns: int) -> None:
        self.failed += round_ns != self._round_ns
        self._round_ns = round_ns


class FeedHealth:
    """Since when the feeds are not well: the user channel, or the books of all open markets.

    Attributes:
        books_ns: Since when no book is heard, 0 where none ever was and `NEVER_NS` where one is;
            while no window runs it stays as it was.
    """

    __slots__ = (
        "_obstacles",
        "_open",
        "_shadow_ns",
        "_stalled_ns",
        "_user_ns",
        "_was_heard",
        "books_ns",
    )

    def __init__(self) -> None:
        self._open: set[str] = set()
        self._obstacles: set[tuple[str, str]] = set()
        self._user_ns = 0
        self._was_heard = False
        self._stalled_ns = 0  # when the last stall began, and until when its shadow reaches
        self._shadow_ns = -1
        self.books_ns = NEVER_NS

    @property
    def bad_ns(self) -> int:
        """Since when something is not well, `NEVER_NS` where all is."""
        return min(self._user_ns, self.books_ns)

    def apply(self, now_ns: int, event: ev.Event) -> None:
        """Take what is told of feeds and markets."""
        match event:
            case ev.UserChannel(is_live, since_ns):
                self._user_ns = NEVER_NS if is_live else min(self._user_ns, since_ns)
            case ev.Obstacle(market, name, stands) if name not in NOT_OF_FEEDS:
                (self._obstacles.add if stands else self._obstacles.discard)((market, name))
            case ev.Stalled(stall_ns):
                self._stalled_ns, self._shadow_ns = now_ns - stall_ns, now_ns + STALL_SHADOW_NS
                if now_ns - STALL_SHADOW_NS <= self.books_ns <= now_ns:
                    self.books_ns = min(self.books_ns, self._stalled_ns)
            case ev.MarketOpened(market):
                self._open.add(market)
            case ev.MarketClosed(market) | ev.MarketSettled(market):
                self._forget(market)
            case _:
                return
        self._look(now_ns)

    def end(self, end_ns: int, market: str) -> None:
        """Know that a window is over: its book says nothing of the feed any more, but did so far.

        The margin before it counts: what goes deaf there is not heard by the next window either.
        """
        if market in self._open:
            self._forget(market)
            self._look(end_ns)

    def _forget(self, market: str) -> None:
        self._open.discard(market)
        self._obstacles = {pair for pair in self._obstacles if pair[0] != market}

    def _look(self, now_ns: int) -> None:
        blind = {market for market, _ in self._obstacles}
        if "" in blind or (self._open and self._open <= blind):
            if self.books_ns == NEVER_NS:
                since_ns = self._stalled_ns if now_ns <= self._shadow_ns else now_ns
                self.books_ns = since_ns if self._was_heard else 0
        elif self._open:
            self.books_ns = NEVER_NS
            self._was_heard = True


class Beating:
    """Decides when a heartbeat is sent, and what follows when none was for too long.

    Args:
        orders: Doubted when the venue may have cancelled them all.
        gate: Closed as ``heartbeat`` while the switch is not armed, and as ``heartbeat_missed``
            besides, whereupon the reconciler proves everything again.
        settings: When.

    Attributes:
        actions: To be drained.
        missed: How often the limit was missed.
        sent: How many beats were asked for.
    """

    def __init__(self, orders: OrderManager, gate: RiskGate, settings: BeatSettings) -> None:
        self.settings = settings
        self.actions: list[Action] = []
        self.missed = 0
        self.sent = 0
        self.path = CancelPath(settings.answer_ns_max)
        self.feeds = FeedHealth()
        self._orders = orders
        self._gate = gate
        self._accepted_ns = -1  # when the last accepted beat was sent
        self._out_ns = 0
        self._due_ns = NEVER_NS
        self._tick_ns = 0
        # After a missed limit: 1 until a beat is accepted, then when that was, 0 with a clean list.
        self._unclean_ns = 0
        self._list_ns = NEVER_NS
        self._is_withheld = False

    def start(self, now_ns: int) -> None:
        """Begin to beat; until the first one is accepted the gate is closed."""
        self._tick_ns = self._due_ns = now_ns
        self._gate.close(now_ns, HEARTBEAT)

    def is_alive(self, now_ns: int) -> bool:
        """Whether the venue will not have cancelled everything before an order arrives."""
        if self._accepted_ns < 0 or self._unclean_ns:
            return False
        return now_ns < self._accepted_ns + self.settings.limit_ns - self.settings.margin_ns

    @property
    def is_withheld(self) -> bool:
        """Whether a beat is due and is not sent, so that the venue cancels everything."""
        return self._is_withheld

    @property
    def next_timer_ns(self) -> int:
        """When to tick at the latest."""
        next_ns = min(self._due_ns, self._list_ns)
        if self._due_ns == NEVER_NS:  # not begun, or a beat is out
            if not self._out_ns:
                return next_ns
            next_ns = min(next_ns, self._out_ns + self.settings.answer_ns_max + 1)
        next_ns = min(next_ns, self.path.next_timer_ns)
        next_ns = min(next_ns, self._tick_ns + self.settings.health_ns_max // 2)
        if self._accepted_ns >= 0:
            limit_ns = self._accepted_ns + self.settings.limit_ns
            is_closed = HEARTBEAT in self._gate.closed_by
            next_ns = min(next_ns, limit_ns if is_closed else limit_ns - self.settings.margin_ns)
        return next_ns

    def apply(self, now_ns: int, event: ev.Event) -> None:
        """Take what says how well engine, feeds and cancels are, and what a beat became."""
        self.path.apply(event)
        self.feeds.apply(now_ns, event)
        match event:
            case ev.BeatAnswered():
                self._answered(now_ns, event)
            case ev.OpenListed("", orders, began_ns) if self._unclean_ns > 1:
                if not orders and began_ns >= self._unclean_ns:
                    self._unclean_ns = 0
                    self._list_ns = NEVER_NS
                    self._reopen(now_ns)
            case _:
                pass

    def tick(self, now_ns: int) -> None:
        """Let time pass: limits, beats that are due, beats that stay unanswered."""
        was_away = now_ns - self._tick_ns > self.settings.health_ns_max
        self._tick_ns = now_ns
        self.path.tick(now_ns)
        if self._accepted_ns >= 0:
            self._look_at_limit(now_ns)
        if self._out_ns and now_ns - self._out_ns > self.settings.answer_ns_max:
            self._out_ns = 0
            self._due_ns = now_ns
        if now_ns >= self._due_ns:
            self._beat(now_ns, "the engine did not turn" if was_away else self._fault(now_ns))
        if now_ns >= self._list_ns:
            self._list_ns = now_ns + self.settings.list_ns
            self.actions.append(ReadOpen(""))

    def _look_at_limit(self, now_ns: int) -> None:
        limit_ns = self._accepted_ns + self.settings.limit_ns
        if now_ns >= limit_ns - self.settings.margin_ns:
            self._gate.close(now_ns, HEARTBEAT)
        if now_ns >= limit_ns:
            self.missed += 1
            self._accepted_ns = -1
            self._unclean_ns = 1
            self._list_ns = NEVER_NS
            self._orders.doubt(now_ns, "", why=HEARTBEAT)
            self._gate.close(now_ns, MISSED)
            if self._is_ending:
                return
            text = f"no beat was accepted for {self.settings.limit_ns / SECOND:g} s"
            self.actions.append(Alarm(MISSED, "", text))

    def _beat(self, now_ns: int, fault: str) -> None:
        if self._is_ending:
            # At the end the switch is one more net: nothing must be left when it falls.
            self._due_ns = now_ns + self.settings.period_ns
            return
        if fault:
            # Before the first accepted beat the venue waits for none.
            if not self._is_withheld and self._accepted_ns >= 0:
                self.actions.append(Alarm("beat_withheld", "", fault))
            self._is_withheld = True
            self._due_ns = now_ns + self.settings.retry_ns
            return
        self._is_withheld = False
        self._due_ns = NEVER_NS
        self._out_ns = now_ns
        self.sent += 1
        self.actions.append(Beat())

    @property
    def _is_ending(self) -> bool:
        return not self._gate.closed_by.keys().isdisjoint(HALTS)

    def _fault(self, now_ns: int) -> str:
        """What speaks against a beat, "" for nothing."""
        if now_ns - self.feeds.bad_ns > self.settings.health_ns_max:
            return "feeds are not heard"
        if self.path.failed >= self.settings.rounds_max:
            self._probe()
            return f"{self.path.failed} rounds of cancels failed"
        return ""

    def _probe(self) -> None:
        """Cancel all where nobody else cancels: only an answer shows that the way is free again."""
        if not any(order.is_cancel_wanted for order in self._orders.potentially_live()):
            self.actions.append(Sweep(""))

    def _answered(self, now_ns: int, event: ev.BeatAnswered) -> None:
        if self._out_ns and event.recv_ns >= self._out_ns:
            self._out_ns = 0
            wait_ns = self.settings.period_ns if event.is_accepted else self.settings.retry_ns
            self._due_ns = max(event.sent_ns if event.is_accepted else now_ns, 0) + wait_ns
        if not event.is_accepted or event.sent_ns <= self._accepted_ns:
            return
        if now_ns >= event.sent_ns + self.settings.limit_ns:
            return  # told so late that it says nothing any more
        if self._accepted_ns >= 0:
            # What ran out before this was told ran out all the same.
            self._look_at_limit(now_ns)
        self._accepted_ns = event.sent_ns
        if self._unclean_ns == 1:
            self._unclean_ns = max(now_ns, 2)
            self._list_ns = now_ns
        self._reopen(now_ns)

    def _reopen(self, now_ns: int) -> None:
        if self.is_alive(now_ns):
            self._gate.reopen(now_ns, HEARTBEAT)
            self._gate.reopen(now_ns, MISSED)
