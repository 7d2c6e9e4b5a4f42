"""Figures of many markets cut by something: time left, price, quote age, queue, forecast.

Pure functions over measured markets, shared by the summary and the charts.
"""

import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from polymm.domain.market import NS
from polymm.research.analytics import HORIZONS, FillFigures, MarketFigures
from polymm.research.estimates import Estimate, clustered_ratio

# Seconds left, upper edges of the buckets; f of a forecast is read on entering a bucket.
TAU_EDGES_S = (15, 30, 60, 120, 300, 900)
TAU_NAMES = ("0-15", "15-30", "30-60", "60-120", "120-300", "300-900", "over 900")
AGE_EDGES_S = (0.25, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
AGE_NAMES = ("0-.25", ".25-.5", ".5-1", "1-2", "2-5", "5-15", "15-60", "over 60")
QUEUE_EDGES = (1, 50, 100, 200, 400, 800)
QUEUE_NAMES = ("0-1", "1-50", "50-100", "100-200", "200-400", "400-800", "over 800")
FIVE_SECONDS = HORIZONS.index("5 s")

Priced = tuple[MarketFigures, FillFigures]


def all_fills(markets: Sequence[MarketFigures]) -> Iterator[Priced]:
    """Yield every fill with its market."""
    for market in markets:
        for fill in market.fills:
            yield market, fill


def scope(figures: Sequence[MarketFigures]) -> tuple[str, list[MarketFigures]]:
    """The markets that fills are cut over: the settled ones, or else those marked at the last f."""
    for status in ("settled", "unsettled"):
        chosen = [m for m in figures if m.run.status == status and m.fills]
        if chosen:
            return status, chosen
    return "settled", []


def cents_per_share(rows: Sequence[tuple[int, float, float]]) -> Estimate:
    """Dollars over shares in cents, clustered; rows of (cluster, dollars, shares), NaN left out."""
    return clustered_ratio((c, 100.0 * y, w) for c, y, w in rows if math.isfinite(y))


def markout_curve(markets: Sequence[MarketFigures]) -> list[Estimate]:
    """Markouts in cents per share, in the order of HORIZONS."""
    fills = list(all_fills(markets))
    return [
        cents_per_share([(m.cluster, f.markouts[k], f.shares) for m, f in fills])
        for k in range(len(HORIZONS))
    ]


@dataclass(frozen=True, slots=True)
class Cell:
    """Fills with one range of time left and one tenth of price."""

    tau: int
    price: int
    fills: int
    shares: float
    edge_cents: float
    markout_cents: float


def edge_grid(markets: Sequence[MarketFigures]) -> list[Cell]:
    """Edge and 5 s markout per share by time left and price; empty cells left out."""
    cells: dict[tuple[int, int], list[FillFigures]] = defaultdict(list)
    for _, fill in all_fills(markets):
        tau = bisect_right(TAU_EDGES_S, max(fill.tau_s, 0.0))
        cells[tau, min(fill.fill.up_price_e4 // 1000, 9)].append(fill)
    grid = []
    for (tau, price), fills in sorted(cells.items()):
        shares = math.fsum(f.shares for f in fills)
        edge = math.fsum(f.edge for f in fills)
        markout = math.fsum(f.markouts[FIVE_SECONDS] for f in fills)
        grid.append(
            Cell(tau, price, len(fills), shares, 100 * edge / shares, 100 * markout / shares)
        )
    return grid


def markout_by_age(markets: Sequence[MarketFigures]) -> list[tuple[str, int, Estimate]]:
    """(age of the quote in s, fills, 5 s markout in c per share), empty bins left out."""
    bins: dict[int, list[tuple[int, float, float]]] = defaultdict(list)
    for market, fill in all_fills(markets):
        if math.isfinite(fill.age_s):
            row = (market.cluster, fill.markouts[FIVE_SECONDS], fill.shares)
            bins[bisect_right(AGE_EDGES_S, fill.age_s)].append(row)
    return [(AGE_NAMES[k], len(rows), cents_per_share(rows)) for k, rows in sorted(bins.items())]


def fill_ratio_by_queue(markets: Sequence[MarketFigures]) -> list[tuple[str, int, float]]:
    """(shares ahead on joining, orders, filled/placed), empty bins left out."""
    bins: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for market in markets:
        for front_e6, size_e6, filled_e6 in market.run.order_queue:
            bins[bisect_right(QUEUE_EDGES, front_e6 / 1e6)].append((size_e6, filled_e6))
    return [
        (QUEUE_NAMES[k], len(rows), sum(f for _, f in rows) / sum(s for s, _ in rows))
        for k, rows in sorted(bins.items())
    ]


def forecasts(markets: Sequence[MarketFigures]) -> list[tuple[int, float, float]]:
    """(seconds left, f, payout): one observation per settled market and bucket of time left."""
    rows = []
    for market in markets:
        payout = market.run.payout_up
        if market.run.status != "settled" or payout is None:
            continue
        end_ns = market.run.market.end_ns
        for tau in TAU_EDGES_S:
            f = market.path.at(end_ns - tau * NS)
            if tau <= market.length_s and math.isfinite(f):
                rows.append((tau, f, payout))
    return rows


def net_bands(
    markets: Sequence[MarketFigures], points: int = 61
) -> list[tuple[float, float, float, float]]:
    """(share of the window gone, p10, median, p90 of UP - DOWN in shares) over the markets."""
    rows: list[list[float]] = [[] for _ in range(points)]
    for market in markets:
        start, end = market.run.market.start_ns, market.run.market.end_ns
        times = [ns for ns, _, _ in market.run.inventory]
        for k in range(points):
            i = bisect_right(times, start + (end - start) * k // (points - 1)) - 1
            step = market.run.inventory[i] if i >= 0 else (0, 0, 0)
            rows[k].append((step[1] - step[2]) / 1e6)
    bands = []
    for k, values in enumerate(rows):
        values.sort()
        if values:
            low, middle, high = (quantile(values, q) for q in (0.1, 0.5, 0.9))
            bands.append((k / (points - 1), low, middle, high))
    return bands


def quantile(ordered: Sequence[float], q: float) -> float:
    """Quantile of sorted values, linear between them."""
    position = q * (len(ordered) - 1)
    i = int(position)
    j = min(i + 1, len(ordered) - 1)
    return ordered[i] + (ordered[j] - ordered[i]) * (position - i)


def time_shares(markets: Sequence[MarketFigures]) -> dict[str, float]:
    """Seconds inside the windows by what of ours was live, and how long the book allowed it."""
    both = math.fsum(m.two_sided_s for m in markets)
    one = math.fsum(m.one_sided_s for m in markets)
    length = math.fsum(m.length_s for m in markets)
    return {"two_sided": both, "one_sided": one, "none": length - both - one, "length": length}
