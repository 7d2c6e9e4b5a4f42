"""Which requotes are worth their tokens: all while there are enough, then only great ones."""

import pytest

from polymm._core.layout import ASK, BID
from polymm.domain.order import Place
from polymm.engine.working import Leg, WorkingOrder
from polymm.engine.worth import NEVER_TICKS, Worth
from polymm.venues.polymarket.budget import Budget
from polymm.venues.polymarket.wire import TIERS
from tests.support.gates import BUY, DOWN, NOW, SECOND, SELL, SHARE, UP, FakeBudget


class Live:
    """So many orders that may be live."""

    def __init__(self, count: int) -> None:
        self.count = count

    def potentially_live(self) -> range:
        return range(self.count)


def worth(orders: int, cancels: int, live: int = 2) -> Worth:
    return Worth(FakeBudget(orders, cancels), Live(live))


def standing(price_e4: int, side: int = BID, size_e6: int = 10 * SHARE) -> WorkingOrder:
    token = UP if side == BID else DOWN
    own_e4 = price_e4 if side == BID else 10_000 - price_e4
    return WorkingOrder(Place(1, "btc", token, BUY, own_e4, size_e6), side, price_e4, NOW)


def bid(price_e4: int, size_e6: int = 10 * SHARE) -> Leg:
    return Leg(BID, UP, BUY, price_e4, size_e6)


def ask(price_e4: int, size_e6: int = 10 * SHARE) -> Leg:
    return Leg(ASK, DOWN, BUY, 10_000 - price_e4, size_e6)


@pytest.mark.parametrize(
    ("orders", "cancels", "ticks"),
    [
        # Of 60 order tokens; of 120 cancel tokens 4 are kept for two live orders.
        (60, 120, 1),
        (30, 62, 1),
        (29, 120, 2),
        (15, 120, 2),
        (14, 120, 4),
        (7, 120, 8),
        (1, 120, 32),
        (0, 120, NEVER_TICKS),
        (60, 61, 2),
        (60, 33, 2),
        (60, 32, 4),
        (60, 5, 64),
        (60, 4, NEVER_TICKS),
        (60, -9, NEVER_TICKS),
        # The smaller share of the two decides.
        (14, 61, 4),
    ],
)
def test_a_price_must_have_moved_further_the_fewer_tokens_are_left(
    orders: int, cancels: int, ticks: int
) -> None:
    assert worth(orders, cancels).least_ticks(NOW) == ticks


def test_live_orders_keep_their_cancel_tokens() -> None:
    assert worth(60, 62, live=2).least_ticks(NOW) == 1
    assert worth(60, 62, live=10).least_ticks(NOW) == 2


def test_while_half_is_left_everything_that_is_asked_for_is_worth_it() -> None:
    full = worth(30, 62)
    for wanted in (bid(4_001), bid(4_000), bid(3_999), bid(4_000, 11 * SHARE)):
        assert full.is_worth(NOW, standing(4_000), [wanted, ask(5_500)], 100)


def test_then_only_what_is_far_enough_away() -> None:
    some = worth(14, 120)
    legs = [bid(4_400), ask(5_500)]
    assert some.is_worth(NOW, standing(4_000), legs, 100)
    assert not some.is_worth(NOW, standing(4_001), legs, 100)
    assert some.is_worth(NOW, standing(4_001), legs, 10)
    assert some.is_worth(NOW, standing(5_900, ASK), legs, 100)
    assert not some.is_worth(NOW, standing(5_800, ASK), legs, 100)


def test_an_order_larger_than_wanted_is_always_replaced() -> None:
    legs = [bid(4_000, 9 * SHARE), ask(5_500)]
    assert worth(0, 0).is_worth(NOW, standing(4_000), legs, 100)
    assert not worth(0, 0).is_worth(NOW, standing(4_000, size_e6=9 * SHARE), legs, 100)


@pytest.mark.parametrize(
    ("order", "is_wrong"),
    [
        (standing(4_999), False),
        (standing(5_000), True),
        (standing(5_001, ASK), False),
        (standing(5_000, ASK), True),
        (standing(4_000, ASK), True),
    ],
)
def test_an_order_on_the_wrong_side_of_the_fair_price_is_always_replaced(
    order: WorkingOrder, is_wrong: bool
) -> None:
    assert worth(0, 0).is_worth(NOW, order, [bid(4_500), ask(5_500)], 100) is is_wrong


def test_where_one_side_is_wanted_no_order_stands_better_than_wanted() -> None:
    assert worth(0, 0).is_worth(NOW, standing(4_501), [bid(4_500)], 100)
    assert not worth(0, 0).is_worth(NOW, standing(4_499), [bid(4_500)], 100)
    assert not worth(0, 0).is_worth(NOW, standing(4_500), [bid(4_500, 15 * SHARE)], 100)
    assert worth(0, 0).is_worth(NOW, standing(5_499, ASK), [ask(5_500)], 100)
    assert not worth(0, 0).is_worth(NOW, standing(5_501, ASK), [ask(5_500)], 100)


def test_an_order_for_which_nothing_is_wanted_is_always_pulled() -> None:
    assert worth(0, 0).is_worth(NOW, standing(4_000), [ask(5_500)], 100)
    sells = Leg(ASK, UP, SELL, 5_500, 10 * SHARE)
    assert worth(0, 0).is_worth(NOW, standing(5_500, ASK), [bid(4_500), sells], 100)


def test_the_venues_own_mirror_will_do() -> None:
    budget = Budget(TIERS["standard"], NOW)
    asked = Worth(budget, Live(2))
    assert asked.least_ticks(NOW) == 1
    assert budget.take_orders(46, NOW) == 0
    assert asked.least_ticks(NOW) == 4
    # 40 tokens a second flow in.
    assert asked.least_ticks(NOW + SECOND // 2) == 1
    assert budget.bursts == (60, 120)
    assert [budget.reserve(live) for live in (0, 1, 5)] == [1, 3, 7]
