"""Values by dotted name for nested settings: ``rules.mined_ms`` of a frozen dataclass."""

from dataclasses import fields, is_dataclass, replace
from difflib import get_close_matches
from typing import Any, TypeVar

from polymm.errors import InputError

Settings = TypeVar("Settings")


def assign(settings: Settings, name: str, value: object) -> Settings:
    """Give settings with one value replaced.

    Raises:
        InputError: No such name; the message tells the nearest. Or the settings refuse the value.
    """
    head, _, rest = name.partition(".")
    current = _current(settings, head, name)
    if rest:
        value = assign(current, rest, value)
    return replace(settings, **{head: value})  # type: ignore[type-var]


def parse(settings: object, name: str, text: str) -> object:
    """Read a text as the kind of value that stands under a name.

    Raises:
        InputError: No such name, or the text is not of its kind.
    """
    current: object = settings
    for part in name.split("."):
        current = _current(current, part, name)
    return _read(current, name, text)


def names_of(settings: object, prefix: str = "") -> list[str]:
    """All names that hold a value and no further names."""
    names: list[str] = []
    for field in fields(settings):  # type: ignore[arg-type]
        value, name = getattr(settings, field.name), prefix + field.name
        names += names_of(value, f"{name}.") if is_dataclass(value) else [name]
    return names


def _current(settings: object, part: str, name: str) -> object:
    if not is_dataclass(settings) or part not in {field.name for field in fields(settings)}:
        known = names_of(settings) if is_dataclass(settings) else []
        near = get_close_matches(part, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError(f"{name}: no such setting{hint}")
    return getattr(settings, part)


def _read(current: object, name: str, text: str) -> object:
    kinds: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number"}
    try:
        match current:
            case bool():
                return {"true": True, "false": False}[text.lower()]
            case int() | None:
                return int(text.replace("_", ""))
            case float():
                return float(text)
            case tuple():
                parts = [part.strip() for part in text.split(",")]
                if current and len(parts) != len(current) and not isinstance(current[0], str):
                    raise ValueError
                sample: Any = current[0] if current else ""
                return tuple(_read(sample, name, part) for part in parts)
    except (ValueError, KeyError):
        wanted = kinds.get(
            type(current),
            f"{len(current)} numbers" if isinstance(current, tuple) else "a whole number",
        )
        raise InputError(f"{name} must be {wanted}, was {text!r}") from None
    if isinstance(current, str):
        return text
    raise InputError(f"{name} is a group of settings: name one of them")
