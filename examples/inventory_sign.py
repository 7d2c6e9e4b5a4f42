"""What the sign of the inventory term does: the same synthetic windows under prose and literal.

Prose lowers both quotes when long Up, so that inventory is sold off; literal raises them, so that
it grows until the position limit stops it. To let the term act alone, the skew measures shares
against the limit and the skip rule and the scaled limits are off. Run it:

    python examples/inventory_sign.py [windows] [seconds a window]
"""

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import sqrt
from statistics import fmean, stdev

from polymm.research.records import MarketRun
from polymm.runtime.config import Config
from polymm.runtime.tape_runs import plan_synthetic, run_plan

SIGNS = ("prose", "literal")
WINDOWS_MIN = 8


def configure(sign: str, windows: int, window_s: int) -> Config:
    """Orders of 20 shares within 200, the inventory term alone in charge of what is held."""
    return Config.model_validate(
        {
            "strategy": {
                "order_size": 20.0,
                "max_position": 200.0,
                "inventory_sign": sign,
                "skew_mode": "net_limit",
                "skip_skew": 1.0,
                "scale1": 1.0,
                "scale2": 1.0,
            },
            "cycle": {"max_total_position": 2_000.0},
            "venue": {"queue": "risk_averse"},
            "run": {"seed": 11, "windows": windows, "window_s": window_s},
        }
    )


def net_spans(run: MarketRun) -> Iterator[tuple[float, float]]:
    """Net inventory of one window as (seconds, Up - Down in shares), from start to end."""
    marks = [(run.market.start_ns, 0, 0), *run.inventory, (run.market.end_ns, 0, 0)]
    for (since_ns, up_e6, down_e6), (until_ns, _, _) in pairwise(marks):
        yield max(until_ns - since_ns, 0) / 1e9, (up_e6 - down_e6) / 1e6


def inventory_spread(runs: Sequence[MarketRun]) -> float:
    """Root mean square of Up - Down over time, shares."""
    spans = [span for run in runs for span in net_spans(run)]
    return sqrt(sum(s * net * net for s, net in spans) / sum(s for s, _ in spans))


def pnl_spread(runs: Sequence[MarketRun]) -> float:
    """Standard deviation of the windows' PnL, dollars, before rebates."""
    return stdev(run.pnl_fills_e6 / 1e6 for run in runs)


def compare(windows: int, window_s: int) -> dict[str, tuple[float, float]]:
    """Run both signs; (inventory spread, PnL spread) by sign, printed on the way."""
    if windows < WINDOWS_MIN:
        print(f"{windows} windows are too few: below {WINDOWS_MIN} the PnL spreads are noise")
    spreads = {}
    for sign in SIGNS:
        config = configure(sign, windows, window_s)
        (run,) = run_plan(plan_synthetic(config), config)
        spreads[sign] = (inventory_spread(run.markets), pnl_spread(run.markets))
        fills = sum(len(market.fills) for market in run.markets)
        mean = fmean(market.pnl_fills_e6 / 1e6 for market in run.markets)
        print(
            f"{sign:<8} inventory spread {spreads[sign][0]:6.1f} shares   "
            f"PnL spread {spreads[sign][1]:6.2f} $   PnL mean {mean:7.2f} $   fills {fills}"
        )
    return spreads


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    compare(*(numbers + [16, 300][len(numbers) :]))
