"""The compiled loop does what its slow twins do: every action, every figure of the record."""

import pytest

from polymm.research.recordings import open_tapes
from tests.oracle.backtest import differences, random_case
from tests.research.test_tape_causality import SETTINGS
from tests.support.recordings import recording
from tests.support.tapes import book, change, tape

CASES = 160
SHARES = 8


@pytest.mark.parametrize("share", range(SHARES))
def test_short_random_tapes_run_as_in_the_twins(share):
    for seed in range(share, CASES, SHARES):
        tape, settings, more = random_case(seed)
        assert not differences(tape, settings, **more), f"seed {seed}"


@pytest.mark.parametrize("queue", ["risk_averse", "prob"])
@pytest.mark.parametrize("cycle", SETTINGS)
def test_a_recording_with_trades_runs_as_in_the_twins(cycle, queue):
    tape = open_tapes(recording("ws_market_btc5m"))[0]
    assert not differences(tape, SETTINGS[cycle], queue=queue)


@pytest.mark.parametrize("cycle", SETTINGS)
def test_a_book_that_was_silent_for_long_is_no_book_meanwhile(cycle):
    levels = [(0.50, 40), (0.49, 40)], [(0.52, 40), (0.53, 40)]
    seconds = (1, 2, 14, 15, 25, 40, 41)  # silences of 10 s, and of more
    changes = [change(1000 * s, "BUY", 0.50, 50 + s) for s in seconds]
    found = tape(book(0, *levels), *changes)

    assert not differences(found, SETTINGS[cycle])
