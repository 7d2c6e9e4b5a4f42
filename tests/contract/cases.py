"""What one case of the contract of REST is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from tests.contract.plain import Wish
from tests.contract.stage import Step


@dataclass(frozen=True, slots=True)
class Place:
    """POST /order; the order's id gets the name A."""

    wish: Wish = field(default_factory=Wish)


@dataclass(frozen=True, slots=True)
class PlaceMany:
    """POST /orders; the ids get the names A, B, C, ..."""

    wishes: tuple[Wish, ...]

    @property
    def names(self) -> str:
        return ascii_uppercase[: len(self.wishes)]


@dataclass(frozen=True, slots=True)
class Ask:
    """Any other request; holes in the body and the query are filled.

    Args:
        auth: "" for none, ``l1``, ``l2``.
        spoil: Headers in place of the right ones, None for one that is left out.
        late_s: How old it claims to be.
    """

    method: str
    path: str
    body: Any = None
    query: Mapping[str, Any] = field(default_factory=dict)
    auth: str = "l2"
    spoil: Mapping[str, str | None] = field(default_factory=dict)
    late_s: int = 0


@dataclass(frozen=True, slots=True)
class Reads:
    """How our client must understand the answer.

    Args:
        act: What it does: see `test_client_rest`.
        facts: Attributes of its result; of results by name where several are told.
        arguments: Of the call; holes are filled.
    """

    act: str
    facts: Any
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """When this was so and that was asked, then the answer looks like this and means that.

    Args:
        scene: In words.
        note: Where the protocol says so.
        before: What makes the exchange answer so; None where only the venue ever does.
        headers: Of the answer, patterns.
        reads: None where our client never asks.
    """

    scene: str
    note: str
    asks: Place | PlaceMany | Ask
    answer: Any
    status: int = 200
    before: tuple[Step, ...] | None = ()
    headers: Mapping[str, Any] = field(default_factory=dict)
    reads: Reads | None = None
