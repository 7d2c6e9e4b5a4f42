"""A paper run with a broken socket and three faults is made once more; whatever differs is told."""

import asyncio
import json
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from polymm.cli import main
from polymm.cli.replay import show_decisions
from polymm.engine.actions import Alarm
from polymm.engine.records import Gap, StepOutput
from polymm.errors import InputError, RecordingError
from polymm.research.own_orders import OwnOrder, measured
from polymm.research.recording_format import Channel, Recorded
from polymm.research.run_recording import RunRecording, open_run
from polymm.runtime import decision_replay, fill_replay, heard_books
from polymm.runtime.config import Config
from polymm.runtime.decision_replay import (
    DecisionReport,
    config_of,
    journal_with_gaps,
    replay_decisions,
)
from polymm.runtime.fill_replay import replay_fills
from polymm.runtime.journal_codec import decode, encode
from polymm.runtime.journal_format import Kind
from polymm.runtime.own_orders import own_orders
from tests.support.paper_run import FAULTS, paper_run
from tests.support.recorded_runs import T0, heard, market_note, note, paths, record
from tests.support.tapes import CONDITION, at, book, buy, change, market

pytestmark = pytest.mark.waits


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Windows of some seconds in which everything went wrong once.

    A machine that is busy otherwise may send next to nothing in them: then they are run again.
    """
    for _ in range(4):
        made = asyncio.run(paper_run(tmp_path_factory.mktemp("paper"), window_s=7, every_s=0.7))
        if sum(len(one.fills) for one in own_orders(open_run(made))) > 3:
            break
    return made


@pytest.fixture
def run(folder: Path) -> RunRecording:
    return open_run(folder)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        main(["replay", *arguments])
    return int(ended.value.code or 0), capsys.readouterr().out


def test_a_run_decides_the_same_again(run: RunRecording) -> None:
    report = replay_decisions(run)
    assert report.differences == []
    assert report.is_same
    assert (report.exact.runs, report.gaps, report.is_whole) == (1, 0, True)
    assert min(report.exact.steps, report.looks, report.quotes) > 20
    assert report.frames > 500
    notes = [one for one in run.notes() if one["note"] == "socket_end"]
    assert any(one["reason"] == "closed_1006" for one in notes)
    assert len(FAULTS) == 4


def test_its_orders_are_those_that_it_sent(run: RunRecording) -> None:
    orders = own_orders(run)
    assert sum(bool(one.fills) for one in orders) > 1
    for one in orders:
        assert one.filled_e6 <= one.place.size_e6
        if one.rested_ns and one.gone_ns:
            assert one.rested_ns <= one.gone_ns
    delays = measured(orders)
    assert min(len(delays["order"]), len(delays["cancel"]), len(delays["reply"])) > 1


def test_simulated_fills_are_held_against_its_own(run: RunRecording) -> None:
    report = replay_fills(run, Config())
    assert report.whole.fills > 1
    assert set(report.whole.parts) == {"latency", "queue", "unknown"}
    assert report.whole.parts["unknown"].share.value < 0.5
    assert (report.calibration is None) == bool(report.why)


def test_the_verb_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, text = said(capsys, str(folder), "--compare")
    assert code == 0
    assert "no difference" in text
    assert "share of fills" in text
    code, text = said(capsys, str(folder), "--json")
    assert json.loads(text)["decisions"]["differing"] == 0


def test_a_frame_that_is_missing_shows_at_the_looks(
    run: RunRecording, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = heard_books._chunks

    def lossy(recording: RunRecording):
        number = count()
        for chunk in chunks(recording):
            if not any(b'"price_change"' in one.payload for one in chunk) or next(number) % 9:
                yield chunk

    monkeypatch.setattr(heard_books, "_chunks", lossy)
    report = replay_decisions(run)
    assert report.exact.divergence is None
    assert report.differing
    assert not report.is_same


def test_another_configuration_decides_otherwise(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def other(recording: RunRecording) -> Config:
        config = config_of(recording)
        cycle = config.cycle.model_copy(update={"requote": "cancel_replace"})
        return config.model_copy(update={"cycle": cycle})

    monkeypatch.setattr(decision_replay, "config_of", other)
    code, text = said(capsys, str(folder))
    assert code == 5
    assert "expected" in text
    assert "found" in text


def test_behind_a_hole_of_the_recording_no_step_is_repeated(tmp_path: Path) -> None:
    steps = [
        Recorded(T0 + n, Channel.JOURNAL, 0, encode(StepOutput((Alarm("a", "", str(n)),))))
        for n in range(3)
    ]
    folder = record(tmp_path / "run", *([step] for step in steps))
    assert [frame.kind for frame in journal_with_gaps(open_run(folder))] == [Kind.OUTPUT] * 3
    paths(folder)[1].unlink()
    assert [decode(frame) for frame in journal_with_gaps(open_run(folder))] == [
        StepOutput((Alarm("a", "", "0"),)),
        Gap(0),
        StepOutput((Alarm("a", "", "2"),)),
    ]


def test_a_window_of_which_frames_are_missing_has_no_fills_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = [book(0, [(0.48, 100)], [(0.52, 80)])]
    frames += [change(ms, "BUY", 0.48, ms) for ms in range(1, 20)]
    told = [heard(one.frame, one.exch_ns) for one in frames]
    folder = record(tmp_path / "run", [market_note(market()), *told], blocks_of=5)
    order = OwnOrder(1, "0x1", CONDITION, buy(1, 4_800, 5), at(2))
    monkeypatch.setattr(fill_replay, "own_orders", lambda run: [order])
    assert replay_fills(open_run(folder), Config()).left_out == 0
    (path,), (_, _, row, *_) = paths(folder), open_run(folder).files[0].blocks
    data = bytearray(path.read_bytes())
    data[row.offset + 60] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="every frame is there, found none of 1 with orders"):
        replay_fills(open_run(folder), Config())


def test_nothing_compared_is_not_the_same() -> None:
    report = DecisionReport()
    assert not report.is_same
    assert not replace(report, differing=1).is_same


def test_a_recording_without_the_runs_end_is_not_taken_for_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not open_run(record(tmp_path / "run", [note("run")], is_whole=False)).is_whole
    show_decisions(DecisionReport(is_whole=False))
    assert "later files are missing" in capsys.readouterr().out


def test_a_recording_without_a_run_says_so(tmp_path: Path) -> None:
    found = open_run(record(tmp_path / "run", [note("run", config={})]))
    with pytest.raises(RecordingError, match="configuration"):
        replay_decisions(found)


def test_a_run_without_orders_has_no_fills_to_compare(tmp_path: Path) -> None:
    found = open_run(record(tmp_path / "run", [note("run", config={})]))
    with pytest.raises(InputError, match="sent orders"):
        replay_fills(found, Config())
