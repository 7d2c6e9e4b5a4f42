"""What a parser is to the fuzzer."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from tests.fuzz.inputs import Sample


class Undocumented(AssertionError):
    """A parser gave something that its documents do not name."""


class Target(Protocol):
    """A parser with its samples.

    Attributes:
        samples: What it is meant for.
        growing_max: Most that it may keep from input to input.
        spoil: Spoils a text in a way of the format's own; None for JSON, which needs none.
    """

    samples: Sequence[Sample]
    growing_max: int
    spoil: Callable[[bytes, Random], bytes] | None

    def read(self, label: str, text: bytes) -> str:
        """Read one input; the name of what it came to.

        Raises:
            Exception: Whatever leaves here is a finding.
        """
        ...

    def growing(self) -> int:
        """Count what it keeps."""
        ...


def must(is_so: bool, what: str) -> None:
    """Insist on what a result's document says.

    Raises:
        Undocumented: It is not so.
    """
    if not is_so:
        raise Undocumented(what)
