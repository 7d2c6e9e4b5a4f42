"""Runs as one stable dictionary: what ``--json`` prints and what every table is made of.

Settled markets make the money totals; unsettled ones are marked at their last f and stand apart;
excluded ones are counted by reason. Keys ending in ``_e6`` are integers, dollars or shares.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from polymm.domain.market import NS
from polymm.research import breakdown
from polymm.research.analytics import HORIZONS, MarketFigures, measure_run
from polymm.research.comparison import band
from polymm.research.estimates import (
    Estimate,
    brier,
    cluster_sums,
    clustered_mean,
    deviation,
    log_loss,
    mean,
    moments,
    probabilistic_sharpe,
    reliability,
    sharpe,
    skill,
)
from polymm.research.records import MarketRun, Run

SCHEMA = 1
# A day's rebates below one dollar are not paid (docs/strategy.md section 1).
REBATE_PAYOUT_MIN_E6 = 1_000_000
FAIR_IS_MID = "filtered mid: no fair value model yet, so edge and markouts are against the book"

Json = dict[str, Any]


def summarise(runs: Sequence[Run]) -> Json:
    """Derive every figure of the report; NaN stands for what is not known."""
    summaries = [summarise_run(run, measure_run(run)) for run in runs]
    return {"schema": SCHEMA, "runs": summaries, "band": band(summaries)}


def summarise_run(run: Run, figures: Sequence[MarketFigures]) -> Json:
    """Figures of one run under one queue model and one fill form."""
    settled = [m for m in figures if m.run.status == "settled"]
    unsettled = [m for m in figures if m.run.status == "unsettled"]
    whole = [m for m in settled if not has_gaps(m.run)]
    reasons = Counter(m.exclusion or "unnamed" for m in run.markets if m.status != "settled")
    paid = rebates_paid(settled)
    over, chosen = breakdown.scope(figures)
    return {
        "queue": run.queue,
        "fill_form": run.fill_form,
        "stress": run.stress,
        "fair": run.facts.get("fair", FAIR_IS_MID),
        "facts": dict(run.facts),
        "flattery": list(run.flattery),
        "optimism": {name: list(standing) for name, standing in run.optimism.items()},
        "stages": {
            stage.name: {
                "n": stage.n,
                "p50_ns": stage.p50_ns,
                "p99_ns": stage.p99_ns,
                "p999_ns": stage.p999_ns,
                "longest_ns": stage.longest_ns,
            }
            for stage in run.stages
        },
        "counts": {
            "markets": len(run.markets),
            "settled": len(settled),
            "unsettled": len(unsettled),
            "excluded": len(run.markets) - len(figures),
            "settled_with_gaps": len(settled) - len(whole),
            "reasons": dict(reasons),
        },
        "quoting": quoting(figures),
        "settled": money(settled, paid),
        "settled_without_gaps": money(whole, paid),
        "unsettled": money(unsettled, {}),
        "calibration": calibration(settled),
        "cut_over": over,
        "edge_grid": [
            {
                "tau_s": breakdown.TAU_NAMES[cell.tau],
                "price": cell.price / 10,
                "fills": cell.fills,
                "shares": cell.shares,
                "edge_cents": cell.edge_cents,
                "markout_5s_cents": cell.markout_cents,
            }
            for cell in breakdown.edge_grid(chosen)
        ],
        "markout_by_age": [
            {"age_s": name, "fills": n, **cents(estimate)}
            for name, n, estimate in breakdown.markout_by_age(chosen)
        ],
        "fill_ratio_by_queue": [
            {"shares_ahead": name, "orders": n, "fill_ratio": ratio}
            for name, n, ratio in breakdown.fill_ratio_by_queue(figures)
        ],
        "checks": checks(figures),
        "markets": [market_row(m, paid) for m in figures]
        + [excluded_row(m) for m in run.markets if m.status == "excluded"],
    }


def has_gaps(run: MarketRun) -> bool:
    """Whether frames are missing; docs/strategy.md 4.11 wants the result with and without these."""
    return any("gap" in name and n > 0 for name, n in run.defects.items())


def rebates_paid(markets: Sequence[MarketFigures]) -> dict[tuple[str, str], int]:
    """Rebate of each settled market, 0 on UTC days whose sum stays below the payout."""
    days: dict[int, int] = defaultdict(int)
    for m in markets:
        days[utc_day(m)] += m.run.rebate_e6
    return {
        m.key: m.run.rebate_e6 if days[utc_day(m)] >= REBATE_PAYOUT_MIN_E6 else 0 for m in markets
    }


def utc_day(market: MarketFigures) -> int:
    """Days since the epoch; windows never straddle midnight UTC."""
    return market.run.market.start_ns // (86_400 * NS)


def cents(estimate: Estimate) -> Json:
    """An estimate in cents per share."""
    return {
        "cents_per_share": estimate.value,
        "se": estimate.se,
        "clusters": estimate.clusters,
    }


def ratio(part: float, whole: float) -> float:
    """Share of a whole; NaN of nothing."""
    return part / whole if whole else math.nan


def quoting(figures: Sequence[MarketFigures]) -> Json:
    """What was quoted and ordered over all markets that ran, settled or not."""
    orders = [m.run.orders for m in figures]
    known = [m for m in figures if m.fills_known]
    known_fills = [f.fill for m in known for f in m.fills]
    shares = breakdown.time_shares(figures)
    book = math.fsum(m.run.seconds.get("book_two_sided", 0.0) for m in figures)
    both = math.fsum(m.run.seconds.get("quoted_two_sided", m.two_sided_s) for m in figures)
    either = math.fsum(m.run.seconds.get("quoted", m.two_sided_s + m.one_sided_s) for m in figures)
    nets = [(m.inventory, m.length_s) for m in known]
    length = math.fsum(s for _, s in nets)
    net_mean = ratio(math.fsum(i.net_mean * s for i, s in nets), length)
    net_square = ratio(math.fsum(i.net_square_mean * s for i, s in nets), length)
    fates = ("placed", "filled", "cancelled", "rejected", "expired", "open")
    return {
        "markets": len(figures),
        "fills_known": bool(known),
        "orders": {
            "placed_n": sum(o.placed_n for o in orders),
            **{f"{fate}_e6": sum(getattr(o, f"{fate}_e6") for o in orders) for fate in fates},
            "rejects": merged(o.reject_reasons for o in orders),
        },
        "fill_ratio": ratio(
            sum(m.run.orders.filled_e6 for m in known), sum(m.run.orders.placed_e6 for m in known)
        ),
        "cancel_race_loss": ratio(sum(f.after_cancel_sent for f in known_fills), len(known_fills)),
        "uptime": ratio(shares["two_sided"], shares["length"]),
        "seconds": {**shares, "book_two_sided": book},
        "quoting_share": min(ratio(either, book), 1.0),
        "quoting_share_two_sided": min(ratio(both, book), 1.0),
        "no_quote_seconds": merged(m.run.no_quote_seconds for m in figures),
        "roll_gap_s_max": max(
            (m.run.roll_gap_s for m in figures if m.run.roll_gap_s is not None), default=math.nan
        ),
        "cycles": merged(m.run.cycles for m in figures),
        "counts": merged(m.run.counts for m in figures),
        "defects": merged(m.run.defects for m in figures),
        "inventory": {
            "net_abs_mean": ratio(math.fsum(i.net_abs_mean * s for i, s in nets), length),
            "net_abs_max": max((i.net_abs_max for i, _ in nets), default=math.nan),
            "net_sd": math.sqrt(max(net_square - net_mean**2, 0.0)) if length else math.nan,
            "skewed_share": ratio(math.fsum(i.skewed_share * s for i, s in nets), length),
        },
        "pairs_merged_e6": sum(pairs for m in figures for _, pairs in m.run.merges),
    }


def merged(counts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Sum mappings of counts or seconds key by key."""
    total: dict[str, float] = defaultdict(int)
    for mapping in counts:
        for name, value in mapping.items():
            total[name] += value
    return dict(total)


def money(markets: Sequence[MarketFigures], paid: Mapping[tuple[str, str], int]) -> Json:
    """What fills earned over markets of one standing; null throughout where no fill is knowable."""
    known = [m for m in markets if m.fills_known]
    total = len(markets)
    if not known:
        return {"markets": total, "markets_with_fills_known": 0}
    fills = list(breakdown.all_fills(known))
    pnls = [m.pnl for m in known]
    rebates = [paid.get(m.key, 0) for m in known]
    net = [pnl + rebate / 1e6 for pnl, rebate in zip(pnls, rebates, strict=True)]
    daily = cluster_sums((utc_day(m), v) for m, v in zip(known, net, strict=True))
    per_market = clustered_mean((m.cluster, v) for m, v in zip(known, net, strict=True))
    windows = cluster_sums((m.cluster, v) for m, v in zip(known, net, strict=True))
    shares_e6 = sum(f.fill.size_e6 for _, f in fills)
    exact = [m.pnl_e10 for m in known]
    pnl_e10 = sum(v for v in exact if v is not None) if None not in exact else None
    edge_rows = [(m.cluster, f.edge, f.shares) for m, f in fills]
    return {
        "markets": total,
        "markets_with_fills_known": len(known),
        "fills": len(fills),
        "fills_inferred": sum(f.fill.inferred for _, f in fills),
        "shares_e6": shares_e6,
        "turnover_e6": sum(f.fill.price_e4 * f.fill.size_e6 for _, f in fills) // 10_000,
        "trade_share": ratio(shares_e6, sum(m.run.venue_trades_e6 for m in known)),
        "pnl_e6": round(math.fsum(pnls) * 1e6) if pnl_e10 is None else round_e6(pnl_e10),
        "ledger_e6": sum(m.ledger_e6 for m in known),
        "fill_list_e6": sum(m.run.pnl_fills_e6 for m in known),
        "rebate_accrued_e6": sum(m.run.rebate_e6 for m in known),
        "rebate_paid_e6": sum(rebates),
        "fees_e6": sum(m.fees_e6 for m in known),
        "edge": {"dollars": math.fsum(m.edge for m in known)}
        | cents(breakdown.cents_per_share(edge_rows)),
        "inventory_pnl": math.fsum(m.inventory_pnl for m in known),
        "sources": sources(known, sum(rebates)),
        "markouts": [
            {
                "horizon": name,
                "dollars": math.fsum(f.markouts[k] for _, f in fills),
                **cents(estimate),
            }
            for k, (name, estimate) in enumerate(
                zip(HORIZONS, breakdown.markout_curve(known), strict=True)
            )
        ],
        "per_market": {
            "mean": per_market.value,
            "se": per_market.se,
            "clusters": per_market.clusters,
            "sd": deviation(net),
            "sharpe": sharpe(net),
            "psr": probabilistic_sharpe(sharpe(windows), len(windows), *moments(windows)),
        },
        "per_day": {
            "days": len(daily),
            "mean": mean(daily),
            "sd": deviation(daily),
            "sharpe": sharpe(daily),
        },
    }


def round_e6(value_e10: int) -> int:
    """1e-10 dollars as 1e-6 dollars, half up."""
    return (value_e10 + 5_000) // 10_000


def sources(markets: Sequence[MarketFigures], rebate_e6: int) -> Json:
    """PnL by source in dollars; the parts sum to the total."""
    fills = [f for _, f in breakdown.all_fills(markets)]
    parts = {
        "spread": math.fsum(f.edge for f in fills),
        "adverse_selection": math.fsum(f.adverse for f in fills),
        "inventory": math.fsum(f.drift for f in fills),
        "settlement": math.fsum(f.settlement for f in fills),
        "fees": -sum(m.fees_e6 for m in markets) / 1e6,
        "rebates": rebate_e6 / 1e6,
    }
    return {**parts, "total": math.fsum(parts.values())}


def calibration(settled: Sequence[MarketFigures]) -> Json:
    """How well f forecast the outcome. Skill is against the mid, so it is null while f is it."""
    rows = breakdown.forecasts(settled)
    p, y = [row[1] for row in rows], [row[2] for row in rows]
    return {
        "observations": len(rows),
        "brier": brier(p, y),
        "log_loss": log_loss(p, y),
        "skill_against_mid": math.nan,
        "brier_skill_against_half": skill(brier(p, y), 0.25),
        "reliability": [
            {
                "low": b.low,
                "n": b.n,
                "forecast": b.forecast,
                "frequency": b.frequency,
                "wilson": [b.wilson_low, b.wilson_high],
            }
            for b in reliability(p, y)
        ],
    }


def checks(figures: Sequence[MarketFigures]) -> Json:
    """Books that must close: all zero, up to 1e-9 dollars where floats take part."""
    return {
        "identity_gap_max": max((abs(m.identity_gap) for m in figures), default=0.0),
        "ledger_minus_fills_e6": sum(abs(m.ledger_gap_e6) for m in figures),
        "fills_minus_report_e6": sum(
            abs(m.run.pnl_fills_e6 - round_e6(m.pnl_e10)) for m in figures if m.pnl_e10 is not None
        ),
        "orders_unaccounted_e6": sum(
            abs(o.placed_e6 - o.filled_e6 - o.cancelled_e6 - o.rejected_e6 - o.expired_e6)
            for o in (m.run.orders for m in figures)
        ),
    }


def market_row(m: MarketFigures, paid: Mapping[tuple[str, str], int]) -> Json:
    """One market in one line; fill figures are null where fills are not known."""
    run = m.run
    row: Json = {
        **excluded_row(run),
        "payout_up": run.payout_up,
        "orders": run.orders.placed_n,
        "uptime": ratio(m.two_sided_s, m.length_s),
        "no_quote_s": math.fsum(run.no_quote_seconds.values()),
        "defects": dict(run.defects),
    }
    if m.fills_known:
        row |= {
            "fills": len(m.fills),
            "shares_e6": sum(f.fill.size_e6 for f in m.fills),
            "edge": m.edge,
            "inventory_pnl": m.inventory_pnl,
            "pnl": m.pnl,
            "markout_5s": m.markout_5s,
            "rebate_e6": run.rebate_e6,
            "rebate_paid_e6": paid.get(m.key, 0),
            "net_abs_mean": m.inventory.net_abs_mean,
            "net_abs_max": m.inventory.net_abs_max,
            "pairs_merged_e6": sum(pairs for _, pairs in run.merges),
        }
    return row


def excluded_row(run: MarketRun) -> Json:
    """What is known of a market that did not run."""
    start = datetime.fromtimestamp(run.market.start_ns // NS, UTC)
    return {
        "slug": run.market.slug,
        "condition_id": run.market.condition_id,
        "start": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "source": run.source,
        "status": run.status,
        "exclusion": run.exclusion,
        "fill_form": run.fill_form,
    }
