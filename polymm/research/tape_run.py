"""Running a maker on tapes, each once or under several models, to one record of the whole run."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from polymm.domain.tape import Tape
from polymm.exchange.tape import Latency
from polymm.research.backtest import Glance, InferredForm, backtest_tape
from polymm.research.records import MarketRun, Run
from polymm.research.run_settings import RunSettings
from polymm.research.tape_facts import DRAWN_OPTIMISM, run_facts, run_flattery
from polymm.research.tape_pack import pack

__all__ = ["InferredForm", "Progress", "RunSettings", "assemble", "run_tape", "run_tapes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run of many markets stands."""

    market_n: int
    markets_n: int
    now: Glance


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


def run_tapes(
    tapes: Iterable[Tape],
    settings: RunSettings,
    *,
    queue: str = "risk_averse",
    latency: Latency | None = None,
    fill_form: InferredForm = "none",
    facts: dict[str, str] | None = None,
    markets_n: int = 0,
    progress: Callable[[Progress], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Run:
    """Run a maker on tape after tape; both queue models are two calls.

    Args:
        facts: Known to the caller only: seed, configuration hash, versions.
        markets_n: How many tapes there will be, for ``progress``; 0 where unknown.
        stop: Once true, the market it stops ends in order and no other begins.

    Raises:
        RecordingError, LedgerError: As in ``run_tape``.
    """
    latency = latency or Latency()
    markets: list[MarketRun] = []
    for market_n, tape in enumerate(tapes, 1):
        if stop is not None and stop():
            break
        report = _reporter(progress, market_n, markets_n)
        market = run_tape(
            tape,
            settings,
            queue=queue,
            latency=latency,
            fill_form=fill_form,
            progress=report,
            stop=stop,
        )
        markets.append(market)
    return assemble(
        markets, settings, queue=queue, fill_form=fill_form, latency=latency, facts=facts
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


def _reporter(
    progress: Callable[[Progress], None] | None, market_n: int, markets_n: int
) -> Callable[[Glance], None] | None:
    if progress is None:
        return None

    def report(now: Glance) -> None:
        progress(Progress(market_n=market_n, markets_n=markets_n, now=now))

    return report
