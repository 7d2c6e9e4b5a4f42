"""Durations by stage: what is counted where, and how near a quantile comes to the truth."""

import random

import numpy as np
import pytest

from polymm._core.stages import BUCKETS_N, Stages, bucket_bounds
from polymm.errors import InputError


@pytest.mark.parametrize("ns", [0, 1, 15, 16, 17, 31, 32, 1000, 10**6, 10**9, 2**62, 2**63 - 1])
def test_a_duration_lies_in_a_bucket_an_eighth_wide(ns: int) -> None:
    bucket, upper = bucket_bounds(ns)
    assert 0 <= bucket < BUCKETS_N
    assert ns <= upper <= ns + ns // 8
    assert bucket_bounds(upper) == (bucket, upper)
    if upper < 2**63 - 1:
        assert bucket_bounds(upper + 1)[0] == bucket + 1


def test_quantiles_are_those_of_the_sorted_durations_within_an_eighth() -> None:
    rng = random.Random(7)
    drawn = sorted(int(rng.lognormvariate(9, 2)) for _ in range(20_000))
    stages = Stages(["decoded"])
    for ns in drawn:
        stages.record(0, ns)
    assert stages.count(0) == len(drawn)
    assert stages.longest_ns(0) == drawn[-1]
    for share in (0.5, 0.99, 0.999, 1.0):
        true_ns = drawn[int(np.ceil(share * len(drawn))) - 1]
        assert true_ns <= stages.quantile_ns(0, share) <= true_ns + true_ns // 8


def test_stages_are_apart_and_nothing_is_zero() -> None:
    stages = Stages(["decoded", "signed"])
    stages.record(1, 500)
    assert stages.names == ("decoded", "signed")
    assert [stages.count(i) for i in range(2)] == [0, 1]
    assert stages.quantile_ns(0, 0.99) == stages.longest_ns(0) == 0
    assert stages.counts_view.sum() == 1
    assert stages.counts_view.shape == (2, BUCKETS_N)


def test_a_clock_that_went_back_counts_as_nothing_long() -> None:
    stages = Stages(["decoded"])
    stages.record(0, -5)
    assert (stages.count(0), stages.quantile_ns(0, 1.0)) == (1, 0)


def test_a_stage_that_is_none_is_refused_when_read_and_counted_nowhere() -> None:
    stages = Stages(["decoded"])
    stages.record(1, 5)
    stages.record(-1, 5)
    assert stages.counts_view.sum() == 0
    for read in (stages.count, stages.longest_ns, lambda i: stages.quantile_ns(i, 0.5)):
        with pytest.raises(InputError, match=r"within 0\.\.0, was 1"):
            read(1)
    with pytest.raises(InputError, match="at least one name"):
        Stages([])
