"""Sweeps over small tapes, and pools that run their units here: shuffled, or until they die."""

import os
import signal
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random

from benches.sweep_scenes import CONFIG, SPACE
from polymm.research.sweep import SweepPlan, SweepResult, run_sweep
from polymm.research.sweep_pool import Done, Pool
from polymm.research.sweep_report import sweep_json, sweep_record
from polymm.research.sweep_unit import Unit, run_unit
from polymm.runtime.config import Config
from polymm.runtime.sweep_plan import plan_sweep, read_sweep


class HerePool(Pool):
    """Runs units in this process, some at a time and those in any order.

    Args:
        seed: Of the order.
        units_max: After so many it calls ``end``.
    """

    def __init__(
        self, seed: int = 0, units_max: int = 10**9, end: Callable[[], object] = lambda: None
    ) -> None:
        self._random = Random(seed)
        self._left, self._end = units_max, end
        self.units: list[Unit] = []

    def run(self, units: Iterable[Unit], stop: Callable[[], bool]) -> Iterator[Done]:
        left = iter(units)
        while held := list(islice(left, 7)):
            self._random.shuffle(held)
            for unit in held:
                if stop():
                    return
                if not self._left:
                    self._end()
                self._left -= 1
                self.units.append(unit)
                yield unit, run_unit(unit)

    def close(self) -> None:
        pass


def plan(tapes: Path, text: str = SPACE, config: Config = CONFIG, **flags: object) -> SweepPlan:
    """Plan a sweep of a file's text; flags as of the command line."""
    path = tapes.parent / "sweep.toml"
    path.write_text(text)
    return plan_sweep(config, read_sweep(path, flags), tapes)


def text_of(made: SweepPlan, result: SweepResult | None) -> str:
    """A result as the JSON that a user gets."""
    assert result is not None
    return sweep_json(sweep_record(made, result))


def stored(path: Path) -> list[tuple[object, ...]]:
    """All that a store holds of trials, in order; when it happened left out."""
    base = sqlite3.connect(path)
    try:
        rows: list[tuple[object, ...]] = []
        for table in ("sweep", "tapes", "trials", "units"):
            rows += sorted(base.execute(f"SELECT '{table}', * FROM {table}"), key=repr)
        return rows + list(base.execute("SELECT 'holdout', touch, trial FROM holdout"))
    finally:
        base.close()


def killed_sweep(made: SweepPlan, store: Path, units_max: int) -> int:
    """Run a sweep in a child that is killed with SIGKILL after so many units; how it ended."""
    child = os.fork()
    if not child:
        try:
            run_sweep(
                made, store, HerePool(1, units_max, lambda: os.kill(os.getpid(), signal.SIGKILL))
            )
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
