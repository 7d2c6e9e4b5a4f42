"""One engine an account on this machine, and where to find those that run (FAILURES 54, I28).

A lock is a file of this user's, held by the kernel for as long as its process lives, however that
ends. It says who runs and where its kill switch is. An account has one in a place that all engines
know, and one beside its journal, whose files bear one writer whatever they are called by.
"""

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from polymm.errors import ConfigError, LockedError

# Not where the environment says: a service and a shell must find the same place.
FOLDER: Final = Path("/tmp")
NAME_BYTES_MAX: Final = 4_096
_SUFFIX: Final = ".lock"


class RunningEngine(NamedTuple):
    """An engine that runs; ``pid`` is 0 where its lock does not say."""

    account: str
    pid: int
    kill_file: str


def lock_folder(parent: Path | None = None) -> Path:
    """The folder of this user's locks, made where it is missing.

    Raises:
        ConfigError: It is somebody else's, a link, or open to others.
    """
    folder = (parent or FOLDER) / f"polymm-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ConfigError(f"{folder}: locks cannot be kept there: {error.strerror}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise ConfigError(f"{folder}: must be a folder of this user, open to nobody else")
    return folder


class AccountLock:
    """The right to run an account, held until `release` or the end of the process.

    Args:
        path: Its file, made where it is missing.
        kill_file: What `polymm kill` makes; None where this lock is not the one to find.

    Raises:
        LockedError: Another process has it.
        ConfigError: The file cannot be used.
    """

    __slots__ = ("_lock", "path")

    def __init__(self, path: Path, kill_file: Path | None = None) -> None:
        self.path = path
        self._lock = _take(path)
        told = "" if kill_file is None else str(kill_file.absolute())
        # A full disk has no place for it: it is for people, the lock holds without.
        with suppress(OSError):
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, json.dumps({"pid": os.getpid(), "kill_file": told}).encode(), 0)

    def release(self) -> None:
        """Let the next engine in."""
        if self._lock >= 0:
            # While it is still held: who waits for this very file looks for it again.
            with suppress(OSError):
                self.path.unlink()
            os.close(self._lock)
            self._lock = -1


@contextmanager
def account_locked(account: str, kill_file: Path, *, folder: Path | None = None) -> Iterator[None]:
    """Hold an account while the block lasts.

    Args:
        account: Address that holds the funds; its letters' case does not matter.
        kill_file: What `polymm kill` makes.
        folder: Of the locks.

    Raises:
        LockedError: Another engine trades for it.
        ConfigError: No lock can be kept.
    """
    lock = AccountLock((folder or lock_folder()) / f"{account.lower()}{_SUFFIX}", kill_file)
    try:
        yield
    finally:
        lock.release()


def running_engines(folder: Path | None = None) -> list[RunningEngine]:
    """List the engines of this user that run."""
    found = []
    for path in sorted((folder or lock_folder()).glob(f"*{_SUFFIX}")):
        holder = holder_of(path)
        if holder is not None:
            found.append(holder)
    return found


def holder_of(path: Path) -> RunningEngine | None:
    """Who holds a lock; None where nobody does."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _read(path, lock)
    finally:
        os.close(lock)
    return None


def _take(path: Path) -> int:
    while True:
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"{path}: cannot be locked: {error.strerror}") from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _read(path, lock)
            os.close(lock)
            text = f"one engine an account: process {holder.pid or '?'} trades for {path.stem}"
            raise LockedError(text, holder.pid) from None
        # The one before may have removed the name between our two calls.
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(lock), path.stat()):
                return lock
        os.close(lock)


def _read(path: Path, lock: int) -> RunningEngine:
    try:
        told = json.loads(os.pread(lock, NAME_BYTES_MAX, 0))
        return RunningEngine(path.stem, int(told["pid"]), str(told["kill_file"]))
    except (ValueError, KeyError, TypeError):
        return RunningEngine(path.stem, 0, "")
