"""A whole engine in virtual time against a venue that answers at once and never lies."""

from typing import Any, TypeVar

from polymm.domain.market import NS, Market
from polymm.domain.order import Place, Side, Token
from polymm.engine import actions as act
from polymm.engine import evidence as ev
from polymm.engine.engine import Engine, EngineSettings
from polymm.engine.recovered import Recovered
from polymm.engine.settings import MakerSettings
from tests.support.fake_lane import FakeBook, FakeLane
from tests.support.proving_scene import LIMITS, START_NS, Budget, make_market
from tests.support.proving_venue import MARKET, TEN

CASH_E6 = 1_000_000_000
STEP_NS = NS // 10
READY_STEPS_MAX = 100
_REQUOTE = 1 << 13
A = TypeVar("A")


class View(FakeBook):
    """A market's book and lane, proven at every moment."""

    reference_ns = 0
    is_contradicted = False

    def __init__(self) -> None:
        super().__init__()
        self.lane = FakeLane(event=False)
        self.proven_ns = [START_NS, START_NS]

    @property
    def quote(self) -> Any:
        return self.lane.quote

    def evaluate(self, now_ns: int) -> int:
        return self.lane.evaluate(now_ns)

    def set_inventory(self, up_e6: int, down_e6: int, unsellable_up_e6: int = 0) -> None:
        self.lane.set_inventory(up_e6, down_e6, unsellable_up_e6)

    def set_working(self, *working: int) -> None:
        self.lane.set_working(*working)


class EngineScene:
    """One engine and its venue.

    Attributes:
        log: All actions, with when.
        resting: Orders in the venue's book, by hash.
        held_e6: Shares on the chain by (market, token).
        is_merging: Whether merges go through.
    """

    def __init__(self, known: Recovered | None = None, **maker: Any) -> None:
        self.now_ns = START_NS
        self.log: list[tuple[int, act.Action]] = []
        self.resting: dict[str, tuple[str, Place]] = {}
        self.held_e6: dict[tuple[str, Token], int] = {}
        self.views: dict[str, View] = {}
        self.is_merging = True
        settings = EngineSettings(
            limits=LIMITS, close_margin_ns=2 * NS, maker=MakerSettings(**maker)
        )
        self.engine = Engine(settings, budget=Budget())
        if known is not None:
            self.engine.restore(self.now_ns, known)
        self._trades = 0

    # Time and events

    def add(self, market: Market | None = None) -> View:
        market = market or make_market()
        view = self.views[market.condition_id] = View()
        self.engine.add_market(self.now_ns, market, view)
        return view

    def begin(self) -> None:
        """Start, and let everything be proven; the user channel is heard."""
        self._carry_out(self.engine.start(self.now_ns))
        self.tell(ev.UserChannel(is_live=True, since_ns=0))
        for _ in range(READY_STEPS_MAX):
            ready = map(self.engine.reconciler.is_ready, self.views)
            if all(ready) and self.engine.gate.is_open:
                return
            self.run(STEP_NS)
        raise AssertionError(f"never ready: {dict(self.engine.gate.closed_by)}")

    def open(self, market: str = MARKET) -> None:
        self.tell(ev.MarketOpened(market))

    def run(self, ns: int) -> None:
        """Let time pass; what falls due is done in its turn."""
        until_ns = self.now_ns + ns
        while self.engine.next_timer_ns <= until_ns:
            self.now_ns = max(self.now_ns, self.engine.next_timer_ns)
            self._prove()
            self.tell(ev.Timer())
        self.now_ns = until_ns
        self._prove()

    def look(self, market: str = MARKET) -> None:
        self.tell(ev.BookChanged(market, _REQUOTE))

    def tell(self, event: ev.Event) -> None:
        self._carry_out(self.engine.step(self.now_ns, event))

    def _prove(self) -> None:
        for view in self.views.values():
            view.proven_ns = [self.now_ns] * 2

    # The venue

    def _carry_out(self, actions: Any) -> None:
        for action in actions:
            self.log.append((self.now_ns, action))
        for action in actions:
            self._answer(action)

    def _answer(self, action: act.Action) -> None:
        now_ns = self.now_ns
        match action:
            case act.Post(market, places):
                for place in places:
                    order = f"0x{place.order_id}"
                    self.resting[order] = (market, place)
                    self.tell(ev.Signed(place.order_id, order))
                    self.tell(ev.Written((order,), now_ns))
                    self.tell(ev.PlaceAnswered(order, ev.PlaceVerdict.LIVE, "", now_ns, now_ns))
            case act.CancelOrders(orders):
                self.tell(ev.CancelWritten(orders, now_ns))
                for order in orders:
                    self._end(order)
            case act.Sweep(market):
                gone = tuple(o for o, (m, _) in self.resting.items() if market in ("", m))
                for order in gone:
                    self._end(order)
                verdict = ev.CancelVerdict.CANCELED
                self.tell(ev.Swept(market, verdict, gone, (), "", now_ns, now_ns))
            case act.Beat():
                self.tell(ev.BeatAnswered(True, "", now_ns, now_ns))
            case act.MergePairs(market, pairs_e6) if not self.is_merging:
                self.tell(ev.MergeFailed(market, pairs_e6, "reverted"))
            case act.MergePairs(market, pairs_e6):
                for token in Token:
                    self.held_e6[market, token] -= pairs_e6
                self.tell(ev.Merged(market, pairs_e6))
            case _:
                self._read(action)

    def _read(self, action: act.Action) -> None:
        now_ns = self.now_ns
        match action:
            case act.ReadPreflight():
                self.tell(ev.PreflightRead((), 0, now_ns, now_ns))
            case act.ReadOpen(market):
                listed = tuple(
                    ev.OpenSeen(order, where, 0, place.size_e6)
                    for order, (where, place) in self.resting.items()
                    if market in ("", where)
                )
                self.tell(ev.OpenListed(market, listed, now_ns, now_ns))
            case act.ReadTrades(market, after_ns):
                self.tell(ev.TradesRead(market, after_ns, (), now_ns, now_ns))
            case act.ReadOrder(order):
                self.tell(ev.OrderRead(order, None, now_ns, now_ns))
            case act.ReadBalances(markets):
                shares = tuple(
                    (market, token, self.held_e6.get((market, token), 0))
                    for market in markets
                    for token in Token
                )
                self.tell(ev.BalancesRead(CASH_E6, shares, now_ns, now_ns))

    def _end(self, order: str) -> None:
        market, _ = self.resting.pop(order)
        now_ns = self.now_ns
        self.tell(ev.CancelAnswered(order, ev.CancelVerdict.CANCELED, "", now_ns, now_ns))
        news = ev.OrderNews.CANCELLATION
        self.tell(ev.OrderTold(order, news, "CANCELED", market, 0, now_ns, now_ns))

    def fill(
        self, order: str, status: ev.Settlement = ev.Settlement.MATCHED, size_e6: int = TEN
    ) -> ev.FillTold:
        """Fill an order whole and tell of it."""
        market, place = self.resting.pop(order)
        self._trades += 1
        told = ev.FillTold(
            f"t{self._trades}", order, 0, status, market, place.token, place.side, size_e6,
            size_e6 * place.price_e4, True, 0, 0, self.now_ns, self.now_ns,
        )  # fmt: skip
        if place.side is Side.BUY:
            key = market, place.token
            self.held_e6[key] = self.held_e6.get(key, 0) + size_e6
        self.tell(told)
        return told

    # What a test looks at

    def asked(self, kind: type[A]) -> list[A]:
        return [action for _, action in self.log if isinstance(action, kind)]

    def places(self) -> list[Place]:
        return [place for action in self.asked(act.Post) for place in action.places]
