"""One trading cycle while it is under way: which sides are still to be placed, and why not."""

from dataclasses import dataclass
from typing import Final

from polymm._core.layout import ASK, BID

BOTH: Final = 1 << BID | 1 << ASK


@dataclass(slots=True)
class Cycle:
    """A cycle with `sides` still to be placed; `held` of them await the proof of the other."""

    sides: int = BOTH
    held: int = 0
    placed: int = 0
    is_blocked: bool = False
    withheld: str = ""

    @property
    def hindrances(self) -> tuple[str, ...]:
        """What stands between the wanted orders and the book."""
        awaited = ("awaiting_proof",) if self.sides else ()
        blocked = ("cancel_unproven",) if self.is_blocked else ()
        return awaited + blocked + ((self.withheld,) if self.withheld else ())

    @property
    def outcome(self) -> str:
        if self.placed:
            return "placed"
        if self.is_blocked:
            return "cancel_unproven"
        return "withheld" if self.withheld else "kept"
