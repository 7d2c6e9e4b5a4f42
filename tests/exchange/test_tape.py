"""Rules 1 to 6 of docs/strategy.md section 4 on a tape with trades, as scenes of a few frames."""

import pytest

from polymm.domain.order import (
    Accepted,
    Cancel,
    Cancelled,
    CancelRefused,
    Fill,
    Rejected,
    Side,
    Token,
)
from polymm.exchange.tape import Latency
from tests.support.tapes import (
    MS,
    SHARE,
    at,
    book,
    buy,
    change,
    sell,
    tick,
    trade,
)
from tests.support.venue_scene import ASKS, BIDS, DOLLAR, Scene

# Joining and queueing


def test_order_joins_the_back_of_what_is_displayed():
    scene = Scene(trade(200, "SELL", 0.48, 130)).send(10, buy(1, 4_800, 50)).end()
    assert scene.filled == [30]
    assert scene.of(Fill)[0].front_e6 == 100 * SHARE


def test_trade_of_no_more_than_the_front_fills_nobody():
    scene = Scene(trade(200, "SELL", 0.48, 100)).send(10, buy(1, 4_800, 50)).end()
    assert scene.filled == []


def test_buying_taker_never_fills_a_bid():
    scene = Scene(trade(200, "BUY", 0.48, 500)).send(10, buy(1, 4_800, 50)).end()
    assert scene.filled == []


def test_partial_fills_add_up_to_the_order_and_no_further():
    frames = [trade(200 + i, "SELL", 0.48, size) for i, size in enumerate((110, 15, 40))]
    scene = Scene(*frames).send(10, buy(1, 4_800, 50)).end()
    assert scene.filled == [10, 15, 25]


def test_trade_through_our_price_fills_up_to_its_size():
    scene = Scene(trade(200, "SELL", 0.47, 20)).send(10, buy(1, 4_800, 50)).end()
    assert scene.filled == [20]
    assert scene.of(Fill)[0].price_e4 == 4_800


def test_after_a_trade_through_nobody_is_left_ahead():
    frames = [trade(200, "SELL", 0.47, 20), trade(300, "SELL", 0.48, 10)]
    scene = Scene(*frames).send(10, buy(1, 4_800, 50)).end()
    assert scene.filled == [20, 10]


def test_two_of_our_orders_at_one_price_share_what_passed_the_front():
    frames = [trade(200, "SELL", 0.48, 120), trade(300, "SELL", 0.48, 12)]
    scene = Scene(*frames).send(10, buy(1, 4_800, 15), buy(2, 4_800, 15)).end()
    assert [(fill.order_id, fill.size_e6 // SHARE) for fill in scene.of(Fill)] == [
        (1, 15),
        (2, 5),
        (2, 10),
    ]


def test_what_our_better_order_took_never_reaches_the_next_one():
    frames = [trade(200, "SELL", 0.48, 120)]
    scene = Scene(*frames).send(10, buy(1, 4_900, 15), buy(2, 4_800, 50)).end()
    assert scene.filled == [15, 5]


def test_order_inside_the_spread_leads_its_queue():
    scene = Scene(trade(200, "SELL", 0.49, 7)).send(10, buy(1, 4_900, 50)).end()
    assert scene.filled == [7]


def test_bid_of_down_rests_as_an_ask_of_up():
    scene = Scene(trade(200, "BUY", 0.52, 90)).send(10, buy(1, 4_800, 50, Token.DOWN)).end()
    (fill,) = scene.of(Fill)
    assert (fill.token, fill.side, fill.price_e4) == (Token.DOWN, Side.BUY, 4_800)
    assert (fill.up_price_e4, fill.sign, fill.size_e6) == (5_200, -1, 10 * SHARE)
    assert fill.front_e6 == 80 * SHARE


def test_trade_of_down_counts_as_its_mirror_in_up():
    scene = Scene(trade(200, "BUY", 0.52, 130, token="down")).send(10, buy(1, 4_800, 50)).end()
    assert scene.filled == [30]  # buying Down at .52 sells Up at .48


def test_one_trade_told_by_both_tokens_counts_once():
    frames = [
        trade(200, "SELL", 0.48, 110),
        trade(200, "BUY", 0.52, 110, token="down"),
    ]
    scene = Scene(*frames).send(10, buy(1, 4_800, 50)).end()
    assert scene.filled == [10]
    assert scene.venue.traded_e6 == 110 * SHARE


@pytest.mark.parametrize(("late_ms", "filled"), [(1_000, [20]), (1_001, [20, 20])])
def test_other_tokens_notice_is_known_for_a_second(late_ms, filled):
    told = trade(200, "SELL", 0.47, 20)
    again = trade(200, "BUY", 0.53, 20, token="down")._replace(exch_ns=at(200 + late_ms))
    assert Scene(told, again).send(10, buy(1, 4_800, 50)).end().filled == filled


def test_two_equal_trades_of_one_token_count_twice():
    frames = [trade(200, "SELL", 0.48, 110), trade(200, "SELL", 0.48, 20)]
    assert Scene(*frames, frames[1]).send(10, buy(1, 4_800, 50)).end().filled == [10, 20, 20]


def test_dust_below_a_lot_reaches_nobody():
    frames = [trade(200, "SELL", 0.48, "100.014999"), trade(300, "SELL", 0.48, "0.009999")]
    scene = Scene(*frames).send(10, buy(1, 4_800, 50)).end()
    assert scene.filled == [0.01]


@pytest.mark.parametrize("book_first", [True, False])
def test_trade_and_its_book_count_once_in_either_order(book_first):
    ms = (200, 220) if book_first else (220, 200)
    frames = [
        change(ms[0], "BUY", 0.48, 70),
        trade(ms[1], "SELL", 0.48, 30),
        trade(2_000, "SELL", 0.48, 75),
    ]
    scene = Scene(*frames).send(10, buy(1, 4_800, 50)).end()
    assert scene.filled == [5]


def test_bare_drop_never_fills_but_moves_us_up():
    frames = [change(200, "BUY", 0.48, 0), trade(2_000, "SELL", 0.48, 20)]
    scene = Scene(*frames).send(10, buy(1, 4_800, 50)).until(1_500)
    assert scene.filled == []
    assert scene.end().filled == [20]


def test_prob_lets_us_up_where_risk_averse_does_not():
    frames = [
        change(200, "BUY", 0.48, 180),  # 80 join behind our 100
        change(300, "BUY", 0.48, 110),  # 70 leave, nobody knows from where
        trade(2_000, "SELL", 0.48, 95),
    ]
    filled = {
        queue: sum(Scene(*frames, queue=queue).send(10, buy(1, 4_800, 50)).end().filled)
        for queue in ("risk_averse", "prob", "prob(1)")
    }
    assert filled["risk_averse"] == 0
    assert 0 < filled["prob"] < filled["prob(1)"] + 50


# Latency, cancels and the market's end


def test_order_takes_its_latency_there_and_the_reply_its_own_back():
    scene = Scene().send(10, buy(1, 4_800, 50)).until(60)
    assert scene.replies == [(at(110), Accepted(1))]


def test_trade_before_the_arrival_does_not_fill():
    frames = [trade(59, "SELL", 0.47, 20)]
    assert Scene(*frames).send(10, buy(1, 4_800, 50)).end().filled == []
    assert Scene(trade(61, "SELL", 0.47, 20)).send(10, buy(1, 4_800, 50)).end().filled == [20]


def test_our_cancel_that_arrives_before_the_trade_wins():
    scene = Scene(trade(301, "SELL", 0.47, 20)).send(10, buy(1, 4_800, 50)).send(250, Cancel(1, ""))
    scene.end()
    assert scene.filled == []
    assert scene.of(Cancelled) == [Cancelled(1, 0)]


@pytest.mark.parametrize("arrival_ms", [300, 299])
def test_trade_at_or_before_the_cancels_arrival_fills_for_real(arrival_ms):
    scene = Scene(trade(arrival_ms, "SELL", 0.47, 20))
    scene.send(10, buy(1, 4_800, 50)).send(250, Cancel(1, "")).end()
    assert scene.filled == [20]
    assert scene.of(Fill)[0].after_cancel_sent
    assert scene.of(Cancelled) == [Cancelled(1, 20 * SHARE)]


def test_late_trade_message_is_moved_back_to_its_match():
    scene = Scene(trade(310, "SELL", 0.47, 20), trade_lag_ns=20 * MS)
    scene.send(10, buy(1, 4_800, 50)).send(250, Cancel(1, "")).end()
    assert scene.filled == [20]
    assert scene.of(Fill)[0].exch_ns == at(290)


def test_cancel_of_a_filled_order_is_refused_as_matched():
    scene = Scene(trade(200, "SELL", 0.47, 50)).send(10, buy(1, 4_800, 50)).send(180, Cancel(1, ""))
    assert scene.end().of(CancelRefused) == [CancelRefused(1, "matched")]


def test_cancel_of_what_never_rested_proves_nothing():
    scene = Scene(delays=Latency(cancel_ns=10 * MS)).send(10, buy(1, 4_800, 50), Cancel(1, ""))
    scene.send(20, Cancel(77, "")).until(1_000)
    assert list(scene.of(CancelRefused)) == [
        CancelRefused(1, "unknown"),
        CancelRefused(77, "unknown"),
    ]
    assert scene.of(Accepted) == [Accepted(1)]


def test_end_of_the_market_expires_what_rests_and_rejects_what_comes():
    scene = Scene().send(10, buy(1, 4_800, 50)).send(299_980, buy(2, 4_800, 50)).end()
    assert scene.of(Cancelled) == [Cancelled(1, 0, "expired")]
    assert scene.of(Rejected) == [Rejected(2, "market_closed")]
    assert scene.account.reserved_e6 == 0


def test_trade_after_the_end_fills_nobody():
    scene = Scene(trade(300_000, "SELL", 0.40, 500)).send(10, buy(1, 4_800, 50)).end()
    assert scene.filled == []


def test_time_stops_at_what_we_will_hear_of_so_that_our_answer_is_not_late():
    frames = [trade(200, "SELL", 0.47, 20), trade(900, "SELL", 0.47, 20)]
    scene = Scene(*frames).send(10, buy(1, 4_800, 50)).until(100)
    ((known_ns, fill),) = scene.venue.advance(at(5_000))
    assert (known_ns, fill.size_e6) == (at(250), 20 * SHARE)
    scene.venue.send(known_ns, Cancel(1, ""))
    scene.end()
    assert scene.of(Cancelled) == [Cancelled(1, 20 * SHARE)]
    assert scene.filled == []  # the trade at 900 ms came too late


def test_stress_stretches_every_delay():
    assert Latency().scaled(2) == Latency(
        feed_ns=200 * MS, order_ns=100 * MS, cancel_ns=100 * MS, reply_ns=100 * MS
    )


# Rejections


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (buy(1, 5_200, 50), "post_only_crosses"),
        (buy(1, 5_300, 50), "post_only_crosses"),
        (buy(1, 5_200, 50, Token.DOWN), "post_only_crosses"),
        (buy(1, 4_800, 4.99), "size_below_minimum"),
        (buy(1, 4_800, 5.005), "off_lot"),
        (buy(1, 4_805, 50), "off_tick"),
        (buy(1, 4_800, 2_084), "balance"),
        (sell(1, 5_300, 5), "balance"),
    ],
)
def test_venue_refuses_by_name(order, reason):
    scene = Scene().send(10, order).end()
    assert scene.of(Rejected) == [Rejected(1, reason)]
    assert scene.account.reserved_e6 == 0
    assert scene.venue.orders[1].rejected_e6 == order.size_e6


def test_post_only_is_judged_by_the_book_at_arrival():
    frames = [change(40, "SELL", 0.49, 10)]
    assert Scene(*frames).send(10, buy(1, 4_900, 50)).end().of(Rejected)
    assert Scene(*frames).send(10, buy(1, 4_800, 50)).end().of(Accepted)


def test_our_own_bid_and_ask_never_meet():
    scene = Scene().send(10, buy(1, 5_000, 50), buy(2, 5_000, 50, Token.DOWN)).end()
    assert scene.of(Rejected) == [Rejected(2, "post_only_crosses")]


def test_both_buys_share_one_purse():
    scene = Scene(cash=30).send(10, buy(1, 4_800, 50), buy(2, 4_700, 50, Token.DOWN)).end()
    assert scene.of(Rejected) == [Rejected(2, "balance")]


def test_held_shares_can_be_sold():
    frames = [trade(200, "SELL", 0.47, 50), trade(900, "BUY", 0.54, 30)]
    scene = (
        Scene(*frames, outcome=None).send(10, buy(1, 4_800, 50)).send(400, sell(2, 5_300, 50)).end()
    )
    assert scene.filled == [50, 30]
    assert scene.account.shares_e6 == [20 * SHARE, 0]
    assert scene.account.cash_e6 == 1_000 * DOLLAR - 24 * DOLLAR + 15_900_000


def test_new_tick_is_an_epoch_in_which_no_order_can_join():
    frames = [tick(100, 0.01, 0.001), book(400, BIDS, ASKS, tick_size="0.001")]
    scene = Scene(*frames).send(120, buy(1, 4_800, 50)).send(400, buy(2, 4_790, 50)).end()
    assert scene.of(Rejected) == [Rejected(1, "book_unknown")]
    assert scene.of(Accepted) == [Accepted(2)]
