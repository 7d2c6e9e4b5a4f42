"""What a snapshot outdates, and what the end of an epoch forgets."""

import pytest

from polymm._core import layout
from tests.support.refusals import ASKS, BIDS, opened
from tests.support.wire import (
    DOWN,
    STAMP,
    UP,
    book,
    compact,
    entry,
    price_change,
    spaced,
    tick_change,
    trade,
)


def test_snapshot_older_than_the_other_tokens_is_dropped() -> None:
    decoder = opened()
    newer = book([("0.40", "7")], [("0.60", "7")], asset=DOWN, stamp=STAMP + 60)
    decoder.feed(compact(newer))
    stood = decoder.book(0).levels(0)
    assert decoder.feed(compact(book([("0.45", "9")], [], stamp=STAMP + 59))) == layout.LATE
    assert decoder.book(0).levels(0) == stood
    assert decoder.counters()["books_late"] == 1


@pytest.mark.parametrize("ending", ["tick", "clear"])
def test_time_stamps_of_an_ended_epoch_do_not_outlive_it(ending: str) -> None:
    """One stamp far ahead must not make all that follows look late."""
    decoder = opened()
    ahead = {"stamp": STAMP + 10**9}
    decoder.feed(spaced(price_change(entry("0.45", "1", "BUY"), **ahead)))
    decoder.feed(spaced(price_change(entry("0.45", "0", "BUY"), **ahead)))
    decoder.feed(compact(book(BIDS, ASKS, asset=DOWN, **ahead)))
    if ending == "tick":
        decoder.feed(compact(tick_change("0.001", stamp=STAMP + 1)))
    else:
        decoder.book(0).clear()
    assert decoder.book(0).timestamp_ms == 0
    decoder.feed(compact(book(BIDS, ASKS, stamp=STAMP + 2)))
    decoder.feed(compact(book([("0.1", "1")], [], asset=DOWN, stamp=STAMP + 3)))
    decoder.feed(spaced(price_change(entry("0.45", "5", "BUY"), stamp=STAMP + 4)))
    assert decoder.book(0).size_e6(0, 4500) == 5_000_000
    assert decoder.counters()["books_late"] == decoder.counters()["deltas_late"] == 0


def test_what_is_older_than_a_replaced_book_is_dropped() -> None:
    decoder = opened()
    decoder.feed(spaced(price_change(entry("0.45", "1", "BUY"), stamp=STAMP + 9)))
    decoder.book(0).replace([(4600, 7)], [(5400, 7)])
    late = price_change(entry("0.44", "1", "BUY"), stamp=STAMP + 8)
    assert decoder.feed(spaced(late)) & layout.LATE
    assert decoder.book(0).levels(0) == [(4600, 7)]


def test_a_late_trade_is_told_but_does_not_turn_the_last_price_back() -> None:
    decoder = opened()
    decoder.feed(compact(trade("0.50", "5", "BUY", stamp=STAMP + 9)))
    flags = decoder.feed(compact(trade("0.30", "5", "BUY", stamp=STAMP + 8)))
    assert flags == layout.TRADE | layout.LATE | layout.TOLERANT
    assert [told.price_e4 for told in decoder.trades()] == [3000]
    assert decoder.book(0).last_trade_e4 == 5000
    decoder.feed(compact(trade("0.51", "5", "BUY", stamp=STAMP + 9)))
    assert decoder.book(0).last_trade_e4 == 5100


@pytest.mark.parametrize("asset", [UP, DOWN])
def test_a_late_tick_change_does_not_turn_the_grid_back(asset: str) -> None:
    decoder = opened()
    decoder.feed(compact(tick_change("0.001", stamp=STAMP + 9)))
    decoder.feed(compact(book(BIDS, ASKS, stamp=STAMP + 10)))
    late = tick_change("0.01", asset=asset, stamp=STAMP + 8)
    assert decoder.feed(compact(late)) == layout.LATE | layout.TOLERANT
    assert (decoder.book(0).tick_e4, decoder.book(0).has_epoch) == (10, True)
    decoder.feed(compact(tick_change("0.01", stamp=STAMP + 9)))
    assert (decoder.book(0).tick_e4, decoder.book(0).has_epoch) == (100, False)


def test_a_book_older_than_the_tick_change_does_not_turn_the_grid_back() -> None:
    decoder = opened()
    decoder.feed(compact(tick_change("0.001", stamp=STAMP + 9)))
    older = book(BIDS, ASKS, stamp=STAMP + 8, tick_size="0.01")
    assert not decoder.feed(compact(older)) & layout.TICK_SIZE
    assert decoder.book(0).tick_e4 == 10
