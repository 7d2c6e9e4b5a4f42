"""A day in the virtual world on which one thing goes wrong, with the checker at its side."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from polymm.domain.market import NS
from polymm.engine.engine import Engine
from polymm.exchange.faults import Fault
from tests.simulation.faults import MS, ProcessFault, WireFault
from tests.simulation.life import Life
from tests.simulation.process import EngineProcess
from tests.simulation.runs import Run, Tally
from tests.simulation.scenario import ROOM_E6, START_NS, Episode, Trouble, draw
from tests.simulation.wire import Sent

SHARE = 1_000_000
WINDOW_S = 300
ORDER_E6 = 5 * SHARE


def goes_wrong(fault: Fault | WireFault, from_s: float, until_s: float = 1e6) -> Episode:
    """A fault that strikes at every chance."""
    return Episode(fault, 1.0, START_NS + int(from_s * NS), START_NS + int(until_s * NS))


def befalls(fault: ProcessFault, at_s: float, lasts_s: float = 2.0) -> Trouble:
    """Something that befalls the process."""
    return Trouble(fault, START_NS + int(at_s * NS), int(lasts_s * NS))


class Day:
    """One market of five minutes, quoted on both sides with room for every fill.

    Args:
        wrong: Faults of the venue and the wire.
        troubles: Of the process.
        seconds: How long it lasts.
        lane: Settings of the quote that differ.

    Attributes:
        run: The world and its checker.
        live: At each half second, our orders that rest at the venue.
    """

    def __init__(
        self,
        *wrong: Episode,
        troubles: Sequence[Trouble] = (),
        seconds: float = 60,
        lane: dict[str, Any] | None = None,
    ) -> None:
        drawn = draw(1, 3.0)
        end_ns = START_NS + int(seconds * NS)
        begin_ns = START_NS - 10 * NS
        market = replace(drawn.markets[0], start_ns=begin_ns, end_ns=begin_ns + WINDOW_S * NS)
        self.market = market
        self.run = Run(
            replace(
                drawn,
                heal_ns=end_ns,
                end_ns=end_ns,
                markets=(market,),
                acts_per_s=12.0,
                latency_ms=(10.0, 10.0),
                feed_ms=10,
                cash_e6=ROOM_E6,
                is_roomy=True,
                maker={
                    "cycle": "event",
                    "requote": "diff",
                    "merge_enabled": False,
                    "cycle_ns": NS,
                    "max_total_position_e6": ROOM_E6,
                },
                lane={
                    "order_size_e6": ORDER_E6,
                    "max_position_e6": 100 * ORDER_E6,
                    "ask_mode": "buy_complement",
                    "requote_interval_min_ns": 250 * MS,
                    "skip_skew": 1.0,
                }
                | (lane or {}),
                episodes=wrong,
                troubles=tuple(troubles),
                permanent="a story",
            )
        )
        self.live: list[tuple[float, int]] = []
        for i in range(int(2 * seconds)):
            self.run.world.at(START_NS + i * NS // 2, self._look)

    def _look(self, now_ns: int) -> None:
        self.live.append(((now_ns - START_NS) / NS, len(self.resting())))

    def play(self) -> Tally:
        """Let it pass; every invariant holds at every step."""
        tally = self.run.play()
        assert tally.failures == []
        return tally

    # What is true

    def resting(self) -> list[str]:
        """Ids of our orders that rest at the venue."""
        return list(self.run.world.wire.wallet.orders)

    def held_e6(self) -> tuple[int, int]:
        """Shares of Up and Down that the venue says are ours, the unsettled ones included."""
        wallet = self.run.world.wire.wallet
        up, down = (
            wallet.balances[token] + wallet.pending[token]
            for token in (self.market.up_token, self.market.down_token)
        )
        return up, down

    def sent(self, kind: str, from_s: float = 0, until_s: float = 1e6) -> list[Sent]:
        """What left the engine."""
        low_ns, high_ns = START_NS + int(from_s * NS), START_NS + int(until_s * NS)
        return [
            one
            for one in self.run.world.wire.log
            if one.kind == kind and low_ns <= one.ns < high_ns
        ]

    @property
    def process(self) -> EngineProcess:
        """Of the life at the end."""
        life = self.run.world.life
        assert isinstance(life, Life)
        assert isinstance(life.process, EngineProcess)
        return life.process

    @property
    def engine(self) -> Engine:
        """Of the life at the end."""
        return self.process.engine
