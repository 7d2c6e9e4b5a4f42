"""What is known after reading a journal back; also what its writer knows while it writes.

Applying records is idempotent where they have a key of their own: orders by hash, fills by
(trade, order, leg) with their highest status, corrections by id.
"""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Final

from polymm.engine import evidence as ev
from polymm.engine.actions import (
    Counted,
    LimitReached,
    MergeFound,
    OrderEnded,
    ResultKnown,
    TradesKnown,
)
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.kept_losses import KeptLosses, unpack
from polymm.engine.records import (
    Checkpoint,
    LimitsLifted,
    MarketKnown,
    MergeAsked,
    OrderKept,
    OrderPlanned,
    Record,
    RunBegun,
)
from polymm.engine.settings import SECOND

# A settled market's orders are told apart from foreign ones for so long after its end: trades are
# read from ten minutes before what is known, and payouts took up to 316 s (markets-5m notes).
REMEMBER_NS: Final = 1_800 * SECOND
RESTART_NS: Final = 60 * SECOND


@dataclass(slots=True)
class Recovered:
    """Orders, fills and markets, as far as records told.

    Attributes:
        run: The run that began last.
        is_tail_lost: The host went down before it, and with it what was not on the disk.
        markets: By condition id.
        settled: Markets that are counted and paid.
        orders: By hash, in the order of their planning.
        fills: By key, each with the highest status it was seen with.
        merged_e6: Pairs that became cash, by market.
        asked: The merge of each market of which it is not known what became of it.
        corrections: By id.
        balances: What the venue said last.
        forgotten_e10: What settled markets that were dropped did to the cash, 1e-10 dollars.
        trades_known_ns: Every trade matched before is in `fills`; 0 where that was never proven.
        next_order_id: Above every number used so far.
        last_ns: Newest time of any record that has one.
        losses: What counts towards the limits of losses.
        faults: Records that contradict others, by name; each was taken as far as it goes.
    """

    run: RunBegun | None = None
    is_tail_lost: bool = False
    markets: dict[str, MarketKnown] = field(default_factory=dict)
    settled: dict[str, ev.MarketSettled] = field(default_factory=dict)
    orders: dict[str, OrderKept] = field(default_factory=dict)
    fills: dict[tuple[str, str, int], ev.FillTold] = field(default_factory=dict)
    merged_e6: dict[str, int] = field(default_factory=dict)
    asked: dict[str, MergeAsked] = field(default_factory=dict)
    corrections: dict[str, ev.Correction] = field(default_factory=dict)
    balances: ev.BalancesRead | None = None
    forgotten_e10: int = 0
    trades_known_ns: int = 0
    next_order_id: int = 1
    last_ns: int = 0
    losses: KeptLosses = field(default_factory=KeptLosses)
    faults: Counter[str] = field(default_factory=Counter)

    @property
    def open_orders(self) -> list[OrderKept]:
        """Orders that may be live."""
        return [kept for kept in self.orders.values() if not kept.how]

    def apply(self, record: Record) -> None:
        """Take a record in; steps tell nothing that other records do not."""
        apply = _APPLY.get(type(record))
        if apply is not None:
            apply(self, record)

    def is_news(self, fill: ev.FillTold) -> bool:
        """Whether a fill was not told yet with this status or a higher one."""
        known = self.fills.get(fill.key)
        return known is None or fill.status > known.status

    def checkpoint(self) -> Checkpoint:
        """Put everything that is still needed into one record."""
        self.forget_settled()
        return Checkpoint(
            self.run,
            tuple(self.markets.values()),
            tuple(self.settled.values()),
            tuple(self.orders.values()),
            tuple(self.fills.values()),
            tuple(self.merged_e6.items()),
            tuple(self.asked.values()),
            tuple(self.corrections.values()),
            self.balances,
            self.forgotten_e10,
            self.trades_known_ns,
            self.next_order_id,
            self.last_ns,
            self.losses.pack(),
        )

    def forget_settled(self) -> None:
        """Drop settled markets that nobody asks about any more, unless an order may be live."""
        before_ns = self.last_ns - REMEMBER_NS
        gone = {m for m in self.settled if self._end_ns(m) < before_ns}
        gone -= {kept.plan.market for kept in self.open_orders}
        if not gone:
            return
        self.forgotten_e10 += self._cash_e10(gone)
        for by_market in (self.markets, self.settled, self.merged_e6, self.asked):
            for market in gone:
                by_market.pop(market, None)
        orders, fills, corrections = self.orders, self.fills, self.corrections
        self.orders = {k: v for k, v in orders.items() if v.plan.market not in gone}
        self.fills = {k: v for k, v in fills.items() if v.market not in gone}
        self.corrections = {k: v for k, v in corrections.items() if v.market not in gone}
        self.losses.forget(gone)

    def _cash_e10(self, settled: Collection[str]) -> int:
        """What these markets did to the cash: the ledger that is restored lacks them."""
        ledger = FillLedger()
        for fill in self.fills.values():
            if fill.market in settled:
                ledger.apply(fill)
        for correction in self.corrections.values():
            if correction.market in settled:
                ledger.correct(correction)
        for market in settled:
            ledger.merge(market, self.merged_e6.get(market, 0))
            ledger.settle(market, self.settled[market].cash_e6)
            ledger.forget(market)
        return ledger.total.confirmed_e10

    def _end_ns(self, market: str) -> int:
        known = self.markets.get(market)
        return 0 if known is None else known.market.end_ns

    # One function a record

    def _run(self, record: RunBegun) -> None:
        before = self.run
        if before is not None:
            # A run that ended soon after such a start may not have waited for what arrives late.
            is_soon = record.started_ns - before.started_ns < RESTART_NS
            self.is_tail_lost = before.boot != record.boot or (self.is_tail_lost and is_soon)
        self.run = record
        self.last_ns = max(self.last_ns, record.started_ns)

    def _checkpoint(self, record: Checkpoint) -> None:
        """Begin anew with what a checkpoint carries on."""
        self.run = record.run
        self.markets = {known.market.condition_id: known for known in record.markets}
        self.settled = {settled.market: settled for settled in record.settled}
        self.orders = {kept.plan.order: kept for kept in record.orders}
        self.fills = {fill.key: fill for fill in record.fills}
        self.merged_e6 = dict(record.merged)
        self.asked = {asked.market: asked for asked in record.asked}
        self.corrections = {item.correction: item for item in record.corrections}
        self.balances = record.balances
        self.forgotten_e10 = record.forgotten_e10
        self.trades_known_ns = record.trades_known_ns
        self.next_order_id = record.next_order_id
        self.last_ns = record.last_ns
        self.losses = unpack(record.losses)

    def _market(self, record: MarketKnown) -> None:
        self.markets[record.market.condition_id] = record
        self.last_ns = max(self.last_ns, record.at_ns)

    def _planned(self, record: OrderPlanned) -> None:
        if record.order in self.orders:
            self.faults["planned_twice"] += 1
            return
        self.orders[record.order] = OrderKept(record, 0, (), "", 0)
        order_id = record.place.order_id
        if order_id >= self.next_order_id:
            self.next_order_id = order_id + 1
        if record.planned_ns > self.last_ns:
            self.last_ns = record.planned_ns

    def _written(self, record: ev.Written) -> None:
        for order in record.orders:
            kept = self._kept(order)
            if kept is not None:
                self.orders[order] = kept._replace(sent_ns=record.sent_ns)

    def _cancel_written(self, record: ev.CancelWritten) -> None:
        for order in record.orders:
            kept = self._kept(order)
            if kept is not None and record.sent_ns not in kept.cancels:
                cancels = tuple(sorted((*kept.cancels, record.sent_ns)))
                self.orders[order] = kept._replace(cancels=cancels)

    def _ended(self, record: OrderEnded) -> None:
        kept = self._kept(record.order)
        if kept is not None:
            self.orders[record.order] = kept._replace(how=record.how, matched_e6=record.matched_e6)

    def _kept(self, order: str) -> OrderKept | None:
        kept = self.orders.get(order)
        if kept is None:
            self.faults["order_unplanned"] += 1
        return kept

    def _fill(self, record: ev.FillTold) -> None:
        known = self.fills.get(record.key)
        if known is None:
            self.fills[record.key] = record
        elif record.status > known.status:
            # Amounts are those that were told first, as in the ledger.
            self.fills[record.key] = known._replace(status=record.status)

    def _asked(self, record: MergeAsked) -> None:
        before = self.asked.get(record.market)
        left_e6 = 0 if before is None else before.pairs_e6
        self.asked[record.market] = record._replace(pairs_e6=record.pairs_e6 + left_e6)
        self.last_ns = max(self.last_ns, record.at_ns)

    def _merged(self, record: ev.Merged) -> None:
        self.merged_e6[record.market] = self.merged_e6.get(record.market, 0) + record.pairs_e6
        self._answered(record.market, record.pairs_e6)

    def _unmerged(self, record: ev.MergeFailed) -> None:
        self._answered(record.market, record.pairs_e6)

    def _found(self, record: MergeFound) -> None:
        if record.is_done:
            self._merged(ev.Merged(record.market, record.pairs_e6))
        else:
            self._answered(record.market, record.pairs_e6)

    def _answered(self, market: str, pairs_e6: int) -> None:
        """Know what became of pairs that were to be merged."""
        asked = self.asked.pop(market, None)
        if asked is not None and asked.pairs_e6 > pairs_e6:
            self.asked[market] = asked._replace(pairs_e6=asked.pairs_e6 - pairs_e6)

    def _settled(self, record: ev.MarketSettled) -> None:
        self.settled[record.market] = record
        self.asked.pop(record.market, None)
        self.losses.forget((record.market,))
        self.forget_settled()

    def _balances(self, record: ev.BalancesRead) -> None:
        self.balances = record
        self.last_ns = max(self.last_ns, record.recv_ns)

    def _trades_known(self, record: TradesKnown) -> None:
        self.trades_known_ns = max(self.trades_known_ns, record.until_ns)

    def _corrected(self, record: ev.Correction) -> None:
        self.corrections.setdefault(record.correction, record)

    def _result(self, record: ResultKnown) -> None:
        self.losses.take_result(record, is_settled=record.market in self.settled)

    def _counted(self, record: Counted) -> None:
        self.losses.count(record)

    def _reached(self, record: LimitReached) -> None:
        self.losses.reach(record)

    def _lifted(self, record: LimitsLifted) -> None:
        self.losses.lift(record)


_APPLY: Final[dict[type, Callable[[Recovered, Any], None]]] = {
    RunBegun: Recovered._run,
    Checkpoint: Recovered._checkpoint,
    MarketKnown: Recovered._market,
    OrderPlanned: Recovered._planned,
    ev.Written: Recovered._written,
    ev.CancelWritten: Recovered._cancel_written,
    OrderEnded: Recovered._ended,
    ev.FillTold: Recovered._fill,
    MergeAsked: Recovered._asked,
    ev.Merged: Recovered._merged,
    ev.MergeFailed: Recovered._unmerged,
    MergeFound: Recovered._found,
    ev.MarketSettled: Recovered._settled,
    ev.BalancesRead: Recovered._balances,
    TradesKnown: Recovered._trades_known,
    ev.Correction: Recovered._corrected,
    ResultKnown: Recovered._result,
    Counted: Recovered._counted,
    LimitReached: Recovered._reached,
    LimitsLifted: Recovered._lifted,
}
