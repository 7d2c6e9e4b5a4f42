"""Those who rest orders in synthetic markets: makers with ladders, and noise at the touch."""

import math
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush

import numpy as np

from polymm.domain.market import NS
from polymm.exchange.flow_actions import MS, BookView, FlowAction, Pull, Rest, draws, shares_e6
from polymm.exchange.flow_book import ASK, BID
from polymm.exchange.flow_reference import Reference
from polymm.exchange.flow_settings import FlowSettings

CENT_E4 = 100


class LadderMaker:
    """Quotes a ladder on both sides of a lagged, slightly wrong fair value.

    Args:
        order_ids: Where its order ids come from, shared by all traders of a market.
        rng: Its own randomness.
        settings: Rates and sizes of the market.
        start_ns: When it looks first.
        lag_ns: Age of the reference price it acts on.
        edge: Half-spread, dollars.
        levels: Levels a side.
        shape: Median size in shares, given levels behind the top and the price of the share.
        on_cents: Keep to whole cents even where the tick is finer.
    """

    def __init__(
        self,
        order_ids: Iterator[int],
        rng: np.random.Generator,
        settings: FlowSettings,
        *,
        start_ns: int,
        lag_ns: int,
        edge: float,
        levels: int,
        shape: Callable[[int, float], float],
        on_cents: bool = False,
    ) -> None:
        self.next_ns = start_ns
        self._order_ids = order_ids
        self._settings = settings
        self._lag_ns = lag_ns
        self._edge = edge
        self._levels = levels
        self._shape = shape
        self._on_cents = on_cents
        self._wait_ns = draws(lambda n: rng.exponential(settings.maker_interval_ms * MS, n))
        self._normal = draws(rng.standard_normal)
        self._error = settings.maker_error * self._normal()
        self._working: tuple[dict[int, int], dict[int, int]] = ({}, {})  # price to order id
        self._left: dict[int, tuple[int, int, int]] = {}  # order id to side, price, size

    def act(self, now_ns: int, reference: Reference, book: BookView) -> Sequence[FlowAction]:
        """Bring both ladders to where they belong now."""
        settings = self._settings
        self.next_ns = now_ns + MS + int(self._wait_ns())
        # The private error wanders slowly, so that makers disagree without flickering.
        self._error = 0.95 * self._error + 0.31 * settings.maker_error * self._normal()
        # Pulling is urgent, improving is not: each side trusts the worse of two ages of the price.
        fair = reference.fair_at(now_ns - self._lag_ns) + self._error
        alarm = reference.fair_at(now_ns - settings.maker_alarm_lag_ms * MS) + self._error
        left_s = (reference.end_ns - now_ns) / NS
        edge = self._edge * (settings.late_edge_ratio if left_s < settings.late_s else 1.0)
        step = CENT_E4 if self._on_cents else _step_e4(fair, book, settings)
        depth = _depth_ratio(left_s, settings)
        pulls: list[FlowAction] = []
        rests: list[FlowAction] = []
        top_bid = math.floor((min(fair, alarm) - edge) * 10_000 / step) * step
        top_ask = math.ceil((max(fair, alarm) + edge) * 10_000 / step) * step
        self._adjust(BID, min(top_bid, 10_000 - book.tick_e4), -step, depth, pulls, rests)
        self._adjust(ASK, max(top_ask, book.tick_e4), step, depth, pulls, rests)
        return pulls + rests

    def order_left(self, order_id: int, size_e6: int) -> None:
        """Note a fill, or that the order is gone; one already taken back is no news."""
        if order_id not in self._left:
            return
        side, price_e4, _ = self._left[order_id]
        if size_e6:
            self._left[order_id] = (side, price_e4, size_e6)
        else:
            self._forget(order_id)

    def _forget(self, order_id: int) -> None:
        side, price_e4, _ = self._left.pop(order_id)
        del self._working[side][price_e4]

    def _adjust(
        self,
        side: int,
        top_e4: int,
        step: int,
        depth: float,
        pulls: list[FlowAction],
        rests: list[FlowAction],
    ) -> None:
        working = self._working[side]
        # A ladder may trail by two levels before its end is taken back: fewer messages.
        last_e4 = top_e4 + step * (self._levels + 2)
        for price_e4, order_id in list(working.items()):
            # Behind the top means further along the direction of ``step``.
            if (price_e4 - top_e4) * step < 0 or (price_e4 - last_e4) * step > 0:
                pulls.append(Pull(order_id))
                self._forget(order_id)
        for behind in range(self._levels):
            price_e4 = top_e4 + behind * step
            if not 0 < price_e4 < 10_000:
                break
            cost = (price_e4 if side == BID else 10_000 - price_e4) / 10_000
            median = self._shape(behind, cost) * depth
            found = working.get(price_e4)
            if found is not None:
                if 0.3 * median <= self._left[found][2] / 1e6 <= 3.0 * median:
                    continue
                pulls.append(Pull(found))
                self._forget(found)
            size_e6 = shares_e6(median * math.exp(0.5 * self._normal()))
            order_id = next(self._order_ids)
            rests.append(Rest(order_id, side, price_e4, size_e6))
            working[price_e4] = order_id
            self._left[order_id] = (side, price_e4, size_e6)


class NoiseQuoter:
    """Places small limit orders near the touch and takes them back a little later."""

    def __init__(
        self,
        order_ids: Iterator[int],
        rng: np.random.Generator,
        settings: FlowSettings,
        *,
        start_ns: int,
    ) -> None:
        self._order_ids = order_ids
        self._settings = settings
        self._wait_ns = draws(lambda n: rng.exponential(NS / settings.noise_order_rate, n))
        self._life_ns = draws(lambda n: rng.exponential(settings.noise_order_life_s * NS, n))
        self._uniform = draws(rng.random)
        self._normal = draws(rng.standard_normal)
        self._arrival_ns = start_ns + int(self._wait_ns())
        self._expiries: list[tuple[int, int]] = []
        self.next_ns = self._arrival_ns

    def act(self, now_ns: int, reference: Reference, book: BookView) -> Sequence[FlowAction]:
        """Take back what has grown old; place one order if it is time."""
        actions: list[FlowAction] = []
        while self._expiries and self._expiries[0][0] <= now_ns:
            actions.append(Pull(heappop(self._expiries)[1]))
        if now_ns >= self._arrival_ns:
            self._arrival_ns = now_ns + 1 + int(self._wait_ns())
            left_s = (reference.end_ns - now_ns) / NS
            actions.extend(self._place(now_ns, _depth_ratio(left_s, self._settings), book))
        self.next_ns = min([self._arrival_ns, *(ns for ns, _ in self._expiries[:1])])
        return actions

    def order_left(self, order_id: int, size_e6: int) -> None:
        """Ignore fills: taking back what is gone does no harm."""

    def _place(self, now_ns: int, depth: float, book: BookView) -> Iterator[Rest]:
        bid_e4, ask_e4 = book.best_bid_e4, book.best_ask_e4
        if not bid_e4 or ask_e4 == 10_000:
            return
        side = BID if self._uniform() < 0.5 else ASK
        tick = _step_e4((bid_e4 + ask_e4) / 20_000, book, self._settings)
        if ask_e4 - bid_e4 >= 2 * tick and self._uniform() < 0.85:
            behind = -1  # Improve: nobody joins a queue when the spread is open.
        elif self._uniform() < 0.7:
            behind = 0
        else:
            behind = 1 + int(-3.0 * math.log(1.0 - self._uniform()))
        price_e4 = bid_e4 - behind * tick if side == BID else ask_e4 + behind * tick
        if not 0 < price_e4 < 10_000:
            return
        size = self._settings.noise_order_size * depth * math.exp(0.8 * self._normal())
        order_id = next(self._order_ids)
        heappush(self._expiries, (now_ns + 1 + int(self._life_ns()), order_id))
        yield Rest(order_id, side, price_e4, shares_e6(size))


def _step_e4(price: float, book: BookView, settings: FlowSettings) -> int:
    """Quote in whole cents until the price is so far out that a cent is too much."""
    is_far = not 1.0 - settings.fine_beyond < price < settings.fine_beyond
    return book.tick_e4 if is_far else CENT_E4


def _depth_ratio(left_s: float, settings: FlowSettings) -> float:
    """Shrink sizes towards the end: from four times ``late_s`` on, in a straight line."""
    ahead = (left_s - settings.late_s) / (3.0 * settings.late_s)
    ratio = settings.late_depth_ratio
    return ratio + (1.0 - ratio) * min(max(ahead, 0.0), 1.0)
