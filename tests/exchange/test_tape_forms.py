"""Tapes without trades, merges, money and damage at the tape venue."""

import random

import pytest

from polymm.domain.market import NS
from polymm.domain.order import (
    Cancel,
    Fill,
    Merge,
    Merged,
    Place,
    Side,
    Token,
)
from polymm.errors import InputError, RecordingError
from polymm.exchange.accounts import Account
from polymm.exchange.flow import FlowSettings, generate_window
from polymm.exchange.tape import parse_queue
from tests.oracle.tape_venue import TapeVenue
from tests.support.tapes import (
    MS,
    SHARE,
    at,
    book,
    buy,
    market,
    tape,
    trade,
)
from tests.support.venue_scene import ASKS, BIDS, DOLLAR, Scene

# Tapes without trades


def crossing(ms, ask=0.45, size=30):
    return book(ms, [(0.40, 10), (0.41, 10)], [(0.53, 120), (ask, size)])


def through(*frames):
    return Scene(*frames, fill_form="through").send(10, buy(1, 4_800, 50))


def test_form_none_never_fills():
    assert Scene(crossing(200), fill_form="none").send(10, buy(1, 4_800, 50)).end().filled == []


def test_form_through_fills_at_our_price_what_is_shown_beyond_it():
    (fill,) = through(crossing(200)).end().of(Fill)
    assert (fill.price_e4, fill.size_e6, fill.inferred) == (4_800, 30 * SHARE, True)


@pytest.mark.parametrize("ask", [0.48, 0.49])
def test_touch_or_lock_never_fills(ask):
    assert through(crossing(200, ask)).end().filled == []


def test_level_fills_once_until_it_changes():
    assert through(crossing(200), crossing(300), crossing(400)).end().filled == [30]
    assert through(crossing(200), crossing(300, size=12)).end().filled == [30, 12]


def test_level_that_left_and_came_back_has_changed():
    away = book(300, BIDS, ASKS)
    assert through(crossing(200, size=30), away, crossing(400, size=15)).end().filled == [30, 15]


def test_size_at_our_own_price_is_not_beyond_it():
    both = book(200, [(0.40, 10), (0.41, 10)], [(0.48, 40), (0.47, 9)])
    assert through(both).end().filled == [9]


def test_asks_fill_through_likewise():
    up = book(200, [(0.57, 6), (0.55, 7), (0.51, 100)], [(0.60, 10), (0.61, 10)])
    scene = Scene(up, fill_form="through").send(10, buy(1, 4_400, 50, Token.DOWN)).end()
    assert scene.filled == [6]  # ask of Up at .56


def test_form_must_fit_the_tape():
    with pytest.raises(InputError, match="fill_form must be trades"):
        TapeVenue(tape(book(0, BIDS, ASKS)), Account(0), fill_form="none")
    with pytest.raises(InputError, match="none or through"):
        TapeVenue(tape(book(0, BIDS, ASKS), has_trades=False), Account(0))


# Merges, money, damage


def test_merge_credits_a_dollar_a_pair_after_its_delay():
    frames = [trade(200, "SELL", 0.47, 50), trade(201, "BUY", 0.54, 50)]
    scene = Scene(*frames).send(10, buy(1, 4_800, 50), buy(2, 4_700, 50, Token.DOWN))
    scene.send(400, Merge("m", 40 * SHARE)).until(5_449)
    assert scene.account.merging_e6 == 40 * SHARE
    scene.until(5_450)
    assert scene.replies[-1] == (at(5_500), Merged(market().slug, 40 * SHARE))
    assert scene.account.cash_e6 == 1_000 * DOLLAR - 24 * DOLLAR - 23_500_000 + 40 * DOLLAR


def test_merge_of_more_than_is_held_is_refused_and_counted():
    scene = Scene().send(10, Merge("m", SHARE)).end()
    assert scene.of(Merged)[0].pairs_e6 == 0
    assert scene.venue.merges_refused_n == 1


def test_maker_pays_nothing_and_the_takers_fee_is_noted():
    (fill,) = Scene(trade(200, "SELL", 0.47, 50)).send(10, buy(1, 4_800, 50)).end().of(Fill)
    assert fill.fee_e6 == 0
    assert fill.counter_fee_e6 == market().fees.taker_fee_e6(4_800, 50 * SHARE)


def test_every_share_placed_is_accounted_for():
    frames = [trade(200, "SELL", 0.47, 20)]
    scene = Scene(*frames).send(10, buy(1, 4_800, 50), buy(2, 5_400, 50), buy(3, 4_600, 10))
    scene.send(400, Cancel(1, "")).end()
    for order in scene.venue.orders.values():
        fates = order.filled_e6 + order.cancelled_e6 + order.rejected_e6 + order.expired_e6
        assert (fates, order.open_e6) == (order.place.size_e6, 0)


def test_damaged_frame_names_its_tape():
    bad = book(100, BIDS, ASKS)._replace(frame=b'{"event_type":"book"')
    with pytest.raises(RecordingError, match=r"hand-made: frame 2 of btc-updown-5m"):
        Scene(bad).end()


def test_order_ids_must_be_unique():
    with pytest.raises(InputError, match="unique"):
        Scene().send(10, buy(1, 4_800, 50), buy(1, 4_800, 50))


@pytest.mark.parametrize("text", ["", "prob()", "prob(0)", "prob(1.2.3)", "risk_averse(3)", "fifo"])
def test_unknown_queue_model_is_refused(text):
    with pytest.raises(InputError):
        parse_queue(text)


def test_queue_models_are_read_with_their_exponent():
    assert parse_queue("prob(2.5)") == ("prob", 2.5)
    assert parse_queue("prob") == ("prob", 3.0)
    assert parse_queue("risk_averse")[0] == "risk_averse"


@pytest.mark.parametrize("queue", ["risk_averse", "prob"])
@pytest.mark.parametrize("seed", range(3))
def test_random_orders_on_a_synthetic_market_always_add_up(seed, queue):
    rng = random.Random(seed)
    window = generate_window(seed, settings=FlowSettings(window_s=20, lookback_s=5))
    start_ns = window.market.start_ns
    account = Account(200 * DOLLAR)
    venue = TapeVenue(window, account, queue=queue, merge_delay_ns=500 * MS)
    replies = []

    def until(ns):
        while news := venue.advance(ns):
            replies.extend(reply for _, reply in news)
            account.audit()

    for order_id in range(150):
        now_ns = start_ns + order_id * 130 * MS
        until(now_ns)
        mid_e4 = (venue.book.best_bid_e4 + venue.book.best_ask_e4) // 2
        token, side = rng.choice(list(Token)), rng.choice([Side.BUY, Side.BUY, Side.SELL])
        about_e4 = mid_e4 if token is Token.UP else 10_000 - mid_e4
        price_e4 = (about_e4 // 100 + rng.randrange(-3, 4)) * 100
        size_e6 = rng.randrange(4, 60) * SHARE
        venue.send(now_ns, Place(order_id, "m", token, side, price_e4, size_e6))
        if rng.random() < 0.5:
            venue.send(now_ns, Cancel(rng.randrange(order_id + 1), "m"))
        if rng.random() < 0.1:
            venue.send(now_ns, Merge("m", rng.randrange(1, 30) * SHARE))
    until(window.market.end_ns + NS)

    filled_e6 = sum(reply.size_e6 for reply in replies if isinstance(reply, Fill))
    assert filled_e6 == sum(order.filled_e6 for order in venue.orders.values()) > 0
    for order in venue.orders.values():
        ends = order.filled_e6 + order.cancelled_e6 + order.rejected_e6 + order.expired_e6
        assert (ends, order.open_e6) == (order.place.size_e6, 0), f"seed {seed}"
    assert account.reserved_e6 == 0
    assert account.locked_e6 == [0, 0]
