"""Who may import whom, as data, held over every source file."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "polymm"

# From _core to engine nothing waits, reads a clock, opens a file or draws a random number.
IMPURE_NAMES = """
asyncio concurrent datetime fcntl glob http io mmap multiprocessing os pathlib queue random secrets
select selectors shutil signal socket sqlite3 ssl subprocess tempfile threading time urllib uuid
"""
IMPURE = frozenset(IMPURE_NAMES.split())
# The core does not even log.
CORE = IMPURE | {"logging"}


@dataclass(frozen=True)
class Rule:
    """What a layer may import beside itself and ``polymm.errors``.

    Args:
        ours: Dotted prefixes inside polymm.
        libraries: Top-level names outside polymm and the standard library.
        refused: Modules of the standard library that are not for this layer.
    """

    ours: tuple[str, ...] = ()
    libraries: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()


def rule(ours: str = "", libraries: str = "", refused: frozenset[str] = frozenset()) -> Rule:
    prefixes = tuple(f"polymm.{name}" for name in ours.split())
    return Rule(prefixes, frozenset(libraries.split()), refused)


# The longest prefix of a module's name that stands here is its layer.
RULES = {
    "polymm": rule("_core strategy", refused=IMPURE),
    "polymm.__main__": rule("cli"),
    "polymm.errors": rule(refused=IMPURE),
    "polymm._core": rule("", "libc cpython cython numpy", CORE),
    # orjson where the path does not go: frames of unknown shape, and the texts under a book's hash.
    "polymm._core.bookhash": rule("_core", "libc cpython cython orjson", CORE),
    "polymm._core.tolerant": rule("_core", "orjson", CORE),
    "polymm._core.quoter": rule("_core", "numpy numba", CORE),
    "polymm.domain": rule("_core.layout", refused=IMPURE),
    "polymm.strategy": rule("_core domain", refused=IMPURE),
    "polymm.engine": rule("_core domain strategy", refused=IMPURE),
    # The frames of a websocket are cut by the core; of nothing else does net know.
    "polymm.net": rule("_core.frames", "websockets picows httptools aiohttp"),
    "polymm.venues": rule("net domain _core", "orjson coincurve"),
    # The synthetic flow draws its random numbers from NumPy.
    "polymm.exchange": rule(
        "net domain _core venues.polymarket.wire", "aiohttp websockets coincurve orjson numpy"
    ),
    # The arrays of _core are NumPy's; orjson reads recorded lines, zstandard our own recordings;
    # Rich prints the report's tables.
    "polymm.research": rule(
        "_core domain strategy engine exchange.tape exchange.flow",
        "numpy orjson zstandard rich plotly pyarrow optuna distributed",
    ),
    "polymm.runtime": rule(
        "_core domain strategy engine net venues exchange research",
        "uvloop pydantic pydantic_core structlog zstandard prometheus_client trustme orjson",
    ),
    "polymm.dashboard": rule("runtime research exchange", "aiohttp"),
    "polymm.cli": rule("runtime research exchange", "typer rich"),
}

CYTHON_FROM = re.compile(r"^\s*from\s+(\.*[\w.]*)\s+c?import\s+\(?\s*([\w, *]*)", re.MULTILINE)
CYTHON_IMPORT = re.compile(r"^\s*c?import\s+([\w., ]+)", re.MULTILINE)
CYTHON_STRINGS = re.compile(r'""".*?"""', re.DOTALL)


def module_name(path: Path, root: Path = PACKAGE) -> str:
    parts = ("polymm", *path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def absolute(target: str, level: int, importer: str, *, is_package: bool) -> str:
    """Resolve a relative import as the interpreter does."""
    if level == 0:
        return target
    base = importer.split(".")
    base = base[: len(base) - level + is_package]
    return ".".join([*base, target] if target else base)


def python_imports(text: str, importer: str, *, is_package: bool) -> Iterator[str]:
    """Names imported anywhere in the file: at the top, in functions, for type checkers."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = absolute(node.module or "", node.level, importer, is_package=is_package)
            yield from (f"{source}.{alias.name}" for alias in node.names)


def cython_imports(text: str, importer: str) -> Iterator[str]:
    text = CYTHON_STRINGS.sub("", text)
    for match in CYTHON_IMPORT.finditer(text):
        yield from (name.split()[0] for name in match[1].split(",") if name.strip())
    for match in CYTHON_FROM.finditer(text):
        target = match[1].lstrip(".")
        level = len(match[1]) - len(target)
        source = absolute(target, level, importer, is_package=False)
        for name in match[2].split(",") or [""]:
            yield f"{source}.{name.split()[0]}" if name.strip() else source


def imports(path: Path, root: Path = PACKAGE) -> Iterator[str]:
    importer = module_name(path, root)
    text = path.read_text()
    if path.suffix in (".pyx", ".pxd"):
        return cython_imports(text, importer)
    return python_imports(text, importer, is_package=path.stem == "__init__")


def within(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix + ".")


def layer_of(module: str) -> str:
    """Longest prefix that has a rule; the bare package only for its own ``__init__``."""
    found = [name for name in RULES if within(module, name) and name != "polymm"]
    return max(found, key=len) if found else module


def fault(module: str, target: str) -> str:
    """Say why ``module`` may not import ``target``; "" if it may."""
    layer = layer_of(module)
    if layer not in RULES:
        return f"{module} belongs to no layer of the table"
    allowed = RULES[layer]
    top = target.split(".")[0]
    if top == "polymm":
        # The bare package gives the version; its other names are resolved by its own __init__.
        ours = ("polymm.errors", "polymm.__version__", *allowed.ours)
        if layer != "polymm":
            ours += (layer,)
        if any(within(target, name) for name in ours):
            return ""
        return f"{module} ({layer}) imports {target}"
    if top in sys.stdlib_module_names:
        return f"{module} ({layer}) imports {target}" if top in allowed.refused else ""
    return "" if top in allowed.libraries else f"{module} ({layer}) imports {target}"


def faults(root: Path = PACKAGE) -> list[str]:
    paths = (p for p in sorted(root.rglob("*")) if p.suffix in (".py", ".pyi", ".pyx", ".pxd"))
    found = (fault(module_name(path, root), name) for path in paths for name in imports(path, root))
    return [text for text in found if text]


def test_every_import_follows_the_table() -> None:
    assert faults() == []


def test_every_layer_of_the_package_has_a_rule() -> None:
    modules = {module_name(path) for path in PACKAGE.rglob("*.py")}
    assert [name for name in sorted(modules) if layer_of(name) not in RULES] == []


@pytest.mark.parametrize(
    ("file", "line", "refused"),
    [
        ("domain/order.py", "from polymm._core.book import Book", "polymm._core.book.Book"),
        ("domain/order.py", "from .. import engine", "polymm.engine"),
        ("_core/lane.pyx", "import logging", "logging"),
        ("engine/maker.py", "def f():\n    import time", "time"),
        ("engine/maker.py", "from polymm.runtime import clock", "polymm.runtime.clock"),
        ("exchange/tape.py", "from polymm.engine.maker import Maker", "polymm.engine.maker.Maker"),
        ("research/report.py", "from polymm.exchange import server", "polymm.exchange.server"),
        ("strategy/base.py", "import numba", "numba"),
        ("_core/decode.pyx", "import orjson", "orjson"),
        ("_core/book.pyx", "from polymm.domain.order cimport Side", "polymm.domain.order.Side"),
        ("_core/book.pxd", "cimport numba", "numba"),
        ("runtime/config.py", "from polymm.cli import app", "polymm.cli.app"),
        ("strange/new.py", "import json", "no layer"),
        ("__init__.py", "from polymm.runtime.config import Config", "polymm.runtime.config.Config"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, file: str, line: str, refused: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(line + "\n")

    assert len(faults(tmp_path)) == 1
    assert refused in faults(tmp_path)[0]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("domain/order.py", "from polymm._core.layout import UP"),
        ("_core/quoter.py", "import numba"),
        ("_core/lane.pyx", "from libc.stdint cimport int64_t\nfrom .book cimport Book"),
        ("_core/lane.pyx", '"""A text that says\nimport numba\n"""'),
        ("exchange/server.py", "from polymm.venues.polymarket.wire import KEYS"),
        ("research/tape_run.py", "from polymm.exchange.tape import Latency"),
        ("cli/run.py", "from polymm.runtime import config\nfrom polymm import __version__"),
    ],
)
def test_an_import_of_the_table_passes(tmp_path: Path, file: str, line: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(line + "\n")

    assert faults(tmp_path) == []
