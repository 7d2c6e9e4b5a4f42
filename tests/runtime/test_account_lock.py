"""One engine an account: held by the kernel, found by name, free however its holder ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import polymm as package
from polymm.errors import ConfigError, LockedError
from polymm.runtime.account_lock import (
    RunningEngine,
    account_locked,
    holder_of,
    lock_folder,
    running_engines,
)

ACCOUNT = "0xAbCd" + "00" * 18
HOLDER = """
import sys
from pathlib import Path
from polymm.runtime.account_lock import account_locked
with account_locked(sys.argv[1], Path("/kill"), folder=Path(sys.argv[2])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_engine_is_refused_in_whatever_case_it_writes_the_account(tmp_path: Path) -> None:
    with account_locked(ACCOUNT, tmp_path / "kill", folder=tmp_path):
        with (
            pytest.raises(LockedError, match=f"process {os.getpid()} trades for 0xabcd") as refused,
            account_locked(ACCOUNT.upper().replace("X", "x"), tmp_path / "k", folder=tmp_path),
        ):
            raise AssertionError("must not be reached")
        assert refused.value.pid == os.getpid()
        with account_locked("0x1", tmp_path / "kill", folder=tmp_path):
            assert [one.account for one in running_engines(tmp_path)] == ["0x1", ACCOUNT.lower()]
    assert running_engines(tmp_path) == []
    with account_locked(ACCOUNT, tmp_path / "kill", folder=tmp_path):
        pass


def test_a_holder_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(package.__file__).parents[1])}
    command = [sys.executable, "-c", HOLDER, ACCOUNT, str(tmp_path)]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        assert running_engines(tmp_path) == [RunningEngine(ACCOUNT.lower(), child.pid, "/kill")]
        child.kill()
        child.wait()
    assert running_engines(tmp_path) == []
    with account_locked(ACCOUNT, tmp_path / "kill", folder=tmp_path):
        assert len(running_engines(tmp_path)) == 1


def test_a_lock_that_says_nothing_is_held_all_the_same(tmp_path: Path) -> None:
    with account_locked(ACCOUNT, tmp_path / "kill", folder=tmp_path):
        (path,) = tmp_path.glob("*.lock")
        for text in (b"", b"{", b"[]", b'{"pid": "x"}', b"\xff" * 9_999):
            path.write_bytes(text)
            assert holder_of(path) == RunningEngine(ACCOUNT.lower(), 0, "")


def test_a_folder_of_others_keeps_no_locks(tmp_path: Path) -> None:
    folder = lock_folder(tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert lock_folder(tmp_path) == folder
    folder.chmod(0o755)
    with pytest.raises(ConfigError, match="open to nobody else"):
        lock_folder(tmp_path)
    folder.rmdir()
    folder.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    with pytest.raises(ConfigError, match="open to nobody else"):
        lock_folder(tmp_path)
    with pytest.raises(ConfigError, match="cannot be kept there"):
        lock_folder(tmp_path / "missing")
