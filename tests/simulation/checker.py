"""The god's-eye checker: holds the invariants of FAILURES over truth, wire and belief.

Truth is the exchange's own data, the wire log is what was handed over, belief is the engine; none
of the three is computed from another. The world calls it:

* once at the start: ``Checker(exchange, owner, wallet, limits, senses)``;
* ``started(now_ns, engine, disk, state)`` when an engine process begins, before ``Driver.start``;
  ``crashed(now_ns, lost_tail=...)`` when it is dropped;
* ``at_send(sent)`` at each write, before the venue can act on it;
* ``gone(order)`` when a placement it has seen can no longer reach the exchange;
* ``before_step(now_ns, event)`` and ``after_step(now_ns, event)`` around each step, so that what
  the step sends is held against all that the engine was told, the event included;
* ``found(found)`` when it finds a merge of an earlier process, before ``after_step``;
* ``alarmed(alarm)`` and ``finished(now_ns, finished)`` from the engine's venue;
* ``healed(now_ns)`` when all faults are off for good, ``finish(now_ns)`` at the end of the run.

Each of them raises `Violated`. A step costs what it touched: all is looked at every `SWEEP_STEPS`.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from polymm.engine import evidence as ev
from polymm.engine.actions import Alarm, Finished, MergeFound
from polymm.engine.limits import RiskLimits
from polymm.engine.recovered import Recovered
from polymm.exchange.entry import OrderRequest
from polymm.exchange.exchange import Exchange
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder
from polymm.exchange.wallets import Wallet
from tests.simulation.bounds import Bounds
from tests.simulation.holding import QUIET_NS, BeliefChecks, TruthChecks, check_limits
from tests.simulation.journaling import DiskView, check_fates, check_plan, check_replay
from tests.simulation.sending import BEAT_DEADLINE_NS, SECOND, Sends
from tests.simulation.senses import NEVER, Senses
from tests.simulation.strangers import Strangers
from tests.simulation.timing import MS, Timing
from tests.simulation.told import Told
from tests.simulation.truth import Truth
from tests.simulation.violations import Violated
from tests.simulation.wire import Sent

if TYPE_CHECKING:
    from polymm.engine.engine import Engine

SWEEP_STEPS: Final = 1_000
# Looking at all containers takes milliseconds.
BOUNDS_STEPS: Final = 20_000
CLOCK_NS: Final = 50 * MS
# What was sent so long before the end must have found its end too.
SETTLED_NS: Final = 60 * SECOND


class Checker:
    """Holds every invariant that can be held from outside.

    Args:
        exchange: The truth.
        owner: The account's API key at the exchange.
        wallet: The account's wallet at the exchange.
        limits: What must hold.
        senses: The world's own stamps.

    Attributes:
        steps: Steps looked at.
        truth, sends, timing: Its parts.
    """

    def __init__(
        self, exchange: Exchange, owner: str, wallet: Wallet, limits: RiskLimits, senses: Senses
    ) -> None:
        self.steps = 0
        self.truth = Truth(exchange, owner, wallet)
        self.truth.foreign = senses.foreign
        self._strangers = Strangers(exchange, senses)
        self.sends = Sends(self.truth, limits, senses)
        self._held = TruthChecks(self.truth, limits)
        self.timing = Timing(self.truth, self.sends, limits, senses, self._held.total_cost_e6)
        self._bounds = Bounds()
        self._limits = limits
        self._senses = senses
        self._life = 0
        self._engine: Engine | None = None
        self._disk: DiskView | None = None
        self._told = Told(0, self._side_of)
        self._belief: BeliefChecks | None = None
        self._finished: Finished | None = None
        self._quarantined: set[str] = set()
        self._journal_fails = False
        self._lost: set[str] = set()
        self._settled: set[str] = set()
        self._lost_tail = False
        self._clock_ns = 0
        self._now_ns = 0
        self.truth.on_arrive = self._arrived
        self.truth.on_enter = self._entered
        self.truth.on_close = self._closing
        self.truth.on_exceed = self._held.check_exposure

    # The process

    def started(self, now_ns: int, engine: "Engine", disk: DiskView, state: Recovered) -> None:
        """An engine process begins on this disk, with what its journal tells."""
        if self._engine is not None:
            raise Violated("I28", "a second engine has begun on this account", now_ns)
        self._life += 1
        self._engine, self._disk = engine, disk
        # Whatever was written down of losses binds the next process as well.
        failures = {} if self._lost_tail else self._told.failures
        self._told = Told(now_ns, self._side_of, state.settled, failures)
        left = [market for market in state.markets if market not in state.settled]
        self.sends.losing.began(now_ns, lost_tail=self._lost_tail, left=left)
        check_limits(now_ns, engine.gate.limits)
        if self._lost_tail:
            known = engine.orders.by_hash
            self._lost.update(order for order in self.sends.sent if order not in known)
        self._belief = BeliefChecks(
            self.truth,
            self._limits,
            self._told,
            engine,
            state,
            self._lost,
            is_sure=not self._lost_tail,
        )
        self.truth.merging_e6.clear()
        self._finished = None
        self._journal_fails = False
        self.sends.began()
        self._strangers.began()
        self._bounds.began()
        self.timing.started(now_ns)

    def crashed(self, now_ns: int, *, lost_tail: bool) -> None:
        """The engine process is gone; ``lost_tail``: some of what it wrote as well."""
        if self._disk is not None and not lost_tail:
            self._check_replay(now_ns)
        if self._belief is not None:
            for market, pairs_e6 in self._belief.untold_e6.items():
                self.truth.merging_e6[market] += pairs_e6
        self._engine = None
        self._belief = None
        # What a full disk did not take is lost as well.
        self._lost_tail = self._lost_tail or lost_tail or self._journal_fails
        self.timing.crashed(now_ns)

    def alarmed(self, alarm: Alarm) -> None:
        """The engine tells people."""
        if alarm.name == "quarantined":
            self._quarantined.add(alarm.subject)

    def found(self, found: MergeFound) -> None:
        """The engine has found that a merge of an earlier process was carried out."""
        assert self._belief is not None
        self._belief.found(found.market, found.pairs_e6)
        self.sends.losing.merged(found.market, found.pairs_e6)

    def finished(self, now_ns: int, finished: Finished) -> None:
        """The engine says that it is done."""
        self._finished = finished
        self.timing.check_stopped(now_ns, self._told, finished)

    # The wire

    def at_send(self, sent: Sent) -> None:
        """Bytes are being handed over."""
        engine = self._engine
        if engine is None:
            raise Violated("I28", f"{sent.kind} was sent and no engine runs", sent.ns)
        match sent.kind:
            case "post":
                assert self._disk is not None
                assert self._belief is not None
                self._belief.ready()
                self._lost_tail = False
                self._strangers.post(sent.ns)
                self.sends.post(sent.ns, sent, self._told, engine, self._life)
                for order in sent.orders:
                    check_plan(sent.ns, order, self._disk)
            case "cancel":
                self.sends.cancel(sent.ns, sent, self._told, engine)
            case "sweep":
                self.sends.sweep(sent.ns, sent.market)
                if not sent.market:
                    self.timing.swept(sent.ns)
            case "beat":
                self.sends.beat(sent.ns, self._told, engine)

    def gone(self, order: str) -> None:
        """A placement that was sent can no longer reach the exchange."""
        self.sends.flying.pop(order, None)

    # The exchange

    def _arrived(self, now_ns: int, request: OrderRequest, listing: Listing) -> None:
        self.sends.arrived(now_ns, request, listing)

    def _entered(self, now_ns: int, order: BookOrder, listing: Listing) -> None:
        self._held.entered(now_ns, order, listing)

    def _closing(self, now_ns: int, listing: Listing) -> None:
        """I5: what still rests at the close was at least tried to be cancelled.

        Not by a process that is down, or whose loop has stood still since before the margin: what
        it left is for the dead man's switch.
        """
        if self._engine is None:
            return
        if 0 < self._senses.froze_ns <= now_ns - self._limits.close_margin_ns:
            return
        for order_id, order in self.truth.open[listing.condition_id].items():
            is_old = order.created_ns < now_ns - SECOND
            if is_old and order_id in self.sends.sent and order_id not in self.sends.tried:
                raise Violated("I5", f"{order_id} rests at the close, never cancelled", now_ns)

    # Steps

    def before_step(self, now_ns: int, event: ev.Event) -> None:
        """The engine is about to take an event."""
        if type(event) is not ev.BookChanged:
            self._told.apply(now_ns, event)
            self._strangers.tell(now_ns, event)

    def after_step(self, now_ns: int, event: ev.Event) -> None:
        """The engine took an event, and what it answered was carried out."""
        engine, belief = self._engine, self._belief
        assert engine is not None
        assert belief is not None
        if now_ns < self._now_ns:
            raise Violated("I26", f"time ran back from {self._now_ns}", now_ns)
        self._now_ns = now_ns
        self.steps += 1
        markets = self.truth.touched
        is_book = type(event) is ev.BookChanged
        if not is_book:
            news = self._told.news
            if news:
                self.sends.losing.take(now_ns, (fill for fill, _ in news))
                markets.update(fill.market for fill, _ in news)
                belief.book()
            self._note(event, belief)
            markets.update(self._concerned(event, engine))
        if markets or not is_book:
            # A book moves what is wanted, not what is believed of orders.
            belief.settle()
            if belief.is_behind:
                markets |= belief.correct()
            belief.check_orders(now_ns)
            belief.check_markets(now_ns, markets & engine.seats.keys())
            markets.clear()
        if now_ns >= self._clock_ns:
            self._clock_ns = now_ns + CLOCK_NS
            self._look_at_clocks(now_ns, engine, belief)
        if self.steps % SWEEP_STEPS == 0:
            self._sweep(now_ns, engine, belief)
        if self.steps % BOUNDS_STEPS == 0 or type(event) is ev.MarketSettled:
            self._bounds.check(now_ns, engine)

    def _concerned(self, event: ev.Event, engine: "Engine") -> Iterable[str]:
        """Markets whose belief an event may change; a read or a timer may change all."""
        market = getattr(event, "market", "")
        if market:
            return (market,)
        sending = self.sends.sent.get(getattr(event, "order", ""))
        if sending is not None:
            return (sending.market,)
        return [name for name, seat in engine.seats.items() if seat.is_open]

    def _note(self, event: ev.Event, belief: BeliefChecks) -> None:
        match event:
            case ev.Merged(market, pairs_e6):
                belief.merged(market, pairs_e6)
                self.sends.losing.merged(market, pairs_e6)
                merging_e6 = self.truth.merging_e6
                merging_e6[market] = max(merging_e6[market] - pairs_e6, 0)
            case ev.JournalFailed():
                self._journal_fails = True
            case ev.JournalHealed():
                self._journal_fails = False
            case ev.MarketSettled(market, paid_e6):
                self._bounds.rolled += 1
                self.sends.losing.settled(market, paid_e6)
                self._settled.add(market)

    def _look_at_clocks(self, now_ns: int, engine: "Engine", belief: BeliefChecks) -> None:
        told, timing = self._told, self.timing
        for market in engine.seats:
            timing.check_inputs(now_ns, market, told)
        self.sends.losing.look(now_ns, engine)
        timing.check_pulled(now_ns)
        timing.check_killed(now_ns, told)
        timing.check_resolved(now_ns, engine)
        timing.check_quoting(now_ns, told, engine, belief.corrected)
        timing.check_lag(now_ns)
        timing.check_stopped(now_ns, told, self._finished)
        deadline_ns = told.beat_ns + BEAT_DEADLINE_NS
        if told.beat_ns > NEVER and told.missed_ns < deadline_ns <= now_ns:
            told.missed_ns = now_ns
            belief.check_doubt(now_ns)

    def _sweep(self, now_ns: int, engine: "Engine", belief: BeliefChecks) -> None:
        """Look at everything."""
        self.truth.audit(now_ns)
        belief.check_markets(now_ns, engine.seats)
        if self.timing.is_calm(now_ns, QUIET_NS):
            belief.check_quiet(now_ns)

    def _check_replay(self, now_ns: int) -> None:
        assert self._disk is not None
        if not self._journal_fails:
            sent = {key: one for key, one in self.sends.sent.items() if key not in self._lost}
            # The journal forgets a settled market after a while.
            markets = self.truth.exchange.listings.keys() - self._settled
            check_replay(now_ns, self._disk, sent, self._told.fills, markets)

    def _side_of(self, order: str) -> tuple[str, int] | None:
        sending = self.sends.sent.get(order)
        return None if sending is None else (sending.market, sending.place.sign)

    # The end

    def healed(self, now_ns: int) -> None:
        """From now on nothing goes wrong any more."""
        self.timing.healed(now_ns)

    def finish(self, now_ns: int) -> None:
        """The run is over: what must be true of all of it."""
        engine, belief = self._engine, self._belief
        self.timing.check_events(now_ns)
        if engine is None or belief is None:
            self.timing.check_dead(now_ns)
            return
        self._sweep(now_ns, engine, belief)
        self._bounds.check(now_ns, engine)
        self._check_replay(now_ns)
        lives = {order.order: order.life for order in engine.orders.by_id.values()}
        old = [
            key for key, one in self.sends.sent.items()
            if one.at_ns < now_ns - SETTLED_NS and self.truth.find(key) is None
        ]  # fmt: skip
        if self.timing.is_calm(now_ns, SETTLED_NS):
            check_fates(now_ns, lives, old, self._quarantined)
