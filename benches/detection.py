"""How often a sweep finds an edge that is there, and how often one that is not.

    python -m benches.detection             # 20 sweeps of each world, a few minutes
    python -m benches.detection --seeds 4

Every sweep has windows of its own (`benches.sweep_scenes`, where what a fill is worth is known)
and looks once at its last fifth. Exit 1 where an edge is missed (of the faint one three in ten may
be), or found where there is none.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benches.sweep_scenes import CONFIG, SPACE, World, make_tapes
from polymm.research.sweep import SweepResult, run_sweep
from polymm.research.sweep_pool import LocalPool, Pool
from polymm.research.sweep_verdict import t_of
from polymm.runtime.sweep_plan import plan_sweep, read_sweep

# Least and greatest share of sweeps that may say they found an edge.
EXPECTED: dict[World, tuple[float, float]] = {
    "edge": (1.0, 1.0),
    "faint": (0.7, 1.0),
    "luck": (0.0, 0.0),
    "loss": (0.0, 0.0),
}
HEAD = ("world", "sweeps", "said better", "best set", "t searched", "t untouched", "over", "PBO")


def sweep(
    folder: Path, world: World, seed: int, windows: int, trials: int, pool: Pool
) -> SweepResult:
    """Search windows of a seed."""
    tapes = make_tapes(folder / f"{world}{seed}", windows, world, seed=seed)
    space = folder / "space.toml"
    space.write_text(SPACE)
    plan = plan_sweep(CONFIG, read_sweep(space, {"trials": trials, "seed": seed}), tapes)
    result = run_sweep(plan, folder / f"{world}{seed}.db", pool)
    assert result is not None
    return result


def figures(result: SweepResult) -> tuple[bool, bool, float, float, float, float]:
    """Whether it said better, whether the widest quote was chosen, three t values, PBO."""
    found, verdict = result.found, result.verdict
    assert verdict is not None
    best = result.trials[found.best]
    t_searched = best.sharpe * len(best.values) ** 0.5
    # Prices round away from the mid: 0.05 quotes as 0.06 does.
    is_widest = float(result.points[found.best].get("strategy.min_spread", 0.0)) >= 0.05
    is_better = not verdict.doubts
    return is_better, is_widest, t_searched, t_of(verdict.own), t_of(verdict.over), found.pbo


def row(world: World, found: list[tuple[bool, bool, float, float, float, float]]) -> list[str]:
    """A line of the table: medians, of the untouched windows least and greatest too."""
    said, widest, searched, own, over, pbo = zip(*found, strict=True)
    return [
        world,
        f"{len(found)}",
        f"{sum(said)}",
        f"{sum(widest)}",
        f"{median(searched):.1f}",
        f"{min(own):.1f} {median(own):.1f} {max(own):.1f}",
        f"{median(over):.1f}",
        f"{median(pbo):.2f}",
    ]


def main() -> int:
    """Run all sweeps and print what they said."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--windows", type=int, default=120)
    parser.add_argument("--trials", type=int, default=30)
    asked = parser.parse_args()
    print("".join(f"{name:>19}" for name in HEAD), flush=True)
    is_right = True
    pool = LocalPool(os.cpu_count() or 1)
    begun = time.monotonic()
    try:
        for world, (least, most) in EXPECTED.items():
            found = []
            for seed in range(1, asked.seeds + 1):
                with tempfile.TemporaryDirectory() as folder:
                    found.append(figures(sweep(
                        Path(folder), world, seed, asked.windows, asked.trials, pool
                    )))  # fmt: skip
            print("".join(f"{text:>19}" for text in row(world, found)), flush=True)
            is_right &= least <= sum(one[0] for one in found) / len(found) <= most
    finally:
        pool.close()
    print(
        f"{'holds' if is_right else 'FAILS'}  edges are found where they are, none where there is"
        f" none, {time.monotonic() - begun:.0f} s"
    )
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
