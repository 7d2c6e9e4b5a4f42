"""What the belief about an order costs on the path, from its plan to the answer that it rests."""

from typing import Any

from benches.core.conftest import ROUNDS
from polymm.domain.order import Place, Side, Token
from polymm.engine import evidence as ev
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.order_manager import OrderManager

ORDERS = 200
NOW_NS = 10**18
MS = 1_000_000
LIVE = ev.PlaceVerdict.LIVE
Steps = list[tuple[Place, ev.Signed, ev.Written, ev.PlaceAnswered]]


def test_place(benchmark: Any) -> None:
    """Time plan, Signed, Written and PlaceAnswered of 200 orders; slower delays what follows.

    8 us an order are allowed.
    """
    steps: Steps = []
    for number in range(ORDERS):
        name = f"0x{number:064x}"
        steps.append(
            (
                Place(number, "btc", Token.UP, Side.BUY, 4_900, 5_000_000),
                ev.Signed(number, name),
                ev.Written((name,), NOW_NS),
                ev.PlaceAnswered(name, LIVE, "", NOW_NS, NOW_NS + 30 * MS),
            )
        )

    def setup() -> tuple[tuple[OrderManager], dict[str, Any]]:
        return (OrderManager(FillLedger()),), {}

    def run(manager: OrderManager) -> None:
        plan, apply = manager.plan, manager.apply
        for place, signed, written, answered in steps:
            plan(NOW_NS, "0x1", place)
            apply(NOW_NS, signed)
            apply(NOW_NS, written)
            apply(NOW_NS + 30 * MS, answered)

    benchmark.extra_info["calls"] = ORDERS
    benchmark.pedantic(run, setup=setup, rounds=ROUNDS, warmup_rounds=2)
