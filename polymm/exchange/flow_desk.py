"""The synthetic traders at work on the local exchange, through the protocol they know.

They come in by the same door as everybody else's orders, past the checks of form: they hold
balances, pay fees and wait out the taker delay. Each kind of trader has a wallet of its own.
"""

from functools import partial

import numpy as np

from polymm.domain.order import Side, Token
from polymm.exchange.dealing import CANCELED
from polymm.exchange.exchange import Exchange
from polymm.exchange.flow_actions import FlowAction, Pull, Rest, Take, Trader
from polymm.exchange.flow_book import BID
from polymm.exchange.flow_reference import Reference
from polymm.exchange.flow_settings import FlowSettings
from polymm.exchange.flow_traders import draw_traders
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder, OrderKind
from polymm.exchange.refusals import Refusal
from polymm.exchange.wallets import CASH, Wallet

CASH_E6 = 10**13
PAIRS_E6 = 5_000_000_000


class Desk:
    """Everybody synthetic who trades in one market, from the warm-up to its close.

    Args:
        exchange: Where they trade.
        listing: The market.
        reference: The price they look at, sooner or later.
        settings: How many they are and how they act.
        seed: Seeds all their randomness, with the market's number.
        start_ns: When they begin.
    """

    def __init__(
        self,
        exchange: Exchange,
        listing: Listing,
        reference: Reference,
        settings: FlowSettings,
        *,
        seed: int,
        start_ns: int,
    ) -> None:
        self._exchange = exchange
        self._listing = listing
        self._reference = reference
        self._orders: dict[int, BookOrder] = {}
        seeds = np.random.SeedSequence(seed, spawn_key=(listing.number,)).spawn(5)
        self._ids = iter(range(listing.number << 64, (listing.number + 1) << 64))
        for trader in draw_traders(seeds, self._ids, start_ns, settings):
            wallet = self._wallet(type(trader).__name__)
            exchange.timers.at(trader.next_ns, partial(self._ask, trader, wallet))

    def _wallet(self, name: str) -> Wallet:
        """Give a kind's wallet, with enough of everything for this market."""
        wallet = self._exchange.ledger.open_wallet(f"synthetic {name}", is_house=True)
        wallet.allow(self._listing.spender)
        missing_e6 = CASH_E6 - wallet.balances[CASH]
        if missing_e6 > 0:
            self._exchange.ledger.deposit(wallet, missing_e6)
        if not wallet.balances[self._listing.token_id(Token.UP)]:
            self._exchange.ledger.split(wallet, self._listing.pool, PAIRS_E6)
        return wallet

    def _ask(self, trader: Trader, wallet: Wallet, now_ns: int) -> None:
        listing = self._listing
        if not listing.accepting:
            return
        for action in trader.act(now_ns, self._reference, listing.ladder):
            self._execute(trader, wallet, action, now_ns)
        # A trader that does not move on must not hold up the clock.
        ask = partial(self._ask, trader, wallet)
        self._exchange.timers.at(max(trader.next_ns, now_ns + 1), ask)

    def _execute(self, trader: Trader, wallet: Wallet, action: FlowAction, now_ns: int) -> None:
        dealing, listing = self._exchange.dealing, self._listing
        if isinstance(action, Pull):
            order = self._orders.get(action.order_id)
            if order is not None:
                dealing.end(now_ns, order, listing, CANCELED)
            return
        if isinstance(action, Rest):
            order = self._buy(wallet, action.order_id, action.side, action.price_e4, action.size_e6)
            order.post_only = True
            order.watcher = partial(self._order_left, trader, action.order_id)
            self._orders[action.order_id] = order
        else:
            order = self._take(wallet, action)
        order.created_ns = now_ns
        if isinstance(dealing.enter(now_ns, order, listing), Refusal) and order.watcher:
            order.watcher(0)

    def _order_left(self, trader: Trader, order_id: int, open_e6: int) -> None:
        if not open_e6:
            self._orders.pop(order_id, None)
        trader.order_left(order_id, open_e6)

    def _buy(
        self, wallet: Wallet, order_id: int, side: int, price_e4: int, size_e6: int
    ) -> BookOrder:
        """Make a buy of the token that is on this side in Up terms."""
        token = Token.UP if side == BID else Token.DOWN
        own_e4 = 10_000 - price_e4 if token else price_e4
        name = f"0x{order_id:064x}"
        return BookOrder(name, wallet, "", CASH, token, Side.BUY, own_e4, size_e6)

    def _take(self, wallet: Wallet, take: Take) -> BookOrder:
        """Make a taker's order: of the token it names, or the other where it has none to sell."""
        order = self._buy(wallet, next(self._ids), take.side, take.limit_e4, take.size_e6)
        order.kind = OrderKind.FAK
        asset = self._listing.token_id(take.token)
        if order.token is not take.token and wallet.free(asset) >= take.size_e6:
            order.token, order.side, order.held_asset = take.token, Side.SELL, asset
            order.price_e4 = 10_000 - order.price_e4
        return order
