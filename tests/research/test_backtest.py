"""The compiled loop does what its slow twins do: every action, every figure of the record."""

from dataclasses import replace

import pytest

from polymm.domain.market import NS
from polymm.exchange.tape import Latency
from polymm.research.backtest import backtest_tape
from polymm.research.recordings import open_tapes
from polymm.research.tape_pack import pack
from tests.oracle.backtest import differences
from tests.oracle.backtest_cases import random_case
from tests.research.test_tape_causality import SETTINGS
from tests.support.recordings import recording
from tests.support.tapes import MS, book, change, tape, trade

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


@pytest.mark.parametrize("cycle", SETTINGS)
def test_a_book_that_grew_thin_under_the_same_quote_is_quoted_around_the_next_trade(cycle):
    levels = [(0.50, 40), (0.49, 40)], [(0.52, 40), (0.53, 40)]
    thin = change(2000, "BUY", 0.49, 0)
    behind = [change(3100 + 300 * n, "BUY", 0.20, 50 + n) for n in range(4)]
    found = tape(
        book(0, *levels), trade(10, "BUY", 0.51, 10), thin, trade(3000, "SELL", 0.54, 10), *behind
    )

    assert not differences(found, SETTINGS[cycle])


def test_cycles_that_only_wait_for_a_proof_keep_the_interval_between_them():
    def around(cents):
        return [[((cents + away * n) / 100, 40) for n in range(1, 7)] for away in (-1, 1)]

    # Sizes behind all levels that a strategy looks at, two in a ns: such frames ask for nothing.
    behind = [change(2000 + 10 * (n // 2), "BUY", 0.30, 50 + n % 2) for n in range(2, 160)]
    found = tape(book(0, *around(51)), book(2000, *around(55)), *behind)
    event = SETTINGS["event"]
    interval_ns = 50 * MS
    slow = replace(
        event,
        parameters=replace(event.parameters, requote_interval_min_ns=interval_ns),
        maker=replace(event.maker, requote_interval_min_ns=interval_ns, proof_wait_ns=2 * NS),
    )
    late = Latency(order_ns=500 * MS, cancel_ns=500 * MS, reply_ns=500 * MS)
    assert not differences(found, slow, latency=late)
    assert backtest_tape(pack(found), slow, latency=late).cycles["superseded"] == 19
