"""The loop that runs a maker on a tape: virtual time, one thread, the same result every time.

The maker meets frames when we would have received them and replies when we would have known; the
venue meets the same tape at its own time. Cash is taken from the venue's ledger and PnL from the
fill list, apart, and both must agree to the micro-dollar.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from polymm.domain.market import NS, Market
from polymm.domain.tape import Tape
from polymm.exchange.tape import Latency, TapeVenue
from polymm.research.records import MarketRun, Run
from polymm.research.tape_facts import run_facts, run_flattery
from polymm.research.tape_loop import RunSettings, TapeLoop, gaps_n, received
from polymm.research.tape_recorder import GAP_NS

__all__ = ["InferredForm", "Progress", "RunSettings", "assemble", "run_tape", "run_tapes"]

InferredForm = Literal["none", "through"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands; ``run`` is still being written, look and do not keep it."""

    market_n: int
    markets_n: int
    elapsed: float
    bid: tuple[int, int]
    ask: tuple[int, int]
    cash_e6: int
    run: MarketRun


def run_tape(
    tape: Tape,
    settings: RunSettings,
    *,
    queue: str = "risk_averse",
    latency: Latency | None = None,
    fill_form: InferredForm = "none",
    progress: Callable[[float, TapeVenue, MarketRun], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> MarketRun:
    """Run a maker on one tape.

    Args:
        queue: Queue model: ``risk_averse``, ``prob`` or ``prob(n)``.
        latency: Delays; the documented constants by default.
        fill_form: What fills on a tape without trades; a tape with trades fills by them.
        progress: Called now and then with (share of the window gone, venue, record so far).
        stop: Asked now and then; once true, the run ends in order where it stands.

    Returns:
        Settled by the tape's outcome; without one ``unsettled``, marked at the last mid;
        ``excluded`` without a frame inside the window or with fees of a form we do not know.

    Raises:
        RecordingError: A frame is malformed.
        LedgerError: Account, fill list or order totals do not add up.
    """
    run = MarketRun(
        market=tape.market,
        source=tape.source,
        status="unsettled",
        fill_form="trades" if tape.has_trades else fill_form,
        defects=dict(tape.defects),
    )
    tape = replace(tape, frames=list(tape.frames))  # read once; a recording reads again each time
    frames = received(tape, latency or Latency())
    gaps = gaps_n(tape)
    if gaps:
        run.defects[f"gaps_over_{GAP_NS // NS}_s"] = gaps
    run.exclusion = _exclusion(tape.market, frames)
    if run.exclusion:
        run.status = "excluded"
        run.cash_start_e6 = run.cash_end_e6 = settings.cash_e6
        return run
    loop = TapeLoop(tape, run, frames, settings, queue, latency or Latency())
    stopped = loop.run(progress, stop)
    loop.settle(stopped=stopped)
    return run


def _exclusion(market: Market, frames: Iterable[tuple[int, bytes]]) -> str:
    """Why a market is not run, "" where it is."""
    if market.fees.exponent != 1:
        return "fees_unknown"
    known = any(market.start_ns <= ns < market.end_ns for ns, _ in frames)
    return "" if known else "outside_window"


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
        report = _reporter(progress, market_n, markets_n) if progress is not None else None
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
        markets=list(markets),
        facts=known | (facts or {}),
        flattery=run_flattery(markets),
    )


def _reporter(
    progress: Callable[[Progress], None], market_n: int, markets_n: int
) -> Callable[[float, TapeVenue, MarketRun], None]:
    def report(elapsed: float, venue: TapeVenue, run: MarketRun) -> None:
        quote = run.quotes[-1] if run.quotes else (0, 0, 0, 0, 0)
        progress(
            Progress(
                market_n=market_n,
                markets_n=markets_n,
                elapsed=min(max(elapsed, 0.0), 1.0),
                bid=(quote[1], quote[2]),
                ask=(quote[3], quote[4]),
                cash_e6=venue.account.cash_e6,
                run=run,
            )
        )

    return report
