"""Sweeps: many trials over many windows, one choice, and one look at windows nobody has touched.

Every trial is cut into units, and every unit is stored as soon as it is done. A search is asked and
told in the order of trials, figures are summed in the order of windows: so the result is the same,
bit for bit, whatever the number of workers and however often the sweep was killed on the way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from polymm.errors import ConfigError
from polymm.research.backtest import open_together
from polymm.research.run_settings import RunSettings
from polymm.research.sweep_figures import Objective, TrialFigures, trial_figures
from polymm.research.sweep_pool import Pool
from polymm.research.sweep_search import SearchName, make_search
from polymm.research.sweep_space import IsSound, Point, Space
from polymm.research.sweep_split import Split, SplitSettings, split_windows
from polymm.research.sweep_store import SweepStore
from polymm.research.sweep_tapes import SweepTape, SweepTapes
from polymm.research.sweep_unit import Unit, VenueModel
from polymm.research.sweep_verdict import Found, Verdict, judge_holdout, judge_search

# Trials of a search that does not learn are handed over so many at a time.
TRIALS_AT_ONCE: Final = 64
DEFAULT_TRIAL: Final = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepPlan:
    """What is to be searched.

    Args:
        trials_n: Beside the default, which is trial 0.
        batch: Trials that a search which learns is asked for at once.
        block: Windows a unit; those of one account stay together.
        is_sound: Whether the values of a point agree with each other.
        settings_of: What is run for a point; for {} the configuration as it stands.
        identity: What else the results depend on, by name: configuration, space, versions.
    """

    search: SearchName
    trials_n: int
    seed: int
    batch: int
    block: int
    space: Space
    is_sound: IsSound
    settings_of: Callable[[Point], RunSettings]
    venue: VenueModel
    objective: Objective
    split: SplitSettings
    tapes: SweepTapes
    identity: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Moment:
    """Where a sweep stands."""

    units_done: int
    units_n: int
    trials_done: int
    trials_n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """What came of a sweep.

    Args:
        points: By number of the trial.
        trials: Over the research windows, by number.
        holdout: The chosen trial and the default over the untouched windows; empty where the
            second look was refused.
        verdict: None where the second look was refused.
        touched_before: Trial with which the untouched windows were looked at before, -1 for none.
    """

    points: Sequence[Point]
    trials: Sequence[TrialFigures]
    split: Split
    found: Found
    holdout: Mapping[int, TrialFigures]
    verdict: Verdict | None
    touched_before: int = -1


class _Run:
    """One sweep on its way."""

    def __init__(
        self,
        plan: SweepPlan,
        pool: Pool,
        watch: Callable[[Moment], None] | None,
        stop: Callable[[], bool],
    ) -> None:
        self.plan, self.pool, self.watch, self.stop = plan, pool, watch, stop
        self.tapes = [tape for tape in plan.tapes.tapes if not tape.excluded]
        self.split = split_windows([(t.start_ns, t.end_ns) for t in self.tapes], plan.split)
        self.research = self.block_up(self.split.research)
        self.holdout = self.block_up(self.split.holdout)
        self.blocks = [*self.research, *self.holdout]
        self.research_blocks = range(len(self.research))
        self.holdout_blocks = range(len(self.research), len(self.blocks))
        self.trials_n = plan.trials_n
        self.units_done = self.trials_done = 0

    def block_up(self, windows: Sequence[int]) -> list[tuple[int, ...]]:
        """Cut windows into units; those that are open at the same time stay together."""
        spans = [(self.tapes[k].start_ns, self.tapes[k].end_ns) for k in windows]
        blocks: list[tuple[int, ...]] = []
        block: tuple[int, ...] = ()
        for numbers in open_together(spans):
            block += tuple(windows[number] for number in numbers)
            if len(block) >= self.plan.block:
                blocks.append(block)
                block = ()
        return [*blocks, block] if block else blocks

    @property
    def units_n(self) -> int:
        """Units of all trials, and of the look at the untouched windows."""
        return (self.trials_n + 1) * len(self.research) + 2 * len(self.holdout)

    def uses(self) -> list[tuple[SweepTape, str]]:
        """All tapes, with what each is used for."""
        research, holdout = set(self.split.research), set(self.split.holdout)
        names = {id(self.tapes[k]): "research" for k in research}
        names |= {id(self.tapes[k]): "holdout" for k in holdout}
        return [
            (
                tape,
                f"excluded: {tape.excluded}" if tape.excluded else names.get(id(tape), "embargo"),
            )
            for tape in self.plan.tapes.tapes
        ]

    def search(self, store: SweepStore) -> tuple[list[Point], list[TrialFigures]] | None:
        """Run all trials over the research windows; None where it was stopped."""
        plan = self.plan
        search = make_search(plan.search, plan.space, plan.is_sound, seed=plan.seed)
        size = plan.batch if search.learns else TRIALS_AT_ONCE
        points: list[Point] = [{}]
        figures: list[TrialFigures] = []
        store.add_trial(DEFAULT_TRIAL, points[0])
        while True:
            asked = search.ask(min(size, plan.trials_n + 1 - len(points)))
            for number, point in enumerate(asked, len(points)):
                store.add_trial(number, point)
            points += asked
            if len(figures) == len(points):
                # A search may have no more points than these.
                self.trials_n = len(points) - 1
                return points, figures
            numbers = range(len(figures), len(points))
            if not self.finish(store, points, numbers, self.research_blocks):
                return None
            found = [self.figures(store, n, self.research_blocks) for n in numbers]
            for number, one in zip(numbers, found, strict=True):
                store.tell(number, one.told())
            figures += found
            self.trials_done = len(figures) - 1
            # The default was not asked for, and is not told.
            search.tell([one.told() for one in found[-len(asked) :]] if asked else [])

    def finish(
        self,
        store: SweepStore,
        points: Sequence[Point],
        numbers: Sequence[int],
        blocks: Sequence[int],
    ) -> bool:
        """Run what is not stored yet; False where it was stopped."""
        left = {number: set(blocks) - store.blocks_of(number) for number in numbers}
        self.units_done += sum(len(blocks) - len(missing) for missing in left.values())
        self.show()
        for unit, scores in self.pool.run(self.units(points, left, blocks), self.stop):
            store.add_unit(unit.trial, unit.block, scores)
            left[unit.trial].discard(unit.block)
            self.units_done += 1
            self.show()
        return not any(left.values())

    def units(
        self, points: Sequence[Point], left: Mapping[int, set[int]], blocks: Sequence[int]
    ) -> Iterator[Unit]:
        """Block after block, so that a worker finds the tapes of the trial before."""
        settings = {n: self.plan.settings_of(points[n]) for n, missing in left.items() if missing}
        todo = {number: frozenset(missing) for number, missing in left.items()}
        for block in blocks:
            tapes = tuple((self.tapes[k].path, self.tapes[k].digest) for k in self.blocks[block])
            for number in todo:
                if block in todo[number]:
                    yield Unit(
                        trial=number,
                        block=block,
                        settings=settings[number],
                        venue=self.plan.venue,
                        tapes=tapes,
                    )

    def figures(self, store: SweepStore, trial: int, blocks: Sequence[int]) -> TrialFigures:
        """Figures of a trial over the windows of these blocks, all stored."""
        starts = [self.tapes[k].start_ns for block in blocks for k in self.blocks[block]]
        return trial_figures(store.scores(trial, blocks), starts, self.plan.objective)

    def show(self) -> None:
        """Say where it stands."""
        if self.watch is not None:
            self.watch(Moment(self.units_done, self.units_n, self.trials_done, self.trials_n))


def run_sweep(
    plan: SweepPlan,
    store_path: Path,
    pool: Pool,
    *,
    watch: Callable[[Moment], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
    touch_again: bool = False,
) -> SweepResult | None:
    """Run a sweep, or go on with what its store holds.

    Args:
        watch: Told where it stands.
        stop: Once true no other unit is begun; what is done is stored.
        touch_again: Look at the untouched windows though they were looked at with another trial.

    Returns:
        None where it was stopped.

    Raises:
        ConfigError: The store is another sweep's, or there are too few windows.
        RecordingError: It was made of other tapes.
        StoreError, WorkerError: The store or the workers fail; what is stored stays.
    """
    run = _Run(plan, pool, watch, stop)
    if not run.split.research or not run.split.holdout:
        raise ConfigError("expected windows before and after the embargo, found none")
    identity = dict(plan.identity) | {
        "blocks": f"{plan.block} windows a unit, or as many as share an account"
    }
    with SweepStore(store_path, identity, run.uses()) as store:
        done = run.search(store)
        if done is None:
            store.note("stopped")
            return None
        points, figures = done
        starts = [run.tapes[k].start_ns for k in run.split.research]
        found = judge_search(figures, starts, run.split, plan.objective, points=points)
        result = _look(run, store, points, figures, found, touch_again=touch_again)
        store.note("stopped" if result is None else "ended")
        return result


def _look(
    run: _Run,
    store: SweepStore,
    points: Sequence[Point],
    figures: Sequence[TrialFigures],
    found: Found,
    *,
    touch_again: bool,
) -> SweepResult | None:
    """Look at the untouched windows with the chosen trial, unless they were looked at before."""
    before = store.touches()
    held: dict[int, TrialFigures] = {}
    verdict = None
    if found.best in before or not before or touch_again:
        if found.best not in before:
            store.touch(found.best)
            before.append(found.best)
        numbers = sorted({DEFAULT_TRIAL, found.best})
        if not run.finish(store, points, numbers, run.holdout_blocks):
            return None
        held = {n: run.figures(store, n, run.holdout_blocks) for n in numbers}
        verdict = judge_holdout(
            found,
            held[found.best],
            held[DEFAULT_TRIAL],
            [run.tapes[k].start_ns for k in run.split.holdout],
            touches=len(before),
        )
    return SweepResult(
        points=points,
        trials=figures,
        split=run.split,
        found=found,
        holdout=held,
        verdict=verdict,
        touched_before=next((trial for trial in before if trial != found.best), -1),
    )
