"""The chart of one market: f, our quotes, fills and merges over time, and what was held."""

import math
from collections.abc import Sequence
from typing import Any

from polymm.domain.market import NS
from polymm.research.analytics import FillFigures, MarketFigures
from polymm.research.report_charts import figure

Json = dict[str, Any]

# Markets offered in the page's selector, and points a line may have: both bound the page's size.
MARKETS_MAX = 10
POINTS_MAX = 1_500
PIXELS = 600

Point = tuple[float, float | None]


def offered(figures: Sequence[MarketFigures]) -> list[MarketFigures]:
    """Markets to choose from: those with most fills first, then in order of start."""
    drawable = [m for m in figures if m.run.marks or m.fills or m.run.quotes]
    return sorted(drawable, key=lambda m: (-len(m.fills), m.cluster, m.key))[:MARKETS_MAX]


def thinned(points: Sequence[Point], most: int = POINTS_MAX) -> list[Point]:
    """At most about ``most`` points, keeping the first, lowest and highest of each stretch."""
    if len(points) <= most:
        return list(points)
    width = math.ceil(len(points) * 3 / most)
    kept: list[Point] = []
    for i in range(0, len(points), width):
        stretch = points[i : i + width]
        indices = {0}
        valued = [k for k, (_, y) in enumerate(stretch) if y is not None]
        if valued:
            indices.add(min(valued, key=lambda k: stretch[k][1] or 0.0))
            indices.add(max(valued, key=lambda k: stretch[k][1] or 0.0))
        kept += [stretch[k] for k in sorted(indices)]
    return [*kept, points[-1]] if kept[-1] != points[-1] else kept


def line(name: str, points: Sequence[Point], colour: str, **more: Any) -> Json:
    """A step line; a lone point, which is no line, is a dot."""
    drawn = thinned(points)
    style = {"color": colour, "shape": "hv", "width": more.pop("width", 1.4)}
    return {
        "type": "scatter",
        "mode": "lines" if len(drawn) > 1 else "markers",
        "name": name,
        "x": [round(x, 2) for x, _ in drawn],
        "y": [y if y is None else round(y, 4) for _, y in drawn],
        "line": style,
        **more,
    }


def quote_side(market: MarketFigures, k: int) -> list[Point]:
    """Our price on one side where it changes, None while absent; 0 is the bid and 1 the ask.

    An absence shorter than a pixel is bridged: cancel-then-place would leave nothing but dashes.
    """
    start = market.run.market.start_ns
    shortest = market.length_s / PIXELS
    points: list[Point] = []
    for row in market.run.quotes:
        x = (row[0] - start) / NS
        price = row[1 + 2 * k] / 1e4 if row[2 + 2 * k] else None
        before = points[-1][1] if points else None
        if price == before:
            continue
        if price is None:
            # A step needs its end drawn before the gap, or its last price would not be seen.
            points += [(x, before), (x, None)]
            continue
        if before is None and points and x - points[-1][0] < shortest:
            del points[-2:]
        if not points or points[-1][1] != price:
            points.append((x, price))
    if points and points[-1][1] is not None:
        points.append((market.length_s, points[-1][1]))
    return points


def fill_marks(market: MarketFigures, fills: Sequence[FillFigures], name: str, buy: bool) -> Json:
    """Triangles, the larger the more shares; hollow where the fill was inferred."""
    start = market.run.market.start_ns
    symbol, colour = ("triangle-up", "#10b981") if buy else ("triangle-down", "#ef4444")
    largest = max((f.shares for f in fills), default=1.0)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [round((f.fill.exch_ns - start) / NS, 2) for f in fills],
        "y": [f.fill.up_price_e4 / 1e4 for f in fills],
        "text": [
            f"{f.fill.side.name} {f.fill.token.name} {f.shares:,.2f} at {f.fill.price_e4 / 1e4:.4g}"
            f"<br>edge {f.edge:+.3f} $, 5 s markout {f.markouts[2]:+.3f} $"
            f"<br>{f.fill.front_e6 / 1e6:,.0f} shares ahead on joining"
            + ("<br>inferred" if f.fill.inferred else "")
            for f in fills
        ],
        "hovertemplate": "%{x} s, %{text}<extra></extra>",
        "marker": {
            "symbol": [symbol + ("-open" if f.fill.inferred else "") for f in fills],
            "color": colour,
            "size": [round(7 + 7 * math.sqrt(f.shares / largest), 1) for f in fills],
            "line": {"width": 1, "color": "rgba(255,255,255,.8)"},
        },
    }


def price_chart(market: MarketFigures) -> Json:
    """f with quotes and fills above, holdings below, over the seconds of the window."""
    run = market.run
    start, end = run.market.start_ns, run.market.end_ns
    marks: list[Point] = [
        ((ns - start) / NS, f) for ns, f in zip(market.path.times, market.path.values, strict=True)
    ]
    held = [(ns, up / 1e6, down / 1e6) for ns, up, down in run.inventory if ns <= end]
    rows = [(start, 0.0, 0.0), *held, (end, *(held[-1][1:] if held else (0.0, 0.0)))]
    lower: Json = {"yaxis": "y2", "legend": "legend2"}
    stocks = [((ns - start) / NS, up, down) for ns, up, down in rows]
    buys = [f for f in market.fills if f.fill.sign > 0]
    sells = [f for f in market.fills if f.fill.sign < 0]
    traces = [
        line("our ask", quote_side(market, 1), "#f59e0b", width=1),
        line("our bid", quote_side(market, 0), "#3b82f6", width=1),
        line("f (filtered mid)", marks, "#8a94a6", width=1.8),
        fill_marks(market, buys, f"fills that buy Up ({len(buys)})", True),
        fill_marks(market, sells, f"fills that sell Up ({len(sells)})", False),
        line("Up", [(x, up) for x, up, _ in stocks], "#10b981", **lower),
        line("Down", [(x, down) for x, _, down in stocks], "#ef4444", **lower),
        line("Up - Down", [(x, up - down) for x, up, down in stocks], "#a855f7", width=2, **lower),
    ]
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "yanchor": "bottom"}
    span = (end - start) / NS
    return figure(
        traces,
        "seconds since the window's start",
        "price in Up terms, $",
        xaxis={"anchor": "y2", "range": [-span * 0.01, span * 1.01]},
        yaxis={"domain": [0.42, 1]},
        yaxis2={"domain": [0, 0.3], "title": {"text": "held, shares"}},
        legend={**legend, "y": 1.01},
        legend2={**legend, "y": 0.3},
    )
