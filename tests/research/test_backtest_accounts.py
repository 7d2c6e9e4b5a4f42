"""Several markets in one loop: merged in time, with cash apart or shared, however a run is cut."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest

from polymm._core.backtest import Backtest
from polymm.errors import InputError
from polymm.exchange.flow import FlowSettings, generate_window
from polymm.exchange.tape import Latency
from polymm.research.backtest import add_tape, sound_rows
from polymm.research.tape_pack import pack
from tests.research.test_tape_causality import SETTINGS
from tests.support.tapes import MS

DELAYS = Latency()
DELAY_NAMES = ("feed", "order", "cancel", "reply")
NAMES = ("actions", "fills", "marks", "quotes", "holdings", "merges", "ranks")
LENGTH_NS = 20_000 * MS


@pytest.fixture(scope="module")
def tapes():
    """Windows that overlap by half."""
    flow = FlowSettings(window_s=20, lookback_s=4)
    packed = [pack(generate_window(seed, settings=flow)) for seed in (31, 32, 33)]
    return [moved(tape, n * LENGTH_NS // 2) for n, tape in enumerate(packed)]


def moved(tape, by_ns):
    rows = tape.rows.copy()
    rows["exch_ns"] += by_ns
    # Their stamps stay, as a message's own time may lie before that of its frame.
    market = replace(
        tape.market, start_ns=tape.market.start_ns + by_ns, end_ns=tape.market.end_ns + by_ns
    )
    return replace(tape, rows=rows, market=market)


def made(tapes, cash_e6=None, cycle="event", **more):
    settings = replace(SETTINGS[cycle], cash_e6=100_000_000, seed=more.pop("seed", 0))
    loop = Backtest(cash_e6=cash_e6)
    latency = more.pop("latency", DELAYS)
    for tape in tapes:
        add_tape(
            loop,
            tape,
            sound_rows(tape, feed_ns=latency.feed_ns),
            settings,
            queue="prob",
            latency=latency,
            form="trades",
            keep="actions",
            **more,
        )
    return loop


def told(loop, number):
    found = {name: loop.notes(name, number).tolist() for name in NAMES}
    found["fills"] = [repr(fill) for fill in found["fills"]]
    return found | {"result": repr(loop.result(number))}


def finished(loop, n):
    assert loop.run()
    return [told(loop, number) for number in range(n)]


@pytest.mark.parametrize("cycle", SETTINGS)
def test_markets_with_cash_of_their_own_run_as_if_alone(tapes, cycle):
    together = finished(made(tapes, cycle=cycle), 3)
    alone = [finished(made([tape], cycle=cycle), 1)[0] for tape in tapes]
    assert together == alone
    assert all(len(one["fills"]) > 3 for one in alone)


@pytest.mark.parametrize("cash_e6", [None, 60_000_000])
def test_a_run_that_is_cut_anywhere_is_the_same_run(tapes, cash_e6):
    whole = finished(made(tapes, cash_e6), 3)
    rng = Random(5)
    first_ns = tapes[0].market.start_ns
    cuts = sorted(rng.randrange(first_ns, first_ns + 2 * LENGTH_NS) for _ in range(200))
    loop = made(tapes, cash_e6)
    for at_ns in cuts:
        assert not loop.run(at_ns)
    assert finished(loop, 3) == whole


def refused_for_cash(loop):
    return sum(loop.result(n)["rejects"].get("balance", 0) for n in range(3))


def test_shared_cash_is_short_where_that_of_each_is_not(tapes):
    apart = made(tapes)
    shared = made(tapes, cash_e6=15_000_000)
    finished(apart, 3)
    finished(shared, 3)
    refused = [
        loop.result(n)["rejects"].get("balance", 0) for loop in (apart, shared) for n in range(3)
    ]
    assert sum(refused[:3]) == 0 < sum(refused[3:])
    for n in range(3):
        found = shared.result(n)
        assert found["placed_e6"] == sum(
            found[name] for name in ("filled_e6", "cancelled_e6", "rejected_e6", "expired_e6")
        )


def test_a_stop_ends_all_markets_in_order(tapes):
    loop = made(tapes)
    at_ns = tapes[1].market.start_ns + LENGTH_NS // 4
    loop.run(at_ns)
    loop.stop(at_ns)
    stopped = [loop.result(n) for n in range(3)]
    assert [found["is_done"] for found in stopped] == [True, True, False]
    assert [found["is_stopped"] for found in stopped] == [True, True, False]
    assert all(found["settled_e6"] == 0 for found in stopped)
    assert loop.notes("quotes", 1)[-1]["at_ns"] <= at_ns + 50 * MS


# Delays that are drawn


def test_drawn_delays_of_one_value_are_that_value(tapes):
    constant = finished(made(tapes[:1]), 1)
    ones = {name: np.full(3, getattr(DELAYS, f"{name}_ns")) for name in DELAY_NAMES}
    assert finished(made(tapes[:1], latency=Latency(measured=ones), seed=9), 1) == constant


def test_draws_follow_from_the_seed_alone(tapes):
    measured = np.array([5, 10, 40, 80, 300], dtype=np.int64) * MS
    drawn = Latency(measured=dict.fromkeys(DELAY_NAMES, measured))
    runs = [finished(made(tapes[:1], latency=drawn, seed=seed), 1) for seed in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]
    assert len(runs[0][0]["fills"]) > 0


def test_wrong_delays_are_refused(tapes):
    for wrong in (np.array([], dtype=np.int64), np.array([-1]), -1):
        with pytest.raises(InputError, match="delay"):
            made(tapes[:1], latency=Latency(measured={"order": wrong}))
