"""When a book is asked for again, its socket replaced, and what a REST book proves."""

from collections import Counter
from typing import Any

import pytest

from polymm._core.decode import Decoder
from polymm.domain.order import Token
from polymm.venues.polymarket.book_audit import audit
from polymm.venues.polymarket.feed_market import View
from polymm.venues.polymarket.freshness import Cure, MarketFeedSettings, Witness, judge
from polymm.venues.polymarket.market_line import MarketLine
from tests.support.feeds import (
    MS,
    SECOND,
    FeedScene,
    bid_change,
    both_books,
)
from tests.support.wire import DOWN, STAMP, UP, book, compact, entry, price_change

SETTINGS = MarketFeedSettings()


def judged(scene: FeedScene, line: MarketLine, view: View, after_ms: int) -> tuple[Cure, str]:
    """Look every 50 ms, as the feed does, and answer the last look's judgement."""
    verdict = (Cure.NOTHING, "")
    for _ in range(after_ms // 50):
        scene.clock.now_ns += 50 * MS
        verdict = judge(view, line.recv_ns, scene.clock.now_ns, SETTINGS)
    return verdict


def open_scene(lines: int = 1) -> tuple[FeedScene, list[MarketLine], list[View]]:
    """One market with a whole book on each socket."""
    scene = FeedScene()
    market = scene.market()
    found = [scene.line() for _ in range(lines)]
    for line in found:
        scene.hear(line, both_books())
    return scene, found, [line.views[market] for line in found]


def rest_book(*, at_ms: int = 0, bid: str = "0.48", token: str = UP) -> bytes:
    """What REST answers for a token, without an event type."""
    sides = ([(bid, "100")], [("0.52", "100")])
    if token == DOWN:
        sides = ([("0.48", "100")], [(f"{1 - float(bid):.2f}", "100")])
    record = book(*sides, asset=token, stamp=STAMP + at_ms)
    del record["event_type"]
    return compact(record)


def test_a_missing_first_book_is_asked_for_three_times_then_the_socket_goes() -> None:
    scene = FeedScene()
    market = scene.market()
    line = scene.line()
    view = line.views[market]

    for _ in range(3):
        assert judged(scene, line, view, 2_000) == (Cure.NOTHING, "")
        assert judged(scene, line, view, 50) == (Cure.REDRIVE, "no_book")
        line.redrive(view, scene.clock.now_ns)
    assert judged(scene, line, view, 2_050) == (Cure.REPLACE, "no_book")


def test_good_behaviour_is_forgiven() -> None:
    scene, (line,), (view,) = open_scene()
    line.redrive(view, scene.clock.now_ns)
    scene.hear(line, both_books(at_ms=1))
    for i in range(2, 130):
        scene.hear(line, bid_change("0.40", str(i), at_ms=i), after_ms=100)
        assert judge(view, line.recv_ns, scene.clock.now_ns, SETTINGS)[0] is Cure.NOTHING
    assert view.redrives == 0


def test_a_book_crossed_for_long_is_asked_for_again() -> None:
    scene, (line,), (view,) = open_scene()
    top = ("0.53", "0.52")
    scene.hear(line, bid_change("0.53", "5", at_ms=1, top=top))
    assert view.market.obstacle(scene.clock.now_ns) == "crossed"

    assert judged(scene, line, view, 550) == (Cure.NOTHING, "")
    assert judged(scene, line, view, 50) == (Cure.REDRIVE, "crossed")


def test_a_book_crossed_for_a_moment_is_left_alone() -> None:
    scene, (line,), (view,) = open_scene()
    for i in range(10):
        scene.hear(line, bid_change("0.53", "5", at_ms=2 * i + 1, top=("0.53", "0.52")))
        assert judged(scene, line, view, 200) == (Cure.NOTHING, "")
        scene.hear(line, bid_change("0.53", "0", at_ms=2 * i + 2))
        assert judged(scene, line, view, 50) == (Cure.NOTHING, "")


def test_a_grid_that_the_venue_refused_is_asked_for_again_once() -> None:
    scene, (line, other), (view, follower) = open_scene(2)
    assert view.market.leader is view
    view.market.doubt_tick()
    assert judged(scene, line, view, 50) == (Cure.REDRIVE, "off_tick")
    assert judged(scene, other, follower, 50) == (Cure.NOTHING, "")
    line.redrive(view, scene.clock.now_ns)
    scene.hear(line, both_books(at_ms=1))
    assert judged(scene, line, view, 50) == (Cure.NOTHING, "")


def test_best_prices_that_contradict_messages_are_not_quoted_and_asked_for_again() -> None:
    scene, (line,), (view,) = open_scene()
    scene.hear(line, bid_change("0.40", "5", at_ms=1, top=("0.49", "0.52")))
    assert judged(scene, line, view, 250) == (Cure.NOTHING, "")
    assert view.market.is_fresh(scene.clock.now_ns)
    assert view.market.is_contradicted

    scene.hear(line, bid_change("0.40", "6", at_ms=2, top=("0.49", "0.52")))
    assert view.market.obstacle(scene.clock.now_ns) == "mismatch"
    assert judged(scene, line, view, 50) == (Cure.REDRIVE, "mismatch")


def test_a_message_that_agrees_ends_the_doubt() -> None:
    scene, (line,), (view,) = open_scene()
    scene.hear(line, bid_change("0.40", "5", at_ms=1, top=("0.49", "0.52")))
    scene.hear(line, bid_change("0.49", "6", at_ms=2, top=("0.49", "0.52")))

    assert judged(scene, line, view, 400) == (Cure.NOTHING, "")


def test_a_socket_that_falls_behind_another_is_replaced() -> None:
    scene, (first, second), (_, view) = open_scene(lines=2)
    for i in range(1, 26):
        scene.hear(first, bid_change("0.40", str(i), at_ms=i), after_ms=90)
        verdict = judge(view, second.recv_ns, scene.clock.now_ns, SETTINGS)
    assert verdict == (Cure.REPLACE, "silent")


def test_a_socket_that_misses_one_market_only_is_asked_for_that_one() -> None:
    scene, (first, second), (_, view) = open_scene(lines=2)
    for i in range(1, 26):
        scene.hear(first, bid_change("0.40", str(i), at_ms=i), after_ms=90)
        second.recv_ns = scene.clock.now_ns  # another market's event
        verdict = judge(view, second.recv_ns, scene.clock.now_ns, SETTINGS)
    assert verdict == (Cure.REDRIVE, "behind")


def test_what_cannot_be_proven_is_stale_and_costs_the_socket() -> None:
    scene, (line,), (view,) = open_scene()
    assert judged(scene, line, view, 3_000) == (Cure.NOTHING, "")
    assert view.market.is_fresh(scene.clock.now_ns)

    assert judged(scene, line, view, 50) == (Cure.REPLACE, "silent")
    assert view.market.obstacle(scene.clock.now_ns) == "stale_up"


def test_a_resolved_market_needs_no_cure() -> None:
    scene, (line,), (view,) = open_scene()
    view.market.winner = Token.UP
    assert judged(scene, line, view, 4_000) == (Cure.NOTHING, "")
    assert view.market.obstacle(scene.clock.now_ns) == "resolved"


# The witness


def asked(scene: FeedScene, after_ms: int) -> tuple[Witness, Counter[str]]:
    """A witness that has just asked for both tokens, which were silent."""
    counts: Counter[str] = Counter()
    witness = Witness(scene.markets[0], counts, Decoder())
    scene.clock.now_ns += after_ms * MS
    assert witness.due(scene.clock.now_ns, SETTINGS) == [Token.UP, Token.DOWN]
    assert witness.due(scene.clock.now_ns + SECOND, SETTINGS) == []
    return witness, counts


def test_a_token_is_not_asked_for_while_it_is_heard_of() -> None:
    scene, _, _ = open_scene()
    witness = Witness(scene.markets[0], Counter(), Decoder())
    assert witness.due(scene.clock.now_ns + 2_000 * MS, SETTINGS) == []


def test_an_ended_witness_leaves_its_place_to_the_next() -> None:
    scene, _, _ = open_scene()
    decoder = Decoder()
    for _ in range(300):
        Witness(scene.markets[0], Counter(), decoder).end()


def test_an_equal_rest_book_proves_its_token_from_the_moment_it_was_asked_for() -> None:
    scene, (line,), (view,) = open_scene()
    market = scene.markets[0]
    witness, counts = asked(scene, 2_100)
    asked_ns = scene.clock.now_ns
    scene.clock.now_ns += 400 * MS

    assert witness.take(Token.UP, 200, rest_book(), asked_ns, scene.clock.now_ns) == "same"
    assert market.proven_ns[Token.UP] == asked_ns
    body = rest_book(token=DOWN)
    assert witness.take(Token.DOWN, 200, body, asked_ns, scene.clock.now_ns) == "same"
    assert counts == {"witness_same": 2}
    assert market.is_fresh(asked_ns + 3_000 * MS)
    assert not market.is_fresh(asked_ns + 3_001 * MS)
    assert judged(scene, line, view, 2_500) == (Cure.NOTHING, "")


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (0, b"timeout", "unanswered"),
        (503, b"{}", "unanswered"),
        (404, b'{"error":"no book"}', "unknown"),
        (200, b"<html>", "unreadable"),
        (200, b"[]", "unreadable"),
        (200, b'{"bids":1,"asks":2}', "unreadable"),
        (200, rest_book(at_ms=-1, bid="0.40"), "older"),
        (200, rest_book(at_ms=-1), "older"),
        (200, rest_book(bid="0.40"), "differs"),
        (200, rest_book(at_ms=9, bid="0.40"), "differs"),
    ],
)
def test_any_other_answer_proves_nothing(status: int, body: bytes, verdict: str) -> None:
    scene, _, _ = open_scene()
    market = scene.markets[0]
    witness, counts = asked(scene, 2_100)
    before = list(market.proven_ns)

    now_ns = scene.clock.now_ns
    assert witness.take(Token.UP, status, body, now_ns, now_ns) == verdict

    assert market.proven_ns == before
    assert counts == {f"witness_{verdict}": 1}
    assert witness.is_unknown == (verdict == "unknown")
    # It may be asked for again, but not at once.
    assert witness.due(now_ns + 100 * MS, SETTINGS) == []
    assert witness.due(now_ns + 501 * MS, SETTINGS) == [Token.UP]


def test_a_contradiction_that_lasts_is_believed_once() -> None:
    scene, _, _ = open_scene()
    witness, _ = asked(scene, 2_100)
    now_ns = scene.clock.now_ns
    witness.take(Token.UP, 200, rest_book(at_ms=9, bid="0.40"), now_ns, now_ns)

    assert not witness.is_contradicted(now_ns + 1_000 * MS, SETTINGS)
    assert witness.is_contradicted(now_ns + 1_001 * MS, SETTINGS)
    assert not witness.is_contradicted(now_ns + 1_002 * MS, SETTINGS)


def test_a_socket_that_catches_up_is_no_longer_contradicted() -> None:
    scene, (line,), _ = open_scene()
    witness, _ = asked(scene, 2_100)
    now_ns = scene.clock.now_ns
    witness.take(Token.UP, 200, rest_book(at_ms=9, bid="0.40"), now_ns, now_ns)
    scene.hear(line, bid_change("0.40", "5", at_ms=10))

    assert not witness.is_contradicted(now_ns + 5_000 * MS, SETTINGS)


# Hashes


def hashed_change(claimed: str) -> Any:
    return price_change(
        entry("0.47", "3", "BUY") | {"hash": claimed},
        entry("0.53", "3", "SELL", asset=DOWN) | {"hash": claimed},
        stamp=STAMP + 1,
    )


def test_a_wrong_hash_is_named_when_the_last_trade_is_known() -> None:
    scene, (line,), (view,) = open_scene()
    scene.hear(line, hashed_change("ab" * 20))
    later_ns = scene.clock.now_ns + 60 * MS
    assert audit(view, scene.clock.now_ns) == ""
    # The hash covers the last trade's price, which nobody has told yet.
    assert audit(view, later_ns) == ""

    message = {
        "event_type": "last_trade_price",
        "asset_id": UP,
        "price": "0.5",
        "size": "1",
        "side": "BUY",
        "timestamp": str(STAMP),
    }
    scene.hear(line, message)
    assert audit(view, scene.clock.now_ns + 60 * MS) == ""
    scene.hear(line, hashed_change("cd" * 20), bid_change("0.47", "4", at_ms=2))
    assert audit(view, scene.clock.now_ns + 60 * MS) == "wrong"
