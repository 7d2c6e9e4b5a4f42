"""Tapes made of sources: which of two is used, what cannot be read, what is wrong with rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from polymm.domain.tape import Tape, TapeFrame
from polymm.errors import RecordingError
from polymm.research import tape_parquet
from polymm.research.tape_file import open_tape
from polymm.research.tape_hashes import HashCounts
from polymm.research.tape_make import make_tapes, open_sources, row_faults, tape_name
from polymm.research.tape_pack import pack
from polymm.research.tape_parquet import export_parquet, import_parquet
from tests.support.recorded_runs import heard, market_note, record
from tests.support.tapes import at, book, change, market, tape, trade

MS = 1_000_000
BIDS, ASKS = [(0.47, 200), (0.48, 100)], [(0.53, 120), (0.52, 80)]
FRAMES = (book(0, BIDS, ASKS), change(5, "BUY", 0.46, 10), trade(40, "BUY", 0.52, 3))


def run_of(folder: Path, *frames: TapeFrame) -> Path:
    told = [heard(one.frame, one.exch_ns + 5 * MS) for one in frames]
    return record(folder, [market_note(market()), *told])


def test_of_two_sources_of_one_market_the_longer_is_used(tmp_path: Path) -> None:
    run_of(tmp_path / "a", *FRAMES[:2])
    run_of(tmp_path / "b", *FRAMES)
    found = open_sources([tmp_path / "a", tmp_path / "b"])
    assert [tape.source for tape in found.tapes] == [str(tmp_path / "b")]
    (left,) = found.unused
    assert left.path == str(tmp_path / "a")
    assert left.why.endswith(f"{tmp_path / 'b'} has more, 3 frames to 2")


def test_what_cannot_be_read_is_told_and_the_rest_is_made(tmp_path: Path) -> None:
    run_of(tmp_path / "a", *FRAMES)
    record(tmp_path / "empty", [market_note(market(condition_id="0xcd"))])
    found = open_sources([tmp_path / "none", tmp_path / "a", tmp_path / "empty"])
    assert [fault.partition(": ")[2][:25] for fault in found.faults] == [
        "expected a file or folder"
    ]
    assert [left.why for left in found.unused] == [f"{market().slug}: nothing was recorded"]
    broken = tape(TapeFrame(at(1), 0, b'{"event_type":"book"}'), condition_id="0xef")
    lost: list[str] = []
    made = list(make_tapes([broken, *found.tapes], tmp_path / "out", lose=lost.append))
    assert [one.path.name for one in made] == [f"{market().slug}-abababab.tape"]
    assert lost[0].startswith("hand-made: frame 1 of btc-updown-5m-1776323400: ")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [made[0].path.name]


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RecordingError, match="file/out: cannot be made: Not a directory"):
        list(make_tapes([tape(*FRAMES)], tmp_path / "file" / "out", lose=print))


def test_markets_of_one_slug_have_files_of_their_own() -> None:
    names = {tape_name(tape(condition_id=f"0x{n}{'ab' * 20}")) for n in range(3)}
    assert len(names) == 3
    assert tape_name(tape(condition_id="")) == f"{market().slug}.tape"


def changed(of: Tape, name: str, at: int, value: int) -> list[str]:
    packed = pack(of)
    rows = packed.rows.copy()
    rows[name][at] = value
    return row_faults(replace(packed, rows=rows))


def test_rows_that_cannot_be_are_told() -> None:
    whole = tape(*FRAMES)
    assert row_faults(pack(whole)) == []
    assert row_faults(pack(tape())) == ["it has no rows"]
    assert changed(whole, "kind", 0, 99) == ["kinds must be within 0..7, one is 99"]
    assert changed(whole, "flags", -1, 0)[0] == "its last frame is not whole"
    assert changed(whole, "price_e4", 1, 10_000)[0].startswith("prices must be within 1..9999")
    assert changed(whole, "size_e6", 1, -1) == ["sizes must not be negative, one is -1"]
    back = changed(whole, "exch_ns", 0, at(3_600_000))
    assert back == [
        "time must not fall for the venue cursor, does 1 times",
        "time must not fall for the local cursor, does 1 times",
    ]


def test_a_clock_that_steps_back_and_what_came_twice_is_counted_and_stays_in_order(
    tmp_path: Path,
) -> None:
    late = [
        frame._replace(recv_ns=frame.exch_ns + ms * MS)
        for frame, ms in zip(FRAMES, (9, 50, 2), strict=True)
    ]
    packed = pack(tape(*late, late[-1]))
    assert packed.defects == {"duplicate_frames": 1, "receipts_backwards": 1}
    assert row_faults(packed) == []


def test_parquet_brings_a_tape_back_bit_for_bit(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    packed = replace(pack(tape(*FRAMES)), truth=((at(0), 0.1), (at(9), 1 / 3)))
    export_parquet(packed, tmp_path / "a.parquet", HashCounts(1, 2, 3, 4, 5))
    found, hashes = import_parquet(tmp_path / "a.parquet")
    assert np.array_equal(found.rows, packed.rows)
    assert replace(found, rows=packed.rows) == replace(packed, truth=list(packed.truth))
    assert hashes == HashCounts(1, 2, 3, 4, 5)


def test_parquet_of_others_and_a_library_that_is_missing_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"a": [1]}), tmp_path / "a.parquet")
    with pytest.raises(RecordingError, match=r"expected the columns .* found \['a'\]"):
        import_parquet(tmp_path / "a.parquet")
    (tmp_path / "b.parquet").write_bytes(b"no")
    with pytest.raises(RecordingError, match="expected readable Parquet"):
        import_parquet(tmp_path / "b.parquet")

    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(tape_parquet.importlib, "import_module", missing)
    with pytest.raises(RecordingError, match=r"Parquet needs pyarrow.*\.\[research\]"):
        import_parquet(tmp_path / "a.parquet")


def test_an_opened_file_holds_what_was_made(tmp_path: Path) -> None:
    (one,) = make_tapes([tape(*FRAMES)], tmp_path, lose=print)
    assert np.array_equal(open_tape(one.path).rows, pack(tape(*FRAMES)).rows)
