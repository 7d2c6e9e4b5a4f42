"""Runs side by side: the band over queue models and fill forms, and the difference of two runs.

A difference is taken market by market over the markets both runs settled, so what the market did
cancels out; its error is clustered by window start.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from polymm.research.analytics import HORIZONS, MarketFigures, measure_run
from polymm.research.estimates import clustered_mean, deviation
from polymm.research.records import Run

Json = dict[str, Any]
FIVE_SECONDS = HORIZONS.index("5 s")

# What a band is drawn over, and where the figure stands in a run's summary.
BAND: tuple[tuple[str, Callable[[Json], Any]], ...] = (
    ("fills", lambda s: s["settled"].get("fills")),
    ("fill_ratio", lambda s: s["quoting"]["fill_ratio"]),
    ("edge_cents_per_share", lambda s: s["settled"].get("edge", {}).get("cents_per_share")),
    ("pnl_e6", lambda s: s["settled"].get("pnl_e6")),
    ("rebate_paid_e6", lambda s: s["settled"].get("rebate_paid_e6")),
    ("pnl_per_market", lambda s: s["settled"].get("per_market", {}).get("mean")),
)


def label(run: Run | Json) -> str:
    """Name a run by what sets it apart: queue model and fill form."""
    if isinstance(run, Run):
        return f"{run.queue}, {run.fill_form}"
    return f"{run['queue']}, {run['fill_form']}"


def band(summaries: Sequence[Json]) -> Json:
    """Lowest and highest of each figure over the runs; figures that no run knows are left out."""
    rows: Json = {}
    for name, read in BAND:
        values = [read(summary) for summary in summaries]
        known = [v for v in values if v is not None and math.isfinite(v)]
        if known:
            rows[name] = {
                "low": min(known),
                "high": max(known),
                "runs": {label(s): v for s, v in zip(summaries, values, strict=True)},
            }
    return rows


def markout_and_rebate(market: MarketFigures) -> float:
    """5 s markout of a market's fills plus its rebate, dollars."""
    return math.fsum(f.markouts[FIVE_SECONDS] for f in market.fills) + market.run.rebate_e6 / 1e6


# The first two lead: they are far less noisy than what settlement pays.
COMPARED: tuple[tuple[str, Callable[[MarketFigures], float]], ...] = (
    ("edge_and_rebate", lambda m: m.edge + m.run.rebate_e6 / 1e6),
    ("markout_5s_and_rebate", markout_and_rebate),
    ("inventory_pnl", lambda m: m.inventory_pnl),
    ("pnl_before_rebates", lambda m: m.pnl),
    ("shares", lambda m: sum(f.fill.size_e6 for f in m.fills) / 1e6),
    ("net_abs_mean", lambda m: m.inventory.net_abs_mean),
    ("net_abs_max", lambda m: m.inventory.net_abs_max),
    ("uptime", lambda m: m.two_sided_s / m.length_s),
)


def compare(a: Run, b: Run) -> Json:
    """Compare two runs over the markets that both settled with fills known: b minus a.

    Returns:
        ``markets`` and ``clusters`` compared, and per figure the two means a market, the spread
        (standard deviation) of each, the mean difference, its clustered error and t.
    """
    left = _comparable(a)
    right = _comparable(b)
    shared = [key for key in left if key in right]
    rows: Json = {}
    for name, read in COMPARED:
        ours = [(left[key].cluster, read(left[key]), read(right[key])) for key in shared]
        difference = clustered_mean((cluster, y - x) for cluster, x, y in ours)
        means = [clustered_mean((row[0], row[k]) for row in ours).value for k in (1, 2)]
        rows[name] = {
            "a": means[0],
            "b": means[1],
            "a_sd": deviation([x for _, x, _ in ours]),
            "b_sd": deviation([y for _, _, y in ours]),
            "difference": difference.value,
            "se": difference.se,
            "t": difference.value / difference.se if difference.se > 0.0 else math.nan,
        }
    return {
        "a": label(a),
        "b": label(b),
        "markets": len(shared),
        "markets_left_out": len(a.markets) + len(b.markets) - 2 * len(shared),
        "clusters": len({left[key].cluster for key in shared}),
        "per_market": rows,
    }


def _comparable(run: Run) -> dict[tuple[str, str], MarketFigures]:
    figures = measure_run(run)
    return {m.key: m for m in figures if m.run.status == "settled" and m.fills_known}
