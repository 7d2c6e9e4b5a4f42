"""Estimates with honest errors: means clustered by window, Wilson intervals, calibration.

Markets that share a window start share their news, so they count as one cluster. Everything here
is a pure function of plain numbers; a missing estimate is NaN, which the report prints as n/a.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

# Two-sided 95 % of the normal distribution, for Wilson intervals and error bars.
Z95 = 1.959963984540054
# A forecast of exactly 0 or 1 that fails would cost an infinite log loss.
PROBABILITY_MIN = 1e-6


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard error; ``se`` is NaN below two clusters."""

    value: float
    se: float
    clusters: int


def clustered_ratio(observations: Iterable[tuple[int, float, float]]) -> Estimate:
    """Estimate sum(y) / sum(w) with a standard error clustered by the first column.

    The linearised ratio estimator (Cochran, Sampling Techniques, 6.19) over cluster sums, with the
    small-sample factor G / (G - 1). With w = 1 it is the clustered error of a mean.

    Args:
        observations: (cluster, y, w), w >= 0.
    """
    sums: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for cluster, y, w in observations:
        sums[cluster].append((y, w))
    ys = [math.fsum(y for y, _ in rows) for rows in sums.values()]
    ws = [math.fsum(w for _, w in rows) for rows in sums.values()]
    weight = math.fsum(ws)
    n = len(sums)
    if weight <= 0.0:
        return Estimate(math.nan, math.nan, n)
    ratio = math.fsum(ys) / weight
    if n < 2:
        return Estimate(ratio, math.nan, n)
    squares = math.fsum((y - ratio * w) ** 2 for y, w in zip(ys, ws, strict=True))
    return Estimate(ratio, math.sqrt(squares * n / (n - 1)) / weight, n)


def clustered_mean(observations: Iterable[tuple[int, float]]) -> Estimate:
    """Estimate a mean with a standard error clustered by the first column."""
    return clustered_ratio((cluster, y, 1.0) for cluster, y in observations)


def cluster_sums(observations: Iterable[tuple[int, float]]) -> list[float]:
    """Sum values by the first column, in its order: markets of one window share their news."""
    sums: dict[int, list[float]] = defaultdict(list)
    for cluster, value in observations:
        sums[cluster].append(value)
    return [math.fsum(found) for _, found in sorted(sums.items())]


def mean(values: Sequence[float]) -> float:
    """Mean; NaN of nothing."""
    return math.fsum(values) / len(values) if values else math.nan


def deviation(values: Sequence[float]) -> float:
    """Sample standard deviation (n - 1); NaN below two values."""
    if len(values) < 2:
        return math.nan
    centre = mean(values)
    return math.sqrt(math.fsum((v - centre) ** 2 for v in values) / (len(values) - 1))


def sharpe(values: Sequence[float]) -> float:
    """Mean over standard deviation, per observation, never annualised; NaN without spread."""
    spread = deviation(values)
    return mean(values) / spread if spread > 0.0 else math.nan


def moments(values: Sequence[float]) -> tuple[float, float]:
    """Skewness and kurtosis (3 for a normal distribution); NaN without spread."""
    centre = mean(values)
    second = mean([(v - centre) ** 2 for v in values])
    if not second > 0.0:
        return math.nan, math.nan
    third = mean([(v - centre) ** 3 for v in values])
    fourth = mean([(v - centre) ** 4 for v in values])
    return third / second**1.5, fourth / second**2


def probabilistic_sharpe(
    sharpe: float, n: int, skewness: float, kurtosis: float, *, against: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio is above ``against``.

    Args:
        sharpe: Per observation, never annualised.
        n: Observations.
        kurtosis: 3 for a normal distribution.
    """
    variance = 1.0 - skewness * sharpe + (kurtosis - 1.0) / 4.0 * sharpe * sharpe
    if n < 2 or not variance > 0.0:
        return math.nan
    return NormalDist().cdf((sharpe - against) * math.sqrt((n - 1) / variance))


def wilson(successes: int, n: int, z: float = Z95) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927); (0, 1) for n = 0."""
    if n == 0:
        return 0.0, 1.0
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def brier(forecasts: Sequence[float], outcomes: Sequence[float]) -> float:
    """Mean squared error of probabilities; NaN of nothing."""
    return mean([(p - y) ** 2 for p, y in zip(forecasts, outcomes, strict=True)])


def log_loss(forecasts: Sequence[float], outcomes: Sequence[float]) -> float:
    """Mean of -ln(probability given to what happened), clipped at PROBABILITY_MIN."""
    losses = []
    for p, y in zip(forecasts, outcomes, strict=True):
        p = min(max(p, PROBABILITY_MIN), 1.0 - PROBABILITY_MIN)
        losses.append(-(y * math.log(p) + (1.0 - y) * math.log(1.0 - p)))
    return mean(losses)


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Forecasts within [low, low + 0.1): how often Up came, with its 95 % Wilson interval."""

    low: float
    n: int
    forecast: float
    frequency: float
    wilson_low: float
    wilson_high: float


def reliability(forecasts: Sequence[float], outcomes: Sequence[float]) -> list[ReliabilityBin]:
    """Ten bins of width 0.1, empty ones left out; 1.0 belongs to the last."""
    bins: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for p, y in zip(forecasts, outcomes, strict=True):
        # 1e-9: a price such as 0.3 must not fall below its own edge for being binary.
        bins[min(int(p * 10 + 1e-9), 9)].append((p, y))
    rows = []
    for i in sorted(bins):
        ys = [y for _, y in bins[i]]
        low, high = wilson(round(sum(ys)), len(ys))
        rows.append(
            ReliabilityBin(i / 10, len(ys), mean([p for p, _ in bins[i]]), mean(ys), low, high)
        )
    return rows


def skill(score: float, reference: float) -> float:
    """Share of the reference's loss that is gone: 1 - score / reference; NaN for reference 0."""
    return 1.0 - score / reference if reference > 0.0 else math.nan
