"""Repeating a run from its journal, bit for bit, to see that the same inputs give the same answers.

The engine is made anew from what the journal had told when the run began, is given each step's
time, event and looks as they were noted, and must answer what was noted.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from polymm.domain.market import Market
from polymm.engine import evidence as ev
from polymm.engine.actions import Action
from polymm.engine.played_looks import LookPlayer, PlayedBudget
from polymm.engine.ports import MarketView
from polymm.engine.records import Checkpoint, Gap, MarketKnown, RunBegun, StepInput, StepOutput
from polymm.engine.recovered import Recovered
from polymm.errors import ReplayError
from polymm.runtime.journal_codec import decode
from polymm.runtime.journal_format import Frame


class Repeated(Protocol):
    """The part of `polymm.engine.engine.Engine` that is repeated."""

    def start(self, now_ns: int) -> Sequence[Action]: ...

    def add_market(self, now_ns: int, market: Market, view: MarketView) -> object: ...

    def step(self, now_ns: int, event: ev.Event) -> Sequence[Action]: ...


# Makes the engine of a run just as it was made then, of what was known and of played buckets.
Build = Callable[[RunBegun, Recovered, PlayedBudget], Repeated]


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first step that was not repeated.

    Args:
        step: Its number within its run, from 0.
        offset: Where its input stands in its segment.
        expected, found: What was noted, and what came of it now.
    """

    step: int
    offset: int
    given: StepInput
    expected: str
    found: str


@dataclass(slots=True)
class ReplayReport:
    """How far runs could be repeated.

    Attributes:
        runs, steps: Repeated and the same.
        skipped: Last steps, steps behind a gap, and those of a run whose beginning is not there.
        divergence: The first difference, None where there is none.
    """

    runs: int = 0
    steps: int = 0
    skipped: int = 0
    divergence: Divergence | None = None


class _Run:
    """One run under repetition."""

    def __init__(self, build: Build, run: RunBegun, state: Recovered) -> None:
        self.player = LookPlayer()
        self.steps = 0
        self._engine = build(run, state, self.player.budget())

    def add_market(self, record: MarketKnown) -> None:
        self._engine.add_market(record.at_ns, record.market, self.player.view())

    def repeat(self, given: StepInput) -> tuple[Action, ...]:
        """Answer what the engine answers now."""
        self.player.begin(given.looks)
        self.steps += 1
        if isinstance(given.event, ev.Started):
            actions = self._engine.start(given.now_ns)
        else:
            actions = self._engine.step(given.now_ns, given.event)
        if self.player.left:
            raise ReplayError(f"{self.player.left} looks were noted that nobody took now")
        return tuple(actions)


def repeat_runs(frames: Iterable[Frame], build: Build) -> ReplayReport:
    """Repeat all runs of a journal's segments, oldest first, up to the first difference.

    The last step of each run is left out: its answer may have been cut off.

    Raises:
        JournalError: A payload is no record of its kind.
    """
    report = ReplayReport()
    state = Recovered()
    run: _Run | None = None
    given: tuple[StepInput, int] | None = None
    for frame in frames:
        record = decode(frame)
        # A checkpoint may stand between steps; behind a crash or a gap an answer may be missing.
        if given is not None and not isinstance(record, Checkpoint):
            answered = record.actions if isinstance(record, StepOutput) else ()
            if run is None or isinstance(record, RunBegun | Gap):
                report.skipped += 1
            else:
                report.divergence = _compare(run, given, answered)
                if report.divergence is not None:
                    return report
                report.steps += 1
            given = None
        match record:
            case StepInput():
                given = record, frame.offset
            case Gap():
                run = None
            case RunBegun():
                state.apply(record)
                run = _Run(build, record, state)
                report.runs += 1
            case MarketKnown() if run is not None:
                run.add_market(record)
        state.apply(record)
    return report


def _compare(
    run: _Run, given: tuple[StepInput, int], answered: tuple[Action, ...]
) -> Divergence | None:
    record, offset = given
    number = run.steps
    try:
        found = run.repeat(record)
    except ReplayError as error:
        return Divergence(number, offset, record, repr(answered), str(error))
    # Equal tuples of different types are different answers.
    if repr(found) == repr(answered):
        return None
    return Divergence(number, offset, record, repr(answered), repr(found))
