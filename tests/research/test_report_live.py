"""What a run in real time adds to the report: latency by stage, gaps over a roll, own optimism."""

import io
import json

from rich.console import Console

from polymm.research.records import Run, StageTimes
from polymm.research.report import print_summary, to_json
from polymm.research.report_html import page
from tests.support.runs import make_run

SIGNED = StageTimes(
    name="decided to signed",
    n=40,
    p50_ns=21_000,
    p99_ns=35_500,
    p999_ns=1_250_000,
    longest_ns=10**7,
)


def live_run() -> Run:
    run = make_run(markets=3)
    run.stages = [SIGNED, StageTimes(name="written to answered", n=0, **ZERO)]
    run.markets[0].roll_gap_s, run.markets[1].roll_gap_s = 2.5, 2.25
    run.optimism = {"no queue": ("avoided", "real orders in a real queue")}
    return run


ZERO = {"p50_ns": 0, "p99_ns": 0, "p999_ns": 0, "longest_ns": 0}


def printed(run: Run) -> str:
    out = io.StringIO()
    print_summary(Console(file=out, width=100, color_system=None), [run])
    return out.getvalue()


def line_with(text: str, name: str) -> list[str]:
    return next(line for line in text.splitlines() if name in line).split()


def test_stages_show_three_quantiles_and_how_often() -> None:
    text = printed(live_run())
    assert line_with(text, "decided to signed")[3:] == [
        "21.0",
        "/",
        "35.5",
        "/",
        "1,250.0",
        "us,",
        "40x",
    ]
    assert line_with(text, "written to answered")[3:] == ["n/a"]
    for run in json.loads(to_json([live_run()]))["runs"]:
        assert run["stages"]["decided to signed"]["longest_ns"] == 10**7


def test_the_longest_gap_over_a_roll_is_shown_only_where_one_was_measured() -> None:
    assert line_with(printed(live_run()), "longest gap over a roll")[5:] == ["2.50", "s"]
    assert "over a roll" not in printed(make_run(markets=2))
    (run,) = json.loads(to_json([make_run(markets=2)]))["runs"]
    assert run["quoting"]["roll_gap_s_max"] is None
    assert run["stages"] == {}


def test_optimism_stands_as_the_kind_of_run_says() -> None:
    told = line_with(printed(live_run()), "known optimism, avoided")
    assert "queue," in told
    assert "queue," not in line_with(printed(make_run()), "known optimism, avoided")
    assert "real orders in a real queue" in page([live_run()])
