"""What a worker of a sweep does: one trial on one block of windows, and a few numbers a window.

A result depends on the unit alone, so that it does not matter who computes it, when or how often.
A worker keeps the tapes that it used last and nothing of the trials.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from polymm import __version__
from polymm._core.tape_rows import TapeRows
from polymm.domain.market import NS
from polymm.errors import InputError, RecordingError
from polymm.exchange.tape import Latency
from polymm.research.analytics import ADVERSE_NS, FairPath
from polymm.research.backtest import open_account, open_together, sound_rows
from polymm.research.backtest_record import write_run
from polymm.research.records import FillRecord, MarketRun
from polymm.research.run_settings import RunSettings
from polymm.research.sweep_tapes import tape_digest
from polymm.research.tape_file import open_tape
from polymm.research.tape_pack import PackedTape

Measure = Literal["edge", "markout", "pnl"]
Fair = Literal["mid", "truth"]

# More than a block of the usual length has: the next trial of a batch finds its tapes here.
TAPES_KEPT: Final = 64


class WindowScore(NamedTuple):
    """What one trial made in one window.

    Args:
        gain: By the measure of the sweep, before rebates, dollars.
        rebate_e6: Estimate, 1e-6 dollars.
        pnl_e6: Settled, before rebates, 1e-6 dollars.
        net_max_e6: Greatest |UP - DOWN|, 1e-6 shares.
        uptime: Share of the window with both sides live.
        shares_e6: Bought and sold, 1e-6 shares.
        failed_n: Cycles in which a user's quoter failed.
    """

    gain: float
    rebate_e6: int
    pnl_e6: int
    net_max_e6: int
    uptime: float
    shares_e6: int
    fills_n: int
    failed_n: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueModel:
    """What every trial is run against and measured by.

    Args:
        inferred: What fills on a tape without trades.
        measure: ``edge`` s q (f - x), ``markout`` the same with f of 5 s later, or ``pnl``.
        fair: f is the filtered ``mid``, or the ``truth`` that synthetic tapes carry.
    """

    latency: Latency
    queue: str = "risk_averse"
    inferred: Literal["none", "through"] = "none"
    measure: Measure = "edge"
    fair: Fair = "mid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One trial on one block of windows.

    Args:
        tapes: (path, digest) of each.
        version: Of polymm; a worker of another one refuses.
    """

    trial: int
    block: int
    settings: RunSettings
    venue: VenueModel
    tapes: tuple[tuple[str, str], ...]
    version: str = __version__


class _Opened(NamedTuple):
    tape: PackedTape
    rows: TapeRows
    truth: FairPath


def run_unit(unit: Unit) -> tuple[WindowScore, ...]:
    """Run a unit; one score a window, in the order of its tapes.

    Raises:
        InputError: The worker is of another version.
        RecordingError: A tape is not there, or is another one than that of the sweep.
        LedgerError: Account and fill list do not add up.
    """
    if unit.version != __version__:
        raise InputError(f"expected workers of polymm {unit.version}, this one is {__version__}")
    feed_ns = unit.venue.latency.feed_ns
    opened = [_open(path, digest, feed_ns) for path, digest in unit.tapes]
    spans = [(one.tape.market.start_ns, one.tape.market.end_ns) for one in opened]
    found: dict[int, WindowScore] = {}
    for numbers in open_together(spans):
        scores = _scores([opened[number] for number in numbers], unit)
        found |= zip(numbers, scores, strict=True)
    return tuple(found[number] for number in range(len(opened)))


@lru_cache(maxsize=TAPES_KEPT)
def _open(path: str, digest: str, feed_ns: int) -> _Opened:
    found = tape_digest(path)
    if found != digest:
        raise RecordingError(f"{path}: expected the tape {digest} of the sweep, found {found}")
    # Its checksums were compared when the sweep began.
    tape = open_tape(path, check=False)
    return _Opened(
        tape, sound_rows(tape, feed_ns=feed_ns), FairPath(tape.truth, tape.market.end_ns)
    )


def _scores(account: Sequence[_Opened], unit: Unit) -> list[WindowScore]:
    """Run the windows that share an account."""
    venue = unit.venue
    tapes = [opened.tape for opened in account]
    runs = [
        MarketRun(
            market=tape.market,
            source=tape.source,
            status="unsettled",
            fill_form="trades" if tape.has_trades else venue.inferred,
        )
        for tape in tapes
    ]
    needs_marks = venue.measure == "markout" and venue.fair == "mid"
    loop = open_account(
        tapes,
        [opened.rows for opened in account],
        [run.fill_form for run in runs],
        unit.settings,
        queue=venue.queue,
        latency=venue.latency,
        keep="course" if needs_marks else "fills",
    )
    loop.run()
    scores = []
    for number, (run, opened) in enumerate(zip(runs, account, strict=True)):
        write_run(run, loop, number, opened.tape)
        scores.append(_score(run, opened, venue))
    return scores


def _score(run: MarketRun, opened: _Opened, venue: VenueModel) -> WindowScore:
    market = run.market
    path = FairPath(run.marks, market.end_ns) if venue.fair == "mid" else opened.truth
    return WindowScore(
        gain=_gain(run, path, venue),
        rebate_e6=run.rebate_e6,
        pnl_e6=run.pnl_fills_e6,
        net_max_e6=net_max_e6(run.fills),
        uptime=run.seconds["two_sided"] * NS / (market.end_ns - market.start_ns),
        shares_e6=sum(record.fill.size_e6 for record in run.fills),
        fills_n=len(run.fills),
        failed_n=run.cycles.get("quoter_failed", 0),
    )


def _gain(run: MarketRun, path: FairPath, venue: VenueModel) -> float:
    if venue.measure == "pnl":
        return run.pnl_fills_e6 / 1e6
    end_ns = run.market.end_ns
    gains = []
    for record in run.fills:
        fill = record.fill
        price = fill.up_price_e4 / 1e4
        fair = path.at(fill.exch_ns, price) if venue.fair == "truth" else record.fair
        if not math.isfinite(fair):
            fair = path.at(fill.exch_ns, price)
        if venue.measure == "markout":
            later_ns = fill.exch_ns + ADVERSE_NS
            over = run.payout_up if later_ns > end_ns else None
            fair = path.at(later_ns, fair) if over is None else over
        gains.append(fill.sign * (fill.size_e6 / 1e6) * (fair - price))
    return math.fsum(gains)


def net_max_e6(fills: Sequence[FillRecord]) -> int:
    """Greatest |UP - DOWN| that fills led to; merges do not move it."""
    net = most = 0
    for record in fills:
        fill = record.fill
        net += fill.sign * fill.size_e6
        most = max(most, abs(net))
    return most
