"""Orders from entry to end: held back, delayed, matched, rested, cancelled; told at each step."""

from dataclasses import dataclass
from functools import partial
from itertools import count, groupby
from operator import itemgetter

from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.exchange import refusals
from polymm.exchange.clearing import Clearing
from polymm.exchange.entry import check_match, hold_e6
from polymm.exchange.faults import Fault, Faults
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder, Fill, LevelChange, OrderKind
from polymm.exchange.refusals import Refusal
from polymm.exchange.rules import MS, Rules
from polymm.exchange.settlement import Trade, make_booking
from polymm.exchange.timers import Timers
from polymm.exchange.wallets import CASH, Ledger, Wallet, hold, rehold, uncovered

MARKET_RESOLVED = "CANCELED_MARKET_RESOLVED"
EXPIRED = "CANCELED_EXPIRED_ORDER"
CANCELED = "CANCELED"
INVALID = "INVALID"
MATCHED = "MATCHED"
COUNTERPARTY = "counterparty"


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that was taken in.

    Args:
        order_id: Its id.
        status: ``live``, ``matched`` or ``delayed``.
        making_e6: What it gave so far: dollars for a buy, shares for a sell.
        taking_e6: What it got.
        trade_ids: Trades it had at once.
    """

    order_id: str
    status: str
    making_e6: int = 0
    taking_e6: int = 0
    trade_ids: tuple[str, ...] = ()


class Dealing:
    """Every open order of all markets, and what happens to it.

    Args:
        ledger: Everybody's money.
        clearing: Trades and the user channel.
        timers: Venue time.
        rules: Every number.
        faults: What goes wrong.

    Attributes:
        open: Open orders with their markets, by id: resting or in the taker delay.
        ended: Final status of accounts' orders that are no longer open, by id.
    """

    def __init__(
        self, ledger: Ledger, clearing: Clearing, timers: Timers, rules: Rules, faults: Faults
    ) -> None:
        self.open: dict[str, tuple[BookOrder, Listing]] = {}
        self.ended: dict[str, str] = {}
        self._ledger = ledger
        self._clearing = clearing
        self._timers = timers
        self._rules = rules
        self._faults = faults
        self._trade_numbers = count(1)

    def enter(self, now_ns: int, order: BookOrder, listing: Listing) -> Placed | Refusal:
        """Take in an order whose form was checked, or say what it lacks."""
        takes = listing.ladder.crosses(order.up_side, order.up_price_e4)
        needed_e6 = hold_e6(order, listing, takes=takes)
        if order.owner and self._faults.strikes(Fault.BALANCE_ZERO):
            return refusals.not_covered(0, needed_e6)
        if not hold(order, needed_e6, listing.spender):
            free_e6 = max(order.wallet.free(order.held_asset), 0)
            return refusals.not_covered(free_e6, needed_e6)
        refusal = check_match(order, listing)
        if refusal is not None:
            hold(order, 0, listing.spender)
            self._tell_refused(now_ns, order, listing, refusal)
            return refusal
        self.open[order.order_id] = (order, listing)
        order.wallet.orders[order.order_id] = order
        waits = takes and not order.has_waited
        delay_ns = listing.market.taker_delay_ns if waits else 0
        order.status = "DELAYED" if delay_ns else "LIVE"
        self._clearing.tell_order(now_ns, "PLACEMENT", order, listing)
        dies_ns = (order.expires_s - self._rules.gtd_early_s) * NS
        closes_ns = listing.market.end_ns + self._rules.close_grace_ms * MS
        # One that outlives its market ends with it, and is not kept for years after.
        if order.kind is OrderKind.GTD and dies_ns < closes_ns:
            self._timers.at(dies_ns, partial(self._end_later, order, listing, EXPIRED))
        if delay_ns:
            listing.delayed[order.order_id] = order
            self._timers.at(now_ns + delay_ns, partial(self._match_delayed, order, listing))
            return Placed(order.order_id, "delayed")
        if not takes:
            self._rest(now_ns, order, listing)
            return Placed(order.order_id, "live")
        return self._answer(order, self._match(now_ns, order, listing))

    @staticmethod
    def _answer(order: BookOrder, trade: Trade | None) -> Placed | Refusal:
        if not order.matched_e6:
            # It passed every check and died in its match: a short fill, or a dearer fee.
            return Refusal(order.status.removeprefix(f"{CANCELED}_"))
        given = (order.spent_e6, order.matched_e6)
        making_e6, taking_e6 = given if order.side is Side.BUY else given[::-1]
        ids = (trade.trade_id,) if trade else ()
        return Placed(order.order_id, "matched", making_e6, taking_e6, ids)

    def _tell_refused(
        self, now_ns: int, order: BookOrder, listing: Listing, refusal: Refusal
    ) -> None:
        if order.post_only and order.owner and self._faults.strikes(Fault.USER_POST_ONLY_EVENT):
            order.status = f"UNMATCHED_{refusal.text}"
            self._clearing.tell_order(now_ns, "CANCELLATION", order, listing)

    # Matching

    def _match_delayed(self, order: BookOrder, listing: Listing, now_ns: int) -> None:
        """Match an order at the end of its delay against the book of this moment."""
        del listing.delayed[order.order_id]
        if not listing.accepting:
            self.end(now_ns, order, listing, MARKET_RESOLVED)
        elif listing.ladder.crosses(order.up_side, order.up_price_e4):
            self._match(now_ns, order, listing)
        elif order.kind.rests:
            self._rest(now_ns, order, listing)
        else:
            self._kill(now_ns, order, listing)
        # While it waited nothing could cancel it, whatever became of its cover.
        self.cover(now_ns, order.wallet, order.held_asset)

    def _match(self, now_ns: int, order: BookOrder, listing: Listing) -> Trade | None:
        """Let an order take what it crosses; the remainder rests or dies."""
        ladder = listing.ladder
        fills, is_complete = ladder.plan(order)
        if not fills or (order.kind is OrderKind.FOK and not is_complete):
            self._kill(now_ns, order, listing)
            return None
        booking = make_booking(order, fills, listing)
        if not self._can_give(order, booking.postings[0].given_e6, listing):
            self.end(now_ns, order, listing, self._rules.uncovered_status)
            return None
        for change in ladder.commit(order, fills):
            listing.writer.note_trade_price(order.token, change.price_e4)
            self._tell_change(now_ns, listing, change)
        for fill in fills:
            self._hold_open(fill.maker, listing, is_done=fill.is_short or fill.maker.open_e6 <= 0)
        self._hold_open(order, listing, is_done=is_complete or not order.kind.rests)
        trade = self._clearing.match(now_ns, order, fills, listing, booking)
        if order.order_id in self.open:
            self._tell_change(now_ns, listing, ladder.rest(order))
        elif not is_complete:
            order.status = CANCELED
            self._clearing.tell_order(now_ns, "CANCELLATION", order, listing)
        listing.writer.books(now_ns)
        self._tell_match(now_ns, order, fills, listing)
        self._check_tick(now_ns, listing)
        return trade

    @staticmethod
    def _can_give(order: BookOrder, amount_e6: int, listing: Listing) -> bool:
        """Whether a taker's wallet still covers a match: it may have waited for it."""
        wallet, asset = order.wallet, order.held_asset
        if amount_e6 > order.held_e6 + wallet.free(asset):
            return False
        return amount_e6 <= wallet.allowed(asset, listing.spender)

    def _hold_open(self, order: BookOrder, listing: Listing, *, is_done: bool) -> None:
        """Hold back what is open of an order that matched, nothing once it is done."""
        if is_done:
            self._forget(order, listing, MATCHED)
        else:
            order.status = "LIVE"
            rehold(order, hold_e6(order, listing, takes=False))
            if order.watcher is not None:
                order.watcher(order.open_e6)

    def _tell_match(
        self, now_ns: int, order: BookOrder, fills: list[Fill], listing: Listing
    ) -> None:
        """Let the touch follow a match after 1 ms and the trades after 20, as recorded."""
        listing.last_trade = (Side(order.up_side), fills[-1].up_price_e4)
        writer, rules = listing.writer, self._rules
        numbers = [(fill.up_price_e4, fill.size_e6) for fill in fills]

        def tell_trades(then_ns: int) -> None:
            for up_price_e4, group in groupby(numbers, key=itemgetter(0)):
                size_e6 = sum(size for _, size in group)
                number = next(self._trade_numbers)
                writer.trade(then_ns, order.token, order.up_side, up_price_e4, size_e6, number)

        self._timers.at(now_ns + rules.touch_delay_ms * MS, writer.top)
        self._timers.at(now_ns + rules.trade_delay_ms * MS, tell_trades)

    def _kill(self, now_ns: int, order: BookOrder, listing: Listing) -> None:
        """End a FOK or FAK order that found no match."""
        is_fok = order.kind is OrderKind.FOK
        refusal = refusals.FOK_NOT_FILLED if is_fok else refusals.FAK_NO_MATCH
        self.end(now_ns, order, listing, f"{CANCELED}_{refusal.text}")

    # The book

    def _rest(self, now_ns: int, order: BookOrder, listing: Listing) -> None:
        before = listing.touch(Token.UP)
        rehold(order, hold_e6(order, listing, takes=False))
        if order.status != "LIVE":
            order.status = "LIVE"
            self._clearing.tell_order(now_ns, "UPDATE", order, listing)
        self._tell_change(now_ns, listing, listing.ladder.rest(order))
        self._tell_top(now_ns, listing, before)
        if order.owner and self._faults.strikes(Fault.ORDER_CANCELED):
            then_ns = now_ns + self._faults.duration_ns(Fault.ORDER_CANCELED)
            self._timers.at(then_ns, partial(self._end_later, order, listing, INVALID))

    def end(self, now_ns: int, order: BookOrder, listing: Listing, status: str) -> None:
        """Take an open order out, release what it holds and tell why."""
        before = listing.touch(Token.UP)
        self._forget(order, listing, status)
        change = listing.ladder.remove(order)
        self._clearing.tell_order(now_ns, "CANCELLATION", order, listing)
        if change is not None:
            self._tell_change(now_ns, listing, change)
            self._tell_top(now_ns, listing, before)

    def _end_later(self, order: BookOrder, listing: Listing, status: str, now_ns: int) -> None:
        """End an order that still rests; one in the taker delay is asked again after it."""
        if order.order_id not in self.open:
            return
        if order.order_id in listing.delayed:
            then_ns = now_ns + listing.market.taker_delay_ns
            self._timers.at(then_ns, partial(self._end_later, order, listing, status))
            return
        self.end(now_ns, order, listing, status)

    def _forget(self, order: BookOrder, listing: Listing, status: str) -> None:
        order.status = status
        rehold(order, 0)
        del self.open[order.order_id], order.wallet.orders[order.order_id]
        if order.owner:
            self.ended[order.order_id] = status
            listing.ended.append(order.order_id)
        # Its trades outlive it by far, its watcher and all that hangs on it shall not.
        watcher, order.watcher = order.watcher, None
        if watcher is not None:
            watcher(0)

    def cover(self, now_ns: int, wallet: Wallet, asset: str) -> None:
        """Cancel the newest orders of a wallet that balance or allowances no longer cover."""
        gone = uncovered(wallet, asset)
        for order in [one for one in reversed(wallet.orders.values()) if one.held_asset == asset]:
            _, listing = self.open[order.order_id]
            is_allowed = wallet.allowed(asset, listing.spender) >= wallet.reserved[asset]
            if (order in gone or not is_allowed) and order.order_id not in listing.delayed:
                self.end(now_ns, order, listing, self._rules.uncovered_status)

    def fill_at_once(self, now_ns: int, order: BookOrder, listing: Listing) -> None:
        """Fill a resting order whole, out of turn, from a wallet made for it."""
        wallet = self._ledger.open_wallet(COUNTERPARTY, is_house=True)
        wallet.allow(listing.spender)
        # Enough for either side of the trade, fee included.
        self._ledger.deposit(wallet, 2 * order.open_e6)
        side = Side(1 - order.side)
        asset = CASH if side is Side.BUY else listing.token_id(order.token)
        if side is Side.SELL:
            self._ledger.split(wallet, listing.pool, order.open_e6)
        number = next(self._trade_numbers)
        taker = BookOrder(
            f"{COUNTERPARTY} {number}", wallet, "", asset, order.token, side, order.price_e4,
            order.open_e6, OrderKind.FOK, created_ns=now_ns,
        )  # fmt: skip
        fills = [Fill(order, order.open_e6, order.up_price_e4)]
        for change in listing.ladder.commit(taker, fills):
            listing.writer.note_trade_price(order.token, change.price_e4)
            self._tell_change(now_ns, listing, change)
        self._forget(order, listing, MATCHED)
        late_ns = self._faults.duration_ns(Fault.CANCEL_ALREADY_MATCHED)
        booking = make_booking(taker, fills, listing)
        self._clearing.match(now_ns, taker, fills, listing, booking, late_ns=late_ns)
        listing.writer.books(now_ns)
        self._tell_match(now_ns, taker, fills, listing)

    # What the market channel is told

    def _tell_change(self, now_ns: int, listing: Listing, change: LevelChange) -> None:
        listing.changed_ns = now_ns
        faults, writer = self._faults, listing.writer
        if faults.strikes(Fault.MARKET_HASH_WRONG):
            writer.false_hash(now_ns, change)
        else:
            writer.change(now_ns, change)
        if faults.strikes(Fault.MARKET_CROSSED):
            take_back = writer.false_top(now_ns)
            if take_back is not None:
                lasts_ns = faults.duration_ns(Fault.MARKET_CROSSED)
                self._timers.at(now_ns + lasts_ns, take_back)

    def _tell_top(self, now_ns: int, listing: Listing, before: tuple[int, int]) -> None:
        if listing.touch(Token.UP) != before:
            listing.writer.top(now_ns)
            self._check_tick(now_ns, listing)

    def _check_tick(self, now_ns: int, listing: Listing) -> None:
        """Make the tick fine, for good, once the price has left the middle."""
        ladder, rules = listing.ladder, self._rules
        old_e4 = ladder.tick_e4
        if old_e4 <= rules.tick_fine_e4:
            return
        bid_e4, ask_e4 = listing.touch(Token.UP)
        edge_e4 = rules.tick_change_e4
        is_far = bid_e4 > edge_e4 or ask_e4 < 10_000 - edge_e4
        if is_far or self._faults.strikes(Fault.MARKET_TICK_CHANGED):
            ladder.tick_e4 = rules.tick_fine_e4
            listing.changed_ns = now_ns
            listing.writer.tick_size(now_ns, old_e4, ladder.tick_e4)
            listing.writer.books(now_ns)
