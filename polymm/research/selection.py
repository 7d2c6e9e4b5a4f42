"""What a choice among many trials is worth: deflated Sharpe ratio, overfitting by CSCV.

STRATEGY 6; Bailey and López de Prado, The Deflated Sharpe Ratio (2014), and Bailey, Borwein, López
de Prado and Zhu, The Probability of Backtest Overfitting (2015). A missing figure is NaN.
"""

import math
from collections.abc import Sequence
from itertools import combinations, islice
from statistics import NormalDist
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from polymm.errors import InputError
from polymm.research.estimates import probabilistic_sharpe

EULER_GAMMA: Final = 0.5772156649015329
BLOCKS: Final = 16
# Splits that are looked at together: bounds the memory of a search with many trials.
SPLITS_AT_ONCE: Final = 512


def expected_sharpe_max(trials_n: int, trials_sd: float) -> float:
    """Sharpe ratio that the best of so many trials without any skill is expected to show.

    Args:
        trials_sd: Standard deviation of the trials' Sharpe ratios.
    """
    if trials_n < 2:
        return 0.0
    quantile = NormalDist().inv_cdf
    return trials_sd * (
        (1.0 - EULER_GAMMA) * quantile(1.0 - 1.0 / trials_n)
        + EULER_GAMMA * quantile(1.0 - 1.0 / (trials_n * math.e))
    )


def deflated_sharpe(
    sharpe: float,
    n: int,
    skewness: float,
    kurtosis: float,
    *,
    trials_n: int,
    trials_sd: float,
) -> float:
    """Probability that the best trial's true Sharpe ratio beats that of luck among all trials."""
    luck = expected_sharpe_max(trials_n, trials_sd)
    return probabilistic_sharpe(sharpe, n, skewness, kurtosis, against=luck)


def overfitting(
    values: NDArray[np.float64],
    blocks: int = BLOCKS,
    *,
    starts_ns: Sequence[int] | None = None,
    sd_weight: float = 0.0,
) -> float:
    """Probability that the best trial of one half of the time is below the median in the other.

    Combinatorially symmetric cross-validation: time is cut into blocks, each half of them is once
    what trials are chosen by. Equal trials share their rank, so that a search which changes nothing
    answers 1.

    Args:
        values: (n, trials), what each trial made in each market, in order of time.
        blocks: Even; STRATEGY 6 asks for 10 to 16.
        starts_ns: (n,), when the window of each market begins: markets of one window share their
            news, and fall into one block. Without it each market is a window of its own.
        sd_weight: A trial is judged by mean - sd_weight * standard deviation.

    Raises:
        InputError: ``blocks`` is odd or below 2.
    """
    if blocks < 2 or blocks % 2:
        raise InputError(f"blocks must be even and at least 2, was {blocks}")
    markets, trials = values.shape
    _, window, counts = np.unique(
        np.arange(markets) if starts_ns is None else np.asarray(starts_ns),
        return_inverse=True,
        return_counts=True,
    )
    if len(counts) < 2 * blocks or trials < 2:
        return math.nan
    # A common offset changes no rank and costs digits of the variance.
    centred = (values - values.mean())[np.argsort(window, kind="stable")]
    held = [part.sum() for part in np.array_split(counts, blocks)]
    parts = np.split(centred, np.cumsum(held)[:-1])
    sums = np.array([part.sum(axis=0) for part in parts])
    squares = np.array([(part * part).sum(axis=0) for part in parts])
    sizes = np.array([len(part) for part in parts])
    splits = combinations(range(blocks), blocks // 2)
    low = total = 0
    while chosen := list(islice(splits, SPLITS_AT_ONCE)):
        inside = np.array(chosen)
        outside = np.array([[k for k in range(blocks) if k not in split] for split in chosen])
        own = _scores(sums, squares, sizes, inside, sd_weight)
        other = _scores(sums, squares, sizes, outside, sd_weight)
        best = np.argmax(own, axis=1)
        mark = np.take_along_axis(other, best[:, None], axis=1)
        rank = (other < mark).sum(axis=1) + 0.5 * ((other == mark).sum(axis=1) + 1)
        low += int(np.count_nonzero(rank / (trials + 1) <= 0.5))
        total += len(chosen)
    return low / total


def _scores(
    sums: NDArray[Any],
    squares: NDArray[Any],
    sizes: NDArray[Any],
    chosen: NDArray[Any],
    sd_weight: float,
) -> NDArray[Any]:
    """(splits, trials): the score of each trial over the chosen blocks of each split."""
    count = sizes[chosen].sum(axis=1)[:, None]
    means = sums[chosen].sum(axis=1) / count
    if not sd_weight:
        return np.asarray(means)
    spread = np.maximum(squares[chosen].sum(axis=1) - count * means * means, 0.0) / (count - 1)
    return np.asarray(means - sd_weight * np.sqrt(spread))
