"""The engine's process: the real engine, driver, journal and recovery, on a simulated disk."""

from functools import partial

from polymm import __version__
from polymm.domain.market import Market
from polymm.engine.driver import Driver
from polymm.engine.engine import Engine, EngineSettings
from polymm.engine.limits import RiskLimits
from polymm.engine.looks import LookLog
from polymm.engine.ports import MarketView
from polymm.engine.records import RunBegun
from polymm.engine.settings import MakerSettings
from polymm.runtime.journal import Journal
from polymm.runtime.journal_reading import recover
from tests.simulation.disk import DiskPort
from tests.simulation.life import Life
from tests.simulation.scenario import Scenario

ACCOUNT = "simulated"
SEGMENT_BYTES_MAX = 1 << 20


def limits_of(scenario: Scenario) -> RiskLimits:
    """The gate's own limits: somewhat wider than the strategy's, as they should be, or not."""
    position_e6, order_e6 = scenario.lane["max_position_e6"], scenario.lane["order_size_e6"]
    is_limited = scenario.is_limited
    return RiskLimits(
        max_market_e6=3 * order_e6 if is_limited else 2 * position_e6 + 10_000_000,
        max_total_cost_e6=4 * order_e6 if is_limited else 6 * position_e6 + 20_000_000,
        order_size_max_e6=20_000_000,
        loss_max_e6=scenario.loss_max_e6,
        markout_loss_max_e6=scenario.markout_max_e6,
        reference_age_ns_max=3_000_000_000,
        close_margin_ns=scenario.close_margin_ns,
        levels_max=scenario.levels_max,
        orders_a_second_max=scenario.orders_a_second,
    )


def settings_of(scenario: Scenario) -> EngineSettings:
    """How the engine of a scenario works."""
    return EngineSettings(
        limits=limits_of(scenario),
        close_margin_ns=scenario.close_margin_ns,
        maker=MakerSettings(**scenario.maker),
    )


class EngineProcess:
    """One run of the engine, begun on what the disk holds.

    Args:
        life: Its venue and its clock.

    Attributes:
        left: Markets that an earlier process did not settle, as far as the journal tells.

    Raises:
        JournalError: The disk takes nothing; the process does not start.
    """

    def __init__(self, life: Life) -> None:
        world = life.world
        self._clock_ns = world.clock_ns
        disk = DiskPort(world.disk, life, world.clock_ns, world.disk_rng)
        read = recover(world.disk.newest_first())
        self.looks = LookLog()
        self.journal = Journal(
            disk,
            read.state,
            cuts=read.cuts,
            looks=self.looks,
            segment_bytes_max=SEGMENT_BYTES_MAX,
        )
        disk.journal = self.journal
        self.journal.begin(RunBegun(__version__, "", ACCOUNT, world.now_ns, world.disk.boot))
        disk.run()
        self.engine = Engine(
            settings_of(world.scenario),
            budget=self.looks.budget(life.budget),
            first_order_id=read.state.next_order_id,
        )
        self.left = [
            known.market
            for market, known in read.state.markets.items()
            if market not in read.state.settled
        ]
        self.engine.restore(world.now_ns, read.state)
        self.driver = Driver(self.engine, life, self.journal, world.clock_ns)
        self.driver.on_step = partial(world.stepped, life)
        self.journal.tell = self.driver.take
        self.take = self.driver.take

    @property
    def next_timer_ns(self) -> int:
        """When to take Timer at the latest."""
        return self.driver.next_timer_ns

    @property
    def live_n(self) -> int:
        """Orders that may be live."""
        return len(self.engine.orders.potentially_live())

    def start(self) -> None:
        """Begin to prove everything."""
        self.driver.start()

    def add_market(self, market: Market, view: MarketView) -> None:
        """Take a market in."""
        now_ns = self._clock_ns()
        self.journal.market(now_ns, market)
        self.engine.add_market(now_ns, market, self.looks.view(view))

    def may_forget(self, market: str) -> bool:
        """Whether the engine is done with a market.

        What is redeemed before balances were compared would be found as a difference.
        """
        is_compared = self.engine.reconciler.ready_ns >= 0
        return is_compared and not any(self.engine.orders.potentially_live(market))
