"""Two sockets and one market: who leads, what steps the maker, what ends an epoch."""

import pytest

from polymm._core.layout import BID, REQUOTE, RESOLVED, TICK_SIZE
from polymm.domain.order import Token
from polymm.errors import InputError
from tests.support.feeds import (
    MARKET_TWO,
    MS,
    FeedScene,
    bid_change,
    both_books,
    whole_book,
)
from tests.support.wire import DOWN, OTHER, STAMP, UP, compact, tick_change, trade


def test_no_socket_is_an_empty_book() -> None:
    scene = FeedScene()
    market = scene.market()

    assert (market.best_bid_e4, market.best_ask_e4, market.has_epoch) == (0, 10_000, False)
    assert market.obstacle(scene.clock.now_ns) == "no_line"


def test_the_first_socket_with_a_book_leads_and_steps_the_maker() -> None:
    scene = FeedScene()
    market = scene.market()
    first, second = scene.line(), scene.line()

    scene.hear(first, both_books())
    assert market.book is first.decoder.book(0)
    assert scene.stepped.take() == [scene.clock.now_ns]

    # The same from the other socket, a millisecond later, is no news.
    scene.hear(second, both_books())
    assert scene.stepped.take() == []
    assert market.book is first.decoder.book(0)
    assert market.is_fresh(scene.clock.now_ns)


def test_the_socket_that_is_ahead_in_venue_time_takes_over() -> None:
    scene = FeedScene()
    market = scene.market()
    first, second = scene.line(), scene.line()
    for line in (first, second):
        scene.hear(line, both_books())
    scene.stepped.take()

    scene.hear(second, bid_change("0.49", "10", at_ms=5, top=("0.49", "0.52")))
    assert scene.stepped.take() == [scene.clock.now_ns]
    assert (market.lane, market.best_bid_e4) == (second.views[market].lane, 4_900)

    # What the first one brings late steps nobody, until it is ahead itself.
    scene.hear(first, bid_change("0.49", "10", at_ms=5, top=("0.49", "0.52")))
    assert scene.stepped.take() == []
    scene.hear(first, bid_change("0.50", "10", at_ms=6, top=("0.50", "0.52")))
    assert scene.stepped.take() == [scene.clock.now_ns]
    assert market.best_bid_e4 == 5_000
    assert market.epoch == 0


def test_frames_of_one_chunk_step_the_maker_once() -> None:
    scene = FeedScene()
    market = scene.market()
    line = scene.line()
    changes = [bid_change("0.47", str(i), at_ms=i) for i in range(1, 6)]

    scene.hear(line, both_books(), *changes)

    assert len(scene.stepped.steps) == 1
    assert market.book.size_e6(BID, 4_700) == 5_000_000


def test_each_market_of_a_chunk_is_stepped_for_itself() -> None:
    scene = FeedScene()
    one, two = scene.market(), scene.market(MARKET_TWO)
    line = scene.line()

    scene.hear(line, both_books(), whole_book(up=OTHER))
    assert [market for market, _, _ in scene.stepped.steps] == [one, two]
    scene.stepped.take()

    scene.hear(line, bid_change("0.47", "3", at_ms=1))
    assert [market for market, _, _ in scene.stepped.steps] == [one]


def test_flags_ask_for_a_requote_until_the_maker_has_told_what_works() -> None:
    scene = FeedScene()
    market = scene.market()
    line = scene.line()

    scene.hear(line, both_books())
    assert scene.stepped.steps[-1][1] & REQUOTE
    quote = market.quote
    market.set_working(quote.bid_e4, quote.bid_e6, quote.ask_e4, 0, scene.clock.now_ns)
    market.set_working(
        quote.bid_e4,
        quote.bid_e6,
        quote.ask_e4,
        quote.ask_buy_e6 + quote.ask_sell_e6,
        scene.clock.now_ns,
    )

    scene.hear(line, bid_change("0.01", "1", at_ms=1))
    assert not scene.stepped.steps[-1][1] & REQUOTE


def test_all_lanes_know_what_the_maker_told() -> None:
    scene = FeedScene()
    market = scene.market()
    first, second = scene.line(), scene.line()
    for line in (first, second):
        scene.hear(line, both_books())

    market.set_inventory(60_000_000, 0)
    market.set_fair(0.61)
    market.set_last_price(5_500)
    third = scene.line()
    lanes = [line.views[market].lane for line in (first, second, third)]

    for lane in lanes:
        lane.evaluate(scene.clock.now_ns)
        state = lane.state_view
        assert (int(state["up_e6"]), float(state["fair"])) == (60_000_000, 0.61)
        assert int(state["last_price_e4"]) == 5_500


def test_a_refused_inventory_silences_every_lane() -> None:
    scene = FeedScene()
    market = scene.market()
    first, second = scene.line(), scene.line()
    for line in (first, second):
        scene.hear(line, both_books())

    with pytest.raises(InputError):
        market.set_inventory(-1, 0)

    for line in (first, second):
        lane = line.views[market].lane
        lane.evaluate(scene.clock.now_ns)
        assert lane.quote.bid_e6 == 0


def test_a_tick_change_ends_the_epoch_of_every_socket() -> None:
    scene = FeedScene()
    market = scene.market()
    first, second = scene.line(), scene.line()
    for line in (first, second):
        scene.hear(line, both_books())
    scene.stepped.take()

    # The socket that does not lead hears of it first: the leader's grid is the old one.
    scene.hear(second, tick_change("0.001", stamp=STAMP + 5))
    assert market.tick_e4 == 10
    assert market.obstacle(scene.clock.now_ns) == "tick_unsettled"
    assert scene.stepped.take() == []

    scene.hear(first, tick_change("0.001", stamp=STAMP + 5))
    assert scene.stepped.steps[-1][1] & TICK_SIZE
    assert market.obstacle(scene.clock.now_ns) == "no_book"

    scene.hear(second, both_books(at_ms=6))
    assert market.book is second.decoder.book(0)
    assert market.is_fresh(scene.clock.now_ns)


def test_a_leader_that_is_lost_hands_over_at_once() -> None:
    scene = FeedScene()
    market = scene.market()
    first, second = scene.line(), scene.line()
    scene.hear(first, both_books())
    scene.hear(second, both_books(bid="0.47"))
    scene.stepped.take()

    first.drop_views(scene.clock.now_ns)
    assert market.best_bid_e4 == 4_700
    assert scene.stepped.take() == [scene.clock.now_ns]

    second.drop_views(scene.clock.now_ns)
    assert market.obstacle(scene.clock.now_ns) == "no_line"
    assert (market.has_epoch, market.quote.bid_e6, market.epoch) == (False, 0, 2)
    assert len(scene.stepped.take()) == 1


def test_asking_again_ends_the_epoch_and_the_quote() -> None:
    scene = FeedScene()
    market = scene.market()
    line = scene.line()
    scene.hear(line, both_books())
    assert market.quote.bid_e6

    line.redrive(line.views[market], scene.clock.now_ns)

    assert (market.has_epoch, market.quote.bid_e6) == (False, 0)
    scene.hear(line, bid_change("0.47", "3", at_ms=1))
    assert not market.has_epoch
    assert line.decoder.counters()["deltas_without_epoch"] == 1
    scene.hear(line, both_books(at_ms=2))
    assert market.is_fresh(scene.clock.now_ns)


def test_a_frame_nobody_understands_is_never_guessed_at() -> None:
    scene = FeedScene()
    one, two = scene.market(), scene.market(MARKET_TWO)
    line = scene.line()
    scene.hear(line, both_books(), whole_book(up=OTHER))
    drifted = bid_change("0.47", "3", at_ms=1)
    drifted["price_changes"][0]["side"] = "HOLD"

    scene.hear(line, drifted)

    # Only the market it names is in doubt.
    assert (one.has_epoch, two.has_epoch) == (False, True)
    assert scene.counts == {"malformed": 1, "resync_malformed": 1}
    assert line.fault is not None


def test_words_and_foreign_bytes_change_nothing() -> None:
    scene = FeedScene()
    market = scene.market()
    line = scene.line()
    scene.hear(line, both_books())

    scene.hear(line, b"PONG", b"INVALID OPERATION", b"\xff\xfe", b"[]", b"[[[[", b"")

    assert market.is_fresh(scene.clock.now_ns)
    assert scene.counts["malformed"] == 4


def test_a_winner_is_told_with_its_token() -> None:
    scene = FeedScene()
    market = scene.market()
    line = scene.line()
    scene.hear(line, both_books())
    message = {
        "event_type": "market_resolved",
        "assets_ids": [UP, DOWN],
        "winning_asset_id": DOWN,
        "timestamp": str(STAMP),
    }

    scene.hear(line, message)

    assert scene.resolved == [(market, Token.DOWN)]
    assert line.decoder.feed(compact(message)) & RESOLVED


def test_a_removed_market_is_foreign_and_its_slot_free() -> None:
    scene = FeedScene()
    market = scene.market()
    line = scene.line()
    scene.hear(line, both_books())
    scene.stepped.take()

    market.is_removed = True
    scene.markets.remove(market)
    line.remove(market)
    scene.hear(line, bid_change("0.47", "3", at_ms=1))

    assert scene.stepped.take() == []
    assert market.obstacle(scene.clock.now_ns) == "removed"
    assert line.decoder.counters()["foreign"] == 2
    again = scene.market()
    assert line.add(again).slot == 0


def test_a_token_is_proven_by_an_event_that_names_it() -> None:
    scene = FeedScene()
    market = scene.market()
    line = scene.line()
    scene.hear(line, both_books())

    # Trades of one token only: the other one falls silent.
    for i in range(1, 40):
        scene.hear(line, trade("0.5", "1", "BUY", stamp=STAMP + 100 * i), after_ms=100)
        market.look()
    assert market.obstacle(scene.clock.now_ns) == "stale_down"

    scene.hear(line, bid_change("0.47", "3", at_ms=5_000))
    assert market.is_fresh(scene.clock.now_ns)
    scene.clock.now_ns += 3_000 * MS
    assert market.is_fresh(scene.clock.now_ns)
    assert market.obstacle(scene.clock.now_ns + 1) == "stale_up"


def test_proof_is_renewed_before_an_order_once_it_is_some_milliseconds_old() -> None:
    scene = FeedScene()
    market = scene.market()
    line = scene.line()
    scene.hear(line, both_books())
    market.look()
    before_ns = list(market.proven_ns)

    scene.hear(line, bid_change("0.47", "3", at_ms=20), after_ms=20)
    market.prove(scene.clock.now_ns)
    assert market.proven_ns == before_ns

    scene.hear(line, bid_change("0.47", "4", at_ms=21), after_ms=1)
    market.prove(scene.clock.now_ns)
    assert market.proven_ns == [scene.clock.now_ns] * 2
