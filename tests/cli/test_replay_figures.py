"""What ``polymm replay --compare`` prints where nothing was measured."""

import math

import pytest

from polymm.cli.replay import show_comparison
from polymm.research.estimates import Estimate
from polymm.research.own_fills import Distance, FillComparison

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
