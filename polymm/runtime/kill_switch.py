"""The kill switch: a file, a signal and a verb, each of which ends all trading at once.

The file outlives the process: while it is there no engine begins, so that a supervisor does not
start again what somebody has stopped.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

from polymm.errors import ConfigError, HaltedError, LockedError
from polymm.runtime.account_lock import RunningEngine, running_engines

SIGNAL: Final = signal.SIGUSR1
LOOK_S: Final = 0.02
_BY_SIGNAL: Final = f"the signal {SIGNAL.name}"


class KillSwitch:
    """Tells once that the switch was thrown.

    Args:
        path: The file; looked at by `look`.
        on_kill: Told why.

    Attributes:
        is_signalled: The signal came, and the loop has not told of it yet: whoever is busy looks.
    """

    def __init__(self, path: Path, on_kill: Callable[[str], None]) -> None:
        self._path = os.fspath(path)
        self._on_kill = on_kill
        self._is_thrown = False
        self.is_signalled = False

    def look(self) -> None:
        """See whether the signal came, or the file is there."""
        if self._is_thrown:
            return
        if self.is_signalled:
            self._throw(_BY_SIGNAL)
        elif os.path.exists(self._path):
            self._throw(f"the file {self._path}")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signal while the block lasts.

        The loop tells of it some turns later, each of which may hold a burst of frames: so it is
        noted at once, too.
        """
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(SIGNAL, self._throw, _BY_SIGNAL)
        signal.signal(SIGNAL, self._note)
        try:
            yield
        finally:
            loop.remove_signal_handler(SIGNAL)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.is_signalled = True

    def _throw(self, why: str) -> None:
        self.is_signalled = False
        if not self._is_thrown:
            self._is_thrown = True
            self._on_kill(why)


def refuse_killed(path: Path) -> None:
    """Refuse to begin while the kill file is there.

    Raises:
        HaltedError: It is.
    """
    if path.exists():
        raise HaltedError(f"killed: {path} is there; remove it to trade again")


def throw(engine: RunningEngine) -> None:
    """Throw the switch of a running engine: its file first, which stays, then the signal.

    Raises:
        ConfigError: Neither was possible.
    """
    fault = ""
    try:
        if engine.kill_file:
            Path(engine.kill_file).touch(mode=0o600)
    except OSError as error:
        fault = f"{engine.kill_file}: cannot be made: {error.strerror}"
    with suppress(ProcessLookupError):
        if engine.pid:
            os.kill(engine.pid, SIGNAL)
            return
    if fault or not engine.kill_file:
        raise ConfigError(
            fault or f"the engine of {engine.account} does not say where its switch is"
        )


def wait_ended(engines: Sequence[RunningEngine], wait_s: float, folder: Path | None = None) -> None:
    """Wait until none of them holds its account any more.

    Raises:
        LockedError: Some still do; their orders may live.
    """
    until_s = time.monotonic() + wait_s
    accounts = {engine.account for engine in engines}
    while left := [one for one in running_engines(folder) if one.account in accounts]:
        if time.monotonic() >= until_s:
            names = ", ".join(f"{one.account} (process {one.pid})" for one in left)
            raise LockedError(
                f"still running {wait_s:g} s after the switch was thrown: {names}; "
                "`polymm cancel-all` works without them",
                left[0].pid,
            )
        time.sleep(LOOK_S)
