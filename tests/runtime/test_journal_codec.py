"""Records to bytes and back, and bytes that are no records."""

import random
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints
from zlib import crc32

import orjson
import pytest

from polymm.domain.order import Token
from polymm.engine import evidence as ev
from polymm.engine.actions import Action
from polymm.engine.looks import LOOK_SIZES
from polymm.engine.records import Gap, Look, Record, StepInput, StepOutput
from polymm.errors import JournalError
from polymm.runtime.journal_codec import RECORDS, decode, encode
from polymm.runtime.journal_format import VERSION, Frame, Kind, make_header, read_frames

TEXTS = ("", "0xab", "café", 'a"b\\', "\n\x00\x1f", "\U0001f600", "x" * 300)
INTS = (0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63))


def sample(hint: Any, draw: random.Random) -> Any:
    """Any value of a type that a record may hold."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in (ev.Event, Action):
        return sample(draw.choice(args), draw)
    if hint == Look:
        kind = draw.choice(list(LOOK_SIZES))
        return (draw.randrange(9), kind, *(draw.choice(INTS) for _ in range(LOOK_SIZES[kind] - 2)))
    if origin is tuple and args[1:] == (...,):
        return tuple(sample(args[0], draw) for _ in range(draw.randrange(3)))
    if origin is tuple:
        return tuple(sample(arg, draw) for arg in args)
    if origin is Literal:
        return draw.choice(args)
    if origin is UnionType:
        return None if draw.random() < 0.3 else sample(args[args[0] is NoneType], draw)
    if hint is bool:
        return draw.random() < 0.5
    if hint is int:
        return draw.choice(INTS)
    if hint is str:
        return draw.choice(TEXTS)
    if issubclass(hint, IntEnum):
        return draw.choice(list(hint))
    hints = get_type_hints(hint)
    if is_dataclass(hint):
        return hint(**{field.name: sample(hints[field.name], draw) for field in fields(hint)})
    return hint(*(sample(part, draw) for part in hints.values()))


def frame_of(record: Record) -> Frame:
    ((frame,), cut) = read_frames(make_header() + encode(record))
    assert cut is None
    return frame


def same(a: Any, b: Any) -> bool:
    """Equal, and of one type at every depth: 1 is neither True nor Side.SELL."""
    if type(a) is not type(b):
        return False
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@pytest.mark.parametrize("kind", list(Kind))
def test_every_record_comes_back_as_it_was(kind: Kind) -> None:
    draw = random.Random(int(kind))
    for _ in range(100):
        record = sample(RECORDS[kind], draw)
        frame = frame_of(record)
        assert frame.kind == kind
        assert same(decode(frame), record)


@pytest.mark.parametrize("event", get_args(ev.Event))
def test_every_event_comes_back(event: type) -> None:
    draw = random.Random(event.__name__)
    for _ in range(20):
        record = StepInput(5, sample(event, draw), ())
        assert same(decode(frame_of(record)), record)


@pytest.mark.parametrize("action", get_args(Action))
def test_every_action_comes_back(action: type) -> None:
    draw = random.Random(action.__name__)
    for _ in range(20):
        record = StepOutput((sample(action, draw), sample(action, draw)))
        assert same(decode(frame_of(record)), record)


# What is no record


def test_no_part_of_a_record_may_be_of_another_type() -> None:
    """Each value of each record is replaced by each of these in turn."""
    strange = (None, True, 1.5, -7, "no name", [], [1], {"a": 1})
    draw = random.Random(5)
    refused = 0
    for kind, record in RECORDS.items():
        plain = orjson.loads(frame_of(sample(record, draw)).payload)
        for i, value in enumerate(plain):
            for other in strange:
                if type(other) is type(value):
                    continue
                payload = orjson.dumps([*plain[:i], other, *plain[i + 1 :]])
                try:
                    decode(Frame(kind, payload, 16))
                except JournalError:
                    refused += 1
                else:
                    # Only None has a second type beside it.
                    assert other is None or value is None, (kind, i, other)
    assert refused > 300


@pytest.mark.parametrize(
    ("kind", "payload", "message"),
    [
        (Kind.END, b'["0xa","FILLED"]', "expected the 3 fields of a OrderEnded"),
        (Kind.END, b'["0xa","FILLED",1,2]', "expected the 3 fields"),
        (Kind.END, b'["0xa","FILLED",true]', "expected int, found true"),
        (Kind.END, b'{"order":1}', "expected the 3 fields"),
        (Kind.GAP, b"[1.0]", "expected int, found 1.0"),
        (Kind.GAP, b"[18446744073709551616]", "expected int, found 1.8"),
        (Kind.GAP, b"[", "GAP record: unexpected end"),
        (Kind.GAP, b"", "GAP record: "),
        (Kind.GAP, b'["\xff"]', "GAP record: "),
        (Kind.GAP, b"[" * 2000, "GAP record: "),
        (Kind.FILL, b'["t","o",0,9,"m",0,0,1,1,true,0,0,0,0]', "expected a Settlement, found 9"),
        (Kind.FILL, b'["t","o",0,true,"m",0,0,1,1,true,0,0,0,0]', "expected a Settlement"),
        (Kind.INPUT, b'[1,["Nothing"],[]]', "expected the name of an event or action"),
        (Kind.INPUT, b'[1,[["Timer"]],[]]', "expected a name and its fields"),
        (Kind.INPUT, b'[1,["Timer"],[[1,0,2]]]', "expected a whole look"),
        (Kind.INPUT, b'[1,["Timer"],[[1]]]', "expected a whole look"),
        (Kind.INPUT, b'[1,["Timer"],[["a"]]]', "expected integers"),
        (Kind.OUTPUT, b'[[["Timer"]]]', "expected the name of an event or action"),
    ],
)
def test_a_payload_that_is_no_record_says_what_was_expected(
    kind: Kind, payload: bytes, message: str
) -> None:
    with pytest.raises(JournalError, match=message):
        decode(Frame(kind, payload, 99))


def test_a_message_holds_no_control_character_of_the_file() -> None:
    with pytest.raises(JournalError) as caught:
        decode(Frame(Kind.GAP, orjson.dumps(["a\x1b[31mred\nline"]), 1))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1])
def test_what_json_cannot_hold_is_not_written(number: int) -> None:
    with pytest.raises(JournalError, match="a record cannot be written"):
        encode(Gap(number))


def test_text_that_is_no_text_is_not_written() -> None:
    with pytest.raises(JournalError, match="a record cannot be written"):
        encode(StepInput(1, ev.Kill("\ud800"), ()))


# What outlives a version


def test_records_of_a_version_never_change() -> None:
    """A journal is read by the next version too: a change here needs a new `VERSION`.

    Steps are left out: they are repeated by the version that wrote them only.
    """
    seen: dict[str, str] = {}

    def describe(hint: Any) -> None:
        for part in get_args(hint):
            describe(part)
        if isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, tuple | IntEnum)):
            if issubclass(hint, IntEnum):
                seen[hint.__name__] = str({value.name: int(value) for value in hint})
            elif hint is not tuple:
                parts: Mapping[str, Any] = get_type_hints(hint)
                seen[hint.__name__] = str({name: str(part) for name, part in parts.items()})
                for part in parts.values():
                    describe(part)

    for kind, record in RECORDS.items():
        if kind not in (Kind.INPUT, Kind.OUTPUT):
            describe(record)
    assert {"Market", "FeeSchedule", "Place", "Token", "Settlement"} <= seen.keys()
    assert Token.__name__ in seen
    digest = crc32(str(sorted(seen.items())).encode())
    assert (VERSION, digest) == (3, 2775008052), f"found {digest}"
