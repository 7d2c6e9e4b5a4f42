"""Reading what a run recorded: whole, torn, damaged, with files missing."""

from pathlib import Path

import pytest

from polymm.errors import RecordingError
from polymm.research.market_record import market_of, market_record
from polymm.research.recording_format import TAIL_BYTES, Channel, Recorded
from polymm.research.run_recording import open_file, open_run
from tests.support.recorded_runs import T0, heard, market_note, note, paths, record
from tests.support.tapes import market

FRAMES = [heard(b"%04d " % n * 40, T0 + n) for n in range(100)]


def whole(tmp_path: Path) -> Path:
    """One file of ten blocks."""
    (path,) = paths(record(tmp_path / "run", FRAMES, blocks_of=10, is_whole=False))
    return path


def test_all_frames_come_back_in_order(tmp_path: Path) -> None:
    user = Recorded(T0 + 5, Channel.USER, 3, b"{}")
    folder = record(
        tmp_path / "run", [note("run", run="a"), *FRAMES[:50]], [user, *FRAMES[50:]], is_whole=False
    )
    run = open_run(folder)
    assert [frame for frame in run.frames() if frame.channel == Channel.MARKET] == FRAMES
    assert list(run.frames(Channel.MARKET)) == FRAMES
    assert list(run.frames(Channel.USER)) == [user]
    assert run.run() == {"note": "run", "run": "a", "ns": T0}
    assert (run.gaps, run.is_closed, run.span) == ([], True, (T0, T0 + 99))
    assert [file.frames for file in run.files] == [51, 51]


@pytest.mark.parametrize("text", [b"5", b"{", b"[]", b"{}"])
def test_a_note_that_says_nothing_is_one_error(tmp_path: Path, text: bytes) -> None:
    odd = Recorded(T0, Channel.NOTE, 0, text)
    run = open_run(record(tmp_path / "run", [odd, *FRAMES[:3]], is_whole=False))
    with pytest.raises(RecordingError, match="expected a note, found"):
        list(run.notes())
    with pytest.raises(RecordingError, match="expected a note, found"):
        assert run.is_whole


def test_a_span_leaves_out_the_rest(tmp_path: Path) -> None:
    run = open_run(whole(tmp_path).parent)
    assert list(run.frames(span=(T0 + 25, T0 + 30))) == FRAMES[25:31]


def test_the_facts_of_a_market_come_back(tmp_path: Path) -> None:
    facts = market()
    run = open_run(record(tmp_path / "run", [market_note(facts), market_note(facts)]))
    assert run.markets() == {facts.condition_id: facts}


def test_without_an_index_the_heads_of_blocks_say_the_same(tmp_path: Path) -> None:
    path = whole(tmp_path)
    indexed = open_file(path)
    path.write_bytes(path.read_bytes()[:-TAIL_BYTES])
    scanned = open_file(path)
    assert (indexed.is_closed, scanned.is_closed) == (True, False)
    assert scanned.blocks == indexed.blocks
    assert scanned.gaps == ()


def test_every_cut_gives_its_whole_blocks_and_tells_the_rest(tmp_path: Path) -> None:
    path = whole(tmp_path)
    data, blocks = path.read_bytes(), open_file(path).blocks
    ends = [row.offset for row in blocks[1:]]
    for size in range(0, blocks[-1].offset, 7):
        path.write_bytes(data[:size])
        run = open_run(path)
        kept = sum(10 for end in ends if end <= size)
        assert list(run.frames()) == FRAMES[:kept]
        is_whole = size in (0, 16, *ends)
        assert bool(run.gaps) is not is_whole
        assert not run.is_closed
        if run.gaps:
            assert "torn" in run.gaps[0].why
            assert run.gaps[0].frames == -1


def test_a_flipped_bit_costs_its_block_alone(tmp_path: Path) -> None:
    path = whole(tmp_path)
    data, row = bytearray(path.read_bytes()), open_file(path).blocks[4]
    data[row.offset + 60] ^= 1
    path.write_bytes(data)
    run = open_run(path)
    assert list(run.frames()) == FRAMES[:40] + FRAMES[50:]
    assert [(gap.first_ns, gap.last_ns, gap.frames) for gap in run.gaps] == [(T0 + 40, T0 + 49, 10)]
    assert "checksum differs" in run.gaps[0].why
    # And the same without its index, where nobody knows how many they were.
    path.write_bytes(data[:-TAIL_BYTES])
    run = open_run(path)
    assert list(run.frames()) == FRAMES[:40] + FRAMES[50:]
    assert [gap.frames for gap in run.gaps] == [-1]


def test_a_damaged_block_is_told_once_however_often_it_is_read(tmp_path: Path) -> None:
    path = whole(tmp_path)
    data, row = bytearray(path.read_bytes()), open_file(path).blocks[0]
    data[row.offset + 60] ^= 1
    path.write_bytes(data)
    run = open_run(path)
    assert list(run.frames()) == list(run.frames())
    assert len(run.gaps) == 1


def test_no_flipped_bit_of_a_head_or_of_the_index_goes_unseen(tmp_path: Path) -> None:
    path = whole(tmp_path)
    data, blocks = path.read_bytes(), open_file(path).blocks
    places = [*range(blocks[3].offset, blocks[3].offset + 45)]
    places += range(blocks[-1].offset + 9 + blocks[-1].stored, len(data), 3)
    for at in places:
        flipped = bytearray(data)
        flipped[at] ^= 1 << at % 8
        path.write_bytes(flipped)
        run = open_run(path)
        found = list(run.frames())
        assert found == FRAMES or (run.gaps and set(found) < set(FRAMES)), at


def test_a_file_that_is_missing_is_told(tmp_path: Path) -> None:
    folder = record(tmp_path / "run", FRAMES[:10], FRAMES[10:20], FRAMES[20:30])
    paths(folder)[1].unlink()
    assert [gap.why for gap in open_run(folder).gaps] == [
        f"1 files before {paths(folder)[1].name} are not there"
    ]
    paths(folder)[0].unlink()
    assert [gap.why[:8] for gap in open_run(folder).gaps] == ["2 files "]
    assert open_run(paths(folder)[0]).gaps == [], "a file that is asked for alone is whole"


def test_files_that_are_missing_were_between_those_that_are_there(tmp_path: Path) -> None:
    folder = record(tmp_path / "run", FRAMES[:10], FRAMES[10:20], FRAMES[20:30])
    paths(folder)[1].unlink()
    (gap,) = open_run(folder).gaps
    assert (gap.first_ns, gap.last_ns) == (T0 + 9, T0 + 20)
    paths(folder)[0].unlink()
    (gap,) = open_run(folder).gaps
    assert (gap.first_ns, gap.last_ns) == (0, T0 + 20)


def test_two_runs_in_one_folder_are_an_error(tmp_path: Path) -> None:
    folder = record(tmp_path / "run", FRAMES[:10], FRAMES[10:20])
    copy = paths(folder)[0].with_name("0001-1.rec")
    copy.write_bytes(paths(folder)[0].read_bytes())
    with pytest.raises(RecordingError, match="files of one run, found two of number 1: 0001"):
        open_run(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"not a recording of ours", "not a recording: begins with b'not a re'"),
        (b"polymm-r" + bytes(8), "the header is damaged"),
        (b"polymm-j" + bytes(8), "not a recording"),
    ],
)
def test_what_is_not_ours_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "0001-1.rec"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=message):
        open_run(path)


def test_a_folder_without_files_and_a_file_that_is_not_there_are_errors(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"expected files \*\.rec of a recorded run, found"):
        open_run(tmp_path)
    with pytest.raises(RecordingError, match="cannot be read: No such file"):
        open_run(tmp_path / "0001-1.rec")


def test_facts_of_a_market_that_are_not_whole_are_refused() -> None:
    record = market_record(market())
    assert market_of(record, "x") == market()
    for name, value in (("tick_e4", "1"), ("version", "v9"), ("fees", 3), ("neg_risk", 1)):
        with pytest.raises(RecordingError, match=f"x: expected another {name}, found"):
            market_of(record | {name: value}, "x")
    with pytest.raises(RecordingError, match="expected the facts"):
        market_of({"slug": "a"}, "x")
