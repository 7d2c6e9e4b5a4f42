"""One HTML file of a sweep: verdict, maps of the parameters' neighbourhoods, best trials, facts."""

from collections.abc import Sequence
from html import escape
from typing import Any, Final

import orjson
from plotly.offline import get_plotlyjs

from polymm.research.report_charts import FLAT, GAIN, LOSS, Json, figure
from polymm.research.report_page import FRAME, SCRIPT, STYLE
from polymm.research.sweep import SweepPlan, SweepResult
from polymm.research.sweep_neighbours import Map, maps
from polymm.research.sweep_report import point_text, sweep_lines

TRIALS_SHOWN: Final = 20
MAPS_MAX: Final = 15


def sweep_page(plan: SweepPlan, result: SweepResult, record: dict[str, Any]) -> str:
    """The whole page; the same result, the same bytes."""
    shown = maps(plan.space, result.points, result.trials, result.found.best)[:MAPS_MAX]
    default = result.trials[0].score
    charts = {f"map{k}": map_chart(one, default) for k, one in enumerate(shown)}
    charts["trials"] = trials_chart(record["trials"], record["best"]["trial"])
    body = "\n".join(
        [
            f'<div class="note"><p><b>{escape(record["verdict"])}</b></p></div>',
            '<h2>Result</h2><div class="sheet"><table class="words"><tbody>',
            *(
                f'<tr><td>{escape(name)}</td><td class="text">{escape(text)}</td></tr>'
                for name, text in sweep_lines(record)[:-1]
            ),
            "</tbody></table></div>",
            "<h2>Stability</h2>",
            '<p class="soft">Mean score of the trials in a cell, dollars a window: green above the'
            " default's, framed the chosen one. A good cell among bad ones is luck.</p>",
            '<div class="charts">',
            *(_chart(f"map{k}", f"{one.y} by {one.x}") for k, one in enumerate(shown)),
            _chart("trials", "Trials in their order"),
            "</div>",
            _best_trials(record["trials"]),
        ]
    )
    figures = {"charts": charts, "markets": []}
    return FRAME.format(
        title="polymm sweep",
        subtitle=escape(f"{record['search']['trials']:,} trials, {plan.identity['versions']}"),
        style=STYLE,
        body=body,
        figures=orjson.dumps(figures).decode().replace("<", "\\u003c"),
        plotly=get_plotlyjs().replace("</script", "<\\/script"),
        script=SCRIPT,
    )


def map_chart(one: Map, default: float) -> Json:
    """A map as a figure; what scores as the default does has no colour."""
    known = [score for row in one.scores for score in row if score is not None]
    reach = max((abs(score - default) for score in known), default=1.0) or 1.0
    heat: Json = {
        "type": "heatmap",
        "x": list(one.x_names),
        "y": list(one.y_names),
        "z": [list(row) for row in one.scores],
        "text": [["" if v is None else f"{v:+.3f}" for v in row] for row in one.scores],
        "texttemplate": "%{text}",
        "customdata": [list(row) for row in one.counts],
        "hovertemplate": "%{y}, %{x}<br>%{z:+.4f} $ a window, %{customdata} trials<extra></extra>",
        "colorscale": [[0, LOSS], [0.5, FLAT], [1, GAIN]],
        "zmin": default - reach,
        "zmax": default + reach,
        "hoverongaps": False,
        "xgap": 2,
        "ygap": 2,
        "colorbar": {"title": {"text": "score,<br>$/window"}, "thickness": 12, "outlinewidth": 0},
    }
    traces = [heat]
    if one.best is not None:
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": "chosen",
                "x": [one.x_names[one.best[1]]],
                "y": [one.y_names[one.best[0]]],
                "marker": {"symbol": "square-open", "size": 44, "line": {"width": 3}},
                "hoverinfo": "skip",
            }
        )
    return figure(
        traces,
        one.x,
        one.y,
        show_legend=False,
        xaxis={"type": "category", "zeroline": False},
        yaxis={"type": "category", "zeroline": False, "automargin": True}
        | {"title": {"text": one.y, "standoff": 14}},
        margin={"t": 16, "b": 90},
    )


def trials_chart(trials: Sequence[dict[str, Any]], best: int) -> Json:
    """Score of each trial over its number."""

    def dots(name: str, numbers: Sequence[int], **marker: Any) -> Json:
        return {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": list(numbers),
            "y": [trials[k]["score"] for k in numbers],
            "text": [point_text(trials[k]["point"]) for k in numbers],
            "hovertemplate": "trial %{x}<br>%{y:+.4f} $<br>%{text}<extra></extra>",
            "marker": marker,
        }

    numbers = range(1, len(trials))
    within = [k for k in numbers if not trials[k]["beyond"] and k != best]
    beyond = [k for k in numbers if trials[k]["beyond"]]
    traces = [
        dots("within the limits", within, size=6),
        dots("beyond a limit", beyond, size=6, symbol="circle-open"),
        dots("default", [0], size=11, symbol="diamond"),
        dots("chosen", [best] if best else [], size=13, symbol="star"),
    ]
    return figure([one for one in traces if one["x"]], "trial", "score, $ a window searched on")


def _chart(name: str, title: str) -> str:
    return (
        f'<figure class="wide"><figcaption><h3>{escape(title)}</h3></figcaption>'
        f'<div class="chart" id="{name}"></div></figure>'
    )


def _best_trials(trials: Sequence[dict[str, Any]]) -> str:
    order = sorted(trials, key=lambda one: (bool(one["beyond"]), -one["score"], one["trial"]))
    rows = "".join(
        f"<tr><td>{one['trial']}</td><td>{one['score']:+.4f}</td><td>{one['mean']:+.4f}</td>"
        f"<td>{one['fills']:.1f}</td><td>{one['net_p95']:g}</td><td>{one['uptime']:.1%}</td>"
        f"<td>{one['worst_day']:+.2f}</td>"
        f'<td class="text">{escape(point_text(one["point"]))}</td></tr>'
        for one in order[:TRIALS_SHOWN]
    )
    heads = ("trial", "score, $", "mean, $", "fills", "p95 |net|, shares", "uptime",
             "worst day, $", "values")  # fmt: skip
    head = "".join(f"<th>{name}</th>" for name in heads)
    return (
        f"<h2>Best {min(TRIALS_SHOWN, len(trials))} of {len(trials):,} trials</h2>"
        f'<div class="sheet"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
        "</div>"
    )
