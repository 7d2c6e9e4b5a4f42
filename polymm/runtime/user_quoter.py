"""A user's own quoter as the configuration names it: FILE.py:FUNCTION, one file with a function.

What is in the file is part of the name once a configuration was loaded (FILE.py:FUNCTION@DIGEST):
so it is part of the configuration's hash, and a recorded run is repeated with the very same code.
"""

import re
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from operator import index
from pathlib import Path
from types import ModuleType
from typing import Final

from polymm._core.quoter import Quoter, compile_quoter
from polymm.errors import QuoterError

NAME: Final = re.compile(r"(?P<path>.+\.py):(?P<function>[A-Za-z_]\w*)(@(?P<digest>[0-9a-f]{12}))?")


@dataclass(frozen=True, slots=True)
class UserQuoter:
    """A quoter that is compiled where its address is asked for, once in a process.

    Its source goes along with it, so that a worker elsewhere needs no file.
    """

    path: str
    function: str
    source: bytes

    def __index__(self) -> int:
        return index(_compiled(self))


def user_quoter(name: str) -> UserQuoter | int:
    """The quoter of a loaded configuration; 0, the base strategy, for "".

    Raises:
        QuoterError: The file cannot be read, or is another one than was named.
    """
    return _read(pinned(name)) if name else 0


def pinned(name: str) -> str:
    """The name with the digest of its file, unless it has one.

    Raises:
        QuoterError: The file cannot be read.
    """
    found = NAME.fullmatch(name)
    if found is None or found["digest"]:
        return name
    return f"{name}@{_digest(_source(found['path']))}"


def _source(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise QuoterError(f"{path}: cannot be read: {error.strerror}") from None


def _digest(source: bytes) -> str:
    return sha256(source).hexdigest()[:12]


@cache
def _read(name: str) -> UserQuoter:
    """Read a file that a name with its digest is of.

    Raises:
        QuoterError: It cannot be read, or is another one.
    """
    found = NAME.fullmatch(name)
    if found is None:
        raise QuoterError(f"expected FILE.py:FUNCTION, found {name}")
    path, digest = found["path"], found["digest"]
    source = _source(path)
    if _digest(source) != digest:
        raise QuoterError(
            f"{path}: expected the quoter {digest}, found {_digest(source)}: it was changed"
        )
    return UserQuoter(path, found["function"], source)


@cache
def _compiled(quoter: UserQuoter) -> Quoter:
    """Run the file and compile its function.

    Raises:
        QuoterError: It cannot be run, or has no such quoter.
    """
    path = quoter.path
    module = ModuleType(Path(path).stem)
    module.__file__ = path
    try:
        exec(compile(quoter.source, path, "exec"), module.__dict__)
    # A file that ends the program (`sys.exit`) must not end polymm without a word.
    except (Exception, SystemExit) as error:
        raise QuoterError(f"{path}: cannot be run: {type(error).__name__}: {error}") from error
    function = vars(module).get(quoter.function)
    if function is None:
        raise QuoterError(f"{path}: expected a function {quoter.function}, found none")
    try:
        return compile_quoter(function)
    except QuoterError as error:
        raise QuoterError(f"{path}: {error}") from error
