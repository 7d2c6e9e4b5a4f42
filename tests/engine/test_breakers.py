"""Counting alone: how much is too much, to the last nanosecond."""

from random import Random

import pytest

from polymm.engine.breakers import MINUTE, Burst, OrderRate, Rests, Slowness
from polymm.engine.settings import SECOND


@pytest.mark.parametrize("seed", range(5))
def test_never_more_orders_pass_than_allowed_in_any_second_and_minute(seed: int) -> None:
    print(f"seed {seed}")
    rng, rate, passed_ns, now_ns = Random(seed), OrderRate(4, 40), [], 0
    for _ in range(3_000):
        now_ns += rng.choice((0, 1, SECOND // 10, SECOND // 4, 5 * SECOND))
        in_second = [at for at in passed_ns if now_ns - at < SECOND]
        in_minute = [at for at in passed_ns if now_ns - at < MINUTE]
        refusal = rate.refusal(now_ns)
        if refusal == "order_rate":
            assert len(in_second) == 4
        elif refusal:
            assert len(in_minute) == 40
        else:
            assert len(in_second) < 4
            assert len(in_minute) < 40
            rate.passed(now_ns)
            passed_ns.append(now_ns)
    assert len(passed_ns) > 100


def test_a_burst_is_so_many_within_its_time() -> None:
    burst = Burst(3, 10)
    assert [burst.happened(at) for at in (0, 5, 10, 14, 15)] == [False, False, False, True, True]


def test_one_of_a_kind_may_be_a_burst() -> None:
    assert Burst(1, 10).happened(0)


def test_rests_are_counted_anew_after_each() -> None:
    rests = Rests(2, 8 * SECOND)
    rests.refused(0)
    assert not rests.is_resting(0)
    rests.refused(SECOND - 1)
    assert rests.is_resting(2 * SECOND - 2)
    assert not rests.is_resting(2 * SECOND - 1)
    rests.refused(2 * SECOND)
    assert not rests.is_resting(2 * SECOND)


def test_an_answer_at_the_limit_is_not_slow() -> None:
    slowness = Slowness(SECOND)
    assert not any(slowness.answered(SECOND) for _ in range(300))
    assert not slowness.answered(SECOND + 1)


def test_slow_answers_are_forgotten_with_time() -> None:
    slowness = Slowness(SECOND)
    for n in range(1_000):
        assert not slowness.answered(2 * SECOND if n % 50 == 0 else 0), n
