"""Queue position of one resting order, updated by sizes and trades."""

import random

from benches.core.conftest import TimePasses
from polymm._core.queue import QueuePosition


def _flow(model: str, n: int = 512) -> list[object]:
    chance = random.Random(1)
    queue = QueuePosition(500_000_000, model)
    calls = []
    for i in range(n):
        now_ns, size_e6 = i * 2_000_000, chance.randrange(100, 900) * 1_000_000
        if chance.random() < 0.02:
            calls.append(lambda now=now_ns: queue.on_trade(now, 5_000_000))
        else:
            calls.append(lambda now=now_ns, size=size_e6: queue.on_size(now, size))
    return calls


def test_risk_averse(time_calls: TimePasses) -> None:
    """Time 512 updates; slower means slower backtests, by one update a message and order."""
    time_calls(_flow("risk_averse"))


def test_prob(time_calls: TimePasses) -> None:
    """Time 512 updates of the probabilistic model; slower means what it means for the other."""
    time_calls(_flow("prob"))
