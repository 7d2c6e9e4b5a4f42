"""The order manager: takes evidence about orders and fills, in any order of arrival.

Each item is merged into the summary of the order it speaks of; what follows from that is done by
`polymm.engine.order_beliefs`.
"""

from collections.abc import Callable
from typing import Any

from polymm.engine import evidence as ev
from polymm.engine import order_evidence as taking
from polymm.engine.fill_ledger import FillLedger, FillNews
from polymm.engine.order_beliefs import OrderBeliefs
from polymm.engine.order_evidence import Row
from polymm.engine.order_life import Order
from polymm.engine.order_replies import ALARMED_OVERFILL
from polymm.engine.order_settings import OrderSettings


class OrderManager(OrderBeliefs):
    """Believes of each order what the evidence allows, whatever its order of arrival.

    See `OrderBeliefs` for what it holds and what is asked of it.

    Args:
        fills: Where fills are counted; the manager tells it of each.
        settings: Waits and counts.

    Attributes:
        foreign: An order that nobody knows and that was filled; whoever concludes takes it away.
    """

    def __init__(self, fills: FillLedger, settings: OrderSettings | None = None) -> None:
        super().__init__(fills, settings)
        self.foreign = ""
        health = self._register.health
        self._takers: dict[type, Callable[[int, Any], object]] = {
            ev.Signed: self._take_signed,
            ev.Unsigned: self._take_unsigned,
            ev.Written: self._take_written,
            ev.CancelWritten: self._take_cancel_written,
            ev.PlaceAnswered: self._take_placed,
            ev.CancelAnswered: self._take_canceled,
            ev.Swept: self._take_swept,
            ev.OrderTold: self._take_told,
            ev.FillTold: self._take_fill,
            ev.OpenListed: self._take_list,
            ev.OrderRead: self._take_query,
            ev.TradesRead: self._take_trades,
            ev.BalancesRead: lambda _, read: health.note(read.recv_ns),
            ev.PreflightRead: lambda _, read: health.note(read.recv_ns),
            ev.MarketClosed: self._take_closed,
            ev.Merged: lambda _, merged: fills.merge(merged.market, merged.pairs_e6),
            ev.Correction: lambda _, correction: fills.correct(correction),
            ev.MarketSettled: lambda _, settled: fills.settle(settled.market, settled.cash_e6),
        }

    # Evidence

    def apply(self, now_ns: int, event: ev.Event) -> None:
        """Take an event; those that say nothing about orders or fills are passed over."""
        taker = self._takers.get(type(event))
        if taker is not None:
            taker(now_ns, event)

    def _take_signed(self, now_ns: int, event: ev.Signed) -> None:
        self._register.sign(self.by_id[event.order_id], event.order)

    def _take_unsigned(self, now_ns: int, event: ev.Unsigned) -> None:
        for order_id in event.order_ids:
            self.discard(now_ns, order_id, event.reason)

    def _take_written(self, now_ns: int, event: ev.Written) -> None:
        if not event.sent_ns:
            return
        for name in event.orders:
            order = self._known(name)
            if order is not None:
                if event.sent_ns > order.written_ns:
                    order.written_ns = event.sent_ns
                self._refresh(now_ns, order, Row.WRITTEN)

    def _take_cancel_written(self, now_ns: int, event: ev.CancelWritten) -> None:
        for name in event.orders:
            order = self._known(name)
            if order is None:
                continue
            if event.sent_ns:
                taking.take_cancel_written(order, event.sent_ns)
                self._refresh(now_ns, order)
            else:
                taking.take_canceled(order, ev.CancelVerdict.NOT_SENT, 0, now_ns)
                self._refresh(now_ns, order, Row.CANCEL_FAILED)

    def _take_placed(self, now_ns: int, event: ev.PlaceAnswered) -> None:
        order = self._known(event.order)
        if order is not None:
            self._refresh(now_ns, order, taking.take_placed(order, event))

    def _take_canceled(self, now_ns: int, event: ev.CancelAnswered) -> None:
        order = self._known(event.order)
        if order is None:
            return
        row = taking.take_canceled(order, event.verdict, event.sent_ns, event.recv_ns)
        if event.retry_after_ns:
            order.retry_ns = max(order.retry_ns, event.recv_ns + event.retry_after_ns)
        self._refresh(now_ns, order, row)
        if row is not Row.CANCELED:
            self._voice.tell_refusal(order, event.recv_ns, is_terminal=row is Row.NOT_CANCELED)

    def _take_swept(self, now_ns: int, event: ev.Swept) -> None:
        for names, verdict in (
            (event.canceled, ev.CancelVerdict.CANCELED),
            (event.not_canceled, ev.CancelVerdict.NOT_CANCELED),
        ):
            for name in names:
                order = self.by_hash.get(name)
                if order is None:
                    self._note_foreign(event.market, "swept")
                else:
                    row = taking.take_canceled(order, verdict, event.sent_ns, event.recv_ns)
                    self._refresh(now_ns, order, row)

    def _take_told(self, now_ns: int, event: ev.OrderTold) -> None:
        order = self.by_hash.get(event.order)
        if order is None:
            self._note_foreign(event.market, event.news.name.lower())
        else:
            self._refresh(now_ns, order, taking.take_told(order, event))

    def _take_fill(self, now_ns: int, event: ev.FillTold) -> None:
        news = self.fills.apply(event)
        order = self.by_hash.get(event.order)
        if order is None:
            self._note_foreign(event.market, "fill")
            if news is FillNews.NEW:
                self.foreign = event.order
            return
        row: Row | None = None
        if news is FillNews.NEW:
            row = Row.TRADE
            taking.take_fill(order, event, stands=True)
            self._voice.tell_fill(order, event, is_news=True)
            if order.executed_e6 > order.place.size_e6 and not order.voice & ALARMED_OVERFILL:
                order.voice |= ALARMED_OVERFILL
                self._alarm("filled_too_much", order, f"{order.executed_e6} of 1e-6 shares")
        elif news is FillNews.STILLBORN:
            row = Row.VOID
            taking.take_fill(order, event, stands=False)
        elif news is FillNews.VOIDED:
            row = Row.VOID
            taking.take_void(order, event)
            self._voice.tell_void(order, event)
        else:
            taking.take_fill_again(order, event)
        if row is Row.VOID:
            self._alarm("settlement_failed", order, f"trade {event.trade}")
        if row is not None or order.open_ns:
            self._refresh(now_ns, order, row)

    def _take_list(self, now_ns: int, event: ev.OpenListed) -> None:
        self._register.health.note(event.recv_ns)
        for reads in self._register.reads(event.market):
            reads.note_list(event.began_ns, event.recv_ns)
        for seen in event.orders:
            order = self.by_hash.get(seen.order)
            if order is None:
                self._note_foreign(seen.market, "open")
            else:
                row = taking.take_open(order, seen, event.began_ns, event.recv_ns)
                self._refresh(now_ns, order, row)
        self._refresh_all(now_ns, event.market)

    def _take_query(self, now_ns: int, event: ev.OrderRead) -> None:
        self._register.health.note(event.recv_ns)
        order = self._known(event.order)
        if order is None:
            return
        if event.seen is None:
            taking.take_absent(order, event.began_ns)
            self._refresh(now_ns, order)
        else:
            row = taking.take_open(order, event.seen, event.began_ns, event.recv_ns)
            self._refresh(now_ns, order, row)

    def _take_trades(self, now_ns: int, event: ev.TradesRead) -> None:
        self._register.health.note(event.recv_ns)
        for fill in event.fills:
            self._take_fill(now_ns, fill)
        for reads in self._register.reads(event.market):
            reads.note_trades(event.began_ns, event.after_ns)
        self._refresh_all(now_ns, event.market)

    def _take_closed(self, now_ns: int, event: ev.MarketClosed) -> None:
        for reads in self._register.reads(event.market):
            reads.closed_ns = min(reads.closed_ns, now_ns)
        self._refresh_all(now_ns, event.market, Row.CLOSED)

    def _known(self, name: str) -> Order | None:
        """The order of a hash that we ourselves asked about."""
        order = self.by_hash.get(name)
        if order is None:
            self.counts["answer_about_nothing"] += 1
        return order

    def _note_foreign(self, market: str, where: str) -> None:
        """Count what tells of an unknown order; the reconciler sees to those that rest."""
        is_forgotten = self.fills.is_forgotten(market)
        self.counts[f"forgotten_{where}" if is_forgotten else f"foreign_{where}"] += 1
