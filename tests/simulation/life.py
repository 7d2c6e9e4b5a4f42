"""One life of the engine: its process, its sockets, and whether its loop turns at all."""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Protocol, cast

from polymm.domain.market import Market
from polymm.domain.order import Place, Side
from polymm.engine import evidence as ev
from polymm.engine.actions import (
    Alarm,
    Finished,
    Read,
    ReadBalances,
    ReadKeys,
    ReadOpen,
    ReadOrder,
    ReadPreflight,
    ReadTrades,
)
from polymm.engine.events import NEVER_NS
from polymm.engine.ports import MarketView, SignedOrder
from polymm.exchange.entry import OrderRequest
from polymm.exchange.matching import OrderKind
from polymm.venues.polymarket import wire as wire_words
from polymm.venues.polymarket.budget import Budget
from tests.simulation.calls import (
    BalancesCall,
    BeatCall,
    Call,
    CancelCall,
    KeysCall,
    OpenCall,
    OrderCall,
    PostCall,
    PreflightCall,
    ReadCall,
    SweepCall,
    TradesCall,
)
from tests.simulation.faults import MS
from tests.simulation.feed import Feed
from tests.simulation.feed_socket import Ways
from tests.simulation.hearing import Hearing
from tests.simulation.wire import Take

if TYPE_CHECKING:
    from tests.simulation.world import World

# A loop that stood still for less is not worth a word (the live loop watch's own measure).
STALL_TOLD_NS = 100 * MS


class Process(Protocol):
    """What a life runs: an engine with its driver and journal, or a stand-in for tests."""

    @property
    def next_timer_ns(self) -> int: ...

    def start(self) -> None: ...

    def take(self, event: ev.Event) -> None: ...

    def add_market(self, market: Market, view: MarketView) -> None: ...

    def may_forget(self, market: str) -> bool: ...

    @property
    def live_n(self) -> int: ...  # orders that may be live

    @property
    def left(self) -> Sequence[Market]: ...  # those that an earlier process did not settle


MakeProcess = Callable[["Life"], Process]


class Life:
    """One process of the engine, from its start to its end; also its driver's venue.

    Args:
        number: From 1.

    Attributes:
        process: The engine and what is around it.
        feed: Its market feed.
        hearing: Its user channel.
        is_dead: It is gone: nothing reaches it any more.
        finished: What it said at its end, None before.
        due_ns: When its timer is due.
        alarms: What people were told.
        budget: The mirror of the venue's token buckets.
    """

    def __init__(self, world: "World", number: int, make_process: MakeProcess) -> None:
        scenario = world.scenario
        self.world = world
        self.number = number
        self.is_dead = False
        self.finished: Finished | None = None
        self.alarms: list[Alarm] = []
        self.on_finish: Callable[[], None] = _ignore
        self.due_ns = NEVER_NS
        self._frozen_ns = 0
        self._froze_ns = 0
        self._pending: list[Callable[[], None]] = []
        self._obstacles: dict[str, str] = {}
        self.budget = Budget(wire_words.TIERS["standard"], world.now_ns)
        self._salts = Random(f"{scenario.seed} salts {number}")
        rng = Random(f"{scenario.seed} sockets {number}")
        wire = world.wire
        ways = Ways(
            world.exchange,
            world.faults,
            self.at,
            world.at,
            self._is_frozen,
            world.clock_ns,
            rng,
            world.senses,
            wire.is_down,
        )
        self.feed = Feed(
            ways,
            scenario.feed_ms * MS,
            scenario.lines,
            world.day.reference_ns,
            self._book_changed,
            self._obstacle,
        )
        self.hearing = Hearing(
            world.exchange,
            world.faults,
            self.at,
            world.at,
            world.clock_ns,
            rng,
            wire.latency_ns,
            world.senses,
            wire.is_down,
            self.take,
        )
        self.process = make_process(self)

    def start(self) -> None:
        """Open the sockets, take in what markets there are, begin."""
        world = self.world
        self.feed.start()
        self.hearing.start(world.now_ns)
        world.day.take_up(self.process.left)
        for market in world.day.known():
            self.add_market(market)
        self.process.start()
        self._look_at_timer()
        for market in world.day.known():
            self.open_market(market)

    def add_market(self, market: Market) -> None:
        """Take a market in."""
        view = self.feed.add(market, self.world.day.lane_params)
        self.process.add_market(market, view)
        self._look_at_timer()

    def open_market(self, market: Market) -> None:
        """Say how a market stands that was just taken in."""
        condition_id = market.condition_id
        obstacle = self.feed.obstacle(condition_id)
        if obstacle:
            self._obstacle(condition_id, obstacle)
        if self.world.now_ns >= market.start_ns:
            self.take(ev.MarketOpened(condition_id))

    # Time

    def at(self, ns: int, act: Callable[[int], None]) -> None:
        """Let something happen to this life later: not once it is dead, later while it hangs."""
        self.world.at(ns, partial(self._run, act))

    def _is_frozen(self) -> bool:
        return self.world.now_ns < self._frozen_ns

    def _run(self, act: Callable[[int], None], now_ns: int) -> None:
        if self.is_dead:
            return
        if now_ns < self._frozen_ns:
            self._pending.append(lambda: act(self.world.now_ns))
        else:
            act(now_ns)

    def take(self, event: ev.Event) -> None:
        """Step the engine, or let the event wait while the loop stands still."""
        if self.is_dead:
            return
        if self.world.now_ns < self._frozen_ns:
            self._pending.append(lambda: self.take(event))
            return
        self.process.take(event)
        self._look_at_timer()

    def wake(self) -> None:
        """Tell the engine that its timer is due."""
        self.process.take(ev.Timer())
        self._look_at_timer()

    def _look_at_timer(self) -> None:
        self.due_ns = NEVER_NS if self.is_dead else self.process.next_timer_ns

    def freeze(self, now_ns: int, until_ns: int) -> None:
        """Let the loop stand still."""
        if now_ns < self._frozen_ns or self.is_dead:
            return
        self._froze_ns, self._frozen_ns = now_ns, until_ns
        self.world.senses.froze_ns = now_ns
        self.due_ns = NEVER_NS
        self.world.at(until_ns, self._thaw)

    def _thaw(self, now_ns: int) -> None:
        """Go on: what waited is taken in its order, after the word that time was lost."""
        if self.is_dead or not self._frozen_ns:
            return
        stall_ns = now_ns - self._froze_ns
        self._frozen_ns = 0
        senses = self.world.senses
        senses.froze_ns = 0
        senses.thawed_ns = now_ns
        senses.lag_ns = stall_ns
        if stall_ns >= STALL_TOLD_NS:
            self.take(ev.Stalled(stall_ns))
        pending, self._pending = self._pending, []
        for act in pending:
            act()
        senses.lag_ns = 0
        self._look_at_timer()

    def heal(self) -> None:
        """Let the loop turn and the sockets be sound from now on."""
        self._thaw(self.world.now_ns)
        self.feed.heal()
        self.hearing.heal()

    # What the feed tells

    def _book_changed(self, market: str, flags: int) -> None:
        self.take(ev.BookChanged(market, flags))

    def _obstacle(self, market: str, obstacle: str) -> None:
        before, self._obstacles[market] = self._obstacles.get(market, ""), obstacle
        if obstacle:
            self.take(ev.Obstacle(market, obstacle, stands=True))
        if before and before != obstacle:
            self.take(ev.Obstacle(market, before, stands=False))

    # The driver's venue

    def sign(self, market: str, places: Sequence[Place]) -> Sequence[SignedOrder]:
        """Make the hash that a signature would have, and the request."""
        wire = self.world.wire
        listing = self.world.exchange.listings[market]
        signed = []
        for place in places:
            order = f"0x{self._salts.getrandbits(256):064x}"
            cash_e6, shares_e6 = place.price_e4 * place.size_e6 // 10_000, place.size_e6
            is_buy = place.side is Side.BUY
            request = OrderRequest(
                order_id=order,
                wallet=wire.wallet,
                owner=wire.owner,
                token_id=listing.token_id(place.token),
                side=place.side,
                maker_amount_e6=cash_e6 if is_buy else shares_e6,
                taker_amount_e6=shares_e6 if is_buy else cash_e6,
                kind=OrderKind.GTC,
                post_only=True,
            )
            signed.append(SignedOrder(place, order, (market, request)))
        return signed

    def write(self, signed: SignedOrder) -> int:
        """Hand an order's bytes over, if our own count of tokens allows it."""
        market, request = cast(tuple[str, OrderRequest], signed.request)
        world = self.world
        self.budget.live = self.process.live_n
        wait_ns = self.budget.take_orders(1, world.now_ns)
        call = PostCall(world.wire, market, signed, request)
        return self._send(call, wait_ns, "order_budget", self._placed)

    def cancel(self, orders: Sequence[str]) -> int:
        """Hand a cancel's bytes over."""
        wait_ns = self.budget.take_cancels(len(orders), self.world.now_ns)
        return self._send(CancelCall(self.world.wire, orders), wait_ns, "cancel_budget", self.take)

    def sweep(self, market: str) -> None:
        """Cancel everything, or everything in a market."""
        wait_ns = self.budget.take_cancels(1, self.world.now_ns)
        self._send(SweepCall(self.world.wire, market), wait_ns, "cancel_budget", self._swept)

    def beat(self) -> None:
        """Send a heartbeat."""
        self._send(BeatCall(self.world.wire), 0, "", self.take)

    def _send(self, call: Call, wait_ns: int, reason: str, take: Take) -> int:
        wire, now_ns = self.world.wire, self.world.now_ns
        if not wait_ns:
            return wire.send(now_ns, call, take)
        wire.withhold(now_ns, call, take, reason, wait_ns)
        return 0

    def _placed(self, event: ev.Event) -> None:
        """Mind a refusal for too many requests, as the gateway does."""
        if isinstance(event, ev.PlaceAnswered) and event.reason == "throttled":
            self.budget.block_orders(event.retry_after_ns, self.world.now_ns)
        self.take(event)

    def _swept(self, event: ev.Event) -> None:
        if isinstance(event, ev.Swept):
            self.budget.swept(len(event.canceled), self.world.now_ns)
        self.take(event)

    def read(self, action: Read) -> None:
        """Ask the venue something."""
        wire = self.world.wire
        call: ReadCall
        match action:
            case ReadOpen(market):
                call = OpenCall(wire, market)
            case ReadOrder(order):
                call = OrderCall(wire, order)
            case ReadTrades(market, after_ns):
                call = TradesCall(wire, market, after_ns)
            case ReadBalances(markets):
                call = BalancesCall(wire, markets)
            case ReadPreflight():
                call = PreflightCall(wire)
            case ReadKeys():
                call = KeysCall(wire)
        wire.send(self.world.now_ns, call, self.take)

    def merge(self, market: str, pairs_e6: int) -> None:
        """Turn pairs into cash, as the relayer does."""
        self.world.day.merge(market, pairs_e6, self.take)

    def alarm(self, alarm: Alarm) -> None:
        """Keep what people are told."""
        self.alarms.append(alarm)

    def finish(self, finished: Finished) -> None:
        """Know that the engine is done; its process ends and is started again later."""
        if self.finished is None:
            self.finished = finished
            self.on_finish()
            self.world.troubles.ended(self)


def _ignore(*_: object) -> None:
    """Stand for nobody who listens."""
