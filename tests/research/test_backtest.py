"""The compiled loop does what its slow twins do: every action, every figure of the record."""

import pytest

from polymm.research.recordings import open_tapes
from tests.oracle.backtest import differences, random_case
from tests.research.test_tape_causality import SETTINGS
from tests.support.recordings import recording

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
