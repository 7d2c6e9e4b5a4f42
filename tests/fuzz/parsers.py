"""All parsers that are fuzzed, by name; each is imported when it is asked for."""

from collections.abc import Callable
from functools import cache
from typing import Final

from tests.fuzz.running import Sessions, TargetSessions


def _market() -> Sessions:
    from tests.fuzz.targets.market import MarketSessions

    return MarketSessions()


def _user() -> Sessions:
    from tests.fuzz.targets.user import UserTarget

    return TargetSessions("user", UserTarget())


def _reference() -> Sessions:
    from tests.fuzz.targets.reference import ReferenceTarget

    return TargetSessions("reference", ReferenceTarget())


def _rest() -> Sessions:
    from tests.fuzz.targets.rest import RestTarget

    return TargetSessions("rest", RestTarget())


def _journal() -> Sessions:
    from tests.fuzz.targets.journal import JournalTarget

    return TargetSessions("journal", JournalTarget())


def _config() -> Sessions:
    from tests.fuzz.targets.config import ConfigTarget

    return TargetSessions("config", ConfigTarget())


_MAKERS: Final[dict[str, Callable[[], Sessions]]] = {
    "market": _market,
    "user": _user,
    "reference": _reference,
    "rest": _rest,
    "journal": _journal,
    "config": _config,
}
PARSERS: Final = tuple(_MAKERS)


@cache
def sessions_of(name: str) -> Sessions:
    """Give a parser's sessions, once a process: what it keeps must stay bounded."""
    return _MAKERS[name]()
