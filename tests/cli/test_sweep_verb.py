"""``polymm sweep`` as a user types it."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from benches.sweep_scenes import CONFIG, SPACE, make_tapes
from polymm.errors import StoreError, WorkerError
from tests.support.sweep_scene import HerePool

Polymm = Callable[..., tuple[int, str, str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tapes, a space and a configuration in this folder; units run in this process."""
    make_tapes(tmp_path / "tapes", 30, "edge")
    (tmp_path / "space.toml").write_text(SPACE)
    lines = [f"[{name}]" for name in ("strategy", "cycle")]
    lines.insert(1, f"order_size = {CONFIG.strategy.order_size}\nmax_position = 200.0")
    lines.append(f"max_total_position = {CONFIG.cycle.max_total_position}")
    (tmp_path / "polymm.toml").write_text("\n".join(lines))
    monkeypatch.setattr("polymm.research.sweep_pool.make_pool", lambda *_: HerePool())
    return tmp_path


def test_a_sweep_ends_in_a_verdict_a_page_and_a_store(polymm: Polymm, here: Path) -> None:
    arguments = ("sweep", "tapes", "--space", "space.toml", "--trials", "3")
    code, out, err = polymm(*arguments)
    assert (code, err) == (0, "")
    assert "windows   23 searched on, 6 untouched, 1 between\n" in out
    assert "\nverdict   " in out
    assert out.endswith("report    sweep.html\n")
    assert (here / "sweep.db").exists()
    assert "Stability" in (here / "sweep.html").read_text()
    code, again, _ = polymm(*arguments)
    assert (code, again) == (0, out)
    code, out, err = polymm(*arguments, "--json")
    assert json.loads(out)["search"]["trials"] == 3
    assert err == "report    sweep.html\n"
    code, out, _ = polymm(*arguments, "--quiet")
    assert out.count("\n") == 1


def test_ctrl_c_ends_in_order_with_130_and_the_same_command_goes_on(
    polymm: Polymm, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    arguments = ("sweep", "tapes", "--space", "space.toml", "--trials", "3")
    monkeypatch.setattr("polymm.research.sweep_pool.make_pool", lambda *_: HerePool(0, 5, press))
    code, out, err = polymm(*arguments)
    assert (code, out) == (130, "")
    assert "what is done is in sweep.db, the same command goes on from there" in err
    monkeypatch.setattr("polymm.research.sweep_pool.make_pool", lambda *_: HerePool())
    code, out, err = polymm(*arguments)
    assert (code, err) == (0, "")


@pytest.mark.parametrize("error", [StoreError("sweep.db: disk is full"), WorkerError("all gone")])
def test_what_fails_on_the_way_is_one_line_and_1(
    polymm: Polymm, here: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("polymm.research.sweep_pool.make_pool", lambda *_: HerePool(0, 5, fail))
    code, _, err = polymm("sweep", "tapes", "--space", "space.toml")
    assert (code, err) == (1, f"polymm: {error}\n")


def test_a_page_on_a_full_disk_costs_neither_store_nor_verdict(polymm: Polymm, here: Path) -> None:
    arguments = ("sweep", "tapes", "--space", "space.toml", "--trials", "1")
    code, out, err = polymm(*arguments, "--report", "/dev/full")
    assert (code, err) == (
        1,
        "polymm: report /dev/full: cannot be written: No space left on device\n",
    )
    assert "\nverdict   " in out
    assert polymm(*arguments)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--trials", "0"), "--trials must be a whole number within 1..100000 (trials), was 0"),
        (("--scheduler", "foo"), "--scheduler must be an address like tcp://host:8786, was 'foo'"),
        (("--scheduler", ""), "--scheduler must be an address like tcp://host:8786, was ''"),
        (
            ("--scheduler", "tcp://a:99999"),
            "--scheduler must be an address like tcp://host:8786, was 'tcp://a:99999'",
        ),
    ],
)
def test_a_flag_that_cannot_be_is_one_line_and_2(
    polymm: Polymm, here: Path, arguments: tuple[str, ...], told: str
) -> None:
    assert polymm("sweep", "tapes", *arguments) == (2, "", f"polymm: {told}\n")


def test_a_wrong_file_is_3_though_a_flag_is_wrong_too(polymm: Polymm, here: Path) -> None:
    (here / "space.toml").write_text(SPACE.replace("block = 5", "block = 0"))
    code, _, err = polymm("sweep", "tapes", "--space", "space.toml", "--trials", "0")
    assert (code, len(err.splitlines())) == (3, 2)
    (here / "polymm.toml").write_text("[run]\nwindows = 0\n")
    code, _, err = polymm("run", "--fast", "--window-s", "5")
    assert (code, len(err.splitlines())) == (3, 2)


def test_what_makes_no_sense_is_refused(polymm: Polymm, here: Path) -> None:
    code, out, _ = polymm("sweep", "--show-space")
    assert code == 0
    assert "[space]\nstrategy.k_inv = {" in out
    code, _, err = polymm("sweep")
    assert code == 2
    assert "needs TAPES" in err
    code, _, err = polymm("sweep", "tapes", "--scheduler", "tcp://a:1", "--workers", "2")
    assert code == 2
    code, _, err = polymm("sweep", "tapes", "--store", ".")
    assert code == 2
    assert "--store must be a file, was ." in err
    for more in (("--store", "x.html"), ("--store", "x.db", "--report", "./x.db")):
        code, _, err = polymm("sweep", "tapes", *more)
        assert code == 2
        assert "--store and the page must be two files" in err
    code, _, err = polymm("sweep", "tapes", "--report", "tapes")
    assert (code, err) == (2, "polymm: report tapes: must be a file, is a folder\n")
    assert not (here / "sweep.db").exists()
    (here / "space.toml").write_text(SPACE.replace("min_spread", "min_spred"))
    code, _, err = polymm("sweep", "tapes", "--space", "space.toml")
    assert code == 3
    assert "space.strategy.min_spred: unknown key; the nearest is strategy.min_spread" in err
    code, _, err = polymm("sweep", "nowhere")
    assert code == 1
