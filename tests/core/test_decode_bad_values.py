"""Well-formed messages with values that cost money if they were believed.

Each is refused by name or dropped and counted; other spellings of good values are not.
"""

from collections.abc import Callable

import pytest

from polymm._core import layout
from tests.support.refusals import (
    ASKS,
    BIDS,
    BOOK,
    CHANGE,
    DUMP,
    MESSAGES,
    RESOLVED,
    TICK,
    changed,
    opened,
    refuse,
    seen,
)
from tests.support.wire import (
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

KEYS = {
    "book": ("asset_id", "timestamp", "bids", "asks"),
    "change": ("price_changes", "timestamp"),
    "trade": ("asset_id", "timestamp", "price", "size", "side"),
    "tick": ("asset_id", "timestamp", "new_tick_size"),
    "resolved": ("assets_ids", "winning_asset_id"),
}


@pytest.mark.parametrize(("name", "key"), [(name, key) for name in KEYS for key in KEYS[name]])
def test_missing_key_is_named(name: str, key: str) -> None:
    message = dict(MESSAGES.get(name, RESOLVED))
    del message[key]
    refuse(compact(message), f"{key} must be .*, was absent")


@pytest.mark.parametrize("key", ["asset_id", "price", "size", "side"])
@pytest.mark.parametrize("write", [compact, spaced], ids=["compact", "spaced"])
def test_missing_key_of_an_entry_is_named(key: str, write: Callable[[object], bytes]) -> None:
    short = {k: v for k, v in entry("0.49", "45", "BUY").items() if k != key}
    refuse(write(price_change(entry("0.10", "5", "BUY"), short)), f"{key} must be .*, was absent")


@pytest.mark.parametrize("key", ["price", "size"])
def test_missing_key_of_a_level_is_named(key: str) -> None:
    refuse(compact(changed(BOOK, "bids.0", {key: "0.5"})), "bids (price|size) must be .*absent")


VALUES = (None, True, 0, -1, 1.5, "", "x", [], {}, ["0.5"], {"a": 1}, "é" * 200)
WRONG = {
    "book.asset_id": "asset_id must be a token id text",
    "book.timestamp": "timestamp must be epoch milliseconds",
    "book.bids": "bids must be an array|bids level must be an object",
    "book.asks": "asks must be an array|asks level must be an object",
    "book.bids.0": "bids level must be an object|bids price must be a decimal",
    "book.bids.1.price": "bids price must",
    "book.asks.1.size": "asks size must",
    "dump.tick_size": "tick_size must",
    "change.price_changes": "price_changes (entry )?must be an",
    "change.price_changes.1": "price_changes entry must be an object|asset_id must",
    "change.price_changes.1.asset_id": "asset_id must be a token id text",
    "change.price_changes.0.price": "price must",
    "change.price_changes.1.size": "size must",
    "change.price_changes.1.side": "side must be BUY or SELL",
    "change.price_changes.0.best_bid": "best_bid must",
    "change.price_changes.1.best_ask": "best_ask must",
    "trade.price": "price must",
    "trade.size": "size must",
    "trade.side": "side must be BUY or SELL",
    "tick.new_tick_size": "new_tick_size must",
}
# Values of another type that mean something where they stand.
FITTING: dict[str, tuple[object, ...]] = {
    "book.asset_id": ("x",),
    "book.timestamp": (0,),
    "book.bids": ([],),
    "book.asks": ([],),
    "book.asks.1.size": (0, 1.5),
    "dump.tick_size": (None, ""),
    "change.price_changes": ([],),
    "change.price_changes.1.asset_id": ("x",),
    "change.price_changes.1.size": (0, 1.5),
    "change.price_changes.0.best_bid": (None, "", 0),
    "change.price_changes.1.best_ask": (None, "", 0),
    "trade.size": (0, 1.5),
}


@pytest.mark.parametrize("path", WRONG)
def test_value_of_a_wrong_type_is_refused_and_shown(path: str) -> None:
    name, _, inner = path.partition(".")
    for value in VALUES:
        if any(type(value) is type(fit) and value == fit for fit in FITTING.get(path, ())):
            continue
        error = refuse(compact(changed(MESSAGES[name], inner, value)), f"^({WRONG[path]})")
        assert ", was " in str(error)
        assert len(str(error)) < 160, "what comes from outside must be cut short"


# Values off the grid or out of range


@pytest.mark.parametrize(
    ("price", "saying"),
    [
        ("0", r"within 0\.0001\.\.0\.9999, was '0'"),
        ("0.0", "within"),
        ("1", "within"),
        ("1.0000", "within"),
        ("1.5", "within"),
        ("10000", "within"),
        ("0.12345", r"on the grid of 1e-4, was '0\.12345'"),
        ("0.00001", "on the grid"),
        ("-0.48", r"a decimal of at least 0, was '-0\.48'"),
        ("+0.48", "a decimal"),
        ("0.48 ", "a decimal"),
        ("0,48", "a decimal"),
        (".", "a decimal"),
        ("0.", "a decimal"),
        ("0.4.8", "a decimal"),
        ("4.8e-1", "a decimal"),
        ("0x1", "a decimal"),
        ("NaN", "a decimal"),
        ("Infinity", "a decimal"),
        ("٠.٤٨", "a decimal"),
        ("０.４８", "a decimal"),
        ("0.4²", "a decimal"),
        ("0" * 41, "a decimal"),
        ("9" * 5000, "a decimal"),
        (-0.48, "a decimal"),
        (0.12345, "on the grid"),
        (1e-300, "a decimal"),
        (1e300, "a decimal"),
        (10**30, "within"),
    ],
)
@pytest.mark.parametrize(
    "path", ["book.asks.0.price", "change.price_changes.0.price", "trade.price"]
)
def test_price_that_is_no_level_is_refused(path: str, price: object, saying: str) -> None:
    name, _, inner = path.partition(".")
    message = changed(MESSAGES[name], inner, price)
    for write in (compact, spaced):
        refuse(write(message), f"price must .*{saying}")


@pytest.mark.parametrize(
    "size",
    [
        "-1", "-0", "5.", ".", "1.0000001", "0.1234567", "100000000", "1e3", "1_000", "9" * 40,
        "9" * 5000, "1.5x", "Infinity", "nan", "٥", "1 000", "1,000", -1, 1e-7, 1e8, 10**18, 2**64,
        1e300,
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["book.bids.0.size", "change.price_changes.1.size", "trade.size"])
def test_size_off_the_grid_or_out_of_range_is_refused(path: str, size: object) -> None:
    name, _, inner = path.partition(".")
    message = changed(MESSAGES[name], inner, size)
    for write in (compact, spaced):
        refuse(write(message), "size must (be|lie) ")


@pytest.mark.parametrize("side", ["buy", "Buy", "B", "BUY ", "SELLS", "", 0, None, ["BUY"]])
def test_unknown_side_is_refused(side: object) -> None:
    for name, path in (("change", "price_changes.0.side"), ("trade", "side")):
        for write in (compact, spaced):
            refuse(write(changed(MESSAGES[name], path, side)), "side must be BUY or SELL, was ")


@pytest.mark.parametrize("top", ["1.5", "-0.1", "0.12345", "0.", "x", [], True, 2])
def test_impossible_top_is_refused(top: object) -> None:
    for key in ("best_bid", "best_ask"):
        for write in (compact, spaced):
            refuse(write(changed(CHANGE, f"price_changes.1.{key}", top)), f"{key} must ")


@pytest.mark.parametrize("tick", ["0", "0.03", "1", "0.5", "0.00001", "-0.01", "x", 0, [], True])
def test_tick_that_makes_no_grid_is_refused(tick: object) -> None:
    refuse(compact(changed(TICK, "new_tick_size", tick)), "new_tick_size must ")
    refuse(compact(changed(DUMP, "tick_size", tick)), "tick_size must ")


@pytest.mark.parametrize(
    "stamp",
    ["", "now", "-1776808414710", "1776808414710.0", "1e12", "1" * 15, "1" * 16, "١" * 13, None,
     -1, 1.5, True, 10**14, [], "0x1776808414"],
)  # fmt: skip
@pytest.mark.parametrize("name", MESSAGES)
def test_impossible_time_stamp_is_refused(name: str, stamp: object) -> None:
    for write in (compact, spaced):
        refuse(write(changed(MESSAGES[name], "timestamp", stamp)), "timestamp must be epoch milli")


# What is no error: other spellings, and what concerns nobody


@pytest.mark.parametrize(
    "price",
    ["0.49", "0.490", "0.4900000000", ".49", "00.49", "0" * 30 + ".49", 0.49],
)
def test_other_spelling_of_a_price_is_the_same_price(price: object) -> None:
    decoder = opened()
    decoder.feed(spaced(changed(CHANGE, "price_changes.0.price", price)))
    assert decoder.book(0).best_bid_e4 == 4900


@pytest.mark.parametrize("size", ["45", "45.0", "045", "45.000000000", 45, 45.0, "45.000000"])
def test_other_spelling_of_a_size_is_the_same_size(size: object) -> None:
    decoder = opened()
    decoder.feed(spaced(changed(CHANGE, "price_changes.0.size", size)))
    assert decoder.book(0).size_e6(0, 4900) == 45_000_000


def test_escapes_inside_texts_are_read() -> None:
    decoder = opened()
    frame = spaced(CHANGE)
    frame = frame.replace(b'"0.49"', b'"\\u0030.4\\u0039"').replace(b'"BUY"', b'"\\u0042UY"')
    frame = frame.replace(UP.encode(), b"\\u0034" + UP[1:].encode()).replace(
        b'"size"', b'"s\\u0069ze"'
    )
    assert decoder.feed(frame) & layout.CHANGED
    assert decoder.book(0).best_bid_e4 == 4900


def test_escape_that_is_no_character_is_refused() -> None:
    frame = compact(BOOK)
    for escape in (b"\\ud800", b"\\udc00", b"\\u1x", b"\\x41", b"\\u00zz"):
        refuse(frame.replace(b'"hash":"4', b'"hash":"' + escape), "frame must be JSON")


def test_last_of_equal_keys_counts_in_both_passes() -> None:
    frame = spaced(CHANGE).replace(b'"price":"0.49"', b'"price":"0.30", "price":"0.49"')
    assert opened().feed(frame) & layout.TOLERANT
    decoder = opened()
    decoder.feed(frame)
    assert decoder.book(0).best_bid_e4 == 4900
    assert decoder.book(0).size_e6(0, 3000) == 0


@pytest.mark.parametrize("write", [compact, spaced], ids=["compact", "spaced"])
def test_unknown_asset_is_dropped_and_counted(write: Callable[[object], bytes]) -> None:
    for stranger in (
        OTHER,
        UP[:-1],
        UP + "1",
        UP[:8],
        "4",
        "x",
        "é",
        "0" * 96,
        UP.replace("4", "5"),
    ):
        decoder = opened()
        before = seen(decoder)[1]
        messages = [
            book([("0.1", "1")], [], asset=stranger, stamp=STAMP + 1),
            price_change(entry("0.49", "45", "BUY", asset=stranger)),
            trade("0.5", "1", "BUY", asset=stranger),
            tick_change("0.001", asset=stranger),
        ]
        for message in messages:
            assert decoder.feed(write(message)) & ~layout.TOLERANT == layout.FOREIGN
        assert seen(decoder)[1] == before
        assert decoder.counters()["foreign"] == 4
        assert decoder.touched() == []


def test_bad_value_of_an_unknown_asset_still_rejects_its_frame() -> None:
    refuse(spaced(price_change(entry("1.5", "45", "BUY", asset=OTHER))), "price must be within")
    refuse(compact(book([("0.5", "-1")], [], asset=OTHER)), "bids size must be")


def test_longest_and_shortest_token_ids_are_known_to_both_passes() -> None:
    for token in ("7" * 96, "12345678"):
        for blank in (b"", b" "):
            decoder = opened()
            flags = decoder.feed(blank + compact(book(BIDS, ASKS, asset=token)))
            assert flags & ~layout.TOLERANT == layout.SNAPSHOT | layout.CHANGED | layout.TOP


def test_token_id_longer_than_any_is_refused() -> None:
    for write in (compact, spaced):
        refuse(write(price_change(entry("0.49", "45", "BUY", asset="4" * 97))), "asset_id must be")


@pytest.mark.parametrize("kind", ["best_bid_ask", "new_market", "olympics", "", "BOOK", "book "])
def test_event_of_no_concern_is_counted(kind: str) -> None:
    decoder = opened()
    before = seen(decoder)[1]
    flags = decoder.feed(compact({"event_type": kind, "bids": 5, "timestamp": None}))
    assert flags == layout.IGNORED | layout.TOLERANT
    assert (seen(decoder)[1], decoder.counters()["ignored"]) == (before, 1)


def test_empty_arrays_change_nothing_and_are_no_error() -> None:
    decoder = opened()
    before = seen(decoder)[1]
    for frame in (b"[]", b" [ ] ", compact(price_change()), spaced(price_change())):
        assert decoder.feed(frame) == layout.TOLERANT
    assert seen(decoder)[1] == before
    assert decoder.counters()["rejected"] == 0


def test_empty_snapshot_empties_the_book() -> None:
    decoder = opened()
    assert decoder.feed(compact(book([], []))) == layout.SNAPSHOT | layout.CHANGED | layout.TOP
    assert (decoder.book(0).best_bid_e4, decoder.book(0).best_ask_e4) == (0, 10_000)
