"""What the parts behind the risk gate conclude, for the gate to carry out."""

from dataclasses import dataclass, field
from typing import NamedTuple

from polymm.engine.actions import Action, Alarm
from polymm.engine.events import NEVER_NS


class Closing(NamedTuple):
    """Something to be closed: one market, or "" all of them."""

    reason: str
    until_ns: int = NEVER_NS
    market: str = ""


@dataclass(slots=True)
class Findings:
    """Collected until the gate takes them.

    Attributes:
        memos: What the journal is to keep.
    """

    closings: list[Closing] = field(default_factory=list)
    reopenings: list[str] = field(default_factory=list)
    restrictions: list[str] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    memos: list[Action] = field(default_factory=list)

    def __bool__(self) -> bool:
        found = self.closings or self.reopenings or self.restrictions
        return bool(found or self.alarms or self.memos)

    def clear(self) -> None:
        """Forget what was carried out."""
        self.closings.clear()
        self.reopenings.clear()
        self.restrictions.clear()
        self.alarms.clear()
        self.memos.clear()
