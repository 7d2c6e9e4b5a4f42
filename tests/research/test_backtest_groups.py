"""Markets of one account in the compiled loop do what those of the slow twin do, event by event."""

from dataclasses import replace

import pytest

from polymm.exchange.tape import Latency
from tests.oracle.backtest import beside_alone, group_differences
from tests.oracle.backtest_cases import Group, moved, random_group
from tests.research.test_tape_causality import SETTINGS
from tests.support.tapes import MS, at, book, change, tape

SEEDS = range(20)
# Where an order, or the end of a merge, and an event of another market meet in one ns.
MEETINGS = (1258, 2304, 3840)
DOLLAR = 1_000_000
DELAYS = Latency(order_ns=50 * MS, cancel_ns=50 * MS)
LEVELS = [(0.50, 40), (0.49, 40)], [(0.52, 40), (0.53, 40)]


@pytest.mark.parametrize("seeds", [SEEDS, MEETINGS])
def test_random_tapes_on_one_account_run_as_in_the_twin(seeds):
    unlike_alone = 0
    for seed in seeds:
        group = random_group(seed)
        differing, (runs, actions) = group_differences(group)
        assert not differing, f"seed {seed}"
        unlike_alone += beside_alone(group, runs, actions)[0]
    assert unlike_alone > len(seeds) // 4


def quiet(slug, *, start_ms, end_ms, first_ms, lag_ms=0):
    """A window without trades, whose first frame comes then."""
    found = tape(
        book(first_ms, *LEVELS),
        change(end_ms - 150, "BUY", 0.49, 50),
        start_ns=at(start_ms),
        end_ns=at(end_ms),
        trade_lag_ns=lag_ms * MS,
    )
    return moved(found, 0, slug=slug)


def refused(*tapes):
    """Orders of each that find no cash, where there is enough for those of one market."""
    settings = replace(SETTINGS["event"], cash_e6=20 * DOLLAR)
    group = Group(list(tapes), [DELAYS] * len(tapes), settings, settings.cash_e6)
    differing, (runs, _) = group_differences(group)
    assert not differing
    return [run.orders.reject_reasons.get("balance", 0) for run in runs]


@pytest.mark.parametrize("lag_ms", [0, 190])
def test_of_orders_of_one_ns_those_of_the_market_added_first_are_served(lag_ms):
    window = {"start_ms": 0, "end_ms": 2000, "first_ms": -100}
    first, second = quiet("first", **window), quiet("second", **window, lag_ms=lag_ms)

    of_first, of_second = refused(first, second)
    assert of_first == 0 < of_second


def test_the_market_that_began_first_is_first_in_every_ns():
    # The orders of one arrive in the very ns in which those of the other expire.
    ending = quiet("ending", start_ms=0, end_ms=2000, first_ms=-200)
    window = {"start_ms": 1950, "end_ms": 4000}
    early = quiet("early", **window, first_ms=-300)
    late = quiet("late", **window, first_ms=-100)

    assert refused(ending, early) == [0, 2]
    assert refused(ending, late) == [0, 0]
