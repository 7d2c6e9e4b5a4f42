"""What a recording tells of the run's engine: its journal, steps, what was sent and answered."""

from pathlib import Path

import pytest

from polymm.engine import evidence as ev
from polymm.engine.actions import MergePairs, Sweep
from polymm.errors import RecordingError
from polymm.research.recording_format import Channel, Recorded
from polymm.research.run_recording import RunRecording, open_run
from polymm.runtime.journal import Journal
from polymm.runtime.journal_files import JournalSettings, open_journal
from polymm.runtime.journal_format import Kind, make_frame, read_frames
from polymm.runtime.run_steps import (
    CancelSent,
    PlaceSent,
    journal_frames,
    replies,
    sent,
    steps,
)
from tests.support.journal_scene import RUN, T0, fill, market, place
from tests.support.recorded_runs import record

ANSWER = ev.PlaceAnswered("0xa", ev.PlaceVerdict.LIVE, "", T0 + 4, T0 + 9)
CANCELED = ev.CancelAnswered("0xa", ev.CancelVerdict.CANCELED, "", T0 + 20, T0 + 29)


def live(journal: Journal) -> None:
    """An order is sent, answered, filled, cancelled; pairs are merged, all is swept."""
    journal.begin(RUN)
    journal.market(T0, market(1))
    journal.note(T0 + 1, ev.Started(), (Sweep(""),))
    journal.plan(T0 + 3, "0xc1", place(1), "0xa")
    journal.note(T0 + 5, ev.Written(("0xa",), T0 + 4), ())
    journal.note(T0 + 10, ANSWER, ())
    journal.note(T0 + 15, fill("0xa"), (MergePairs("0xc1", 5),))
    journal.note(T0 + 21, ev.CancelWritten(("0xa",), T0 + 20), ())
    journal.note(T0 + 30, CANCELED, ())


@pytest.fixture
def written(tmp_path: Path) -> list[bytes]:
    """What a journal wrote, as it wrote it."""
    pieces: list[bytes] = []
    journal = open_journal(tmp_path / "journal", "acc", JournalSettings(), tee=pieces.append)
    live(journal)
    journal.close()
    return pieces


def recorded(folder: Path, pieces: list[bytes]) -> RunRecording:
    frames = [Recorded(T0 + n, Channel.JOURNAL, 0, piece) for n, piece in enumerate(pieces)]
    return open_run(record(folder, frames))


def test_the_journal_comes_back_as_it_was_written(tmp_path: Path, written: list[bytes]) -> None:
    (segment,) = (tmp_path / "journal").glob("*.journal")
    of_segment = read_frames(segment.read_bytes()).frames
    found = [frame for _, frame in journal_frames(recorded(tmp_path / "run", written))]
    assert [frame[:2] for frame in found] == [frame[:2] for frame in of_segment]
    assert {frame.kind for frame in found} >= {Kind.CHECKPOINT, Kind.RUN, Kind.PLAN, Kind.INPUT}


def test_steps_have_what_they_were_given_and_answered(tmp_path: Path, written: list[bytes]) -> None:
    found = list(steps(recorded(tmp_path / "run", written)))
    assert [step.now_ns - T0 for step in found] == [1, 5, 10, 15, 21, 30]
    assert [step.event for step in found[2:3]] == [ANSWER]
    assert found[0].actions == (Sweep(""),)
    assert found[5].actions == ()


def test_what_was_sent_has_the_time_of_its_bytes(tmp_path: Path, written: list[bytes]) -> None:
    assert list(sent(recorded(tmp_path / "run", written))) == [
        (T0 + 1, Sweep("")),
        (T0 + 4, PlaceSent("0xa", "0xc1", place(1))),
        (T0 + 15, MergePairs("0xc1", 5)),
        (T0 + 20, CancelSent(("0xa",))),
    ]


def test_replies_have_the_time_at_which_they_were_taken(
    tmp_path: Path, written: list[bytes]
) -> None:
    found = list(replies(recorded(tmp_path / "run", written)))
    assert found == [(T0 + 10, ANSWER), (T0 + 15, fill("0xa")), (T0 + 30, CANCELED)]


def test_a_journal_that_fails_is_not_recorded_as_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pieces: list[bytes] = []
    journal = open_journal(tmp_path / "journal", "acc", JournalSettings(), tee=pieces.append)
    journal.begin(RUN)
    before = len(pieces)
    journal.fail("the disk does not answer")
    journal.note(T0, ev.Timer(), ())
    assert len(pieces) == before
    journal.close()


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        (make_frame(Kind.INPUT, b"[1]")[:-1], "a frame of the journal must be whole: frame torn"),
        (make_frame(200, b"[1]"), "kind must be one of"),
        (make_frame(Kind.INPUT, b"[1]"), "INPUT record: expected the 3 fields of a StepInput"),
    ],
)
def test_what_is_no_journal_is_an_error(tmp_path: Path, piece: bytes, message: str) -> None:
    with pytest.raises(RecordingError, match=message):
        list(steps(recorded(tmp_path / "run", [piece])))
