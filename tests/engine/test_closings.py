"""Reasons stand on their own, each until its time or until it is lifted."""

from polymm.engine.closings import Closings
from polymm.engine.events import NEVER_NS


def test_a_reason_stands_since_it_was_first_put() -> None:
    closings = Closings()
    assert closings.put(5, "journal")
    assert not closings.put(9, "journal")
    assert closings.since_ns == {"journal": 5}
    assert closings.next_timer_ns == NEVER_NS


def test_a_reason_ends_at_its_time_and_not_before() -> None:
    closings = Closings()
    closings.put(5, "restarting", 20)
    closings.put(5, "stalled", 10)
    assert closings.next_timer_ns == 10
    closings.tick(9)
    assert len(closings.since_ns) == 2
    closings.tick(10)
    assert closings.since_ns == {"restarting": 5}
    assert closings.next_timer_ns == 20
    closings.tick(100)
    assert not closings.since_ns
    assert closings.next_timer_ns == NEVER_NS


def test_the_longer_of_two_times_counts() -> None:
    closings = Closings()
    closings.put(5, "restarting", 20)
    closings.put(6, "restarting", 10)
    assert closings.next_timer_ns == 20
    closings.put(7, "restarting")
    closings.tick(1_000)
    assert closings.since_ns == {"restarting": 5}


def test_a_lifted_reason_is_gone_with_its_time() -> None:
    closings = Closings()
    closings.put(5, "restarting", 20)
    assert closings.lift("restarting")
    assert not closings.lift("restarting")
    assert closings.next_timer_ns == NEVER_NS
    assert closings.put(30, "restarting", 40)
    assert closings.since_ns == {"restarting": 30}
