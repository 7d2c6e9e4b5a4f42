"""Stands between a driver and its engine, to see or to spoil what the engine is asked.

A compiled engine has no methods to put others in place of.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from polymm.engine.actions import Action
from polymm.engine.driver import GateView, Stepped
from polymm.engine.evidence import Event


@dataclass(frozen=True, slots=True)
class Stepping:
    """An engine whose steps go through a function.

    Args:
        engine: What does all else.
        step: In place of its own.
    """

    engine: Stepped
    step: Callable[[int, Event], Sequence[Action]]

    @property
    def gate(self) -> GateView:
        """Of the engine."""
        return self.engine.gate

    @property
    def next_timer_ns(self) -> int:
        """Of the engine."""
        return self.engine.next_timer_ns

    def start(self, now_ns: int) -> Sequence[Action]:
        """Begin."""
        return self.engine.start(now_ns)

    def rest(self) -> None:
        """End a step."""
        self.engine.rest()
