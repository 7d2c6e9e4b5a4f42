"""What befalls the process itself, as its engine is told of it."""

from typing import NamedTuple, final


@final
class Started(NamedTuple):
    """The engine begins: what `Engine.start` is noted as; nobody is stepped with it."""


@final
class Timer(NamedTuple):
    """The moment of `Engine.next_timer_ns` has come."""


@final
class ClockJumped(NamedTuple):
    """The clock of the day moved by so much against the monotonic one."""

    delta_ns: int


@final
class Stalled(NamedTuple):
    """The loop did not turn for so long."""

    stall_ns: int


@final
class JournalFailed(NamedTuple):
    """Nothing can be written down any more: no journal, no orders."""

    reason: str


@final
class JournalHealed(NamedTuple):
    """The journal takes records again."""


@final
class Kill(NamedTuple):
    """The kill switch: file, signal or verb."""

    reason: str


@final
class Stop(NamedTuple):
    """End in order: pull, prove, go."""

    reason: str
