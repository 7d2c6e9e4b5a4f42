"""What one case of the contract of a socket is made of: a talk, and what our client makes of it."""

from dataclasses import dataclass
from typing import Any

from tests.contract.stage import Step


@dataclass(frozen=True, slots=True)
class Sends:
    """The client says something: text as it is, anything else as JSON."""

    message: Any


@dataclass(frozen=True, slots=True)
class Does:
    """Something happens on the exchange."""

    step: Step


@dataclass(frozen=True, slots=True)
class Hears:
    """The venue says one thing, and this is next; text as it is."""

    pattern: Any


@dataclass(frozen=True, slots=True)
class HearsAll:
    """The venue says all of these in no promised order, perhaps with others in between."""

    patterns: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Quiet:
    """The venue says nothing but the answer to a PING."""


@dataclass(frozen=True, slots=True)
class Ends:
    """The venue closes the socket; a reason of None is not documented."""

    code: int
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Means:
    """What our client believes now: facts of its market, or of the newest events of a user."""

    facts: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A socket from its opening on.

    Args:
        scene: In words.
        note: Where the protocol says so.
        before: What was there before it.
        script: In this order.
    """

    scene: str
    note: str
    script: tuple[Any, ...]
    before: tuple[Step, ...] = ()

    @property
    def is_read(self) -> bool:
        """Whether our client has to make something of it."""
        return any(isinstance(one, Means) for one in self.script)
