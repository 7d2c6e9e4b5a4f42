"""Orders, ledger, gate, reconciler and heartbeat against a scripted venue, in virtual time.

The venue is the truth: it answers each request a moment later, and fails where a test says so. What
the engine's parts ask for is in `Scene.log`, with when it was asked.
"""

from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from typing import Any, TypeVar

from polymm.domain.market import NS, Market
from polymm.domain.order import Place, Side, Token
from polymm.engine import actions as act
from polymm.engine import evidence as ev
from polymm.engine.beating import Beating, BeatSettings
from polymm.engine.evidence import CancelVerdict, PlaceVerdict
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.limits import RiskLimits
from polymm.engine.order_life import Order, OrderSettings
from polymm.engine.order_manager import OrderManager
from polymm.engine.phases import Phase
from polymm.engine.proving import ReconcileSettings
from polymm.engine.reconcile import Reconciler
from polymm.engine.risk import RiskGate
from tests.support.proving_venue import MARKET, MS, TEN, Resting, ScriptedVenue

START_NS = 1_776_323_400 * NS
A = TypeVar("A")

LIMITS = RiskLimits(
    max_market_e6=1_000 * TEN,
    max_total_cost_e6=1_000 * TEN,
    order_size_max_e6=10 * TEN,
    loss_max_e6=1_000 * TEN,
    markout_loss_max_e6=1_000 * TEN,
)


class Budget:
    """A bucket that is never empty."""

    bursts = (1_000, 1_000)

    def tokens(self, now_ns: int) -> tuple[int, int]:
        return self.bursts

    def reserve(self, live: int) -> int:
        return 0


def make_market(name: str = MARKET, *, start_ns: int = START_NS, length_s: int = 300) -> Market:
    return Market(
        slug=f"slug-{name}",
        condition_id=name,
        up_token="1",
        down_token="2",
        start_ns=start_ns,
        end_ns=start_ns + length_s * NS,
    )


class Scene:
    """Everything that proves, with the venue; nothing happens but by `run`."""

    def __init__(
        self,
        settings: ReconcileSettings | None = None,
        *,
        orders: OrderSettings | None = None,
        now_ns: int = START_NS,
    ) -> None:
        self.now_ns = self.begin_ns = now_ns
        self.fills = FillLedger()
        self.orders = OrderManager(self.fills, orders or OrderSettings())
        self.gate = RiskGate(LIMITS, self.orders, self.fills, Budget())
        self.reconciler = Reconciler(
            self.orders, self.fills, self.gate, settings or ReconcileSettings()
        )
        self.beating = Beating(self.orders, self.gate, BeatSettings())
        self.venue = ScriptedVenue()
        self.log: list[tuple[int, act.Action]] = []
        self.on_step: Callable[[], None] = lambda: None
        self._heap: list[tuple[int, int, ev.Event | Callable[[], None]]] = []
        self._count = 0
        self._numbers = 0

    # What a test does

    def start(self, *, user_ms: int = 50, **known: Any) -> None:
        """Begin; the user channel lives after so long, -1 for never."""
        self.reconciler.start(self.now_ns, **known)
        self.beating.start(self.now_ns)
        if user_ms >= 0:
            self.later(user_ms * MS, ev.UserChannel(is_live=True, since_ns=self.now_ns))
        self._settle()

    def start_ready(self, *markets: Market) -> None:
        """Begin with these markets open, and go on until they are ready."""
        for market in markets or (make_market(),):
            self.reconciler.add_market(self.now_ns, market, 5 * NS)
        self.start()
        self.run_until(lambda: self.reconciler.phase is Phase.READY)

    def later(self, wait_ns: int, event: ev.Event | Callable[[], None]) -> None:
        """Have something happen so long from now."""
        self._count += 1
        heappush(self._heap, (self.now_ns + wait_ns, self._count, event))

    def tell(self, event: ev.Event) -> None:
        """Have an event happen now."""
        self._step(event)

    def run(self, seconds: float) -> None:
        """Let so much time pass."""
        end_ns = self.now_ns + int(seconds * NS)
        while self._turn(end_ns):
            pass
        self.now_ns = end_ns

    def run_until(self, is_reached: Callable[[], bool], seconds: float = 60.0) -> float:
        """Let time pass until something holds; how long that took, s."""
        begin_ns, end_ns = self.now_ns, self.now_ns + int(seconds * NS)
        while not is_reached():
            assert self._turn(end_ns), f"not reached within {seconds} s"
        return (self.now_ns - begin_ns) / NS

    def post(
        self,
        name: str,
        market: str = MARKET,
        *,
        lands_ms: int = 10,
        answers_ms: int = 20,
        verdict: PlaceVerdict = PlaceVerdict.LIVE,
        reason: str = "",
        rests: bool = True,
    ) -> Order:
        """Send an order that lands and is answered so much later; answered never for -1."""
        self._numbers += 1
        place = Place(self._numbers, f"slug-{market}", Token.UP, Side.BUY, 5_000, TEN)
        order = self.orders.plan(self.now_ns, market, place)
        self._step(ev.Signed(place.order_id, name))
        self._step(ev.Written((name,), self.now_ns))
        sent_ns = self.now_ns
        if rests:
            self.later(lands_ms * MS, lambda: self._land(name, market))
        if answers_ms >= 0:
            self.later(
                answers_ms * MS,
                lambda: self._step(ev.PlaceAnswered(name, verdict, reason, sent_ns, self.now_ns)),
            )
        return order

    def pull(self, order: Order) -> None:
        """Want an order gone."""
        self.orders.want_cancel(self.now_ns, order.place.order_id)
        self._settle()

    def restore(
        self, name: str, market: str = MARKET, *, age_s: float = 60.0, side: Side = Side.BUY
    ) -> Order:
        """Take an order over from an earlier run."""
        self._numbers += 1
        planned_ns = self.now_ns - int(age_s * NS)
        place = Place(self._numbers, f"slug-{market}", Token.UP, side, 5_000, TEN)
        return self.orders.restore(self.now_ns, market, place, name, planned_ns=planned_ns)

    def fill(self, name: str, market: str = MARKET, size_e6: int = TEN) -> ev.FillTold:
        """Match a resting order, settled at once; nobody is told."""
        resting = self.venue.open.get(name)
        if resting is not None:
            resting.matched_e6 += size_e6
            if resting.matched_e6 >= resting.size_e6:
                del self.venue.open[name]
        cash_e10 = 5_000 * size_e6
        told = ev.FillTold(
            trade=f"t{len(self.venue.fills)}",
            order=name,
            leg=0,
            status=ev.Settlement.CONFIRMED,
            market=market,
            token=Token.UP,
            side=Side.BUY,
            size_e6=size_e6,
            cash_e10=cash_e10,
            is_maker=True,
            fee_e6=0,
            counter_fee_e6=0,
            stamp_ns=self.now_ns,
            recv_ns=self.now_ns,
        )
        self.venue.fills.append(told)
        key = (market, Token.UP)
        self.venue.shares[key] = self.venue.shares.get(key, 0) + size_e6
        self.venue.cash_e6 -= cash_e10 // 10_000
        return told

    # What a test looks at

    @property
    def phase(self) -> Phase:
        return self.reconciler.phase

    def asked(self, kind: type[A]) -> list[tuple[float, A]]:
        """Actions of a kind, each with when it was asked for, s since the begin."""
        return [
            ((at_ns - self.begin_ns) / NS, action)
            for at_ns, action in self.log
            if isinstance(action, kind)
        ]

    def alarms(self) -> list[str]:
        return [alarm.name for _, alarm in self.asked(act.Alarm)]

    @property
    def finished(self) -> act.Finished | None:
        found = self.asked(act.Finished)
        assert len(found) < 2, "the last word was said twice"
        return found[0][1] if found else None

    # The world

    def _turn(self, end_ns: int) -> bool:
        """Let the next thing happen, if it does before the end."""
        timer_ns = min(part.next_timer_ns for part in self._parts)
        next_ns = min(timer_ns, self._heap[0][0] if self._heap else end_ns + 1)
        if next_ns > end_ns:
            return False
        self.now_ns = max(next_ns, self.now_ns)
        if self._heap and self._heap[0][0] <= self.now_ns:
            _, _, event = heappop(self._heap)
            if callable(event):
                event()
            else:
                self._step(event)
        else:
            self._settle()
        return True

    @property
    def _parts(self) -> Iterable[Any]:
        return self.orders, self.gate, self.reconciler, self.beating

    def _step(self, event: ev.Event) -> None:
        if not isinstance(event, ev.Timer):
            self.orders.apply(self.now_ns, event)
            self.gate.note(self.now_ns, event)
            self.reconciler.apply(self.now_ns, event)
            self.beating.apply(self.now_ns, event)
        self._settle()

    def _settle(self) -> None:
        for _ in range(3):
            for part in self._parts:
                if self.now_ns >= part.next_timer_ns:
                    part.tick(self.now_ns)
        timer_ns = min(part.next_timer_ns for part in self._parts)
        assert timer_ns > self.now_ns, "a timer that is due stays due"
        for part in self._parts:
            actions = list(part.actions)
            part.actions.clear()
            for action in actions:
                self.log.append((self.now_ns, action))
                self._carry_out(action)
        self.orders.replies.clear()
        self.on_step()

    def _carry_out(self, action: act.Action) -> None:
        sent_ns, half_ns = self.now_ns, self.venue.half_ns
        if isinstance(action, act.CancelOrders):
            self.later(0, ev.CancelWritten(action.orders, sent_ns))
        if type(action).__name__ in self.venue.silent:
            return

        def answer(make: Callable[[], Iterable[ev.Event]]) -> None:
            """Look half a way later, and tell another half later."""

            def look() -> None:
                for event in make():
                    stamped = event._replace(recv_ns=self.now_ns + half_ns)  # type: ignore[call-arg]
                    self.later(half_ns, stamped)

            self.later(half_ns, look)

        match action:
            case act.Sweep(market):
                answer(lambda: [self._swept(market, sent_ns)])
            case act.CancelOrders(orders):
                answer(lambda: [self._canceled(order, sent_ns) for order in orders])
            case act.Beat():
                answer(lambda: [ev.BeatAnswered(self.venue.beats, "", sent_ns, 0)])
            case act.ReadOpen() | act.ReadOrder() | act.ReadTrades():
                answer(lambda: [self.venue.read(action, sent_ns)])
            case act.ReadBalances() | act.ReadPreflight() | act.ReadKeys():
                answer(lambda: [self.venue.read(action, sent_ns)])
            case _:
                pass

    def _land(self, name: str, market: str) -> None:
        self.venue.open[name] = Resting(market, TEN)

    def _remove(self, name: str) -> bool:
        """Take an order out of the book, and tell that."""
        if name in self.venue.uncancellable or name not in self.venue.open:
            return False
        gone = self.venue.open.pop(name)
        if self.venue.tells:
            news = ev.OrderNews.CANCELLATION
            told = ev.OrderTold(name, news, "CANCELED", gone.market, gone.matched_e6, 0, 0)
            self.later(self.venue.half_ns, told._replace(recv_ns=self.now_ns + self.venue.half_ns))
        return True

    def _swept(self, market: str, sent_ns: int) -> ev.Swept:
        verdict, gone = self.venue.sweep, []
        if verdict in (CancelVerdict.CANCELED, CancelVerdict.UNKNOWN):
            names = [n for n, o in self.venue.open.items() if market in ("", o.market)]
            gone = [name for name in names if self._remove(name)]
        if verdict is not CancelVerdict.CANCELED:
            return ev.Swept(market, verdict, (), (), self.venue.reason, sent_ns, 0)
        return ev.Swept(market, verdict, tuple(gone), (), "", sent_ns, 0)

    def _canceled(self, order: str, sent_ns: int) -> ev.CancelAnswered:
        verdict = self.venue.cancel
        if verdict is CancelVerdict.CANCELED and not self._remove(order):
            is_kept = order in self.venue.uncancellable
            verdict = CancelVerdict.REFUSED if is_kept else CancelVerdict.NOT_CANCELED
        reason = "" if verdict is CancelVerdict.CANCELED else self.venue.reason
        return ev.CancelAnswered(order, verdict, reason, sent_ns, 0)


def swept(scene: Scene, *, sent_ns: int = 0) -> ev.Swept:
    """A cancel of all that found nothing."""
    at_ns = sent_ns or scene.now_ns
    return ev.Swept("", CancelVerdict.CANCELED, (), (), "", at_ns, scene.now_ns)


def listed(scene: Scene, began_ns: int, *names: str) -> ev.OpenListed:
    """A list of all that is open, begun then: these orders."""
    seen = tuple(ev.OpenSeen(name, MARKET, 0, TEN) for name in names)
    return ev.OpenListed("", seen, began_ns, scene.now_ns)
