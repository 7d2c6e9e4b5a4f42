"""``polymm run`` in real time as a user types it: how it ends, and what it leaves behind."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import polymm as package
from polymm.research.records import Run
from polymm.research.run_recording import Channel, open_run
from polymm.runtime import runner
from polymm.runtime.live_gate import CONFIRMATION, CONFIRMATION_VARIABLE
from polymm.runtime.runner import RealTimeEnd, RealTimePlan
from tests.support.runs import make_run

Answer = tuple[int, str, str]
Polymm = Callable[..., Answer]

pytestmark = pytest.mark.waits

COMMAND = [sys.executable, "-m", "polymm", "run", "--window-s", "6", "--windows", "3", "--json"]
LATE = "polymm: alarm stalled"
RAISED = "polymm: order size raised to the venue minimum order_size=1 order_min=5 shares"


def said(process: "subprocess.Popen[str]") -> str:
    """What it says next, but for being late: the machine is busy with other tests as well."""
    assert process.stderr is not None
    return next((line.strip() for line in process.stderr if not line.startswith(LATE)), "")


@contextmanager
def running(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A run whose first desk stands."""
    process = subprocess.Popen(
        COMMAND,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(Path(package.__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert said(process) == RAISED
        assert said(process).startswith("polymm: one fill ends a side")
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_signal_ends_in_order_with_the_report_of_what_ran(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with running(tmp_path) as process:
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "ending in order" in err
    (run,) = json.loads(out)["runs"]
    assert run["quoting"]["orders"]["open_e6"] == 0
    assert "balance at the venue" in run["facts"]
    assert "does not add up" not in run["facts"]
    assert {market["exclusion"] for market in run["markets"]} == {"stopped"}
    assert len(list(tmp_path.glob("polymm-runs/exchange-*.html"))) == 1
    (folder,) = tmp_path.glob("polymm-runs/recordings/exchange-*")
    recording = open_run(folder)
    assert recording.is_closed
    assert recording.gaps == []
    heard = {frame.channel for frame in recording.frames()}
    assert heard >= {Channel.NOTE, Channel.MARKET, Channel.USER, Channel.JOURNAL}
    assert folder.name in run["facts"]["recording"]


def test_a_second_signal_ends_at_once_and_leaves_no_exchange(tmp_path: Path) -> None:
    with running(tmp_path) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert children
        process.send_signal(signal.SIGINT)
        assert "ending in order" in said(process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_an_exchange_that_dies_ends_the_run_at_once_with_the_report_of_what_ran(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as process:
        (child,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(child), signal.SIGKILL)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 5, err
    assert err.splitlines()[-1] == (
        "polymm: the embedded exchange must last as long as the run, ended by signal 9"
    )
    (run,) = json.loads(out)["runs"]
    assert {market["exclusion"] for market in run["markets"]} == {"stopped"}
    assert {market["defects"]["close_unproven"] for market in run["markets"]} == {1}


def test_closed_standard_streams_are_filled_before_a_socket_takes_their_place() -> None:
    code = "import socket, sys; from polymm.cli import fill_streams; fill_streams();"
    code += "print(1); print(2, file=sys.stderr); sys.exit(socket.socket().fileno() <= 2)"
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(Path(package.__file__).parents[1])}
    assert subprocess.run(command, env=environment, check=False).returncode == 0


def ended(*faults: str, number: int = 0, halted: str = "") -> Callable[..., RealTimeEnd]:
    run: Run = make_run(markets=2)
    return lambda plan, note, watch: RealTimeEnd(run, faults, number, halted)


def test_a_ledger_that_differs_is_integrity_and_does_not_cost_the_report(
    polymm: Polymm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fault = "the venue's balance is 999000000e-6 dollars, by our ledger it must be 999000001e-6"
    monkeypatch.setattr(runner, "run_real_time", ended(fault, number=signal.SIGINT))
    code, out, err = polymm("run")
    assert code == 5
    assert out.startswith("polymm report")
    assert f"polymm: {fault}" in err.splitlines()
    assert len(list(tmp_path.glob("polymm-runs/exchange-*.html"))) == 1


def test_what_was_halted_is_never_told_as_something_to_start_again(
    polymm: Polymm, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = "orders may be live (killed): 0x1"
    monkeypatch.setattr(runner, "run_real_time", ended(fault, halted="killed"))
    code, _, err = polymm("run", "--no-report", "--quiet")
    assert code == 42
    assert {"polymm: halted: killed", f"polymm: {fault}"} <= set(err.splitlines())


def test_flags_reach_the_plan(polymm: Polymm, monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[RealTimePlan] = []

    def take(plan: RealTimePlan, note: object, watch: object) -> RealTimeEnd:
        plans.append(plan)
        return RealTimeEnd(make_run(markets=1), (), 0)

    monkeypatch.setattr(runner, "run_real_time", take)
    quiet = ("--no-report", "--quiet")
    assert polymm("run", *quiet) == (0, "", "")
    assert polymm("run", *quiet, "--coins", "btc,eth", "--windows", "4", "--spin")[0] == 0
    assert polymm("run", *quiet, "--venue", "polymarket", "--forever")[0] == 0
    usual, many, observed = plans
    assert (usual.is_observed, usual.is_endless) == (False, False)
    assert (usual.config.session.window_s, usual.config.session.windows) == (60, 1)
    assert usual.seconds_max is not None
    assert usual.seconds_max <= 150
    session = many.config.session
    assert (session.coins, session.windows, session.spin) == ("btc,eth", 4, True)
    assert observed.config.session.window_s == 300
    assert (observed.is_observed, observed.is_endless, observed.seconds_max) == (True, True, None)


def test_live_refuses_before_a_socket_is_opened(
    polymm: Polymm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def opened(*_: object) -> None:
        raise AssertionError("no socket may be opened")

    monkeypatch.setattr(socket.socket, "connect", opened)
    monkeypatch.setattr(runner, "run_real_time", opened)
    code, out, err = polymm("run", "--live")
    assert (code, out) == (3, "")
    assert all(line.startswith("polymm: --live: ") for line in err.splitlines())
    assert len(err.splitlines()) >= 6
    # Everything that can be given: what this version lacks still stands.
    key = tmp_path / "key"
    key.write_text("0x" + "11" * 32)
    key.chmod(0o600)
    monkeypatch.setenv("POLYMARKET_PRIVATE_KEY_FILE", str(key))
    monkeypatch.setenv(CONFIRMATION_VARIABLE, CONFIRMATION)
    (tmp_path / "polymm.toml").write_text(
        "[strategy]\norder_size = 5.0\nmax_position = 5.0\n[cycle]\nmax_total_position = 9.0\n"
        "[risk]\nmax_market = 5.0\nmax_total = 9.0\norder_size_max = 5.0\n"
        "loss_max = 5.0\nmarkout_loss_max = 5.0\n"
    )
    code, out, err = polymm("run", "--live")
    assert (code, out) == (3, "")
    assert err == "polymm: --live: no clean `polymm doctor`: this version has no such verb\n"
