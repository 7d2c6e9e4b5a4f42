"""One engine an account: a lock that dies with its process, with that process's id inside."""

import fcntl
import os
import re
import stat
from pathlib import Path
from typing import Final

from polymm.errors import JournalError, LockedError

_ACCOUNT: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")


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


class AccountLock:
    """The right to run an account, held until `release` or the end of the process.

    Args:
        directory: Where the account's journal is.
        account: Address or name: letters, digits, _ and -.

    Raises:
        LockedError: Another engine has it.
        JournalError: The lock's file cannot be used.
    """

    def __init__(self, directory: Path, account: str) -> None:
        if not _ACCOUNT.fullmatch(account):
            raise JournalError(f"account must be 1 to 100 letters, digits, _ or -, was {account!r}")
        self.path = directory / f"{account}.lock"
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self._fd = os.open(self.path, flags, 0o600)
        except OSError as error:
            raise JournalError(f"{self.path}: {error.strerror}") from error
        try:
            self._take()
        except BaseException:
            os.close(self._fd)
            raise

    def _take(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            text = os.pread(self._fd, 20, 0).strip()
            pid = int(text) if text.isdigit() else 0
            who = f"process {pid}" if pid else "another process"
            raise LockedError(f"{who} runs this account: {self.path} is locked", pid) from error
        except OSError as error:
            raise JournalError(f"{self.path}: {error.strerror}") from error
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, b"%d\n" % os.getpid(), 0)
        except OSError:
            # A full disk has no place for the id: it is for people, the lock holds without it.
            return

    def release(self) -> None:
        """Let the next engine in; the file stays, so that nobody locks a name that is gone."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
