"""One seed from its drawing to its verdict, and what many of them add up to."""

import subprocess
import traceback
from collections import Counter
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from time import process_time_ns

from polymm.domain.market import NS
from polymm.engine.engine import Engine
from polymm.engine.order_evidence import Row
from polymm.engine.order_life import Life as State
from polymm.engine.order_life import Order
from tests.simulation.attaching import CheckedWorld
from tests.simulation.life import Life
from tests.simulation.process import EngineProcess
from tests.simulation.scenario import Scenario
from tests.simulation.violations import Violated


@dataclass(slots=True)
class Tally:
    """What happened in one run or in many.

    Attributes:
        cpu_ns: What all this took of a core.
        digest: Of every byte that the journals of a run got, which tells its steps apart.
        struck: Faults by name.
        cells: Visits of (state, event) of orders.
        failures: What each failed run has to say, with all that is needed to see it again.
    """

    runs: int = 0
    steps: int = 0
    virtual_ns: int = 0
    cpu_ns: int = 0
    lives: int = 0
    crashes: int = 0
    posts: int = 0
    digest: str = ""
    struck: Counter[str] = field(default_factory=Counter)
    steps_by_kind: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    cells: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        """Take another one in."""
        for name in ("runs", "steps", "virtual_ns", "cpu_ns", "lives", "crashes", "posts"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("struck", "steps_by_kind", "ends", "alarms", "cells"):
            getattr(self, name).update(getattr(other, name))
        self.failures += other.failures


class Run:
    """A scenario with the checker at its side.

    Attributes:
        world: Where it takes place.
        checker: What holds it to the invariants.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.checked = checked = CheckedWorld(scenario)
        self.world = checked.world
        self.checker = checked.checker
        self._cells: Counter[tuple[State, Row]] = Counter()
        self._alarms: Counter[str] = Counter()
        self._ends: Counter[str] = Counter()
        self._on_started, self._on_ended = self.world.on_started, self.world.on_ended
        self.world.on_started = self._started
        self.world.on_ended = self._ended

    def _started(self, life: Life) -> None:
        process = life.process
        assert isinstance(process, EngineProcess)
        process.engine.orders.on_cell = self._visit
        life.on_finish = partial(self._finished, life)
        self._on_started(life)

    def _visit(self, before: State, row: Row) -> None:
        self._cells[before, row] += 1

    def _finished(self, life: Life) -> None:
        assert life.finished is not None
        reason, _, _ = life.finished.reason.partition(" 0x")
        self._ends[f"{life.finished.code}: {reason}"] += 1

    def _ended(self, life: Life, lost_tail: bool) -> None:
        self._alarms.update(alarm.name for alarm in life.alarms)
        self._on_ended(life, lost_tail)

    def play(self, until_step: int | None = None) -> Tally:
        """Run it; a violation or a crash becomes a failure of the tally."""
        world = self.world
        tally = Tally(runs=1)
        began_ns = process_time_ns()
        try:
            self.checked.run(until_step)
            if until_step is None:
                world.exchange.audit()
        except Exception as error:  # noqa: BLE001 - whatever breaks is what we are looking for
            tally.failures.append(self._describe(error))
        if world.life is not None:
            self._alarms.update(alarm.name for alarm in world.life.alarms)
        tally.cpu_ns = process_time_ns() - began_ns
        tally.steps = world.steps
        tally.virtual_ns = world.now_ns - self.scenario.start_ns
        tally.lives = world.lives
        struck = world.count_struck()
        tally.struck = Counter({name: n for name, n in struck.items() if "ended_" not in name})
        tally.crashes = struck["killed"] + struck["power_lost"]
        tally.posts = sum(sent.kind == "post" for sent in world.wire.log)
        tally.digest = world.disk.digest()
        tally.steps_by_kind = world.step_kinds
        tally.ends, tally.alarms = self._ends, self._alarms
        for (before, row), n in self._cells.items():
            tally.cells[f"{before.name} {row.name}"] += n
        return tally

    def standing(self) -> list[str]:
        """Say how the engine stands, for whoever looks for a fault."""
        life = self.world.life
        if life is None:
            return ["no engine runs"]
        process = life.process
        assert isinstance(process, EngineProcess)
        engine = process.engine
        lines = [
            f"{(self.world.now_ns - self.scenario.start_ns) / NS:.6f} s, life {life.number},"
            f" {engine.reconciler.phase!r}, gate open {engine.gate.is_open}"
        ]
        for market, seat in engine.seats.items():
            lines.append(
                f"{market}: ready {engine.reconciler.is_ready(market)}, obstacles"
                f" {sorted(seat.sight.obstacles)}, {seat.maker.no_quote_reasons}"
            )
        lines += [f"{order.order} {order.life!r} {order.place}" for order in _live(engine)]
        return lines + [f"sent {sent}" for sent in self.world.wire.log[-10:]]

    def _describe(self, error: Exception) -> str:
        """Say all that is needed to see a failure again."""
        world, scenario = self.world, self.scenario
        at_s = (world.now_ns - scenario.start_ns) / NS
        minutes = (scenario.end_ns - scenario.start_ns) / NS / 60
        what = str(error) if isinstance(error, Violated) else traceback.format_exc()
        permanent = f" --permanent {scenario.permanent}" if scenario.permanent else ""
        return (
            f"seed {scenario.seed}, commit {commit()}, step {world.steps}, {at_s:.6f} s:\n"
            f"{type(error).__name__}: {what}\n{scenario.describe()}\n"
            f"again: python -m tests.simulation --seed {scenario.seed} --minutes {minutes:g}"
            f"{permanent} --until {world.steps + 1}"
        )


def _live(engine: Engine) -> list[Order]:
    return list(engine.orders.potentially_live())


@cache
def commit() -> str:
    """Name the commit, as far as it can be known."""
    root = Path(__file__).resolve().parents[2]
    try:
        asked = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return asked.stdout.strip()
