"""``polymm tape`` as a user types it: make, inspect, verify, export, import."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.recorded_runs import heard, market_note, note, paths, record
from tests.support.tapes import book, change, market

Polymm = Callable[..., tuple[int, str, str]]
MS = 1_000_000
BIDS, ASKS = [(0.47, 200), (0.48, 100)], [(0.53, 120), (0.52, 80)]
NAME = "btc-updown-5m-1776323400-abababab.tape"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    frames = [book(0, BIDS, ASKS), *(change(ms, "BUY", 0.48, ms) for ms in range(1, 9))]
    told = [heard(one.frame, one.exch_ns + MS) for one in frames]
    facts = note("run", run="a", version="0.1.0", venue="test", digest="c0ffee")
    return record(tmp_path / "run", [facts, market_note(market()), *told], is_whole=False)


def test_make_inspect_and_verify(polymm: Polymm, run: Path) -> None:
    code, out, err = polymm("tape", "make", str(run), "--out", "tapes")
    assert (code, err) == (0, "")
    assert f"tapes/{NAME}  13 rows" in out
    assert out.endswith("1 tapes made, 0 not used, 0 faults\n")
    code, out, _ = polymm("tape", "inspect", "tapes", str(run))
    assert code == 0
    for text in ("outcome  not recorded", "9 frames: 1 books, 8 changes", "run      a, polymm 0.1"):
        assert text in out
    code, out, _ = polymm("tape", "verify", "tapes", str(run), "--json")
    assert code == 0
    assert [one["read"] for one in json.loads(out)["checked"]] == [13, 11]


def test_what_is_wrong_ends_with_1_and_is_said(polymm: Polymm, run: Path, tmp_path: Path) -> None:
    polymm("tape", "make", str(run), "--out", "tapes")
    tape = tmp_path / "tapes" / NAME
    data = bytearray(tape.read_bytes())
    data[-40] ^= 1
    tape.write_bytes(data)
    (file,) = paths(run)
    file.write_bytes(file.read_bytes()[:-30])
    code, out, err = polymm("tape", "verify", "tapes", str(run))
    assert code == 1
    assert "0 rows, 1 faults" in out
    assert f"{NAME}: damaged: the checksum of its rows differs" in err
    assert "an unknown number of frames" in err
    assert "the last file was not closed in order" in err


def test_a_source_that_cannot_be_read_ends_with_1_and_the_rest_is_made(
    polymm: Polymm, run: Path
) -> None:
    code, out, err = polymm("tape", "make", "nothing", str(run), "--out", "tapes", "--json")
    assert code == 1
    assert "expected a file or folder, found nothing there" in err
    found = json.loads(out)
    assert [Path(one["path"]).name for one in found["made"]] == [NAME]
    assert len(found["faults"]) == 1


def test_synthetic_windows_become_tapes_and_go_through_parquet(
    polymm: Polymm, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    made = ("--synthetic", "2", "--window-s", "10", "--hashes", "books", "--seed", "5")
    code, out, _ = polymm("tape", "make", "--out", "tapes", *made)
    assert code == 0
    assert out.endswith("2 tapes made, 0 not used, 0 faults\n")
    code, out, _ = polymm("tape", "export", "tapes", "--parquet", "parquet")
    assert code == 0
    code, _, _ = polymm("tape", "import", *out.split(), "--out", "back")
    assert code == 0
    for tape in (tmp_path / "tapes").iterdir():
        assert (tmp_path / "back" / tape.name).read_bytes() == tape.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("make", "--out", "x"), "needs a SOURCE, or --synthetic N"),
        (("export", "run", "--parquet", "x"), "make tapes of it first"),
    ],
)
def test_what_makes_no_sense_is_refused(
    polymm: Polymm, run: Path, arguments: tuple[str, ...], text: str
) -> None:
    code, _, err = polymm("tape", *arguments)
    assert code == 2
    assert text in " ".join(err.split())


def test_a_folder_without_anything_is_an_error(polymm: Polymm, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = polymm("tape", "inspect", "empty")
    assert code == 1
    assert "expected tapes or recorded runs, found none" in err
