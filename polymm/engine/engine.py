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
from polymm.domain.order import Cancel, Fill, Merge, Place, Rejected, Reply, Token
from polymm.domain.order import Merged as MakerMerged
from polymm.engine import evidence as ev
from polymm.engine.actions import Action, Beat, CancelOrders, MergePairs, Post, Sweep
from polymm.engine.beating import Beating, BeatSettings
from polymm.engine.events import NEVER_NS, BookChanged, Closing, Timer
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.limits import RiskLimits
from polymm.engine.maker import Maker
from polymm.engine.order_manager import OrderManager
from polymm.engine.order_settings import OrderSettings
from polymm.engine.ports import BudgetView, MarketView
from polymm.engine.reconcile import Reconciler, ReconcileSettings
from polymm.engine.recovered import Recovered
from polymm.engine.risk import RiskGate
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
# Cancels leave before placements, reads after both.
_TURNS: Final[dict[type, int]] = {CancelOrders: 0, Sweep: 0, Post: 1, MergePairs: 2, Beat: 2}
_LAST_TURN: Final = 3


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


@dataclass(slots=True, eq=False)
class Seat:
    """One market and its maker.

    Attributes:
        is_open: Its window has begun.
        merging_e6: Pairs the maker wants merged and that are not all on the chain yet.
        timer_ns: When the maker wants to be woken.
        marked_ns: When its price was last told to the gate.
    """

    market: Market
    maker: Maker
    sight: Sight
    view: MarketView
    is_open: bool = False
    merging_e6: int = 0
    timer_ns: int = NEVER_NS
    marked_ns: int = 0


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
        for order, kept in known.orders.items():
            self.orders.restore(
                now_ns,
                kept.plan.market,
                kept.plan.place,
                order,
                planned_ns=kept.plan.planned_ns,
                written_ns=kept.sent_ns,
                cancels=(kept.cancel_ns,) if kept.cancel_ns else (),
                how=kept.how,
                matched_e6=kept.matched_e6,
            )
        for fill in known.fills.values():
            self.orders.restore_fill(now_ns, fill)
        for market, pairs_e6 in known.merged_e6.items():
            self.fills.merge(market, pairs_e6)
        for correction in known.corrections.values():
            self.fills.correct(correction)
        for settled in known.settled.values():
            self.fills.settle(settled.market, settled.cash_e6)
            self.orders.forget(settled.market)
            self.fills.forget(settled.market)
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
        self._show_inventory(market.condition_id, maker)
        self.seats[market.condition_id] = Seat(market, maker, sight, view)
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

    def _show_inventory(self, market: str, maker: Maker) -> None:
        """Let a maker hold what the ledger does."""
        inventory = maker.inventory
        inventory.up_e6 = self.fills.position(market, Token.UP).booked_e6
        inventory.down_e6 = self.fills.position(market, Token.DOWN).booked_e6
        inventory.cash_e10 = self.fills.account(market).booked_e10

    def _show_settled(self, seat: Seat) -> None:
        """Let a maker know which shares are settled: only those may be sold."""
        position = self.fills.position(seat.market.condition_id, Token.UP)
        seat.maker.inventory.unsettled_up_e6 = position.buying_e6

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
            case ev.FillTold(market=market) | ev.TradesRead(market=market):
                # A fill that is settled further is no news to its maker.
                for seat in self._named(market):
                    self._merge_settled(seat)
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
            # A fill that is settled further is no news to its maker.
            self._show_settled(seat)
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
            if self.reconciler.is_closing(condition_id):
                if not seat.maker.is_closing:
                    self._take(now_ns, seat, Closing())
            else:
                is_shut = not self.gate.may_quote(condition_id)
                is_shut = is_shut or not self.reconciler.is_ready(condition_id)
                if is_shut != (GATE in seat.sight.obstacles):
                    self._obstruct(now_ns, seat, GATE, stands=is_shut)
                    self._merge_settled(seat)

    def _obstruct(self, now_ns: int, seat: Seat, name: str, *, stands: bool) -> None:
        if seat.sight.put(name, stands=stands) and seat.is_open:
            self._take(now_ns, seat, _LOOK)

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
            self._show_settled(seat)
            if isinstance(reply, Fill) and not seat.maker.owns(reply.order_id):
                seat.maker.adopt(reply)
            else:
                self._take(now_ns, seat, reply)
            if self.on_reply is not None:
                self.on_reply(market, reply)
            self._merge_settled(seat)
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
                self._merge_settled(seat)
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
            self._actions.append(Post(condition_id, tuple(passed)))

    def _merge_settled(self, seat: Seat) -> None:
        """Ask for the merge that the maker wants as soon as all its pairs are on the chain.

        Not while anything is being proven: a balance in which a merge shows early would differ.
        """
        pairs_e6 = 0 if GATE in seat.sight.obstacles else seat.merging_e6
        condition_id = seat.market.condition_id
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
            if isinstance(action, ev.Correction) and action.market in self.seats:
                self._show_inventory(action.market, self.seats[action.market].maker)
        if len(actions) > 1:
            actions.sort(key=_turn)
        return actions


def _turn(action: Action) -> int:
    return _TURNS.get(type(action), _LAST_TURN)
