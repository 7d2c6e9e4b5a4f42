"""The risk gate's check of one order, the last thing between a decision and its bytes."""

from functools import partial
from typing import NamedTuple

import pytest

from benches.core.conftest import TimePasses
from polymm.domain.market import Market
from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.limits import RiskLimits
from polymm.engine.order_manager import OrderManager
from polymm.engine.risk import RiskGate
from polymm.venues.polymarket.budget import Budget
from polymm.venues.polymarket.wire import TIERS

SHARE = 1_000_000
NOW_NS = 10**18
MOST = 10**15


class Book(NamedTuple):
    """A book that may be quoted from, with nothing behind it."""

    best_bid_e4: int = 4_500
    best_ask_e4: int = 5_500
    has_epoch: bool = True
    tick_e4: int = 100
    last_trade_e4: int = 0
    timestamp_ms: int = 0
    proven_ns: tuple[int, int] = (NOW_NS, NOW_NS)
    reference_ns: int = NOW_NS
    is_contradicted: bool = False


def _gate(live: int) -> RiskGate:
    """A gate that lets everything pass, beside so many orders that rest in four markets."""
    fills = FillLedger()
    orders = OrderManager(fills)
    limits = RiskLimits(
        max_market_e6=MOST,
        max_total_cost_e6=MOST,
        order_size_max_e6=MOST,
        loss_max_e6=MOST,
        markout_loss_max_e6=MOST,
        levels_max=100,
        orders_a_second_max=10**6,
        orders_a_minute_max=10**6,
    )
    fills.correct(ev.Correction("cash", "", None, 0, MOST, NOW_NS))
    for n in range(live):
        place = Place(n, "btc", Token(n % 2), Side.BUY, 4_000, 10 * SHARE)
        orders.plan(NOW_NS, f"0x{n // 2 % 4}", place)
        orders.apply(NOW_NS, ev.Signed(n, f"0xa{n}"))
        orders.apply(NOW_NS, ev.Written((f"0xa{n}",), NOW_NS))
    return RiskGate(limits, orders, fills, Budget(TIERS["elite"], NOW_NS))


@pytest.mark.parametrize("live", [0, 2, 8, 32])
def test_check(time_calls: TimePasses, live: int) -> None:
    """Time 64 checks; slower means later placements, by one check an order."""
    market = Market(
        slug="btc", condition_id="0x0", up_token="1", down_token="2", start_ns=0, end_ns=2 * NOW_NS
    )
    gate = _gate(live)
    place = Place(100, "btc", Token.UP, Side.BUY, 4_100, 10 * SHARE)
    check = partial(gate.check, NOW_NS, market, place, Book())  # type: ignore[arg-type]
    assert check() == ""
    time_calls([check] * 64)
