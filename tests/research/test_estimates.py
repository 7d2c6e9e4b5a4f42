import math
import random

import pytest

from polymm.research.estimates import (
    brier,
    clustered_mean,
    clustered_ratio,
    deviation,
    log_loss,
    reliability,
    sharpe,
    skill,
    wilson,
)


def test_brier_and_log_loss_are_the_documented_numbers() -> None:
    p, y = [0.9, 0.6, 0.3, 0.2], [1.0, 1.0, 0.0, 1.0]
    assert brier(p, y) == pytest.approx(0.225, abs=1e-12)
    assert log_loss(p, y) == pytest.approx(0.64557, abs=1e-5)


def test_a_certain_forecast_that_fails_costs_a_finite_loss() -> None:
    assert log_loss([1.0], [0.0]) == pytest.approx(-math.log(1e-6))


def test_one_observation_a_cluster_gives_the_plain_standard_error() -> None:
    values = [1.0, 4.0, 2.0, 9.0]
    estimate = clustered_mean(enumerate(values))
    assert estimate.value == 4.0
    assert estimate.se == pytest.approx(deviation(values) / 2)


def test_repeating_a_market_within_its_window_adds_no_certainty() -> None:
    rng = random.Random(3)
    print("seed 3")
    once = [(k, rng.gauss(0, 1)) for k in range(30)]
    single = clustered_mean(once)
    tripled = clustered_mean(once * 3)
    assert tripled.clusters == 30
    assert tripled.value == pytest.approx(single.value)
    assert tripled.se == pytest.approx(single.se)


def test_a_ratio_weighs_by_shares_and_ignores_empty_clusters() -> None:
    estimate = clustered_ratio([(1, 2.0, 100.0), (2, 0.0, 0.0), (2, 1.0, 50.0)])
    assert estimate.value == pytest.approx(0.02)
    assert estimate.se == pytest.approx(0.0)


def test_nothing_observed_is_not_zero() -> None:
    assert math.isnan(clustered_mean([]).value)
    assert math.isnan(clustered_mean([(1, 5.0)]).se)
    assert math.isnan(brier([], []))
    assert math.isnan(sharpe([1.0]))
    assert math.isnan(sharpe([1.0, 1.0]))


def test_sharpe_is_mean_over_spread_and_not_annualised() -> None:
    assert sharpe([1.0, 2.0, 3.0]) == pytest.approx(2.0)


def test_wilson_matches_published_bounds() -> None:
    # Brown, Cai, DasGupta (2001): the interval of 0 out of n starts at 0 and is not empty.
    assert wilson(0, 10) == pytest.approx((0.0, 0.277533), abs=1e-6)
    assert wilson(5, 10) == pytest.approx((0.236593, 0.763407), abs=1e-6)
    assert wilson(0, 0) == (0.0, 1.0)


def test_reliability_puts_a_price_on_its_own_edge_into_the_bin_above() -> None:
    rows = reliability([0.3, 0.7, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0])
    assert [(row.low, row.n, row.frequency) for row in rows] == [
        (0.0, 1, 0.0),
        (0.3, 1, 1.0),
        (0.7, 1, 1.0),
        (0.9, 1, 1.0),
    ]


def test_skill_is_the_share_of_the_loss_that_is_gone() -> None:
    assert skill(0.2, 0.25) == pytest.approx(0.2)
    assert math.isnan(skill(0.2, 0.0))
