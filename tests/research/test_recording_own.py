"""Recordings of our own runs as tapes: sockets that tell the same, gaps, ends that are missing."""

import json
from pathlib import Path

import pytest

from polymm.errors import RecordingError
from polymm.research.recording_format import TAIL_BYTES, Recorded
from polymm.research.recordings import open_tapes
from polymm.research.run_recording import open_run
from polymm.research.tape_text import run_lines, run_record
from tests.support.recorded_runs import heard, market_note, note, paths, record
from tests.support.tapes import CONDITION, UP_TOKEN, at, book, change, frame, market, trade

MS = 1_000_000
BIDS, ASKS = [(0.47, 200), (0.48, 100)], [(0.53, 120), (0.52, 80)]
SNAPSHOT = book(0, BIDS, ASKS)
CHANGES = [change(ms, "BUY", 0.48, 100 + ms) for ms in range(10, 9_000, 10)]
RESOLVED = frame(300_500, {"event_type": "market_resolved", "winning_asset_id": UP_TOKEN})


def told(*frames, socket=1, late_ms=5):
    """Frames as a socket delivered them, some ms after the venue's time."""
    return [heard(one.frame, one.exch_ns + late_ms * MS, socket) for one in frames]


def in_order(*groups):
    return sorted((one for group in groups for one in group), key=lambda one: one.recv_ns)


def tape_of(folder: Path, *frames: Recorded, **how):
    (tape,) = open_tapes(record(folder, [market_note(market()), *frames], **how))
    return tape


def test_a_tape_has_the_market_its_frames_and_both_times(tmp_path: Path) -> None:
    tape = tape_of(tmp_path / "run", *told(SNAPSHOT, CHANGES[0], trade(15, "BUY", 0.52, 5)))
    assert tape.market == market()
    assert [(one.exch_ns - at(0), one.recv_ns - one.exch_ns) for one in tape.frames] == [
        (0, 5 * MS),
        (10 * MS, 5 * MS),
        (15 * MS, 5 * MS),
    ]
    assert (tape.has_trades, tape.token_labelled, tape.outcome) == (True, True, None)
    assert tape.trade_lag_ns == 20 * MS
    assert dict(tape.defects) == {}


def test_two_sockets_that_tell_the_same_make_one_tape(tmp_path: Path) -> None:
    frames = [SNAPSHOT, *CHANGES]
    tape = tape_of(tmp_path / "run", *in_order(told(*frames), told(*frames, socket=2, late_ms=9)))
    assert [one.frame for one in tape.frames] == [one.frame for one in frames]
    assert dict(tape.defects) == {}


def test_where_the_first_socket_was_not_there_another_fills_in(tmp_path: Path) -> None:
    frames = [SNAPSHOT, *CHANGES]
    # The first ends in the middle of a frame that the other one has; the other begins later.
    tape = tape_of(
        tmp_path / "run", *in_order(told(*frames[:600]), told(*frames[590:], socket=2, late_ms=9))
    )
    assert [one.frame for one in tape.frames] == [one.frame for one in frames]
    assert dict(tape.defects) == {}


def test_what_a_socket_missed_and_another_had_is_counted(tmp_path: Path) -> None:
    frames = [SNAPSHOT, *CHANGES]
    lacking = frames[:400] + frames[403:]
    other = told(SNAPSHOT, *frames[300:500], socket=2, late_ms=9)
    tape = tape_of(tmp_path / "run", *in_order(told(*lacking), other))
    assert len(tape.frames) == len(lacking)
    assert tape.defects == {"frames_missed_by_a_socket": 3}


def test_the_winner_is_the_venues_word_or_what_the_run_was_told(tmp_path: Path) -> None:
    resolved = told(SNAPSHOT, RESOLVED)
    noted = note("outcome", at(300_600), market=CONDITION, winner="up")
    assert tape_of(tmp_path / "a", *resolved).outcome == "up"
    assert tape_of(tmp_path / "b", *told(SNAPSHOT), noted).outcome == "up"
    other = note("outcome", at(300_600), market=CONDITION, winner="down")
    tape = tape_of(tmp_path / "c", *resolved, other)
    assert (tape.outcome, tape.defects) == ("up", {"outcomes_that_differ": 1})


def test_a_receipt_before_the_venues_time_is_not_used(tmp_path: Path) -> None:
    tape = tape_of(tmp_path / "run", *told(SNAPSHOT, late_ms=-3), *told(CHANGES[0]))
    assert [one.recv_ns for one in tape.frames] == [0, at(15)]
    assert tape.defects == {"receipts_before_venue_time": 1}


def test_words_that_are_no_events_of_the_market_are_counted(tmp_path: Path) -> None:
    foreign = SNAPSHOT.frame.replace(CONDITION.encode(), b"0xcd")
    new = json.dumps({"event_type": "new_market", "market": "0xcd"}).encode()
    words = [heard(text, at(3)) for text in (b"PONG", foreign, new, b'{"message":"?"}')]
    tape = tape_of(tmp_path / "run", *told(SNAPSHOT), *words)
    assert len(tape.frames) == 1
    assert tape.defects == {
        "announcements": 1,
        "foreign_frames": 1,
        "frames_without_market": 1,
        "keep_alives": 1,
    }


def test_an_array_of_books_has_the_newest_time_of_the_market(tmp_path: Path) -> None:
    foreign = book(90, BIDS, ASKS).frame.replace(CONDITION.encode(), b"0xcd")
    texts = (SNAPSHOT.frame, book(7, BIDS, ASKS, token="down").frame, foreign)
    tape = tape_of(tmp_path / "run", heard(b"[" + b",".join(texts) + b"]\n", at(99)))
    assert [one.exch_ns for one in tape.frames] == [at(7)]


def test_a_recording_that_was_cut_says_so_on_the_tapes_it_hurts(tmp_path: Path) -> None:
    folder = record(tmp_path / "run", [market_note(market()), *told(*CHANGES)], blocks_of=100)
    (path,) = paths(folder)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    (tape,) = open_tapes(folder)
    assert 100 <= len(tape.frames) < len(CHANGES)
    assert tape.defects == {"gaps": 1, "cut_before_its_end": 1}
    # Whole blocks, but no end: killed.
    path.write_bytes(data[:-TAIL_BYTES])
    (tape,) = open_tapes(folder)
    assert tape.defects["cut_before_its_end"] == 1


def test_a_recording_whose_later_files_are_gone_says_so(tmp_path: Path) -> None:
    frames = [market_note(market()), *told(*CHANGES)]
    run = open_run(record(tmp_path / "run", frames, is_whole=False))
    assert (run.is_closed, run.is_whole) == (True, False)
    (tape,) = open_tapes(run.path)
    assert tape.defects == {"cut_before_its_end": 1}
    assert "later files are missing" in dict(run_lines(run_record(run)))["files"]


def test_a_market_of_which_nothing_was_heard_stays_and_is_empty(tmp_path: Path) -> None:
    tape = tape_of(tmp_path / "run", note("run"))
    assert len(tape.frames) == 0


def test_several_runs_of_a_folder_are_all_opened(tmp_path: Path) -> None:
    other = market(condition_id="0xcd", slug="btc-updown-5m-1776323700")
    record(tmp_path / "a", [market_note(market()), *told(SNAPSHOT)], told(CHANGES[0]))
    record(tmp_path / "b", [market_note(other)])
    tapes = open_tapes(tmp_path)
    assert [(tape.market.condition_id, len(tape.frames)) for tape in tapes] == [
        (CONDITION, 2),
        ("0xcd", 0),
    ]


def test_a_frame_without_a_time_is_an_error_of_one_line(tmp_path: Path) -> None:
    broken = heard(json.dumps({"market": CONDITION}).encode(), at(1))
    with pytest.raises(RecordingError, match="expected a frame with its time"):
        tape_of(tmp_path / "run", broken)


def test_a_clock_that_steps_back_loses_nothing(tmp_path: Path) -> None:
    frames = told(SNAPSHOT, *CHANGES)
    hour_ns = 3_600_000 * MS
    stepped = [one._replace(recv_ns=one.recv_ns - hour_ns) for one in frames[300:]]
    tape = tape_of(tmp_path / "run", *frames[:300], *stepped)
    assert len(tape.frames) == len(frames)
    assert tape.defects == {"receipts_before_venue_time": len(stepped)}
