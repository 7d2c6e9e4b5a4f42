"""A world with one market and a process that only notes what it is told, for tests."""

from collections.abc import Sequence
from dataclasses import replace

from polymm.domain.market import NS, Market
from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.engine.events import NEVER_NS
from polymm.engine.ports import MarketView
from polymm.exchange.faults import Fault
from tests.simulation.faults import WireFault
from tests.simulation.life import Life
from tests.simulation.scenario import Episode, Scenario, Trouble, draw
from tests.simulation.world import World

SHARE = 1_000_000


class Noter:
    """A process that notes what it is told, with when."""

    next_timer_ns = NEVER_NS
    live_n = 0
    left = ()

    def __init__(self, life: Life) -> None:
        self.life = life
        self.told: list[tuple[int, ev.Event]] = []
        self.views: dict[str, MarketView] = {}

    def start(self) -> None:
        pass

    def take(self, event: ev.Event) -> None:
        self.told.append((self.life.world.now_ns, event))
        self.life.world.steps += 1

    def add_market(self, market: Market, view: MarketView) -> None:
        self.views[market.condition_id] = view

    def may_forget(self, market: str) -> bool:
        return True

    def of(self, kind: type) -> list[tuple[int, ev.Event]]:
        return [(ns, event) for ns, event in self.told if type(event) is kind]


class Stage:
    """A world without faults, run second by second."""

    def __init__(
        self, *episodes: Episode, troubles: Sequence[Trouble] = (), seconds: int = 60
    ) -> None:
        drawn = draw(1, 3.0)
        self.start_ns = drawn.start_ns
        one = replace(
            drawn.markets[0],
            start_ns=drawn.start_ns,
            end_ns=drawn.start_ns + 300 * NS,
        )
        self.market = one
        self.scenario: Scenario = replace(
            drawn,
            end_ns=drawn.start_ns + seconds * NS,
            heal_ns=drawn.start_ns + seconds * NS,
            markets=(one,),
            acts_per_s=10.0,
            lines=1,
            latency_ms=(10.0, 1.0),
            cash_e6=1_000 * SHARE,
            episodes=episodes,
            troubles=tuple(troubles),
        )
        self.world = World(self.scenario, Noter)

    def at(self, seconds: float, act: object) -> None:
        assert callable(act)
        self.world.at(self.start_ns + int(seconds * NS), lambda _: act())

    @property
    def noter(self) -> Noter:
        assert self.world.life is not None
        process = self.world.life.process
        assert isinstance(process, Noter)
        return process

    @property
    def life(self) -> Life:
        assert self.world.life is not None
        return self.world.life

    def post(self, price_e4: int = 100) -> str:
        """Place an order nobody will meet."""
        place = Place(1, self.market.slug, Token.UP, Side.BUY, price_e4, 5 * SHARE)
        (signed,) = self.life.sign(self.market.condition_id, [place])
        self.life.write(signed)
        return signed.order

    def is_open(self, order: str) -> bool:
        return order in self.world.exchange.dealing.open


def always(fault: Fault | WireFault, *, from_s: float = 0.0, until_s: float = 1e6) -> Episode:
    start_ns = draw(1, 3.0).start_ns
    return Episode(fault, 1.0, start_ns + int(from_s * NS), start_ns + int(until_s * NS))
