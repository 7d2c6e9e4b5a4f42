"""Those who take in synthetic markets: some know nothing, some know the price first."""

import math
from collections.abc import Sequence

import numpy as np

from polymm.domain.market import NS
from polymm.domain.order import Token
from polymm.exchange.flow_actions import LOT_E6, MS, BookView, FlowAction, Take, draws, shares_e6
from polymm.exchange.flow_book import ASK, BID
from polymm.exchange.flow_reference import Reference
from polymm.exchange.flow_settings import FlowSettings

FEE_RATE = 0.07
NOISE_SHARES_MAX = 2000.0


class NoiseTaker:
    """Buys and sells at the market for reasons of its own."""

    def __init__(self, rng: np.random.Generator, settings: FlowSettings, *, start_ns: int) -> None:
        self._settings = settings
        self._wait_ns = draws(lambda n: rng.exponential(NS / settings.noise_take_rate, n))
        self._uniform = draws(rng.random)
        self._normal = draws(rng.standard_normal)
        self.next_ns = start_ns + int(self._wait_ns())

    def act(self, now_ns: int, reference: Reference, book: BookView) -> Sequence[FlowAction]:
        """Take at the touch, and up to two ticks worse should it move during the delay."""
        self.next_ns = now_ns + 1 + int(self._wait_ns())
        side = BID if self._uniform() < 0.5 else ASK
        slip_e4 = 2 * book.tick_e4
        if side == BID:
            limit_e4 = min(book.best_ask_e4 + slip_e4, 10_000 - book.tick_e4)
        else:
            limit_e4 = max(book.best_bid_e4 - slip_e4, book.tick_e4)
        spread = self._settings.noise_take_spread
        size = self._settings.noise_take_size * math.exp(spread * self._normal())
        # Two of three orders are buys of their own token, as recorded.
        buys = self._uniform() < 0.66
        token = Token.UP if buys == (side == BID) else Token.DOWN
        return [
            Take(
                side, limit_e4, max(LOT_E6, int(min(size, NOISE_SHARES_MAX) * 100) * LOT_E6), token
            )
        ]

    def order_left(self, order_id: int, size_e6: int) -> None:
        """Never called: it rests no orders."""


class InformedTaker:
    """Sees the reference price before the makers do and takes what is stale after the fee."""

    def __init__(self, rng: np.random.Generator, settings: FlowSettings, *, start_ns: int) -> None:
        self._settings = settings
        self._wait_ns = draws(lambda n: rng.exponential(settings.informed_interval_ms * MS, n))
        self._uniform = draws(rng.random)
        self.next_ns = start_ns + int(self._wait_ns())

    def act(self, now_ns: int, reference: Reference, book: BookView) -> Sequence[FlowAction]:
        """Take the side that is wrong by more than fee and edge; then wait for the answer."""
        settings = self._settings
        self.next_ns = now_ns + MS + int(self._wait_ns())
        fair = reference.fair_at(now_ns - settings.informed_lag_ms * MS)
        worth_e4 = int((fair - settings.informed_edge - _fee(fair)) * 10_000)
        side = BID
        if worth_e4 < book.best_ask_e4:
            worth_e4 = math.ceil((fair + settings.informed_edge + _fee(fair)) * 10_000)
            side = ASK
            if worth_e4 > book.best_bid_e4:
                return ()
        size = settings.informed_size * (0.2 + 0.8 * self._uniform())
        self.next_ns += settings.taker_delay_ms * MS
        token = Token.UP if side == BID else Token.DOWN
        return [Take(side, worth_e4, shares_e6(size), token)]

    def order_left(self, order_id: int, size_e6: int) -> None:
        """Never called: it rests no orders."""


def _fee(price: float) -> float:
    """Taker fee per share, dollars (docs/strategy.md section 1, unrounded)."""
    return FEE_RATE * price * (1.0 - price)
