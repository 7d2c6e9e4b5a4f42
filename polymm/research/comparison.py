"""Runs side by side: the band over queue models and fill forms, and the difference of two runs.

A difference is taken market by market over the markets both runs settled, so what the market did
cancels out; its error is clustered by window start.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

from polymm.research.estimates import clustered_mean, deviation
from polymm.research.records import Run

Json = dict[str, Any]

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
    """Name a run by what sets it apart: queue model, fill form, and latencies under stress."""
    queue, form, stress = (
        (run.queue, run.fill_form, run.stress)
        if isinstance(run, Run)
        else (run["queue"], run["fill_form"], run["stress"])
    )
    return f"{queue}, {form}" + ("" if stress == 1.0 else f", latency x{stress:g}")


def band(summaries: Sequence[Json]) -> Json:
    """Lowest and highest of each figure over the runs; figures that no run knows are left out.

    A run under stress is no other model of the same thing, and stands beside the band.
    """
    models = [summary for summary in summaries if summary["stress"] == 1.0]
    rows: Json = {}
    for name, read in BAND:
        values = [read(summary) for summary in models]
        known = [v for v in values if v is not None and math.isfinite(v)]
        if known:
            rows[name] = {
                "low": min(known),
                "high": max(known),
                "runs": {label(s): v for s, v in zip(models, values, strict=True)},
            }
    return rows


# Figure of a market, its unit, and where it stands in the market's row of a summary. The first two
# lead: they are far less noisy than what settlement pays.
COMPARED: tuple[tuple[str, str, Callable[[Json], float | None]], ...] = (
    ("edge_and_rebate", "$", lambda m: m["edge"] + m["rebate_e6"] / 1e6),
    ("markout_5s_and_rebate", "$", lambda m: m["markout_5s"] + m["rebate_e6"] / 1e6),
    ("inventory_pnl", "$", lambda m: m["inventory_pnl"]),
    ("pnl_before_rebates", "$", lambda m: m["pnl"]),
    ("shares", "shares", lambda m: m["shares_e6"] / 1e6),
    ("net_abs_mean", "shares", lambda m: m["net_abs_mean"]),
    ("net_abs_max", "shares", lambda m: m["net_abs_max"]),
    ("uptime", "share", lambda m: m["uptime"]),
)


def compare(a: Json, b: Json) -> Json:
    """Compare two runs over the markets that both settled with fills known: b minus a.

    Args:
        a, b: Runs of a summary.

    Returns:
        ``markets`` and ``clusters`` compared; per figure the two means a market, the spread
        (standard deviation) of each, the mean difference, its clustered error and t; and
        ``differences``, one row a market.
    """
    left, right = _comparable(a), _comparable(b)
    shared = sorted(
        (key for key in left if key in right), key=lambda key: (left[key]["start"], key)
    )
    # Windows that start together share what happened, and their errors.
    numbers = {start: n for n, start in enumerate(sorted({left[key]["start"] for key in shared}))}
    clusters = [numbers[left[key]["start"]] for key in shared]
    rows: Json = {}
    differences: list[Json] = [
        {"slug": left[key]["slug"], "start": left[key]["start"]} for key in shared
    ]
    for name, unit, read in COMPARED:
        ours = [_known(read(left[key])) for key in shared]
        theirs = [_known(read(right[key])) for key in shared]
        gaps = [y - x for x, y in zip(ours, theirs, strict=True)]
        difference = clustered_mean(zip(clusters, gaps, strict=True))
        rows[name] = {
            "unit": unit,
            "a": clustered_mean(zip(clusters, ours, strict=True)).value,
            "b": clustered_mean(zip(clusters, theirs, strict=True)).value,
            "a_sd": deviation(ours),
            "b_sd": deviation(theirs),
            "difference": difference.value,
            "se": difference.se,
            "t": difference.value / difference.se if difference.se > 0.0 else math.nan,
        }
        for row, gap in zip(differences, gaps, strict=True):
            row[name] = gap
    return {
        "a": label(a),
        "b": label(b),
        "markets": len(shared),
        "markets_left_out": len(a["markets"]) + len(b["markets"]) - 2 * len(shared),
        "clusters": len(set(clusters)),
        "per_market": rows,
        "differences": differences,
    }


def _comparable(run: Json) -> dict[tuple[str, str], Json]:
    """Rows of the settled markets whose fills are known, by what makes it the same market."""
    return {
        _key(market): market
        for market in run["markets"]
        if market["status"] == "settled" and "fills" in market
    }


def _key(market: Json) -> tuple[str, str]:
    # The venue's own id holds for a recording and for the run that was recorded alike.
    condition_id = market["condition_id"]
    return (condition_id, "") if condition_id else (market["slug"], market["source"])


def _known(value: float | None) -> float:
    return math.nan if value is None else value
