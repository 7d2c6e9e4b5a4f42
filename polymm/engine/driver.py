"""Carries out what the engine asks for, in the one order that loses nothing.

An order's hash is in the journal before its first byte leaves; the gate is asked once more between
the two. What the engine was told, and what it answered, is noted after the bytes are out: a run
can be replayed from it. Live and simulated runs differ only in the venue, the journal's file and
the clock that stand around this.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from polymm.domain.tuples import filled
from polymm.engine import evidence as ev
from polymm.engine.actions import (
    Action,
    Alarm,
    Beat,
    CancelOrders,
    Counted,
    Finished,
    LimitReached,
    MergeFound,
    MergePairs,
    OrderEnded,
    Post,
    ResultKnown,
    Sweep,
    TradesKnown,
)
from polymm.engine.ports import JournalPort, SignedOrder, Venue
from polymm.errors import InputError, JournalError


class GateView(Protocol):
    """What a driver asks once more between an order's hash and its first byte."""

    @property
    def is_open(self) -> bool: ...


class Stepped(Protocol):
    """What a driver steps: `polymm.engine.engine.Engine`, or whoever stands before it."""

    @property
    def gate(self) -> GateView: ...

    @property
    def next_timer_ns(self) -> int: ...

    def start(self, now_ns: int) -> Sequence[Action]: ...

    def step(self, now_ns: int, event: ev.Event) -> Sequence[Action]: ...

    def rest(self) -> None: ...


class Driver:
    """Steps one engine.

    Args:
        engine: What decides.
        venue: Where actions are carried out.
        journal: Where everything is written down.
        clock_ns: Of the session; never falls.

    Attributes:
        on_step: Called after each step with the event and what it answered, for checks.
    """

    def __init__(
        self, engine: Stepped, venue: Venue, journal: JournalPort, clock_ns: Callable[[], int]
    ) -> None:
        self.engine = engine
        self.on_step: Callable[[int, ev.Event], None] | None = None
        self._venue = venue
        self._journal = journal
        self._clock_ns = clock_ns
        self._inbox: deque[ev.Event] = deque()
        self._is_stepping = False

    @property
    def next_timer_ns(self) -> int:
        """When to take Timer at the latest."""
        return self.engine.next_timer_ns

    def start(self) -> None:
        """Begin; see `Engine.start`."""
        self._is_stepping = True
        try:
            now_ns = self._clock_ns()
            actions = self.engine.start(now_ns)
            for action in actions:
                self._carry_out(now_ns, action)
            self._note(now_ns, ev.Started(), actions)
        finally:
            self._is_stepping = False
        self._go_on()

    def take(self, event: ev.Event) -> None:
        """Step the engine; an event that comes meanwhile is taken next, in its turn."""
        self._inbox.append(event)
        if not self._is_stepping:
            self._go_on()

    def _go_on(self) -> None:
        self._is_stepping = True
        try:
            while self._inbox:
                self._step(self._inbox.popleft())
        finally:
            self._is_stepping = False

    def _step(self, event: ev.Event) -> None:
        now_ns = self._clock_ns()
        actions = self.engine.step(now_ns, event)
        for action in actions:
            if type(action) is Post:
                self._post(now_ns, action)
            else:
                self._carry_out(now_ns, action)
        self.engine.rest()
        self._note(now_ns, event, actions)
        if self.on_step is not None:
            self.on_step(now_ns, event)

    def _note(self, now_ns: int, event: ev.Event, actions: Sequence[Action]) -> None:
        """Write down what happened; a journal that fails closes the gate, once."""
        try:
            self._journal.note(now_ns, event, actions)
        except JournalError as error:
            if type(event) is not ev.JournalFailed:
                self._inbox.append(ev.JournalFailed(str(error)))

    def _carry_out(self, now_ns: int, action: Action) -> None:
        venue = self._venue
        match action:
            case Post():
                self._post(now_ns, action)
            case CancelOrders(orders):
                # The bytes first: a cancel does not wait for the disk, nor for its failure.
                sent_ns = venue.cancel(orders)
                self._inbox.append(ev.CancelWritten(orders, sent_ns))
            case Sweep(market):
                venue.sweep(market)
            case MergePairs(market, pairs_e6):
                self._merge(now_ns, market, pairs_e6)
            case Beat():
                venue.beat()
            case Alarm():
                venue.alarm(action)
            case Finished():
                venue.finish(action)
            case OrderEnded() | TradesKnown() | ev.Correction() | MergeFound():
                pass  # the journal finds it in what the step answered
            case ResultKnown() | Counted() | LimitReached():
                pass  # likewise
            case _:
                venue.read(action)

    def _post(self, now_ns: int, action: Post) -> None:
        """Sign, journal, ask the gate, write: one order after the other, the first at once."""
        unsigned = [place.order_id for place in action.places]
        try:
            for signed in self._venue.sign(action.market, action.places):
                unsigned.remove(signed.place.order_id)
                self._send(now_ns, action.market, signed)
        except InputError as error:
            self._inbox.append(ev.Unsigned(tuple(unsigned), str(error)))

    def _send(self, now_ns: int, market: str, signed: SignedOrder) -> None:
        """Take an order from its hash to its bytes, unless something speaks against it."""
        failure = self._plan(now_ns, market, signed)
        if failure:
            self._withhold(now_ns, signed, failure)
        elif not self.engine.gate.is_open:
            self._withhold(now_ns, signed, "gate_closed")
        else:
            sent_ns = self._venue.write(signed)
            order = signed.order
            self._inbox.append(filled(ev.Signed, (signed.place.order_id, order)))
            self._inbox.append(filled(ev.Written, ((order,), sent_ns)))

    def _plan(self, now_ns: int, market: str, signed: SignedOrder) -> str:
        """Write an order down; why that is not possible, "" where it is done."""
        try:
            self._journal.plan(now_ns, market, signed.place, signed.order)
        except JournalError as error:
            self._inbox.append(ev.JournalFailed(str(error)))
            return "no_journal"
        return ""

    def _merge(self, now_ns: int, market: str, pairs_e6: int) -> None:
        """Write a merge down and ask for it; one that nobody would know of is not asked for."""
        try:
            self._journal.ask_merge(now_ns, market, pairs_e6)
        except JournalError as error:
            self._inbox.append(ev.JournalFailed(str(error)))
            self._inbox.append(ev.MergeFailed(market, pairs_e6, "no_journal"))
        else:
            self._venue.merge(market, pairs_e6)

    def _withhold(self, now_ns: int, signed: SignedOrder, reason: str) -> None:
        """Tell the engine that no byte of an order has left, nor ever will."""
        self._inbox.append(ev.Signed(signed.place.order_id, signed.order))
        self._inbox.append(
            ev.PlaceAnswered(signed.order, ev.PlaceVerdict.NOT_SENT, reason, 0, now_ns)
        )
