"""Scripted runs for what only a venue tells that contradicts itself, and for what comes in between.

The exchange keeps its word, so no seed ever hears of a refused order that rests or of a fill beyond
the end. Here the whole engine runs in an ordinary world, and whenever one of its orders is in a
state that is asked for, something untrue of it is told. What the engine then believes is wrong by
intent, so no checker looks on; what it must do with each such word is held by
`tests.engine.test_order_cells`. Nothing may break, and each cell must be met.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Final

from polymm.domain.market import NS
from polymm.domain.order import Place
from polymm.engine import evidence as ev
from polymm.engine.order_evidence import Row
from polymm.engine.order_life import Life as State
from polymm.engine.order_life import Order
from polymm.engine.ports import SignedOrder
from polymm.errors import InputError
from polymm.exchange.faults import Fault
from tests.engine.order_cells import SCRIPTED, Cell
from tests.simulation.calls import Call
from tests.simulation.faults import WireFault
from tests.simulation.life import Life
from tests.simulation.process import EngineProcess
from tests.simulation.scenario import Episode, Scenario, draw
from tests.simulation.wire import Take
from tests.simulation.world import Reached, World

MINUTES: Final = 3.0
# By then the first orders rest; in some of these worlds a window ends in time.
BLIND_NS: Final = 40 * NS
BLIND_SEEDS: Final = (10, 30, 18, 6, 24)
SEEDS: Final = range(10, 18)
SHARE_E6: Final = 1_000_000
# What a world needs for orders to come into a state at all.
WAYS: Final[Mapping[State, Mapping[Fault | WireFault, float]]] = {
    State.NEW_INFLIGHT: {Fault.POST_REPLY_LOST: 1.0, WireFault.USER_FRAME_LOST: 0.9},
    State.UNKNOWN_NEW: {Fault.POST_REPLY_LOST: 1.0, WireFault.USER_FRAME_LOST: 0.9},
    State.UNKNOWN_CANCEL: {Fault.CANCEL_FAILED: 0.7},
    State.CLOSING: {Fault.USER_FILL_LATE: 1.0},
    State.QUARANTINED: {Fault.CANCEL_FAILED: 0.8},
    State.REJECTED: {Fault.POST_TIMED_OUT: 0.5},
}


def play(state: State) -> Counter[Cell]:
    """Run worlds until all was told of orders in a state; all cells that were met."""
    rows = [row for life, row in SCRIPTED if life is state and row not in _UNTOLD]
    left = deque(sorted(rows, key=lambda row: _LAST.index(row) if row in _LAST else -1))
    met: Counter[Cell] = Counter()
    for seed in SEEDS:
        if left:
            met += Script(seed, state, left).play()
    return met


def play_blind() -> Counter[Cell]:
    """Run worlds in which orders cannot be read, cancelled or heard of until all is met.

    Returns:
        All cells that they met.
    """
    wanted = {cell for cell in SCRIPTED if cell[1] in _UNTOLD}
    met: Counter[Cell] = Counter()
    for seed in BLIND_SEEDS:
        young = Script(seed, State.UNKNOWN_NEW, deque())
        young.blind(young.scenario.start_ns + BLIND_NS)
        late = Script(seed, State.LIVE, deque())
        late.blind(late.scenario.start_ns + BLIND_NS)
        last = Script(seed, State.LIVE, deque())
        ends = [market.end_ns for market in last.scenario.markets]
        # What is pulled at the end cannot be found out before the market is over.
        heal_ns = last.scenario.heal_ns
        closes_ns = max((ns for ns in ends if ns < heal_ns), default=heal_ns)
        last.blind(closes_ns - last.scenario.close_margin_ns - NS)
        for script in (young, late, last):
            if wanted - met.keys():
                met += script.play()
    return met


class Script:
    """One world in which something untrue is told of orders in one state.

    Args:
        seed: Of the world.
        state: Theirs.
        rows: What is told: one thing of each order; what was told is taken out.
    """

    def __init__(self, seed: int, state: State, rows: deque[Row]) -> None:
        self.met: Counter[Cell] = Counter()
        self._state = state
        self._rows = rows
        self._is_over = self._is_waiting = False
        self._trades = count(1)
        self.scenario = _scenario(seed, state)
        self._world = world = World(self.scenario, EngineProcess)
        world.on_started = self._started
        world.on_step = self._look

    def play(self) -> Counter[Cell]:
        """Run it until all was told, or to the end."""
        self._world.run()
        return self.met

    def blind(self, from_ns: int) -> None:
        """From a time on let lists, queries and sweeps fail; a cancel finds no order."""
        wire = self._world.wire
        send = wire.send

        def sent(now_ns: int, call: Call, take: Take) -> int:
            if now_ns < from_ns or call.kind not in ("read_open", "read_order", "sweep"):
                return send(now_ns, call, take)
            wire.withhold(now_ns, call, take, "unreachable", 0)
            return 0

        def blinded(now_ns: int) -> None:
            self._world.exchange.faults.set(Fault.CANCEL_UNKNOWN, 1.0)
            self._world.faults.set(WireFault.USER_FRAME_LOST, 0.9)

        wire.send = sent  # type: ignore[method-assign]
        self._world.at(from_ns, blinded)

    def _started(self, life: Life) -> None:
        process = life.process
        assert isinstance(process, EngineProcess)
        process.engine.orders.on_cell = self._visit
        if self._state is State.PLANNED:
            life.sign = partial(self._sign, life, life.sign)  # type: ignore[method-assign]

    def _visit(self, before: State, row: Row) -> None:
        self.met[before, row] += 1

    def _look(self, now_ns: int, event: ev.Event) -> None:
        """Tell something of the first order that is in the state; end when all was told."""
        if self._is_over:
            raise Reached
        life = self._world.life
        if self._is_waiting or not self._rows or life is None or self._state is State.PLANNED:
            return
        process = life.process
        assert isinstance(process, EngineProcess)
        for order in process.engine.orders.by_id.values():
            if order.life is self._state:
                row = self._rows.popleft()
                self._is_waiting = True
                self._world.at(now_ns, partial(self._tell, life, order, row))
                return

    def _tell(self, life: Life, order: Order, row: Row, now_ns: int) -> None:
        self._is_waiting = False
        if order.life is not self._state:
            self._rows.append(row)
            return
        self._is_over = not self._rows
        life.take(_TOLD[row](order, now_ns, f"untrue {next(self._trades)}"))

    def _sign(
        self,
        life: Life,
        sign: Callable[[str, Sequence[Place]], Sequence[SignedOrder]],
        market: str,
        places: Sequence[Place],
    ) -> Sequence[SignedOrder]:
        """Sign while something happens, or fail."""
        row = self._rows.popleft() if self._rows else None
        self._is_over = row is None
        if row is Row.DISCARDED:
            raise InputError("the signer is away")
        if row is Row.DOUBT:
            life.take(ev.ClockJumped(60_000_000_000))
        elif row is Row.CLOSED:
            life.take(ev.MarketClosed(market))
        return sign(market, places)


def _scenario(seed: int, state: State) -> Scenario:
    calm = draw(seed, MINUTES)
    rates = WAYS.get(state, {})
    episodes = [Episode(fault, rate, calm.start_ns, calm.heal_ns) for fault, rate in rates.items()]
    return replace(calm, episodes=tuple(episodes), troubles=(), takes=(0.2, 60))


def _answered(verdict: ev.PlaceVerdict, order: Order, now_ns: int, trade: str) -> ev.Event:
    return ev.PlaceAnswered(order.order, verdict, "order_timed_out", order.written_ns, now_ns)


def _canceled(verdict: ev.CancelVerdict, order: Order, now_ns: int, trade: str) -> ev.Event:
    return ev.CancelAnswered(order.order, verdict, "", order.written_ns + 1, now_ns)


def _told(
    news: ev.OrderNews, order: Order, now_ns: int, trade: str, *, is_bare: bool = False
) -> ev.Event:
    matched_e6 = -1 if is_bare else order.matched_e6
    return ev.OrderTold(order.order, news, "", order.market, matched_e6, 0, now_ns)


def _filled(status: ev.Settlement, order: Order, now_ns: int, trade: str) -> ev.Event:
    place = order.place
    return ev.FillTold(
        trade, order.order, 0, status, order.market, place.token, place.side, SHARE_E6,
        SHARE_E6 * place.price_e4, True, 0, 0, now_ns, now_ns,
    )  # fmt: skip


def _open(order: Order, now_ns: int, trade: str) -> ev.Event:
    seen = ev.OpenSeen(order.order, order.market, order.matched_e6, order.place.size_e6)
    return ev.OrderRead(order.order, seen, now_ns, now_ns)


def _closed(order: Order, now_ns: int, trade: str) -> ev.Event:
    return ev.MarketClosed(order.market)


_TOLD: Final[Mapping[Row, Callable[[Order, int, str], ev.Event]]] = {
    Row.ACCEPTED: partial(_answered, ev.PlaceVerdict.LIVE),
    Row.REJECTED: partial(_answered, ev.PlaceVerdict.REJECTED),
    Row.AMBIGUOUS: partial(_answered, ev.PlaceVerdict.UNKNOWN),
    Row.PLACEMENT: partial(_told, ev.OrderNews.PLACEMENT),
    Row.UPDATE: partial(_told, ev.OrderNews.UPDATE),
    Row.OPEN: _open,
    Row.TRADE: partial(_filled, ev.Settlement.MATCHED),
    Row.VOID: partial(_filled, ev.Settlement.VOID),
    Row.CANCELED: partial(_canceled, ev.CancelVerdict.CANCELED),
    Row.NOT_CANCELED: partial(_canceled, ev.CancelVerdict.NOT_CANCELED),
    Row.CANCEL_FAILED: partial(_canceled, ev.CancelVerdict.UNKNOWN),
    Row.CANCELLATION: partial(_told, ev.OrderNews.CANCELLATION),
    Row.CANCELLATION_BARE: partial(_told, ev.OrderNews.CANCELLATION, is_bare=True),
    Row.CLOSED: _closed,
}
# After these an order is in another state, after the last the market is over.
_LAST: Final = (Row.CANCELED, Row.CANCELLATION_BARE, Row.CANCELLATION, Row.CLOSED)
# What comes of time and of reads alone.
_UNTOLD: Final = (Row.QUARANTINE, Row.TRADES)
