"""Makers in a synthetic market: what a slow one earns, and the books that traders act on."""

from collections.abc import Sequence
from itertools import count

import numpy as np

from polymm._core.book import Book
from polymm.domain.market import NS
from polymm.exchange.flow import FlowMarket, FlowSettings, make_market
from polymm.exchange.flow_actions import BookView, FlowAction, Pull, Rest, Take
from polymm.exchange.flow_reference import Reference, draw_reference
from polymm.exchange.flow_traders import draw_traders

SEED = 20_261_123


class TouchJoiner:
    """A slow maker: joins the touch once a second."""

    def __init__(self, start_ns: int) -> None:
        self.next_ns = start_ns
        self.fills: list[tuple[int, int, int]] = []  # side, price, size
        self._order_ids = count(10**9)
        self._orders: dict[int, tuple[int, int, int]] = {}

    def act(self, now_ns: int, reference: Reference, book: BookView) -> Sequence[FlowAction]:
        self.next_ns = now_ns + NS
        actions: list[FlowAction] = [Pull(order_id) for order_id in self._orders]
        self._orders.clear()
        if book.best_bid_e4 and book.best_ask_e4 < 10_000:
            for side, price_e4 in enumerate((book.best_bid_e4, book.best_ask_e4)):
                order_id = next(self._order_ids)
                self._orders[order_id] = (side, price_e4, 20_000_000)
                actions.append(Rest(order_id, side, price_e4, 20_000_000))
        return actions

    def order_left(self, order_id: int, size_e6: int) -> None:
        side, price_e4, before_e6 = self._orders[order_id]
        self._orders[order_id] = (side, price_e4, size_e6)
        self.fills.append((side, price_e4, before_e6 - size_e6))


class ClockedMarket(FlowMarket):
    """Values the joiner's fills at the truth of the moment after them."""

    edge = 0.0
    shares = 0.0

    def watch(self, joiner: TouchJoiner) -> None:
        self.joiner = joiner
        self.traders.append(joiner)

    def match(self, take: Take, now_ns: int) -> None:
        super().match(take, now_ns)
        for side, price_e4, size_e6 in self.joiner.fills:
            sign = 1 if side == 0 else -1
            self.shares += size_e6 / 1e6
            fair = self.reference.fair_at(now_ns + NS)
            self.edge += sign * size_e6 / 1e6 * (fair - price_e4 / 1e4)
        self.joiner.fills.clear()


def test_a_slow_maker_at_the_touch_loses_to_those_who_know() -> None:
    print(f"seed {SEED}")
    settings = FlowSettings()
    edge = shares = 0.0
    for window in range(2):
        market = make_market(SEED, window, settings)
        price_seed, *seeds = np.random.SeedSequence(SEED, spawn_key=(window,)).spawn(6)
        reference = draw_reference(np.random.default_rng(price_seed), market.start_ns, settings)
        traders = draw_traders(seeds, count(1), market.start_ns - NS, settings)
        flow = ClockedMarket(market, reference, traders, settings)
        flow.watch(TouchJoiner(market.start_ns))
        flow.run()
        edge += flow.edge
        shares += flow.shares
    # Before rebates, in dollars per share: a model of informed takers expects about -0.012.
    print(f"shares {shares:.0f} edge per share {100 * edge / shares:.3f} c")
    assert shares > 2_000
    assert -0.025 < edge / shares < -0.003


def test_traders_act_on_the_compiled_book_as_well() -> None:
    settings = FlowSettings()
    reference = Reference(
        start_ns=0, step_ns=NS, prices=[1.0], fairs=[0.5], price_to_beat=1.0, price_final=1.0
    )
    seeds = np.random.SeedSequence(SEED).spawn(5)
    book = Book()
    placed = [
        action
        for trader in draw_traders(seeds, count(1), 0, settings)
        for action in trader.act(0, reference, book)
        if isinstance(action, Rest)
    ]
    assert {action.side for action in placed} == {0, 1}
    assert all(0 < action.price_e4 < 10_000 and action.size_e6 > 0 for action in placed)
