"""The charts of the page, as plotly figures in plain dictionaries.

A chart without data is a sentence instead. Colours that depend on light or dark (text, grid) are
left to the page; those of the series are chosen to read on both.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from polymm.research import breakdown
from polymm.research.analytics import HORIZONS, MarketFigures
from polymm.research.estimates import Z95, Estimate
from polymm.research.report_rows import REASONS_MAX, no_quote_reasons, plural

Json = dict[str, Any]
Figure = Json | str

PALETTE = ("#3b82f6", "#f59e0b", "#10b981", "#a855f7", "#ef4444", "#14b8a6", "#ec4899", "#84cc16")
# Up to this many windows each has its tick: there is no half a window.
WINDOWS_TICKED = 12
LOSS, FLAT, GAIN = "rgba(220,70,70,.9)", "rgba(140,150,165,.18)", "rgba(20,160,120,.9)"


@dataclass(frozen=True, slots=True)
class Series:
    """One run as the charts want it: its name, figures and summary, and the markets cut over."""

    name: str
    colour: str
    figures: Sequence[MarketFigures]
    summary: Json
    chosen: Sequence[MarketFigures]


def figure(
    traces: Sequence[Json], x: str, y: str, *, show_legend: bool = True, **layout: Any
) -> Json:
    """A figure with both axes titled."""
    base: Json = {
        "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}},
        "legend": {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"},
        "margin": {"l": 64, "r": 20, "t": 40, "b": 52},
        "showlegend": show_legend,
        "hovermode": "closest",
    }
    for key, value in layout.items():
        base[key] = {**base[key], **value} if isinstance(base.get(key), dict) else value
    return {"data": list(traces), "layout": base}


def no_fills(runs: Sequence[Series]) -> str:
    """Why a chart of fills is empty."""
    if any(run.summary["quoting"]["fills_known"] for run in runs):
        return "No order of ours was filled, so there is nothing to draw."
    return "No fill is known in these runs (n/a, no trades recorded): there is nothing to draw."


def rounded(values: Sequence[float], digits: int = 4) -> list[float | None]:
    """Values as short JSON numbers, null where not finite."""
    return [round(v, digits) if math.isfinite(v) else None for v in values]


def bars(estimates: Sequence[Estimate]) -> Json:
    """95 % error bars."""
    return {"type": "data", "array": rounded([Z95 * e.se for e in estimates]), "thickness": 1.2}


def every(names: Sequence[str]) -> Json:
    """An axis that keeps a place for every bin, the empty ones too."""
    order = {"categoryorder": "array", "categoryarray": list(names)}
    return {"type": "category", **order, "range": [-0.5, len(names) - 0.5], "zeroline": False}


def equity(runs: Sequence[Series]) -> Figure:
    """Cumulative PnL over the settled windows in order of start."""
    traces, longest = [], 0
    for run in runs:
        rows = sorted(
            (m for m in run.summary["markets"] if m["status"] == "settled" and "pnl" in m),
            key=lambda m: (m["start"], m["slug"]),
        )
        if not rows:
            continue
        lines = {
            f"PnL, {run.name}": [m["pnl"] + m["rebate_paid_e6"] / 1e6 for m in rows],
            f"edge, {run.name}": [m["edge"] for m in rows],
        }
        text = ["before the first"] + [f"{m['slug']}<br>{m['start']}" for m in rows]
        longest = max(longest, len(text))
        for k, (name, steps) in enumerate(lines.items()):
            total, path = 0.0, [0.0]
            for step in steps:
                total += step
                path.append(total)
            line = {
                "color": run.colour,
                "width": 1.4 if k else 2.4,
                "dash": "dot" if k else "solid",
            }
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines+markers" if len(path) < 60 and not k else "lines",
                    "name": name,
                    "x": list(range(len(path))),
                    "y": rounded(path),
                    "text": text,
                    "line": line,
                    "showlegend": not k,
                    "hovertemplate": "%{text}<br>%{y:,.2f} $<extra>" + name + "</extra>",
                }
            )
    if not traces:
        return "No settled market with known fills: equity is not drawn from marks."
    few = longest <= WINDOWS_TICKED
    return figure(
        traces,
        "settled windows, in order of start",
        "cumulative PnL, $",
        xaxis={"dtick": 1} if few else {},
    )


def inventory(runs: Sequence[Series]) -> Figure:
    """Net inventory over the window: median and 10-90 % band over the markets of the lead run."""
    run = runs[0]
    markets = [m for m in run.figures if m.fills_known and m.run.inventory]
    if not markets:
        return no_fills(runs)
    bands = breakdown.net_bands(markets)
    x = rounded([100 * b[0] for b in bands], 2)
    step = {"shape": "hv", "width": 0, "color": run.colour}
    traces: list[Json] = [
        {"type": "scatter", "mode": "lines", "x": x, "y": rounded([b[1] for b in bands])}
        | {"line": step, "showlegend": False, "hoverinfo": "skip"},
        {"type": "scatter", "mode": "lines", "x": x, "y": rounded([b[3] for b in bands])}
        | {"line": step, "fill": "tonexty", "fillcolor": "rgba(59,130,246,.22)"}
        | {"name": f"10-90 % of {plural(len(markets), 'market')}", "hoverinfo": "skip"},
        {"type": "scatter", "mode": "lines", "x": x, "y": rounded([b[2] for b in bands])}
        | {"line": {**step, "width": 2.4}, "name": f"median, {run.name}"},
    ]
    traces[2]["hovertemplate"] = "%{x:.0f} % gone: %{y:,.1f} shares<extra>median</extra>"
    return figure(traces, "share of the window gone, %", "Up - Down, shares")


def markouts(runs: Sequence[Series]) -> Figure:
    """Markout per share by horizon with 95 % errors; settlement on a scale of its own."""
    drawn = [run for run in runs if run.chosen]
    if not drawn:
        return no_fills(runs)
    traces: list[Json] = []
    for i, run in enumerate(drawn):
        edge = breakdown.cents_per_share(
            [(m.cluster, f.edge, f.shares) for m, f in breakdown.all_fills(run.chosen)]
        )
        curve = [edge, *breakdown.markout_curve(run.chosen)]
        shift = (i - (len(drawn) - 1) / 2) * 0.09
        common = {
            "type": "scatter",
            "mode": "lines+markers",
            "name": run.name,
            "legendgroup": run.name,
            "line": {"color": run.colour},
            "marker": {"size": 7},
            "hovertemplate": "%{y:+.2f} ± %{error_y.array:.2f} c<extra>" + run.name + "</extra>",
        }
        near, last = curve[:-1], curve[-1:]
        x = [round(k + shift, 3) for k in range(len(near))]
        traces.append(
            common | {"x": x, "y": rounded([e.value for e in near]), "error_y": bars(near)}
        )
        if math.isfinite(curve[-1].value):
            place = {"xaxis": "x2", "yaxis": "y2", "showlegend": False, "x": [round(shift, 3)]}
            y = rounded([e.value for e in last])
            traces.append(common | place | {"y": y, "error_y": bars(last)})
    names = ["at fill", *HORIZONS[:-1]]
    near_axis = {"tickvals": list(range(len(names))), "ticktext": names, "zeroline": False}
    near_axis |= {"domain": [0, 0.74], "range": [-0.4, len(names) - 0.6]}
    layout: Json = {"xaxis": near_axis}
    if any("xaxis" in trace for trace in traces):
        layout["yaxis2"] = {"anchor": "x2", "title": {"text": "c/share", "standoff": 2}}
        layout["xaxis2"] = {"anchor": "y2", "domain": [0.88, 1], "range": [-0.6, 0.6]} | {
            "tickvals": [0],
            "ticktext": ["settlement"],
            "zeroline": False,
        }
    else:
        near_axis["domain"] = [0, 1]
    return figure(traces, "time after the fill", "markout, c/share (95 %)", **layout)


def sources(runs: Sequence[Series]) -> Figure:
    """PnL by source, one bar a run; the parts sum to the total."""
    names = {
        "spread": "spread<br>(edge)",
        "adverse_selection": "adverse<br>selection",
        "inventory": "inventory",
        "settlement": "settlement",
        "fees": "fees",
        "rebates": "rebates",
        "total": "total",
    }
    traces = []
    for run in runs:
        parts = run.summary[run.summary["cut_over"]].get("sources")
        if parts and run.chosen:
            traces.append(
                {
                    "type": "bar",
                    "name": run.name,
                    "x": list(names.values()),
                    "y": rounded([parts[key] for key in names]),
                    "marker": {"color": run.colour},
                    "hovertemplate": "%{x}: %{y:+,.2f} $<extra>" + run.name + "</extra>",
                }
            )
    if not traces:
        return no_fills(runs)
    return figure(traces, "source", "PnL, $", barmode="group", bargap=0.25)


def edge_by_tau_and_price(runs: Sequence[Series]) -> Figure:
    """Edge per share by time left and price, of the lead run."""
    cells = breakdown.edge_grid(runs[0].chosen)
    if not cells:
        return no_fills(runs)
    taus = sorted({cell.tau for cell in cells}, reverse=True)
    z: list[list[float | None]] = [[None] * 10 for _ in taus]
    text = [[""] * 10 for _ in taus]
    hover = [[""] * 10 for _ in taus]
    for cell in cells:
        i, j = taus.index(cell.tau), cell.price
        z[i][j] = round(cell.edge_cents, 4)
        text[i][j] = f"{cell.edge_cents:+.1f}"
        hover[i][j] = (
            f"{cell.fills:,} fills, {cell.shares:,.0f} shares<br>edge {cell.edge_cents:+.2f} c"
            f"<br>5 s markout {cell.markout_cents:+.2f} c"
        )
    # One odd cell must not wash out the others: the scale ends at twice the mean of all.
    shares = math.fsum(c.shares for c in cells)
    reach = 2 * math.fsum(abs(c.edge_cents) * c.shares for c in cells) / shares or 1.0
    trace = {
        "type": "heatmap",
        "x": [f"{10 * k}-{10 * k + 10}" for k in range(10)],
        "y": [f"{breakdown.TAU_NAMES[tau]} s" for tau in taus],
        "z": z,
        "text": text,
        "texttemplate": "%{text}",
        "customdata": hover,
        "hovertemplate": "%{y} left, price %{x} c<br>%{customdata}<extra></extra>",
        "colorscale": [[0, LOSS], [0.5, FLAT], [1, GAIN]],
        "zmin": -round(reach, 4),
        "zmax": round(reach, 4),
        "hoverongaps": False,
        "xgap": 2,
        "ygap": 2,
        "colorbar": {"title": {"text": "edge,<br>c/share"}, "thickness": 12, "outlinewidth": 0},
    }
    return figure(
        [trace],
        "price of the fill in Up terms, c",
        "time left",
        show_legend=False,
        xaxis={"type": "category", "zeroline": False},
        yaxis={"type": "category", "zeroline": False},
        margin={"l": 96, "t": 16},
    )


def reliability(runs: Sequence[Series]) -> Figure:
    """How often Up came against what f said, with 95 % Wilson intervals."""
    calibration = runs[0].summary["calibration"]
    rows = calibration["reliability"]
    if not rows:
        return "No settled market with marks, so f has no outcome to be held against."
    diagonal = {
        "type": "scatter",
        "mode": "lines",
        "name": "perfect",
        "x": [0, 1],
        "y": [0, 1],
        "line": {"color": "#8a94a6", "dash": "dash", "width": 1},
        "hoverinfo": "skip",
    }
    points = {
        "type": "scatter",
        "mode": "markers",
        "name": f"f (filtered mid), {calibration['observations']:,} observations",
        "x": rounded([r["forecast"] for r in rows]),
        "y": rounded([r["frequency"] for r in rows]),
        "text": [f"{r['n']:,}" for r in rows],
        "marker": {"color": PALETTE[0], "size": [min(6 + r["n"] ** 0.5, 22) for r in rows]},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": rounded([max(r["wilson"][1] - r["frequency"], 0.0) for r in rows]),
            "arrayminus": rounded([max(r["frequency"] - r["wilson"][0], 0.0) for r in rows]),
            "thickness": 1.2,
        },
        "hovertemplate": "f %{x:.3f}: Up in %{y:.1%} of %{text}<extra></extra>",
    }
    wide = {"range": [-0.03, 1.03]}
    return figure(
        [diagonal, points], "f, probability of Up", "share that settled Up", xaxis=wide, yaxis=wide
    )


def quote_age(runs: Sequence[Series]) -> Figure:
    """5 s markout by how long the quote had stood."""
    traces = []
    for run in runs:
        rows = breakdown.markout_by_age(run.chosen)
        if rows:
            traces.append(
                {
                    "type": "bar",
                    "name": run.name,
                    "x": [f"{name} s" for name, _, _ in rows],
                    "y": rounded([e.value for _, _, e in rows]),
                    "error_y": bars([e for _, _, e in rows]),
                    "customdata": [n for _, n, _ in rows],
                    "marker": {"color": run.colour},
                    "hovertemplate": "%{x}: %{y:+.2f} c, %{customdata:,} fills"
                    "<extra>" + run.name + "</extra>",
                }
            )
    if not traces:
        return "No fill could be matched to a quote, so its age is not known."
    order = [f"{name} s" for name in breakdown.AGE_NAMES]
    return figure(
        traces,
        "age of the quote at its fill",
        "5 s markout, c/share (95 %)",
        xaxis=every(order),
    )


def queue(runs: Sequence[Series]) -> Figure:
    """Fill ratio against the shares ahead on joining."""
    traces = []
    for run in runs:
        rows = breakdown.fill_ratio_by_queue([m for m in run.figures if m.fills_known])
        if rows:
            traces.append(
                {
                    "type": "bar",
                    "name": run.name,
                    "x": [name for name, _, _ in rows],
                    "y": rounded([100 * r for _, _, r in rows]),
                    "customdata": [n for _, n, _ in rows],
                    "marker": {"color": run.colour},
                    "hovertemplate": "%{x} shares ahead: %{y:.1f} % of %{customdata:,} orders"
                    "<extra>" + run.name + "</extra>",
                }
            )
    if not traces:
        return "No order's place in the queue was recorded, or no fill is known."
    return figure(
        traces,
        "shares ahead on joining the queue",
        "filled of placed, %",
        xaxis=every(breakdown.QUEUE_NAMES),
    )


def no_quotes(runs: Sequence[Series]) -> Figure:
    """Time without a quote, by reason."""
    reasons = no_quote_reasons([run.summary for run in runs])[:REASONS_MAX]
    traces = []
    for run in runs:
        seconds = [run.summary["quoting"]["no_quote_seconds"].get(r, 0.0) for r in reasons]
        length = run.summary["quoting"]["seconds"]["length"]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": run.name,
                "y": reasons,
                "x": rounded(seconds, 2),
                "customdata": rounded(
                    [100 * s / length if length else math.nan for s in seconds], 2
                ),
                "marker": {"color": run.colour},
                "hovertemplate": "%{y}: %{x:,.1f} s, %{customdata:.2f} % of the windows"
                "<extra>" + run.name + "</extra>",
            }
        )
    if not reasons:
        return "Both sides had a quote all the time, or no market ran."
    return figure(
        traces,
        "time inside the windows, s",
        "reason",
        yaxis={"type": "category", "autorange": "reversed", "automargin": True}
        | {"title": {"text": "reason", "standoff": 14}},
    )
