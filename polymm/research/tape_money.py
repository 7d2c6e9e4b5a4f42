"""The money of one market, computed twice: from the venue's ledger and from the fill list."""

from collections.abc import Iterable
from math import isfinite

from polymm.domain.order import Fill, Side, Token
from polymm.errors import LedgerError
from polymm.research.records import MarketRun


def mark_x2_e4(fair: float) -> int | None:
    """Twice f in 1e-4 dollars, a whole number for a mid; None where there is no f."""
    return round(fair * 20_000) if isfinite(fair) else None


def marked_e6(up_e6: int, down_e6: int, fair: float) -> int:
    """Value of shares at f, rounded down; 0 where f was never known."""
    x2_e4 = mark_x2_e4(fair)
    if x2_e4 is None:
        return 0
    return (up_e6 * x2_e4 + down_e6 * (20_000 - x2_e4)) // 20_000


def pnl_of_fills_e6(
    fills: Iterable[Fill],
    merges: Iterable[tuple[int, int]],
    *,
    payout_up: float | None,
    fair: float,
) -> int:
    """PnL before rebates from fills and merges alone, 1e-6 dollars.

    Args:
        merges: (venue ns, pairs_e6).
        payout_up: 1.0 or 0.0; None marks what is held at ``fair``.

    Raises:
        LedgerError: The cash is not a whole number of 1e-6 dollars.
    """
    cash_e10 = up_e6 = down_e6 = 0
    for fill in fills:
        sign = 1 if fill.side is Side.BUY else -1
        cash_e10 -= sign * fill.price_e4 * fill.size_e6 + fill.fee_e6 * 10_000
        if fill.token is Token.UP:
            up_e6 += sign * fill.size_e6
        else:
            down_e6 += sign * fill.size_e6
    for _, pairs_e6 in merges:
        cash_e10 += pairs_e6 * 10_000
        up_e6 -= pairs_e6
        down_e6 -= pairs_e6
    cash_e6, rest = divmod(cash_e10, 10_000)
    if rest:
        raise LedgerError(f"cash of the fills must be whole 1e-6 dollars, {rest}e-10 are left over")
    if payout_up is None:
        return cash_e6 + marked_e6(up_e6, down_e6, fair)
    return cash_e6 + (up_e6 if payout_up else down_e6)


def check_money(run: MarketRun) -> None:
    """Hold the venue's ledger against the fill list.

    Raises:
        LedgerError: They differ by a micro-dollar or more.
    """
    ledger_e6 = run.cash_end_e6 - run.cash_start_e6 + run.unsettled_value_e6
    if ledger_e6 != run.pnl_fills_e6:
        raise LedgerError(
            f"{run.market.slug}: PnL by the ledger is {ledger_e6}e-6 dollars,"
            f" by the fill list {run.pnl_fills_e6}e-6"
        )
