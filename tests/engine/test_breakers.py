"""Counting alone: how much is too much, to the last nanosecond."""

from random import Random

import pytest

from polymm.engine.breakers import MINUTE, Burst, Grid, OrderRate, Rests, Slowness
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


def test_refusals_within_a_second_are_counted_anew_after_a_rest() -> None:
    rests = Rests(2, 8 * SECOND)
    rests.refused(0)
    rests.accepted()
    assert not rests.is_resting(0)
    rests.refused(SECOND - 1)
    assert rests.is_resting(2 * SECOND - 2)
    assert not rests.is_resting(2 * SECOND - 1)
    rests.accepted()
    rests.refused(2 * SECOND)
    assert not rests.is_resting(2 * SECOND)


def test_refusals_in_a_row_make_gaps_that_grow_whatever_their_spacing() -> None:
    rests, refused_ns = Rests(3, 8 * SECOND), list[int]()
    for now_ns in range(0, 40 * SECOND, SECOND):
        if not rests.is_resting(now_ns):
            rests.refused(now_ns)
            refused_ns.append(now_ns // SECOND)
    assert refused_ns == [0, 1, 2, 3, 5, 9, 17, 25, 33]


def test_refusals_of_what_was_out_before_a_rest_do_not_make_it_longer() -> None:
    rests = Rests(1, 8 * SECOND)
    for _ in range(4):
        rests.refused(0)
    assert not rests.is_resting(SECOND)


def test_a_grid_is_old_while_the_refused_price_is_on_it() -> None:
    grid = Grid(SECOND, 4 * SECOND)
    assert not grid.is_old(0, 10)
    grid.refused(0, 4_010)
    assert grid.is_old(SECOND - 1, 10)
    assert not grid.is_old(0, 100)
    waits_ns, now_ns = list[int](), 0
    for _ in range(4):
        since_ns = now_ns
        grid.refused(now_ns, 4_010)
        while grid.is_old(now_ns, 10):
            now_ns += SECOND // 100
        waits_ns.append(now_ns - since_ns)
    for wait_ns, least_s in zip(waits_ns, (1, 2, 4, 4), strict=True):
        assert least_s * SECOND <= wait_ns <= least_s * SECOND * 13 // 10


def test_an_answer_at_the_limit_is_not_slow() -> None:
    slowness = Slowness(SECOND)
    assert not any(slowness.answered(SECOND) for _ in range(300))
    assert not slowness.answered(SECOND + 1)


def test_slow_answers_are_forgotten_with_time() -> None:
    slowness = Slowness(SECOND)
    for n in range(1_000):
        assert not slowness.answered(2 * SECOND if n % 50 == 0 else 0), n
