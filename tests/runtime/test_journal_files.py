"""The journal on a real disk: one engine an account, modes, the thread that syncs, kill -9."""

import asyncio
import errno
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from polymm.engine import evidence as ev
from polymm.errors import ConfigError, JournalError, LockedError
from polymm.runtime import journal_files
from polymm.runtime.journal import Journal
from polymm.runtime.journal_files import JournalSettings, SegmentFiles, boot_id, open_journal
from polymm.runtime.journal_reading import recover
from tests.support.journal_scene import RUN, SHARE, T0, fill, place

SETTINGS = JournalSettings()
HOLD = """
import sys, time
from pathlib import Path
from polymm.runtime.journal_files import JournalSettings, open_journal
from tests.support.journal_scene import RUN, T0, place
journal = open_journal(Path(sys.argv[1]), "acc", JournalSettings())
journal.begin(RUN)
print("ready", flush=True)
for i in range(1, 10**9):
    journal.plan(T0, "0xc1", place(i), f"0x{i}")
    sys.stdout.write(f"0x{i}\\n")
    sys.stdout.flush()
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def segments(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.journal"))


async def until(holds: Callable[[], bool]) -> None:
    """Wait for the thread; it is a matter of milliseconds."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


def on_loop(directory: Path, settings: JournalSettings = SETTINGS) -> tuple[Journal, SegmentFiles]:
    journal = open_journal(directory, "acc", settings, loop=asyncio.get_running_loop())
    journal.begin(RUN)
    files = journal.disk
    assert isinstance(files, SegmentFiles)
    return journal, files


def test_what_one_process_wrote_the_next_one_knows(tmp_path: Path) -> None:
    directory = tmp_path / "runs" / "journal"
    journal = open_journal(directory, "acc", SETTINGS)
    journal.begin(RUN)
    journal.plan(T0, "0xc1", place(1), "0xa")
    journal.note(T0, fill("0xa"), ())
    journal.close()
    again = open_journal(directory, "acc", SETTINGS)
    assert again.state.orders.keys() == {"0xa"}
    assert len(again.state.fills) == 1
    assert segments(directory) == ["acc.00000001.journal"]
    again.begin(RUN)
    assert segments(directory) == ["acc.00000001.journal", "acc.00000002.journal"]
    again.close()


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    journal = open_journal(directory, "acc", SETTINGS)
    journal.begin(RUN)
    assert mode(directory) == 0o700
    assert [mode(path) for path in directory.iterdir()] == [0o600, 0o600]
    journal.close()


def test_a_directory_that_others_can_look_into_is_refused(tmp_path: Path) -> None:
    directory = tmp_path / "journal"
    directory.mkdir()
    directory.chmod(0o750)
    with pytest.raises(JournalError, match="must have mode 0700, has 0750: chmod 700 it"):
        open_journal(directory, "acc", SETTINGS)
    directory.chmod(0o700)
    (tmp_path / "link").symlink_to(directory)
    with pytest.raises(JournalError, match="no link"):
        open_journal(tmp_path / "link", "acc", SETTINGS)
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="File exists"):
        open_journal(tmp_path / "file", "acc", SETTINGS)


@pytest.mark.parametrize("account", ["", "../acc", "a/b", "a b", "x" * 101])
def test_an_account_is_a_plain_name(tmp_path: Path, account: str) -> None:
    with pytest.raises(JournalError, match="account must be 1 to 100 letters"):
        open_journal(tmp_path, account, SETTINGS)


def test_other_files_of_the_directory_are_left_alone(tmp_path: Path) -> None:
    for name in ("acc.1.journal", "other.00000007.journal", "accx00000009.journal", "notes"):
        (tmp_path / name).write_bytes(b"not ours")
    journal = open_journal(tmp_path, "acc", JournalSettings(segments_kept=1))
    journal.begin(RUN)
    journal.close()
    assert len(list(tmp_path.iterdir())) == 5
    assert (tmp_path / "acc.00000001.journal").exists()


@pytest.mark.parametrize("field", ["sync_slow_ns", "segment_bytes_max", "segments_kept"])
def test_settings_are_checked(field: str) -> None:
    with pytest.raises(ConfigError, match=f"{field} must be at least 1, was 0"):
        JournalSettings(**{field: 0})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="sync must be process or disk, was 'never'"):
        JournalSettings(sync="never")  # type: ignore[arg-type]


def test_a_boot_of_the_host_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert boot_id() == boot_id()
    monkeypatch.setattr(journal_files, "_BOOT", Path("/nowhere"))
    assert boot_id() == ""


# The lock, and kill -9


def test_a_second_engine_leaves_before_it_writes(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, "acc", SETTINGS)
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir())
    with pytest.raises(LockedError, match=f"process {os.getpid()} trades for acc") as caught:
        open_journal(tmp_path, "acc", SETTINGS)
    assert caught.value.pid == os.getpid()
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.iterdir()) == before
    open_journal(tmp_path, "other", SETTINGS).close()
    journal.close()
    open_journal(tmp_path, "acc", SETTINGS).close()


def test_an_engine_that_is_refused_keeps_no_file_open(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, "acc", SETTINGS)
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        with pytest.raises(LockedError):
            open_journal(tmp_path, "acc", SETTINGS)
    assert len(os.listdir("/dev/fd")) == before
    journal.close()
    assert len(os.listdir("/dev/fd")) < before


def test_a_lock_survives_neither_its_process_nor_its_orders_are_lost(tmp_path: Path) -> None:
    """kill -9: each order that the process said it had written down is known."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "ready\n"
        with pytest.raises(LockedError) as caught:
            open_journal(tmp_path, "acc", SETTINGS)
        assert caught.value.pid == child.pid
        said = [child.stdout.readline().strip() for _ in range(50)]
        child.send_signal(signal.SIGKILL)
        said += [line.strip() for line in child.stdout if line.endswith("\n")]
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert json.loads((tmp_path / "acc.lock").read_text())["pid"] == child.pid
    journal = open_journal(tmp_path, "acc", SETTINGS)
    assert set(said) <= journal.state.orders.keys()
    assert len(journal.state.orders) <= len(said) + 1
    assert journal.state.next_order_id == len(journal.state.orders) + 1
    journal.close()


def test_a_damaged_journal_is_named_and_the_account_is_free_again(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, "acc", SETTINGS)
    journal.begin(RUN)
    journal.plan(T0, "0xc1", place(1), "0xa")
    journal.close()
    path = tmp_path / "acc.00000001.journal"
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    for _ in range(2):
        with pytest.raises(JournalError, match=r"acc.00000001.journal.*middle.*offset 16\)"):
            open_journal(tmp_path, "acc", SETTINGS)


def test_a_torn_tail_is_cut_and_told(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, "acc", SETTINGS)
    journal.begin(RUN)
    journal.plan(T0, "0xc1", place(1), "0xa")
    journal.plan(T0, "0xc1", place(2), "0xb")
    journal.close()
    path = tmp_path / "acc.00000001.journal"
    os.truncate(path, path.stat().st_size - 5)
    journal = open_journal(tmp_path, "acc", SETTINGS)
    assert journal.state.orders.keys() == {"0xa"}
    assert [cut.why for cut in journal.cuts] == ["frame torn"]
    journal.close()


# The thread


def test_writes_are_on_the_disk_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[tuple[int, str]] = []

    def sync(fd: int) -> None:
        synced.append((os.fstat(fd).st_size, threading.current_thread().name))

    async def scene() -> None:
        journal, files = on_loop(tmp_path)
        assert files.syncer is not None
        await until(lambda: files.syncer is not None and files.syncer.n_done > 0)
        monkeypatch.setattr(journal_files, "_sync", sync)
        for i in range(1, 6):
            journal.plan(T0, "0xc1", place(i), f"0x{i}")
        assert synced == []
        await until(lambda: bool(synced))
        assert synced == [((tmp_path / segments(tmp_path)[0]).stat().st_size, "journal")]
        journal.close()

    asyncio.run(scene())


def test_with_disk_a_plan_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(journal_files, "_sync", lambda fd: synced.append(os.fstat(fd).st_size))
    journal = open_journal(tmp_path, "acc", JournalSettings(sync="disk"))
    journal.begin(RUN)
    journal.plan(T0, "0xc1", place(1), "0xa")
    assert synced == [(tmp_path / "acc.00000001.journal").stat().st_size]
    journal.note(T0, ev.Timer(), ())
    assert len(synced) == 1

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(journal_files, "_sync", fail)
    with pytest.raises(JournalError, match="Input/output error"):
        journal.plan(T0, "0xc1", place(2), "0xb")
    assert journal.state.orders.keys() == {"0xa"}


def test_a_sync_that_fails_is_told_and_healed_in_a_new_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_files, "RETRY_S", 0.001)
    events: list[ev.Event] = []

    def fail(fd: int) -> None:
        monkeypatch.undo()
        monkeypatch.setattr(journal_files, "RETRY_S", 0.001)
        raise OSError(errno.EIO, "Input/output error")

    async def scene() -> None:
        journal, files = on_loop(tmp_path)
        journal.tell = events.append
        await until(lambda: files.syncer is not None and files.syncer.n_done > 0)
        monkeypatch.setattr(journal_files, "_sync", fail)
        journal.plan(T0, "0xc1", place(1), "0xa")
        await until(lambda: len(events) == 2)
        journal.plan(T0, "0xc1", place(2), "0xb")
        journal.close()

    asyncio.run(scene())
    assert events == [ev.JournalFailed("Input/output error"), ev.JournalHealed()]
    assert segments(tmp_path) == ["acc.00000001.journal", "acc.00000002.journal"]
    newest = (tmp_path / "acc.00000002.journal").read_bytes()
    assert recover([newest]).state.orders.keys() == {"0xa", "0xb"}


def test_a_disk_that_does_not_answer_is_told_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_files, "RETRY_S", 0.001)
    events: list[ev.Event] = []
    answer = threading.Event()

    async def scene() -> None:
        journal, files = on_loop(tmp_path, JournalSettings(sync_slow_ns=20_000_000))
        syncer = files.syncer
        assert syncer is not None
        journal.tell = events.append
        await until(lambda: syncer.n_done > 0 and not syncer.is_running and not journal.failure)
        events.clear()
        before = segments(tmp_path)
        monkeypatch.setattr(journal_files, "_sync", lambda fd: answer.wait(10))
        journal.plan(T0, "0xc1", place(1), "0xa")
        await until(lambda: bool(events))
        with pytest.raises(JournalError, match="has not answered for 20 ms"):
            journal.plan(T0, "0xc1", place(2), "0xb")
        for _ in range(5):
            await asyncio.sleep(0.001)
        assert segments(tmp_path) == before
        answer.set()
        await until(lambda: ev.JournalHealed() in events)
        journal.close()

    asyncio.run(scene())
    assert events[0] == ev.JournalFailed("the disk has not answered for 20 ms")


# A full disk


class FullDisk:
    """Stands in for os.write: takes so many bytes more, then none."""

    def __init__(self, left: int) -> None:
        self.left = left
        self._write = os.write

    def __call__(self, fd: int, content: bytes | memoryview) -> int:
        if self.left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        n = self._write(fd, content[: self.left])
        self.left -= n
        return n


def test_a_full_disk_stops_orders_and_more_room_brings_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_files, "RETRY_S", 0.001)
    events: list[ev.Event] = []
    full = FullDisk(40)

    async def scene() -> None:
        journal, _ = on_loop(tmp_path)
        journal.tell = events.append
        journal.plan(T0, "0xc1", place(1), "0xa")
        monkeypatch.setattr(journal_files, "_write", full)
        with pytest.raises(JournalError, match="No space left on device"):
            journal.plan(T0, "0xc1", place(2), "0xb")
        journal.note(T0, fill("0xa"), ())
        await asyncio.sleep(0.01)
        assert events == []
        assert segments(tmp_path) == ["acc.00000001.journal"]
        full.left = 1 << 20
        await until(lambda: bool(events))
        journal.plan(T0, "0xc1", place(3), "0xd")
        journal.close()

    asyncio.run(scene())
    assert events == [ev.JournalHealed()]
    torn = (tmp_path / "acc.00000001.journal").read_bytes()
    assert recover([torn]).cuts[0].n_bytes == 40
    state = open_journal(tmp_path, "acc", SETTINGS).state
    assert state.orders.keys() == {"0xa", "0xd"}
    assert [told.size_e6 for told in state.fills.values()] == [SHARE]


def test_a_closed_file_takes_no_order(tmp_path: Path) -> None:
    journal = open_journal(tmp_path, "acc", SETTINGS)
    with pytest.raises(JournalError, match="Bad file descriptor"):
        journal.plan(T0, "0xc1", place(1), "0xa")
    journal.close()


def test_old_segments_go_when_the_new_one_is_on_the_disk(tmp_path: Path) -> None:
    async def scene() -> None:
        settings = JournalSettings(segment_bytes_max=2_000, segments_kept=3)
        journal, _ = on_loop(tmp_path, settings)
        for _ in range(20):
            for _ in range(40):
                journal.note(T0, ev.Timer(), ())
            await until(lambda: len(segments(tmp_path)) <= 3)
        journal.close()

    asyncio.run(scene())
    assert len(segments(tmp_path)) == 3
    assert segments(tmp_path)[0] > "acc.00000010"
