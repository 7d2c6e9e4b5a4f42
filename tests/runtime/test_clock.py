"""The session's clock: set forward it is followed, set back it is not, and it never jumps."""

from polymm.runtime.clock import Clock


def test_it_runs_by_the_monotonic_clock_from_the_time_of_day() -> None:
    wall, mono = [1_000], [50]
    clock = Clock(lambda: wall[0], lambda: mono[0])
    assert clock.now_ns() == 1_000
    wall[0], mono[0] = 9_000, 60  # somebody sets the clock
    assert clock.now_ns() == 1_010


def test_it_follows_forward_only_and_only_when_told() -> None:
    wall, mono = [1_000], [50]
    clock = Clock(lambda: wall[0], lambda: mono[0])
    wall[0] = 1_300
    assert clock.follow() == 300
    assert clock.now_ns() == 1_300
    wall[0] = 1_100
    assert clock.follow() == -200
    assert clock.now_ns() == 1_300
