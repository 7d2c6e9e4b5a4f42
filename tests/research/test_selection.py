"""Deflated Sharpe and overfitting: the numbers of STRATEGY 6, and searches in pure noise."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from polymm.errors import InputError
from polymm.research.estimates import moments, probabilistic_sharpe, sharpe
from polymm.research.selection import deflated_sharpe, expected_sharpe_max, overfitting
from polymm.research.summary import summarise
from tests.support.runs import make_run


def test_the_numbers_of_the_strategy() -> None:
    assert expected_sharpe_max(100, 1.0) == pytest.approx(2.5306, abs=1e-4)
    assert expected_sharpe_max(100, 0.03) == pytest.approx(0.07592, abs=1e-5)
    found = deflated_sharpe(0.10, 2016, -1.0, 8.0, trials_n=100, trials_sd=0.03)
    assert found == pytest.approx(0.8468, abs=1e-4)


def test_against_no_hurdle_a_sharpe_of_zero_is_even_chance() -> None:
    assert probabilistic_sharpe(0.0, 100, 0.0, 3.0) == 0.5
    assert probabilistic_sharpe(0.3, 100, 0.0, 3.0) > 0.99
    # One trial is not chosen among any.
    assert expected_sharpe_max(1, 0.5) == 0.0


def test_what_cannot_be_known_is_nan() -> None:
    assert math.isnan(probabilistic_sharpe(0.1, 1, 0.0, 3.0))
    assert all(map(math.isnan, moments([2.0, 2.0])))
    assert math.isnan(overfitting(np.zeros((10, 3)), 10))


def test_moments_of_a_lopsided_sample() -> None:
    skewness, kurtosis = moments([0.0, 0.0, 0.0, 1.0])
    assert skewness == pytest.approx(2 / math.sqrt(3))
    assert kurtosis == pytest.approx(7 / 3)


def slow_overfitting(parts: list[np.ndarray], sd_weight: float) -> float:
    """The definition, split by split."""
    blocks = len(parts)

    def scores(numbers: list[int]) -> list[float]:
        joined = np.concatenate([parts[k] for k in numbers])
        return [float(c.mean() - sd_weight * c.std(ddof=1)) for c in joined.T]

    low = total = 0
    for chosen in combinations(range(blocks), blocks // 2):
        own = scores(list(chosen))
        other = scores([k for k in range(blocks) if k not in chosen])
        mark = other[own.index(max(own))]
        rank = sum(v < mark for v in other) + 0.5 * (sum(v == mark for v in other) + 1)
        low += rank / (len(other) + 1) <= 0.5
        total += 1
    return low / total


@pytest.mark.parametrize("sd_weight", [0.0, 0.5])
def test_overfitting_is_what_its_definition_says(sd_weight: float) -> None:
    values = np.random.default_rng(3).normal(size=(61, 7)) + np.linspace(0.0, 0.2, 7)
    found = overfitting(values, 6, sd_weight=sd_weight)
    assert found == slow_overfitting(np.array_split(values, 6), sd_weight)
    assert 0.0 < found < 1.0


def test_noise_overfits_and_a_better_trial_does_not() -> None:
    rng = np.random.default_rng(11)
    noise = rng.normal(size=(160, 40))
    assert overfitting(noise, 10) > 0.3
    better = noise.copy()
    better[:, 17] += 1.0
    assert overfitting(better, 10) == 0.0
    assert sharpe(list(better[:, 17])) > 0.7


def test_a_search_that_changes_nothing_is_all_overfitting() -> None:
    one = np.random.default_rng(5).normal(size=(64, 1))
    assert overfitting(np.repeat(one, 5, axis=1), 10) == 1.0


@pytest.mark.parametrize("sd_weight", [0.0, 0.5])
def test_the_coins_of_a_window_never_fall_into_two_blocks(sd_weight: float) -> None:
    """Unlike numbers of coins a window: blocks of markets would part some of them."""
    rng = np.random.default_rng(3)
    coins = rng.integers(1, 4, size=24)
    starts = np.repeat(np.arange(24), coins) * 300
    values = rng.normal(size=(len(starts), 7)) + np.linspace(0.0, 0.2, 7)
    parts = [values[np.isin(starts // 300, few)] for few in np.array_split(np.arange(24), 6)]
    given = list(starts)
    expected = slow_overfitting(parts, sd_weight)
    assert overfitting(values, 6, starts_ns=given, sd_weight=sd_weight) == expected
    assert overfitting(values, 6, sd_weight=sd_weight) != expected
    mixed = rng.permutation(len(starts))
    mixed = mixed[np.argsort(rng.integers(0, 3, size=len(mixed)), kind="stable")]
    found = overfitting(values[mixed], 6, starts_ns=list(starts[mixed]), sd_weight=sd_weight)
    assert found == pytest.approx(expected)
    # Twelve windows are twelve, however many coins they have.
    twelve = np.repeat(np.arange(11), 4)
    assert math.isnan(overfitting(values[:44], 6, starts_ns=list(twelve)))


def test_an_odd_number_of_blocks_is_refused() -> None:
    with pytest.raises(InputError, match="blocks must be even and at least 2, was 5"):
        overfitting(np.zeros((100, 2)), 5)


def test_the_psr_of_a_report_counts_windows_and_not_coins() -> None:
    """Two coins of each window: twice the markets, no more windows that say anything."""
    run = make_run(markets=12, unsettled=0, excluded=0)
    coins = [replace(m, market=replace(m.market, condition_id=f"{m.source} 2"))
             for m in run.markets]  # fmt: skip
    one, two = (
        summarise([replace(run, markets=markets)])["runs"][0]["settled"]["per_market"]
        for markets in (run.markets, run.markets + coins)
    )
    assert one["clusters"] == two["clusters"] == 12
    assert 0.0 < one["psr"] < 1.0
    assert two["psr"] == pytest.approx(one["psr"], rel=1e-9)
    nets = [m["pnl"] + m["rebate_paid_e6"] / 1e6 for m in summarise([run])["runs"][0]["markets"]]
    by_hand = probabilistic_sharpe(sharpe(nets), len(nets), *moments(nets))
    assert one["psr"] == pytest.approx(by_hand, rel=1e-9)
    alone = summarise([make_run(markets=1, unsettled=0, excluded=0)])["runs"][0]["settled"]
    assert math.isnan(alone["per_market"]["psr"])
