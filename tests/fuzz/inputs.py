"""Inputs for a parser, made from samples of what it is meant for.

One `random.Random` makes all of a session, so that a seed and a session's number give the same
inputs on every machine. What stays as the sample says must come to what the sample comes to.
"""

import json
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final, NamedTuple

import orjson

from tests.fuzz.frames import SEPARATORS
from tests.fuzz.mutations import CHUNKS, broken, odd

REPEATS_MAX: Final = 400
NESTS: Final = (20, 300, 5_000)


class Sample(NamedTuple):
    """Something a parser is meant for.

    Args:
        label: Which of its readers, for a parser of several.
        is_json: Whether it may be written in another legal way.
    """

    label: str
    text: bytes
    is_json: bool = True


class Input(NamedTuple):
    """One input; ``sample`` is the place of the sample it is as good as, -1 where it is spoilt."""

    label: str
    text: bytes
    sample: int = -1


class InputMaker:
    """Makes one session's inputs.

    Args:
        samples: At least one.
        spoil: Another way to spoil a text, used for one in ten; for formats that are no JSON.
    """

    def __init__(
        self,
        rng: Random,
        samples: Sequence[Sample],
        spoil: Callable[[bytes, Random], bytes] | None = None,
    ) -> None:
        self._rng = rng
        self._samples = samples
        self._labels = sorted({sample.label for sample in samples})
        self._spoil = spoil

    def next(self) -> Input:
        """Make the next input."""
        rng = self._rng
        i = int(rng.random() * len(self._samples))
        label, text, is_json = self._samples[i]
        draw = rng.random()
        if draw < 0.04:
            return Input(label, text, i)
        if draw < 0.1 and is_json:
            return Input(label, restyled(text, rng), i)
        if draw > 0.9:
            # Whatever one reader is told, another may be told by mistake.
            label = rng.choice(self._labels)
        if draw > 0.997:
            return Input(label, huge(text, rng))
        if self._spoil is not None and rng.random() < 0.5:
            return Input(label, self._spoil(text, rng))
        if is_json and rng.random() < 0.55:
            return Input(label, with_odd_values(text, rng))
        other = rng.choice(self._samples).text if rng.random() < 0.1 else b""
        return Input(label, broken(text, other, rng))


def restyled(text: bytes, rng: Random) -> bytes:
    """Write the same JSON otherwise: order of keys, blanks, escapes."""
    value = _shuffled(orjson.loads(text), rng)
    separators = rng.choice(SEPARATORS)
    return json.dumps(value, separators=separators, ensure_ascii=rng.random() < 0.5).encode()


def _shuffled(value: Any, rng: Random) -> Any:
    if isinstance(value, list):
        return [_shuffled(one, rng) for one in value]
    if not isinstance(value, dict):
        return value
    items = list(value.items())
    rng.shuffle(items)
    return {key: _shuffled(one, rng) for key, one in items}


def with_odd_values(text: bytes, rng: Random) -> bytes:
    """Put values into JSON that nobody expects there; the result is JSON still."""
    value = orjson.loads(text)
    if not isinstance(value, dict | list):
        value = [value]
    odd(value, rng)
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value).encode()  # of integers that only Python writes


def huge(text: bytes, rng: Random) -> bytes:
    """Make much of it: many copies, a long number, a long text, a deep nest."""
    draw = rng.random()
    if draw < 0.25:
        return b"[" + b",".join([text] * rng.randrange(2, REPEATS_MAX)) + b"]"
    places = [i for i, byte in enumerate(text) if 48 <= byte <= 57] or [0]
    i = rng.choice(places)
    if draw < 0.5:
        return text[:i] + b"9" * rng.choice((100, 5_000, 50_000)) + text[i:]
    if draw < 0.75:
        i = rng.randrange(len(text) + 1)
        return text[:i] + rng.choice(CHUNKS) * rng.choice((100, 3_000)) + text[i:]
    n = rng.choice(NESTS)
    opened, closed = rng.choice(((b"[", b"]"), (b'{"data":', b"}")))
    return opened * n + text + closed * n
