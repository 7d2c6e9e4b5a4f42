"""The venue's clock against ours, from answers of whole seconds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polymm.venues.polymarket.skew import ClockSkew

S = 10**9
MS = 10**6


def answered(skew: ClockSkew, *, offset_ns: int, asked_ns: int, trip_ns: int, server: float = 0.5):
    """One answer of a venue whose clock is ``offset_ns`` ahead, read on the way at ``server``."""
    read_ns = asked_ns + int(trip_ns * server) + offset_ns
    skew.sampled(read_ns // S, asked_ns=asked_ns, answered_ns=asked_ns + trip_ns)


def test_a_clock_that_may_be_right_is_not_corrected():
    skew = ClockSkew()
    assert skew.offset_ns == 0
    answered(skew, offset_ns=0, asked_ns=100 * S + 300 * MS, trip_ns=40 * MS)
    assert skew.offset_ns == 0
    assert skew.low_ns <= 0 <= skew.high_ns


def test_half_the_round_trip_is_the_venues():
    skew = ClockSkew()
    skew.sampled(1_000, asked_ns=100 * S, answered_ns=102 * S)
    assert skew.offset_ns == 899 * S + 500 * MS, "1000.5 against the middle of 100 and 102"


def test_each_answer_narrows_the_bounds():
    skew = ClockSkew()
    for i in range(10):
        answered(skew, offset_ns=7_300 * MS, asked_ns=100 * S + i * 1_090 * MS, trip_ns=20 * MS)
    assert skew.samples == 10
    assert skew.high_ns - skew.low_ns <= 130 * MS
    assert abs(skew.offset_ns - 7_300 * MS) <= 130 * MS


def test_a_clock_that_was_set_is_measured_anew():
    skew = ClockSkew()
    answered(skew, offset_ns=0, asked_ns=100 * S, trip_ns=10 * MS)
    answered(skew, offset_ns=3_600 * S, asked_ns=101 * S, trip_ns=10 * MS)
    assert skew.samples == 1
    assert abs(skew.offset_ns - 3_600 * S) <= S


@given(
    st.integers(-(10**6) * MS, 10**6 * MS),
    st.lists(
        st.tuples(st.integers(10**6 * S, 2 * 10**6 * S), st.integers(0, 3 * S), st.floats(0, 1)),
        min_size=1,
        max_size=8,
    ),
)
def test_the_truth_is_never_outside_the_bounds(offset_ns, answers):
    skew = ClockSkew()
    for asked_ns, trip_ns, server in answers:
        answered(skew, offset_ns=offset_ns, asked_ns=asked_ns, trip_ns=trip_ns, server=server)
        assert skew.low_ns <= offset_ns <= skew.high_ns
    assert skew.samples == len(answers)


@pytest.mark.parametrize("offset_s", [-20, -2, 2, 45])
def test_a_clock_that_is_off_is_corrected_to_within_a_second(offset_s):
    skew = ClockSkew()
    for i in range(3):
        answered(skew, offset_ns=offset_s * S, asked_ns=50 * S + i * 30 * MS, trip_ns=30 * MS)
    assert abs(skew.offset_ns - offset_s * S) <= S // 2 + 30 * MS
