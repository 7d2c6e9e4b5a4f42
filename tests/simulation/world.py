"""One run: virtual time, the venue and its crowd, the network between, and the engine's lives.

Everything that happens is an act at a time of one heap, or of the exchange's own timers; acts of
one moment run in the order in which they were asked for. Nothing looks at a real clock.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from itertools import count
from random import Random

from polymm.engine.evidence import Event
from polymm.errors import JournalError
from polymm.exchange.exchange import SPENDER, Exchange
from polymm.exchange.faults import Fault, Faults
from polymm.exchange.rules import Rules
from polymm.exchange.trading import Mode
from polymm.exchange.user_channel import UserMessage
from tests.simulation.disk import Disk
from tests.simulation.faults import FEED_FAULTS, MS, SWITCHES, WireFault, WireFaults
from tests.simulation.life import Life, MakeProcess
from tests.simulation.scenario import Episode, Scenario
from tests.simulation.senses import Senses
from tests.simulation.troubles import Troubles
from tests.simulation.venue_day import VenueDay
from tests.simulation.wire import Wire

ADDRESS = "0x" + "a1" * 20
# Acts at one moment before something runs in circles.
CIRCLES_MAX = 20_000
# Whose turn it is.
ACT, WAKE, VENUE = range(3)


class RunsInCircles(AssertionError):
    """Time stands still."""


class Reached(Exception):
    """The run is where it was to stop, in the middle of whatever happens there."""


class World:
    """A scenario at work.

    Args:
        scenario: What was drawn.
        make_process: Makes the engine's process of each life.

    Attributes:
        now_ns: Virtual time.
        exchange: The venue.
        disk: What outlives the engine's processes.
        wire: The network; its ``log`` is everything that left the engine.
        senses: What came through, for the checker.
        life: The engine's current life, None between two.
        lives: How many began.
        steps: Of all engines so far.
        on_step: Called after each step with its time and event.
        on_started: Called with a life before its start; ``on_ended`` after its end, with whether
            the end of its journal may be lost.
    """

    def __init__(self, scenario: Scenario, make_process: MakeProcess) -> None:
        seed = scenario.seed
        self.scenario = scenario
        self.now_ns = scenario.start_ns
        self.steps = 0
        self._last_step: int | None = None
        self.step_kinds: Counter[str] = Counter()
        self.struck: Counter[str] = Counter()
        self.on_step: Callable[[int, Event], None] | None = None
        self.on_started: Callable[[Life], None] = _ignore
        self.on_ended: Callable[[Life, bool], None] = _ignore
        self.on_healed: Callable[[int], None] = _ignore
        self.is_healed = False
        self.senses = Senses()
        self.exchange = Exchange(
            rules=Rules(retire_after_s=100_000), faults=Faults(seed), seed=seed
        )
        self.exchange.advance(self.now_ns)
        self.faults = WireFaults(seed)
        wallet = self.exchange.ledger.open_wallet(ADDRESS)
        wallet.allow(SPENDER)
        self.exchange.ledger.deposit(wallet, scenario.cash_e6)
        self._heap: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = count()
        self.wire = Wire(
            self.exchange,
            wallet,
            self.faults,
            self.at,
            Random(f"{seed} latency"),
            scenario.latency_ms,
            self.senses,
            self.now_ns,
        )
        self.disk_rng = Random(f"{seed} disk")
        self.disk = Disk(self.disk_rng)
        self.life: Life | None = None
        self.lives = 0
        self._make_process = make_process
        self.day = VenueDay(self)
        self.troubles = Troubles(self)
        self._plan()

    def _plan(self) -> None:
        """Put everything that was drawn before the run on the heap."""
        scenario = self.scenario
        self.day.plan()
        self.troubles.plan()
        for episode in scenario.episodes:
            self.at(episode.from_ns, partial(self._turn, episode, episode.rate))
            self.at(episode.until_ns, partial(self._turn, episode, 0.0))
        self.at(scenario.start_ns + MS, lambda _: self.begin_life())
        if scenario.heal_ns < scenario.end_ns:
            self.at(scenario.heal_ns, self._heal)

    # Time

    def at(self, ns: int, act: Callable[[int], None]) -> None:
        """Let something happen later; a past time counts as now."""
        now_ns = self.now_ns
        heapq.heappush(self._heap, (ns if ns > now_ns else now_ns, next(self._order), act))

    def run(self, until_step: int | None = None) -> None:
        """Let time pass until the end, or up to a step.

        Raises:
            RunsInCircles: Time stands still.
        """
        self._last_step = until_step
        with suppress(Reached):
            self._run()

    def _run(self) -> None:
        heap, pop = self._heap, heapq.heappop
        exchange = self.exchange
        outbox = exchange.outbox
        # The exchange's own acts; asking it for the next one each time costs as much as an act.
        venue_heap = exchange.timers._heap
        end_ns = self.scenario.end_ns
        circles, last_ns = 0, 0
        while True:
            next_ns = heap[0][0] if heap else end_ns
            life = self.life
            turn = ACT
            if life is not None and life.due_ns < next_ns:
                next_ns, turn = life.due_ns, WAKE
            if venue_heap and venue_heap[0][0] <= next_ns:
                next_ns, turn = venue_heap[0][0], VENUE
            if next_ns >= end_ns:
                break
            if next_ns > last_ns:
                self.now_ns = last_ns = next_ns
                circles = 0
            circles += 1
            if circles > CIRCLES_MAX:
                raise RunsInCircles(f"time stands still at {self.now_ns}")
            if turn == ACT:
                pop(heap)[2](last_ns)
            elif turn == WAKE:
                assert life is not None
                life.wake()
            else:
                exchange.advance(last_ns)
            if outbox:
                self._hand_on()
        self.now_ns = end_ns

    def clock_ns(self) -> int:
        """Virtual time, as everybody's clock."""
        return self.now_ns

    def _hand_on(self) -> None:
        """Send what the exchange said to the engine that lives now."""
        life = self.life
        for message in self.exchange.drain():
            if life is not None and type(message) is UserMessage:
                life.hearing.publish(message)

    # Faults

    def _turn(self, episode: Episode, rate: float, _: int) -> None:
        if self.is_healed:
            return
        if episode.fault in FEED_FAULTS:
            self.faults.feed_switches += 1 if rate else -1
        if isinstance(episode.fault, WireFault):
            self.faults.set(episode.fault, rate)
        else:
            self.exchange.faults.set(episode.fault, rate, lasts_ms=_lasts_ms(episode.fault))

    def _heal(self, now_ns: int) -> None:
        """End all faults for good."""
        self.is_healed = True
        self.faults.clear()
        self.exchange.faults.clear()
        self.exchange.trading.set(Mode.NORMAL)
        self.wire.heal()
        self.troubles.heal()
        if self.life is not None:
            self.life.heal()
        self.senses.fault_ns = now_ns
        self.on_healed(now_ns)

    def count_struck(self) -> Counter[str]:
        """Count every fault that struck so far, by name."""
        struck = Counter({str(name): n for name, n in self.exchange.faults.struck.items()})
        return struck + self.faults.struck + self.troubles.struck

    # Lives

    def begin_life(self) -> None:
        """Start the engine's process; where its disk takes nothing it ends at once."""
        assert self.life is None, "one engine at a time"
        self.lives += 1
        try:
            life = Life(self, self.lives, self._make_process)
        except JournalError:
            self.troubles.began_in_vain()
            return
        self.life = life
        self.on_started(life)
        life.start()

    def end_life(self, *, lost_tail: bool) -> None:
        """Drop the engine's process, and with the power also what the disk had not kept yet."""
        life, self.life = self.life, None
        if life is None:
            return
        life.is_dead = True
        life.hearing.end()
        life.feed.end()
        senses = self.senses
        senses.user_dropped = senses.user_sent - senses.user_taken
        if lost_tail:
            self.disk.lose_power(self.now_ns)
        self.on_ended(life, lost_tail)

    def stepped(self, life: Life, now_ns: int, event: Event) -> None:
        """Count a step of an engine."""
        self.steps += 1
        self.step_kinds[type(event).__name__] += 1
        if self.on_step is not None:
            self.on_step(now_ns, event)
        if self.steps == self._last_step:
            raise Reached

    def tell(self, event: Event) -> None:
        """Tell the engine of something, if there is one."""
        if self.life is not None:
            self.life.take(event)


def _lasts_ms(fault: Fault) -> tuple[int, int] | None:
    lasts_ms = SWITCHES[fault].lasts_ms
    return lasts_ms if any(lasts_ms) else None


def _ignore(*_: object) -> None:
    """Stand for nobody who listens."""
