"""The true probability: the closed form of continuous time, and odds that come true."""

import math

import numpy as np
import pytest

from polymm.domain.market import NS
from polymm.exchange.flow_reference import (
    PRICE_START,
    YEAR_S,
    Reference,
    draw_reference,
    fair_path,
)
from polymm.exchange.flow_settings import FlowSettings

STEPS_PER_S = 20
SIGMA = 0.5 / math.sqrt(YEAR_S)


def fair(price: float, tau_s: float, *, average_s: float, so_far: float | None = None) -> float:
    """Probability at a constant price, with K 100000; ``so_far`` is the price averaged before."""
    n = round(max(tau_s, average_s) * STEPS_PER_S)
    log_prices = np.full(n + 1, math.log(price))
    if so_far is not None:
        log_prices[: n - round(tau_s * STEPS_PER_S) + 1] = math.log(so_far)
    variances = np.full(n, SIGMA**2 / STEPS_PER_S)
    average = max(round(average_s * STEPS_PER_S), 1)
    at = n - round(tau_s * STEPS_PER_S)
    # The price of the moment itself counts, as the last sample known.
    log_prices[at] = math.log(price)
    return fair_path(log_prices, math.log(100_000), variances, average)[at]


@pytest.mark.parametrize(
    ("price", "tau_s", "average_s", "so_far", "expected"),
    [
        pytest.param(100_050, 120, 0, None, 0.69585, id="F1 point"),
        pytest.param(100_000**2 / 100_050, 120, 0, None, 0.30415, id="F1' point"),
        pytest.param(100_050, 120, 60, None, 0.73490, id="F2 twap"),
        pytest.param(100_050, 60, 60, None, 0.89533, id="F2' twap, both branches"),
        pytest.param(100_020, 30, 60, 100_050, 0.99353, id="F3 twap inside the average"),
        pytest.param(99_950, 10, 60, 100_020, 0.99895, id="F4 twap near the end"),
    ],
)
def test_probability_follows_the_formula_up_to_the_step(
    price: float, tau_s: float, average_s: float, so_far: float | None, expected: float
) -> None:
    # Fifty milliseconds a step: the sums stand for integrals to about 1e-3.
    assert fair(price, tau_s, average_s=average_s, so_far=so_far) == pytest.approx(
        expected, abs=1e-3
    )


@pytest.mark.parametrize("settlement", ["twap", "point"])
def test_probability_at_any_moment_averages_the_outcomes(settlement: str) -> None:
    seed, n = 11, 400
    print(f"seed {seed}")
    settings = FlowSettings(settlement=settlement, step_ms=250, vol_of_vol=0.5)
    paths = [draw_reference(np.random.default_rng([seed, i]), 0, settings).fairs for i in range(n)]
    fairs = np.array(paths)
    for at_s in (0, 60, 150, 240, 285):
        miss = fairs[:, -1] - fairs[:, at_s * 4]
        error = miss.std() / math.sqrt(n)
        assert abs(miss.mean()) < 3.5 * error, f"{at_s} s: {miss.mean()} ± {error}"
        # Not only on average: the squared miss is p (1 - p) if the odds are right.
        squares = miss**2 - fairs[:, at_s * 4] * (1 - fairs[:, at_s * 4])
        assert abs(squares.mean()) < 3.5 * squares.std() / math.sqrt(n) + 1e-9


def test_probability_at_the_open_spreads_as_the_fixed_strike_says() -> None:
    # Once the strike is fixed, ln(S/K) has variance 20 sigma^2: sd 0.1067 at the open.
    settings = FlowSettings(step_ms=250, vol_of_vol=0.0)
    opens = [
        draw_reference(np.random.default_rng([5, i]), 0, settings).fairs[0] for i in range(600)
    ]
    assert np.std(opens) == pytest.approx(0.1067, rel=0.1)


def test_volatility_is_the_one_asked_for() -> None:
    settings = FlowSettings(vol_annual=0.8, vol_of_vol=0.4, settlement="point", window_s=1200)
    returns = [
        np.diff(np.log(draw_reference(np.random.default_rng([3, i]), 0, settings).prices))
        for i in range(20)
    ]
    annual = np.std(np.concatenate(returns)) * math.sqrt(STEPS_PER_S * YEAR_S)
    assert annual == pytest.approx(0.8, rel=0.08)


def test_a_tie_is_up() -> None:
    assert reference(PRICE_START, PRICE_START).outcome == "up"
    assert reference(PRICE_START, math.nextafter(PRICE_START, 0.0)).outcome == "down"


def test_between_steps_the_last_value_holds_and_the_ends_hold_beyond() -> None:
    path = reference(1.0, 2.0)
    assert [path.fair_at(ns) for ns in (-5, 0, NS - 1, NS, 9 * NS)] == [0.5, 0.5, 0.5, 1.0, 1.0]
    assert path.price_at(NS - 1) == 1.0
    assert path.end_ns == NS


def reference(price_to_beat: float, price_final: float) -> Reference:
    return Reference(
        start_ns=0,
        step_ns=NS,
        prices=[1.0, 2.0],
        fairs=[0.5, 1.0],
        price_to_beat=price_to_beat,
        price_final=price_final,
    )
