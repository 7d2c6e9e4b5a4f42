"""The life of the markets, at the venue and as the engine's side of the house tells of it."""

from collections.abc import Iterable
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any

from polymm.domain.market import NS, Market
from polymm.domain.order import Token
from polymm.engine import evidence as ev
from polymm.exchange.faults import Fault
from polymm.exchange.listing import Listing
from polymm.strategy.base import BaseParameters
from tests.simulation.faults import MS, WireFault
from tests.simulation.light_writer import LightWriter
from tests.simulation.traffic import Crowd, start_ns_of
from tests.simulation.wire import Take

if TYPE_CHECKING:
    from tests.simulation.world import World

# Markets are looked for so long before their window (FAILURES 48).
FOUND_NS = 60 * NS
CLOSE_TOLD_NS = 200 * MS
REFERENCE_NS = 500 * MS
REFERENCE_AGE_NS_MAX = 2 * NS
FORGET_NS = 1 * NS


class VenueDay:
    """Leads all markets of a scenario through their lives.

    Attributes:
        lane_params: Of every lane.
    """

    def __init__(self, world: "World") -> None:
        scenario = world.scenario
        self.lane_params: dict[str, Any] = BaseParameters(
            cycle=scenario.maker["cycle"], cycle_ns=scenario.maker["cycle_ns"], **scenario.lane
        ).as_fields()
        self._world = world
        self._rng = Random(f"{scenario.seed} day")
        self._known: dict[str, Market] = {}
        self._paid_e6: dict[str, int] = {}
        self._silent_ns = 0
        self._reference_ns = scenario.start_ns
        self._has_reference = True

    def plan(self) -> None:
        """List all markets and put their lives on the heap."""
        world, scenario = self._world, self._world.scenario
        for number, market in enumerate(scenario.markets, 1):
            listing = world.exchange.list_market(market, number=number)
            listing.writer = LightWriter(listing, self._publish)
            rng = Random(f"{scenario.seed} crowd {number}")
            crowd = Crowd(
                world.exchange, listing, world.at, rng, scenario.acts_per_s, scenario.takes
            )
            world.at(start_ns_of(listing), crowd.start)
            world.at(market.start_ns - FOUND_NS, partial(self._find, market))
            world.at(market.start_ns, partial(self._open, market))
            world.at(market.end_ns, partial(self._close, listing))
            resolved_ns = market.end_ns + scenario.resolve_ns
            world.at(resolved_ns, partial(self._resolve, listing))
        world.exchange.drain()
        world.at(scenario.start_ns, self._tick_reference)

    def known(self) -> list[Market]:
        """Markets that the engine trades or will trade."""
        return list(self._known.values())

    def take_up(self, markets: Iterable[Market]) -> None:
        """Lead markets again of whose end a journal does not tell, as each session does.

        A disk that failed may have lost that they were settled; nobody else tells it again.
        """
        world = self._world
        for market in markets:
            if market.condition_id in self._paid_e6 and market.condition_id not in self._known:
                self._known[market.condition_id] = market
                listing = world.exchange.listings[market.condition_id]
                world.at(world.now_ns + FORGET_NS, partial(self._settle, listing))

    def _publish(self, market: str, tokens: Any, frame: bytes) -> None:
        life = self._world.life
        if life is not None:
            life.feed.publish(market, tokens, frame)

    # The course of a window

    def _find(self, market: Market, now_ns: int) -> None:
        """Let the engine know of a market, late where the catalogue is."""
        faults = self._world.exchange.faults
        late_ns = faults.delay_ns(Fault.GAMMA_STALE) + faults.delay_ns(Fault.MARKET_NOT_FOUND)
        if late_ns:
            self._world.at(now_ns + late_ns, partial(self._add, market))
        else:
            self._add(market, now_ns)

    def _add(self, market: Market, now_ns: int) -> None:
        if now_ns >= market.end_ns:
            return
        self._known[market.condition_id] = market
        life = self._world.life
        if life is not None:
            life.add_market(market)
            life.open_market(market)

    def _open(self, market: Market, now_ns: int) -> None:
        if market.condition_id in self._known:
            self._world.tell(ev.MarketOpened(market.condition_id))

    def _close(self, listing: Listing, now_ns: int) -> None:
        world = self._world
        world.exchange.advance(now_ns)
        world.exchange.close(listing, now_ns)
        told_ns = now_ns + CLOSE_TOLD_NS
        if world.faults.strikes(WireFault.CLOSE_UNTOLD):
            told_ns = now_ns + world.scenario.resolve_ns
        closed = ev.MarketClosed(listing.condition_id)
        world.at(told_ns, lambda _: self._tell(closed))

    def _tell(self, event: ev.MarketClosed) -> None:
        if event.market in self._known:
            self._world.tell(event)

    def _resolve(self, listing: Listing, now_ns: int) -> None:
        world = self._world
        world.exchange.advance(now_ns)
        winner = Token.UP if self._rng.random() < 0.5 else Token.DOWN
        world.exchange.resolve(listing, winner, now_ns)
        world.at(now_ns + FORGET_NS, partial(self._settle, listing))

    def _settle(self, listing: Listing, now_ns: int) -> None:
        """Redeem once everything of a market is counted on both sides, then forget it."""
        world = self._world
        market = listing.condition_id
        if market not in self._known:
            return
        life = world.life
        if life is None or listing.trades_open or not life.process.may_forget(market):
            world.at(now_ns + FORGET_NS, partial(self._settle, listing))
            return
        paid_e6 = world.exchange.redeem(now_ns, world.wire.wallet, listing) or 0
        # Whoever comes later finds it paid.
        paid_e6 = self._paid_e6[market] = self._paid_e6.get(market, 0) + paid_e6
        del self._known[market]
        life.take(ev.MarketSettled(market, paid_e6))
        life.feed.remove(market)

    # Pairs

    def merge(self, market: str, pairs_e6: int, take: Take) -> None:
        """Carry a merge out on the chain, some seconds later."""
        world = self._world
        faults = world.exchange.faults
        listing = world.exchange.listings[market]
        waits_ns = self._rng.randint(1_000, 4_000) * MS
        for fault in (Fault.RELAYER_BUSY, Fault.RELAYER_NONCE):
            while faults.strikes(fault) and waits_ns < 15 * NS:
                waits_ns += NS
        fails = faults.strikes(Fault.RELAYER_FAILED)

        def carry_out(now_ns: int) -> None:
            if not fails and world.exchange.merge(now_ns, world.wire.wallet, listing, pairs_e6):
                take(ev.Merged(market, pairs_e6))
            else:
                take(ev.MergeFailed(market, pairs_e6, "reverted"))

        world.at(world.now_ns + waits_ns, carry_out)

    # The reference price

    def reference_ns(self) -> int:
        """When the reference price was last heard."""
        return self._reference_ns

    def _tick_reference(self, now_ns: int) -> None:
        """Hear the reference price, or not; a long silence stands in the way of all quotes."""
        world = self._world
        world.at(now_ns + REFERENCE_NS, self._tick_reference)
        faults = world.exchange.faults
        if faults.strikes(Fault.PRICES_SILENT):
            self._silent_ns = now_ns + faults.duration_ns(Fault.PRICES_SILENT)
        for fault in (Fault.PRICES_CLOSED, Fault.PRICES_DRAINING):
            if faults.strikes(fault):
                self._silent_ns = max(self._silent_ns, now_ns + self._rng.randint(1, 4) * NS)
        if now_ns >= self._silent_ns and not world.wire.is_down(now_ns):
            self._reference_ns = world.senses.reference_ns = now_ns
        has_reference = now_ns - self._reference_ns < REFERENCE_AGE_NS_MAX
        if has_reference != self._has_reference:
            self._has_reference = has_reference
            world.tell(ev.Obstacle("", "no_reference", stands=not has_reference))
