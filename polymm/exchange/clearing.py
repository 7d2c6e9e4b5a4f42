"""Trades after their match: their money, their course, and all that their parties are told."""

from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from random import Random
from typing import NamedTuple

from polymm.exchange.faults import Fault, Faults
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder, Fill
from polymm.exchange.rules import Rules
from polymm.exchange.settlement import Step, Trade, TradeStatus, plan_course
from polymm.exchange.timers import Timers
from polymm.exchange.user_channel import UserMessage, order_event, trade_event
from polymm.exchange.wallets import Booking, Ledger

REBATES_MAX = 10_000


class Rebate(NamedTuple):
    """A maker's share of taker fees that was paid.

    Args:
        at_ns: When.
        condition_id: The market with whose resolution it was paid.
        address: The maker's wallet.
        amount_e6: 1e-6 dollars.
    """

    at_ns: int
    condition_id: str
    address: str
    amount_e6: int


class Clearing:
    """Books trades, carries their course out and tells of it.

    Args:
        ledger: Everybody's money.
        timers: Venue time.
        rules: How long a transaction takes.
        faults: What goes wrong on the way and in the telling.
        emit: Gets every event of the user channel.
        seed: Seeds trade ids and the time transactions take.

    Attributes:
        rebates: Paid of late, oldest first.
    """

    def __init__(
        self,
        ledger: Ledger,
        timers: Timers,
        rules: Rules,
        faults: Faults,
        emit: Callable[[UserMessage], None],
        seed: int,
    ) -> None:
        self._ledger = ledger
        self._timers = timers
        self._rules = rules
        self._faults = faults
        self._emit = emit
        self._rng = Random(f"clearing {seed}")
        self._trades: defaultdict[str, dict[str, Trade]] = defaultdict(dict)
        self.rebates: deque[Rebate] = deque(maxlen=REBATES_MAX)

    def match(
        self,
        now_ns: int,
        taker: BookOrder,
        fills: Sequence[Fill],
        listing: Listing,
        booking: Booking,
        *,
        late_ns: int = 0,
    ) -> Trade | None:
        """Book a match and start its course; None where only the exchange's own traders met.

        Call it when the orders' sizes and states are those after the match: they are told.

        Args:
            now_ns: Time of the match.
            taker: The order that came.
            fills: What it took.
            listing: The market.
            booking: Who gives and gets what.
            late_ns: How much later than it happens everything about it is told.
        """
        self._ledger.book(booking)
        orders = [order for order in (taker, *(fill.maker for fill in fills)) if order.owner]
        if not orders:
            self._ledger.settle(booking)
            return None
        trade = Trade(self._make_id(), listing, taker, tuple(fills), booking, now_ns)
        for owner in trade.owners():
            self._keep(owner, trade)
        listing.trades_open += 1
        late_ns += self._faults.delay_ns(Fault.USER_FILL_LATE)
        steps = plan_course(self._rng, now_ns, self._rules, self._faults)
        for order in orders:
            order.trade_ids.append(trade.trade_id)
        for step in steps[1:]:
            self._timers.at(step.at_ns, partial(self._carry_out, trade, step))
        for step in steps:
            if step.told_ns is not None:
                self._at(step.told_ns + late_ns, now_ns, partial(self._tell_trade, trade, step))
        for order in orders:
            message = order_event(now_ns, "UPDATE", order, listing)
            if late_ns:
                self._timers.at(now_ns + late_ns, partial(self._tell_late, message))
            else:
                self._tell(message)
        return trade

    def tell_order(self, now_ns: int, kind: str, order: BookOrder, listing: Listing) -> None:
        """Tell an order's owner of it; the exchange's own traders are not told."""
        if order.owner:
            self._tell(order_event(now_ns, kind, order, listing))

    def trades(self, owner: str) -> Iterator[Trade]:
        """Trades of an account, newest first."""
        return reversed(self._trades[owner].values())

    def all_trades(self) -> list[Trade]:
        """Trades of all accounts, each once, newest first."""
        trades: dict[str, Trade] = {}
        for kept in self._trades.values():
            trades.update(kept)
        return sorted(trades.values(), key=attrgetter("matched_ns"), reverse=True)

    def forget(self, listing: Listing) -> None:
        """Drop the trades of a market that is retired."""
        for trades in self._trades.values():
            for trade_id in [key for key, trade in trades.items() if trade.listing is listing]:
                del trades[trade_id]

    def share_rebates(self, listing: Listing) -> None:
        """Pay a resolved market's rebates once no trade of it can fail any more."""
        if listing.winner is not None and not listing.trades_open and not listing.rebates_paid:
            listing.rebates_paid = True
            rate_e6 = listing.market.fees.rebate_e6
            minimum_e6 = self._rules.rebate_min_e6
            paid = self._ledger.pay_rebates(listing.pool, rate_e6=rate_e6, minimum_e6=minimum_e6)
            now_ns, condition_id = self._timers.now_ns, listing.condition_id
            self.rebates.extend(Rebate(now_ns, condition_id, *entry) for entry in paid.items())

    def _carry_out(self, trade: Trade, step: Step, now_ns: int) -> None:
        trade.status, trade.transaction, trade.updated_ns = step.status, step.transaction, now_ns
        if step.status is TradeStatus.MINED:
            self._ledger.settle(trade.booking)
        elif step.status is TradeStatus.FAILED:
            self._ledger.revert(trade.booking)
        if step.status.is_final:
            trade.listing.trades_open -= 1
            self.share_rebates(trade.listing)

    def _tell_trade(self, trade: Trade, step: Step, now_ns: int) -> None:
        for owner in trade.owners():
            self._tell(trade_event(now_ns, trade, owner, step.status, step.transaction))

    def _tell_late(self, message: UserMessage, now_ns: int) -> None:
        self._tell(message._replace(at_ns=now_ns))

    def _tell(self, message: UserMessage) -> None:
        """Send an event on, with what the user channel does to some."""
        late_ns = self._faults.delay_ns(Fault.USER_REORDERED)
        if late_ns:
            self._timers.at(message.at_ns + late_ns, partial(self._send_late, message))
        else:
            self._emit(message)
        if self._faults.strikes(Fault.USER_DUPLICATED):
            again_ns = late_ns + self._faults.duration_ns(Fault.USER_DUPLICATED)
            self._timers.at(message.at_ns + again_ns, partial(self._send_late, message))

    def _send_late(self, message: UserMessage, now_ns: int) -> None:
        self._emit(message._replace(at_ns=now_ns))

    def _at(self, ns: int, now_ns: int, act: Callable[[int], None]) -> None:
        """Act now if it is time, else then."""
        if ns <= now_ns:
            act(now_ns)
        else:
            self._timers.at(ns, act)

    def _keep(self, owner: str, trade: Trade) -> None:
        trades = self._trades[owner]
        trades[trade.trade_id] = trade
        while len(trades) > self._rules.trades_max:
            del trades[next(iter(trades))]

    def _make_id(self) -> str:
        text = f"{self._rng.getrandbits(128):032x}"
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
