"""Seeded synthetic markets in virtual time: the one generator of all that is not recorded.

Traders (``flow_traders``) meet in a small matching book and the changes are written down as
frames of the market channel. The reference price, and with it the true probability of Up, is
known at every moment, so that a maker's losses to those who know more can be measured.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from heapq import heappop, heappush
from itertools import count

import numpy as np

from polymm.domain.market import NS, Market, SettlementRule
from polymm.domain.tape import Tape
from polymm.exchange.flow_actions import MS, FlowAction, Pull, Rest, Take, Trader
from polymm.exchange.flow_book import Match, MatchingBook
from polymm.exchange.flow_reference import Reference, draw_reference
from polymm.exchange.flow_settings import AS_RECORDED, SHORT_WINDOW, FlowSettings
from polymm.exchange.flow_statistics import book_statistics
from polymm.exchange.flow_traders import draw_traders
from polymm.exchange.flow_wire import FrameWriter

__all__ = [
    "AS_RECORDED",
    "SHORT_WINDOW",
    "FlowMarket",
    "FlowSettings",
    "book_statistics",
    "generate_window",
    "iter_windows",
]

# A round moment after the last recording; divisible by every usual window length.
EPOCH_S = 1_800_000_000
WARM_UP_NS = 3 * NS
FINE_TICK_E4 = 10


class FlowMarket:
    """One synthetic market running in virtual time.

    Args:
        market: Its facts; ``tick_e4`` is the tick at the start.
        reference: The price everybody looks at, sooner or later.
        traders: Who trades. More may be added before ``run``.
        settings: Delays and the price of the tick change.

    Attributes:
        book: The matching book.
        frames: What the market channel would have sent, from the window's start on.
    """

    def __init__(
        self,
        market: Market,
        reference: Reference,
        traders: Sequence[Trader],
        settings: FlowSettings,
    ) -> None:
        self.market = market
        self.reference = reference
        self.traders = list(traders)
        self.book = MatchingBook(market.tick_e4)
        self._writer = FrameWriter(market, self.book)
        self.frames = self._writer.frames
        self._trade_delay_ns = settings.trade_delay_ms * MS
        self._tick_change_e4 = round(settings.tick_change * 10_000)
        self._events: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = count()
        self._trade_numbers = count(1)
        self._is_open = False

    def run(self) -> None:
        """Let everybody trade from the warm-up to the window's end."""
        for trader in self.traders:
            self._at(trader.next_ns, partial(self._ask, trader))
        self._at(self.market.start_ns, self._open)
        end_ns = self.market.end_ns
        while self._events and self._events[0][0] < end_ns:
            now_ns, _, event = heappop(self._events)
            event(now_ns)

    def _at(self, ns: int, event: Callable[[int], None]) -> None:
        heappush(self._events, (ns, next(self._order), event))

    def _open(self, now_ns: int) -> None:
        self._is_open = True
        self._writer.first_snapshot(now_ns)

    def _ask(self, trader: Trader, now_ns: int) -> None:
        for action in trader.act(now_ns, self.reference, self.book):
            self._execute(trader, action, now_ns)
        self._check_tick(now_ns)
        # A trader that does not move on must not hold up the clock.
        self._at(max(trader.next_ns, now_ns + 1), partial(self._ask, trader))

    def _execute(self, trader: Trader, action: FlowAction, now_ns: int) -> None:
        if isinstance(action, Rest):
            order_id, side, price_e4, size_e6 = action
            if self.book.crosses(side, price_e4):
                trader.order_left(order_id, 0)
                return
            total_e6 = self.book.rest(trader, order_id, side, price_e4, size_e6)
            self._write_level(now_ns, side, price_e4, total_e6)
        elif isinstance(action, Pull):
            change = self.book.pull(action.order_id)
            if change is not None:
                self._write_level(now_ns, *change)
        else:
            self._at(now_ns + self.market.taker_delay_ns, partial(self.match, action))

    def match(self, take: Take, now_ns: int) -> None:
        matches = []
        for match in self.book.take(take.side, take.limit_e4, take.size_e6):
            self._writer.note_trade_price(take.token, match.price_e4)
            self._write_level(now_ns, 1 - take.side, match.price_e4, match.left_e6)
            matches.append(match)
        if not matches:
            return
        if self._is_open:
            self._writer.books(now_ns)
            self._at(now_ns + MS, self._writer.touch)
            self._at(now_ns + self._trade_delay_ns, partial(self._report, take, matches))
        self._check_tick(now_ns)

    def _report(self, take: Take, matches: list[Match], now_ns: int) -> None:
        for match in matches:
            self._writer.trade(
                now_ns,
                take.token,
                take.side,
                match.price_e4,
                match.size_e6,
                next(self._trade_numbers),
            )

    def _write_level(self, now_ns: int, side: int, price_e4: int, total_e6: int) -> None:
        self._writer.level(now_ns, side, price_e4, total_e6, quiet=not self._is_open)

    def _check_tick(self, now_ns: int) -> None:
        """Make the tick fine once the price has passed 0.96 or 0.04."""
        old_e4 = self.book.tick_e4
        if old_e4 <= FINE_TICK_E4 or not self._is_open:
            return
        beyond_e4 = self._tick_change_e4
        if self.book.best_bid_e4 >= beyond_e4 or self.book.best_ask_e4 <= 10_000 - beyond_e4:
            self.book.tick_e4 = FINE_TICK_E4
            self._writer.tick_size(now_ns, old_e4, FINE_TICK_E4)
            self._writer.books(now_ns)


def generate_window(seed: int, *, window: int = 0, settings: FlowSettings | None = None) -> Tape:
    """Generate one synthetic market; the same arguments give the same bytes.

    Args:
        seed: Any non-negative integer.
        window: Number of the window under this seed, at least 0; each is drawn on its own.
        settings: Defaults to ``FlowSettings()``, calibrated to the recorded BTC 5m book.

    Returns:
        A tape with frames of both tokens, trades, outcome and true probability (one pair a
        step of the reference price, the last one the outcome). Receipt times are 0.
    """
    settings = settings or FlowSettings()
    # The spawn key alone tells windows apart, so window k never depends on windows before it.
    price_seed, *trader_seeds = np.random.SeedSequence(seed, spawn_key=(window,)).spawn(6)
    market = make_market(seed, window, settings)
    reference = draw_reference(np.random.default_rng(price_seed), market.start_ns, settings)
    first_ns = market.start_ns - WARM_UP_NS
    traders = draw_traders(trader_seeds, count(1), first_ns, settings)
    flow = FlowMarket(market, reference, traders, settings)
    flow.run()
    step_ns = reference.step_ns
    return Tape(
        market=market,
        frames=flow.frames,
        outcome=reference.outcome,
        has_trades=True,
        source=f"synthetic seed={seed} window={window}",
        trade_lag_ns=settings.trade_delay_ms * MS,
        truth=[(market.start_ns + i * step_ns, fair) for i, fair in enumerate(reference.fairs)],
    )


def iter_windows(seed: int, n: int, settings: FlowSettings | None = None) -> Iterator[Tape]:
    """Generate windows 0 to n - 1 of a seed, one after the other."""
    for window in range(n):
        yield generate_window(seed, window=window, settings=settings)


def make_market(seed: int, window: int, settings: FlowSettings) -> Market:
    """Ids as long as real ones, made from seed and window alone."""
    start_s = EPOCH_S + window * settings.window_s

    def make_id(what: str) -> str:
        return sha256(f"polymm synthetic {what} {seed} {window}".encode()).hexdigest()

    return Market(
        slug=f"synthetic-updown-{settings.window_s}s-{start_s}",
        condition_id=f"0x{make_id('condition')}",
        up_token=str(int(make_id("up"), 16)),
        down_token=str(int(make_id("down"), 16)),
        start_ns=start_s * NS,
        end_ns=(start_s + settings.window_s) * NS,
        settlement=SettlementRule(kind=settings.settlement, lookback_ns=settings.lookback_s * NS),
        taker_delay_ns=settings.taker_delay_ms * MS,
    )
