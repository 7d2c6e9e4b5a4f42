"""Lanes at a decoder: whom a frame asks, and what becomes of them when markets come and go."""

import gc
from dataclasses import replace

import pytest

from polymm._core.book import Book
from polymm._core.decode import Decoder
from polymm._core.lane import Lane
from polymm._core.layout import REQUOTE, TOLERANT, TRADE
from polymm.errors import InputError
from polymm.strategy.base import BaseParameters
from tests.support.wire import DOWN, OTHER, STAMP, UP, book, compact, entry, price_change, trade

SHARE = 1_000_000
PARAMS = BaseParameters(order_size_e6=20 * SHARE, max_position_e6=200 * SHARE, cycle="event")
BIDS = [("0.47", "200"), ("0.48", "100")]
ASKS = [("0.53", "120"), ("0.52", "80.5")]
T0 = STAMP * 1_000_000


def watched(params: BaseParameters = PARAMS) -> tuple[Decoder, Lane]:
    """A decoder with one market at 0.48/0.52 and a lane at it that was never answered."""
    decoder = Decoder()
    slot = decoder.add_market(UP, DOWN)
    lane = Lane(decoder.book(slot), params)
    decoder.attach(slot, lane)
    decoder.feed(compact(book(BIDS, ASKS)), T0)
    return decoder, lane


def test_a_frame_that_changes_the_book_asks_the_lane() -> None:
    decoder, lane = watched()
    assert (lane.quote.bid_e4, lane.quote.ask_e4) == (4900, 5200)
    moved = price_change(entry("0.50", "90", "BUY", top=("0.50", "0.52")), stamp=STAMP + 1)
    assert decoder.feed(compact(moved), T0 + 1) & REQUOTE
    assert (lane.quote.bid_e4, lane.quote.ask_e4) == (5000, 5300)


def test_a_frame_that_changes_nothing_asks_nobody() -> None:
    decoder, lane = watched()
    same = price_change(entry("0.48", "100", "BUY"), stamp=STAMP + 1)
    assert decoder.feed(compact(same), T0 + 1) == 0
    assert lane.state_view["now_ns"] == T0


def test_a_trade_moves_the_price_of_a_thin_book_and_asks_the_lane() -> None:
    decoder, lane = watched()
    decoder.feed(compact(book([], [], stamp=STAMP + 1)), T0 + 1)
    assert decoder.feed(compact(trade("0.30", "5", "BUY")), T0 + 2) == TRADE | TOLERANT | REQUOTE
    assert decoder.touched() == [0]
    assert (lane.quote.bid_e4, lane.quote.ask_e4) == (2900, 3100)


def test_a_lane_over_another_book_is_refused_and_the_present_one_stays() -> None:
    decoder, lane = watched()
    other = decoder.add_market(OTHER)
    for stranger in (Lane(Book(), PARAMS), Lane(decoder.book(other), PARAMS)):
        with pytest.raises(InputError, match=r"must be made over book\(0\)"):
            decoder.attach(0, stranger)
    decoder.feed(compact(book(BIDS, ASKS, stamp=STAMP + 1)), T0 + 1)
    assert lane.state_view["now_ns"] == T0 + 1


def test_a_second_lane_takes_the_place_of_the_first() -> None:
    decoder, first = watched()
    second = Lane(decoder.book(0), replace(PARAMS, order_size_e6=7 * SHARE))
    decoder.attach(0, second)
    assert decoder.feed(compact(book(BIDS, ASKS, stamp=STAMP + 1)), T0 + 1) & REQUOTE
    assert second.quote.bid_e6 == 7 * SHARE
    assert first.state_view["now_ns"] == T0


def test_a_detached_lane_is_not_asked() -> None:
    decoder, lane = watched()
    decoder.attach(0, None)
    assert not decoder.feed(compact(book(BIDS, ASKS, stamp=STAMP + 1)), T0 + 1) & REQUOTE
    assert lane.state_view["now_ns"] == T0


def test_the_lane_of_a_removed_market_is_never_asked_about_the_next_one() -> None:
    decoder, lane = watched()
    decoder.remove_market(0)
    assert decoder.add_market(OTHER) == 0
    assert not decoder.feed(compact(book(BIDS, ASKS, asset=OTHER)), T0 + 1) & REQUOTE
    assert lane.state_view["now_ns"] == T0
    with pytest.raises(InputError, match=r"must be made over book\(0\)"):
        decoder.attach(0, lane)


def test_a_lane_and_its_book_outlive_their_decoder() -> None:
    decoder, lane = watched()
    kept = decoder.book(0)
    decoder.remove_market(0)
    del decoder
    gc.collect()
    assert lane.evaluate(T0 + 1) == REQUOTE
    assert kept.best_bid_e4 == 4800


def test_a_decoder_keeps_the_lanes_it_was_given() -> None:
    decoder = Decoder()
    slot = decoder.add_market(UP, DOWN)
    decoder.attach(slot, Lane(decoder.book(slot), PARAMS))
    gc.collect()
    assert decoder.feed(compact(book(BIDS, ASKS)), T0) & REQUOTE
