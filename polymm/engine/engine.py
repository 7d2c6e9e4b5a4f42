"""The whole of trading one account, without I/O: `Engine.step(now_ns, event)` answers actions.

Makers decide what to quote, the risk gate what of it may go out, the order manager what is
believed of every order, the reconciler what must be read and proven before anything is quoted.
The engine only joins them: it hands each event to whom it concerns, and goes on until nobody has
anything left to say. It takes no clock, no socket and no random number of its own.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from polymm._core.layout import REQUOTE
from polymm.domain.inventory import Portfolio
from polymm.domain.market import Market
from polymm.domain.order import Cancel, Fill, Merge, Place, Rejected, Reply
from polymm.domain.order import Merged as MakerMerged
from polymm.domain.tuples import filled
from polymm.engine import evidence as ev
from polymm.engine.actions import Action, MergeFound, MergePairs, Post, turn
from polymm.engine.beating import Beating, BeatSettings
from polymm.engine.events import NEVER_NS, BookChanged, Closing, Timer
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.life import Life
from polymm.engine.limits import RiskLimits
from polymm.engine.maker import Maker
from polymm.engine.order_manager import OrderManager
from polymm.engine.order_settings import OrderSettings
from polymm.engine.ports import BudgetView, MarketView
from polymm.engine.proving import ReconcileSettings
from polymm.engine.reconcile import Reconciler
from polymm.engine.recovered import Recovered
from polymm.engine.restoring import restore
from polymm.engine.risk import RiskGate
from polymm.engine.seat import Seat
from polymm.engine.settings import SECOND, MakerSettings
from polymm.engine.sight import Sight
from polymm.engine.worth import Worth

# Engine numbers of one market; makers of one account need ranges apart.
IDS_A_MARKET: Final = 1_000_000
# What one event may set off before something runs in circles.
ROUNDS_MAX: Final = 1_000
MARK_NS: Final = SECOND
# The obstacle that stands for the gate, and for whatever is not proven.
GATE: Final = "gate"
_LOOK: Final = BookChanged(REQUOTE)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """How one engine works.

    Args:
        limits: The gate's own, beside the strategy's.
        close_margin_ns: How long before a window's end everything is pulled.
    """

    limits: RiskLimits
    close_margin_ns: int
    maker: MakerSettings = field(default_factory=MakerSettings)
    orders: OrderSettings = field(default_factory=OrderSettings)
    reconcile: ReconcileSettings = field(default_factory=ReconcileSettings)
    beats: BeatSettings = field(default_factory=BeatSettings)


class Engine:
    """Trades one account.

    Args:
        settings: How.
        budget: The mirror of the venue's token buckets.
        first_order_id: Above every number that a journal told of.

    Attributes:
        orders: The belief about every order.
        fills: The belief about every fill.
        gate: What may go out.
        reconciler: What must be read and proven.
        beating: The dead man's switch.
        seats: Markets and makers by condition id.
        portfolio: Marked value of all positions.
        on_reply: Told of each reply a maker gets, for reports.
    """

    def __init__(
        self, settings: EngineSettings, *, budget: BudgetView, first_order_id: int = 1
    ) -> None:
        self.settings = settings
        self.fills = FillLedger()
        self.orders = OrderManager(self.fills, settings.orders)
        self.gate = RiskGate(settings.limits, self.orders, self.fills, budget)
        self._worth = Worth(budget, self.orders)
        self.reconciler = Reconciler(self.orders, self.fills, self.gate, settings.reconcile)
        self.beating = Beating(self.orders, self.gate, settings.beats)
        self.seats: dict[str, Seat] = {}
        self.portfolio = Portfolio()
        self.on_reply: Callable[[str, Reply], None] | None = None
        self._first_id = first_order_id
        self._trades_known_ns = 0
        self._is_tail_lost = False
        self._parts = (self.orders, self.reconciler, self.beating, self.gate)
        self._replies: list[tuple[str, Reply]] = []
        self._actions: list[Action] = []
        # Whose maker has looked at a book and not ended its step yet.
        self._unrested: Seat | None = None

    # Life

    def restore(self, now_ns: int, known: Recovered) -> None:
        """Believe what a journal tells, before the start; orders not final are in doubt."""
        restore(now_ns, known, self.orders, self.fills)
        self.gate.restore(now_ns, known)
        self._first_id = max(self._first_id, known.next_order_id)
        self._trades_known_ns = known.trades_known_ns
        self._is_tail_lost = known.is_tail_lost

    def start(self, now_ns: int) -> Sequence[Action]:
        """Begin: the gate is closed until the reconciler has proven everything."""
        self.reconciler.start(
            now_ns, trades_known_ns=self._trades_known_ns, is_tail_lost=self._is_tail_lost
        )
        self.beating.start(now_ns)
        return self._settle(now_ns)

    def add_market(self, now_ns: int, market: Market, view: MarketView) -> Maker:
        """Take a market in; quotes begin with MarketOpened, once it is ready.

        What is held of it by the ledger is its maker's inventory.
        """
        sight = Sight(view)
        maker = Maker(
            market,
            sight,
            sight,
            self.settings.maker,
            first_order_id=self._first_id,
            portfolio=self.portfolio,
            worth=self._worth,
        )
        self._first_id += IDS_A_MARKET
        seat = self.seats[market.condition_id] = Seat(market, maker, sight, view)
        seat.correct(self.fills, self.gate.merging_e6.get(market.condition_id, 0))
        sight.put(GATE, stands=True)
        self.reconciler.add_market(now_ns, market, self.settings.close_margin_ns)
        return maker

    def remove_market(self, market: str) -> None:
        """Forget a market that is settled; its orders are all final."""
        seat = self.seats.pop(market)
        self.portfolio.drop(seat.market.slug)
        self.reconciler.remove_market(market)
        self.gate.forget(market)
        self.orders.forget(market)
        self.fills.forget(market)

    @property
    def next_timer_ns(self) -> int:
        """When to step with Timer at the latest."""
        next_ns = NEVER_NS
        for part in self._parts:
            next_ns = min(next_ns, part.next_timer_ns)
        for seat in self.seats.values():
            next_ns = min(next_ns, seat.timer_ns)
        return next_ns

    # Steps

    def step(self, now_ns: int, event: ev.Event) -> Sequence[Action]:
        """Take one event and answer what to do, cancels before placements.

        Args:
            now_ns: Never falling.
        """
        if self._unrested is not None:
            self.rest()
        if type(event) is ev.BookChanged:
            seat = self.seats.get(event.market)
            if seat is not None and seat.is_open and event.flags & REQUOTE:
                self._do(now_ns, seat, seat.maker.look(now_ns))
                self._unrested = seat
            # The path to an order: whoever waits for a time is woken by a Timer.
            if not self._replies:
                return self._drain()
            self.rest()
        elif type(event) is not ev.Timer:
            self._hand_on(now_ns, event)
        return self._settle(now_ns)

    def rest(self) -> None:
        """Do what a step leaves until its orders are out; the next one does it at the latest."""
        seat, self._unrested = self._unrested, None
        if seat is not None:
            seat.maker.rest()
            seat.timer_ns = seat.maker.next_timer_ns

    def _hand_on(self, now_ns: int, event: ev.Event) -> None:
        """Give an event to everybody it concerns."""
        self.orders.apply(now_ns, event)
        self.gate.note(now_ns, event)
        self.reconciler.apply(now_ns, event)
        self.beating.apply(now_ns, event)
        match event:
            case ev.Obstacle(market, name, stands):
                for seat in self._named(market):
                    self._obstruct(now_ns, seat, name, stands=stands)
            case ev.MarketOpened(market):
                for seat in self._named(market):
                    seat.is_open = True
                    self._take(now_ns, seat, Timer())
            case ev.MarketClosed(market):
                for seat in self._named(market):
                    self._take(now_ns, seat, Closing())
            case ev.Merged(market, pairs_e6):
                for seat in self._named(market):
                    self._replies.append((market, MakerMerged(seat.market.slug, pairs_e6)))
            case ev.MergeFailed(market, pairs_e6):
                for seat in self._named(market):
                    seat.merge_failed(now_ns, pairs_e6)
            case ev.FillTold(market=market) | ev.TradesRead(market=market):
                # A fill that is settled further is no news to its maker.
                for seat in self._named(market):
                    self._merge_settled(now_ns, seat)
            case ev.MarketSettled(market):
                if market in self.seats:
                    self.remove_market(market)
            case _:
                pass

    def _named(self, market: str) -> Iterable[Seat]:
        """The seat of a market, or all of them for "", also while they change."""
        if not market:
            return list(self.seats.values())
        seat = self.seats.get(market)
        return () if seat is None else (seat,)

    def _settle(self, now_ns: int) -> Sequence[Action]:
        """Let time pass for everybody who waits, and go on until nobody has anything to say."""
        for _ in range(ROUNDS_MAX):
            self._tick(now_ns)
            self._look_at_gate(now_ns)
            if not self._tell_makers(now_ns):
                break
        else:
            raise AssertionError("one event set off too much")
        for seat in self.seats.values():
            seat.agree(self.fills)
            if seat.is_open:
                self.gate.prepare(seat.market)
        self.orders.prepare()
        return self._drain()

    def _tick(self, now_ns: int) -> None:
        for part in self._parts:
            if now_ns >= part.next_timer_ns:
                part.tick(now_ns)
        for seat in list(self.seats.values()):
            if now_ns >= seat.timer_ns:
                self._take(now_ns, seat, Timer())

    def _look_at_gate(self, now_ns: int) -> None:
        """Pull the quotes of every market that may not be quoted, and quote again where it may."""
        for condition_id, seat in list(self.seats.items()):
            if now_ns >= seat.market.end_ns:
                self.beating.feeds.end(seat.market.end_ns, condition_id)
            if self.reconciler.is_closing(condition_id):
                if not seat.maker.is_closing:
                    self._take(now_ns, seat, Closing())
            else:
                self._look_at_limits(now_ns, seat)
                is_shut = not self.gate.may_quote(condition_id)
                is_shut = is_shut or not self.reconciler.is_ready(condition_id)
                if is_shut != (GATE in seat.sight.obstacles):
                    self._obstruct(now_ns, seat, GATE, stands=is_shut)
                    self._merge_settled(now_ns, seat)

    def _look_at_limits(self, now_ns: int, seat: Seat) -> None:
        """Pull a market when it may only be reduced: what stands there may add to it."""
        condition_id = seat.market.condition_id
        live = self.orders.potentially_live(condition_id)
        is_reduced = self.gate.is_reduce_only(condition_id) or any(
            order.life is Life.QUARANTINED for order in live
        )
        if is_reduced and not seat.is_reduced:
            self._pull(now_ns, seat)
        seat.is_reduced = is_reduced

    def _pull(self, now_ns: int, seat: Seat) -> None:
        """Have all orders of a market cancelled, whatever its maker thinks of them."""
        for order in list(self.orders.potentially_live(seat.market.condition_id)):
            self.orders.want_cancel(now_ns, order.place.order_id)

    def _obstruct(self, now_ns: int, seat: Seat, name: str, *, stands: bool) -> None:
        if seat.sight.put(name, stands=stands) and seat.is_open:
            self._take(now_ns, seat, _LOOK)
            if seat.sight.obstacles:
                self._pull(now_ns, seat)

    def _tell_makers(self, now_ns: int) -> bool:
        """Hand out the replies that have collected; False where there were none."""
        replies = self._replies + self.orders.replies
        if not replies:
            return False
        self._replies.clear()
        self.orders.replies.clear()
        for market, reply in replies:
            seat = self.seats.get(market)
            if seat is None:
                continue
            seat.show_settled(self.fills)
            if isinstance(reply, Fill) and not seat.maker.owns(reply.order_id):
                seat.maker.adopt(reply)
            else:
                self._take(now_ns, seat, reply)
            if self.on_reply is not None:
                self.on_reply(market, reply)
            self._merge_settled(now_ns, seat)
        return True

    # Makers

    def _take(self, now_ns: int, seat: Seat, event: BookChanged | Timer | Closing | Reply) -> None:
        """Step a maker and take what it wants through the gate."""
        self._do(now_ns, seat, seat.maker.step(now_ns, event))
        seat.timer_ns = seat.maker.next_timer_ns if seat.is_open else NEVER_NS

    def _do(self, now_ns: int, seat: Seat, actions: Sequence[Place | Cancel | Merge]) -> None:
        """Take what a maker wants through the gate, and tell the gate the price now and then."""
        places: list[Place] = []
        for action in actions:
            if type(action) is Place:
                places.append(action)
            elif isinstance(action, Cancel):
                self.orders.want_cancel(now_ns, action.order_id)
            elif isinstance(action, Merge):
                seat.merging_e6 += action.pairs_e6
        if seat.merging_e6:
            self._merge_settled(now_ns, seat)
        if places:
            self._post(now_ns, seat, places)
        maker = seat.maker
        if now_ns - seat.marked_ns >= MARK_NS and maker.price_x2_e4:
            seat.marked_ns = now_ns
            mark = ev.Mark(seat.market.condition_id, maker.price_x2_e4)
            self.gate.note(now_ns, mark)

    def _post(self, now_ns: int, seat: Seat, places: Sequence[Place]) -> None:
        """Plan what the gate lets pass; what it refuses is told like a refusal of the venue."""
        condition_id = seat.market.condition_id
        passed = []
        refusals = self.gate.check_each(now_ns, seat.market, places, seat.view)
        for place, refusal in zip(places, refusals, strict=True):
            if refusal:
                self._replies.append((condition_id, Rejected(place.order_id, refusal)))
            else:
                self.orders.plan(now_ns, condition_id, place)
                passed.append(place)
        if passed:
            self._actions.append(filled(Post, (condition_id, tuple(passed))))

    def _merge_settled(self, now_ns: int, seat: Seat) -> None:
        """Ask for the merge that the maker wants as soon as all its pairs are on the chain.

        Not while anything is being proven: a balance in which a merge shows early would differ.
        """
        pairs_e6 = 0 if GATE in seat.sight.obstacles else seat.merging_e6
        condition_id = seat.market.condition_id
        if now_ns < seat.merge_ns:
            return
        if pairs_e6 and self.fills.pairs_confirmed_e6(condition_id) >= pairs_e6:
            seat.merging_e6 = 0
            self.gate.merge_sent(condition_id, pairs_e6)
            self._actions.append(MergePairs(condition_id, pairs_e6))

    def _drain(self) -> Sequence[Action]:
        actions, self._actions = self._actions, []
        told: list[Action] = []
        for part in self._parts:
            if part.actions:
                told += part.actions
                part.actions.clear()
        actions += told
        for action in told:
            if isinstance(action, ev.Correction | MergeFound) and action.market in self.seats:
                merging_e6 = self.gate.merging_e6.get(action.market, 0)
                self.seats[action.market].correct(self.fills, merging_e6)
        if len(actions) > 1:
            actions.sort(key=turn)
        return actions
