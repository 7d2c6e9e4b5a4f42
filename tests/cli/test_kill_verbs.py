"""``polymm kill``, ``cancel-all`` and ``lift``: what they refuse, and what they do to whom."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from polymm.engine.actions import LimitReached
from polymm.engine.evidence import Timer
from polymm.engine.records import RunBegun
from polymm.runtime import account_lock, cancel_all, kill_switch
from polymm.runtime.account_lock import account_locked, lock_folder
from polymm.runtime.cancel_all import Cancelled
from polymm.runtime.journal_files import JournalSettings, open_journal
from polymm.runtime.state_folder import StateFolder

Polymm = Callable[..., tuple[int, str, str]]
ACCOUNT = "0xAB" + "00" * 19
WAITING = """
import signal, sys
from pathlib import Path
from polymm.runtime.account_lock import account_locked
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(42))
with account_locked(sys.argv[1], Path(sys.argv[2]), folder=Path(sys.argv[3])):
    print("runs", flush=True)
    signal.pause()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Locks that no engine of this machine holds."""
    monkeypatch.setattr(account_lock, "FOLDER", tmp_path)
    return lock_folder()


def test_without_an_engine_there_is_nothing_to_kill(polymm: Polymm, folder: Path) -> None:
    assert polymm("kill") == (3, "", "polymm: no engine of this user runs\n")
    with account_locked("0x1", folder / "kill", folder=folder):
        code, _, err = polymm("kill", "--account", ACCOUNT)
    assert (code, err) == (3, f"polymm: no engine of this user runs for {ACCOUNT}\n")


def test_an_engine_is_killed_by_file_and_signal_and_waited_for(
    polymm: Polymm, folder: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", WAITING, ACCOUNT, str(tmp_path / "stop"), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout is not None
        engine.stdout.readline()
        code, out, err = polymm("kill")
        assert (code, err) == (0, "")
        assert out == f"killed  process {engine.pid}, account {ACCOUNT.lower()}\n"
        assert engine.wait(5) == 42
    assert (tmp_path / "stop").exists()


def test_an_engine_that_does_not_end_is_told(
    polymm: Polymm, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kill_switch, "throw", lambda engine: None)
    with account_locked(ACCOUNT, folder / "kill", folder=folder):
        code, _, err = polymm("kill", "--wait", "0")
    assert code == 5
    assert f"process {os.getpid()}" in err


def test_cancel_all_names_what_may_be_left(
    polymm: Polymm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    StateFolder(tmp_path).signing_key()
    answers = [
        Cancelled(("0x1", "0x2"), (), is_proven=True),
        Cancelled(("0x1",), ("0x2",), is_proven=False, why="not_empty"),
    ]

    async def answer(*_: object, **__: object) -> Cancelled:
        return answers.pop(0)

    monkeypatch.setattr(cancel_all, "cancel_everything", answer)
    where = ("--exchange", "http://127.0.0.1:9", "--state", str(tmp_path))
    assert polymm("cancel-all", *where) == (0, "cancelled  2 orders\n", "")
    code, out, err = polymm("cancel-all", *where, "--json")
    assert code == 5
    assert json.loads(out) == {"cancelled": ["0x1"], "left": ["0x2"], "proven": False}
    assert err.splitlines() == [
        "polymm: not proven that nothing rests: not_empty",
        "polymm: 0x2",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--state", "."), 2, "--exchange and --state belong together"),
        (("--exchange", "http://127.0.0.1:9"), 2, "--exchange and --state belong together"),
        ((), 4, "POLYMARKET_PRIVATE_KEY or POLYMARKET_PRIVATE_KEY_FILE must be set"),
        (("--exchange", "http://127.0.0.1:9", "--state", "."), 4, "cannot be read"),
        (("--exchange", "x", "--state", ".", "--wallet", "gold"), 2, "--wallet must be one of"),
    ],
)
def test_cancel_all_refuses_what_it_cannot_do(
    polymm: Polymm,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    code: int,
    words: str,
) -> None:
    for name in [name for name in os.environ if name.startswith("POLYMARKET_")]:
        monkeypatch.delenv(name)
    found, out, err = polymm("cancel-all", *arguments)
    assert (found, out) == (code, "")
    assert words in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--state", "x"), "--state has no meaning without --exchange"),
        (("--venue", "polymarket", "--exchange", "x"), "--exchange has no meaning with --venue"),
        (("--exchange", "x", "--seed", "3"), "--seed has no meaning with --exchange"),
        (("--fast", "--exchange", "x"), "--exchange has no meaning with --fast"),
    ],
)
def test_a_run_refuses_a_state_that_nobody_could_go_on_with(
    polymm: Polymm, arguments: tuple[str, ...], words: str
) -> None:
    code, _, err = polymm("run", *arguments)
    assert code == 2
    assert words in " ".join(err.split())


def test_a_run_goes_nowhere_but_to_this_machine(polymm: Polymm) -> None:
    code, _, err = polymm("run", "--exchange", "https://clob.polymarket.com", "--quiet")
    assert code == 2
    assert err.startswith("polymm: --exchange: an exchange must be an address like")


def test_a_limit_of_losses_is_lifted_between_two_runs(polymm: Polymm, tmp_path: Path) -> None:
    where = ("lift", "--state", str(tmp_path))
    assert polymm(*where) == (3, "", f"polymm: {tmp_path / 'journal'}: no journal is there\n")
    journal = open_journal(tmp_path / "journal", "0xab", JournalSettings())
    journal.begin(RunBegun("1.0", "c0ffee", "0xab", 0))
    journal.note(0, Timer(), [LimitReached("loss", 1_800_000_000 * 10**9)])
    code, out, err = polymm(*where)
    assert (code, out) == (5, "")
    assert f"process {os.getpid()} trades for 0xab" in err
    journal.close()
    told = "lifted  loss, reached 2027-01-15 08:00:00 UTC, account 0xab\n"
    assert polymm(*where) == (0, told, "")
    assert polymm(*where) == (0, "nothing to lift  account 0xab\n", "")
    assert polymm(*where, "--json") == (0, '{"0xab": {}}\n', "")
