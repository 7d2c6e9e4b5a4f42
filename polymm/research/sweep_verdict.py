"""What a search found, and whether to believe it: walk-forward, overfitting, untouched windows.

Trial 0 is the configuration as it stands. A set is called better only if untouched windows say so
and nothing of the search speaks against it; otherwise the search found no edge, and why.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from polymm.research.estimates import (
    Estimate,
    cluster_sums,
    clustered_mean,
    deviation,
    moments,
    sharpe,
)
from polymm.research.selection import deflated_sharpe, expected_sharpe_max, overfitting
from polymm.research.sweep_figures import Objective, TrialFigures, best_of, ranked
from polymm.research.sweep_space import Point, distinct
from polymm.research.sweep_split import Split

PBO_MAX: Final = 0.2
DSR_MIN: Final = 0.95
T_MIN: Final = 3.0
# Below so many untouched window starts a t of 3 is nothing rare.
STARTS_MIN: Final = 10
# Blocks of the cross-validation: as many as STRATEGY 6 has at most, fewer where windows are few.
BLOCKS: Final = (16, 14, 12, 10)
WINDOWS_A_BLOCK: Final = 4

Json = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the research windows say.

    Args:
        best: Number of the chosen trial.
        sharpe: Of what the best makes over the default, per window.
        sharpe_luck: What the best of as many trials without skill would show.
        dsr, pbo: Deflated Sharpe ratio of that, probability of overfitting; NaN where unknown.
        walk: Best of each train over the default, on the test after it.
        walk_chosen: Trial chosen in each fold.
    """

    best: int
    sharpe: float
    sharpe_luck: float
    dsr: float
    pbo: float
    walk: Estimate
    walk_chosen: tuple[int, ...]


def judge_search(
    trials: Sequence[TrialFigures],
    starts_ns: Sequence[int],
    split: Split,
    objective: Objective,
    *,
    points: Sequence[Point] | None = None,
) -> Found:
    """Choose a trial by the research windows, and say what the choice is worth.

    Args:
        trials: By number, over the research windows.
        starts_ns: Of those windows.
        points: Of the trials: one that was tried before is no second try of luck. Without, no two
            are the same.
    """
    best = best_of(trials)
    tried = range(len(trials)) if points is None else distinct(points)
    # Coins of a window share their news: twice the markets are no more windows.
    over = [
        cluster_sums(zip(starts_ns, _over(one.values, trials[0].values), strict=True))
        for one in trials
    ]
    sharpes = [sharpe(values) for values in over]
    known = [sharpes[k] for k in tried if k and math.isfinite(sharpes[k])]
    spread = deviation(known)
    trials_sd = spread if math.isfinite(spread) else 0.0
    skewness, kurtosis = moments(over[best])
    dsr = deflated_sharpe(
        sharpes[best], len(over[best]), skewness, kurtosis,
        trials_n=len(known), trials_sd=trials_sd,
    )  # fmt: skip
    allowed = [trials[k].values for k in tried if trials[k].is_allowed]
    walk, walk_chosen = _walk_forward(trials, starts_ns, split, objective)
    return Found(
        best=best,
        sharpe=sharpes[best],
        sharpe_luck=expected_sharpe_max(len(known), trials_sd),
        dsr=dsr,
        pbo=_pbo(allowed, starts_ns, objective),
        walk=walk,
        walk_chosen=walk_chosen,
    )


def _over(values: Sequence[float], others: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(values, others, strict=True)]


def _pbo(
    values: Sequence[Sequence[float]], starts_ns: Sequence[int], objective: Objective
) -> float:
    if len(values) < 2:
        return math.nan
    windows = len(set(starts_ns))
    blocks = next((n for n in BLOCKS if windows >= n * WINDOWS_A_BLOCK), 0)
    if not blocks:
        return math.nan
    return overfitting(
        np.array(values).T, blocks, starts_ns=starts_ns, sd_weight=objective.risk_aversion
    )


def _walk_forward(
    trials: Sequence[TrialFigures], starts_ns: Sequence[int], split: Split, objective: Objective
) -> tuple[Estimate, tuple[int, ...]]:
    """Choose by each train among the trials within the limits; the test says what it was worth."""
    place = {window: k for k, window in enumerate(split.research)}
    numbers = [k for k, one in enumerate(trials) if one.is_allowed] or [0]
    observations, chosen = [], []
    for fold in split.folds:
        train = [place[window] for window in fold.train]
        scores = {
            k: ranked([trials[k].values[i] for i in train], objective.risk_aversion)
            for k in numbers
        }
        best = max(numbers, key=lambda k: (scores[k], -k))
        chosen.append(best)
        for window in fold.test:
            i = place[window]
            observations.append((starts_ns[i], trials[best].values[i] - trials[0].values[i]))
    return clustered_mean(observations), tuple(chosen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What untouched windows say of the chosen trial.

    Args:
        own: Its mean a window.
        over: Its mean over the default's.
        doubts: Why it is not to be believed, one sentence each; none where it is.
    """

    own: Estimate
    over: Estimate
    doubts: tuple[str, ...]
    touches: int

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        where = "untouched windows" if self.touches == 1 else f"windows looked at {self.touches} x"
        if self.doubts:
            return f"found no edge: {'; '.join(self.doubts)}"
        return (
            f"better than the default on {where}: {self.over.value:+.4f} $ a window,"
            f" t = {t_of(self.over):.2f}"
        )


def judge_holdout(
    found: Found,
    best: TrialFigures,
    default: TrialFigures,
    starts_ns: Sequence[int],
    *,
    touches: int,
) -> Verdict:
    """Judge the chosen trial by the untouched windows.

    Args:
        best, default: Over those windows.
        touches: How often they have been looked at, this time included.
    """
    own = clustered_mean(zip(starts_ns, best.values, strict=True))
    over = clustered_mean(zip(starts_ns, _over(best.values, default.values), strict=True))
    doubts = []
    if not found.best:
        doubts.append("no trial is better than the default on the windows it was searched on")
    elif not t_of(over) >= T_MIN:
        doubts.append(
            f"over the default it makes {over.value:+.4f} $ a window on untouched windows,"
            f" {_too_small(over)}"
        )
    if not t_of(own) >= T_MIN:
        doubts.append(f"by itself it makes {own.value:+.4f} $ a window there, {_too_small(own)}")
    if own.clusters < STARTS_MIN:
        doubts.append(
            f"only {own.clusters} untouched window starts, {STARTS_MIN} are the least that can tell"
        )
    if found.best and math.isnan(found.pbo):
        doubts.append("too few windows or trials to tell the probability of overfitting")
    if found.pbo > PBO_MAX:
        doubts.append(f"probability of overfitting {found.pbo:.2f}, above {PBO_MAX:g}")
    # Where values matter, trials differ by more than luck, and this ratio asks too much: windows
    # that are untouched need no correction for the trials before them. Others do.
    if found.best and touches > 1 and not found.dsr >= DSR_MIN:
        doubts.append(
            f"the windows that judge were looked at {touches} times, and the deflated Sharpe ratio"
            f" is {found.dsr:.2f}, below {DSR_MIN:g}"
        )
    doubts += [
        f"{name} is {at:g} on untouched windows, allowed {limit:g}"
        for name, (at, limit) in best.beyond.items()
    ]
    return Verdict(own=own, over=over, doubts=tuple(doubts), touches=touches)


def _too_small(estimate: Estimate) -> str:
    t = t_of(estimate)
    return f"t unknown, {T_MIN:g} is asked" if math.isnan(t) else f"t = {t:.2f}, below {T_MIN:g}"


def t_of(estimate: Estimate) -> float:
    """Value over its standard error; NaN without one."""
    return estimate.value / estimate.se if estimate.se > 0.0 else math.nan
