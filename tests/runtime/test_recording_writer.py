"""Putting blocks into files: rotation, a disk that is full or broken, what is kept."""

import errno
import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from polymm.research.recording_format import Channel, Recorded
from polymm.research.run_recording import open_run
from polymm.runtime import recording_writer
from tests.support.recorded_runs import T0, heard, paths, record, writer_of

SECOND = 1_000_000_000
FRAMES = [heard(b"%04d " % n * 40, T0 + n * SECOND) for n in range(100)]


class Disk:
    """The system's calls, some of which fail while it is told so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error = 0
        self.taken = -1  # bytes of a write that still fit
        self.left = 1 << 40
        self._monkeypatch = monkeypatch
        real: Any = SimpleNamespace(writev=os.writev, write=os.write, open=os.open)
        self.real = real
        fake = {name: getattr(os, name) for name in dir(os) if not name.startswith("__")}
        fake |= {"writev": self.writev, "write": self.write, "fstatvfs": self.fstatvfs}
        monkeypatch.setattr(recording_writer, "os", SimpleNamespace(**fake))

    def _fail(self) -> None:
        if self.error:
            raise OSError(self.error, os.strerror(self.error))

    def writev(self, fd: int, parts: tuple[bytes, ...]) -> int:
        content = b"".join(parts)
        if self.taken >= 0:
            content, self.taken, self.error = content[: self.taken], -1, errno.ENOSPC
            return int(self.real.write(fd, content))
        self._fail()
        return int(self.real.write(fd, content))

    def write(self, fd: int, content: bytes) -> int:
        self._fail()
        return int(self.real.write(fd, content))

    def fstatvfs(self, fd: int) -> object:
        return SimpleNamespace(f_bavail=self.left, f_frsize=1)


def test_files_are_numbered_named_by_their_first_second_and_our_users_own(tmp_path: Path) -> None:
    folder = record(tmp_path / "run", FRAMES[:10], FRAMES[10:20])
    assert [path.name for path in paths(folder)] == [
        "0001-1776323400.rec",
        "0002-1776323410.rec",
    ]
    assert stat.S_IMODE(paths(folder)[0].stat().st_mode) == 0o600


def test_a_full_disk_loses_blocks_says_which_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    blocks, writer = writer_of(tmp_path / "run")
    for n, frame in enumerate(FRAMES):
        disk.error = errno.ENOSPC if 20 <= n < 40 else 0
        blocks.put(*frame)
        writer.work(is_due=n % 10 == 9)
        assert bool(writer.failure) is (29 <= n < 49)
    writer.close()
    assert (writer.frames, writer.lost_frames) == (80, 20)
    run = open_run(tmp_path / "run")
    assert list(run.frames()) == FRAMES[:20] + FRAMES[40:]
    (gap,) = run.gaps
    assert (gap.first_ns, gap.last_ns) == (T0 + 20 * SECOND, T0 + 39 * SECOND)
    assert (gap.frames, gap.why) == (20, "No space left on device")
    assert run.is_closed


def test_what_a_full_disk_took_of_a_block_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    blocks, writer = writer_of(tmp_path / "run")
    for n, frame in enumerate(FRAMES[:30]):
        if n == 19:
            disk.taken = 30
        if n == 29:
            disk.error = 0
        blocks.put(*frame)
        writer.work(is_due=n % 10 == 9)
    # Killed here: no index.
    run = open_run(tmp_path / "run")
    assert list(run.frames()) == FRAMES[:10] + FRAMES[20:30]
    assert [gap.frames for gap in run.gaps] == [10]
    assert not run.is_closed


def test_a_disk_that_stays_full_is_told_of_at_the_end_where_it_takes_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    blocks, writer = writer_of(tmp_path / "run")
    disk.error = errno.EIO
    for frame in FRAMES[:10]:
        blocks.put(*frame)
    writer.work(is_due=True)
    assert (writer.failure, writer.lost_frames) == ("Input/output error", 10)
    assert paths(tmp_path / "run") == []
    disk.error = 0
    writer.close()
    run = open_run(tmp_path / "run")
    assert list(run.frames()) == []
    assert [(gap.frames, gap.why) for gap in run.gaps] == [(10, "Input/output error")]


def test_the_last_of_the_disk_is_left_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    blocks, writer = writer_of(tmp_path / "run", reserve_bytes=64 << 20)
    blocks.put(*FRAMES[0])
    writer.work(is_due=True)
    disk.left = 64 << 20
    blocks.put(*FRAMES[1])
    writer.work(is_due=True)
    assert writer.failure == "less than 64 MiB would be left on the disk"
    disk.left = 1 << 40
    blocks.put(*FRAMES[2])
    writer.close()
    run = open_run(tmp_path / "run")
    assert list(run.frames()) == [FRAMES[0], FRAMES[2]]
    assert [gap.frames for gap in run.gaps] == [1]


def test_a_disk_without_room_from_the_beginning_is_told_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(monkeypatch)
    disk.left = 64 << 20
    blocks, writer = writer_of(tmp_path / "run", reserve_bytes=64 << 20)
    for frame in FRAMES[:5]:
        blocks.put(*frame)
    writer.close()
    run = open_run(tmp_path / "run")
    assert list(run.frames()) == []
    assert [gap.frames for gap in run.gaps] == [5]


def test_frames_that_found_no_room_are_told_in_their_place(tmp_path: Path) -> None:
    blocks, writer = writer_of(tmp_path / "run")
    frames = [Recorded(T0 + n, Channel.MARKET, 1, bytes(5_000)) for n in range(9)]
    for frame in frames[:6]:
        blocks.put(*frame)  # four blocks are full with one each
    writer.work(is_due=False)
    for frame in frames[6:]:
        blocks.put(*frame)
    writer.close()
    run = open_run(tmp_path / "run")
    assert list(run.frames()) == frames[:4] + frames[6:]
    (gap,) = run.gaps
    assert (gap.first_ns, gap.last_ns, gap.frames) == (T0 + 4, T0 + 5, 2)
    assert gap.why == "the writer did not keep up"


def test_frames_that_found_no_room_at_the_end_are_told_too(tmp_path: Path) -> None:
    blocks, writer = writer_of(tmp_path / "run")
    for n in range(6):
        blocks.put(T0 + n, 2, 1, bytes(5_000))
    writer.close()
    assert [gap.frames for gap in open_run(tmp_path / "run").gaps] == [2]


def test_the_oldest_files_go_and_the_reader_says_so(tmp_path: Path) -> None:
    blocks, writer = writer_of(tmp_path / "run", keep_bytes=4_000)
    for n in range(20):
        blocks.put(T0 + n * SECOND, 2, 1, os.urandom(1_000))
        blocks.end_file()
        writer.work(is_due=True)
    writer.close()
    kept = paths(tmp_path / "run")
    assert sum(path.stat().st_size for path in kept) < 6_000
    assert (writer.files, writer.removed_files) == (20, 20 - len(kept))
    run = open_run(tmp_path / "run")
    assert [gap.why for gap in run.gaps] == [
        f"{20 - len(kept)} files before {kept[0].name} are not there"
    ]


def test_nothing_recorded_leaves_no_file(tmp_path: Path) -> None:
    _, writer = writer_of(tmp_path / "run")
    writer.close()
    assert paths(tmp_path / "run") == []
