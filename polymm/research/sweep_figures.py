"""What a trial is worth over some windows: objective and constraints of STRATEGY 6.

Pure functions over scores in the order of the windows, summed by `math.fsum`: the same numbers
whoever computed them and in whatever order they came.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from polymm.domain.market import NS
from polymm.research.estimates import deviation, mean, sharpe
from polymm.research.summary import REBATE_PAYOUT_MIN_E6
from polymm.research.sweep_unit import WindowScore

DAY_NS: Final = 86_400 * NS
# Of the windows so many stay below the net position that is constrained.
NET_SHARE: Final = 0.95
# What a search is told of a trial beyond a limit: worse than any within, and worse the further, but
# never worse than twice this.
BEYOND: Final = -1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What trials are ranked by: mean - risk_aversion * standard deviation, dollars a window.

    Args:
        net_p95_max: Most shares |UP - DOWN| that 95 % of the windows may reach; None for any.
        worst_day_min: Least PnL of a UTC day, rebates included, dollars; None for any.
        uptime_min: Least mean share of a window with both sides live; None for any.
    """

    risk_aversion: float = 0.1
    net_p95_max: float | None = None
    worst_day_min: float | None = None
    uptime_min: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFigures:
    """A trial over some windows; dollars and shares.

    Args:
        values: Gain and rebate a window.
        failed: Cycles in which a user's quoter failed, of all windows.
        score: By the objective, whatever the limits say.
        beyond: Limits that it breaks, by name: found and allowed.
    """

    values: tuple[float, ...]
    score: float
    sharpe: float
    net_p95: float
    worst_day: float
    uptime: float
    pnl: float
    fills: float
    shares: float
    failed: int
    beyond: dict[str, tuple[float, float]]

    @property
    def is_allowed(self) -> bool:
        """Whether it keeps all limits."""
        return not self.beyond

    def told(self) -> float:
        """What a search is told of it."""
        if self.is_allowed:
            return self.score
        # In shares of the limit; of a limit of 0 in its own unit.
        far = math.fsum(
            abs(found - limit) / (abs(limit) or 1.0) for found, limit in self.beyond.values()
        )
        return BEYOND * (1.0 + far / (1.0 + far))

    def record(self) -> dict[str, Any]:
        """For a report and for programs."""
        return {
            "windows": len(self.values),
            "score": self.score,
            "mean": mean(self.values),
            "sd": deviation(self.values),
            "sharpe": self.sharpe,
            "net_p95": self.net_p95,
            "worst_day": self.worst_day,
            "uptime": self.uptime,
            "pnl": self.pnl,
            "fills": self.fills,
            "shares": self.shares,
            "quoter_failed": self.failed,
            "beyond": {name: list(pair) for name, pair in self.beyond.items()},
        }


def rebates_paid_e6(scores: Sequence[WindowScore], starts_ns: Sequence[int]) -> list[int]:
    """Rebate of each window, 0 on UTC days whose sum stays below the payout."""
    days: dict[int, int] = defaultdict(int)
    for score, start_ns in zip(scores, starts_ns, strict=True):
        days[start_ns // DAY_NS] += score.rebate_e6
    return [
        score.rebate_e6 if days[start_ns // DAY_NS] >= REBATE_PAYOUT_MIN_E6 else 0
        for score, start_ns in zip(scores, starts_ns, strict=True)
    ]


def ranked(values: Sequence[float], risk_aversion: float) -> float:
    """Mean - risk_aversion * standard deviation; the mean alone of a single value."""
    spread = deviation(values)
    return mean(values) - (risk_aversion * spread if math.isfinite(spread) else 0.0)


def trial_figures(
    scores: Sequence[WindowScore], starts_ns: Sequence[int], objective: Objective
) -> TrialFigures:
    """Figures of a trial over windows that begin at these times, at least one."""
    paid_e6 = rebates_paid_e6(scores, starts_ns)
    values = tuple(score.gain + paid / 1e6 for score, paid in zip(scores, paid_e6, strict=True))
    days: dict[int, int] = defaultdict(int)
    for score, paid, start_ns in zip(scores, paid_e6, starts_ns, strict=True):
        days[start_ns // DAY_NS] += score.pnl_e6 + paid
    nets = sorted(score.net_max_e6 for score in scores)
    net_p95 = nets[math.ceil(NET_SHARE * len(nets)) - 1] / 1e6
    worst_day = min(days.values()) / 1e6
    uptime = mean([score.uptime for score in scores])
    beyond = {}
    for name, found, limit, sign in (
        ("net_p95_max", net_p95, objective.net_p95_max, 1.0),
        ("worst_day_min", worst_day, objective.worst_day_min, -1.0),
        ("uptime_min", uptime, objective.uptime_min, -1.0),
    ):
        if limit is not None and sign * (found - limit) > 0.0:
            beyond[name] = (found, limit)
    return TrialFigures(
        values=values,
        score=ranked(values, objective.risk_aversion),
        sharpe=sharpe(values),
        net_p95=net_p95,
        worst_day=worst_day,
        uptime=uptime,
        pnl=mean([(s.pnl_e6 + paid) / 1e6 for s, paid in zip(scores, paid_e6, strict=True)]),
        fills=mean([float(score.fills_n) for score in scores]),
        shares=mean([score.shares_e6 / 1e6 for score in scores]),
        failed=sum(score.failed_n for score in scores),
        beyond=beyond,
    )


def best_of(figures: Sequence[TrialFigures]) -> int:
    """Number of the best trial within the limits, the first of equals; 0 where none is."""
    best = 0
    for number, one in enumerate(figures):
        if one.is_allowed and (not figures[best].is_allowed or one.score > figures[best].score):
            best = number
    return best
