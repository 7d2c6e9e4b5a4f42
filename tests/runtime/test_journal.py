"""The journal over a disk that fills up, fails and heals."""

import pytest

from polymm.engine import evidence as ev
from polymm.engine.actions import Alarm, OrderEnded, TradesKnown
from polymm.engine.looks import LookLog
from polymm.engine.records import Gap, StepInput, StepOutput
from polymm.errors import JournalError
from polymm.runtime.journal import Journal
from polymm.runtime.journal_codec import decode
from polymm.runtime.journal_format import Kind, read_frames
from polymm.runtime.journal_reading import recover
from tests.support.journal_scene import RUN, SHARE, T0, Script, fill, market, place
from tests.support.memory_journal import MemoryDisk, memory_journal


class NotedDisk(MemoryDisk):
    """Counts writes."""

    def __init__(self) -> None:
        super().__init__(kept=9)
        self.writes: list[bool] = []

    def write(self, frames: bytes, *, is_plan: bool) -> None:
        self.writes.append(is_plan)
        super().write(frames, is_plan=is_plan)


@pytest.fixture
def disk() -> NotedDisk:
    return NotedDisk()


@pytest.fixture
def journal(disk: NotedDisk) -> Journal:
    journal = memory_journal(disk)
    journal.begin(RUN)
    disk.writes.clear()
    return journal


def kinds(disk: MemoryDisk) -> list[str]:
    return [frame.kind.name for frame in read_frames(disk.end_process()[0]).frames]


def told(journal: Journal) -> list[ev.Event]:
    events: list[ev.Event] = []
    journal.tell = events.append
    return events


def test_a_segment_begins_with_a_checkpoint_and_its_run(disk: NotedDisk, journal: Journal) -> None:
    assert kinds(disk) == ["CHECKPOINT", "RUN"]
    assert disk.segments[0].synced > 0


def test_a_plan_is_one_write_and_there_when_the_call_returns(
    disk: NotedDisk, journal: Journal
) -> None:
    journal.plan(T0, "0xc1", place(1), "0xa")
    assert disk.writes == [True]
    assert recover(disk.end_process()).state.orders.keys() == {"0xa"}


def test_a_plan_is_synced_before_it_returns_where_that_was_asked_for() -> None:
    disk = MemoryDisk(is_sync=True)
    journal = memory_journal(disk)
    journal.begin(RUN)
    journal.plan(T0, "0xc1", place(1), "0xa")
    segment = disk.segments[0]
    assert segment.synced == len(segment.content)


def test_everything_about_a_step_is_one_write(disk: NotedDisk, journal: Journal) -> None:
    fills = (fill("0xa"), fill("0xa", "t2"))
    actions = [OrderEnded("0xa", "FILLED", SHARE), TradesKnown(T0), Alarm("a", "b", "c")]
    journal.note(T0, ev.TradesRead("", 0, fills, T0, T0), actions)
    assert disk.writes == [False]
    assert kinds(disk)[2:] == ["FILL", "FILL", "END", "TRADES", "INPUT", "OUTPUT"]


def test_a_step_that_answered_nothing_has_no_output(disk: NotedDisk, journal: Journal) -> None:
    journal.note(T0, ev.BookChanged("0xc1", 1), ())
    assert kinds(disk)[2:] == ["INPUT"]


def test_a_fill_is_kept_again_only_when_it_is_further_settled(
    disk: NotedDisk, journal: Journal
) -> None:
    for status in (0, 2, 2, 1, 3, 3):
        journal.note(T0, fill("0xa", status=ev.Settlement(status)), ())
    assert kinds(disk)[2:].count("FILL") == 3
    (known,) = recover(disk.end_process()).state.fills.values()
    assert known.status is ev.Settlement.CONFIRMED


def test_looks_of_a_step_stand_with_its_input(disk: NotedDisk) -> None:
    looks = LookLog()
    journal = memory_journal(disk, looks=looks)
    journal.begin(RUN)

    class Budget:
        bursts = (9, 9)

        def tokens(self, now_ns: int) -> tuple[int, int]:
            return (3, 4)

        def reserve(self, live: int) -> int:
            return live

    budget = looks.budget(Budget())
    budget.tokens(T0)
    journal.note(T0, ev.Timer(), ())
    journal.note(T0, ev.Timer(), ())
    frames = read_frames(disk.end_process()[0]).frames[2:]
    noted = [decode(frame) for frame in frames]
    assert noted == [StepInput(T0, ev.Timer(), ((0, 3, 3, 4),)), StepInput(T0, ev.Timer(), ())]


# A disk that fails


def test_no_journal_no_orders(disk: NotedDisk, journal: Journal) -> None:
    disk.failure = "no space left"
    with pytest.raises(JournalError, match="no space left"):
        journal.plan(T0, "0xc1", place(1), "0xa")
    assert disk.wants_retry
    disk.failure = ""
    with pytest.raises(JournalError, match="no space left"):
        journal.plan(T0, "0xc1", place(2), "0xb")
    assert journal.state.orders == {}


def test_nothing_is_appended_behind_a_torn_record(disk: NotedDisk, journal: Journal) -> None:
    journal.plan(T0, "0xc1", place(1), "0xa")
    disk.failure, disk.torn = "no space left", 40
    with pytest.raises(JournalError):
        journal.plan(T0, "0xc1", place(2), "0xb")
    disk.failure = ""
    journal.note(T0, ev.Timer(), ())
    read = recover(disk.end_process())
    assert read.state.orders.keys() == {"0xa"}
    assert read.cuts[0].n_bytes == 40


def test_a_failure_is_raised_once_and_then_only_counted(disk: NotedDisk, journal: Journal) -> None:
    disk.failure = "input/output error"
    with pytest.raises(JournalError, match="input/output error"):
        journal.note(T0, ev.Timer(), ())
    for _ in range(3):
        journal.note(T0, ev.Timer(), ())
    journal.market(T0, market(1))
    assert journal.lost_steps == 4


def test_a_failure_that_the_disk_tells_later_reaches_the_engine(journal: Journal) -> None:
    events = told(journal)
    journal.fail("input/output error")
    journal.fail("input/output error")
    assert events == [ev.JournalFailed("input/output error")]
    with pytest.raises(JournalError, match="input/output error"):
        journal.plan(T0, "0xc1", place(1), "0xa")


def test_a_healed_journal_knows_what_was_told_while_it_failed(
    disk: NotedDisk, journal: Journal
) -> None:
    events = told(journal)
    journal.plan(T0, "0xc1", place(1), "0xa")
    disk.failure = "no space left"
    with pytest.raises(JournalError):
        journal.note(T0, fill("0xa"), ())
    journal.note(T0, fill("0xa", "t2"), [OrderEnded("0xa", "FILLED", 2 * SHARE)])
    journal.market(T0, market(1))
    journal.heal()
    assert journal.failure == "no space left"
    disk.failure = ""
    journal.heal()
    assert events == [ev.JournalHealed()]
    journal.plan(T0, "0xc1", place(2), "0xb")

    state = recover(disk.end_process()).state
    assert state == journal.state
    assert state.orders.keys() == {"0xa", "0xb"}
    assert len(state.fills) == 2
    assert state.orders["0xa"].how == "FILLED"
    assert state.markets.keys() == {"0xc1"}
    assert kinds(disk) == ["CHECKPOINT", "GAP", "PLAN"]
    assert decode(read_frames(disk.end_process()[0]).frames[1]) == Gap(2)


def test_a_market_that_cannot_be_written_down_is_told_and_known_later(
    disk: NotedDisk, journal: Journal
) -> None:
    events = told(journal)
    disk.failure = "no space left"
    journal.market(T0, market(1))
    journal.market(T0, market(2))
    assert events == [ev.JournalFailed("no space left")]
    disk.failure = ""
    journal.heal()
    assert recover(disk.end_process()).state.markets.keys() == {"0xc1", "0xc2"}


def test_a_segment_that_fails_while_it_heals_is_given_up(disk: NotedDisk, journal: Journal) -> None:
    disk.journal = None
    events = told(journal)
    journal.fail("slow")
    journal.heal()
    journal.fail("input/output error")
    journal.confirm()
    assert journal.failure == "input/output error"
    disk.journal = journal
    journal.heal()
    assert events == [ev.JournalFailed("slow"), ev.JournalHealed()]


def test_until_a_new_segment_is_safe_facts_go_there_and_orders_do_not(journal: Journal) -> None:
    class Slow(NotedDisk):
        """A disk that says later that a segment is safe."""

        def begin(self, head: bytes) -> None:
            journal, self.journal = self.journal, None
            super().begin(head)
            self.journal = journal

    disk = Slow()
    journal = memory_journal(disk)
    journal.begin(RUN)
    events = told(journal)
    journal.fail("slow")
    journal.heal()
    journal.heal()
    journal.note(T0, fill("0xa"), ())
    with pytest.raises(JournalError, match="slow"):
        journal.plan(T0, "0xc1", place(1), "0xa")
    assert len(disk.segments) == 2
    assert len(recover(disk.end_process()).state.fills) == 1
    journal.confirm()
    journal.plan(T0, "0xc1", place(1), "0xa")
    assert [type(event) for event in events] == [ev.JournalFailed, ev.JournalHealed]


def test_a_closed_journal_takes_nothing(journal: Journal) -> None:
    journal.close()
    with pytest.raises(JournalError, match="the journal is closed"):
        journal.plan(T0, "0xc1", place(1), "0xa")


def test_what_cannot_be_written_down_fails_the_journal(journal: Journal) -> None:
    with pytest.raises(JournalError, match="a record cannot be written"):
        journal.plan(2**70, "0xc1", place(1), "0xa")
    with pytest.raises(JournalError):
        journal.plan(T0, "0xc1", place(2), "0xb")


# Segments


def test_a_full_segment_is_followed_by_one_that_tells_as_much() -> None:
    disk = MemoryDisk(kept=50)
    script = Script(4, disk)
    script.journal = memory_journal(disk, segment_bytes_max=8_000)
    script.journal.begin(RUN)
    script.run(200)
    assert len(disk.segments) > 5
    state = recover(disk.end_process()).state
    assert state == script.journal.state
    assert state.orders.keys() == set(script.orders)
    assert {key: told.status for key, told in state.fills.items()} == script.told[-1].fills
    for segment in disk.segments:
        assert read_frames(bytes(segment.content)).frames[0].kind == Kind.CHECKPOINT


def test_a_checkpoint_as_large_as_a_segment_is_not_written_at_every_step() -> None:
    disk = MemoryDisk(kept=100)
    journal = memory_journal(disk, segment_bytes_max=2_000)
    journal.begin(RUN)
    for n in range(100):
        journal.plan(T0, "0xc1", place(n + 1), f"0x{n}")
    journal.note(T0, ev.Timer(), ())
    assert len(disk.segments[-1].content) > 5_000
    before = len(disk.segments)
    for _ in range(100):
        journal.note(T0, ev.Timer(), ())
    assert len(disk.segments) <= before + 1


def test_steps_stand_whole_in_one_segment() -> None:
    disk = MemoryDisk(kept=50)
    journal = memory_journal(disk, segment_bytes_max=2_000)
    journal.begin(RUN)
    for _ in range(100):
        journal.note(T0, ev.Timer(), [Alarm("a", "b", "c")])
    pairs = 0
    for segment in disk.segments:
        records = [decode(frame) for frame in read_frames(bytes(segment.content)).frames]
        inputs = [type(record) for record in records].count(StepInput)
        assert inputs == [type(record) for record in records].count(StepOutput)
        pairs += inputs
    assert pairs == 100


def test_between_two_windows_a_segment_that_is_half_full_is_left() -> None:
    disk = MemoryDisk(kept=9)
    journal = memory_journal(disk, segment_bytes_max=4_000)
    journal.begin(RUN)
    journal.renew()
    assert len(disk.segments) == 1
    while len(disk.segments[-1].content) <= 2_000:
        journal.note(T0, ev.Timer(), ())
    journal.renew()
    journal.renew()
    assert len(disk.segments) == 2
    # A disk that fails with it is told like any other.
    told: list[ev.Event] = []
    journal.tell = told.append
    while len(disk.segments[-1].content) <= 2_000:
        journal.note(T0, ev.Timer(), ())
    disk.failure = "No space left on device"
    journal.renew()
    journal.renew()
    assert told == [ev.JournalFailed("No space left on device")]
    assert disk.wants_retry
