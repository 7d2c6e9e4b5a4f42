"""The kill switch: by file, by signal, by verb; and nobody begins while its file is there."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from polymm.errors import ConfigError, HaltedError, LockedError
from polymm.runtime.account_lock import RunningEngine, account_locked
from polymm.runtime.kill_switch import SIGNAL, KillSwitch, refuse_killed, throw, wait_ended

WAITING = """
import signal, sys
signal.signal({n}, lambda *_: sys.exit(7))
print("waits", flush=True)
signal.pause()
"""


def test_a_file_kills_once(tmp_path: Path) -> None:
    path, killed = tmp_path / "kill", list[str]()
    switch = KillSwitch(path, killed.append)
    switch.look()
    assert killed == []
    path.touch()
    switch.look()
    switch.look()
    assert killed == [f"the file {path}"]


def test_a_signal_kills_once_and_is_nobodys_afterwards(tmp_path: Path) -> None:
    async def scene() -> list[str]:
        killed: list[str] = []
        with KillSwitch(tmp_path / "kill", killed.append).listening():
            for _ in range(2):
                os.kill(os.getpid(), SIGNAL)
                await asyncio.sleep(0.002)
        return killed

    assert asyncio.run(scene()) == ["the signal SIGUSR1"]


def test_nobody_begins_while_the_file_is_there(tmp_path: Path) -> None:
    refuse_killed(tmp_path / "kill")
    (tmp_path / "kill").touch()
    with pytest.raises(HaltedError, match="remove it to trade again"):
        refuse_killed(tmp_path / "kill")


def test_a_running_engine_gets_its_file_and_the_signal(tmp_path: Path) -> None:
    path = tmp_path / "kill"
    command = [sys.executable, "-c", WAITING.format(n=int(SIGNAL))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        throw(RunningEngine("0x1", child.pid, str(path)))
        assert child.wait(5) == 7
    assert path.exists()
    # Its process is gone: the file is enough.
    path.unlink()
    throw(RunningEngine("0x1", child.pid, str(path)))
    assert path.exists()


def test_a_switch_that_cannot_be_thrown_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not say where its switch is"):
        throw(RunningEngine("0x1", 0, ""))
    with pytest.raises(ConfigError, match="cannot be made"):
        throw(RunningEngine("0x1", 0, str(tmp_path / "no" / "kill")))


def test_an_engine_that_does_not_end_is_told_with_its_process(tmp_path: Path) -> None:
    engine = RunningEngine("0x1", os.getpid(), "")
    wait_ended([engine], 0.0, tmp_path)
    with (
        account_locked("0x1", tmp_path / "kill", folder=tmp_path),
        account_locked("0x2", tmp_path / "kill", folder=tmp_path),
        pytest.raises(LockedError, match=rf"0x1 \(process {os.getpid()}\); `polymm cancel-all`"),
    ):
        wait_ended([engine], 0.0, tmp_path)
