"""What befalls the engine's process: stalls, clocks, disks, the end of it, and its next start."""

from collections import Counter
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.engine import evidence as ev
from polymm.exchange.entry import OrderRequest
from tests.simulation.faults import MS, ProcessFault
from tests.simulation.life import Life
from tests.simulation.scenario import Trouble

if TYPE_CHECKING:
    from tests.simulation.world import World

# A supervisor waits so long for the end that it asked for, then kills.
STOP_NS_MAX = 30 * NS
RESTART_NS = 1_000 * MS
# Shares of an order that somebody else places, 1e-6.
FOREIGN_E6 = 5_000_000


class Troubles:
    """Carries the drawn troubles out.

    Attributes:
        struck: How often each came.
    """

    def __init__(self, world: "World") -> None:
        self.struck: Counter[str] = Counter()
        self._world = world
        self._rng = Random(f"{world.scenario.seed} restarts")
        self._foreign_rng = Random(f"{world.scenario.seed} foreign")
        self._jump_ns = 0
        self._restart_ns = 0

    def plan(self) -> None:
        """Put all of them on the heap."""
        for trouble in self._world.scenario.troubles:
            self._world.at(trouble.at_ns, partial(self._befall, trouble))

    def heal(self) -> None:
        """Let nothing of it last; an engine that is away comes back now."""
        world = self._world
        world.disk.heal()
        if self._jump_ns:
            self._jump(-self._jump_ns)
        if world.life is None and world.lives:
            self._begin_at(world.now_ns)

    def _befall(self, trouble: Trouble, now_ns: int) -> None:
        world = self._world
        life = world.life
        if life is None or world.is_healed:
            return
        until_ns = now_ns + trouble.lasts_ns
        self.struck[trouble.fault] += 1
        world.senses.fault_ns = now_ns
        match trouble.fault:
            case ProcessFault.LOOP_STALLED:
                life.freeze(now_ns, until_ns)
            case ProcessFault.CLOCK_JUMPED:
                self._jump(trouble.lasts_ns)
                world.at(until_ns, partial(self._jump_back, trouble.lasts_ns))
            case ProcessFault.DISK_FULL:
                # The last that it takes is a step, or all but the plan of an order.
                if trouble.lasts_ns // MS % 2:
                    world.disk.full_until_ns = until_ns
                else:
                    world.disk.fills_until_ns = until_ns
            case ProcessFault.SYNC_FAILED:
                world.disk.stick(now_ns, until_ns)
            case ProcessFault.KILLED:
                self._kill(until_ns, lost_tail=False)
            case ProcessFault.POWER_LOST:
                self._kill(until_ns, lost_tail=True)
            case ProcessFault.KILL_SWITCH:
                self._ask_to_end(now_ns, life, ev.Kill("file"))
            case ProcessFault.STOPPED:
                self._ask_to_end(now_ns, life, ev.Stop("SIGTERM"))
            case ProcessFault.FOREIGN_ORDER:
                self._trespass(now_ns)

    def _jump_back(self, delta_ns: int, _: int) -> None:
        if not self._world.is_healed:
            self._jump(-delta_ns)

    def _jump(self, delta_ns: int) -> None:
        self._jump_ns += delta_ns
        self._world.senses.skew_ns = self._jump_ns
        self._world.tell(ev.ClockJumped(delta_ns))

    def _kill(self, until_ns: int, *, lost_tail: bool) -> None:
        self._world.end_life(lost_tail=lost_tail)
        self._begin_at(until_ns)

    def _ask_to_end(self, now_ns: int, life: Life, event: ev.Event) -> None:
        life.take(event)
        self._world.at(now_ns + STOP_NS_MAX, lambda ns: self._lose_patience(ns, life))

    def _trespass(self, now_ns: int) -> None:
        """Let somebody else bid with this account's key, where it may be filled or not."""
        world, rng = self._world, self._foreign_rng
        running = [
            one for one in world.exchange.listings.values()
            if one.accepting and one.market.start_ns <= now_ns < one.market.end_ns
        ]  # fmt: skip
        if not running:
            return
        listing = rng.choice(running)
        token = rng.choice(tuple(Token))
        tick_e4 = listing.ladder.tick_e4
        price_e4 = rng.choice((tick_e4, max(listing.touch(token)[0], tick_e4)))
        order = f"0xf0{rng.getrandbits(248):062x}"
        request = OrderRequest(
            order_id=order,
            wallet=world.wire.wallet,
            owner=world.wire.owner,
            token_id=listing.token_id(token),
            side=Side.BUY,
            maker_amount_e6=price_e4 * FOREIGN_E6 // 10_000,
            taker_amount_e6=FOREIGN_E6,
            post_only=True,
        )
        world.senses.foreign[order] = now_ns
        world.exchange.place(now_ns, request)

    def _lose_patience(self, now_ns: int, life: Life) -> None:
        if not life.is_dead:
            self._kill(now_ns + RESTART_NS, lost_tail=False)

    def ended(self, life: Life) -> None:
        """Take the process away that said it is done, after this step; start it again later."""
        world = self._world
        world.at(world.now_ns, lambda ns: self._take_away(ns, life))

    def _take_away(self, now_ns: int, life: Life) -> None:
        if life.is_dead:
            return
        self.struck[f"ended_{life.finished.code if life.finished else ''}"] += 1
        self._kill(now_ns + RESTART_NS + self._rng.randint(0, 4_000) * MS, lost_tail=False)

    def began_in_vain(self) -> None:
        """Try again later to start a process that could not."""
        self._begin_at(self._world.now_ns + RESTART_NS)

    def _begin_at(self, ns: int) -> None:
        """Start the process at a time, unless a later plan replaces this one."""
        self._restart_ns = ns
        self._world.at(ns, self._begin)

    def _begin(self, now_ns: int) -> None:
        if self._world.life is None and now_ns >= self._restart_ns:
            self._world.begin_life()
