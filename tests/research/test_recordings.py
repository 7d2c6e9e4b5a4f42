"""Every layout opens as tapes; everything else is one clear line."""

import gzip
import json
import sys

import pytest

from polymm._core.decode import Decoder
from polymm.domain.market import NS
from polymm.errors import RecordingError
from polymm.research.recording_l2 import decimal_text
from polymm.research.recording_layouts import UNRECORDED_TOKEN
from polymm.research.recording_lines import settlement_rule, taker_delay_ns, window_of
from polymm.research.recordings import open_tapes
from tests.support.recording_files import (
    ASKS,
    BIDS,
    MS,
    SLUG,
    book_line,
    l2,
    raw_capture,
    session,
    write,
)
from tests.support.recordings import data_dir, recording
from tests.support.tapes import CONDITION, DOWN_TOKEN, START_S, UP_TOKEN, book, change, frame, trade

# Book-only captures


@pytest.mark.parametrize("packed", [True, False])
def test_book_only_capture_takes_its_token_as_up_and_says_so(tmp_path, packed):
    path = write(tmp_path / "a.book.jsonl", [book_line(), book_line(2_000)], packed=packed)
    (tape,) = open_tapes(path)
    assert (tape.market.up_token, tape.market.down_token) == (UP_TOKEN, "")
    assert (tape.token_labelled, tape.has_trades, tape.outcome) == (False, False, None)
    assert (tape.market.start_ns, tape.market.end_ns) == (START_S * NS, (START_S + 300) * NS)


def test_token_can_be_taken_as_down(tmp_path):
    (tape,) = open_tapes(write(tmp_path / "a.jsonl.gz", [book_line()]), token_as="down")
    assert (tape.market.up_token, tape.market.down_token) == (UNRECORDED_TOKEN, UP_TOKEN)
    decoder = Decoder()
    slot = decoder.add_market(tape.market.up_token, tape.market.down_token)
    decoder.feed(tape.frames[0].frame)
    assert decoder.book(slot).best_bid_e4 == 4_800  # its ask of .52, mirrored


def test_two_unlabelled_tokens_are_mirrors_and_the_first_is_up(tmp_path):
    lines = [book_line(token="down"), book_line(2_000, token="up")]
    (tape,) = open_tapes(write(tmp_path / "a.jsonl.gz", lines))
    assert (tape.market.up_token, tape.market.down_token) == (DOWN_TOKEN, UP_TOKEN)
    assert not tape.token_labelled


def test_receipt_times_of_a_clock_that_runs_behind_are_not_used(tmp_path):
    (tape,) = open_tapes(write(tmp_path / "a.jsonl.gz", [book_line()]))
    assert tape.frames[0].recv_ns == 0


def test_frames_are_cut_out_as_text(tmp_path):
    text = book(1_000, BIDS, ASKS).frame.decode().replace(",", " , ")
    spaced = f'{{"slug": "{SLUG}", "msg": {text} , "recv_ts": 1}}'
    (tape,) = open_tapes(write(tmp_path / "a.jsonl.gz", [spaced]))
    assert tape.frames[0].frame == text.encode()


def test_frames_are_sorted_by_venue_time_and_inversions_counted(tmp_path):
    lines = [book_line(ms) for ms in (1_000, 3_000, 2_000, 2_500, 4_000)]
    (tape,) = open_tapes(write(tmp_path / "a.jsonl.gz", lines))
    times = [frame.exch_ns for frame in tape.frames]
    assert times == sorted(times)
    assert tape.defects == {"inversions": 2}


def test_frames_are_read_again_and_not_kept(tmp_path):
    (tape,) = open_tapes(write(tmp_path / "a.jsonl.gz", [book_line(), book_line(2_000)]))
    assert len(tape.frames) == 2
    assert list(tape.frames) == list(tape.frames)
    assert tape.frames[-1].exch_ns == (START_S + 2) * NS


# Raw captures and sessions


def test_raw_capture_has_trades_labels_and_the_lag_of_its_trade_messages(tmp_path):
    path = raw_capture(tmp_path, book(0, BIDS, ASKS), trade(500, "BUY", 0.52, 5))
    (tape,) = open_tapes(path)
    assert (tape.has_trades, tape.token_labelled, len(tape.frames)) == (True, True, 2)
    assert tape.trade_lag_ns == 20 * MS
    assert tape.market.settlement.kind == "point"


@pytest.mark.parametrize(("winner", "outcome"), [(UP_TOKEN, "up"), (DOWN_TOKEN, "down")])
def test_recorded_resolution_settles_and_nothing_else_does(tmp_path, winner, outcome):
    resolved = {
        "event_type": "market_resolved",
        "winning_asset_id": winner,
        "assets_ids": [UP_TOKEN, DOWN_TOKEN],
    }
    path = raw_capture(tmp_path, book(0, BIDS, ASKS), frame(301_000, resolved))
    assert open_tapes(path)[0].outcome == outcome
    certain = book(299_000, [(0.98, 10), (0.99, 10)], [])
    assert open_tapes(raw_capture(tmp_path, book(0, BIDS, ASKS), certain))[0].outcome is None


def test_raw_capture_counts_frames_of_markets_it_was_not_told_of(tmp_path):
    other = change(100, "BUY", 0.4, 1)
    foreign = other._replace(frame=other.frame.replace(CONDITION.encode(), b"0xother"))
    (tape,) = open_tapes(raw_capture(tmp_path, book(0, BIDS, ASKS), foreign))
    assert tape.defects == {"foreign_frames": 1}


def test_a_listed_market_without_frames_is_a_tape_to_be_excluded(tmp_path):
    path = raw_capture(tmp_path, book(0, BIDS, ASKS))
    beside = tmp_path / f"{SLUG}.markets.json"
    records = json.loads(beside.read_bytes())
    silent = {"slug": f"btc-updown-5m-{START_S + 300}", "conditionId": "0x" + "5" * 64}
    tokens = {"upTokenId": "5" * 77, "downTokenId": "6" * 77}
    times = {"startTs": START_S + 300, "endTs": START_S + 600}
    beside.write_text(json.dumps(records | {"next": records["current"] | silent | tokens | times}))
    tapes = open_tapes(path)
    assert [len(tape.frames) for tape in tapes] == [1, 0]


def test_raw_capture_without_its_markets_says_what_is_missing(tmp_path):
    path = raw_capture(tmp_path, book(0, BIDS, ASKS))
    (tmp_path / f"{SLUG}.markets.json").unlink()
    with pytest.raises(RecordingError, match=r"expected its markets beside it in .*markets\.json"):
        open_tapes(path)


def test_session_maps_tokens_by_label_and_fees_by_its_record(tmp_path):
    frame = book(100, BIDS, ASKS).frame.decode()
    path = session(
        tmp_path,
        ("polymarket_clob", 150, f"[{frame}]\n"),
        ("binance", 160, "{}"),
        ("polymarket_clob", 170, "PONG"),
        ("polymarket_clob", 90, frame),
    )
    (tape,) = open_tapes(path)
    assert (tape.market.up_token, tape.market.fees.rate_e6) == (UP_TOKEN, 72_000)
    assert [f.recv_ns for f in tape.frames] == [(START_S * 1000 + 150) * MS, 0]
    assert tape.frames[0].frame.endswith(b"]\n")
    # The last frame was written before the others, and before the venue made it.
    assert tape.defects == {
        "foreign_frames": 1,
        "keep_alives": 1,
        "clock_backwards": 1,
        "receipts_before_venue_time": 1,
    }


# Bad input


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.jsonl.gz", b"", "found an empty file"),
        ("a.jsonl", b"\n\n", "found an empty file"),
        ("a.jsonl.gz", gzip.compress(b"x" * 4_000, mtime=0)[:-12], "found it cut short"),
        ("a.jsonl", b"\x1f\x8bnot gzip", "expected a readable file"),
        ("a.jsonl", b"hello\n", "line 1: expected JSON, found"),
        ("a.jsonl", b'{"price":1}\n', "found another kind of file"),
        ("a.jsonl", b"[1]\n", "found another kind of file"),
        ("a.csv", b"1,2\n", "found another kind of file"),
        ("books.parquet", b"PAR1", "expected readable Parquet"),
    ],
)
def test_unusable_file_is_one_clear_line(tmp_path, name, data, message):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(RecordingError) as caught:
        open_tapes(path)
    text = str(caught.value)
    assert message in text
    assert str(tmp_path) in text
    assert "\n" not in text


def test_missing_path_and_empty_folder_say_so(tmp_path):
    with pytest.raises(RecordingError, match="found nothing there"):
        open_tapes(tmp_path / "absent")
    with pytest.raises(RecordingError, match="found none in the folder"):
        open_tapes(tmp_path)


def test_damaged_last_line_is_a_defect(tmp_path):
    path = write(tmp_path / "a.jsonl.gz", [book_line(), book_line(2_000), book_line(3_000)[:200]])
    (tape,) = open_tapes(path)
    assert (len(tape.frames), tape.defects) == (2, {"damaged_last_line": 1})


def test_damage_before_the_last_line_is_an_error_with_its_line(tmp_path):
    path = write(tmp_path / "a.jsonl.gz", [book_line(), book_line(2_000)[:200], book_line(3_000)])
    with pytest.raises(RecordingError, match=r"a\.jsonl\.gz: line 2: expected a recorded frame"):
        open_tapes(path)


def test_file_that_is_damaged_all_through_is_an_error(tmp_path):
    with pytest.raises(RecordingError, match="expected a recorded frame"):
        open_tapes(write(tmp_path / "a.jsonl.gz", ['{"recv_ts":1,"slug":"x","msg":7}']))


def test_slug_of_another_kind_of_market_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="Up/Down window"):
        open_tapes(write(tmp_path / "a.jsonl.gz", [book_line(slug="will-it-rain")]))


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "books.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(RecordingError, match=r"pip install '\.\[research\]'"):
        open_tapes(tmp_path)


# L2


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [(0.48, 4, "0.48"), (0.001, 4, "0.001"), (205.0, 6, "205"), (496.05, 6, "496.05"),
     (12904.123456, 6, "12904.123456"), (0.1 + 0.2, 4, "0.3"), (0.0, 6, "0")],
)  # fmt: skip
def test_floats_go_back_to_the_decimals_they_came_from(value, places, text):
    assert decimal_text(value, places) == text


@pytest.mark.parametrize("value", [0.48005, -0.1, float("nan"), float("inf")])
def test_floats_off_the_grid_are_refused(value):
    with pytest.raises(ValueError, match=r"grid|finite"):
        decimal_text(value, 4)


def test_l2_rows_become_book_frames_and_defects_are_counted(tmp_path):
    ms = START_S * 1000
    rows = [
        (CONDITION, ms + 500, "DOWN", [0.51, 0.5], [7.5, 8.0], [0.53], [10.0]),
        (CONDITION, ms, "UP", [0.48], [100.0], [0.5, 0.51], [205.25, 1.0]),
        (CONDITION, ms + 900, "UP", [0.52], [1.0], [0.5], [1.0]),
        (CONDITION, ms + 900, "DOWN", [0.5], [1.0], [0.53], [1.0]),
    ]
    (tape,) = open_tapes(l2(tmp_path, rows) / "books.parquet")
    assert tape.outcome == "down"
    assert tape.defects == {"inversions": 1, "crossed_rows": 1, "rows_without_pair": 2}
    decoder = Decoder()
    slot = decoder.add_market(tape.market.up_token, tape.market.down_token)
    decoder.feed(tape.frames[0].frame)
    assert decoder.book(slot).levels(1, 2) == [(5_000, 205_250_000), (5_100, 1_000_000)]
    decoder.feed(tape.frames[1].frame)
    assert decoder.book(slot).levels(1, 2) == [(4_900, 7_500_000), (5_000, 8_000_000)]
    assert decoder.counters()["tolerant"] == 0


def test_l2_market_without_a_record_is_an_error(tmp_path):
    row = ("0xother", START_S * 1000, "UP", [0.48], [1.0], [0.5], [1.0])
    with pytest.raises(RecordingError, match="a record of each market"):
        open_tapes(l2(tmp_path, [row]))


def test_l2_value_off_its_grid_is_an_error_when_read(tmp_path):
    row = (CONDITION, START_S * 1000, "UP", [0.48005], [1.0], [0.5], [1.0])
    (tape,) = open_tapes(l2(tmp_path, [row]))
    with pytest.raises(RecordingError, match="not on the grid"):
        list(tape.frames)


# The venue's terms by date


def test_window_is_read_from_the_slug():
    assert window_of("eth-updown-15m-1776323400") == (START_S * NS, (START_S + 900) * NS)
    assert window_of("btc-updown-1776323400") is None


@pytest.mark.parametrize(
    ("start_s", "minutes", "kind", "lookback_s", "delay_ms"),
    [
        (1_776_323_400, 5, "point", 0, 250),
        (1_786_100_000, 5, "twap", 30, 250),
        (1_786_100_000, 15, "twap", 60, 250),
        (1_787_000_000, 5, "twap", 60, 50),
        (1_790_000_000, 5, "twap", 60, 150),
    ],
)
def test_terms_follow_their_date(start_s, minutes, kind, lookback_s, delay_ms):
    start_ns, end_ns = start_s * NS, (start_s + 60 * minutes) * NS
    rule = settlement_rule(start_ns, end_ns)
    assert (rule.kind, rule.lookback_ns) == (kind, lookback_s * NS)
    assert taker_delay_ns(start_ns) == delay_ms * MS


# The real thing


def test_whole_data_folder_opens_and_passes_over_what_holds_no_books():
    tapes = open_tapes(data_dir())
    sources = {tape.source.rsplit("/", 2)[-2] for tape in tapes}
    assert sources == {"book_ws_btc5m", "l2_btc15m", "sessions_15m", "ws_market_btc5m"}
    assert sum(len(t.frames) for t in tapes if "book_ws" in t.source) == 121_462
    assert sum(t.outcome is not None for t in tapes) == 12


def test_l2_defects_are_those_its_readme_counts():
    tapes = open_tapes(recording("l2_btc15m/books.parquet"))
    assert sum(len(tape.frames) for tape in tapes) == 25_763
    assert sum(tape.defects.get("crossed_rows", 0) for tape in tapes) == 12
    assert sum(tape.defects.get("rows_without_pair", 0) for tape in tapes) == 527


def test_sessions_give_one_tape_a_market():
    tapes = open_tapes(recording("sessions_15m/*T021025Z-fresh.raw_messages.jsonl.gz"))
    assert [tape.market.slug[:3] for tape in tapes] == ["btc", "eth", "sol"]
    assert sum(tape.defects.get("foreign_frames", 0) for tape in tapes) == 1_500
    decoder = Decoder()
    for tape in tapes:
        decoder.add_market(tape.market.up_token, tape.market.down_token)
        for tape_frame in tape.frames:
            decoder.feed(tape_frame.frame)
    assert decoder.counters()["rejected"] == 0
