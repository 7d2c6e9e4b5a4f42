"""Which windows are searched on, which judge the search, and which stay untouched (STRATEGY 6).

Time is cut for all coins together. The last share of it is the holdout; before it a purged
walk-forward goes over the rest: train, embargo, test, one test further each time. Where tapes cover
less than that takes, all three are scaled down alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from polymm.domain.market import NS
from polymm.errors import ConfigError

HOUR_NS: Final = 3600 * NS
DAY_NS: Final = 24 * HOUR_NS
# Tests that a walk-forward over less than the full time has.
FOLDS: Final = 4
# Window starts below which a split says nothing.
STARTS_MIN: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitSettings:
    """Lengths of the walk-forward.

    Args:
        holdout: Share of the window starts that stays untouched.
    """

    train_ns: int = 7 * DAY_NS
    embargo_ns: int = HOUR_NS
    test_ns: int = DAY_NS
    holdout: float = 0.2


@dataclass(frozen=True, slots=True)
class Fold:
    """Numbers of the windows to choose by, and of those to judge the choice by."""

    train: tuple[int, ...]
    test: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Numbers of windows.

    Args:
        embargoed: Between research and holdout: in neither.
        scale: What the lengths of the settings were multiplied by.
    """

    research: tuple[int, ...]
    holdout: tuple[int, ...]
    embargoed: tuple[int, ...]
    folds: tuple[Fold, ...]
    scale: float


def split_windows(spans: Sequence[tuple[int, int]], settings: SplitSettings) -> Split:
    """Split windows by their (start, end), ns.

    No window of research or of a train ends later than the embargo before what judges it begins.

    Raises:
        ConfigError: There are too few windows.
    """
    starts = sorted({start for start, _ in spans})
    if len(starts) < STARTS_MIN:
        raise ConfigError(
            f"expected at least {STARTS_MIN} different window starts, found {len(starts)}"
        )
    held_n = max(1, round(len(starts) * settings.holdout))
    holdout_ns = starts[-held_n]
    begin_ns = starts[0]
    length_ns = max(end - start for start, end in spans)
    needed_ns = settings.train_ns + settings.embargo_ns + settings.test_ns
    research_ns = holdout_ns - begin_ns
    scale = 1.0
    if research_ns < needed_ns:
        scale = research_ns / (needed_ns + (FOLDS - 1) * settings.test_ns)
    # Windows that follow each other share the price they settle by.
    embargo_ns = max(round(settings.embargo_ns * scale), length_ns)
    train_ns, test_ns = round(settings.train_ns * scale), round(settings.test_ns * scale)

    def between(low_ns: int, high_ns: int) -> tuple[int, ...]:
        """Windows that start from low on and end up to high."""
        return tuple(
            k for k, (start, end) in enumerate(spans) if start >= low_ns and end <= high_ns
        )

    research = between(begin_ns, holdout_ns - embargo_ns)
    holdout = tuple(k for k, (start, _) in enumerate(spans) if start >= holdout_ns)
    folds = []
    test_begin_ns = begin_ns + train_ns
    while test_begin_ns + test_ns <= holdout_ns:
        train_end_ns = test_begin_ns - embargo_ns
        train = between(test_begin_ns - train_ns, train_end_ns)
        tested = set(between(test_begin_ns, test_begin_ns + test_ns))
        test = tuple(k for k in research if k in tested)
        if train and test:
            folds.append(Fold(train, test))
        test_begin_ns += test_ns
    used = {*research, *holdout}
    return Split(
        research=research,
        holdout=holdout,
        embargoed=tuple(k for k in range(len(spans)) if k not in used),
        folds=tuple(folds),
        scale=scale,
    )
