"""The reference price of a synthetic market, and what it implies at every moment.

The true probability of Up is the conditional one given the price so far and the path of
volatility (which is drawn apart from the price), so it is a martingale and ends at the outcome.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from polymm.domain.market import NS
from polymm.exchange.flow_settings import FlowSettings

YEAR_S = 31_536_000
PRICE_START = 100_000.0


@dataclass(frozen=True, slots=True)
class Reference:
    """Reference price and true probability of Up by venue time.

    Args:
        start_ns: Window start.
        step_ns: Step of both sequences; between steps the last value holds.
        prices: Price at each step from the window's start to its end, dollars.
        fairs: Probability of Up at each step; the last one is the outcome, 0 or 1.
        price_to_beat: What the final price is compared with.
        price_final: The price that settles.
    """

    start_ns: int
    step_ns: int
    prices: list[float]
    fairs: list[float]
    price_to_beat: float
    price_final: float

    @property
    def outcome(self) -> Literal["up", "down"]:
        """The winner; a tie is Up."""
        return "up" if self.price_final >= self.price_to_beat else "down"

    @property
    def end_ns(self) -> int:
        """Window end."""
        return self.start_ns + (len(self.fairs) - 1) * self.step_ns

    def price_at(self, ns: int) -> float:
        """Reference price at a time; before the start the first, after the end the last."""
        return self.prices[self._index(ns)]

    def fair_at(self, ns: int) -> float:
        """True probability of Up at a time, clamped to the window as ``price_at``."""
        return self.fairs[self._index(ns)]

    def _index(self, ns: int) -> int:
        return min(max((ns - self.start_ns) // self.step_ns, 0), len(self.fairs) - 1)


def draw_reference(rng: np.random.Generator, start_ns: int, settings: FlowSettings) -> Reference:
    """Draw one path of the reference price and settle it by the rule of ``settings``.

    Args:
        rng: Source of all its randomness.
        start_ns: Window start; the path begins one look-back before it.
        settings: ``window_s``, ``lookback_s``, ``settlement``, ``step_ms`` and the ``vol_`` ones.
    """
    per_s = 1000 // settings.step_ms
    average = settings.lookback_s * per_s if settings.settlement == "twap" else 1
    steps = settings.window_s * per_s
    deviations = _step_deviations(rng, settings, steps + average)
    returns = deviations * rng.standard_normal(steps + average)
    log_prices = np.concatenate(([0.0], np.cumsum(returns))) + math.log(PRICE_START)
    prices = np.exp(log_prices)
    # Averages hold the samples after their own start: K ends with the price at the start.
    price_to_beat = float(prices[1 : average + 1].mean())
    price_final = float(prices[-average:].mean())
    fairs = fair_path(
        log_prices[average:], math.log(price_to_beat), deviations[average:] ** 2, average
    )
    fairs[-1] = float(price_final >= price_to_beat)
    return Reference(
        start_ns=start_ns,
        step_ns=NS // per_s,
        prices=prices[average:].tolist(),
        fairs=fairs,
        price_to_beat=price_to_beat,
        price_final=price_final,
    )


def _step_deviations(
    rng: np.random.Generator, settings: FlowSettings, steps: int
) -> NDArray[np.float64]:
    """Standard deviation of each step's log return: its log is an AR(1) by the second."""
    per_s = 1000 // settings.step_ms
    seconds = -(-steps // per_s)
    shocks = rng.standard_normal(seconds).tolist()
    keep = math.exp(-1.0 / settings.vol_memory_s)
    log_ratios = shocks[:1]
    for shock in shocks[1:]:
        log_ratios.append(keep * log_ratios[-1] + math.sqrt(1.0 - keep * keep) * shock)
    # The second term keeps the mean variance at vol_annual ** 2.
    spread = settings.vol_of_vol
    ratios = np.exp(spread * np.array(log_ratios) - spread * spread)
    per_step = settings.vol_annual / math.sqrt(YEAR_S * per_s)
    return np.repeat(per_step * ratios, per_s)[:steps]


def fair_path(
    log_prices: NDArray[np.float64],
    log_strike: float,
    variances: NDArray[np.float64],
    average: int,
) -> list[float]:
    """Probability of Up at each step: that the final log average is at least the strike's.

    Args:
        log_prices: (n + 1,) float64, log of the price from the window's start to its end.
        log_strike: Log of the price to beat.
        variances: (n,) float64, variance of each step's log return, known in advance.
        average: Samples in the final average, 1 for the point rule.

    Returns:
        n + 1 probabilities. With constant volatility they are, up to the step, the closed form
        of continuous time, whose variance is the integral of the squared weights summed here.
    """
    n = len(variances)
    # A step's return counts in as many samples of the final average as come after it.
    samples_left = np.minimum(average, n - np.arange(n + 1))
    weights = samples_left[:-1] / average
    variance_left = np.append(np.cumsum((variances * weights**2)[::-1])[::-1], 0.0)
    in_average = np.where(np.arange(n + 1) > n - average, log_prices - log_strike, 0.0)
    known = np.cumsum(in_average)
    means = (known + samples_left * (log_prices - log_strike)) / average
    return [_probability(m, v) for m, v in zip(means.tolist(), variance_left.tolist(), strict=True)]


def _probability(mean: float, variance: float) -> float:
    """Probability that a normal value is at least 0."""
    if variance <= 0.0:
        return 1.0 if mean >= 0.0 else 0.0
    return 0.5 * math.erfc(-mean / math.sqrt(2.0 * variance))
