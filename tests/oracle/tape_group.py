"""Several tapes on one account, merged one event at a time: the slow twin of the compiled loop.

What happens first comes first. Of one ns the venues come before our sides, and of those the markets
in the order in which they begin, or in which they were given where they begin together.
"""

from dataclasses import replace

from polymm.domain.inventory import Portfolio
from polymm.engine.events import NEVER_NS
from polymm.exchange.accounts import Account
from polymm.exchange.tape import Latency
from polymm.research.records import MarketRun
from polymm.research.tape_recorder import GAP_NS, NS
from tests.oracle.tape_loop import TapeLoop


class Purse:
    """Cash that several ledgers share: its start and all that has flowed, less all reserves."""

    def __init__(self, cash_e6):
        self.cash_e6 = cash_e6
        self.accounts = []

    @property
    def free_cash_e6(self):
        """Cash that a new buy may reserve in any market."""
        return self.cash_e6 + sum(
            account.cash_e6 - account.cash_start_e6 - account.reserved_e6
            for account in self.accounts
        )


class PurseAccount(Account):
    """The ledger of one market, which counts from `cash_e6`; what is free the purse says."""

    __slots__ = ("_purse",)

    def __init__(self, cash_e6, purse):
        super().__init__(cash_e6)
        self._purse = purse
        purse.accounts.append(self)

    @property
    def free_cash_e6(self):
        """Cash that a new buy may reserve."""
        return self._purse.free_cash_e6


def run_tape(tape, settings, *, latency=None, **more):
    """Run a maker on one tape; as `polymm.research.tape_run.run_tape`."""
    latencies = [latency or Latency()]
    (run,) = run_tapes([tape], settings, cash_e6=settings.cash_e6, latencies=latencies, **more)
    return run


def run_tapes(tapes, settings, *, cash_e6, latencies, queue="risk_averse", fill_form="none"):
    """Run a maker on each of several tapes with one purse and one sum of marked positions.

    Args:
        cash_e6: The purse; `settings.cash_e6` is what the result of each market counts from.
        latencies: Of each market.
    """
    purse, portfolio = Purse(cash_e6), Portfolio()
    runs, loops = [], []
    for tape, latency in zip(tapes, latencies, strict=True):
        tape = replace(tape, frames=list(tape.frames))
        frames = received(tape, latency)
        run = _record(tape, frames, settings, fill_form)
        runs.append(run)
        if run.exclusion:
            continue
        account = PurseAccount(settings.cash_e6, purse)
        loops.append(
            TapeLoop(tape, run, frames, settings, account=account, portfolio=portfolio,
                     queue=queue, latency=latency)
        )  # fmt: skip
    let_pass(loops)
    for loop in loops:
        loop.conclude()
    return runs


def let_pass(loops):
    """Let everything happen, in order of time."""
    loops = sorted(loops, key=lambda loop: loop.first_ns)
    while loops:
        loop = min(loops, key=lambda loop: loop.next)
        if loop.next[0] == NEVER_NS:
            return
        loop.do_next()


def _record(tape, frames, settings, fill_form):
    run = MarketRun(
        market=tape.market,
        source=tape.source,
        status="unsettled",
        fill_form="trades" if tape.has_trades else fill_form,
        defects=dict(tape.defects),
    )
    gaps = gaps_n(tape)
    if gaps:
        run.defects[f"gaps_over_{GAP_NS // NS}_s"] = gaps
    run.exclusion = _exclusion(tape.market, frames)
    if run.exclusion:
        run.status = "excluded"
        run.cash_start_e6 = run.cash_end_e6 = settings.cash_e6
    return run


def _exclusion(market, frames):
    """Why a market is not run, "" where it is."""
    if market.fees.exponent != 1:
        return "fees_unknown"
    known = any(market.start_ns <= ns < market.end_ns for ns, _ in frames)
    return "" if known else "outside_window"


def received(tape, latency):
    """Frames in order of our receipt, those without a usable time after the feed's latency."""
    feed_ns = latency.feed_ns
    frames = [(recv_ns or exch_ns + feed_ns, frame) for exch_ns, recv_ns, frame in tape.frames]
    frames.sort(key=lambda frame: frame[0])
    return frames


def gaps_n(tape):
    """Count the silences inside the window, its ends included."""
    last_ns = tape.market.start_ns
    gaps = 0
    for frame in tape.frames:
        at_ns = min(frame.exch_ns, tape.market.end_ns)
        if at_ns > last_ns:
            gaps += at_ns - last_ns > GAP_NS
            last_ns = at_ns
    return gaps + (tape.market.end_ns - last_ns > GAP_NS)
