"""The venue's truth about one account, kept up to date by listening to the exchange's own acts.

Nothing is copied that can be looked up: open orders are the exchange's own records. What is kept
are sums (shares by market), because adding them up anew at each step would cost too much; `audit`
adds them up anew and compares.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from functools import wraps
from typing import Any, NamedTuple

from polymm.domain.order import Side, Token
from polymm.exchange.dealing import Placed
from polymm.exchange.entry import OrderRequest
from polymm.exchange.exchange import Exchange
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder, Fill
from polymm.exchange.refusals import Refusal
from polymm.exchange.settlement import Step, Trade, TradeStatus
from polymm.exchange.wallets import CASH, Wallet
from tests.simulation.violations import Violated

Touch = tuple[int, int]


class Leg(NamedTuple):
    """Our part in a trade; ``sign`` is +1 where it brings shares."""

    order: str
    market: str
    token: Token
    sign: int
    size_e6: int
    cash_e6: int


class TouchHistory:
    """The true best bid and ask of one market over the last seconds, in Up terms."""

    __slots__ = ("_ns", "_touches")

    def __init__(self) -> None:
        self._ns: list[int] = []
        self._touches: list[Touch] = []

    def note(self, now_ns: int, touch: Touch) -> None:
        """Remember a touch from now on."""
        if self._touches and self._touches[-1] == touch:
            return
        self._ns.append(now_ns)
        self._touches.append(touch)
        if len(self._ns) >= 4_096:
            del self._ns[:2_048], self._touches[:2_048]

    def held(self, touch: Touch, from_ns: int) -> bool:
        """Whether the book stood so at any time since."""
        first = max(bisect_left(self._ns, from_ns) - 1, 0)
        return touch in self._touches[first:]

    def mids(self, from_ns: int, until_ns: int) -> tuple[int, int]:
        """Twice the lowest and twice the highest middle of a while, and of the touch before it.

        Where one side was empty it may have been anything.
        """
        first = max(bisect_left(self._ns, from_ns) - 1, 0)
        last = max(bisect_left(self._ns, until_ns + 1), first + 1)
        touches = self._touches[first:last]
        if any(bid <= 0 or ask >= 10_000 for bid, ask in touches) or not touches:
            return 0, 20_000
        mids = [bid + ask for bid, ask in touches]
        return min(mids), max(mids)


class Truth:
    """What the exchange knows of one account.

    Args:
        exchange: Listened to from now on.
        owner: The account's API key.
        wallet: The account's wallet.

    Attributes:
        open: Open orders by market and id; they are the exchange's own records.
        legs: Our parts in trades, by trade id.
        net_e6: Shares by trades that did not fail, [Up, Down] by market.
        paid_e6: Dollars that a market's shares cost, less what their sales and merges brought.
        merged_e6: Pairs that became cash, by market.
        merging_e6: Of those, the ones that no engine was told of yet.
        pending: Trades whose fate is open, by market and id.
        cash_pending_e6: Proceeds that are mined and not confirmed yet.
        shares_pending_e6: Bought shares that are mined and not confirmed yet, by token id.
        voided: Times of failures.
        changed_ns: When something of ours last happened.
        settled_ns: When a trade of ours was last matched or settled, by market.
        exceeded_e6: Shares by which orders were filled beyond their size, (Up, Down) by market.
        foreign: Orders of the account that somebody else placed; they are in no sum but ``net_e6``.
        foreign_e6: Dollars that their fills cost.
        trespassed: Markets in which such an order was filled.
        touched: Markets something happened in since this was last cleared.
        histories: True touches by market.
        on_arrive: Called when a request of ours reaches the venue's engine.
        on_enter: Called when an order of ours came into the book.
        on_close: Called before a market is closed.
        on_exceed: Called with a market in which an order was filled beyond its size.
    """

    def __init__(self, exchange: Exchange, owner: str, wallet: Wallet) -> None:
        self.exchange = exchange
        self.owner = owner
        self.wallet = wallet
        self.open: defaultdict[str, dict[str, BookOrder]] = defaultdict(dict)
        self.legs: dict[str, list[Leg]] = {}
        self.net_e6: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.paid_e6: defaultdict[str, int] = defaultdict(int)
        self.merged_e6: defaultdict[str, int] = defaultdict(int)
        self.merging_e6: defaultdict[str, int] = defaultdict(int)
        self.pending: defaultdict[str, dict[str, Trade]] = defaultdict(dict)
        self.cash_pending_e6 = 0
        self.shares_pending_e6: defaultdict[str, int] = defaultdict(int)
        self.voided: list[int] = []
        self.changed_ns = 0
        self.settled_ns: dict[str, int] = {}
        self.exceeded_e6: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        self.foreign: Container[str] = ()
        self.foreign_e6 = 0
        self.trespassed: set[str] = set()
        self.touched: set[str] = set()
        self.histories: dict[str, TouchHistory] = {}
        self.on_arrive: Callable[[int, OrderRequest, Listing], None] = _ignore
        self.on_enter: Callable[[int, BookOrder, Listing], None] = _ignore
        self.on_close: Callable[[int, Listing], None] = _ignore
        self.on_exceed: Callable[[int, str], None] = _ignore
        self._mined: set[str] = set()
        _listen(exchange.dealing, "enter", self._entered)
        _listen(exchange.dealing, "_tell_change", self._changed)
        _listen(exchange.clearing, "match", self._matched)
        _listen(exchange.clearing, "_carry_out", self._settled)
        _listen(exchange, "merge", self._merged)
        _listen(exchange.clearing, "forget", self._retired)
        _listen_before(exchange, "close", self._closing)
        _listen_before(exchange, "place", self._arriving)
        exchange.on_listed.append(self._listed)
        for listing in exchange.listings.values():
            self._listed(listing)

    # What can be asked

    def orders(self, market: str = "") -> Iterable[BookOrder]:
        """Open orders of a market, "" for all."""
        if market:
            return self.open[market].values()
        return [order for orders in self.open.values() for order in orders.values()]

    def find(self, order: str) -> BookOrder | None:
        """An open order of ours."""
        found = self.exchange.dealing.open.get(order)
        return found[0] if found is not None and found[0].owner == self.owner else None

    def shares_e6(self, market: str) -> tuple[int, int]:
        """What is held of Up and Down, whatever may still become of pending trades."""
        up_e6, down_e6 = self.net_e6[market]
        merged_e6 = self.merged_e6[market]
        return up_e6 - merged_e6, down_e6 - merged_e6

    @property
    def cash_confirmed_e6(self) -> int:
        """Cash less all that open trades may cost, without proceeds that may still be undone.

        As if nobody else had spent any: the engine cannot know that in time.
        """
        return self.wallet.balances[CASH] - self.cash_pending_e6 + self.foreign_e6

    def shares_confirmed_e6(self, token_id: str) -> int:
        """Shares owned for good, less those that open trades sell."""
        return self.wallet.balances[token_id] - self.shares_pending_e6[token_id]

    def exposure_e6(self, market: str) -> tuple[int, int]:
        """Lowest and highest Up less Down after any fills of what is open, any fate of trades."""
        net = self.net_e6[market]
        low = high = net[0] - net[1]
        for trade_id in self.pending[market]:
            moved = sum(_up_less_down(leg) for leg in self.legs[trade_id])
            # It is in the sum; if it fails it leaves.
            low, high = low - max(moved, 0), high - min(moved, 0)
        for order in self.open[market].values():
            if order.up_side:
                low -= order.open_e6
            else:
                high += order.open_e6
        return low, high

    # What the exchange does

    def _listed(self, listing: Listing) -> None:
        self.histories[listing.condition_id] = TouchHistory()

    def _touch(self, market: str) -> None:
        self.touched.add(market)
        self.changed_ns = self.exchange.timers.now_ns

    def _changed(self, _: None, now_ns: int, listing: Listing, *__: object) -> None:
        ladder = listing.ladder
        history = self.histories[listing.condition_id]
        history.note(now_ns, (ladder.best_bid_e4, ladder.best_ask_e4))

    def _retired(self, _: None, listing: Listing) -> None:
        market = listing.condition_id
        for trade_id in [key for key, legs in self.legs.items() if legs[0].market == market]:
            del self.legs[trade_id]
        for column in (
            self.open,
            self.net_e6,
            self.paid_e6,
            self.merged_e6,
            self.merging_e6,
            self.pending,
            self.exceeded_e6,
        ):
            column.pop(market, None)

    def _entered(
        self, answer: Placed | Refusal, now_ns: int, order: BookOrder, listing: Listing
    ) -> None:
        if order.owner != self.owner:
            return
        order_id, market = order.order_id, listing.condition_id
        if order_id not in self.exchange.dealing.open or order_id in self.foreign:
            return
        mine = self.open[market]
        mine[order_id] = order
        self._touch(market)

        def watch(open_e6: int) -> None:
            self._touch(market)
            if not open_e6:
                mine.pop(order_id, None)

        order.watcher = watch
        self.on_enter(now_ns, order, listing)

    def _matched(
        self,
        trade: Trade | None,
        now_ns: int,
        taker: BookOrder,
        fills: Sequence[Fill],
        listing: Listing,
        *_: object,
    ) -> None:
        if trade is None or self.owner not in trade.owners():
            return
        market = listing.condition_id
        orders = [(fill.maker, fill.size_e6, fill.price_e4(fill.maker.token)) for fill in fills]
        if taker.owner == self.owner:
            orders.append((taker, trade.size_e6, trade.price_e4))
        legs = self.legs[trade.trade_id] = [
            Leg(
                order.order_id,
                market,
                order.token,
                1 if order.side is Side.BUY else -1,
                size_e6,
                price_e4 * size_e6 // 10_000,
            )
            for order, size_e6, price_e4 in orders
            if order.owner == self.owner
        ]
        exceeded = [
            order
            for order, _, _ in orders
            if order.owner == self.owner and order.matched_e6 > order.size_e6
        ]
        for order in exceeded:
            self.exceeded_e6[market][order.token] += order.matched_e6 - order.size_e6
        strange_e6 = sum(leg.cash_e6 for leg in legs if leg.order in self.foreign)
        if strange_e6:
            self.foreign_e6 += strange_e6
            self.trespassed.add(market)
        net = self.net_e6[market]
        for leg in legs:
            net[leg.token] += leg.sign * leg.size_e6
            self.paid_e6[market] += leg.sign * leg.cash_e6
        self.pending[market][trade.trade_id] = trade
        self.settled_ns[market] = now_ns
        self._touch(market)
        if exceeded:
            self.on_exceed(now_ns, market)

    def _settled(self, _: None, trade: Trade, step: Step, now_ns: int) -> None:
        legs = self.legs.get(trade.trade_id)
        if legs is None:
            return
        market = trade.listing.condition_id
        self._touch(market)
        self.settled_ns[market] = now_ns
        if step.status is TradeStatus.MINED:
            self._mined.add(trade.trade_id)
            self._move_pending(trade, legs, 1)
        elif step.status.is_final:
            del self.pending[market][trade.trade_id]
            if trade.trade_id in self._mined:
                self._mined.discard(trade.trade_id)
                self._move_pending(trade, legs, -1)
            if step.status is TradeStatus.FAILED:
                self.voided.append(now_ns)
                net = self.net_e6[market]
                for leg in legs:
                    net[leg.token] -= leg.sign * leg.size_e6
                    self.paid_e6[market] -= leg.sign * leg.cash_e6

    def _merged(
        self, is_done: bool, now_ns: int, wallet: Wallet, listing: Listing, pairs_e6: int
    ) -> None:
        if is_done and wallet is self.wallet:
            market = listing.condition_id
            self.paid_e6[market] -= pairs_e6
            self.merged_e6[market] += pairs_e6
            self.merging_e6[market] += pairs_e6
            self._touch(market)

    def _move_pending(self, trade: Trade, legs: Iterable[Leg], sign: int) -> None:
        for leg in legs:
            if leg.sign > 0:
                self.shares_pending_e6[trade.listing.token_id(leg.token)] += sign * leg.size_e6
            else:
                self.cash_pending_e6 += sign * leg.cash_e6

    def _arriving(self, now_ns: int, request: OrderRequest) -> None:
        listing = self.exchange.find(request.token_id)
        is_ours = request.owner == self.owner and request.order_id not in self.foreign
        if is_ours and listing is not None:
            self.on_arrive(now_ns, request, listing)

    def _closing(self, listing: Listing, now_ns: int) -> None:
        self.on_close(now_ns, listing)

    # Proof of the sums

    def audit(self, now_ns: int) -> None:
        """Add up everything anew.

        Raises:
            Violated: As ``T``: the checker itself is wrong.
        """
        found = {
            order_id: order
            for order_id, (order, _) in self.exchange.dealing.open.items()
            if order.owner == self.owner and order_id not in self.foreign
        }
        mine = {order.order_id: order for order in self.orders()}
        if found != mine:
            raise Violated("T", f"open orders must be {sorted(found)}, kept {sorted(mine)}", now_ns)
        sums: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
        for trade in self.exchange.clearing.trades(self.owner):
            if trade.status is not TradeStatus.FAILED:
                for leg in self.legs[trade.trade_id]:
                    sums[leg.market][leg.token] += leg.sign * leg.size_e6
        for market, net in self.net_e6.items():
            if market in self.exchange.listings and net != sums[market]:
                raise Violated("T", f"{market} must hold {sums[market]}, kept {net}", now_ns)


def _up_less_down(leg: Leg) -> int:
    return leg.sign * leg.size_e6 * (-1 if leg.token else 1)


def _ignore(*_: object) -> None:
    pass


def _listen(target: object, name: str, hear: Callable[..., None]) -> None:
    """Call ``hear`` with a method's result and arguments after each call of it."""
    inner = getattr(target, name)

    @wraps(inner)
    def heard(*args: Any, **more: Any) -> Any:
        result = inner(*args, **more)
        hear(result, *args)
        return result

    setattr(target, name, heard)


def _listen_before(target: object, name: str, hear: Callable[..., None]) -> None:
    """Call ``hear`` with a method's arguments before each call of it."""
    inner = getattr(target, name)

    @wraps(inner)
    def heard(*args: Any, **more: Any) -> Any:
        hear(*args)
        return inner(*args, **more)

    setattr(target, name, heard)
