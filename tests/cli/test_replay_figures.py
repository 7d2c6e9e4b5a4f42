"""What ``polymm replay`` says where there is nothing to compare, or nothing was measured."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest

from polymm.cli.replay import show_comparison
from polymm.research.estimates import Estimate
from polymm.research.own_fills import Distance, FillComparison
from polymm.runtime import decision_replay
from polymm.runtime.config import Config
from polymm.runtime.decision_replay import DecisionReport
from polymm.runtime.exact_replay import ReplayReport
from tests.support.recorded_runs import heard, market_note, note, paths, record
from tests.support.tapes import at, book, market

Polymm = Callable[..., tuple[int, str, str]]

NONE = Estimate(math.nan, math.nan, 0)
ALONE = Estimate(0.25, math.nan, 1)
KNOWN = Estimate(-0.25, 0.125, 9)


def printed(capsys: pytest.CaptureFixture[str], one: Estimate) -> str:
    found = Distance(share=one, cents=one, volume=one)
    show_comparison(
        "all windows",
        FillComparison(
            orders=3, fills=0, shares_e6=0, clusters="window", queue="front",
            total=found, parts={}, band={},
        ),
    )  # fmt: skip
    return " ".join(capsys.readouterr().out.splitlines()[-1].split())


def test_a_run_without_fills_has_no_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, NONE) == "difference n/a n/a n/a"


def test_one_window_has_figures_without_errors(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, ALONE) == "difference 25.00 % +0.250 c +25.0 %"
    assert printed(capsys, KNOWN) == "difference -25.00 ± 12.50 % -0.250 ± 0.125 c -25.0 %"


@pytest.fixture
def heard_alone(tmp_path: Path) -> Path:
    """What `polymm record` leaves: frames of a market, and no step of an engine."""
    told = note("run", config=Config().model_dump(mode="json"))
    one = heard(book(0, [(0.48, 100)], [(0.52, 80)]).frame, at(1))
    return record(tmp_path / "rec", [told], [market_note(market()), one], [note("more")])


@pytest.mark.parametrize("more", [(), ("--compare",), ("--json",), ("--calibrate", "x.toml")])
def test_a_recording_without_a_run_is_one_line_and_1(
    polymm: Polymm, heard_alone: Path, more: tuple[str, ...]
) -> None:
    assert polymm("replay", "rec", *more) == (
        1,
        "",
        "polymm: rec: expected a run that decided something, found what was heard alone: nothing"
        " to compare; polymm backtest runs on it\n",
    )


@pytest.mark.parametrize("more", [(), ("--compare",)])
def test_where_the_steps_are_gone_nothing_differs_and_nothing_is_the_same(
    polymm: Polymm, heard_alone: Path, more: tuple[str, ...]
) -> None:
    paths(heard_alone)[1].unlink()
    code, out, _ = polymm("replay", "rec", *more)
    assert code == 1
    assert "gaps         1 in the recording" in out
    assert "nothing could be compared" in out


def test_a_run_that_sent_no_orders_is_judged_by_its_decisions(
    polymm: Polymm, heard_alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = DecisionReport(exact=ReplayReport(runs=1, steps=9))
    monkeypatch.setattr(decision_replay, "replay_decisions", lambda run: report)
    code, out, _ = polymm("replay", "rec", "--compare")
    assert (code, out.splitlines()[-2:]) == (
        0,
        ["no difference", "fills        nothing to compare: the run sent no orders"],
    )
    code, out, _ = polymm("replay", "rec", "--compare", "--json")
    assert (code, json.loads(out)["fills"]) == (0, None)
    code, _, err = polymm("replay", "rec", "--calibrate", "x.toml")
    assert (code, "expected a run that sent orders, found none" in err) == (1, True)
