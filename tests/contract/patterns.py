"""What an answer must look like: literal JSON with holes, which both sides of a contract fill.

The exchange's answer is held against a pattern; our client is given the pattern with every hole
filled. Names stand for what only the scene knows: order ids, tokens, a key.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Names = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ref:
    """The text that a name stands for; also as a key of an object."""

    name: str


@dataclass(frozen=True, slots=True)
class Says:
    """A sentence with names in braces."""

    text: str


@dataclass(frozen=True, slots=True)
class Like:
    """A text, or a number as text, of some form.

    Args:
        form: Regular expression of all of it.
        example: What our client is given.
        is_text: Whether it must come as text.
    """

    form: str
    example: Any
    is_text: bool = True


@dataclass(frozen=True, slots=True)
class Maybe:
    """A value that may be missing here, and that our client is given."""

    pattern: Any


@dataclass(frozen=True, slots=True)
class Anything:
    """What the notes leave open; our client is given this."""

    example: Any


@dataclass(frozen=True, slots=True)
class Among:
    """A list that holds these, in any order, and perhaps others."""

    patterns: tuple[Any, ...]


HASH = Like("[0-9a-f]{40}", "425af2848c4f6462b5d2954448419abc0abac9ac")
WORD = Like("0x[0-9a-f]{64}", "0x" + "ee" * 32)
UUID = Like("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "28c4d2eb-bbea-40e7-a9f0-b2fdb56b2c2e")
DECIMAL = Like(r"[0-9]+(\.[0-9]+)?", "7.5")
UNITS = Like("[0-9]+", "1000000000")
MS = Like("[0-9]{13}", "1776808414710")
SECONDS = Like("[0-9]{10}", "1776808414")
# A number of JSON.
COUNT = Like("[0-9]+", 1, is_text=False)
SECONDS_NUMBER = Like("[0-9]{10}", 1_776_808_414, is_text=False)
FLAG = Like("True|False", True, is_text=False)
TEXT = Like(r"[\s\S]*", "")


def differences(pattern: Any, value: Any, names: Names, at: str = "answer") -> list[str]:
    """Say where a value is not as the pattern wants it. Keys that nobody named are passed over."""
    match pattern:
        case Ref() | Says():
            return _compare(filled(pattern, names), value, at)
        case Like(form, _, is_text):
            is_right = isinstance(value, str) is is_text and re.fullmatch(form, str(value))
            return [] if is_right else [f"{at} must be like {form}, was {value!r:.200}"]
        case Maybe(inner):
            return differences(inner, value, names, at)
        case Anything():
            return []
        case Among(patterns):
            return _among(patterns, value, names, at)
        case dict():
            return _object(pattern, value, names, at)
        case list():
            if not isinstance(value, list) or len(value) != len(pattern):
                return [f"{at} must be a list of {len(pattern)}, was {value!r:.300}"]
            pairs = enumerate(zip(pattern, value, strict=True))
            return [found for i, (p, v) in pairs for found in differences(p, v, names, f"{at}.{i}")]
        case _:
            return _compare(pattern, value, at)


def _compare(wanted: Any, value: Any, at: str) -> list[str]:
    same = type(wanted) is type(value) and wanted == value
    return [] if same else [f"{at} must be {wanted!r}, was {value!r:.300}"]


def _object(pattern: dict[Any, Any], value: Any, names: Names, at: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{at} must be an object, was {value!r:.300}"]
    found = []
    for hole, wanted in pattern.items():
        key = filled(hole, names)
        if key in value:
            found += differences(wanted, value[key], names, f"{at}.{key}")
        elif not isinstance(wanted, Maybe):
            found.append(f"{at} must have {key}, had {sorted(value)}")
    if any(isinstance(hole, Ref) for hole in pattern) or not pattern:
        extra = set(value) - {filled(hole, names) for hole in pattern}
        found += [f"{at} must not have {key}" for key in sorted(extra)]
    return found


def _among(patterns: tuple[Any, ...], value: Any, names: Names, at: str) -> list[str]:
    if not isinstance(value, list):
        return [f"{at} must be a list, was {value!r:.300}"]
    return [
        f"{at} must hold {pattern!r}, was {value!r:.600}"
        for pattern in patterns
        if all(differences(pattern, one, names) for one in value)
    ]


def filled(pattern: Any, names: Names) -> Any:
    """Fill every hole: what our client is given."""
    match pattern:
        case Ref(name):
            return names[name]
        case Says(text):
            return text.format_map(names)
        case Like(_, example, _) | Anything(example):
            return example
        case Maybe(inner):
            return filled(inner, names)
        case Among(patterns):
            return [filled(one, names) for one in patterns]
        case dict():
            return {filled(key, names): filled(one, names) for key, one in pattern.items()}
        case list():
            return [filled(one, names) for one in pattern]
        case _:
            return pattern
