"""What is always printed beside a result, and what flatters it (docs/strategy.md section 4)."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

from polymm.domain.market import Market
from polymm.exchange.tape import MS, Latency
from polymm.research.records import MarketRun

QUANTILES: Final = (0.5, 0.95, 0.99)
DRAWN_OPTIMISM: Final = {
    "zero latency": (
        "modelled",
        "each delay drawn by itself from measured ones; real ones are long together",
    )
}


def run_facts(
    markets: Sequence[MarketRun],
    *,
    queue: str,
    fill_form: str,
    latency: Latency,
    merge_delay_ns: int,
    cash_e6: int,
) -> dict[str, str]:
    """What the loop itself knows of a run; seed and configuration are the caller's to add."""
    ran = [run.market for run in markets if run.status != "excluded"]
    return {
        "queue": queue,
        "fills": fill_form,
        "latency": (
            f"feed {_ms(latency.feed_ns)} where unrecorded, order {delay_text(latency, 'order')},"
            f" cancel {delay_text(latency, 'cancel')}, reply {delay_text(latency, 'reply')}"
        ),
        **({"measured delays": delays_digest(latency)} if latency.measured else {}),
        **market_facts(ran),
        "merge_delay": _ms(merge_delay_ns),
        "cash": f"{cash_e6 / 1_000_000:g} dollars, shared by markets that are open together",
        "fair": "filtered mid of the venue's book (no fair value yet)",
    }


def market_facts(markets: Iterable[Market]) -> dict[str, str]:
    """What the markets of a run say of themselves."""
    ran = list(markets)
    return {
        "taker_delay": _listed(_ms(market.taker_delay_ns) for market in ran),
        "fees": _listed(_fees(market) for market in ran),
        "tick": _listed(f"{market.tick_e4 / 10_000:g} at the start" for market in ran),
    }


def delay_text(latency: Latency, name: str) -> str:
    """A delay of that name: its constant, or quantiles of those that it is drawn from."""
    measured = latency.measured.get(name)
    if measured is None:
        return _ms(getattr(latency, f"{name}_ns"))
    found = " / ".join(f"{ms:.4g}" for ms in quantiles_ms(measured))
    return f"{found} ms (p50 / p95 / p99 of {len(measured)} measured)"


def quantiles_ms(delays: NDArray[np.int64]) -> list[float]:
    """Those of QUANTILES, each a delay that was measured, ms."""
    found = np.quantile(delays, QUANTILES, method="inverted_cdf")
    return [round(float(ns) / MS, 3) for ns in found]


def delays_digest(latency: Latency) -> str:
    """12 hex digits of SHA-256 over measured delays: a path says nothing of what is in a file."""
    found = sha256()
    for name, measured in sorted(latency.measured.items()):
        found.update(name.encode() + np.ascontiguousarray(measured, dtype="<i8").tobytes())
    return found.hexdigest()[:12]


def _ms(ns: int) -> str:
    return f"{ns / MS:g} ms"


def _listed(texts: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(texts)) or "none ran"


def _fees(market: Market) -> str:
    fees = market.fees
    return (
        f"taker {fees.rate_e6 / 1e6:g} x (p(1-p))^{fees.exponent},"
        f" maker 0, rebate {fees.rebate_e6 / 1e6:g} of the taker's fee"
    )


def run_flattery(markets: Sequence[MarketRun], latency: Latency) -> list[str]:
    """What makes these results look better than trading would have been, one sentence each."""
    ran = [run for run in markets if run.status != "excluded"]
    forms = {run.fill_form for run in ran}
    sentences = [
        "Our orders move nothing: nobody reacts to them, and what they took is still on the tape.",
        "Latencies are drawn one by one; none grows when the market moves, nothing is lost."
        if latency.measured
        else "Latencies are constants; nothing is lost, late or refused for load.",
        "Whenever no market is open the account begins anew: what was lost before is not missed.",
        "A market pays out at its end: its cash is there for the others at once.",
        "Where a tape records no fee schedule the present one is taken, whatever its date.",
    ]
    if "trades" in forms:
        sentences += [
            "The place in the queue is a model; both models are reported as a band.",
            "An order of others that would have met ours rests on the tape beside it, unmatched.",
        ]
    if "through" in forms:
        sentences += [
            "Fills are inferred from books that went through our price: no trade was recorded.",
            "Inferred fills are adverse ones only; the flow that would have paid us is missing.",
            "Between two snapshots a price may have been passed and left again, unseen.",
        ]
    if "none" in forms:
        sentences.append("With fills = none nothing ever fills: this form shows quotes, not money.")
    overlapping = _overlapping([run.market for run in ran])
    if overlapping:
        sentences.append(
            f"Windows of {overlapping} starts overlap earlier ones: errors take them as apart."
        )
    if any(run.merges for run in ran):
        sentences.append("Every merge succeeds after its delay and costs nothing.")
    if any(run.fills for run in ran):
        sentences += [
            "Fills count as settled at once; none fails on its way to the chain.",
            "Edge and markout are against the book's own mid, which follows the trades it judges.",
            "The rebate is an estimate by formula; what others earn of the pool is not known.",
        ]
    return sentences


def _overlapping(markets: Iterable[Market]) -> int:
    """How many starts lie within a window that began before: such windows share their news."""
    known_ns = found = 0
    ends: dict[int, int] = {}
    for market in markets:
        ends[market.start_ns] = max(ends.get(market.start_ns, 0), market.end_ns)
    for start_ns, end_ns in sorted(ends.items()):
        found += start_ns < known_ns
        known_ns = max(known_ns, end_ns)
    return found
