"""Token buckets, back-off and watchdogs: arithmetic over given times, against slow twins."""

import random
from fractions import Fraction

import pytest

from polymm.net.pacing import SECOND_NS, AgeWatch, Allowance, Backoff, PingClock, TokenBucket

T0 = 5_000 * SECOND_NS
MS = 1_000_000


def bucket(rate: int = 40, burst: int = 60) -> TokenBucket:
    return TokenBucket(rate=rate, burst=burst, now_ns=T0)


# Buckets


def test_a_burst_is_there_at_once_and_no_token_more() -> None:
    orders = bucket()
    assert all(orders.take(1, T0) for _ in range(60))
    assert not orders.take(1, T0)


def test_tokens_come_back_at_the_rate_to_the_nanosecond() -> None:
    orders = bucket()
    orders.take(60, T0)
    assert not orders.take(1, T0 + 25 * MS - 1)
    assert orders.take(1, T0 + 25 * MS)


def test_a_batch_takes_all_its_tokens_or_none() -> None:
    orders = bucket()
    orders.take(50, T0)
    assert not orders.take(15, T0)
    assert orders.tokens(T0) == 10


def test_the_wait_for_tokens_is_exact() -> None:
    orders = bucket(rate=7)
    orders.take(60, T0)
    wait_ns = orders.wait_ns(3, T0)
    assert wait_ns is not None
    assert not orders.take(3, T0 + wait_ns - 1)
    assert orders.take(3, T0 + wait_ns)
    assert orders.wait_ns(0, T0 + wait_ns) == 0


def test_more_than_a_burst_can_never_pass() -> None:
    assert bucket().wait_ns(61, T0) is None
    assert not bucket().take(61, T0)


def test_a_charge_afterwards_may_go_below_zero() -> None:
    cancels = bucket(rate=80, burst=120)
    cancels.debit(200, T0)
    assert cancels.tokens(T0) == -80
    assert not cancels.take(1, T0 + SECOND_NS)
    assert cancels.take(1, T0 + SECOND_NS + SECOND_NS // 80)


def test_what_a_venue_says_lowers_the_level_and_never_raises_it() -> None:
    orders = bucket()
    orders.lower(5, T0)
    assert orders.tokens(T0) == 5
    orders.lower(50, T0)
    assert orders.tokens(T0) == 5


def test_a_clock_that_steps_back_brings_no_tokens_and_takes_none() -> None:
    orders = bucket()
    orders.take(60, T0)
    assert orders.tokens(T0 - SECOND_NS) == 0
    assert orders.tokens(T0 + SECOND_NS) == 40


@pytest.mark.parametrize("seed", range(5))
def test_a_bucket_agrees_with_fractions(seed: int) -> None:
    print(f"seed {seed}")
    rng = random.Random(seed)
    rate, burst = rng.randint(1, 900), rng.randint(1, 900)
    ours, level, now_ns = bucket(rate, burst), Fraction(burst), T0
    for _ in range(500):
        passed_ns = rng.randrange(1, 3 * SECOND_NS // rate)
        now_ns += passed_ns
        level = min(Fraction(burst), level + Fraction(passed_ns * rate, SECOND_NS))
        count = rng.randint(0, 4)
        assert ours.take(count, now_ns) == (level >= count)
        if level >= count:
            level -= count
        if rng.random() < 0.02:
            ours.debit(burst, now_ns)
            level -= burst
        assert ours.tokens(now_ns) == level // 1


@pytest.mark.parametrize(("rate", "burst"), [(0, 1), (1, 0), (-1, 1)])
def test_a_bucket_without_flow_or_room_is_refused(rate: int, burst: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        bucket(rate, burst)


# Both buckets together


def allowance() -> Allowance:
    return Allowance(bucket(), bucket(rate=80, burst=120))


@pytest.mark.parametrize(("live", "reserve"), [(0, 1), (1, 3), (4, 6), (5, 7), (10, 13)])
def test_the_reserve_is_a_fifth_more_than_the_orders_and_one(live: int, reserve: int) -> None:
    assert allowance().reserve(live) == reserve


def test_placements_stop_while_cancels_could_not_undo_them() -> None:
    both = allowance()
    assert both.take_cancels(114, T0)  # 6 are left: enough for 4 orders
    assert not both.take_orders(1, live=4, now_ns=T0)
    assert both.orders.tokens(T0) == 60
    assert both.take_orders(1, live=3, now_ns=T0)


def test_cancels_may_use_the_reserve_to_the_last_token() -> None:
    both = allowance()
    assert both.take_cancels(120, T0)
    assert not both.take_cancels(1, T0)


def test_an_empty_order_bucket_leaves_the_cancels_alone() -> None:
    both = allowance()
    assert both.take_orders(60, live=0, now_ns=T0)
    assert not both.take_orders(1, live=0, now_ns=T0)
    assert both.cancels.tokens(T0) == 120


# Back-off


def backoff(seed: int = 1, floor_ns: int = 0) -> Backoff:
    return Backoff(random.Random(seed), base_ns=250 * MS, cap_ns=30 * SECOND_NS, floor_ns=floor_ns)


def test_waits_grow_under_a_doubling_bound_to_the_cap() -> None:
    many = [backoff(seed) for seed in range(200)]
    for i in range(10):
        bound_ns = min(250 * MS << i, 30 * SECOND_NS)
        waits = [one.next_ns() for one in many]
        assert max(waits) <= bound_ns
        assert max(waits) > 0.9 * bound_ns
        assert min(waits) < 0.1 * bound_ns


def test_two_clients_do_not_come_back_together() -> None:
    assert len({backoff(seed).next_ns() for seed in range(50)}) == 50


def test_one_seed_gives_one_sequence() -> None:
    one, other = backoff(), backoff()
    assert [one.next_ns() for _ in range(9)] == [other.next_ns() for _ in range(9)]


def test_success_begins_again() -> None:
    waits = backoff()
    for _ in range(9):
        waits.next_ns()
    waits.succeed()
    assert waits.failures == 0
    assert waits.next_ns() <= 250 * MS


def test_no_wait_is_below_the_floor_or_what_the_venue_asked_for() -> None:
    waits = backoff(floor_ns=100 * MS)
    assert all(waits.next_ns() >= 100 * MS for _ in range(50))
    assert waits.next_ns(retry_after_ns=79 * SECOND_NS) == 79 * SECOND_NS


def test_failures_for_days_cost_nothing() -> None:
    waits = backoff()
    waits.failures = 10**9
    assert waits.next_ns() <= 30 * SECOND_NS


@pytest.mark.parametrize(("floor", "base", "cap"), [(0, 0, 1), (2, 1, 3), (0, 2, 1), (-1, 1, 1)])
def test_bounds_out_of_order_are_refused(floor: int, base: int, cap: int) -> None:
    with pytest.raises(ValueError, match="floor <= base <= cap"):
        Backoff(random.Random(1), base_ns=base, cap_ns=cap, floor_ns=floor)


# Watchdogs


def test_an_age_is_old_only_above_its_limit() -> None:
    watch = AgeWatch(limit_ns=2 * SECOND_NS, now_ns=T0)
    assert not watch.is_old(T0 + 2 * SECOND_NS)
    assert watch.is_old(T0 + 2 * SECOND_NS + 1)
    watch.touch(T0 + SECOND_NS)
    assert watch.age_ns(T0 + 2 * SECOND_NS) == SECOND_NS
    assert not watch.is_old(T0 + 3 * SECOND_NS)


def test_after_the_time_left_a_silent_watch_is_old() -> None:
    watch = AgeWatch(limit_ns=MS, now_ns=T0)
    for at_ns in (T0, T0 + 7, T0 + MS):
        left_ns = watch.left_ns(at_ns)
        assert watch.is_old(at_ns + left_ns)
        assert not watch.is_old(at_ns + left_ns - 1)
    assert watch.left_ns(T0 + 9 * MS) == 1


def test_a_sight_from_before_changes_nothing() -> None:
    watch = AgeWatch(limit_ns=MS, now_ns=T0)
    watch.touch(T0 - 5)
    assert watch.seen_ns == T0
    assert watch.age_ns(T0 - 5) == 0


def test_a_ping_is_due_each_interval_and_one_is_out_at_a_time() -> None:
    clock = PingClock(interval_ns=10 * SECOND_NS, now_ns=T0)
    assert not clock.is_due(T0 + 10 * SECOND_NS - 1)
    assert clock.is_due(T0 + 10 * SECOND_NS)
    clock.sent(T0 + 10 * SECOND_NS)
    assert not clock.is_due(T0 + 30 * SECOND_NS)
    assert clock.answered(T0 + 10 * SECOND_NS + 3) == 3
    assert clock.is_due(T0 + 20 * SECOND_NS)


def test_an_unanswered_ping_is_waited_for_and_an_unasked_answer_is_none() -> None:
    clock = PingClock(interval_ns=10, now_ns=T0)
    assert clock.answered(T0) is None
    assert clock.waited_ns(T0 + 5) == 0
    clock.sent(T0 + 10)
    assert clock.waited_ns(T0 + 16) == 6
    assert clock.waited_ns(T0 + 9) == 0
    clock.answered(T0 + 17)
    assert clock.waited_ns(T0 + 99) == 0
