"""A journal's segments as files, written by the loop and put on the disk by a thread.

A segment is ``<account>.<number>.journal``, its number rising by one; the account is locked while
they are open. What was written is with the kernel when a write returns: it survives the end of
this process. The thread puts it on the disk within milliseconds: then it survives a power cut.
"""

import asyncio
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from polymm.engine.looks import LookLog
from polymm.errors import ConfigError, JournalError
from polymm.runtime.account_lock import AccountLock
from polymm.runtime.journal import SEGMENT_BYTES_MAX, Journal
from polymm.runtime.journal_reading import JournalRead, recover
from polymm.runtime.journal_sync import Syncer

RETRY_S: Final = 1.0
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
# Where the system has none (macOS), the dearer one does as much.
_sync: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
_write: Callable[[int, bytes | memoryview], int] = os.write


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """How safe a journal is, and how much of it is kept.

    Args:
        sync: ``process``: a plan is with the kernel before its order is sent, and on the disk
            some milliseconds later. ``disk``: the order waits for the disk.
        sync_slow_ns: A disk that takes longer has failed, until it answers. What a shared disk
            takes now and then under load, a second or two, loses nothing that kill -9 could lose.
        segment_bytes_max: A new segment begins after so many bytes.
        segments_kept: So many segments stay; all but the newest serve exact replay only.
    """

    sync: Literal["process", "disk"] = "process"
    sync_slow_ns: int = 5_000_000_000
    segment_bytes_max: int = SEGMENT_BYTES_MAX
    segments_kept: int = 16

    def __post_init__(self) -> None:
        if self.sync not in ("process", "disk"):
            raise ConfigError(f"sync must be process or disk, was {self.sync!r}")
        for name in ("sync_slow_ns", "segment_bytes_max", "segments_kept"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, was {getattr(self, name)}")


class SegmentFiles:
    """The files of one account's journal; it is the `Disk` of that journal.

    Args:
        directory: Made if need be, for our own user only.
        account: Address or name.

    Raises:
        LockedError: Another engine runs this account; nothing was written.
        JournalError: The directory cannot be used.

    Attributes:
        tee: Gets the bytes of what was written, a segment's beginning too; None for nobody.
        journal: Told when a segment is safe, when the disk fails, and when to try again.
        syncer: The thread, once there is a loop.
    """

    def __init__(self, directory: Path, account: str, settings: JournalSettings) -> None:
        if not _ACCOUNT.fullmatch(account):
            raise JournalError(f"account must be 1 to 100 letters, digits, _ or -, was {account!r}")
        make_directory(directory)
        try:
            self._lock = AccountLock(directory / f"{account}.lock")
        except ConfigError as error:
            raise JournalError(str(error)) from error
        self.tee: Callable[[bytes], None] | None = None
        self.journal: Journal | None = None
        self.syncer: Syncer | None = None
        self._directory = directory
        self._account = account
        self._settings = settings
        self._waits = settings.sync == "disk"
        self._name = re.compile(re.escape(account) + r"\.(\d{8,12})\.journal")
        newest = max((number for number, _ in self._segments()), default=0)
        # Number and descriptor in one, since the thread reads them while the loop goes on.
        self._segment = (newest, -1)
        self._safe_number = 0
        self._retired: deque[int] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_retrying = False

    def read(self) -> JournalRead:
        """Read what earlier runs told.

        Raises:
            JournalError: A segment cannot be read; says which.
        """
        reading = self._directory

        def newest_first() -> Iterator[bytes]:
            nonlocal reading
            for _, reading in self._segments():
                yield reading.read_bytes()

        try:
            return recover(newest_first())
        except OSError as error:
            raise JournalError(f"{reading}: {error.strerror}") from error
        except JournalError as error:
            named = JournalError(f"{reading}: {error}")
            named.offset = error.offset
            raise named from error

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """From now on a thread puts writes on the disk, and the loop is told how that goes."""
        self._loop = loop
        self.syncer = Syncer(
            loop, self._secure, self._confirm, self._fail, slow_ns=self._settings.sync_slow_ns
        )
        self.syncer.soon()

    # Disk

    def begin(self, head: bytes) -> None:
        """Begin a segment; it is safe on return where there is no thread yet."""
        number, before = self._segment
        number += 1
        path = self._directory / f"{self._account}.{number:08d}.journal"
        try:
            fd = os.open(path, _FLAGS, 0o600)
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from error
        try:
            _write_all(fd, head)
        except OSError as error:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise JournalError(f"{path}: {error.strerror}") from error
        self._segment = number, fd
        if self.tee is not None:
            self.tee(head)
        if before >= 0:
            self._retired.append(before)
        if self.syncer is not None:
            self.syncer.soon()
            return
        try:
            self._secure()
        except OSError as error:
            raise JournalError(f"{path}: {error.strerror}") from error
        self._confirm()

    def write(self, frames: bytes, *, is_plan: bool) -> None:
        """Append with one write; what a full disk took of it is torn, and nothing follows it."""
        fd = self._segment[1]
        try:
            n = _write(fd, frames)
            if n != len(frames):
                _write_all(fd, frames[n:])
            if is_plan and self._waits:
                _sync(fd)
        except OSError as error:
            raise JournalError(f"the journal cannot be written: {error.strerror}") from error
        if self.tee is not None:
            self.tee(frames)
        if self.syncer is not None:
            self.syncer.soon()

    def retry(self) -> None:
        """Have the journal try again in a second."""
        if self._loop is not None and not self._is_retrying:
            self._is_retrying = True
            self._loop.call_later(RETRY_S, self._retry_now)

    def close(self) -> None:
        """Put everything on the disk, end the thread and let the account go."""
        number, fd = self._segment
        try:
            if self.syncer is not None and not self.syncer.close():
                raise JournalError("the disk does not answer: what was written last may be lost")
            if fd >= 0:
                self._secure()
        except OSError as error:
            raise JournalError(f"the journal is not on the disk: {error.strerror}") from error
        finally:
            self._segment = number, -1
            self._loop = None
            for open_fd in (fd, *self._retired):
                if open_fd >= 0:
                    os.close(open_fd)
            self._retired.clear()
            self._lock.release()

    # The thread's work, and what the loop hears of it

    def _secure(self) -> None:
        """Put the segment on the disk, and then let go of what it replaces."""
        number, fd = self._segment
        if number == self._safe_number:
            _sync(fd)
            return
        os.fsync(fd)
        directory = os.open(self._directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
        while self._retired:
            os.close(self._retired.popleft())
        for _, path in self._segments()[self._settings.segments_kept :]:
            path.unlink(missing_ok=True)
        self._safe_number = number

    def _confirm(self) -> None:
        if self.journal is not None and self._safe_number == self._segment[0]:
            self.journal.confirm()

    def _fail(self, reason: str) -> None:
        if self.journal is not None:
            self.journal.fail(reason)

    def _retry_now(self) -> None:
        self._is_retrying = False
        if self.syncer is not None and self.syncer.is_running:
            # A disk that does not answer would stop the loop too.
            self.retry()
        elif self.journal is not None:
            self.journal.heal()

    def _segments(self) -> list[tuple[int, Path]]:
        """Numbers and files of all segments, newest first."""
        found = []
        for path in self._directory.iterdir():
            match = self._name.fullmatch(path.name)
            if match is not None:
                found.append((int(match[1]), path))
        return sorted(found, reverse=True)


def boot_id() -> str:
    """What tells this start of the host from others, "" where the system does not say."""
    try:
        return _BOOT.read_text().strip()
    except OSError:
        return ""


def _write_all(fd: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[_write(fd, left) :]


def open_journal(
    directory: Path,
    account: str,
    settings: JournalSettings,
    *,
    looks: LookLog | None = None,
    loop: asyncio.AbstractEventLoop | None = None,
    tee: Callable[[bytes], None] | None = None,
) -> Journal:
    """Lock an account, read what its journal told, and go on with it in a new segment.

    Nothing is written before `Journal.begin`. Until there is a ``loop``, only `close` puts
    anything but a segment's beginning on the disk. A ``tee`` gets the bytes of all that is written.

    Raises:
        LockedError: Another engine runs this account.
        JournalError: The journal is damaged, another version's, or its directory cannot be used.
    """
    files = SegmentFiles(directory, account, settings)
    try:
        read = files.read()
    except JournalError:
        files.close()
        raise
    journal = Journal(
        files,
        read.state,
        cuts=read.cuts,
        looks=looks,
        segment_bytes_max=settings.segment_bytes_max,
    )
    files.journal = journal
    files.tee = tee
    if loop is not None:
        files.start(loop)
    return journal


def make_directory(directory: Path) -> None:
    """Make a journal's directory, for its owner only; refuse one that others can look into.

    Raises:
        JournalError: It cannot be made, or is not ours alone.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = directory.lstat()
    except OSError as error:
        raise JournalError(f"{directory}: {error.strerror}") from error
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise JournalError(f"{directory} must be a directory of our own user, and no link")
    if mode & 0o077:
        raise JournalError(f"{directory} must have mode 0700, has {mode:04o}: chmod 700 it")
