"""The page of a comparison: two results, market by market, with what sets them apart."""

import math
from collections.abc import Sequence
from html import escape

from polymm.research import report_rows
from polymm.research.comparison import COMPARED
from polymm.research.estimates import Z95
from polymm.research.report_charts import PALETTE, Figure, figure, rounded
from polymm.research.report_html import chart_block, framed, pairs_table, sheet
from polymm.research.report_rows import Json, plural

# The two that lead a comparison, as lines.
LINES = tuple(name for name, _, _ in COMPARED[:2])
SHARED_NONE = "No market was settled with known fills in both results."


def comparison_page(comparisons: Sequence[Json], apart: Sequence[tuple[str, str, str]]) -> str:
    """The whole page.

    Args:
        comparisons: Of `polymm.research.results.compare_results`; the first is drawn.
        apart: Facts in which the results differ: name, a's, b's.
    """
    lead = comparisons[0]
    charts = {"course": course(lead), "differences": differences(lead)}
    blocks = [
        chart_block(
            "course",
            "Difference, summed over the markets",
            "b minus a in order of start: what the market did cancels out.",
            charts["course"],
        ),
        chart_block(
            "differences",
            "Mean difference a market",
            "With 95 % intervals, clustered by window start; one that holds 0 shows nothing.",
            charts["differences"],
        ),
    ]
    body = [f'<div class="two">{"".join(blocks)}</div>']
    for one in comparisons:
        title = one["a"] if one["a"] == one["b"] else f"a: {one['a']}; b: {one['b']}"
        rows = [
            "".join(f"<td>{escape(text)}</td>" for text in row)
            for row in report_rows.comparison_rows(one)
        ]
        body.append(
            f"<h2>{escape(title)}</h2><p class=soft>{escape(report_rows.comparison_text(one))}</p>"
            + sheet(report_rows.COMPARISON_HEAD, rows)
        )
    body.append(pairs_table("Facts that differ", ("fact", "a", "b"), apart))
    return framed(
        "polymm comparison",
        report_rows.comparison_text(lead),
        body,
        {name: chart for name, chart in charts.items() if not isinstance(chart, str)},
    )


def course(comparison: Json) -> Figure:
    """Sums of the differences over the markets in order of start."""
    markets = comparison["differences"]
    if not markets:
        return SHARED_NONE
    text = ["before the first", *(f"{m['slug']}<br>{m['start']}" for m in markets)]
    traces = []
    for name, colour in zip(LINES, PALETTE, strict=False):
        sums = [0.0]
        for market in markets:
            sums.append(sums[-1] + market[name])
        words = name.replace("_", " ")
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": words,
                "x": list(range(len(sums))),
                "y": rounded(sums),
                "text": text,
                "line": {"color": colour},
                "hovertemplate": "%{text}<br>%{y:+,.2f} $<extra>" + words + "</extra>",
            }
        )
    return figure(traces, "markets, in order of start", "sum of b - a, $")


def differences(comparison: Json) -> Figure:
    """Mean differences of what is counted in dollars, with their intervals."""
    rows = {
        name.replace("_", " "): row
        for name, row in comparison["per_market"].items()
        if row["unit"] == "$"
    }
    if not comparison["markets"]:
        return SHARED_NONE
    means = [row["difference"] for row in rows.values()]
    reach = [Z95 * row["se"] if report_rows.known(row["se"]) else math.nan for row in rows.values()]
    trace = {
        "type": "scatter",
        "mode": "markers",
        "name": f"b - a, 95 %, {plural(comparison['clusters'], 'window')}",
        "y": list(rows),
        "x": rounded(means),
        "error_x": {"type": "data", "array": rounded(reach), "thickness": 1.4},
        "marker": {"color": PALETTE[0], "size": 9},
        "hovertemplate": "%{y}: %{x:+,.4f} $<extra></extra>",
    }
    return figure(
        [trace],
        "b - a, $ a market",
        "figure",
        yaxis={"type": "category", "autorange": "reversed", "automargin": True}
        | {"title": {"text": "figure", "standoff": 14}},
    )
