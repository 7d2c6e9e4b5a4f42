"""Switches: named, seeded one by one, settable while all runs, and honest about what they did."""

import pytest

from polymm.errors import InputError
from polymm.exchange.faults import SCENES, Fault, Faults


def draw(faults: Faults, fault: Fault, n: int = 200) -> list[bool]:
    return [faults.strikes(fault) for _ in range(n)]


def test_every_fault_has_a_scene_and_nothing_strikes_unasked():
    assert set(SCENES) == set(Fault)
    faults = Faults(1)
    assert not any(faults.strikes(fault) for fault in Fault)
    assert not faults.struck
    assert faults.delay_ns(Fault.EDGE_DELAY) == 0


def test_rate_is_the_share_of_chances():
    faults = Faults(1)
    faults.set("edge_delay", 0.3)
    assert 400 < sum(draw(faults, Fault.EDGE_DELAY, 1_500)) < 500
    assert faults.struck[Fault.EDGE_DELAY] > 400
    faults.set(Fault.EDGE_DELAY, 1.0)
    assert all(draw(faults, Fault.EDGE_DELAY))


def test_same_seed_strikes_alike_whatever_else_is_on():
    alone, crowded = Faults(7), Faults(7)
    alone.set(Fault.TRADE_FAILED, 0.5)
    for fault in Fault:
        crowded.set(fault, 0.5)
    expected = draw(alone, Fault.TRADE_FAILED)
    found = []
    for _ in range(200):
        crowded.strikes(Fault.EDGE_DELAY)
        found.append(crowded.strikes(Fault.TRADE_FAILED))
        crowded.duration_ns(Fault.EDGE_DELAY)
    assert found == expected
    assert draw(Faults(8), Fault.TRADE_FAILED) != expected


def test_own_seed_starts_a_stream_anew():
    faults = Faults(1)
    faults.set(Fault.THROTTLED, 0.5, seed=9)
    first = draw(faults, Fault.THROTTLED)
    faults.set(Fault.THROTTLED, 0.5, seed=9)
    assert draw(faults, Fault.THROTTLED) == first


def test_limit_turns_the_switch_off_again():
    faults = Faults(1)
    faults.set(Fault.POST_REPLY_LOST, 1.0, limit=2)
    assert draw(faults, Fault.POST_REPLY_LOST, 4) == [True, True, False, False]
    assert faults.rates == {}


def test_duration_is_drawn_within_its_bounds():
    faults = Faults(1)
    faults.set(Fault.EDGE_DELAY, 1.0, lasts_ms=(5, 7))
    drawn = {faults.delay_ns(Fault.EDGE_DELAY) for _ in range(100)}
    assert drawn == {5_000_000, 6_000_000, 7_000_000}
    faults.set(Fault.EDGE_DELAY, 0.0)
    assert 200 * 10**6 <= faults.duration_ns(Fault.EDGE_DELAY) <= 3_000 * 10**6


def test_clear_heals_everything():
    faults = Faults(1)
    for fault in Fault:
        faults.set(fault, 1.0)
    assert len(faults.rates) == len(Fault)
    faults.clear()
    assert not any(faults.strikes(fault) for fault in Fault)


@pytest.mark.parametrize(
    ("name", "rate", "more", "text"),
    [
        ("edge_delays", 0.5, {}, "fault must be one of market_silent"),
        ("edge_delay", 1.5, {}, "rate of edge_delay must be within 0..1"),
        ("edge_delay", -0.1, {}, "rate of edge_delay must be within 0..1"),
        ("edge_delay", float("nan"), {}, "rate of edge_delay must be within 0..1"),
        ("edge_delay", 0.5, {"lasts_ms": (5, 4)}, "lasts_ms of edge_delay"),
        ("edge_delay", 0.5, {"limit": 0}, "limit of edge_delay must be above 0"),
    ],
)
def test_wrong_settings_change_nothing(name, rate, more, text):
    faults = Faults(1)
    faults.set(Fault.EDGE_DELAY, 0.25)
    with pytest.raises(InputError, match=text):
        faults.set(name, rate, **more)
    assert faults.rates == {Fault.EDGE_DELAY: 0.25}
