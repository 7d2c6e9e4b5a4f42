"""A maker with the real book and lane against a venue that answers in any order, seeded.

What must hold at every step is checked against the venue's truth, not against the maker's belief.
"""

import random

import pytest

from polymm._core.book import Book
from polymm._core.lane import Lane
from polymm.domain.market import Market
from polymm.domain.order import Action, Cancel, Fill, Merged, Place, Side, Token
from polymm.engine.events import NEVER_NS, BookChanged, Closing, Timer
from polymm.engine.maker import Maker
from polymm.engine.settings import MakerSettings
from polymm.strategy.base import BaseParameters
from tests.support.chaos_venue import ChaosVenue
from tests.support.fake_lane import MARKET, MS, T0

POSITION_MAX_E6 = 40_000_000
MODES = [
    {"cycle": cycle, "requote": requote, "ask_mode": ask_mode}
    for cycle in ("timer", "event")
    for requote in ("cancel_replace", "diff")
    for ask_mode in ("buy_complement", "sell_first")
]


class World:
    """One run: the maker, its venue, and what has been seen to happen."""

    def __init__(self, seed: int, mode: dict[str, str]) -> None:
        self.rng = random.Random(seed)
        self.venue = ChaosVenue(self.rng)
        parameters = BaseParameters(
            order_size_e6=10_000_000,
            max_position_e6=POSITION_MAX_E6,
            merge_threshold_e6=5_000_000,
            cycle=mode["cycle"],
            ask_mode=mode["ask_mode"],
        )
        self.book = Book(100)
        self.lane = Lane(self.book, parameters)
        settings = MakerSettings(
            cycle=mode["cycle"],
            requote=mode["requote"],
            merge_enabled=True,
            max_total_position_e6=60_000_000,
        )
        market: Market = MARKET
        self.maker = Maker(market, self.book, self.lane, settings)
        self.per_side = mode["requote"] == "diff"
        self.now_ns = T0 - 10_000_000 * MS
        self.seen: dict[int, Fill] = {}
        self.merged_e6 = 0
        self.mid = 50

    def move_book(self) -> None:
        if self.rng.random() < 0.03:
            self.book.clear()
            return
        self.mid = min(max(self.mid + self.rng.randint(-3, 3), 10), 90)
        half = self.rng.choice((1, 1, 2))
        levels = [(100 * n, 50_000_000) for n in range(4)]
        self.book.replace(
            [(100 * (self.mid - half) - away, size) for away, size in levels],
            [(100 * (self.mid + half) + away, size) for away, size in levels],
        )

    def step(self, event: object) -> None:
        actions = list(self.maker.step(self.now_ns, event))
        self.check_before(actions)
        self.venue.take(actions)
        self.check_after()
        assert self.maker.next_timer_ns > self.now_ns or not isinstance(event, Timer)

    def check_before(self, actions: list[Action]) -> None:
        kinds = [isinstance(action, Place) for action in actions]
        assert kinds == sorted(kinds), "a placement stood before a cancel or a merge"
        asked = {cancel for cancel, n in self.venue.cancels.items() if n}
        asked |= {action.order_id for action in actions if isinstance(action, Cancel)}
        for action in actions:
            if not isinstance(action, Place):
                continue
            for order in self.venue.live:
                old = order.place
                if self.per_side and old.sign != action.sign:
                    continue
                twin = (old.token, old.side) == (action.token, action.side)
                kept = self.per_side and not twin and old.order_id not in asked
                assert kept, f"placed {action} while {old} may be live"

    def check_after(self) -> None:
        venue, maker = self.venue, self.maker
        live = [order.place for order in venue.live]
        bids = [place.up_price_e4 for place in live if place.sign > 0]
        asks = [place.up_price_e4 for place in live if place.sign < 0]
        assert not bids or not asks or max(bids) < min(asks), "own orders meet"
        for token in Token:
            buys = sum(
                order.remaining_e6
                for order in venue.live
                if (order.place.token, order.place.side) == (token, Side.BUY)
            )
            assert venue.shares[token] + buys <= POSITION_MAX_E6, "outside the position limit"
        sells = sum(order.remaining_e6 for order in venue.live if order.place.side is Side.SELL)
        assert sells + venue.merging_e6 <= venue.shares[Token.UP], "sells shares it does not hold"
        up_e6, down_e6, cash_e10 = -self.merged_e6, -self.merged_e6, self.merged_e6 * 10_000
        for fill in self.seen.values():
            sign = 1 if fill.side is Side.BUY else -1
            up_e6 += sign * fill.size_e6 * (fill.token is Token.UP)
            down_e6 += sign * fill.size_e6 * (fill.token is Token.DOWN)
            cash_e10 -= sign * fill.size_e6 * fill.price_e4
        inventory = maker.inventory
        assert (inventory.up_e6, inventory.down_e6) == (up_e6, down_e6)
        assert inventory.cash_e10 == cash_e10
        assert sum(maker.cycles.values()) == maker.cycles_started - maker.is_suspended
        assert max(venue.cancels.values(), default=0) <= 5

    def deliver(self) -> None:
        reply = self.venue.deliver()
        if reply is None:
            return
        if isinstance(reply, Fill):
            self.seen[reply.trade_id] = reply
        elif isinstance(reply, Merged):
            self.merged_e6 += reply.pairs_e6
        self.step(reply)

    def frame(self) -> None:
        self.move_book()
        self.step(BookChanged(self.lane.evaluate(self.now_ns)))

    def timer(self) -> None:
        if self.maker.next_timer_ns <= self.now_ns:
            self.step(Timer())

    def run(self, steps: int) -> None:
        moves = (
            self.frame,
            self.venue.work,
            self.venue.work,
            self.deliver,
            self.deliver,
            lambda: self.venue.trade(self.now_ns),
        )
        for _ in range(steps):
            self.now_ns += self.rng.choice((0, 1, 10, 60, 300)) * MS
            self.timer()
            self.rng.choice(moves)()

    def drain(self) -> None:
        while self.venue.requests or self.venue.replies:
            self.venue.work()
            self.deliver()


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: "-".join(mode.values()))
@pytest.mark.parametrize("seed", range(12))
def test_what_must_hold_holds_whatever_the_order_of_replies(
    seed: int, mode: dict[str, str]
) -> None:
    print(f"seed {seed}")
    world = World(seed, mode)
    world.run(600)
    maker, venue = world.maker, world.venue
    assert maker.cycles["placed"] > 3

    world.step(Closing())
    venue.faults = False
    while maker.next_timer_ns != NEVER_NS:
        world.drain()
        world.now_ns = max(world.now_ns, min(maker.next_timer_ns, world.now_ns + 5_000 * MS))
        world.timer()
    world.drain()
    left = {order.place.order_id for order in venue.live}
    assert left <= {order.place.order_id for order in maker.orders}, "a live order was forgotten"
    assert all(venue.cancels[order_id] == 5 for order_id in left)
    assert maker.inventory.up_e6 == venue.shares[Token.UP]
    assert maker.inventory.down_e6 == venue.shares[Token.DOWN]
    assert maker.inventory.cash_e10 == venue.cash_e10


def test_the_same_seed_gives_the_same_actions() -> None:
    runs = []
    for _ in range(2):
        world = World(7, MODES[-1])
        world.run(300)
        runs.append((list(world.venue.orders.values()), dict(world.maker.cycles)))
    assert runs[0] == runs[1]
