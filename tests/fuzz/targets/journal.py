"""Files of the journal: framing, then every record by its type's own hints."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import IntEnum
from random import Random
from types import NoneType, UnionType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import orjson

from polymm.engine import evidence as ev
from polymm.engine.actions import Action
from polymm.engine.looks import LOOK_SIZES
from polymm.engine.records import Look
from polymm.errors import JournalError
from polymm.runtime.journal_codec import RECORDS, decode, encode
from polymm.runtime.journal_format import Kind, make_frame, make_header, read_frames
from tests.fuzz.inputs import Sample, with_odd_values
from tests.fuzz.mutations import broken
from tests.fuzz.targets.target import must

FRAMES_A_SAMPLE: Final = 4


def plain(hint: Any, pick: int = 0) -> Any:
    """Make the JSON of a type; `pick` chooses among those it may be."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in (ev.Event, Action):
        kind = args[pick % len(args)]
        return [kind.__name__, *plain(kind, pick)]
    if hint == Look:
        kind, size = list(LOOK_SIZES.items())[pick % len(LOOK_SIZES)]
        return [0, kind, *[7] * (size - 2)]
    if hint in (int, str, bool):
        return {int: 5_000 + pick, str: f"0x{pick:04x}", bool: bool(pick % 2)}[hint]
    if origin is tuple and args[1:] == (...,):
        return [plain(args[0], pick + i) for i in range(pick % 3)]
    if origin is tuple:
        return [plain(one, pick) for one in args]
    if origin is Literal:
        return args[pick % len(args)]
    if origin is UnionType and NoneType in args:
        return None if pick % 2 else plain(args[args[0] is NoneType], pick)
    if issubclass(hint, IntEnum):
        return int(list(hint)[pick % len(hint)])
    return [plain(one, pick) for one in _hints(hint)]


def _hints(kind: Any) -> list[Any]:
    hints: Mapping[str, Any] = get_type_hints(kind)
    names = [field.name for field in fields(kind)] if is_dataclass(kind) else list(hints)
    return [hints[name] for name in names]


def frames() -> list[bytes]:
    """One frame of every kind and of every event and action."""
    n_union = max(len(get_args(ev.Event)), len(get_args(Action)))
    return [
        make_frame(kind, orjson.dumps(plain(record, pick)))
        for kind, record in RECORDS.items()
        for pick in range(n_union if kind in (Kind.INPUT, Kind.OUTPUT) else 3)
    ]


class JournalTarget:
    """A file's bytes to frames, frames to records, and records back to the same frames."""

    growing_max = 0

    def __init__(self) -> None:
        made = frames()
        self.samples = [
            Sample("file", make_header() + b"".join(made[i : i + FRAMES_A_SAMPLE]), False)
            for i in range(0, len(made), FRAMES_A_SAMPLE)
        ]
        self.samples += [Sample("file", b"", False), Sample("file", make_header(), False)]

    def read(self, label: str, text: bytes) -> str:
        try:
            reading = read_frames(text)
            for frame in reading.frames:
                again = encode(decode(frame))
                must(again[8:9] == text[frame.offset + 8 : frame.offset + 9], "the same kind")
        except JournalError as error:
            must(len(str(error)) < 400, f"an error is told briefly, had {len(str(error))} letters")
            return "refused"
        return "cut" if reading.cut else "event"

    def growing(self) -> int:
        return 0

    def spoil(self, text: bytes, rng: Random) -> bytes:
        """Spoil frames under checksums that are right."""
        try:
            found = read_frames(text).frames
        except JournalError:
            found = []
        if not found:
            return broken(text, b"", rng)
        told = [(int(frame.kind), frame.payload) for frame in found]
        i = rng.randrange(len(told))
        ways: tuple[Callable[[int, bytes], tuple[int, bytes]], ...] = (
            lambda kind, payload: (kind, with_odd_values(payload, rng)),
            lambda kind, payload: (kind, with_odd_values(payload, rng)),
            lambda kind, payload: (kind, broken(payload, b"", rng)),
            lambda kind, payload: (rng.randrange(24), payload),
        )
        told[i] = rng.choice(ways)(*told[i])
        if rng.random() < 0.2:
            told.append(rng.choice(told))
        return make_header() + b"".join(make_frame(*one) for one in told)
