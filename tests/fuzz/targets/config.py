"""Configuration: files of TOML and names of the environment, put together and refused in words."""

from pathlib import PurePosixPath
from random import Random
from typing import Any, Final, cast

from polymm.errors import ConfigError
from polymm.runtime.config import fields
from polymm.runtime.config_source import load_config
from polymm.runtime.config_text import shipped_file, toml_value
from tests.fuzz.inputs import Sample
from tests.fuzz.targets.target import must

LINES: Final = 3
MESSAGE_CHARS_MAX: Final = 20_000
ODD: Final = (
    "nan", "inf", "-inf", "-0.0", "0", "1", "-1", "1e400", "0.0000001", "1e-7", "99999999999999",
    "9" * 30, "9" * 5000, '""', '"prose"', '"btc,btc"', '"btc"', "true", "false", "[]", "[1, 2]",
    "{}", "{ a = 1 }", "1979-05-27", "07:32:00", '"\\u0000"', '"' + "x" * 300 + '"', "0x10",
    "1_000", "'''a\nb'''", '"0x' + "ab" * 32 + '"', "0.005", "0.3", "60", "61", "5.0",
)  # fmt: skip


class ConfigTarget:
    """``file`` is a file's bytes; ``environment`` has a name and a value on each line."""

    growing_max = 0

    def __init__(self) -> None:
        defaults = {key: toml_value(field.default) for key, field in fields().items()}
        keys = list(defaults)
        self._values = defaults
        self.samples = [
            Sample("file", _file({key: defaults[key] for key in keys[i : i + LINES]}), False)
            for i in range(0, len(keys), LINES)
        ]
        self.samples += [
            Sample("environment", _environment({key: defaults[key]}), False) for key in keys
        ]
        self.samples += [
            Sample("file", b"", False),
            Sample("file", shipped_file()[:600].rpartition("\n")[0].encode(), False),
        ]

    def read(self, label: str, text: bytes) -> str:
        try:
            if label == "file":
                loaded = load_config(cast(Any, _File(text)))
            else:
                loaded = load_config(environ=_names(text))
        except ConfigError as error:
            must(len(str(error)) < MESSAGE_CHARS_MAX, f"told in {len(str(error))} letters")
            return "refused"
        must(len(loaded.config.digest()) == 12, "a digest of twelve digits")
        return "event"

    def growing(self) -> int:
        return 0

    def spoil(self, text: bytes, rng: Random) -> bytes:
        """Give some keys other values, or other keys these values."""
        found = {}
        for key in rng.sample(list(self._values), rng.randrange(1, LINES + 1)):
            value = rng.choice(ODD) if rng.random() < 0.7 else self._values[key]
            draw = rng.random()
            if draw < 0.1:
                key = rng.choice((key + "s", key.upper(), "strategy.private_key", "x.y", "run.a.b"))
            found[key] = value
        return _environment(found) if text.startswith(b"POLYMM__") else _file(found)


class _File:
    """A file's bytes without a disk."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def __str__(self) -> str:
        return str(PurePosixPath("polymm.toml"))

    def exists(self) -> bool:
        return True

    is_file = exists

    def read_bytes(self) -> bytes:
        return self._text


def _file(values: dict[str, str]) -> bytes:
    lines, open_section = [], ""
    for key, value in values.items():
        section, _, name = key.partition(".")
        if section != open_section:
            lines.append(f"[{section}]")
        open_section = section
        lines.append(f"{name} = {value}")
    return "\n".join(lines).encode()


def _environment(values: dict[str, str]) -> bytes:
    named = (f"POLYMM__{key.upper().replace('.', '__')}={one}" for key, one in values.items())
    return "\0".join(named).encode()


def _names(text: bytes) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in text.decode("utf-8", "surrogateescape").split("\0"))
    return {name: value for name, _, value in pairs}
