"""``polymm run`` as a user types it: what is printed and written, how it ends, what it refuses."""

import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

import polymm as package
from polymm.cli.progress import LiveRun
from polymm.cli.run import Stop
from polymm.runtime.config_source import load_config
from polymm.runtime.tape_runs import Moment, plan_synthetic, run_plan

Answer = tuple[int, str, str]
Polymm = Callable[..., Answer]

SHORT = ("run", "--fast", "--window-s", "10")
RAISED = "polymm: order size raised to the venue minimum order_size=1 order_min=5 shares"


def test_synthetic_window_ends_with_a_summary_and_the_path_of_a_report(
    polymm: Polymm, tmp_path: Path
) -> None:
    code, out, err = polymm(*SHORT)
    assert code == 0
    assert out.startswith("polymm report  1 market:")
    path = out.splitlines()[-1].removeprefix("report  ")
    assert path.startswith("polymm-runs/synthetic-")
    assert "<html" in (tmp_path / path).read_text()
    # No terminal, no progress.
    assert "\x1b" not in out + err
    assert max(map(len, out.partition("queue  ")[0].splitlines())) <= 100


def test_both_queue_models_are_a_band(polymm: Polymm) -> None:
    code, out, _ = polymm(*SHORT, "--json", "--no-report")
    assert code == 0
    assert [run["queue"] for run in json.loads(out)["runs"]] == ["risk_averse", "prob(3)"]


def test_same_seed_gives_the_same_bytes_and_another_seed_others(polymm: Polymm) -> None:
    arguments = (*SHORT, "--json", "--no-report", "--queue", "risk_averse")
    first = polymm(*arguments, "--seed", "7")[1]
    assert polymm(*arguments, "--seed", "7")[1] == first
    assert polymm(*arguments, "--seed", "8")[1] != first


def test_report_states_seed_configuration_and_versions(polymm: Polymm) -> None:
    facts = json.loads(polymm(*SHORT, "--json", "--no-report", "--seed", "7")[1])["runs"][0][
        "facts"
    ]
    assert facts["seed"] == "7"
    flags = {"run.seed": ("--seed", 7), "run.window_s": ("--window-s", 10)}
    assert facts["configuration"] == load_config(flags=flags).config.digest()
    assert f"polymm {package.__version__}" in facts["versions"]


def test_report_goes_where_it_is_told(polymm: Polymm, tmp_path: Path) -> None:
    code, out, _ = polymm(*SHORT, "--report", "deep/er/page.html", "--quiet")
    assert (code, out) == (0, "deep/er/page.html\n")
    assert (tmp_path / "deep/er/page.html").exists()


def test_a_page_that_cannot_be_written_does_not_cost_the_summary(polymm: Polymm) -> None:
    code, out, err = polymm(*SHORT, "--report", "/dev/full")
    assert code == 1
    assert out.startswith("polymm report")
    assert "report /dev/full: cannot be written: No space left" in err


def test_a_pipe_that_closes_early_does_not_cost_the_page(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "polymm", *SHORT, "--report", "page.html"]
    environment = os.environ | {"PYTHONPATH": str(Path(package.__file__).parents[1])}
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert (tmp_path / "page.html").stat().st_size > 1_000_000


def test_no_report_writes_nothing(polymm: Polymm, tmp_path: Path) -> None:
    polymm(*SHORT, "--no-report", "--quiet")  # what the documented sizes mean is said once
    code, out, err = polymm(*SHORT, "--no-report", "--quiet")
    assert (code, out, err) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_json_is_alone_on_stdout(polymm: Polymm) -> None:
    code, out, err = polymm(*SHORT, "--json")
    assert code == 0
    assert json.loads(out)["schema"] == 1
    assert err.splitlines()[-1].startswith("report  polymm-runs/")


def test_configuration_file_of_the_folder_is_in_force(polymm: Polymm, tmp_path: Path) -> None:
    (tmp_path / "polymm.toml").write_text("[run]\nwindow_s = 10\nwindows = 2\n")
    runs = json.loads(polymm("run", "--fast", "--json", "--no-report", "--queue", "prob")[1])[
        "runs"
    ]
    assert [len(run["markets"]) for run in runs] == [2]


def damaged(tmp_path: Path) -> Path:
    line = json.dumps({"recv_ts": 1.0, "slug": "btc-updown-5m-300", "msg": {}})
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(gzip.compress(f"{line}\n".encode() * 1000)[:-20])
    return path


def empty(tmp_path: Path) -> Path:
    (tmp_path / "empty.jsonl").touch()
    return tmp_path / "empty.jsonl"


def other_kind(tmp_path: Path) -> Path:
    (tmp_path / "prices.csv").write_text("a,b\n1,2\n")
    return tmp_path / "prices.csv"


def bare_folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


@pytest.mark.parametrize(
    "make", [damaged, empty, other_kind, bare_folder, lambda folder: folder / "missing"]
)
def test_unusable_tape_is_one_line_and_exit_code_1(
    polymm: Polymm, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    code, out, err = polymm("run", "--tape", str(path))
    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("polymm: ")
    assert path.name in err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--queue", "first"), 2, "'risk_averse', 'prob', 'both'"),
        (("--fills", "all"), 2, "'none', 'through', 'both'"),
        (("--token-as", "Up"), 2, "'up', 'down'"),
        (("--seed", "one"), 2, "--seed"),
        (("--tape", "x", "--windows", "3"), 2, "--windows has no meaning with --tape"),
        (("--tape", "x", "--seed", "3"), 2, "--seed has no meaning with --tape"),
        (("--token-as", "down"), 2, "--token-as has no meaning without --tape"),
        (("--fills", "none"), 2, "--fills has no meaning without --tape"),
        (("--no-report", "--report", "x"), 2, "--report has no meaning with --no-report"),
        (("--fast", "--windows", "0"), 2, "flag --windows: run.windows must be a whole number"),
        (("--fast", "--window-s", "5"), 2, "flag --window-s: run.window_s must be"),
        (
            ("--windows", "0"),
            2,
            "flag --windows: session.windows must be a whole number within 1..",
        ),
        (
            ("--window-s", "90"),
            2,
            "session.window_s must be a whole number within 2..86400 (s), whol",
        ),
        (("--coins", "btc,btc"), 2, "session.coins must be different names"),
        (("--queue", "prob"), 2, "--queue has no meaning in real time"),
        (("--fast", "--coins", "btc"), 2, "--coins has no meaning with --fast"),
        (("--fast", "--live"), 2, "--live has no meaning with --fast"),
        (("--tape", "x", "--fast"), 2, "--fast has no meaning with --tape"),
        (("--tape", "x", "--venue", "exchange"), 2, "--venue has no meaning with --tape"),
        (("--forever", "--windows", "2"), 2, "--windows has no meaning with --forever"),
        (("--venue", "polymarket", "--seed", "2"), 2, "--seed has no meaning with --venue"),
        (("--venue", "kalshi"), 2, "'exchange', 'polymarket'"),
        (("--config", "none.toml"), 3, "none.toml: no such configuration file"),
        (("--fast", "--report", "."), 2, "report .: must be a file"),
    ],
)
def test_wrong_flag_is_told(
    polymm: Polymm, arguments: tuple[str, ...], code: int, told: str
) -> None:
    found, out, err = polymm("run", *arguments)
    assert (found, out) == (code, "")
    assert told in err
    assert "Traceback" not in err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_signal_ends_in_order_with_the_report_of_what_ran(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    command = [sys.executable, "-m", "polymm", *SHORT, "--windows", "100000", "--json"]
    path = str(Path(package.__file__).parents[1])
    # Buffered as a user's: a stream of that kind takes no line in the middle of another.
    environment = os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": ""}
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stderr is not None
        # The first window runs: the handlers stand.
        assert process.stderr.readline().strip() == RAISED
        assert process.stderr.readline().startswith("polymm: one fill ends a side")
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()

    assert process.returncode == code, err
    assert "ending in order" in err
    runs = json.loads(out)["runs"]
    last = runs[0]["markets"][-1]
    assert (last["exclusion"], last["status"]) in (("stopped", "unsettled"), ("", "settled"))
    assert len(list(tmp_path.glob("polymm-runs/*.html"))) == 1


def test_second_signal_ends_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    stop = Stop()
    stop.take(signal.SIGINT, None)
    assert stop()
    assert stop.is_interrupted
    with pytest.raises(KeyboardInterrupt):
        stop.take(signal.SIGINT, None)
    assert "ending in order" in capsys.readouterr().err


def test_terminal_shows_bar_rate_time_left_and_a_living_table() -> None:
    flags = {"run.window_s": ("--window-s", 10), "venue.queue": ("--queue", "risk_averse")}
    config = load_config(flags=flags).config
    plan = plan_synthetic(config)
    screen = io.StringIO()
    moments: list[float] = []
    with LiveRun(Console(file=screen, force_terminal=True, width=140), plan) as live:

        def watch(moment: Moment) -> None:
            moments.append(moment.seconds_done)
            live.watch(moment)

        run_plan(plan, config, watch=watch)
    drawn = screen.getvalue()
    assert moments == sorted(moments)
    assert 0.0 <= moments[0] <= moments[-1] <= plan.seconds == 10.0
    for text in ("variant", "risk_averse, trades", "synthetic-updown-10s", "market 1 of 1", " %"):
        assert text in drawn


def test_a_narrow_terminal_tells_markets_apart_and_leaves_room_for_an_echo() -> None:
    config = load_config(flags={"run.window_s": ("--window-s", 10)}).config
    plan = plan_synthetic(config)
    screen = io.StringIO()
    with LiveRun(Console(file=screen, force_terminal=True, width=80), plan) as live:
        run_plan(plan, config, watch=live.watch)
    drawn = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "\r", screen.getvalue())
    assert "s..1800000000" in drawn
    assert max(len(line.rstrip()) for line in re.split(r"[\r\n]+", drawn)) <= 77
