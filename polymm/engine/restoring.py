"""Believing what a journal tells, before a start: orders that are not final are in doubt."""

from polymm.engine.fill_ledger import FillLedger
from polymm.engine.order_manager import OrderManager
from polymm.engine.recovered import Recovered


def restore(now_ns: int, known: Recovered, orders: OrderManager, fills: FillLedger) -> None:
    """Give orders and fills back to whoever believes them; settled markets are forgotten again."""
    for order, kept in known.orders.items():
        orders.restore(
            now_ns,
            kept.plan.market,
            kept.plan.place,
            order,
            planned_ns=kept.plan.planned_ns,
            written_ns=kept.sent_ns,
            cancels=kept.cancels,
            how=kept.how,
            matched_e6=kept.matched_e6,
        )
    fills.carry(known.forgotten_e10)
    for fill in known.fills.values():
        orders.restore_fill(now_ns, fill)
    for market, pairs_e6 in known.merged_e6.items():
        fills.merge(market, pairs_e6)
    for correction in known.corrections.values():
        fills.correct(correction)
    for settled in known.settled.values():
        fills.settle(settled.market, settled.cash_e6)
        orders.forget(settled.market)
        fills.forget(settled.market)
