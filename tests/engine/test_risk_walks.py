"""Whatever the gate lets pass, and whatever becomes of it: no case at all breaks a limit."""

from dataclasses import dataclass, field
from random import Random

import pytest

from polymm.domain.order import Side, Token
from polymm.engine import evidence as ev
from polymm.engine.evidence import Settlement
from polymm.engine.exposure import NO_LOAD, Load, weigh
from tests.oracle.exposure import Trade, worst
from tests.support.gates import BUY, MARKET, SELL, SHARE, UP, Scene, limits

LIMITS = limits(
    max_market_e6=40 * SHARE,
    max_total_cost_e6=20 * SHARE,
    orders_a_second_max=100,
    markout_loss_max_e6=10**15,
    loss_max_e6=10**15,
    failures_max=1_000,
)


@dataclass
class Walk:
    """What is true of an account whose orders all passed the gate."""

    rng: Random
    cash: int
    scene: Scene = field(init=False)
    confirmed: list[Trade] = field(default_factory=list)
    provisional: dict[str, tuple[Trade, ev.FillTold]] = field(default_factory=dict)
    live: dict[str, Trade] = field(default_factory=dict)
    passed: int = 0

    def __post_init__(self) -> None:
        self.scene = Scene(cash=self.cash, limits=LIMITS)

    def order(self) -> None:
        """Ask for any order at all, and send it if it may go out."""
        rng = self.rng
        if len(self.live) >= 4:
            return
        token, side = rng.choice(list(Token)), rng.choice(list(Side))
        # Bids at up to 0.54, asks from 0.46 on: what would take is refused anyway.
        price_e4 = 100 * (rng.randrange(20, 55) if side is BUY else rng.randrange(46, 80))
        size_e6 = rng.randrange(500, 4_000) * 10_000
        asked = token, side, price_e4 / 1e4, size_e6 / 1e6
        if not self.scene.check(*asked):
            self.passed += 1
            self.live[self.scene.sent(*asked)] = Trade(MARKET, token, side, price_e4, size_e6)

    def fill(self) -> None:
        """Fill a part of an order, or all of it."""
        if not self.live or len(self.provisional) >= 3:
            return
        order, trade = self.rng.choice(list(self.live.items()))
        part_e6 = self.rng.choice((trade.size_e6, trade.size_e6 // 20_000 * 10_000)) or 10_000
        told = self.scene.fill(
            trade.token,
            trade.side,
            trade.price_e4 / 1e4,
            part_e6 / 1e6,
            Settlement.MATCHED,
            order=order,
        )
        self.provisional[told.trade] = trade._replace(size_e6=part_e6), told
        if part_e6 == trade.size_e6:
            del self.live[order]
        else:
            self.live[order] = trade._replace(size_e6=trade.size_e6 - part_e6)

    def settle(self) -> None:
        """Confirm a fill, or have it fail."""
        if not self.provisional:
            return
        name = self.rng.choice(list(self.provisional))
        trade, told = self.provisional.pop(name)
        status = self.rng.choice((Settlement.CONFIRMED, Settlement.CONFIRMED, Settlement.VOID))
        self.scene.tell(told._replace(status=status))
        if status is Settlement.CONFIRMED:
            self.confirmed.append(trade)

    def end(self) -> None:
        """Prove that an order is gone."""
        if not self.live:
            return
        order = self.rng.choice(list(self.live))
        size_e6 = self.scene.orders.by_hash[order].place.size_e6
        filled_e6 = size_e6 - self.live.pop(order).size_e6
        now_ns = self.scene.now_ns
        self.scene.tell(
            ev.OrderTold(order, ev.OrderNews.CANCELLATION, "CANCELED", MARKET, filled_e6, 0, now_ns)
        )

    def hold(self) -> None:
        """Try every case."""
        provisional = [trade for trade, _ in self.provisional.values()]
        found = worst(MARKET, self.confirmed, provisional, list(self.live.values()))
        assert max(found.up_e6, found.down_e6) <= LIMITS.max_market_e6
        assert found.cost_e10 <= LIMITS.max_total_cost_e6 * 10_000
        assert min(found.held_e6) >= 0
        earned_e10 = sum(
            trade.price_e4 * trade.size_e6 * (1 if trade.side is SELL else -1)
            for trade in self.confirmed
        )
        assert found.cash_e10 <= self.cash * SHARE * 10_000 + earned_e10
        bids = [trade for trade in self.live.values() if (trade.token is UP) is (trade.side is BUY)]
        asks = [trade for trade in self.live.values() if trade not in bids]
        assert all(up_e4(bid) < up_e4(ask) for bid in bids for ask in asks)


def sums(load: Load) -> dict[str, object]:
    names = [name for name in dir(load) if not name.startswith("_")]
    return {name: value for name in names if not callable(value := getattr(load, name))}


def up_e4(trade: Trade) -> int:
    return trade.price_e4 if trade.token is UP else 10_000 - trade.price_e4


@pytest.mark.parametrize("cash", [12, 30])
@pytest.mark.parametrize("seed", range(40))
def test_no_case_breaks_a_limit(seed: int, cash: int) -> None:
    print(f"seed {seed}")
    walk = Walk(Random(seed), cash)
    for _ in range(120):
        act = walk.rng.choice(
            (walk.order, walk.order, walk.order, walk.fill, walk.settle, walk.end)
        )
        act()
        walk.hold()
        # What is kept from order to order is what all orders add up to.
        kept = walk.scene.orders.loads().get(MARKET, NO_LOAD)
        assert sums(kept) == sums(weigh(walk.scene.orders.potentially_live(MARKET)))
        walk.scene.wait(0.05)
    assert walk.passed > 3
