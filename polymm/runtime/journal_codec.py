"""Records as bytes and back, by their types' own hints: a tuple is an array of its fields.

What is one of several types (an event, an action) has its type's name before its fields. Decoding
is total: bytes that are no record of the kind are a JournalError that says what was expected.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, Final, Literal, cast, get_args, get_origin, get_type_hints

import orjson

from polymm.domain.order import Place
from polymm.engine import evidence as ev
from polymm.engine.actions import (
    Action,
    Counted,
    LimitReached,
    MergeFound,
    OrderEnded,
    ResultKnown,
    TradesKnown,
)
from polymm.engine.looks import LOOK_SIZES
from polymm.engine.records import (
    Checkpoint,
    Gap,
    LimitsLifted,
    Look,
    MarketKnown,
    MergeAsked,
    OrderPlanned,
    Record,
    RunBegun,
    StepInput,
    StepOutput,
)
from polymm.errors import JournalError
from polymm.runtime.journal_format import Frame, Kind, make_frame

RECORDS: Final[Mapping[Kind, type]] = MappingProxyType(
    {
        Kind.RUN: RunBegun,
        Kind.CHECKPOINT: Checkpoint,
        Kind.MARKET: MarketKnown,
        Kind.PLAN: OrderPlanned,
        Kind.WRITTEN: ev.Written,
        Kind.CANCEL: ev.CancelWritten,
        Kind.FILL: ev.FillTold,
        Kind.END: OrderEnded,
        Kind.MERGE: ev.Merged,
        Kind.SETTLED: ev.MarketSettled,
        Kind.BALANCE: ev.BalancesRead,
        Kind.TRADES: TradesKnown,
        Kind.CORRECTION: ev.Correction,
        Kind.INPUT: StepInput,
        Kind.OUTPUT: StepOutput,
        Kind.GAP: Gap,
        Kind.RESULT: ResultKnown,
        Kind.COUNTED: Counted,
        Kind.LIMIT: LimitReached,
        Kind.LIFTED: LimitsLifted,
        Kind.ASKED: MergeAsked,
        Kind.UNMERGED: ev.MergeFailed,
        Kind.FOUND: MergeFound,
    }
)
_KIND_OF: Final = {record: kind for kind, record in RECORDS.items()}
_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATACLASS
# The one record on the way of an order spares itself the walk over the types.
_PLAN: Final = int(Kind.PLAN)
_INPUT: Final = int(Kind.INPUT)
_OUTPUT: Final = int(Kind.OUTPUT)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

Decoder = Callable[[object], Any]


# Encoding


def _plain(value: object) -> object:
    """Give what orjson does not know as the tuple of its fields."""
    if isinstance(value, tuple):
        return tuple(value)
    if is_dataclass(value) and not isinstance(value, type):
        return tuple(getattr(value, field.name) for field in fields(value))
    raise TypeError(f"a {type(value).__name__} is no part of a record")


def _dump(value: object) -> bytes:
    try:
        return orjson.dumps(value, default=_plain, option=_OPTIONS)
    except orjson.JSONEncodeError as error:
        raise JournalError(f"a record cannot be written: {error}") from error


def encode_plan(order: str, market: str, place: Place, planned_ns: int) -> bytes:
    """Frame an OrderPlanned."""
    order_id, slug, token, side, price_e4, size_e6 = place
    # Plain numbers: an enum is looked into, which takes longer than all the rest.
    placed = order_id, slug, int(token), int(side), price_e4, size_e6
    try:
        payload = orjson.dumps((order, market, placed, planned_ns))
    except orjson.JSONEncodeError as error:
        raise JournalError(f"a record cannot be written: {error}") from error
    return make_frame(_PLAN, payload)


def encode_input(now_ns: int, event: ev.Event, looks: object) -> bytes:
    """Frame a StepInput."""
    tagged = (type(event).__name__, *event)
    return make_frame(_INPUT, _dump((now_ns, tagged, looks)))


def encode_output(actions: object) -> bytes:
    """Frame a StepOutput."""
    tagged = tuple((type(action).__name__, *action) for action in cast("tuple[Action]", actions))
    return make_frame(_OUTPUT, _dump((tagged,)))


def encode(record: Record) -> bytes:
    """Frame a record.

    Raises:
        JournalError: It holds what JSON cannot, such as an integer above 64 bits.
    """
    if isinstance(record, StepInput):
        return encode_input(*record)
    if isinstance(record, StepOutput):
        return encode_output(record.actions)
    return make_frame(_KIND_OF[type(record)], _dump(tuple(record)))


# Decoding: each hint becomes a function that answers the value or raises _Misfit


class _Misfit(Exception):
    """A value is not of its type; says what was expected and found."""


def _found(value: object) -> str:
    text = orjson.dumps(value, default=repr)[:40].decode(errors="replace")
    return _CONTROL.sub("?", text)


def _exactly(kind: type) -> Decoder:
    def decode(value: object) -> object:
        if type(value) is not kind:
            raise _Misfit(f"expected {kind.__name__}, found {_found(value)}")
        return value

    return decode


def _one_of(values: Mapping[object, object], name: str) -> Decoder:
    def decode(value: object) -> object:
        if type(value) not in (int, str) or value not in values:
            raise _Misfit(f"expected a {name}, found {_found(value)}")
        return values[value]

    return decode


def _optional(inner: Decoder) -> Decoder:
    return lambda value: None if value is None else inner(value)


def _many(inner: Decoder) -> Decoder:
    def decode(value: object) -> object:
        if type(value) is not list:
            raise _Misfit(f"expected an array, found {_found(value)}")
        return tuple([inner(item) for item in value])

    return decode


def _each(inners: tuple[Decoder, ...], make: Callable[..., object], name: str) -> Decoder:
    n = len(inners)

    def decode(value: object) -> object:
        if type(value) is not list or len(value) != n:
            raise _Misfit(f"expected the {n} fields of a {name}, found {_found(value)}")
        return make(*[inner(item) for inner, item in zip(inners, value, strict=True)])

    return decode


def _tagged(union: object) -> Decoder:
    """One of several tuples, its name first."""
    kinds = {kind.__name__: _decoder(kind) for kind in get_args(union)}

    def decode(value: object) -> object:
        if type(value) is not list or not value or type(value[0]) is not str:
            raise _Misfit(f"expected a name and its fields, found {_found(value)}")
        inner = kinds.get(value[0])
        if inner is None:
            raise _Misfit(f"expected the name of an event or action, found {_found(value[0])}")
        return inner(value[1:])

    return decode


def _look(value: object) -> Look:
    """Numbers, as many as their kind has."""
    if type(value) is not list or any(type(item) is not int for item in value):
        raise _Misfit(f"expected integers, found {_found(value)}")
    if len(value) < 2 or LOOK_SIZES.get(value[1]) != len(value):
        raise _Misfit(f"expected a whole look, found {_found(value)}")
    return tuple(value)


def _dataclass(kind: Any) -> Decoder:
    names = [field.name for field in fields(kind)]
    hints = get_type_hints(kind)

    def make(*values: object) -> object:
        return kind(**dict(zip(names, values, strict=True)))

    return _each(tuple(_decoder(hints[name]) for name in names), make, kind.__name__)


def _named(kind: type) -> Decoder:
    hints = get_type_hints(kind)
    return _each(tuple(_decoder(hint) for hint in hints.values()), kind, kind.__name__)


def _decoder(hint: Any) -> Decoder:
    """Make the function that takes one type out of JSON."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in (ev.Event, Action):
        return _tagged(hint)
    if hint == tuple[Look, ...]:
        return _many(_look)
    if hint in (int, str, bool):
        return _exactly(hint)
    if origin is tuple and args[1:] == (...,):
        return _many(_decoder(args[0]))
    if origin is tuple:
        return _each(tuple(map(_decoder, args)), lambda *values: values, "tuple")
    if origin is Literal:
        return _one_of({value: value for value in args}, " or ".join(map(str, args)))
    if origin is UnionType and len(args) == 2 and NoneType in args:
        return _optional(_decoder(args[args[0] is NoneType]))
    if issubclass(hint, IntEnum):
        return _one_of({int(value): value for value in hint}, hint.__name__)
    return _named(hint) if issubclass(hint, tuple) else _dataclass(hint)


_DECODERS: Final = {kind: _decoder(record) for kind, record in RECORDS.items()}


def decode(frame: Frame) -> Record:
    """Take the record out of a frame.

    Raises:
        JournalError: The payload is no record of its kind; another version may have written it.
    """
    try:
        record: Record = _DECODERS[frame.kind](orjson.loads(frame.payload))
    except (orjson.JSONDecodeError, _Misfit) as error:
        raise JournalError(f"{frame.kind.name} record: {error}", frame.offset) from error
    return record
