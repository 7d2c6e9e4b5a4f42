"""Frames into books: shapes, order, epochs, lateness, checks of the top."""

import json
import random
from typing import Any

import pytest

from polymm._core import layout
from polymm._core.decode import Decoder
from polymm.errors import DecodeError, InputError
from tests.support.wire import (
    DOWN,
    OTHER,
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

BID, ASK = 0, 1
BIDS = [("0.47", "200"), ("0.48", "100")]
ASKS = [("0.53", "120"), ("0.52", "80.5")]


def opened() -> Decoder:
    """Give a decoder with one market whose book stands at 0.48/0.52."""
    decoder = Decoder()
    decoder.add_market(UP, DOWN)
    decoder.feed(compact(book(BIDS, ASKS)))
    return decoder


def test_book_of_either_token_gives_one_up_book() -> None:
    decoder = opened()
    up = decoder.book(0)
    assert up.levels(BID) == [(4800, 100_000_000), (4700, 200_000_000)]
    assert up.levels(ASK) == [(5200, 80_500_000), (5300, 120_000_000)]
    mirror = Decoder()
    mirror.add_market(UP, DOWN)
    mirror.feed(
        compact(
            book(
                [("0.47", "120"), ("0.48", "80.5")], [("0.53", "200"), ("0.52", "100")], asset=DOWN
            )
        )
    )
    for side in (BID, ASK):
        assert mirror.book(0).levels(side) == up.levels(side)


@pytest.mark.parametrize("write", [compact, spaced], ids=["compact", "spaced"])
def test_price_change_sets_both_views_at_once(write: Any) -> None:
    decoder = opened()
    top = ("0.49", "0.52")
    flags = decoder.feed(
        write(
            price_change(
                entry("0.49", "45", "BUY", top=top),
                entry("0.51", "45", "SELL", asset=DOWN, top=("0.48", "0.51")),
            )
        )
    )
    assert layout.flag_names(flags) == ("changed", "top")
    assert decoder.book(0).best_bid_e4 == 4900
    assert decoder.counters()["fast"] == 2
    assert decoder.touched() == [0]


def test_size_zero_removes_and_same_size_changes_nothing() -> None:
    decoder = opened()
    gone = price_change(entry("0.48", "0", "BUY", top=("0.47", "0.52")))
    assert decoder.feed(spaced(gone)) == layout.CHANGED | layout.TOP
    assert decoder.book(0).best_bid_e4 == 4700
    again = price_change(entry("0.47", "200", "BUY", top=("0.47", "0.52")))
    assert decoder.feed(spaced(again)) == 0
    assert decoder.touched() == []


def test_delta_before_its_snapshot_is_dropped_and_counted() -> None:
    decoder = Decoder()
    decoder.add_market(UP, DOWN)
    assert decoder.feed(spaced(price_change(entry("0.48", "5", "BUY")))) == layout.NO_EPOCH
    assert decoder.book(0).levels(BID) == []
    assert decoder.counters()["deltas_without_epoch"] == 1


def test_tick_change_opens_an_epoch_once_for_both_tokens() -> None:
    decoder = opened()
    flags = decoder.feed(compact(tick_change("0.001", stamp=STAMP + 1)))
    assert "tick_size" in layout.flag_names(flags)
    assert not decoder.book(0).has_epoch
    assert decoder.feed(spaced(price_change(entry("0.48", "5", "BUY"), stamp=STAMP + 2))) == (
        layout.NO_EPOCH
    )
    decoder.feed(compact(book(BIDS, ASKS, stamp=STAMP + 3)))
    decoder.feed(compact(tick_change("0.001", asset=DOWN, stamp=STAMP + 1)))
    assert decoder.book(0).has_epoch
    assert decoder.book(0).tick_e4 == 10


def test_late_delta_does_not_undo_a_newer_one() -> None:
    decoder = opened()
    decoder.feed(spaced(price_change(entry("0.48", "70", "BUY"), stamp=STAMP + 9)))
    flags = decoder.feed(spaced(price_change(entry("0.48", "1", "BUY"), stamp=STAMP + 8)))
    assert flags == layout.LATE
    assert decoder.book(0).size_e6(BID, 4800) == 70_000_000
    other_level = price_change(entry("0.47", "1", "BUY"), stamp=STAMP + 8)
    assert decoder.feed(spaced(other_level)) == layout.CHANGED


def test_late_book_keeps_what_newer_deltas_set() -> None:
    decoder = opened()
    decoder.feed(spaced(price_change(entry("0.48", "0", "BUY"), stamp=STAMP + 9)))
    decoder.feed(spaced(price_change(entry("0.46", "3", "BUY"), stamp=STAMP + 9)))
    flags = decoder.feed(compact(book([("0.48", "99"), ("0.47", "7")], ASKS, stamp=STAMP + 5)))
    assert flags & layout.LATE
    assert decoder.book(0).levels(BID) == [(4700, 7_000_000), (4600, 3_000_000)]
    assert decoder.counters()["books_merged"] == 1


def test_book_older_than_the_tokens_last_is_dropped() -> None:
    decoder = opened()
    assert decoder.feed(compact(book([], [], stamp=STAMP - 1))) == layout.LATE
    assert decoder.book(0).best_bid_e4 == 4800
    assert decoder.counters()["books_late"] == 1


def test_top_that_differs_from_the_message_is_flagged() -> None:
    decoder = opened()
    flags = decoder.feed(spaced(price_change(entry("0.47", "1", "BUY", top=("0.49", "0.52")))))
    assert flags == layout.CHANGED | layout.MISMATCH
    empty = price_change(
        entry("0.52", "0", "SELL", top=("0.48", "0.53")),
        entry("0.53", "0", "SELL", top=("0.48", "1")),
    )
    assert not decoder.feed(spaced(empty)) & layout.MISMATCH


def test_top_of_a_late_message_is_not_held_against_a_newer_book() -> None:
    decoder = opened()
    newer = price_change(entry("0.49", "1", "BUY", top=("0.49", "0.52")), stamp=STAMP + 9)
    decoder.feed(spaced(newer))
    late = price_change(entry("0.47", "1", "BUY", top=("0.48", "0.52")), stamp=STAMP + 8)
    assert decoder.feed(spaced(late)) == layout.CHANGED
    assert decoder.counters()["top_mismatches"] == 0


def test_mirror_entry_that_contradicts_is_flagged() -> None:
    decoder = opened()
    flags = decoder.feed(
        spaced(
            price_change(
                entry("0.47", "1", "BUY"),
                entry("0.53", "2", "SELL", asset=DOWN, top=("0.48", "0.52")),
            )
        )
    )
    assert flags & layout.MISMATCH
    assert decoder.counters()["mirror_mismatches"] == 1


def test_mirror_entry_that_contradicts_the_top_is_flagged() -> None:
    decoder = opened()
    change = price_change(
        entry("0.47", "1", "BUY", top=("0.40", "0.52")),
        entry("0.53", "1", "SELL", asset=DOWN, top=("0.48", "0.52")),
    )
    assert decoder.feed(spaced(change)) & layout.MISMATCH
    assert decoder.counters()["mirror_mismatches"] == 1


def test_a_claimed_top_outlives_an_entry_that_claims_none() -> None:
    decoder = opened()
    silent = entry("0.53", "1", "SELL", asset=DOWN)
    del silent["best_bid"], silent["best_ask"]
    wrong = entry("0.47", "1", "BUY", top=("0.40", "0.52"))
    assert decoder.feed(spaced(price_change(wrong, silent))) & layout.MISMATCH
    assert decoder.counters()["top_mismatches"] == 1


def test_a_released_buffer_is_refused() -> None:
    decoder = opened()
    view = memoryview(b"[]")
    view.release()
    with pytest.raises(DecodeError, match="frame must be readable"):
        decoder.feed(view)
    assert decoder.counters()["rejected"] == 1


def test_crossed_book_is_flagged() -> None:
    decoder = opened()
    crossing = price_change(entry("0.52", "1", "BUY", top=("0.52", "0.52")))
    assert decoder.feed(spaced(crossing)) & layout.CROSSED


def test_trade_is_told_in_up_terms() -> None:
    decoder = opened()
    assert decoder.feed(compact(trade("0.48", "25.5", "BUY", asset=DOWN))) == (
        layout.TRADE | layout.TOLERANT
    )
    (told,) = decoder.trades()
    assert (told.taker_side, told.price_e4, told.size_e6, told.token) == (1, 5200, 25_500_000, 1)
    assert decoder.book(0).last_trade_e4 == 5200
    decoder.feed(compact(book(BIDS, ASKS)))
    assert decoder.trades() == []


def test_resolution_names_the_winner() -> None:
    decoder = opened()
    message = {
        "event_type": "market_resolved",
        "assets_ids": [UP, DOWN],
        "winning_asset_id": DOWN,
        "timestamp": "1",
    }
    assert decoder.feed(compact(message)) & layout.RESOLVED
    assert decoder.resolved() == [(0, 1)]


def test_array_applies_every_book_and_foreign_tokens_are_counted() -> None:
    decoder = Decoder()
    decoder.add_market(UP, DOWN)
    frame = compact([book(BIDS, ASKS), book([], [], asset=OTHER)]) + b"\n"
    assert decoder.feed(frame) & layout.FOREIGN
    assert decoder.book(0).best_ask_e4 == 5200
    assert decoder.counters()["foreign"] == 1
    assert decoder.feed(b"[]") == layout.TOLERANT


def test_every_entry_of_an_unknown_token_is_counted() -> None:
    decoder = opened()
    strangers = [entry(price, "5", "BUY", asset=OTHER) for price in ("0.47", "0.48", "0.49")]
    assert decoder.feed(spaced(price_change(*strangers))) == layout.FOREIGN
    assert decoder.counters()["foreign"] == 3


def test_bad_element_rejects_its_array_and_nothing_changes() -> None:
    decoder = opened()
    bad = book([("0.49", "-1")], ASKS, stamp=STAMP + 1)
    with pytest.raises(DecodeError, match=r"bids size must be a decimal of at least 0, was '-1'"):
        decoder.feed(compact([book([], [], stamp=STAMP + 1), bad]))
    assert decoder.book(0).levels(BID, 1) == [(4800, 100_000_000)]
    assert decoder.touched() == []


def test_rest_form_without_event_type_is_a_book() -> None:
    decoder = Decoder()
    decoder.add_market(UP, DOWN)
    rest = book(BIDS, ASKS)
    del rest["event_type"]
    decoder.feed(compact(rest | {"min_order_size": "5", "tick_size": "0.001", "neg_risk": False}))
    assert decoder.book(0).best_bid_e4 == 4800
    assert decoder.book(0).tick_e4 == 10


def test_tolerant_spellings_give_the_same_book() -> None:
    plain = opened()
    odd = Decoder()
    odd.add_market(UP, DOWN)
    message = book([], ASKS)
    message["bids"] = [{"size": 200, "price": ".47"}, {"price": 0.48, "size": "100.000000000"}]
    odd.feed(json.dumps(dict(reversed(message.items())), indent=1).encode())
    assert odd.counters()["tolerant"] == 1
    for side in (BID, ASK):
        assert odd.book(0).levels(side) == plain.book(0).levels(side)


def test_old_single_change_shape_is_refused_by_name() -> None:
    message = {
        "event_type": "price_change",
        "asset_id": UP,
        "changes": [{"price": "0.4", "side": "SELL", "size": "3"}],
        "timestamp": "1729084877448",
    }
    with pytest.raises(DecodeError, match="single-change shape of 2024"):
        opened().feed(compact(message))


def test_markets_come_and_go() -> None:
    decoder = opened()
    with pytest.raises(InputError, match="stands already"):
        decoder.add_market(OTHER, DOWN)
    with pytest.raises(InputError, match="tick_e4 must divide 10000"):
        decoder.add_market(OTHER, tick_e4=-100)
    other = decoder.add_market(OTHER)
    decoder.remove_market(0)
    assert decoder.feed(compact(book(BIDS, ASKS))) == layout.FOREIGN
    assert decoder.feed(compact(book(BIDS, ASKS, asset=OTHER))) & layout.CHANGED
    assert decoder.add_market(UP, DOWN) == 0
    assert decoder.book(other).best_bid_e4 == 4800
    with pytest.raises(InputError, match="no market at slot 7"):
        decoder.book(7)


def test_many_markets_keep_their_books_apart() -> None:
    seed = 7
    draw = random.Random(seed)
    decoder = Decoder()
    tokens = [str(draw.randrange(10**76, 10**77)) for _ in range(512)]
    for slot in range(256):
        assert decoder.add_market(tokens[2 * slot], tokens[2 * slot + 1]) == slot
    with pytest.raises(InputError, match="at most 256 markets"):
        decoder.add_market(UP)
    for slot in range(256):
        price = f"0.{slot + 1:04d}"
        decoder.feed(compact(book([(price, "1")], [], asset=tokens[2 * slot])))
    assert [decoder.book(slot).best_bid_e4 for slot in range(256)] == list(range(1, 257)), seed
    assert decoder.counters()["fast"] == 256
