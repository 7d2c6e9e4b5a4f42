"""Bytes that are no message, and arguments that are no frame: refused by name, without a trace."""

import re
from collections.abc import Callable

import pytest

from polymm._core import layout
from polymm._core.decode import FRAME_BYTES_MAX, Decoder
from polymm.errors import DecodeError, InputError
from tests.support.refusals import (
    ASKS,
    BIDS,
    BOOK,
    CHANGE,
    MESSAGES,
    TICK,
    TRADE,
    changed,
    opened,
    refuse,
    seen,
)
from tests.support.wire import (
    DOWN,
    MARKET,
    OTHER,
    STAMP,
    UP,
    book,
    compact,
    entry,
    price_change,
    spaced,
)

# Bytes that are no JSON


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("write", [compact, spaced], ids=["compact", "spaced"])
def test_frame_cut_at_any_byte_is_refused(name: str, write: Callable[[object], bytes]) -> None:
    frame = write(MESSAGES[name])
    decoder = opened()
    before = seen(decoder)
    for length in range(len(frame)):
        with pytest.raises(DecodeError, match=r"offset \d+") as caught:
            decoder.feed(frame[:length])
        assert 0 <= caught.value.offset <= length
    assert seen(decoder) == before
    assert decoder.counters()["rejected"] == len(frame)


@pytest.mark.parametrize("name", MESSAGES)
def test_doubled_frame_is_refused_where_the_second_begins(name: str) -> None:
    frame = compact(MESSAGES[name])
    refuse(frame + frame, "frame must be JSON", offset=len(frame))
    refuse(frame + b"," + frame, "frame must be JSON", offset=len(frame))
    refuse(frame + b"\n" + frame, "frame must be JSON", offset=len(frame) + 1)


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"market":'], ids=["[", "{", "[{"])
def test_a_hundred_thousand_brackets_are_refused(opening: bytes) -> None:
    refuse(opening * 100_000, "frame must be JSON: depth limit")
    refuse(compact(BOOK)[:-1] + b',"deep":' + opening * 100_000, "frame must be JSON: depth limit")


def test_frame_above_the_limit_is_refused_whichever_pass_would_take_it() -> None:
    foreign = compact(book([("0.47", "200")] * 1000, [], asset=OTHER))
    frame = b"[" + b",".join([foreign] * (FRAME_BYTES_MAX // len(foreign) + 1)) + b"]"
    for huge in (frame, b" " + frame, b" " * (FRAME_BYTES_MAX + 1), b"1" * (5 * 1024 * 1024)):
        refuse(huge, rf"frame must be at most {FRAME_BYTES_MAX} bytes, was {len(huge)}")


def test_largest_frame_is_taken() -> None:
    decoder = opened()
    frame = compact(BOOK).ljust(FRAME_BYTES_MAX)
    assert decoder.feed(frame) & layout.SNAPSHOT
    refuse(frame + b" ", "at most")


def test_more_levels_and_events_than_a_decoder_stages_are_refused() -> None:
    refuse(compact(book([("0.47", "2")] * 65_537, [])), "too many levels")
    refuse(compact([TRADE] * 1_025), "at most 1024 events")
    decoder = opened()
    assert decoder.feed(compact(book([("0.47", "2")] * 65_536, []))) & layout.SNAPSHOT
    assert decoder.book(0).levels(0) == [(4700, 65_536 * 2_000_000)]


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("bad", [b"\xff", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88"])
def test_bytes_that_are_not_utf8_are_refused_wherever_they_stand(name: str, bad: bytes) -> None:
    frame = compact(MESSAGES[name])
    decoder = opened()
    before = seen(decoder)
    for i in range(len(frame) + 1):
        for damaged in (frame[:i] + bad + frame[i:], frame[:i] + bad + frame[i + len(bad) :]):
            with pytest.raises(DecodeError, match="frame must be UTF-8") as caught:
                decoder.feed(damaged)
            assert i <= caught.value.offset <= i + len(bad)
    assert seen(decoder) == before


@pytest.mark.parametrize("inside", [MARKET, UP, BOOK["hash"], str(STAMP)])
def test_control_character_inside_a_text_is_refused(inside: str) -> None:
    frame = compact(BOOK)
    for at in range(len(inside)):
        for control in (b"\x00", b"\n", b"\x1f"):
            i = frame.index(inside.encode()) + at
            refuse(frame[:i] + control + frame[i + 1 :], "frame must be JSON")


def test_offset_counts_bytes_also_behind_wide_characters() -> None:
    frame = '{"question":"prix à 5 € 🚀", x}'.encode()
    refuse(frame, "frame must be JSON", offset=frame.index(b"x}"))


@pytest.mark.parametrize(
    "frame",
    [
        b"", b" ", b"\n", b"PING", b"PONG", b"pong", b"null", b"true", b"1", b'"book"', b"\x00",
        b"{", b"}", b"[", b"]", b"{]", b"[}", b"{}{}", b"\xef\xbb\xbf{}", b"[,]", b"{,}", b"nul",
        b'{"event_type":"book"', b'{"event_type":}', b"{'event_type':'book'}", b"[] []", b"//",
    ],
)  # fmt: skip
def test_what_is_no_message_is_refused(frame: bytes) -> None:
    refuse(frame, "^frame must be ")


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"0x10", b"01"])
@pytest.mark.parametrize("key", [b"price", b"size"])
def test_number_that_json_does_not_know_is_refused(number: bytes, key: bytes) -> None:
    frame = re.sub(b'"' + key + b'":"[^"]*"', b'"' + key + b'":' + number, compact(CHANGE), count=1)
    refuse(frame, "frame must be JSON")


# JSON that is no message


@pytest.mark.parametrize("frame", [b"{}", b"[{}]", b'{"event_type":null}', b'{"event_type":1}'])
def test_object_without_an_event_type_is_refused(frame: bytes) -> None:
    refuse(frame, "event_type must be a text, was ")


@pytest.mark.parametrize("element", [b"null", b"1", b'"book"', b"[]", b"[[]]", b"true"])
def test_element_that_is_no_object_rejects_its_array(element: bytes) -> None:
    good = compact(book([("0.10", "1")], [], stamp=STAMP + 1))
    for frame in (b"[%b]" % element, b"[%b,%b]" % (good, element), b"[%b,%b]" % (element, good)):
        refuse(frame, "array element must be an object, was ")


@pytest.mark.parametrize("name", MESSAGES)
def test_bad_element_rejects_every_good_one_beside_it(name: str) -> None:
    good = book([("0.10", "1")], [("0.90", "1")], stamp=STAMP + 5)
    bad = changed(MESSAGES[name], "timestamp", "soon")
    for frame in ([good, bad], [bad, good], [good, TICK, TRADE, bad]):
        refuse(compact(frame), "timestamp must be epoch milliseconds, was 'soon'")


def test_bad_last_entry_rejects_the_entries_before_it() -> None:
    good = [entry(f"0.{i}", "77", "BUY") for i in range(10, 40)]
    for write in (compact, spaced):
        refuse(write(price_change(*good, entry("0.49", "-1", "BUY"))), "size must be a decimal")


def test_bad_last_level_rejects_the_snapshot() -> None:
    rows = [(f"0.{i}", "77") for i in range(10, 40)]
    refuse(compact(book(rows, [*rows, ("0.9", "")], stamp=STAMP + 5)), "asks size must be")


@pytest.mark.parametrize("write", [compact, spaced], ids=["compact", "spaced"])
def test_single_change_shape_of_2024_is_refused_by_name(write: Callable[[object], bytes]) -> None:
    old = {
        "asset_id": UP,
        "changes": [{"price": "0.49", "side": "BUY", "size": "45"}],
        "event_type": "price_change",
        "hash": "1" * 40,
        "market": MARKET,
        "timestamp": str(STAMP),
    }
    refuse(write(old), "price_change must hold price_changes, was the single-change shape of 2024")


# Arguments


@pytest.mark.parametrize("frame", ["{}", None, 5, ["{}"], {}, object()])
def test_argument_that_is_no_bytes_is_refused(frame: object) -> None:
    refuse(frame, f"frame must be bytes, was {type(frame).__name__}")


def test_other_buffers_are_copied_and_take_the_same_pass() -> None:
    frame = spaced(CHANGE)
    for other in (bytearray(frame), memoryview(frame), memoryview(b"?" + frame)[1:]):
        decoder = opened()
        assert decoder.feed(other) == layout.CHANGED | layout.TOP
        assert decoder.counters()["fast"] == 2
    for bad in (bytearray(b"x"), memoryview(b""), memoryview(frame)[::2]):
        refuse(bad, "frame must be JSON")


def test_market_too_many_is_refused_and_the_others_stand() -> None:
    decoder = Decoder()
    for i in range(256):
        assert decoder.add_market(str(10**20 + 2 * i), str(10**20 + 2 * i + 1)) == i
    with pytest.raises(InputError, match="at most 256 markets"):
        decoder.add_market("9" * 20, "8" * 20)
    for i in (0, 128, 255):
        decoder.feed(compact(book(BIDS, ASKS, asset=str(10**20 + 2 * i))))
        assert decoder.touched() == [i]
    assert decoder.feed(compact(book(BIDS, ASKS, asset="9" * 20))) == layout.FOREIGN
    decoder.remove_market(128)
    assert decoder.add_market("9" * 20, "8" * 20) == 128


@pytest.mark.parametrize(
    ("up", "down"),
    [("", ""), ("", UP), (UP, UP), ("1234567", ""), ("x" * 20, ""), ("4" * 97, ""), ("٤" * 20, "")],
)
def test_token_that_is_no_id_is_refused(up: str, down: str) -> None:
    decoder = Decoder()
    with pytest.raises(InputError):
        decoder.add_market(up, down)
    assert decoder.add_market(UP, DOWN) == 0
    with pytest.raises(InputError, match="stands already"):
        decoder.add_market("12345678", UP)
    assert decoder.feed(compact(book([], [], asset="12345678"))) == layout.FOREIGN
