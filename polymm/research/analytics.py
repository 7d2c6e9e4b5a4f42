"""Figures of one market, by docs/strategy.md section 5: pure functions over a MarketRun.

Money that a venue would book stays an integer; what needs the fair value f is a float in dollars.
Prices times sizes are kept as ``_e10`` (1e-10 dollars), exact for any price and size.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from polymm.domain.market import NS
from polymm.domain.order import Fill
from polymm.research.records import FillRecord, MarketRun, Run

HORIZONS_NS = (NS // 4, NS, 5 * NS, 30 * NS)
HORIZONS = ("0.25 s", "1 s", "5 s", "30 s", "settlement")
FIVE_SECONDS = HORIZONS.index("5 s")
# What f does within this time of a fill is called adverse selection, after it inventory.
ADVERSE_NS = 5 * NS
SKEWED = 0.7

Step = tuple[int, float]


class FairPath:
    """f over venue time: constant between marks, with marks that hold no opinion left out.

    Args:
        marks: (venue ns, f) in order of time.
        end_ns: The window's end; later marks are not f but the settlement on its way.
    """

    __slots__ = ("times", "values")

    def __init__(self, marks: Iterable[Step], end_ns: int) -> None:
        kept = [(ns, f) for ns, f in marks if ns <= end_ns and math.isfinite(f)]
        self.times = [ns for ns, _ in kept]
        self.values = [f for _, f in kept]

    def at(self, ns: int, default: float = math.nan) -> float:
        """f at ``ns``; ``default`` before the first mark."""
        i = bisect_right(self.times, ns)
        return self.values[i - 1] if i else default

    def last(self, default: float = math.nan) -> float:
        """The last f of the window."""
        return self.values[-1] if self.values else default


@dataclass(frozen=True, slots=True)
class FillFigures:
    """One fill, measured; dollars unless a name says otherwise.

    ``edge + adverse + drift + settlement`` is what the fill earned before fees and rebates.

    Args:
        markouts: In the order of HORIZONS; NaN where settlement is unknown.
        adverse: Move of f against us within ADVERSE_NS of the fill (negative is a loss).
        drift: Move of f from there to the last mark of the window.
        settlement: Move from the last mark to the outcome; 0 while that is unknown.
        tau_s: Seconds left to the window's end.
        age_s: How long the quote had stood at that price; NaN where unknown.
    """

    fill: Fill
    edge: float
    adverse: float
    drift: float
    settlement: float
    markouts: tuple[float, ...]
    tau_s: float
    age_s: float

    @property
    def shares(self) -> float:
        """Size in shares."""
        return self.fill.size_e6 / 1e6


def settled_pnl_e10(fills: Sequence[Fill], payout_up: float) -> int:
    """PnL of a settled market before rebates, in 1e-10 dollars: cash + UP*o + DOWN*(1-o) - initial.

    Merges cancel out: a pair is worth one dollar whichever way the market settles.
    """
    payout_e4 = round(payout_up * 10_000)
    gross = sum(f.sign * f.size_e6 * (payout_e4 - f.up_price_e4) for f in fills)
    return gross - sum(f.fee_e6 for f in fills) * 10_000


def measure_fill(
    record: FillRecord, path: FairPath, end_ns: int, payout_up: float | None, age_s: float
) -> FillFigures:
    """Split what one fill earned by source, and mark it out."""
    fill = record.fill
    signed = fill.sign * fill.size_e6 / 1e6
    price = fill.up_price_e4 / 1e4
    fair = record.fair if math.isfinite(record.fair) else path.at(fill.exch_ns, price)
    after = path.at(min(fill.exch_ns + ADVERSE_NS, end_ns), fair)
    last = path.last(fair)
    outcome = last if payout_up is None else payout_up

    def markout(horizon_ns: int) -> float:
        ns = fill.exch_ns + horizon_ns
        return signed * ((outcome if ns > end_ns else path.at(ns, fair)) - price)

    final = math.nan if payout_up is None else signed * (payout_up - price)
    return FillFigures(
        fill=fill,
        edge=signed * (fair - price),
        adverse=signed * (after - fair),
        drift=signed * (last - after),
        settlement=signed * (outcome - last),
        markouts=(*(markout(h) for h in HORIZONS_NS), final),
        tau_s=(end_ns - fill.exch_ns) / NS,
        age_s=age_s,
    )


def quote_ages(
    quotes: Sequence[tuple[int, int, int, int, int]], fills: Sequence[Fill]
) -> list[float]:
    """Seconds for which each fill's price had been quoted on its side; NaN where never seen.

    Quotes carry our time and fills the venue's: an age is exact up to the order's latency.
    """
    # Since when each price was quoted, by side (0 bid, 1 ask) and price.
    since: tuple[dict[int, list[int]], dict[int, list[int]]] = ({}, {})
    before = [0, 0]
    for ns, bid_e4, bid_e6, ask_e4, ask_e6 in quotes:
        for k, price in ((0, bid_e4 if bid_e6 else 0), (1, ask_e4 if ask_e6 else 0)):
            if price != before[k]:
                before[k] = price
                since[k].setdefault(price, []).append(ns)
    ages = []
    for fill in fills:
        starts = since[0 if fill.sign > 0 else 1].get(fill.up_price_e4, [])
        i = bisect_right(starts, fill.exch_ns)
        ages.append((fill.exch_ns - starts[i - 1]) / NS if i else math.nan)
    return ages


def spans(times: Sequence[int], start_ns: int, end_ns: int) -> Iterator[tuple[int, float]]:
    """Yield (index of the step in force, seconds) within the window; index -1 before the first."""
    cursor, index = start_ns, -1
    for i, ns in enumerate(times):
        if ns > cursor:
            upto = min(ns, end_ns)
            if upto > cursor:
                yield index, (upto - cursor) / NS
                cursor = upto
        index = i
    if end_ns > cursor:
        yield index, (end_ns - cursor) / NS


def value_skew(up: float, down: float, mid: float) -> float:
    """Inventory skew by value (docs/strategy.md 2.7): 0 for nothing held, +1 for Up only."""
    u, d = up * mid, down * (1.0 - mid)
    return (u - d) / (u + d) if u + d > 1e-9 else 0.0


@dataclass(frozen=True, slots=True)
class InventoryFigures:
    """Holdings over the window, in shares; weighted by time."""

    net_abs_mean: float
    net_mean: float
    net_square_mean: float
    net_abs_max: float
    skewed_share: float


def measure_inventory(run: MarketRun, path: FairPath) -> InventoryFigures:
    """Weigh the holdings of one market by time within its window."""
    start, end = run.market.start_ns, run.market.end_ns
    steps = run.inventory
    times = [ns for ns, _, _ in steps]
    net = [(up - down) / 1e6 for _, up, down in steps]
    held = list(spans(times, start, end))
    length = math.fsum(s for _, s in held)
    if not length:
        return InventoryFigures(math.nan, math.nan, math.nan, math.nan, math.nan)
    values = [(net[i] if i >= 0 else 0.0, s) for i, s in held]
    return InventoryFigures(
        net_abs_mean=math.fsum(abs(v) * s for v, s in values) / length,
        net_mean=math.fsum(v * s for v, s in values) / length,
        net_square_mean=math.fsum(v * v * s for v, s in values) / length,
        # After the end holdings are settled away; a peak before the start was risk all the same.
        net_abs_max=max(
            (abs(v) for v, ns in zip(net, times, strict=True) if ns <= end), default=0.0
        ),
        skewed_share=skewed_seconds(steps, path, start, end) / length,
    )


def skewed_seconds(
    steps: Sequence[tuple[int, int, int]], path: FairPath, start_ns: int, end_ns: int
) -> float:
    """Seconds within the window with |skew| above SKEWED; skew moves with holdings and with f."""
    total = 0.0
    for k, (ns, up_e6, down_e6) in enumerate(steps):
        if not up_e6 and not down_e6:
            continue
        begin = max(ns, start_ns)
        until = min(steps[k + 1][0] if k + 1 < len(steps) else end_ns, end_ns)
        i = bisect_right(path.times, begin)
        while begin < until:
            upto = min(path.times[i], until) if i < len(path.times) else until
            if i and abs(value_skew(up_e6 / 1e6, down_e6 / 1e6, path.values[i - 1])) > SKEWED:
                total += (upto - begin) / NS
            begin, i = upto, i + 1
    return total


def live_seconds(run: MarketRun) -> tuple[float, float]:
    """Seconds within the window with both sides live, and with exactly one."""
    if "two_sided" in run.seconds:
        return run.seconds["two_sided"], run.seconds.get("one_sided", 0.0)
    both = one = 0.0
    times = [quote[0] for quote in run.quotes]
    for i, s in spans(times, run.market.start_ns, run.market.end_ns):
        sides = 0 if i < 0 else (run.quotes[i][2] > 0) + (run.quotes[i][4] > 0)
        both += s if sides == 2 else 0.0
        one += s if sides == 1 else 0.0
    return both, one


@dataclass(frozen=True, slots=True)
class MarketFigures:
    """One market, measured.

    Args:
        path: f over the window.
        fills_known: False where the tape holds no trades and none were inferred.
        pnl_e10: 1e-10 dollars, before rebates, for a settled market; else None.
    """

    run: MarketRun
    path: FairPath
    fills: list[FillFigures]
    fills_known: bool
    inventory: InventoryFigures
    two_sided_s: float
    one_sided_s: float
    pnl_e10: int | None

    @property
    def key(self) -> tuple[str, str]:
        """What makes it the same market in another run: its slug and the tape it came from."""
        return self.run.market.slug, self.run.source

    @property
    def cluster(self) -> int:
        """What standard errors are clustered by: the window's start."""
        return self.run.market.start_ns

    @property
    def length_s(self) -> float:
        """Length of the window in seconds."""
        return (self.run.market.end_ns - self.run.market.start_ns) / NS

    @property
    def edge(self) -> float:
        """Sum of s q (f - x), dollars."""
        return math.fsum(f.edge for f in self.fills)

    @property
    def markout_5s(self) -> float:
        """Sum of the fills' markouts 5 s on, dollars."""
        return math.fsum(f.markouts[FIVE_SECONDS] for f in self.fills)

    @property
    def inventory_pnl(self) -> float:
        """Sum over marks of N (f_next - f), last mark the outcome or else the last f, dollars.

        Summed fill by fill, which telescopes to the same: each fill holds its shares from its own
        f to the end.
        """
        return math.fsum(x for f in self.fills for x in (f.adverse, f.drift, f.settlement))

    @property
    def fees_e6(self) -> int:
        """Fees that we paid."""
        return sum(f.fill.fee_e6 for f in self.fills)

    @property
    def pnl(self) -> float:
        """Dollars before rebates: exact where settled, marked at the last f where not."""
        if self.pnl_e10 is not None:
            return self.pnl_e10 / 1e10
        return self.edge + self.inventory_pnl - self.fees_e6 / 1e6

    @property
    def identity_gap(self) -> float:
        """Edge + inventory - fees against the integer PnL: 0 to 1e-9, or the books are wrong."""
        if self.pnl_e10 is None:
            return 0.0
        return self.edge + self.inventory_pnl - self.fees_e6 / 1e6 - self.pnl_e10 / 1e10

    @property
    def ledger_e6(self) -> int:
        """PnL before rebates by the venue's cash ledger; shares unsettled at their last f."""
        run = self.run
        return run.cash_end_e6 - run.cash_start_e6 + run.unsettled_value_e6

    @property
    def ledger_gap_e6(self) -> int:
        """The ledger's PnL against the fill list's."""
        return self.ledger_e6 - self.run.pnl_fills_e6


def measure(run: MarketRun) -> MarketFigures:
    """Measure one market; its fills in the order of the record."""
    end_ns = run.market.end_ns
    path = FairPath(run.marks, end_ns)
    payout = run.payout_up if run.status == "settled" else None
    ages = quote_ages(run.quotes, [record.fill for record in run.fills])
    fills = [
        measure_fill(record, path, end_ns, payout, age)
        for record, age in zip(run.fills, ages, strict=True)
    ]
    both, one = live_seconds(run)
    return MarketFigures(
        run=run,
        path=path,
        fills=fills,
        fills_known=run.fill_form != "none",
        inventory=measure_inventory(run, path),
        two_sided_s=both,
        one_sided_s=one,
        pnl_e10=None
        if payout is None
        else settled_pnl_e10([record.fill for record in run.fills], payout),
    )


def measure_run(run: Run) -> list[MarketFigures]:
    """Measure every market that ran, in the order of the record."""
    return [measure(market) for market in run.markets if market.status != "excluded"]
