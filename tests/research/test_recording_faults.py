"""Records of wrong types and impossible terms: one clear line each, never a traceback."""

import gzip
import json
import math

import pytest

from polymm.errors import RecordingError
from polymm.research.recordings import open_tapes
from polymm.research.tape_run import RunSettings, run_tape
from tests.support.recording_files import (
    ASKS,
    BIDS,
    SLUG,
    book_line,
    l2,
    raw_capture,
    raw_line,
    session,
    write,
)
from tests.support.tapes import CONDITION, START_S, book

MS = START_S * 1_000
FRAME = book(100, BIDS, ASKS)
ROW = (CONDITION, MS, "UP", [0.48], [100.0], [0.5], [205.0])


def read_whole(path):
    for tape in open_tapes(path):
        list(tape.frames)


def refusal(path):
    """The one line with which a recording is refused, be it when its frames are read."""
    with pytest.raises(RecordingError) as caught:
        read_whole(path)
    text = str(caught.value)
    assert str(path.parent) in text
    assert "\n" not in text
    return text


# Times by a recorder's clock, s: it was set back twice, and stood once.
STEPS = (100, 101, 101, 99, 99.5, 98, 103)


def raw_of(folder, told):
    path = raw_capture(folder, *(one for _, one in told))
    return path, [raw_line(one).replace("1776323404", str(at), 1) for at, one in told]


def books_of(folder, told):
    lines = [book_line(n * 1_000, recv_ts=at) for n, (at, _) in enumerate(told)]
    return folder / "a.jsonl.gz", lines


def session_of(folder, told):
    rows = (("polymarket_clob", at * 1_000, one.frame.decode()) for at, one in told)
    path = session(folder, *rows)
    return path, gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.mark.parametrize("made", [raw_of, books_of, session_of])
def test_a_clock_that_steps_back_is_counted_in_every_layout(tmp_path, made):
    """Though what the venue stamped is in order, so that nothing else shows it."""
    frames = [book(n * 1_000, BIDS, ASKS) for n in range(len(STEPS))]
    path, lines = made(tmp_path, list(zip(STEPS, frames, strict=True)))
    for spelled in (lines, [json.dumps(json.loads(line)) for line in lines]):
        (tape,) = open_tapes(write(path, spelled))
        assert tape.defects == {"clock_backwards": 2}
        assert len(tape.frames) == len(STEPS)


def test_a_clock_that_stands_or_says_nothing_is_not_set_back(tmp_path):
    lines = [book_line(n * 1_000) for n in range(3)]
    lines.append(book_line(4_000).replace('"recv_ts":1776323404.776', '"recv_ts": null'))
    (tape,) = open_tapes(write(tmp_path / "a.jsonl.gz", lines))
    assert tape.defects == {}


def test_receipts_before_the_venues_own_time_are_counted_in_sessions(tmp_path):
    frames = [("polymarket_clob", 150, FRAME.frame.decode()), ("binance", 160, "{}")]
    early = ("polymarket_clob", 180, book(190, BIDS, ASKS).frame.decode())
    (tape,) = open_tapes(session(tmp_path, *frames, early))
    assert tape.defects == {"foreign_frames": 1, "receipts_before_venue_time": 1}
    assert [frame.recv_ns > 0 for frame in tape.frames] == [True, False]


@pytest.mark.parametrize("payload", ["5", "[1]", "null", "{}", 7, None, "[" * 100_000])
def test_session_payload_of_another_type_is_a_damaged_line(tmp_path, payload):
    good = ("polymarket_clob", 150, FRAME.frame.decode())
    path = session(tmp_path, ("polymarket_clob", 100, payload), good)
    assert "line 1: expected a recorded frame" in refusal(path)


@pytest.mark.parametrize("stamp", ["9" * 20, "-5", "soon"])
def test_time_that_no_clock_shows_is_a_damaged_line(tmp_path, stamp):
    line = book_line().replace(f'"timestamp":"{MS + 1_000}"', f'"timestamp":"{stamp}"')
    assert stamp in line
    path = write(tmp_path / "a.jsonl", [line, book_line(2_000)])
    assert "line 1: expected a recorded frame" in refusal(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tickSize": 0}, "expected a tick that divides 1"),
        ({"tickSize": 0.003}, "expected a tick that divides 1"),
        ({"tickSize": math.nan}, "expected market records"),
        ({"minOrderSize": math.inf}, "expected market records"),
        ({"minOrderSize": -1}, "expected a minimum order of at least 0"),
        ({"startTs": 10**30}, "expected market records"),
        ({"endTs": START_S}, "expected a window"),
    ],
)
def test_terms_that_no_market_has_are_refused_by_name(tmp_path, changes, message):
    assert message in refusal(raw_capture(tmp_path, FRAME, **changes))


@pytest.mark.parametrize("tick", ["0", "0..1", "7"])
def test_tick_that_cannot_be_is_refused_before_a_run(tmp_path, tick):
    text = json.dumps(json.loads(FRAME.frame) | {"tick_size": tick}, separators=(",", ":"))
    line = f'{{"recv_ts":1,"slug":"{SLUG}","msg":{text}}}'
    assert "expected a tick that divides 1" in refusal(write(tmp_path / "a.jsonl", [line]))


@pytest.mark.parametrize("minutes", [0, 99_999])
def test_window_without_a_sensible_length_is_refused(tmp_path, minutes):
    line = book_line(slug=f"btc-updown-{minutes}m-{START_S}")
    assert "window" in refusal(write(tmp_path / "a.jsonl", [line]))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ((CONDITION, None, *ROW[2:]), "expected a market and the times of its books"),
        ((CONDITION, -MS, *ROW[2:]), "expected a market and the times of its books"),
        ((CONDITION, MS, "MAYBE", *ROW[3:]), "expected UP or DOWN"),
        ((CONDITION, MS, "UP", None, *ROW[4:]), "expected UP or DOWN with lists"),
    ],
)
def test_l2_row_of_another_shape_is_one_line(tmp_path, row, message):
    assert message in refusal(l2(tmp_path, [ROW, row]) / "books.parquet")


def test_l2_market_that_is_no_condition_id_is_one_line(tmp_path):
    folder = l2(tmp_path, [("first", *ROW[1:])], market_id="first")
    assert "found 'first'" in refusal(folder / "books.parquet")


def test_l2_market_without_a_single_book_is_excluded_and_counted(tmp_path):
    other = {
        "market_id": "0x" + "cd" * 32,
        "slug": f"btc-updown-15m-{START_S + 900}",
        "start_ts": MS + 900_000,
        "end_ts": MS + 1_800_000,
        "payout_up": 1.0,
        "payout_down": 0.0,
    }
    tapes = open_tapes(l2(tmp_path, [ROW], other))
    runs = [run_tape(tape, RunSettings()) for tape in tapes]
    assert [(run.status, run.exclusion) for run in runs] == [
        ("settled", ""),
        ("excluded", "outside_window"),
    ]


def test_market_with_fees_of_an_unknown_form_is_not_quoted(tmp_path):
    fees = {"raw_fee_config": {"exponent": 2, "rate": 0.07, "rebateRate": 0.2}}
    payload = ("polymarket_clob", 150, FRAME.frame.decode())
    (tape,) = open_tapes(session(tmp_path, payload, fee_parameters=fees))
    run = run_tape(tape, RunSettings())
    assert (run.status, run.exclusion, run.orders.placed_n) == ("excluded", "fees_unknown", 0)
