"""What must happen in time: L1 to L3, L5 and L7.

The bounds are those of FAILURES. They hold where nothing but the loss itself goes wrong; where
requests are disturbed as well, the last net does: the venue's own dead man's switch.
"""

from collections.abc import Callable, Container, Iterable
from typing import TYPE_CHECKING, Final

from polymm.engine.actions import Finished
from polymm.engine.limits import RiskLimits
from polymm.engine.order_life import Life
from polymm.exchange.matching import BookOrder
from tests.simulation.sending import Sends
from tests.simulation.senses import Senses
from tests.simulation.told import Told
from tests.simulation.truth import Truth
from tests.simulation.violations import Violated

if TYPE_CHECKING:
    from polymm.engine.engine import Engine

MS: Final = 1_000_000
SECOND: Final = 1_000 * MS
CLOSED_CLEAN_NS: Final = SECOND
FROZEN_CLEAN_NS: Final = 1_550 * MS
START_CLEAN_NS: Final = 5 * SECOND
DEAD_CLEAN_NS: Final = 15 * SECOND
# Two cancel rounds fail, the beat is withheld, and then the venue's switch takes its time.
LAST_NET_NS: Final = 45 * SECOND
KILL_NS: Final = 20 * MS
QUOTING_NS: Final = 30 * SECOND
TOLERANCE_E6: Final = 10_000
RESTART_QUOTING_NS: Final = 60 * SECOND
UNKNOWN_NS: Final = 15 * SECOND
DEBT_NS: Final = 5 * SECOND
STOP_NS: Final = 5 * SECOND
LAG_NS: Final = 50 * MS
# Of `Maker.no_quote_reasons` those that are the strategy's own wish.
STRATEGY_REASONS: Final = frozenset(
    {"no_size", "bid_too_long", "ask_too_short", "bid_no_room", "ask_no_room", "price_range"}
    | {"bid_guarded_out", "ask_guarded_out", "thin_book", "max_total_position"}
)
_UNKNOWN: Final = (Life.UNKNOWN_NEW, Life.UNKNOWN_CANCEL, Life.QUARANTINED)


class Timing:
    """Clocks over one account.

    Args:
        cost_e6: Gives what all markets may have cost in the worst case.

    Attributes:
        quoted_ns: When an order of ours last rested.
    """

    def __init__(
        self,
        truth: Truth,
        sends: Sends,
        limits: RiskLimits,
        senses: Senses,
        cost_e6: Callable[[], int],
    ) -> None:
        self.quoted_ns = -1
        self._cost_e6 = cost_e6
        self._truth = truth
        self._sends = sends
        self._limits = limits
        self._senses = senses
        self._lost_ns: dict[str, int] = {}
        self._unknown_ns: dict[str, int] = {}
        self._debt_ns: dict[str, int] = {}
        self._dead_ns: int | None = None
        self._started_ns = 0
        self._healed_ns: int | None = None
        self._lacking_ns: int | None = None
        self._spent_ns = -1
        self._swept_ns = -1

    # What happens

    def started(self, now_ns: int) -> None:
        """An engine process begins."""
        self.check_dead(now_ns)
        self._dead_ns = None
        self._started_ns = now_ns
        self._unknown_ns.clear()
        self._debt_ns.clear()

    def crashed(self, now_ns: int) -> None:
        """No engine runs any more."""
        self._dead_ns = now_ns

    def healed(self, now_ns: int) -> None:
        """Nothing goes wrong any more."""
        self._healed_ns = now_ns

    def swept(self, now_ns: int) -> None:
        """A cancel of all orders left."""
        self._swept_ns = now_ns

    def is_calm(self, now_ns: int, span_ns: int) -> bool:
        """Whether all went well for so long, with the same engine."""
        healed_ns = self._healed_ns
        return healed_ns is not None and now_ns - max(healed_ns, self._started_ns) >= span_ns

    # L1

    def check_dead(self, now_ns: int) -> None:
        """No engine: the venue's switch must have cleaned up."""
        dead_ns = self._dead_ns
        if dead_ns is None or not self._senses.is_beating_enforced:
            return
        if now_ns < max(dead_ns, self._senses.switch_ns) + DEAD_CLEAN_NS:
            return
        left = [order.order_id for order in self._truth.orders() if order.created_ns <= dead_ns]
        if left:
            text = f"{left} rest {now_ns - dead_ns} ns after the engine died"
            raise Violated("L1", text, now_ns)

    def check_inputs(self, now_ns: int, market: str, told: Told) -> None:
        """A market whose inputs are lost must be clean in time."""
        orders = self._truth.open[market].values()
        if not orders:
            return
        self.quoted_ns = now_ns
        senses, limits = self._senses, self._limits
        up_ns, down_ns = senses.book_ns.get(market, (0, 0))
        stale_ns = min(up_ns, down_ns) + limits.book_age_ns_max
        if now_ns > stale_ns:
            self._check_clean(now_ns, stale_ns, FROZEN_CLEAN_NS, "its book froze", orders)
        if senses.feed_closed_ns:
            closed_ns = senses.feed_closed_ns
            self._check_clean(now_ns, closed_ns, CLOSED_CLEAN_NS, "its feed closed", orders)
        if told.ended[0]:
            reason, ended_ns = told.ended
            self._check_clean(now_ns, ended_ns, CLOSED_CLEAN_NS, reason, orders)

    def _check_clean(
        self, now_ns: int, lost_ns: int, bound_ns: int, why: str, orders: Iterable[BookOrder]
    ) -> None:
        hurt_ns = max(self._senses.rest_hurt_ns, self._senses.cancel_hurt_ns)
        is_hurt = hurt_ns > lost_ns - UNKNOWN_NS
        if lost_ns < self._started_ns:
            lost_ns, bound_ns = self._started_ns, START_CLEAN_NS
        bound_ns = LAST_NET_NS if is_hurt else bound_ns
        for order in orders:
            # A loop that stands still pulls nothing: until it turns the dead man's switch must do.
            since_ns = max(lost_ns, order.created_ns, self._senses.thawed_ns)
            if now_ns > since_ns + bound_ns:
                text = f"{order.order_id} rests {now_ns - since_ns} ns after {why}"
                raise Violated("L1", f"{text}, bound {bound_ns}", now_ns)

    def check_killed(self, now_ns: int, told: Told) -> None:
        """After the kill switch a cancel of all leaves at once."""
        reason, ended_ns = told.ended
        if reason != "kill" or now_ns <= ended_ns + KILL_NS or self._swept_ns >= ended_ns:
            return
        if self._senses.cancel_hurt_ns < ended_ns:
            raise Violated("L1", f"no cancel of all {now_ns - ended_ns} ns after kill", now_ns)

    # I27

    def check_pulled(self, now_ns: int) -> None:
        """What stood when a limit broke is pulled, unless it leads towards holding nothing."""
        broken = self._sends.losing.broken
        if not broken or now_ns < min(broken.values()) + SECOND:
            return
        broken_ns = min(broken.values())
        for order in self._truth.orders():
            sending = self._sends.sent.get(order.order_id)
            if sending is None or order.order_id in self._sends.tried:
                continue
            low_e6, high_e6 = self._truth.exposure_e6(sending.market)
            beyond_e6 = high_e6 if sending.place.sign > 0 else -low_e6
            if sending.at_ns < broken_ns and beyond_e6 > 0:
                text = f"{order.order_id} rests and may lead {beyond_e6} beyond 0, never cancelled"
                text = f"{text}, {sorted(broken)} broken since {broken_ns}"
                raise Violated("I27", text, now_ns)

    # L2

    def check_quoting(
        self, now_ns: int, told: Told, engine: "Engine", corrected: Container[str]
    ) -> None:
        """Some time after the last fault something must rest, where the strategy wants anything.

        Args:
            corrected: Markets with correcting entries: they may only be reduced.
        """
        self._note_lack(now_ns, engine)
        if self._healed_ns is None or told.ended[0]:
            return
        # Whoever only reduces for another reason, such as cash that seems to lack, is not excused.
        is_limited = bool(engine.gate.watch.losses.reached)
        markets = [market for market, seat in engine.seats.items() if seat.is_open]
        if is_limited or any(m in corrected or _wants_nothing(engine, m) for m in markets):
            self.quoted_ns = now_ns
            return
        if self.quoted_ns >= self._healed_ns:
            return
        if self._is_spent():
            self._spent_ns = now_ns
        # What was paid out a moment ago is not quoted with yet.
        bound_ns = max(
            max(self._healed_ns, self._spent_ns) + QUOTING_NS,
            max(self._started_ns, self._senses.restarting_ns) + RESTART_QUOTING_NS,
        )
        if now_ns > bound_ns:
            if self._is_robbed():
                self.quoted_ns = now_ns
                return
            text = f"nothing rested since {self.quoted_ns}, healed at {self._healed_ns}"
            raise Violated("L2", text, now_ns)

    def _is_spent(self) -> bool:
        """Whether one more order like the dearest so far would cost more than there is or may."""
        room_e6 = self._limits.max_total_cost_e6 - self._cost_e6()
        return self._sends.dearest_e6 > min(room_e6, self._truth.cash_confirmed_e6)

    def _note_lack(self, now_ns: int, engine: "Engine") -> None:
        """See since when the ledger has held more cash than there is."""
        ledger_e6 = engine.fills.total.confirmed_e10 // 10_000
        if ledger_e6 <= self._truth.cash_confirmed_e6 + TOLERANCE_E6:
            self._lacking_ns = None
        elif self._lacking_ns is None:
            self._lacking_ns = now_ns

    def _is_robbed(self) -> bool:
        """Whether cash has lacked since before the last fault, so that no late word explains it.

        Such was lost with the journal's tail, and a balance from before that hid it at the start:
        what stands for a minute is corrected, and people are called.
        """
        return self._lacking_ns is not None and self._lacking_ns < (self._healed_ns or 0)

    # L3

    def check_resolved(self, now_ns: int, engine: "Engine") -> None:
        """What is unknown does not stay so while the venue answers."""
        healthy_ns = self._senses.rest_hurt_ns
        unknown: dict[str, int] = {}
        debts: dict[str, int] = {}
        for order in engine.orders.potentially_live():
            name = order.order
            if order.life in _UNKNOWN:
                since_ns = unknown[name] = self._unknown_ns.get(name, now_ns)
                # Each write about it begins the ten seconds anew within which it may take effect.
                since_ns = max(since_ns, *self._sends.cancels.get(name, ()), 0)
                if now_ns - max(since_ns, healthy_ns) > UNKNOWN_NS:
                    text = f"{name} is {order.life.name} since {since_ns}"
                    raise Violated("L3", f"{text}, reads are well since {healthy_ns}", now_ns)
            if order.debt_e6:
                since_ns = debts[name] = self._debt_ns.get(name, now_ns)
                if now_ns - max(since_ns, healthy_ns) > DEBT_NS:
                    text = f"{name} misses fills of {order.debt_e6} since {since_ns}"
                    raise Violated("L3", f"{text}, reads are well since {healthy_ns}", now_ns)
        self._unknown_ns, self._debt_ns = unknown, debts

    # L5, L7

    def check_lag(self, now_ns: int) -> None:
        """With nothing wrong any more the backlog is gone within a second; nothing was lost."""
        senses = self._senses
        if self._healed_ns is None or now_ns < self._healed_ns + SECOND:
            return
        if senses.lag_ns > LAG_NS:
            raise Violated("L5", f"lag is {senses.lag_ns} ns, healed at {self._healed_ns}", now_ns)

    def check_events(self, now_ns: int) -> None:
        """Every event of the user channel was taken, or lost with its connection."""
        senses = self._senses
        if now_ns - self._truth.changed_ns < SECOND:
            return  # some may be on their way
        if senses.user_sent != senses.user_taken + senses.user_dropped:
            text = f"{senses.user_sent} user events sent, {senses.user_taken} taken"
            raise Violated("L5", f"{text}, {senses.user_dropped} lost with connections", now_ns)

    def check_stopped(self, now_ns: int, told: Told, finished: Finished | None) -> None:
        """A stop ends in time, clean or with the ids that may be left."""
        reason, ended_ns = told.ended
        if finished is None:
            if reason == "stop" and now_ns > ended_ns + STOP_NS:
                raise Violated("L7", f"not finished {now_ns - ended_ns} ns after stop", now_ns)
            return
        left = {order.order_id for order in self._truth.orders()} | self._sends.flying.keys()
        if finished.code == "stopped" and left:
            raise Violated("L7", f"finished as {finished.code}, {sorted(left)} left", now_ns)
        unnamed = left - set(finished.left)
        if unnamed:
            text = f"finished as {finished.code}, not named as left: {sorted(unnamed)}"
            raise Violated("L7", text, now_ns)


def _wants_nothing(engine: "Engine", market: str) -> bool:
    """Whether a market may be quoted, and the strategy alone does not want to."""
    seat = engine.seats[market]
    may_quote = seat.is_open and not seat.sight.obstacles and engine.gate.may_quote(market)
    return may_quote and not STRATEGY_REASONS.isdisjoint(seat.maker.no_quote_reasons)
