"""Where configuration comes from: defaults, then a TOML file, then the environment, then flags.

Whatever is wrong is found before anything runs and is told with its key, its value and what would
have been right. The origin of every value is kept, for ``polymm config show``.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from polymm.errors import ConfigError, QuoterError, UsageError
from polymm.runtime.config import Config, allowed, fields, order_faults, sections, value_of
from polymm.runtime.user_quoter import pinned

ENV_PREFIX = "POLYMM__"
DEFAULT = "default"
QUOTER = "strategy.quoter"
FLAG = "flag"
# Whoever put a key into the file by mistake must not find it in a log of the refusal.
SECRET_NAME = re.compile(r"key|secret|pass|private|mnemonic|credential")
SECRET_TEXT = re.compile(r"(0x)?[0-9a-fA-F]{32,}")
SHOWN_CHARS_MAX = 60


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """A configuration in force.

    Args:
        config: The values.
        origins: Dotted key to ``default``, ``file PATH``, ``env NAME`` or ``flag --NAME``.
    """

    config: Config
    origins: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    """One value as found, with the origin it overrides others from."""

    key: str
    value: object
    origin: str


def load_config(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, tuple[str, object]] | None = None,
    needs_quoter: bool = True,
) -> LoadedConfig:
    """Put a configuration together; later sources win.

    Args:
        path: TOML file; None for none.
        environ: Environment; names that start with ``POLYMM__`` count, for example
            ``POLYMM__STRATEGY__ORDER_SIZE``.
        flags: Dotted key to the flag's own name and its value.
        needs_quoter: False for what trades nothing: the file of a user's quoter need not be there.

    Raises:
        ConfigError: One line for each fault, naming key, value and what is allowed; a UsageError
            where flags alone are wrong.
    """
    entries = list(_file_entries(path)) if path is not None else []
    entries += _environ_entries(environ or {})
    entries += [_Entry(k, value, f"{FLAG} {name}") for k, (name, value) in (flags or {}).items()]
    faults = [_unknown(entry) for entry in entries if entry.key not in fields()]
    chosen = {entry.key: entry for entry in entries if entry.key in fields()}
    tree: dict[str, dict[str, object]] = {}
    for entry in chosen.values():
        section, name = entry.key.split(".")
        tree.setdefault(section, {})[name] = entry.value
    config = None
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        keys = dict.fromkeys(".".join(map(str, e["loc"][:2])) for e in error.errors())
        faults += [_wrong(chosen[key]) for key in keys]
    if config is not None and not faults:
        faults = list(_contradictions(config, chosen))
        try:
            config = _with_code(config)
        except QuoterError as error:
            if needs_quoter:
                faults.append(f"{chosen[QUOTER].origin}: {QUOTER}: {error}")
    if config is None or faults:
        is_usage = all(fault.startswith(f"{FLAG} ") for fault in faults)
        raise (UsageError if is_usage else ConfigError)("\n".join(faults))
    origins = {key: chosen[key].origin if key in chosen else DEFAULT for key in fields()}
    return LoadedConfig(config, origins)


def _with_code(config: Config) -> Config:
    """The configuration, named by what is in the file of its quoter, too."""
    strategy = config.strategy
    code = {"quoter": pinned(strategy.quoter)}
    return config.model_copy(update={"strategy": strategy.model_copy(update=code)})


def _contradictions(config: Config, chosen: Mapping[str, _Entry]) -> Iterator[str]:
    """Tell them where the value was set that made them so: a default is nobody's mistake."""
    for key, other, must in order_faults(config):
        value = value_of(config, key)
        origin = next((chosen[k].origin for k in (key, other) if k in chosen), DEFAULT)
        entry = chosen.get(key) or _Entry(key, value, origin)
        yield _wrong(entry, must) + ("" if key in chosen else f" ({DEFAULT})")


def _file_entries(path: Path) -> Iterator[_Entry]:
    if not path.exists():
        raise ConfigError(f"{path}: no such configuration file")
    if not path.is_file():
        raise ConfigError(f"{path}: must be a file")
    try:
        tree: dict[str, Any] = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: must be UTF-8 text, byte {error.start} is not") from None
    except (ValueError, RecursionError) as error:
        # Beside its own error tomllib lets those of huge integers and of deep nesting through.
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    origin = f"file {path}"
    for name, value in tree.items():
        if name in sections() and isinstance(value, dict):
            yield from (_Entry(f"{name}.{key}", item, origin) for key, item in value.items())
        else:
            yield _Entry(name, value, origin)


def _environ_entries(environ: Mapping[str, str]) -> Iterator[_Entry]:
    for name, text in sorted(environ.items()):
        if name.startswith(ENV_PREFIX):
            key = name.removeprefix(ENV_PREFIX).lower().replace("__", ".")
            yield _Entry(key, _parse_text(text), f"env {_cut(name)}")


def _parse_text(text: str) -> object:
    """Read a value as TOML would; bare words are texts, so that nobody needs to quote twice."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text


def _unknown(entry: _Entry) -> str:
    named = _cut("a long hexadecimal key" if SECRET_TEXT.search(entry.key) else entry.key)
    if entry.key in sections():
        return f"{entry.origin}: {named} must be a table of values, was {_shown(entry.value)}"
    if isinstance(entry.value, dict):
        close = difflib.get_close_matches(named, sections(), n=1)
        hint = f"the nearest is {close[0]}" if close else f"there are {', '.join(sections())}"
        return f"{entry.origin}: unknown section {named}; {hint}"
    nearest = nearest_key(named)
    hint = f"; the nearest is {nearest}: {allowed(fields()[nearest])}" if nearest else ""
    if SECRET_NAME.search(entry.key):
        return f"{entry.origin}: unknown key {named}, its value not shown{hint}"
    return f"{entry.origin}: unknown key {named} = {_shown(entry.value)}{hint}"


def nearest_key(key: str) -> str:
    """The key most probably meant, "" for none: the right name in another section, else similar
    spelling in its own section, or in all where its section is none of ours."""
    section, _, name = key.rpartition(".")
    anywhere = _keys_by_name()
    if name in anywhere:
        return anywhere[name]
    if section not in sections():
        return next((anywhere[one] for one in difflib.get_close_matches(name, anywhere, n=1)), "")
    own = difflib.get_close_matches(name, sections()[section].model_fields, n=1)
    return f"{section}.{own[0]}" if own else ""


@cache
def _keys_by_name() -> Mapping[str, str]:
    """The first dotted key of each name."""
    return {key.rpartition(".")[2]: key for key in reversed(list(fields()))}


def _wrong(entry: _Entry, must: str = "") -> str:
    must = must or allowed(fields()[entry.key])
    return f"{entry.origin}: {entry.key} must be {must}, was {_shown(entry.value)}"


def _shown(value: object) -> str:
    """Show a value as TOML writes it, cut where it is long."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    if isinstance(value, str):
        text = f'"{value}"'
    if SECRET_TEXT.search(text):
        return "a long hexadecimal text, not shown"
    return _cut(text)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[: SHOWN_CHARS_MAX - 3]}..."
