"""Packed tapes as files: written, mapped, cut, flipped; two of one market."""

import errno
import os
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from polymm.domain.market import FeeSchedule
from polymm.domain.tape import Tape
from polymm.errors import RecordingError
from polymm.exchange.flow import FlowSettings, generate_window
from polymm.research import tape_file
from polymm.research.tape_file import open_tape, read_facts, tapes_in, write_packed, write_tape
from polymm.research.tape_hashes import HashCounts
from polymm.research.tape_pack import PackedTape, pack
from tests.support.tapes import book, change, market, tape, trade

BIDS, ASKS = [(0.47, 200), (0.48, 100)], [(0.53, 120), (0.52, 80)]


@pytest.fixture(scope="module")
def synthetic() -> Tape:
    return generate_window(3, settings=FlowSettings(window_s=10, lookback_s=2))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "a.tape"
    frames = (book(0, BIDS, ASKS), change(5, "BUY", 0.46, 10), trade(40, "BUY", 0.52, 3))
    write_tape(made, tape(*frames, trade_lag_ns=20_000_000))
    return made


def same(one: PackedTape, other: PackedTape) -> bool:
    names = ("market", "outcome", "has_trades", "token_labelled", "source", "trade_lag_ns")
    return (
        np.array_equal(one.rows, other.rows)
        and all(getattr(one, name) == getattr(other, name) for name in names)
        and dict(one.defects) == dict(other.defects)
        and list(one.truth) == list(other.truth)
    )


def test_a_tape_comes_back_as_it_was_packed(tmp_path: Path, synthetic: Tape) -> None:
    facts = write_tape(tmp_path / "a.tape", synthetic)
    found = open_tape(tmp_path / "a.tape")
    assert same(found, pack(synthetic))
    assert found.rows.dtype == pack(synthetic).rows.dtype
    assert len(found.truth) > 0
    assert read_facts(tmp_path / "a.tape") == facts
    assert facts.hashes.books_failed == facts.hashes.changes_failed == 0


def test_the_markets_own_facts_travel_with_it(tmp_path: Path) -> None:
    odd = {
        "tick_e4": 10,
        "fees": FeeSchedule(rate_e6=72_000, exponent=1, rebate_e6=250_000),
        "taker_delay_ns": 7,
        "order_min_e6": 3,
        "version": "v2",
        "neg_risk": True,
    }
    write_tape(tmp_path / "a.tape", tape(book(0, BIDS, ASKS), outcome=None, **odd))
    found = open_tape(tmp_path / "a.tape")
    assert found.market == market(**odd)
    assert found.outcome is None


def test_rows_are_mapped_aligned_and_cannot_be_changed(path: Path) -> None:
    rows = open_tape(path).rows
    assert rows.ctypes.data % tape_file.ALIGN == 0
    assert not rows.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        rows["size_e6"][0] = 1


def test_an_empty_tape_is_a_tape(tmp_path: Path) -> None:
    write_tape(tmp_path / "a.tape", tape())
    assert len(open_tape(tmp_path / "a.tape").rows) == 0


def test_a_tape_that_is_cut_anywhere_is_refused(path: Path) -> None:
    data = path.read_bytes()
    for size in range(0, len(data), 5):
        path.write_bytes(data[:size])
        with pytest.raises(RecordingError, match=r"cut short|expected a tape"):
            open_tape(path)
    path.write_bytes(data + b"\0")
    with pytest.raises(RecordingError, match="cut short: expected"):
        open_tape(path)


def test_a_flipped_bit_is_refused_wherever_it_is(path: Path) -> None:
    data, draw = path.read_bytes(), random.Random(1)
    meta_end = 64 + int.from_bytes(data[24:32], "little")
    rows_begin = -(-meta_end // 64) * 64
    for _ in range(200):
        at = draw.randrange(len(data))
        if 48 <= at < 64 or meta_end <= at < rows_begin or at >= len(data) - 8:
            continue  # zeros between the parts, and the last magic: nobody reads them
        flipped = bytearray(data)
        flipped[at] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        with pytest.raises(RecordingError):
            open_tape(path)


def test_whoever_has_checked_once_need_not_again(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-40] ^= 1
    path.write_bytes(data)
    with pytest.raises(RecordingError, match="damaged: the checksum of its rows differs"):
        open_tape(path)
    open_tape(path, check=False)


def test_what_is_no_tape_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "b.tape"
    with pytest.raises(RecordingError, match="cannot be read: No such file"):
        open_tape(other)
    other.touch()
    with pytest.raises(RecordingError, match="found an empty file"):
        read_facts(other)
    other.write_bytes(b"polymm-r" * 20)
    with pytest.raises(RecordingError, match="expected a tape, begins with b'polymm-r'"):
        open_tape(other)


def test_a_full_disk_is_an_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tape_file.os, "fsync", fail)
    with pytest.raises(RecordingError, match=r"a\.tape: cannot be written: No space left"):
        write_tape(tmp_path / "a.tape", tape(book(0, BIDS, ASKS)))
    assert list(tmp_path.iterdir()) == []


def test_of_two_tapes_of_one_market_the_longer_is_used_and_the_other_told(tmp_path: Path) -> None:
    frames = (book(0, BIDS, ASKS), change(5, "BUY", 0.46, 10))
    later = {"condition_id": "0xcd", "start_ns": market().end_ns, "end_ns": market().end_ns + 1}
    write_tape(tmp_path / "a.tape", tape(*frames[:1]))
    write_tape(tmp_path / "b.tape", tape(*frames))
    write_tape(tmp_path / "0.tape", tape(*frames, **later))
    used, unused = tapes_in(tmp_path)
    assert [path.name for path in used] == ["b.tape", "0.tape"]
    assert [Path(one.path).name for one in unused] == ["a.tape"]
    assert unused[0].why == "btc-updown-5m-1776323400 is in b.tape too, with 6 rows to 5"
    (tmp_path / "nothing").mkdir()
    with pytest.raises(RecordingError, match="found none in the folder"):
        tapes_in(tmp_path / "nothing")


def test_what_was_checked_is_kept(tmp_path: Path) -> None:
    packed = pack(tape(book(0, BIDS, ASKS)))
    write_packed(tmp_path / "a.tape", packed, HashCounts(1, 2, 3, 4, 5))
    assert read_facts(tmp_path / "a.tape").hashes == HashCounts(1, 2, 3, 4, 5)


def test_hashes_that_fail_are_a_defect_that_travels(tmp_path: Path, synthetic: Tape) -> None:
    assert "hashes_failed" not in write_tape(tmp_path / "a.tape", synthetic).defects
    frames = list(synthetic.frames)
    first = next(n for n, one in enumerate(frames) if b"price_change" in one.frame)
    facts = write_tape(
        tmp_path / "b.tape", replace(synthetic, frames=frames[:first] + frames[first + 1 :])
    )
    failed = facts.hashes.books_failed + facts.hashes.changes_failed
    assert open_tape(tmp_path / "b.tape").defects["hashes_failed"] == failed > 0
