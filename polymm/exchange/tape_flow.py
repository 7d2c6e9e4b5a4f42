"""A recording played on the local exchange in real time, against which guests can trade.

The recorded book stands there as one house wallet's orders and the recorded trades come as takers
of another, so a guest's order takes its place in the queue, is reached by those trades, and is
filled by a recorded quote that crosses it. What the guest does moves no recorded order: the next
recorded frame restores the book as it was, but for what guests hold in it.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import count
from typing import Final

from polymm._core.decode import Decoder
from polymm._core.records import Trade
from polymm.domain.market import NS
from polymm.domain.order import Side, Token
from polymm.domain.tape import Tape, TapeFrame
from polymm.errors import DecodeError, InputError
from polymm.exchange.dealing import CANCELED
from polymm.exchange.exchange import Exchange
from polymm.exchange.flow_book import ASK, BID
from polymm.exchange.listing import Listing
from polymm.exchange.matching import BookOrder, OrderKind
from polymm.exchange.prices import SCALE_E8
from polymm.exchange.wallets import CASH, Wallet
from polymm.exchange.windows import Windows, WindowSettings

CASH_E6: Final = 10**15
PRICE_E8: Final = 100_000 * SCALE_E8
# No reference price is recorded: one is made up that moves by so much from odds of 0 to odds of 1.
RANGE_E8: Final = 100 * SCALE_E8


class TapePrices:
    """A made-up reference price that agrees with the recorded odds and outcomes.

    At a window's end it is where it was at the start, or just below if Down won.

    Args:
        length_ns: Length of the windows.

    Attributes:
        odds_e4: Middle of the recorded book as of now, 1e-4.
        outcomes: Recorded winners, "up" or "down", by the window's end, ns; kept until asked for.
    """

    def __init__(self, length_ns: int) -> None:
        self.odds_e4 = 5_000
        self.outcomes: dict[int, str] = {}
        self._length_ns = length_ns
        self._edge_ns = 0
        self._edge_e8 = PRICE_E8

    def price_e8(self, _: int) -> int:
        """Price now, 1e-8 dollars."""
        return self._edge_e8 + (self.odds_e4 - 5_000) * RANGE_E8 // 10_000

    def twap_e8(self, ns: int, lookback_ns: int) -> int:
        """Average at a time; between the windows' edges it is the price itself."""
        del lookback_ns
        if ns % self._length_ns:
            return self.price_e8(ns)
        if ns > self._edge_ns:
            # An end that was not recorded goes by the last odds.
            by_odds = "up" if self.odds_e4 >= 5_000 else "down"
            is_up = self.outcomes.pop(ns, by_odds) == "up"
            self._edge_ns, self._edge_e8 = ns, self._edge_e8 - (not is_up)
        return self._edge_e8


class TapeMarkets:
    """Windows in which recordings are played, one after the other and then from the start.

    Args:
        exchange: Where all this takes place.
        tapes: What is played; all of one length.
        settings: Coins and the rest; its length gives way to the tapes'.
        seed: Seeds the ids.

    Attributes:
        prices: The made-up reference price of each coin.
        windows: All windows.

    Raises:
        InputError: The tapes differ in length.
    """

    def __init__(
        self, exchange: Exchange, tapes: Sequence[Tape], settings: WindowSettings, *, seed: int = 0
    ) -> None:
        lengths = {(tape.market.end_ns - tape.market.start_ns) // NS for tape in tapes}
        if lengths != {settings.length_s}:
            raise InputError(
                f"tapes must all last as long as the windows, {settings.length_s} s,"
                f" were {sorted(lengths)} s"
            )
        self._exchange = exchange
        self._tapes = tapes
        self._numbers = count()
        self.prices = {coin: TapePrices(settings.length_s * NS) for coin in settings.coins}
        self.windows = Windows(exchange, self.prices, settings, seed=seed, on_listed=self._prepare)

    def start(self, now_ns: int) -> None:
        """List the first windows; the one that runs already is played from where it stands."""
        self.windows.start(now_ns)

    def _prepare(self, listing: Listing) -> None:
        tape = self._tapes[next(self._numbers) % len(self._tapes)]
        player = TapePlayer(self._exchange, listing, tape, self.prices[listing.coin])
        if tape.outcome is not None:
            self.prices[listing.coin].outcomes[listing.market.end_ns] = tape.outcome
        self._exchange.timers.at(player.first_ns, player.play)


class TapePlayer:
    """One recording in one window.

    Args:
        exchange: Where it is played.
        listing: The window.
        tape: What is played.
        prices: Follow the recorded odds.
    """

    def __init__(
        self, exchange: Exchange, listing: Listing, tape: Tape, prices: TapePrices
    ) -> None:
        market = tape.market
        self._exchange, self._listing, self._prices = exchange, listing, prices
        self._shift_ns = listing.market.start_ns - market.start_ns
        self._frames: Iterator[TapeFrame] = iter(tape.frames)
        self._frame = next(self._frames, None)
        self._decoder = Decoder()
        slot = self._decoder.add_market(market.up_token, market.down_token, tick_e4=market.tick_e4)
        self._book = self._decoder.book(slot)
        self._orders: tuple[dict[int, list[BookOrder]], ...] = (
            defaultdict(list),
            defaultdict(list),
        )
        self._numbers = count()
        self.bad_frames_n = 0

    @property
    def first_ns(self) -> int:
        """When the first frame is due."""
        return self._listing.market.start_ns if self._frame is None else self._due_ns(self._frame)

    def _due_ns(self, frame: TapeFrame) -> int:
        return frame.exch_ns + self._shift_ns

    def play(self, now_ns: int) -> None:
        """Bring the book to what was recorded up to now."""
        if not self._listing.accepting:
            return
        trades: list[Trade] = []
        while self._frame is not None and self._due_ns(self._frame) <= now_ns:
            try:
                self._decoder.feed(self._frame.frame)
            except DecodeError:
                self.bad_frames_n += 1
            trades += self._decoder.trades()
            self._frame = next(self._frames, None)
        for trade in trades:
            self._take(now_ns, trade)
        self._follow(now_ns)
        if self._frame is not None:
            self._exchange.timers.at(max(self._due_ns(self._frame), now_ns + 1), self.play)

    def _follow(self, now_ns: int) -> None:
        wanted = [dict(self._book.levels(side)) for side in (BID, ASK)]
        # What goes makes room for what comes: a recorded book does not cross itself.
        for side in (BID, ASK):
            for price_e4 in [*self._orders[side]]:
                self._lower(now_ns, side, price_e4, wanted[side].get(price_e4, 0))
        for side in (BID, ASK):
            for price_e4, size_e6 in wanted[side].items():
                self._raise(now_ns, side, price_e4, size_e6)
        bid_e4, ask_e4 = self._book.best_bid_e4, self._book.best_ask_e4
        if bid_e4 < ask_e4:
            self._prices.odds_e4 = (bid_e4 + ask_e4) // 2

    def _stands_e6(self, side: int, price_e4: int) -> int:
        orders = self._orders[side].get(price_e4, ())
        return sum(order.open_e6 for order in orders)

    def _lower(self, now_ns: int, side: int, price_e4: int, wanted_e6: int) -> None:
        """Cancel the newest until no more stands than wanted."""
        orders = self._orders[side][price_e4]
        while orders and self._stands_e6(side, price_e4) > wanted_e6:
            self._end(now_ns, orders[-1])
        if not orders:
            self._orders[side].pop(price_e4, None)

    def _end(self, now_ns: int, order: BookOrder) -> None:
        if order.order_id in self._listing.delayed:
            self._gone(order, 0)  # it cannot be cancelled and is not waited for
            return
        self._exchange.dealing.end(now_ns, order, self._listing, CANCELED)

    def _raise(self, now_ns: int, side: int, price_e4: int, wanted_e6: int) -> None:
        lot_e6 = self._listing.market.lot_e6
        missing_e6 = (wanted_e6 - self._stands_e6(side, price_e4)) // lot_e6 * lot_e6
        if missing_e6 <= 0:
            return
        order = self._order("tape book", side, price_e4, missing_e6)
        order.watcher = partial(self._gone, order)
        self._orders[side][price_e4].append(order)
        self._enter(now_ns, order)

    def _take(self, now_ns: int, trade: Trade) -> None:
        lot_e6 = self._listing.market.lot_e6
        size_e6 = trade.size_e6 // lot_e6 * lot_e6
        if size_e6:
            side = ASK if trade.taker_side else BID
            order = self._order("tape takers", side, trade.price_e4, size_e6)
            order.kind = OrderKind.FAK
            order.has_waited = True
            self._enter(now_ns, order)

    def _enter(self, now_ns: int, order: BookOrder) -> None:
        order.created_ns = now_ns
        self._exchange.dealing.enter(now_ns, order, self._listing)
        if order.order_id not in self._exchange.dealing.open:
            self._gone(order, 0)

    def _gone(self, order: BookOrder, open_e6: int) -> None:
        """Forget an order of the book that is no longer there."""
        orders = self._orders[order.up_side].get(order.up_price_e4, [])
        if not open_e6 and order in orders:
            orders.remove(order)

    def _order(self, name: str, side: int, price_e4: int, size_e6: int) -> BookOrder:
        """Make a buy of the token that is on this side in Up terms."""
        token = Token.UP if side == BID else Token.DOWN
        own_e4 = 10_000 - price_e4 if token else price_e4
        order_id = f"{name} {self._listing.number} {next(self._numbers)}"
        wallet = self._wallet(name)
        return BookOrder(order_id, wallet, "", CASH, token, Side.BUY, own_e4, size_e6)

    def _wallet(self, name: str) -> Wallet:
        ledger = self._exchange.ledger
        wallet = ledger.open_wallet(name, is_house=True)
        wallet.allow(self._listing.spender)
        missing_e6 = CASH_E6 - wallet.balances[CASH]
        if missing_e6 > CASH_E6 // 2:
            ledger.deposit(wallet, missing_e6)
        return wallet
