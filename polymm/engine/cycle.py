"""One trading cycle while it is under way: which sides are still to be placed, and why not."""

from typing import Final

from polymm._core.layout import ASK, BID

BOTH: Final = 1 << BID | 1 << ASK


class Cycle:
    """A cycle with `sides` still to be placed; `held` of them await the proof of the other."""

    __slots__ = ("held", "is_blocked", "placed", "sides", "withheld")

    def __init__(self) -> None:
        self.sides = BOTH
        self.held = self.placed = 0
        self.is_blocked = False
        self.withheld = ""

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
