"""Backtests: packed tapes through the compiled loop, each to the record that reports are made of.

The loop runs the live code from staged changes onward (`polymm._core.backtest`); this module says
what is run. Markets that are open at the same time share one account, as they do live; whenever
none is open it begins anew, so that one window's luck is not the next one's budget.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from polymm._core.backtest import Backtest
from polymm._core.backtest_names import CYCLE_FIELDS
from polymm._core.layout import DOWN, ROW_LOCAL, ROW_VENUE, UP
from polymm._core.tape_rows import TapeRows
from polymm.domain.market import NS, Market
from polymm.engine.settings import MakerSettings
from polymm.exchange.tape import Latency, parse_queue
from polymm.research.backtest_record import write_run
from polymm.research.records import MarketRun
from polymm.research.run_settings import RunSettings, raised
from polymm.research.tape_pack import PackedTape, arrange
from polymm.research.tape_recorder import GAP_NS


@dataclass(frozen=True, slots=True)
class Glance:
    """Where a run stands: the market that opened last, and the account.

    Args:
        number: Of that market among the tapes, from 0.
        others_n: Markets open beside it.
        elapsed: Share of its window that is over, 0..1.
        done: Share of all windows' time that is over, 0..1.
        bid, ask: Price and open size of ours that rest at the venue; (0, 0) where none does.
        fills_n, merges_n, cash_e6: Of the whole account.
    """

    number: int
    others_n: int
    elapsed: float
    done: float
    bid: tuple[int, int]
    ask: tuple[int, int]
    up_e6: int
    down_e6: int
    fills_n: int
    merges_n: int
    cash_e6: int


Keep = Literal["fills", "course", "actions"]
InferredForm = Literal["none", "through"]

GAPS: Final = f"gaps_over_{GAP_NS // NS}_s"
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


def known_defects(tape: PackedTape) -> dict[str, int]:
    """What is wrong with a tape, by name: what its making found, and `GAPS` in its window."""
    gaps = gaps_n(tape)
    return dict(tape.defects) | ({GAPS: gaps} if gaps else {})


def gaps_n(tape: PackedTape) -> int:
    """Count the silences inside the window, its ends included."""
    market = tape.market
    times = np.sort(np.minimum(tape.rows["exch_ns"], market.end_ns))
    times = np.concatenate(([market.start_ns], times[times > market.start_ns], [market.end_ns]))
    return int(np.count_nonzero(np.diff(times) > GAP_NS))


def open_together(spans: Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Group windows that overlap in time, or are linked by others that do.

    Args:
        spans: (start, end) of each, ns.

    Returns:
        Their numbers, each group and all groups in order of start.
    """
    groups: list[list[int]] = []
    open_until_ns = 0
    for number in sorted(range(len(spans)), key=lambda number: spans[number]):
        start_ns, end_ns = spans[number]
        if groups and start_ns < open_until_ns:
            groups[-1].append(number)
        else:
            groups.append([number])
            open_until_ns = end_ns
        open_until_ns = max(open_until_ns, end_ns)
    return [tuple(group) for group in groups]


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
    """Run a maker on one packed tape: `backtest_account` of one market."""
    (run,) = backtest_account(
        [tape],
        settings,
        queue=queue,
        latency=latency,
        fill_form=fill_form,
        keep=keep,
        rows=None if rows is None else [rows],
        progress=progress,
        stop=stop,
    )
    return run


def backtest_account(
    tapes: Sequence[PackedTape],
    settings: RunSettings,
    *,
    queue: str = "risk_averse",
    latency: Latency | None = None,
    fill_form: InferredForm = "none",
    keep: Keep = "course",
    rows: Sequence[TapeRows] | None = None,
    progress: Callable[[Glance], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> list[MarketRun]:
    """Run the makers of one account on packed tapes, together in time.

    Cash and ``max_total_position`` are those of all of them. What comes in one nanosecond comes in
    order of window start, end and slug, whatever the order of the tapes.

    Args:
        queue: Queue model: ``risk_averse``, ``prob`` or ``prob(n)``.
        latency: Delays; the documented constants by default.
        fill_form: What fills on a tape without trades; a tape with trades fills by them.
        keep: What a record holds: "fills" alone, or the whole "course" of marks, quotes and
            holdings that a report shows.
        rows: Those of each tape, where they were checked before.
        progress: Called now and then.
        stop: Asked now and then; once true, the run ends in order where it stands.

    Returns:
        A record a tape, in their order, but none of a market that had not begun when the run was
        stopped. Settled by the tape's outcome; without one ``unsettled``, marked at the last mid;
        ``excluded`` without a frame inside the window or with fees of a form we do not know.

    Raises:
        InputError: The rows make no sense.
        LedgerError: Account, fill list or order totals do not add up.
    """
    latency = latency or Latency()
    runs = [_begun(tape, settings, latency, fill_form) for tape in tapes]
    ran = [number for number, run in enumerate(runs) if not run.exclusion]
    ran.sort(key=lambda number: _turn(tapes[number].market))
    if not ran:
        return runs
    used = [tapes[number] for number in ran]
    checked = (
        [sound_rows(tape, feed_ns=latency.feed_ns) for tape in used]
        if rows is None
        else [rows[number] for number in ran]
    )
    forms = [runs[number].fill_form for number in ran]
    loop = open_account(used, checked, forms, settings, queue=queue, latency=latency, keep=keep)
    until_ns = _run(loop, used, ran, progress, stop)
    never_begun = set()
    for place, number in enumerate(ran):
        market = tapes[number].market
        if market.start_ns > until_ns:
            never_begun.add(number)
            continue
        write_run(runs[number], loop, place, tapes[number])
    return [run for number, run in enumerate(runs) if number not in never_begun]


def _turn(market: Market) -> tuple[int, int, str]:
    return market.start_ns, market.end_ns, market.slug


def accounts_of(tapes: Sequence[PackedTape], latency: Latency) -> list[tuple[int, ...]]:
    """Group tapes that share an account: those that run and are open together.

    Returns:
        Their numbers; one that is excluded stands alone, and links no others.
    """
    ran: list[int] = []
    alone: list[int] = []
    for number, tape in enumerate(tapes):
        (alone if exclusion(tape, latency) else ran).append(number)
    spans = [(tapes[number].market.start_ns, tapes[number].market.end_ns) for number in ran]
    groups = [tuple(ran[place] for place in group) for group in open_together(spans)]
    return sorted([*groups, *((number,) for number in alone)])


def _begun(
    tape: PackedTape, settings: RunSettings, latency: Latency, fill_form: InferredForm
) -> MarketRun:
    """A record of a market that has not run, with what is known of it before."""
    run = MarketRun(
        market=tape.market,
        source=tape.source,
        status="unsettled",
        fill_form="trades" if tape.has_trades else fill_form,
        defects=known_defects(tape),
        cash_start_e6=settings.cash_e6,
        cash_end_e6=settings.cash_e6,
    )
    run.exclusion = exclusion(tape, latency)
    if run.exclusion:
        run.status = "excluded"
    return run


def exclusion(tape: PackedTape, latency: Latency) -> str:
    """Why a market is not run, "" where it is."""
    market, rows = tape.market, tape.rows
    if market.fees.exponent != 1:
        return "fees_unknown"
    known_ns = np.where(rows["recv_ns"], rows["recv_ns"], rows["exch_ns"] + latency.feed_ns)
    inside = (known_ns >= market.start_ns) & (known_ns < market.end_ns)
    return "" if inside.any() else "outside_window"


def open_account(
    tapes: Sequence[PackedTape],
    rows: Sequence[TapeRows],
    forms: Sequence[str],
    settings: RunSettings,
    *,
    queue: str,
    latency: Latency,
    keep: Keep = "course",
) -> Backtest:
    """Make a loop of tapes that share one account; each has its place as its number there."""
    loop = Backtest(cash_e6=settings.cash_e6)
    for tape, checked, form in zip(tapes, rows, forms, strict=True):
        add_tape(loop, tape, checked, settings, queue=queue, latency=latency, form=form, keep=keep)
    return loop


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
        seed=market_seed(settings.seed, market),
        merge_delay_ns=settings.merge_delay_ns,
        close_margin_ns=settings.close_margin_ns,
        quoter_address=settings.quoter,
        keep=keep,
    )


def market_seed(seed: int, market: Market) -> int:
    """Seed of a market's drawn delays, by its name: no two markets draw alike, in any order."""
    return int.from_bytes(sha256(f"{seed} {market.slug}".encode()).digest()[:6])


def _run(
    loop: Backtest,
    tapes: Sequence[PackedTape],
    numbers: Sequence[int],
    progress: Callable[[Glance], None] | None,
    stop: Callable[[], bool] | None,
) -> int:
    """Let time pass to the end; answer up to when it did, ns."""
    start_ns = min(tape.market.start_ns for tape in tapes)
    end_ns = max(tape.market.end_ns for tape in tapes)
    looks = 1 if progress is None and stop is None else LOOKS
    for look in range(1, looks):
        until_ns = start_ns + (end_ns - start_ns) * look // looks
        loop.run(until_ns)
        if progress is not None:
            progress(glance(loop, tapes, numbers, until_ns))
        if stop is not None and stop():
            loop.stop(until_ns)
            return until_ns
    loop.run()
    return end_ns


def glance(
    loop: Backtest, tapes: Sequence[PackedTape], numbers: Sequence[int], now_ns: int
) -> Glance:
    """Look at an account while it runs.

    Args:
        numbers: What each tape of the loop is called.
    """
    markets = [tape.market for tape in tapes]
    begun = [place for place, market in enumerate(markets) if market.start_ns <= now_ns]
    newest = max(begun, key=lambda place: markets[place].start_ns)
    others = [place for place in begun if markets[place].end_ns > now_ns and place != newest]
    found = [loop.result(place) for place in range(len(tapes))]
    lengths_ns = [market.end_ns - market.start_ns for market in markets]
    past_ns = [
        min(max(now_ns - market.start_ns, 0), length_ns)
        for market, length_ns in zip(markets, lengths_ns, strict=True)
    ]
    shown = found[newest]
    start_e6 = shown["cash_start_e6"]
    return Glance(
        number=numbers[newest],
        others_n=len(others),
        elapsed=past_ns[newest] / lengths_ns[newest],
        done=sum(past_ns) / sum(lengths_ns),
        bid=shown["bid"],
        ask=shown["ask"],
        up_e6=shown["up_e6"],
        down_e6=shown["down_e6"],
        fills_n=sum(one["fills_n"] for one in found),
        merges_n=sum(one["merges_n"] for one in found),
        cash_e6=start_e6 + sum(one["cash_e6"] - start_e6 for one in found),
    )
