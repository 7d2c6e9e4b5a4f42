"""The states of an order (FAILURES, "Order state machine")."""

from enum import IntEnum


class Life(IntEnum):
    """Where an order stands in the engine's belief. All but the last three may still fill."""

    PLANNED = 0  # no byte has left
    NEW_INFLIGHT = 1  # handed over, no sign of life yet
    UNKNOWN_NEW = 2  # may rest: its answer says nothing or never came
    LIVE = 3  # rests
    CANCEL_INFLIGHT = 4  # its cancel is wanted or on its way; it still fills
    UNKNOWN_CANCEL = 5  # rested once, and may or may not now
    CLOSING = 6  # rests no longer, but how much was filled is not all known
    QUARANTINED = 7  # cannot be resolved: counts as live until it is
    FILLED = 8
    CANCELLED = 9
    REJECTED = 10  # never rested, never will

    @property
    def is_final(self) -> bool:
        """Whether it is proven that nothing can be filled any more."""
        return self >= Life.FILLED
