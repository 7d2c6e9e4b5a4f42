"""Backtests: packed tapes through the compiled loop, each to the record that reports are made of.

The loop runs the live code from staged changes onward (`polymm._core.backtest`); this module says
what is run, and turns what the loop noted into a `MarketRun`.
"""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from polymm._core.backtest import Backtest
from polymm._core.backtest_names import CYCLE_FIELDS
from polymm._core.layout import DOWN, ROW_LOCAL, ROW_VENUE, UP
from polymm._core.tape_rows import TapeRows
from polymm.domain.market import NS, Market
from polymm.domain.order import Fill, Side, Token
from polymm.engine.settings import MakerSettings
from polymm.exchange.tape import Latency, parse_queue
from polymm.research.records import FillRecord, MarketRun, Marks, OrderTotals
from polymm.research.run_settings import RunSettings, raised
from polymm.research.tape_money import check_money, marked_e6, pnl_of_fills_e6
from polymm.research.tape_pack import PackedTape, arrange
from polymm.research.tape_recorder import GAP_NS


@dataclass(frozen=True, slots=True)
class Glance:
    """Where a run stands.

    Args:
        elapsed: Share of the window that is over, 0..1.
        bid, ask: Price and open size of ours that rest at the venue; (0, 0) where none does.
    """

    elapsed: float
    bid: tuple[int, int]
    ask: tuple[int, int]
    up_e6: int
    down_e6: int
    fills_n: int
    merges_n: int
    cash_e6: int


Keep = Literal["fills", "course", "actions"]
InferredForm = Literal["none", "through"]

OUTCOMES: Final = {"up": UP, "down": DOWN, None: -1}
# How often a run that is watched is looked at.
LOOKS: Final = 100


def cycle_fields(settings: MakerSettings) -> dict[str, int | float]:
    """The settings of a cycle by the names of `CYCLE_FIELDS`."""
    named = {
        "cycle_event": settings.cycle == "event",
        "requote_diff": settings.requote == "diff",
        "early_exit_pull": settings.early_exit == "pull",
    }
    return named | {name: getattr(settings, name) for name in CYCLE_FIELDS if name not in named}


def sound_rows(tape: PackedTape, *, feed_ns: int) -> TapeRows:
    """Rows of a tape for the loop, in order for a feed of this delay.

    Where only some receipts are recorded, the order depends on the delay of the others: rows that
    were packed for another one are put in order anew.

    Raises:
        InputError: The rows make no sense.
    """
    rows = TapeRows(np.ascontiguousarray(tape.rows))
    if rows.is_in_order(tape.trade_lag_ns, feed_ns):
        return rows
    return TapeRows(rearranged(tape, feed_ns=feed_ns))


def rearranged(tape: PackedTape, *, feed_ns: int) -> NDArray[Any]:
    """The rows of a tape in order for a feed of another delay than they were packed for."""
    once = tape.rows[tape.rows["flags"] & ROW_LOCAL != 0].copy()
    once["flags"] |= ROW_VENUE
    order = np.argsort(once["exch_ns"], kind="stable")
    return arrange(once[order], trade_lag_ns=tape.trade_lag_ns, feed_ns=feed_ns)


def gaps_n(tape: PackedTape) -> int:
    """Count the silences inside the window, its ends included."""
    market = tape.market
    times = np.sort(np.minimum(tape.rows["exch_ns"], market.end_ns))
    times = np.concatenate(([market.start_ns], times[times > market.start_ns], [market.end_ns]))
    return int(np.count_nonzero(np.diff(times) > GAP_NS))


def backtest_tape(
    tape: PackedTape,
    settings: RunSettings,
    *,
    queue: str = "risk_averse",
    latency: Latency | None = None,
    fill_form: InferredForm = "none",
    keep: Keep = "course",
    rows: TapeRows | None = None,
    progress: Callable[[Glance], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> MarketRun:
    """Run a maker on one packed tape.

    Args:
        queue: Queue model: ``risk_averse``, ``prob`` or ``prob(n)``.
        latency: Delays; the documented constants by default.
        fill_form: What fills on a tape without trades; a tape with trades fills by them.
        keep: What the record holds: "fills" alone, or the whole "course" of marks, quotes and
            holdings that a report shows.
        rows: Those of the tape, where they were checked before.
        progress: Called now and then.
        stop: Asked now and then; once true, the run ends in order where it stands.

    Returns:
        Settled by the tape's outcome; without one ``unsettled``, marked at the last mid;
        ``excluded`` without a frame inside the window or with fees of a form we do not know.

    Raises:
        InputError: The rows make no sense.
        LedgerError: Account, fill list or order totals do not add up.
    """
    latency = latency or Latency()
    run = MarketRun(
        market=tape.market,
        source=tape.source,
        status="unsettled",
        fill_form="trades" if tape.has_trades else fill_form,
        defects=dict(tape.defects),
        cash_start_e6=settings.cash_e6,
    )
    gaps = gaps_n(tape)
    if gaps:
        run.defects[f"gaps_over_{GAP_NS // NS}_s"] = gaps
    run.exclusion = exclusion(tape, latency)
    if run.exclusion:
        run.status = "excluded"
        run.cash_end_e6 = settings.cash_e6
        return run
    loop = Backtest()
    checked = rows or sound_rows(tape, feed_ns=latency.feed_ns)
    add_tape(loop, tape, checked, settings, queue=queue, latency=latency, form=run.fill_form,
             keep=keep)  # fmt: skip
    stopped = _run(loop, tape.market, progress, stop)
    write_run(run, loop, 0, tape, stopped=stopped)
    return run


def exclusion(tape: PackedTape, latency: Latency) -> str:
    """Why a market is not run, "" where it is."""
    market, rows = tape.market, tape.rows
    if market.fees.exponent != 1:
        return "fees_unknown"
    known_ns = np.where(rows["recv_ns"], rows["recv_ns"], rows["exch_ns"] + latency.feed_ns)
    inside = (known_ns >= market.start_ns) & (known_ns < market.end_ns)
    return "" if inside.any() else "outside_window"


def add_tape(
    loop: Backtest,
    tape: PackedTape,
    rows: TapeRows,
    settings: RunSettings,
    *,
    queue: str,
    latency: Latency,
    form: str,
    keep: Keep = "course",
    seed: int = 0,
) -> int:
    """Add a tape to a loop; answer its number there."""
    market = tape.market
    model, queue_n = parse_queue(queue)
    return loop.add_market(
        rows,
        raised(settings.parameters, market.order_min_e6),
        cycle_fields(settings.maker),
        start_ns=market.start_ns,
        end_ns=market.end_ns,
        cash_e6=settings.cash_e6,
        tick_e4=market.tick_e4,
        lot_e6=market.lot_e6,
        order_min_e6=market.order_min_e6,
        fee_rate_e6=market.fees.rate_e6,
        trade_lag_ns=tape.trade_lag_ns,
        outcome=OUTCOMES[tape.outcome],
        form=form,
        queue=model,
        queue_n=queue_n,
        feed_ns=latency.feed_ns,
        order_ns=latency.of("order"),
        cancel_ns=latency.of("cancel"),
        reply_ns=latency.of("reply"),
        match_ns=latency.match_ns,
        seed=seed,
        merge_delay_ns=settings.merge_delay_ns,
        close_margin_ns=settings.close_margin_ns,
        quoter_address=settings.quoter,
        keep=keep,
    )


def _run(
    loop: Backtest,
    market: Market,
    progress: Callable[[Glance], None] | None,
    stop: Callable[[], bool] | None,
) -> bool:
    """Let time pass to the end; True where ``stop`` ended it before."""
    if progress is None and stop is None:
        loop.run()
        return False
    length_ns = market.end_ns - market.start_ns
    for look in range(1, LOOKS):
        until_ns = market.start_ns + length_ns * look // LOOKS
        loop.run(until_ns)
        if progress is not None:
            progress(glance(loop, 0, look / LOOKS))
        if stop is not None and stop():
            loop.stop(until_ns)
            return True
    loop.run()
    return False


def glance(loop: Backtest, number: int, elapsed: float) -> Glance:
    """Look at a market while it runs."""
    found = loop.result(number)
    names = ("bid", "ask", "up_e6", "down_e6", "fills_n", "merges_n", "cash_e6")
    return Glance(elapsed, *(found[name] for name in names))


def write_run(
    run: MarketRun, loop: Backtest, number: int, tape: PackedTape, *, stopped: bool = False
) -> None:
    """Write into a record what became of a market.

    Raises:
        LedgerError: PnL by the ledger is not that of the fill list.
    """
    found = loop.result(number)
    market, outcome = tape.market, tape.outcome
    if stopped or outcome is None:
        run.exclusion = "stopped" if stopped else "no_outcome"
        run.unsettled_value_e6 = marked_e6(found["up_e6"], found["down_e6"], found["fair"])
    else:
        run.status = "settled"
        run.payout_up = 1.0 if outcome == "up" else 0.0
    run.cash_start_e6, run.cash_end_e6 = found["cash_start_e6"], found["cash_e6"]
    run.fills = _fills(market, loop.notes("fills", number))
    run.merges = [(at_ns, pairs) for at_ns, pairs in loop.notes("merges", number).tolist()]
    marks = loop.notes("marks", number)
    run.marks = Marks(array("q", marks["at_ns"].tobytes()), array("d", marks["fair"].tobytes()))
    run.quotes = loop.notes("quotes", number).tolist()
    run.inventory = loop.notes("holdings", number).tolist()
    run.order_queue = [rank[1:] for rank in sorted(loop.notes("ranks", number).tolist())]
    run.seconds = {name: ns / NS for name, ns in found["ns"].items()}
    run.no_quote_seconds = {why: ns / NS for why, ns in sorted(found["no_quote_ns"].items()) if ns}
    run.cycles, run.counts = found["cycles"], found["counts"]
    run.rebate_e6 = found["counter_fees_e6"] * market.fees.rebate_e6 // 1_000_000
    run.venue_trades_e6 = found["traded_e6"]
    run.orders = _orders(found)
    noted = {
        "mirrored_trades": found["mirrored_n"],
        "merges_refused": found["merges_refused_n"],
    }
    run.defects |= {name: n for name, n in noted.items() if n}
    run.pnl_fills_e6 = pnl_of_fills_e6(
        (record.fill for record in run.fills),
        run.merges,
        payout_up=run.payout_up,
        fair=found["fair"],
    )
    check_money(run)


def _orders(found: dict[str, Any]) -> OrderTotals:
    names = ("placed_n", "placed_e6", "filled_e6", "cancelled_e6", "rejected_e6", "expired_e6")
    totals = OrderTotals(**{name: found[name] for name in names})
    ended_e6 = totals.filled_e6 + totals.cancelled_e6 + totals.rejected_e6 + totals.expired_e6
    totals.open_e6 = totals.placed_e6 - ended_e6
    totals.reject_reasons = found["rejects"]
    return totals


def _fills(market: Market, rows: NDArray[Any]) -> list[FillRecord]:
    return [
        FillRecord(
            fill=Fill(
                trade_id=trade_id,
                order_id=order_id,
                slug=market.slug,
                token=Token(token),
                side=Side(action),
                price_e4=price_e4,
                size_e6=size_e6,
                fee_e6=0,
                exch_ns=at_ns,
                inferred=bool(inferred),
                front_e6=front_e6,
                after_cancel_sent=bool(late),
                counter_fee_e6=fee_e6,
            ),
            fair=fair,
        )
        for (
            at_ns, trade_id, order_id, price_e4, size_e6, front_e6, fee_e6, fair, token, action,
            inferred, late,
        ) in rows.tolist()
    ]  # fmt: skip
