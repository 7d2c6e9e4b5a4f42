"""The queue models against their worked numbers, their twin, and the two orders of one match."""

import random

import pytest

from polymm._core import queue as fast
from tests.oracle import queue as slow

MS = 1_000_000
SECOND = 1_000_000_000
SHARE = 1_000_000


@pytest.mark.parametrize("module", [fast, slow])
@pytest.mark.parametrize(
    ("front", "back", "chg", "expected"),
    [(80, 20, 30, 50.461538), (20, 80, 30, 19.538462)],
)
def test_prob_reproduces_the_worked_numbers(module, front, back, chg, expected):
    after = module.prob(front, back, chg, front + back - chg, 3)
    assert float(after) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("module", [fast, slow])
def test_risk_averse_keeps_us_behind_all_that_is_left(module):
    assert module.risk_averse(80, 20, 30, 70) == 70
    assert module.risk_averse(20, 80, 30, 70) == 20


@pytest.mark.parametrize("module", [fast, slow])
def test_prob_takes_everything_from_the_front_when_nobody_is_behind(module):
    assert module.prob(80, 0, 30, 50, 3) == 50


@pytest.mark.parametrize("module", [fast, slow])
def test_prob_takes_everything_from_behind_when_we_are_first(module):
    assert module.prob(0, 100, 30, 70, 3) == 0


def test_prob_survives_sizes_whose_powers_overflow():
    after = fast.prob(80e30, 20e30, 30e30, 70e30, 100.0)
    assert after == pytest.approx(50e30, rel=1e-12)


@pytest.mark.parametrize("model", ["risk_averse", "prob"])
@pytest.mark.parametrize("module", [fast, slow])
class TestOneMatch:
    def queue(self, module, model, size=100):
        return module.QueuePosition(size * SHARE, model)

    def front(self, queue):
        return float(queue.front_e6) / SHARE

    def test_trade_before_its_book_counts_once(self, module, model):
        queue = self.queue(module, model)
        assert queue.on_trade(0, 30 * SHARE) == 0
        queue.on_size(20 * MS, 70 * SHARE)
        queue.settle(3 * SECOND)
        assert self.front(queue) == 70

    def test_book_before_its_trade_counts_once(self, module, model):
        queue = self.queue(module, model)
        queue.on_size(0, 70 * SHARE)
        assert queue.on_trade(20 * MS, 30 * SHARE) == 0
        queue.settle(3 * SECOND)
        assert self.front(queue) == 70

    def test_both_orders_agree_when_others_stand_behind_us(self, module, model):
        ends = []
        for book_first in (True, False):
            queue = self.queue(module, model)
            queue.on_size(0, 150 * SHARE)
            if book_first:
                queue.on_size(MS, 120 * SHARE)
                queue.on_trade(21 * MS, 30 * SHARE)
            else:
                queue.on_trade(MS, 30 * SHARE)
                queue.on_size(21 * MS, 120 * SHARE)
            queue.settle(3 * SECOND)
            ends.append(self.front(queue))
        assert ends == [70, 70]

    def test_drop_counts_at_once_and_turns_into_a_trade_when_one_explains_it(self, module, model):
        queue = self.queue(module, model)
        queue.on_size(0, 400 * SHARE)
        queue.on_size(MS, 350 * SHARE)
        judged = self.front(queue)
        assert judged > 98
        queue.on_trade(20 * MS, 50 * SHARE)
        assert self.front(queue) == 50

    def test_drop_and_trade_further_apart_than_the_window_are_two(self, module, model):
        queue = self.queue(module, model)
        queue.on_size(0, 70 * SHARE)
        assert queue.on_trade(SECOND, 30 * SHARE) == 0
        assert self.front(queue) == 40

    def test_trade_may_show_afterwards_that_an_earlier_one_reached_us(self, module, model):
        queue = self.queue(module, model)
        queue.on_size(0, 10 * SHARE)  # 90 leave: a trade, as will be told
        assert queue.on_trade(MS, 130 * SHARE) == 30 * SHARE

    def test_trade_without_a_drop_was_refilled_from_behind(self, module, model):
        queue = self.queue(module, model)
        queue.on_trade(0, 30 * SHARE)
        queue.settle(2 * SECOND)
        queue.on_size(2 * SECOND, 40 * SHARE)  # 60 leave: 30 stood behind, 70 ahead
        queue.settle(4 * SECOND)
        assert self.front(queue) <= 40 + 1e-9

    def test_what_exceeds_the_front_reaches_us(self, module, model):
        queue = self.queue(module, model)
        assert queue.on_trade(0, 130 * SHARE) == 30 * SHARE
        assert queue.on_trade(1, 5 * SHARE) == 5 * SHARE

    def test_growth_joins_behind_us(self, module, model):
        queue = self.queue(module, model)
        queue.on_size(0, 400 * SHARE)
        assert self.front(queue) == 100
        queue.on_size(MS, 395 * SHARE)
        queue.settle(2 * SECOND)
        assert self.front(queue) == pytest.approx(100, abs=0.2)


@pytest.mark.parametrize("model", ["risk_averse", "prob"])
def test_kernel_follows_its_twin_through_random_queues(model):
    for seed in range(200):
        rng = random.Random(seed)
        size = rng.randrange(0, 500) * SHARE
        quick = fast.QueuePosition(size, model)
        plain = slow.QueuePosition(size, model)
        now = 0
        for _ in range(60):
            now += rng.randrange(0, 400) * MS
            if rng.random() < 0.4:
                traded = rng.randrange(1, 200) * SHARE
                a, b = quick.on_trade(now, traded), plain.on_trade(now, traded)
                assert abs(a - b) <= 1, f"seed {seed}"
            else:
                shown = rng.randrange(0, 500) * SHARE
                quick.on_size(now, shown)
                plain.on_size(now, shown)
            assert quick.front_e6 == pytest.approx(float(plain.front_e6), abs=1.0), f"seed {seed}"


def test_more_changes_than_the_ring_holds_become_final_early_and_are_never_lost():
    queue = fast.QueuePosition(1000 * SHARE)
    for i in range(900):
        queue.on_size(i, (1000 - i) * SHARE)
    assert queue.front_e6 == 101 * SHARE
    queue.settle(5 * SECOND)
    assert queue.front_e6 == 101 * SHARE


def test_trade_through_leaves_nobody_ahead_and_its_drop_moves_nothing():
    queue = fast.QueuePosition(100 * SHARE)
    queue.on_trade(0, 30 * SHARE)
    queue.on_through()
    assert queue.front_e6 == 0
    queue.on_size(MS, 0)
    queue.on_size(2 * MS, 500 * SHARE)
    assert queue.on_trade(3 * MS, 7 * SHARE) == 7 * SHARE


def test_unknown_model_is_refused_by_name():
    with pytest.raises(ValueError, match="risk_averse or prob"):
        fast.QueuePosition(0, "optimistic")
    with pytest.raises(ValueError, match="n must be above 0"):
        fast.QueuePosition(0, "prob", n=0.0)
    with pytest.raises(ValueError, match="size_e6"):
        fast.QueuePosition(-1)
