"""What must be read and proven, and when: at a start, while running, and at every kind of end.

Starting, running and recovering are one path (see `polymm.engine.recovery`). While quotes are out,
orders, trades and balances are read on clocks of their own; a read that fails changes no belief and
closes the gate when it goes on.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from polymm.domain.market import Market
from polymm.engine import evidence as ev
from polymm.engine.actions import Action, Alarm
from polymm.engine.balances import Comparison
from polymm.engine.ending import Ending
from polymm.engine.escalation import Escalation
from polymm.engine.events import NEVER_NS
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.market_end import MarketEnds
from polymm.engine.order_manager import OrderManager
from polymm.engine.phases import HALTED, RECONCILING, SPELLS, STARTING, STOPPING, Phase
from polymm.engine.proving import ReconcileSettings
from polymm.engine.reads import Reads
from polymm.engine.recovery import Recovery, Step
from polymm.engine.refusals import HALTS
from polymm.engine.risk import RiskGate
from polymm.engine.settings import MS, SECOND


class Reconciler:
    """Proves everything and keeps it proven.

    Args:
        orders: The belief about every order.
        fills: The belief about every fill.
        gate: Closed while something is not proven.
        settings: Clocks and waits.

    Attributes:
        phase: Where the engine stands.
        actions: To be drained.
        next_timer_ns: When to tick at the latest.
        step: What a recovery waits for, for displays.
        ready_ns: When the last recovery ended, -1 before; ``started_ns`` the first one.
        recoveries: How many were begun.
    """

    def __init__(
        self, orders: OrderManager, fills: FillLedger, gate: RiskGate, settings: ReconcileSettings
    ) -> None:
        self.settings = settings
        self.actions: list[Action] = []
        self.step = Step.IDLE
        self.ready_ns = self.started_ns = -1
        self.recoveries = 0
        self._orders = orders
        self._fills = fills
        self._gate = gate
        self.phase = Phase.NEW
        self._start_ns = 0
        self._lost_ns = NEVER_NS  # since when the user channel is away
        self._spells: frozenset[tuple[str, int]] = frozenset()
        self._wants_balances = False
        self._alarmed: set[str] = set()
        self.next_timer_ns = NEVER_NS
        actions = self.actions
        self._reads = Reads(fills, gate, self._compared_markets, settings, actions)
        self._comparison = Comparison(fills, gate, settings, self._reads.balances, actions)
        self._ends = MarketEnds(orders, settings, self._reads, actions)
        self._recovery = Recovery(orders, settings, self._reads, actions)
        self._ending = Ending(orders, settings, lists=self._reads.lists, actions=actions)
        self._escalation = Escalation(orders, settings, actions, self._ends.is_over)

    # Life

    def start(self, now_ns: int, *, trades_known_ns: int = 0, is_tail_lost: bool = False) -> None:
        """Cancel everything and begin to prove; the gate is closed until that is done.

        Args:
            trades_known_ns: Trades matched before are in the ledger (venue time), 0 for none.
            is_tail_lost: The host went down, and the end of the journal with it: an order that
                nobody knows may still land, so nothing is ready before that is over.
        """
        self._start_ns = now_ns
        self.phase = Phase.STARTING
        self._gate.close(now_ns, STARTING)
        self._reads.begin(now_ns, trades_known_ns)
        hold_ns = self.settings.late_ns if is_tail_lost else 0
        self._recover(now_ns, "start", check=True, hold_ns=hold_ns)
        self._advance(now_ns)

    def resync(self, now_ns: int, why: str, *, check: bool = False) -> None:
        """Prove everything again: something may have been missed.

        Args:
            check: Whether version, contracts, clock and key are looked at, too.
        """
        if self.phase in (Phase.NEW, Phase.ENDING, Phase.OVER):
            return
        if self.phase is Phase.READY:
            self.phase = Phase.RECONCILING
            self._gate.close(now_ns, RECONCILING)
        self._recover(now_ns, why, check=check)

    def _recover(self, now_ns: int, why: str, *, check: bool, hold_ns: int = 0) -> None:
        self.recoveries += 1
        self._comparison.begin()
        self._orders.doubt(now_ns, "", why=why)
        self._recovery.begin(now_ns, why, check=check, hold_ns=hold_ns)

    def halt(self, now_ns: int, reason: str) -> None:
        """Cancel everything and end for good: a person must look."""
        if self.phase is not Phase.OVER:
            self._gate.close(now_ns, HALTED)
            self.actions.append(Alarm("halted", "", reason))
            self._end(now_ns, "halted", reason)

    def _end(self, now_ns: int, code: str, reason: str) -> None:
        self.phase = Phase.ENDING
        self._recovery.end()
        self._escalation.end()
        settings = self.settings
        wait_ns = settings.stop_ns_max if code == "stopped" else settings.halt_ns_max
        self._ending.begin(now_ns, code, reason, wait_ns)

    # Markets

    def add_market(self, now_ns: int, market: Market, close_margin_ns: int) -> None:
        """Take a market in; it is ready once its balances are read."""
        self._ends.add(market, close_margin_ns)
        if self.phase not in (Phase.NEW, Phase.OVER):
            self._reads.balances.want(now_ns)
            self._set_timer()

    def remove_market(self, market: str) -> None:
        """Forget a market that is settled."""
        self._ends.remove(market)
        self._comparison.forget(market)

    def is_ready(self, market: str) -> bool:
        """Whether everything is proven that orders of this market rest upon."""
        if self.phase is not Phase.READY or not self._ends.is_open(market):
            return False
        return market in self._comparison.agreed_ns

    def is_closing(self, market: str) -> bool:
        """Whether a market's close has come: nothing of ours may rest in it any more."""
        return self._ends.is_closing(market)

    def is_closed_clean(self, market: str) -> bool:
        """Whether it is proven that nothing of ours rests in a closing market."""
        return self._ends.is_clean(market)

    def _compared_markets(self) -> list[str]:
        """List those that are open; at a start all, for merges of which nobody told."""
        return self._ends.markets(are_open=self.phase is not Phase.STARTING)

    # Steps

    def apply(self, now_ns: int, event: ev.Event) -> None:
        """Take an event; order manager, ledger and gate have taken it before."""
        is_end = isinstance(event, ev.Kill | ev.Stop)
        if self.phase is Phase.OVER or (self.phase is Phase.NEW and not is_end):
            return
        take = _TAKES.get(type(event))
        if take is not None:
            take(self, now_ns, event)
        elif self._is_calm and now_ns < self.next_timer_ns and type(event) is not ev.CancelWritten:
            return
        self._advance(now_ns)

    def tick(self, now_ns: int) -> None:
        """Let time pass."""
        if self.phase is Phase.OVER:
            self.next_timer_ns = NEVER_NS
        elif self.phase is not Phase.NEW:
            self._advance(now_ns)

    @property
    def _is_calm(self) -> bool:
        """Whether nothing but a timer or an event of `_TAKES` has anything to say here."""
        is_asked = self._gate.closed_by or self._gate.watch.wants_balances
        return self.phase is Phase.READY and not is_asked and self._ends.is_calm

    def _advance(self, now_ns: int) -> None:
        """Ask for what is due and draw what follows from all that is known."""
        self._look_at_gate(now_ns)
        if self.phase is Phase.ENDING:
            self._ending.advance(now_ns)
            if self._ending.is_over:
                self.phase = Phase.OVER
                self.next_timer_ns = NEVER_NS
                return
        else:
            self._look_at_user(now_ns)
            self.step = self._recovery.advance(now_ns)
            if self.step is Step.BALANCES:
                told_ns, markets = self._recovery.told_ns, self._compared_markets()
                if self._comparison.is_agreed(markets, told_ns):
                    self._become_ready(now_ns)
            self._ends.tick(now_ns)
            self._escalation.tick(
                now_ns, is_swept=self._recovery.is_on, is_proven=self._recovery.is_swept
            )
            is_slow = now_ns - self._start_ns >= self.settings.ready_ns_max
            if is_slow and self.phase is Phase.STARTING:
                self._alarm_once("start_slow", f"waits for {self.step.name.lower()}")
            self._reads.judge(now_ns)
        self._reads.tick(now_ns)
        self._set_timer()

    def _set_timer(self) -> None:
        if self.phase is Phase.ENDING:
            self.next_timer_ns = min(self._ending.next_timer_ns, self._reads.next_timer_ns)
            return
        next_ns = min(self._recovery.next_timer_ns, self._escalation.next_timer_ns)
        next_ns = min(next_ns, self._ends.next_timer_ns)
        next_ns = min(next_ns, self._reads.next_timer_ns, self._reads.stale_ns)
        if self._lost_ns < NEVER_NS and self.phase is Phase.READY:
            next_ns = min(next_ns, self._lost_ns + self.settings.gap_ns_max + 1)
        if self.phase is Phase.STARTING and "start_slow" not in self._alarmed:
            next_ns = min(next_ns, self._start_ns + self.settings.ready_ns_max)
        self.next_timer_ns = next_ns

    # What follows

    def _look_at_gate(self, now_ns: int) -> None:
        """End where the gate is closed for good; prove anew where the venue is not itself."""
        closed_by = self._gate.closed_by
        if self.phase is not Phase.ENDING:
            reasons = sorted(HALTS.intersection(closed_by))
            if reasons:
                code = "stopped" if reasons == [STOPPING] else "halted"
                causes = [reason for reason in reasons if reason != HALTED] or reasons
                self._end(now_ns, code, ", ".join(causes))
        wants_balances = self._gate.watch.wants_balances
        if wants_balances and not self._wants_balances:
            self._reads.balances.want(now_ns)
        self._wants_balances = wants_balances
        # With their begins: one may end and come again between two looks.
        spells = frozenset(item for item in closed_by.items() if item[0] in SPELLS)
        if spells - self._spells:
            self.resync(now_ns, " ".join(sorted(name for name, _ in spells)))
        self._spells = spells

    def _look_at_user(self, now_ns: int) -> None:
        if self.phase is Phase.READY and now_ns - self._lost_ns > self.settings.gap_ns_max:
            self.resync(now_ns, "user channel")

    def _become_ready(self, now_ns: int) -> None:
        self._recovery.end()
        self.ready_ns = now_ns
        if self.phase is Phase.STARTING:
            self.started_ns = now_ns
        self.phase = Phase.READY
        self.step = Step.IDLE
        self._alarmed.discard("start_slow")
        self._reads.is_start = False
        self._gate.reopen(now_ns, STARTING)
        self._gate.reopen(now_ns, RECONCILING)

    def _alarm_once(self, name: str, text: str) -> None:
        if name not in self._alarmed:
            self._alarmed.add(name)
            self.actions.append(Alarm(name, "", text))

    # Events

    def _take_user(self, now_ns: int, event: ev.UserChannel) -> None:
        self._recovery.hear(now_ns, is_live=event.is_live)
        if not event.is_live:
            self._lost_ns = min(self._lost_ns, event.since_ns)
            return
        if self._lost_ns < NEVER_NS and self.phase is Phase.READY:
            # What was to be told meanwhile is never told again.
            self._look_at_user(now_ns)
            self._reads.trades.want(now_ns)
            self._reads.lists.want(now_ns)
        self._lost_ns = NEVER_NS

    def _take_open(self, now_ns: int, event: ev.OpenListed) -> None:
        self._ends.take_list(now_ns, event)
        if event.market:
            return
        self._reads.lists.succeed(now_ns, event.began_ns)
        self._ending.take_list(now_ns, event)
        known, is_forgotten = self._orders.by_hash, self._fills.is_forgotten
        strangers = [
            o.order for o in event.orders if o.order not in known and not is_forgotten(o.market)
        ]
        survivors = self._recovery.take_list(now_ns, event, strangers)
        # What nobody knows may be of a run whose journal is lost: a start cancels it first.
        foreign = survivors if self.phase is Phase.STARTING else strangers
        if foreign and event.began_ns >= self.started_ns:
            self._foreign(now_ns, foreign[0])

    def _foreign(self, now_ns: int, order: str) -> None:
        """Know of an order that nobody knows: only what a start sweeps away is forgiven."""
        if self.phase not in (Phase.ENDING, Phase.OVER):
            self.actions.append(Alarm("foreign_order", order, "no journal knows it"))
            self.halt(now_ns, f"foreign order {order}")

    def _take_order(self, now_ns: int, event: ev.OrderTold) -> None:
        """Look at once where the user channel tells of an order that nobody knows."""
        if event.order not in self._orders.by_hash:
            self._reads.lists.want(now_ns)

    def _take_fill(self, now_ns: int, event: ev.FillTold | ev.TradesRead) -> None:
        """Know of a fill of an order that nobody knows; a start reads what came before it."""
        order, self._orders.foreign = self._orders.foreign, ""
        if order and self.phase is not Phase.STARTING:
            self._foreign(now_ns, order)

    def _take_trades(self, now_ns: int, event: ev.TradesRead) -> None:
        self._take_fill(now_ns, event)
        if not event.market:
            self._reads.take_trades(now_ns, event)
            self._recovery.trade(event)

    def _take_balances(self, now_ns: int, event: ev.BalancesRead) -> None:
        self._reads.balances.succeed(now_ns, event.began_ns)
        if self.phase is not Phase.ENDING and event.began_ns >= self._recovery.floor_ns:
            is_known = self.phase is Phase.READY and not self._reads.trades.is_bad(now_ns)
            is_told = is_known or self.step is Step.BALANCES
            is_start, markets = self.phase is Phase.STARTING, self._compared_markets()
            owing = [order for order in self._orders.potentially_live() if order.is_owing]
            self._comparison.apply(
                now_ns, event, markets, is_told=is_told, owing=owing, is_start=is_start
            )

    def _take_preflight(self, now_ns: int, event: ev.PreflightRead) -> None:
        if self._reads.take_preflight(now_ns, event):
            self._recovery.check(event.began_ns)

    def _take_swept(self, now_ns: int, event: ev.Swept) -> None:
        self._recovery.swept(now_ns, event)
        self._ending.swept(now_ns, event)
        self._escalation.swept(now_ns, event)
        self._ends.swept(now_ns, event)
        foreign = [order for order in event.canceled if order not in self._orders.by_hash]
        if foreign and self.phase is Phase.STARTING:
            self.actions.append(Alarm("foreign_order", foreign[0], "cancelled at the start"))
        elif foreign:
            self._foreign(now_ns, foreign[0])

    def _take_jump(self, now_ns: int, event: ev.ClockJumped) -> None:
        if abs(event.delta_ns) > self.settings.jump_ns_max:
            text = f"by {event.delta_ns / SECOND:+.3f} s"
            self.actions.append(Alarm("clock_jumped", "", text))
            self.resync(now_ns, "clock", check=True)

    def _take_stall(self, now_ns: int, event: ev.Stalled) -> None:
        settings = self.settings
        if event.stall_ns <= min(settings.stall_pull_ns, settings.stall_resync_ns):
            return
        self.actions.append(Alarm("stalled", "", f"for {event.stall_ns // MS} ms"))
        if event.stall_ns > settings.stall_resync_ns:
            self.resync(now_ns, "stall")
        elif self.phase is Phase.READY:
            for order in list(self._orders.potentially_live()):
                self._orders.want_cancel(now_ns, order.place.order_id)

    def _take_journal(self, now_ns: int, event: ev.JournalFailed) -> None:
        self._alarm_once("journal_failed", event.reason)

    def _take_end(self, now_ns: int, event: ev.Kill | ev.Stop) -> None:
        """A kill may follow a stop; either cancels everything in this very step."""
        if isinstance(event, ev.Kill):
            self.actions.append(Alarm("killed", "", event.reason))
            self._end(now_ns, "halted", event.reason)
        elif self.phase is Phase.ENDING:
            self._ending.hurry(now_ns + self.settings.stop_ns_max)
        else:
            self._end(now_ns, "stopped", event.reason)


_TAKES: Final[Mapping[type, Callable[[Reconciler, int, Any], None]]] = MappingProxyType(
    {
        ev.UserChannel: Reconciler._take_user,
        ev.OpenListed: Reconciler._take_open,
        ev.OrderTold: Reconciler._take_order,
        ev.FillTold: Reconciler._take_fill,
        ev.TradesRead: Reconciler._take_trades,
        ev.BalancesRead: Reconciler._take_balances,
        ev.PreflightRead: Reconciler._take_preflight,
        ev.ReadFailed: lambda self, now_ns, event: self._reads.take_failure(now_ns, event),
        ev.CancelAnswered: lambda self, _, event: self._escalation.answered(event),
        ev.Swept: Reconciler._take_swept,
        ev.MarketClosed: lambda self, now_ns, event: self._ends.close(now_ns, event.market),
        ev.ClockJumped: Reconciler._take_jump,
        ev.Stalled: Reconciler._take_stall,
        ev.JournalFailed: Reconciler._take_journal,
        ev.JournalHealed: lambda self, *_: self._alarmed.discard("journal_failed"),
        ev.Kill: Reconciler._take_end,
        ev.Stop: Reconciler._take_end,
    }
)
