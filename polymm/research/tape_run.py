"""Running a maker on one tape, and making one record of a whole run."""

from collections.abc import Callable, Sequence

from polymm.domain.tape import Tape
from polymm.exchange.tape import Latency
from polymm.research.backtest import Glance, InferredForm, backtest_tape
from polymm.research.records import MarketRun, Run
from polymm.research.run_settings import RunSettings
from polymm.research.tape_facts import DRAWN_OPTIMISM, run_facts, run_flattery
from polymm.research.tape_pack import pack

__all__ = ["InferredForm", "RunSettings", "assemble", "run_tape"]


def run_tape(
    tape: Tape,
    settings: RunSettings,
    *,
    queue: str = "risk_averse",
    latency: Latency | None = None,
    fill_form: InferredForm = "none",
    progress: Callable[[Glance], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> MarketRun:
    """Pack one tape and run a maker on it: see `polymm.research.backtest.backtest_tape`.

    Raises:
        RecordingError: A frame is malformed.
        LedgerError: Account, fill list or order totals do not add up.
    """
    latency = latency or Latency()
    return backtest_tape(
        pack(tape, feed_ns=latency.feed_ns),
        settings,
        queue=queue,
        latency=latency,
        fill_form=fill_form,
        progress=progress,
        stop=stop,
    )


def assemble(
    markets: Sequence[MarketRun],
    settings: RunSettings,
    *,
    queue: str,
    latency: Latency,
    fill_form: InferredForm = "none",
    stress: float = 1.0,
    facts: dict[str, str] | None = None,
) -> Run:
    """Make one run of markets that ran under the same settings, with what must be said of it."""
    form = "+".join(dict.fromkeys(market.fill_form for market in markets)) or fill_form
    known = run_facts(
        markets,
        queue=queue,
        fill_form=form,
        latency=latency,
        merge_delay_ns=settings.merge_delay_ns,
        cash_e6=settings.cash_e6,
    )
    return Run(
        queue=queue,
        fill_form=form,
        stress=stress,
        markets=list(markets),
        facts=known | (facts or {}),
        flattery=run_flattery(markets, latency),
        optimism=dict(DRAWN_OPTIMISM) if latency.measured else {},
    )
