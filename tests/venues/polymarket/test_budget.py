"""Our copy of the venue's token buckets: what it lets through, and what corrects it."""

import pytest

from polymm.net.http_outcome import Reply
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.budget import BLOCK_NS, CANCEL_WAIT_S_MAX, Budget

S = 10**9
STANDARD = wire.TIERS["standard"]


def answer(**headers: str) -> Reply:
    found = tuple(
        (f"poly-ratelimit-{name}".encode(), value.encode()) for name, value in headers.items()
    )
    return Reply(200, found, b"", 1, 2)


def test_a_burst_then_the_rate():
    budget = Budget(STANDARD, 0)
    assert [budget.take_orders(1, 0) for _ in range(60)] == [0] * 60
    assert budget.take_orders(1, 0) == S // 40
    assert budget.take_orders(1, S // 40) == 0
    assert budget.take_cancels(120, 0) == 0
    assert budget.take_cancels(1, 0) == S // 80


def test_a_batch_needs_all_its_tokens():
    budget = Budget(STANDARD, 0)
    assert budget.take_orders(50, 0) == 0
    assert budget.take_orders(15, 0) == 5 * S // 40
    assert budget.tokens(0)[0] == 10, "nothing was taken"
    assert budget.take_cancels(200, 0) > 3_000 * S, "more than the bucket ever holds"


def test_orders_leave_cancels_enough_for_all_that_may_rest():
    budget = Budget(STANDARD, 0)
    budget.live = 50
    assert budget.take_orders(1, 0) == 0  # needs 1.2 * 51 + 1 = 63 cancels of 120
    budget.take_cancels(60, 0)
    assert budget.take_orders(1, 0) == 3 * S // 80
    assert budget.take_cancels(60, 0) == 0, "the reserve is for cancels"


def test_the_venue_corrects_downwards_only():
    budget = Budget(STANDARD, 0)
    budget.orders_answered(answer(remaining="7"), 0)
    budget.cancels_answered(answer(remaining="-3.5"), 0)
    assert budget.tokens(0) == (7, -4)
    budget.orders_answered(answer(remaining="60"), 0)
    assert budget.tokens(0)[0] == 7, "what it says of the past gives nothing back"


@pytest.mark.parametrize("value", ["", "many", "1e9", "--5", "9" * 30, "5.x"])
def test_a_header_that_is_no_number_says_nothing(value):
    budget = Budget(STANDARD, 0)
    budget.orders_answered(answer(remaining=value), 0)
    assert budget.tokens(0) == (60, 120)


def test_a_refusal_shuts_one_bucket_for_as_long_as_it_says():
    budget = Budget(STANDARD, 0)
    budget.block_orders(3 * S, 0)
    assert budget.take_orders(1, S) == 2 * S
    assert budget.take_cancels(1, S) == 0
    assert budget.take_orders(1, 3 * S) == 0
    budget.block_cancels(0, 3 * S)
    assert budget.take_cancels(1, 3 * S) == BLOCK_NS


@pytest.mark.parametrize("said", ["block", "remaining", "sweep"])
def test_nothing_the_venue_says_keeps_cancels_back_for_long(said):
    budget = Budget(STANDARD, 0)
    if said == "block":
        budget.block_cancels(3_600 * S, 0)
    elif said == "remaining":
        budget.cancels_answered(answer(remaining="-99999999"), 0)
    else:
        budget.swept(60_000, 0)
    assert 4 * S < budget.take_cancels(1, 0) <= CANCEL_WAIT_S_MAX * S
    assert budget.take_cancels(1, CANCEL_WAIT_S_MAX * S) == 0


def test_another_tier_brings_its_rates_and_no_tokens():
    budget = Budget(STANDARD, 0)
    budget.take_orders(60, 0)
    budget.orders_answered(answer(tier="Gold"), 0)
    assert budget.tier.name == "gold"
    assert budget.tokens(0) == (0, 120)
    assert budget.tokens(S) == (400, 920)
    budget.orders_answered(answer(tier="Royal"), 0)
    assert budget.tier.name == "gold"


def test_a_sweep_is_paid_afterwards():
    budget = Budget(STANDARD, 0)
    budget.take_cancels(1, 0)
    budget.swept(130, 0)
    assert budget.tokens(0)[1] == -11
    assert budget.take_cancels(1, 0) == 12 * S // 80


def test_warnings_are_counted():
    budget = Budget(STANDARD, 0)
    budget.orders_answered(answer(warning="true"), 0)
    budget.cancels_answered(answer(warning="false"), 0)
    assert budget.warnings == 1
