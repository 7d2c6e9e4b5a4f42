"""A run repeated from its journal gives the same answers, or says where it does not."""

from collections.abc import Sequence

import pytest

from polymm._core.layout import REQUOTE
from polymm.domain.market import Market
from polymm.engine import evidence as ev
from polymm.engine.actions import Action, Alarm, Beat, Post, ReadOpen, Sweep
from polymm.engine.looks import LookLog
from polymm.engine.ports import BudgetView, MarketView
from polymm.engine.records import RunBegun
from polymm.engine.recovered import Recovered
from polymm.errors import JournalError
from polymm.runtime.exact_replay import ReplayReport, repeat_runs
from polymm.runtime.journal import Journal
from polymm.runtime.journal_format import Frame, Kind, read_frames
from tests.engine.test_looks import FakeBudget, FakeMarket
from tests.support.journal_scene import RUN, T0, market, place
from tests.support.memory_journal import MemoryDisk, memory_journal


class SmallEngine:
    """Answers what it sees: the engine in small."""

    def __init__(self, state: Recovered, budget: BudgetView) -> None:
        self.orders = len(state.orders)
        self.budget = budget
        self.views: dict[str, MarketView] = {}

    def start(self, now_ns: int) -> Sequence[Action]:
        return [Sweep(""), Alarm("start", str(self.orders), str(now_ns))]

    def add_market(self, now_ns: int, market: Market, view: MarketView) -> None:
        self.views[market.condition_id] = view

    def step(self, now_ns: int, event: ev.Event) -> Sequence[Action]:
        if not isinstance(event, ev.BookChanged):
            return ()
        view = self.views[event.market]
        if not view.evaluate(now_ns) & REQUOTE or not view.has_epoch:
            return ()
        if self.budget.tokens(now_ns)[0] < 3:
            return [Beat()]
        text = f"{view.best_bid_e4} {view.quote.bid_e4} {view.quote.reasons}"
        return [Post(event.market, (place(now_ns - T0),)), Alarm("quoted", "", text)]


def build(run: RunBegun, state: Recovered, budget: BudgetView) -> SmallEngine:
    return SmallEngine(state, budget)


class LiveRun:
    """One run of the engine in small, in front of a journal."""

    def __init__(self, disk: MemoryDisk, *, segment_bytes_max: int = 1 << 20) -> None:
        self.looks = LookLog()
        self.journal: Journal = memory_journal(
            disk, disk.end_process(), looks=self.looks, segment_bytes_max=segment_bytes_max
        )
        self.journal.begin(RUN)
        self.engine = SmallEngine(self.journal.state, self.looks.budget(FakeBudget()))
        self.markets: dict[str, FakeMarket] = {}
        self.now_ns = T0
        self._note(ev.Started(), self.engine.start(T0))

    def add_market(self, number: int) -> None:
        found, fake = market(number), FakeMarket()
        self.markets[found.condition_id] = fake
        self.journal.market(self.now_ns, found)
        self.engine.add_market(self.now_ns, found, self.looks.view(fake))

    def step(self, event: ev.Event) -> None:
        self.now_ns += 1
        self._note(event, self.engine.step(self.now_ns, event))

    def trade(self, n: int) -> None:
        """Let a book move and the engine look."""
        for i in range(n):
            fake = self.markets["0xc1"]
            fake.best_bid_e4 = 4_000 + i
            fake.has_epoch = i % 5 != 3
            fake.flags = REQUOTE if i % 4 else 0
            self.step(ev.BookChanged("0xc1", REQUOTE))
            self.journal.plan(self.now_ns, "0xc1", place(self.now_ns - T0), f"0x{self.now_ns}")

    def _note(self, event: ev.Event, actions: Sequence[Action]) -> None:
        self.journal.note(self.now_ns, event, actions)


def frames_of(disk: MemoryDisk) -> list[Frame]:
    return [
        frame for segment in disk.segments for frame in read_frames(bytes(segment.content)).frames
    ]


@pytest.fixture
def disk() -> MemoryDisk:
    return MemoryDisk(kept=100)


def repeated(disk: MemoryDisk) -> ReplayReport:
    return repeat_runs(frames_of(disk), build)


def test_two_runs_are_repeated_bit_for_bit(disk: MemoryDisk) -> None:
    for _ in range(2):
        run = LiveRun(disk)
        run.add_market(1)
        run.trade(40)
        run.add_market(2)
        run.step(ev.BookChanged("0xc2", REQUOTE))
        run.step(ev.Timer())
        run.step(ev.Timer())
    report = repeated(disk)
    assert report.divergence is None
    # The last step of each run is left out, since its answer might be missing.
    assert (report.runs, report.steps, report.skipped) == (2, 2 * 43, 1)


def test_a_run_is_repeated_over_its_segments(disk: MemoryDisk) -> None:
    run = LiveRun(disk, segment_bytes_max=5_000)
    run.add_market(1)
    run.trade(100)
    assert len(disk.segments) > 3
    report = repeated(disk)
    assert (report.divergence, report.steps) == (None, 101)


def test_a_run_that_began_in_a_segment_that_is_gone_is_skipped(disk: MemoryDisk) -> None:
    run = LiveRun(disk, segment_bytes_max=5_000)
    run.add_market(1)
    run.trade(100)
    del disk.segments[0]
    report = repeated(disk)
    assert (report.divergence, report.runs, report.steps) == (None, 0, 0)
    assert report.skipped > 20


def test_behind_a_gap_nothing_is_repeated(disk: MemoryDisk) -> None:
    run = LiveRun(disk)
    run.add_market(1)
    run.trade(10)
    disk.failure = "no space left"
    with pytest.raises(JournalError):
        run.trade(10)
    disk.failure = ""
    run.step(ev.Timer())
    run.journal.heal()
    run.trade(10)
    report = repeated(disk)
    assert report.divergence is None
    assert (report.steps, report.skipped) == (11, 10)


def test_an_answer_that_was_cut_off_is_no_difference(disk: MemoryDisk) -> None:
    run = LiveRun(disk)
    run.add_market(1)
    run.trade(10)
    content = disk.segments[-1].content
    torn = [f.offset for f in frames_of(disk) if f.kind == Kind.OUTPUT][-1] + 5
    del content[torn:]
    LiveRun(disk).step(ev.Timer())
    report = repeated(disk)
    assert report.divergence is None
    assert report.runs == 2


def test_the_last_step_of_a_segment_is_repeated_too(disk: MemoryDisk) -> None:
    run = LiveRun(disk, segment_bytes_max=300)
    for _ in range(20):
        run.step(ev.Timer())
    assert len(disk.segments) > 4
    report = repeated(disk)
    assert (report.divergence, report.steps) == (None, 20)


@pytest.mark.parametrize("defect", ["look", "answer", "looks left", "start", "type"])
def test_the_first_difference_is_told(disk: MemoryDisk, defect: str) -> None:
    run = LiveRun(disk)
    run.add_market(1)
    run.trade(20)

    class Other(SmallEngine):
        def start(self, now_ns: int) -> Sequence[Action]:
            actions = super().start(now_ns)
            if defect == "type":
                # As tuples they are equal.
                return [ReadOpen(""), *actions[1:]]
            return actions[1:] if defect == "start" else actions

        def step(self, now_ns: int, event: ev.Event) -> Sequence[Action]:
            if now_ns != T0 + 5:
                return super().step(now_ns, event)
            if defect == "look":
                self.budget.reserve(1)
            if defect == "looks left":
                # What it saw made it answer nothing.
                return ()
            return [*super().step(now_ns, event), Beat()]

    report = repeat_runs(frames_of(disk), lambda run, state, budget: Other(state, budget))
    found = report.divergence
    assert found is not None
    assert found.step == (0 if defect in ("start", "type") else 5)
    assert report.steps == found.step
    assert found.found != found.expected
    frames = {frame.offset: frame.kind for frame in frames_of(disk)}
    assert frames[found.offset] == Kind.INPUT


def test_what_the_journal_knew_at_the_start_is_what_the_engine_is_made_of(disk: MemoryDisk) -> None:
    run = LiveRun(disk)
    run.add_market(1)
    run.trade(7)
    LiveRun(disk).step(ev.Timer())
    known: list[int] = []

    def note(run: RunBegun, state: Recovered, budget: BudgetView) -> SmallEngine:
        known.append(len(state.orders))
        return SmallEngine(state, budget)

    assert repeat_runs(frames_of(disk), note).divergence is None
    assert known == [0, 7]
