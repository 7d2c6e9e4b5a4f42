"""Charts as a reader meets them: each holds data, says its units, and names what it draws."""

import re
from collections.abc import Iterator
from typing import Any

import orjson
import plotly.graph_objects as go
import pytest

from polymm.research.comparison import compare
from polymm.research.report import make_result
from polymm.research.report_comparison import comparison_page
from polymm.research.report_html import CHARTS, page, page_of
from tests.support.runs import make_run

Json = dict[str, Any]

# What an axis counts in stands last in its title, or is said in words.
UNITS = re.compile(
    r", (\$( a market)?|c|s|%|shares|c/share \(95 %\)|probability of Up)$|^seconds |^c/share$"
)
# Axes of kinds and of counted things, whose numbers carry no unit.
KINDS = (
    "reason",
    "source",
    "figure",
    "time left",
    "time after the fill",
    "age of the quote at its fill",
    "share that settled Up",
    "shares ahead on joining the queue",
    "settled windows, in order of start",
    "markets, in order of start",
)


def charts_of(html: str) -> Iterator[tuple[str, Json]]:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.S)
    assert found is not None
    figures: Json = orjson.loads(found[1])
    yield from figures["charts"].items()
    yield from (("price", chart) for chart in figures["markets"])


def points_n(trace: Json) -> int:
    values = trace["z"] if trace["type"] == "heatmap" else [trace["x"], trace["y"]]
    known = [sum(v is not None for v in row) for row in values]
    return sum(known) if trace["type"] == "heatmap" else min(known)


def check(name: str, chart: Json) -> None:
    layout = go.Figure(chart).layout
    data = chart["data"]
    assert sum(points_n(trace) for trace in data) > 1, f"{name} is empty"
    assert layout.xaxis.title.text
    assert layout.yaxis.title.text
    for key in chart["layout"]:
        if not re.match("[xy]axis", key) or key == "xaxis2":  # a lone tick, which names itself
            continue
        text = layout[key].title.text
        assert text in KINDS or UNITS.search(text), f"{name}: no unit in {text!r}"
    if data[0]["type"] == "heatmap":
        assert "c/share" in data[0]["colorbar"]["title"]["text"]
    else:
        assert layout.showlegend, f"{name} has no legend"
        named = [trace for trace in data if trace.get("showlegend", True)]
        assert all(trace["name"] for trace in named), f"{name} has a line without a name"


@pytest.mark.parametrize("form", ["trades", "none", "through"])
def test_every_chart_has_points_units_and_a_legend(form: str) -> None:
    drawn = dict(charts_of(page([make_run(fill_form=form, fills=20)])))  # type: ignore[arg-type]
    for name, chart in drawn.items():
        check(name, chart)
    if form != "none":
        assert drawn.keys() == {name for name, *_ in CHARTS} | {"price"}


def test_every_chart_of_a_comparison_has_points_units_and_a_legend() -> None:
    a, b = (make_result([make_run(seed)])["runs"][0] for seed in (7, 8))
    html = comparison_page([compare(a, b)], [("configuration", "<q>1", "2")])
    drawn = dict(charts_of(html))
    assert drawn.keys() == {"course", "differences"}
    for name, chart in drawn.items():
        check(name, chart)
    assert "&lt;q&gt;1" in html


def test_a_page_asks_for_nothing_from_outside() -> None:
    runs = [make_result([make_run(seed)])["runs"][0] for seed in (7, 8)]
    for html in (page([make_run()]), comparison_page([compare(*runs)], [])):
        scripts: list[str] = re.findall(r"<script>(.*?)</script>", html, re.S)
        own = html.replace(max(scripts, key=len), "")
        assert not re.search(r"(?i)\b(?:https?:)?//[a-z0-9]|\b(?:src|href)\s*=|@import|url\(", own)
        assert "Content-Security-Policy\" content=\"default-src 'none'" in own


def test_a_saved_result_makes_the_same_page_and_one_without_charts_says_so() -> None:
    runs = [make_run(), make_run(queue="prob(3)", fills=60)]
    result = make_result(runs)
    assert page_of(orjson.loads(orjson.dumps(result))) == page(runs)
    bare = page_of(make_result(runs, with_charts=False))
    assert bare.count("saved without its charts") == len(CHARTS)
    assert dict(charts_of(bare)) == {}
