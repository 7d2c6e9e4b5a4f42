"""Hold all contenders to one answer before any of them is timed.

A contender that does less than the others would win; these checks are why it cannot.
"""

from collections.abc import Mapping, Sequence

from benches.peers.books import BookContender
from benches.peers.quotes import Answer
from benches.workload import Workload


class DisagreementError(AssertionError):
    """Two contenders gave different books or quotes for the same input."""


def check_books(workload: Workload, contenders: Mapping[str, BookContender]) -> None:
    """Feed everyone the same frames; compare best prices after each message, books at the end.

    Best prices are compared wherever both tokens have been told the same: after each
    price_change, and after the second book of a pair.

    Raises:
        DisagreementError: Names the two contenders and what differs.
    """
    for contender in contenders.values():
        for frame in workload.start:
            contender.feed(frame)
    for frame in workload.price_changes:
        _feed_and_compare(frame, contenders)
    _compare_sides(contenders)
    for i, frame in enumerate(workload.books):
        if i % 2:
            _feed_and_compare(frame, contenders)
        else:
            for contender in contenders.values():
                contender.feed(frame)
    _compare_sides(contenders)


def _feed_and_compare(frame: bytes, contenders: Mapping[str, BookContender]) -> None:
    for contender in contenders.values():
        contender.feed(frame)
    _compare({name: one.tops() for name, one in contenders.items()}, f"best after {frame[:90]!r}")


def _compare_sides(contenders: Mapping[str, BookContender]) -> None:
    _compare({name: one.sides() for name, one in contenders.items()}, "levels at the end")


def _compare(values: Mapping[str, object], what: str) -> None:
    (first, expected), *others = values.items()
    for name, value in others:
        if value != expected:
            raise DisagreementError(f"{what}: {first} has {expected}, {name} has {value}")


def check_quotes(answers: Mapping[str, Sequence[Answer]], *, tolerance: float = 1e-9) -> None:
    """Compare everyone's quotes and analysis, number by number.

    Raises:
        DisagreementError: Names the contender, the case and both answers.
    """
    (first, expected), *others = answers.items()
    for name, given in others:
        if len(given) != len(expected):
            raise DisagreementError(f"{name} quoted {len(given)} cases, {first} {len(expected)}")
        for i, (one, other) in enumerate(zip(expected, given, strict=True)):
            if any(abs(a - b) > tolerance for a, b in zip(one, other, strict=True)):
                raise DisagreementError(f"case {i}: {first} {one}, {name} {other}")
