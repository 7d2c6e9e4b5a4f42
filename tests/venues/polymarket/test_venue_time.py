"""How late a feed is: the venue's clock, and stamps held against it."""

import pytest

from polymm.venues.polymarket.freshness import Cure, MarketFeedSettings, judge
from polymm.venues.polymarket.venue_time import ASKS_MAX, FINE_NS, VenueTime
from tests.support.feeds import MS, SECOND, Clock, FeedScene, bid_change, both_books
from tests.support.wire import STAMP

SETTINGS = MarketFeedSettings()
NOW = STAMP * MS


def asking(
    offset_ns: int, *, trip_ns: int = 40 * MS, asks: int = ASKS_MAX, now_ns: int = NOW
) -> VenueTime:
    """Ask a venue whose clock is ahead by so much, looking every 50 ms as the feed does."""
    time = VenueTime(30 * SECOND, 250 * MS)
    for _ in range(asks):
        for _ in range(40):
            now_ns += 50 * MS
            if time.due(now_ns):
                break
        else:
            break
        server_s = (now_ns + trip_ns // 2 + offset_ns) // SECOND
        time.take(200, b"%d" % server_s, now_ns, now_ns + trip_ns)
        now_ns += trip_ns
    return time


@pytest.mark.parametrize("offset_ms", [-110, 730, 90_017, -5_000])
def test_some_answers_in_whole_seconds_tell_the_clock_to_a_tenth(offset_ms: int) -> None:
    time = asking(offset_ms * MS)
    assert time.skew.low_ns <= offset_ms * MS <= time.skew.high_ns
    assert time.skew.high_ns - time.skew.low_ns <= 2 * FINE_NS
    # Ours is believed where it may be right.
    error_ns = 0 if time.skew.low_ns <= 0 <= time.skew.high_ns else offset_ms * MS
    assert abs(time.skew.offset_ns - error_ns) <= FINE_NS


def test_a_clock_that_is_known_is_left_alone_until_it_may_have_been_set() -> None:
    time = VenueTime(30 * SECOND, 250 * MS)
    now_ns = NOW
    asked = []
    for _ in range(1_400):
        now_ns += 50 * MS
        if time.due(now_ns):
            asked.append(now_ns)
            time.take(200, b"%d" % (now_ns // SECOND), now_ns, now_ns)
    assert len([at_ns for at_ns in asked if at_ns < NOW + 10 * SECOND]) <= ASKS_MAX
    assert asked[-1] - asked[0] >= 30 * SECOND
    # A look after a second and more: the loop stood still, or a clock was set.
    assert not time.due(now_ns + 50 * MS)
    assert time.due(now_ns + 3 * SECOND)


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b'"x"', b"true", b"-1", b"1e3", b"\xff"])
def test_what_is_no_time_is_asked_for_again_in_a_second(body: bytes) -> None:
    time = VenueTime(30 * SECOND, 250 * MS)
    assert time.due(NOW)
    time.take(200, body, NOW, NOW)
    assert not time.is_known
    assert not time.due(NOW + 950 * MS)
    assert time.due(NOW + SECOND)
    time.take(503, b"1776808200", NOW, NOW)
    assert not time.is_known


def test_lateness_is_told_beside_the_promptest_message_or_by_the_clock() -> None:
    time = VenueTime(30 * SECOND, 250 * MS)
    assert not time.is_late(STAMP, NOW + 9 * SECOND)  # nothing to hold it against
    assert not time.is_late(STAMP, NOW + 9 * SECOND + 250 * MS)
    assert time.is_late(STAMP, NOW + 9 * SECOND + 251 * MS)
    known = asking(0)
    assert known.is_late(STAMP, NOW + 500 * MS)
    # The promptest is forgotten in time: clocks drift.
    late_ms = 9_300
    for minute in range(4):
        stamp_ms = STAMP + minute * 60_000
        was_late = time.is_late(stamp_ms, (stamp_ms + late_ms) * MS)
    assert not was_late


# Books


def scene_at(time: VenueTime) -> FeedScene:
    return FeedScene(clock=Clock(NOW), time=time)


def test_a_feed_that_is_late_by_a_constant_is_not_fresh() -> None:
    """Every message is five seconds old, steadily: the socket is as lively as any."""
    scene = scene_at(asking(0))
    market = scene.market()
    line = scene.line()
    scene.hear(line, both_books(at_ms=-5_000))
    for i in range(200):
        scene.hear(line, bid_change("0.47", f"{i}", at_ms=50 * i - 4_950), after_ms=50)
        # The first book was true when it was asked for.
        assert market.is_fresh(scene.clock.now_ns) == (i < 59)
    assert market.obstacle(scene.clock.now_ns) == "late"
    assert scene.clock.now_ns - min(market.proven_ns) >= 5 * SECOND - FINE_NS
    view = line.views[market]
    assert judge(view, line.recv_ns, scene.clock.now_ns, SETTINGS) == (Cure.REPLACE, "late")
    # One that is on time is believed at once.
    scene.hear(line, bid_change("0.47", "7", at_ms=10_040), after_ms=50)
    assert market.is_fresh(scene.clock.now_ns)


def test_a_prompt_feed_is_fresh_whatever_our_own_clock_says() -> None:
    scene = scene_at(asking(-90 * SECOND))
    market = scene.market()
    line = scene.line()
    scene.hear(line, both_books(at_ms=-90_000))
    for i in range(100):
        at_ms = 50 * i - 90_000
        scene.hear(line, bid_change("0.47", f"{i}", at_ms=at_ms), after_ms=50)
        assert market.is_fresh(scene.clock.now_ns)


def test_a_first_book_of_an_idle_market_is_proof_as_of_its_asking() -> None:
    scene = scene_at(asking(0))
    market = scene.market()
    line = scene.line()
    asked_ns = scene.clock.now_ns
    scene.hear(line, both_books(at_ms=-188_000), after_ms=80)
    assert market.is_fresh(scene.clock.now_ns)
    market.look()
    assert market.proven_ns == [asked_ns, asked_ns]
    assert market.is_fresh(asked_ns + 3 * SECOND)
    assert market.obstacle(asked_ns + 3 * SECOND + 1) == "stale_up"


def test_a_book_asked_for_again_is_no_proof_of_that_moment() -> None:
    """What was on its way before may come first, as late as the rest of it."""
    scene = scene_at(asking(0))
    market = scene.market()
    line = scene.line()
    asked_ns = scene.clock.now_ns
    scene.hear(line, both_books(at_ms=-5_000))
    scene.clock.now_ns += 2 * SECOND
    line.redrive(line.views[market], scene.clock.now_ns)
    scene.hear(line, both_books(at_ms=-3_000))
    market.look()
    assert market.proven_ns == [asked_ns, asked_ns]


def test_stamps_prove_nothing_before_the_clock_is_known() -> None:
    scene = scene_at(VenueTime(30 * SECOND, 250 * MS))
    market = scene.market()
    line = scene.line()
    scene.hear(line, both_books())
    assert market.is_fresh(scene.clock.now_ns)
    for i in range(80):
        scene.hear(line, bid_change("0.47", f"{i}", at_ms=50 * i), after_ms=50)
    assert market.obstacle(scene.clock.now_ns) == "stale_up"


def test_a_burst_of_what_waited_is_late_until_it_is_over() -> None:
    scene = scene_at(asking(0))
    market = scene.market()
    line = scene.line()
    scene.hear(line, both_books())
    scene.hear(line, bid_change("0.47", "1", at_ms=20), after_ms=20)
    assert market.is_fresh(scene.clock.now_ns)
    scene.hear(line, bid_change("0.47", "2", at_ms=30), after_ms=600)
    assert market.obstacle(scene.clock.now_ns) == "late"
    scene.hear(line, bid_change("0.47", "3", at_ms=610), after_ms=5)
    assert market.is_fresh(scene.clock.now_ns)


def test_what_came_late_may_be_proven_by_rest() -> None:
    scene = scene_at(asking(0))
    market = scene.market()
    line = scene.line()
    scene.hear(line, both_books())
    scene.hear(line, bid_change("0.47", "2", at_ms=30), after_ms=600)
    assert market.obstacle(scene.clock.now_ns) == "late"
    market.proven_ns[:] = [scene.clock.now_ns + MS] * 2
    scene.clock.now_ns += 50 * MS
    assert market.is_fresh(scene.clock.now_ns)
