"""One composed message of every kind the market channel has, without any recording."""

import json
from pathlib import Path

import pytest

from polymm._core import layout
from polymm._core.bookhash import BookText
from polymm._core.decode import Decoder

FOLDER = Path(__file__).parents[1] / "data" / "market_channel"
UP = "72690798903588392269001731007662425920353908498880709179939493847828858696064"
DOWN = "57726118860664877408225679006057036191805241206083874875095996065406561439567"
BIDS = [(4900, 20_000_000), (4800, 30_000_000), (4700, 12_500_000), (100, 5_000_000_000)]
ASKS = [(5200, 25_500_000), (5300, 60_000_000), (9900, 5_000_000_000)]


def frame(kind: str) -> bytes:
    return (FOLDER / f"{kind}.json").read_bytes()


@pytest.fixture(params=["as sent", "by the tolerant pass"])
def decoder(request: pytest.FixtureRequest) -> Decoder:
    decoder = Decoder()
    decoder.add_market(UP, DOWN)
    prefix = b"" if request.param == "as sent" else b" "
    decoder.feed(prefix + frame("book_dump"))
    return decoder


def test_dump_gives_one_book_of_both_tokens(decoder: Decoder) -> None:
    assert decoder.book(0).levels(0) == BIDS
    assert decoder.book(0).levels(1) == ASKS
    assert decoder.counters()["books"] == 2


def test_price_change_sets_the_touch(decoder: Decoder) -> None:
    assert decoder.feed(frame("price_change")) == layout.CHANGED
    assert decoder.book(0).levels(0, 1) == [(4900, 45_000_000)]


def test_update_after_a_match_takes_the_level_away(decoder: Decoder) -> None:
    flags = decoder.feed(frame("book_update"))
    assert flags == layout.CHANGED | layout.TOP | layout.SNAPSHOT
    assert decoder.book(0).levels(0) == BIDS[1:]


def test_rest_book_is_the_same_snapshot(decoder: Decoder) -> None:
    decoder.book(0).clear()
    decoder.feed(frame("book_rest"))
    assert decoder.book(0).levels(0) == BIDS


def test_empty_book_of_version_two_opens_the_epoch() -> None:
    decoder = Decoder()
    decoder.add_market(UP, DOWN)
    decoder.feed(frame("book_empty_v2"))
    assert decoder.book(0).has_epoch
    assert (decoder.book(0).best_bid_e4, decoder.book(0).best_ask_e4) == (0, 10_000)


def test_trade_tick_and_end_are_told(decoder: Decoder) -> None:
    assert decoder.feed(frame("last_trade_price")) & layout.TRADE
    assert [(t.taker_side, t.price_e4, t.size_e6) for t in decoder.trades()] == [
        (0, 5200, 25_500_000)
    ]
    assert decoder.feed(frame("tick_size_change")) & layout.TICK_SIZE
    assert decoder.book(0).tick_e4 == 10
    assert decoder.feed(frame("market_resolved")) & layout.RESOLVED
    assert decoder.resolved() == [(0, 0)]


@pytest.mark.parametrize("kind", ["best_bid_ask", "new_market"])
def test_what_says_nothing_of_the_book_is_counted(decoder: Decoder, kind: str) -> None:
    assert decoder.feed(frame(kind)) & layout.IGNORED
    assert decoder.counters()["ignored"] == 1


@pytest.mark.parametrize("kind", ["book_dump", "book_update", "book_rest", "book_empty_v2"])
def test_composed_books_carry_their_true_hash(kind: str) -> None:
    value = json.loads(frame(kind))
    for book in value if isinstance(value, list) else [value]:
        text = BookText(json.dumps(book, separators=(",", ":")).encode())
        assert text.find_last_trade("0.500") is not None
