"""A user's own quoter as the configuration names it: FILE.py:FUNCTION, one file with a function.

What is in the file is part of the name once a configuration was loaded (FILE.py:FUNCTION@DIGEST):
so it is part of the configuration's hash, a recorded run is repeated with the very same code, and a
worker elsewhere runs what was sent or refuses.
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

    Args:
        digest: First 12 hex digits of SHA-256 over the file.
    """

    path: str
    function: str
    digest: str

    def __index__(self) -> int:
        return index(_compiled(self))


def user_quoter(name: str) -> UserQuoter | int:
    """The quoter of a loaded configuration; 0, the base strategy, for "".

    Raises:
        QuoterError: The file cannot be read.
    """
    found = NAME.fullmatch(pinned(name)) if name else None
    return 0 if found is None else UserQuoter(found["path"], found["function"], found["digest"])


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
def _compiled(quoter: UserQuoter) -> Quoter:
    """Run the file and compile its function.

    Raises:
        QuoterError: The file cannot be read or run, is another one, or has no such quoter.
    """
    path = quoter.path
    source = _source(path)
    if _digest(source) != quoter.digest:
        raise QuoterError(
            f"{path}: expected the quoter {quoter.digest}, found {_digest(source)}: it was changed"
        )
    module = ModuleType(Path(path).stem)
    module.__file__ = path
    try:
        exec(compile(source, path, "exec"), module.__dict__)
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
