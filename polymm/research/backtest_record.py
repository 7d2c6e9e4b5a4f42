"""What became of a market in the backtest loop, as the record that reports are made of."""

from array import array
from typing import Any

from numpy.typing import NDArray

from polymm._core.backtest import Backtest
from polymm.domain.market import NS, Market
from polymm.domain.order import Fill, Side, Token
from polymm.research.records import FillRecord, MarketRun, Marks, OrderTotals
from polymm.research.tape_money import check_money, marked_e6, pnl_of_fills_e6
from polymm.research.tape_pack import PackedTape


def write_run(run: MarketRun, loop: Backtest, number: int, tape: PackedTape) -> None:
    """Write into a record what became of a market that is done.

    Raises:
        LedgerError: PnL by the ledger is not that of the fill list.
    """
    found = loop.result(number)
    market, outcome = tape.market, tape.outcome
    is_stopped = found["is_stopped"]
    if is_stopped or outcome is None:
        run.exclusion = "stopped" if is_stopped else "no_outcome"
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
