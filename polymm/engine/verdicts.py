"""What a venue's answers and words come down to, by names that the engine knows."""

from enum import IntEnum


class PlaceVerdict(IntEnum):
    """What became of a placement."""

    LIVE = 0  # accepted, rests
    MATCHED = 1  # accepted, filled at once in whole or in part
    DELAYED = 2  # accepted, waits out the taker delay
    REJECTED = 3  # a definite error of the listed set: never rested, never will
    NOT_SENT = 4  # no byte left us
    UNKNOWN = 5  # may rest, may fill

    @property
    def is_accepted(self) -> bool:
        """Whether the venue took the order."""
        return self <= PlaceVerdict.DELAYED


class CancelVerdict(IntEnum):
    """What became of a cancel."""

    CANCELED = 0  # it rests no longer; how much was filled before is not said
    NOT_CANCELED = 1  # terminal: unknown, cancelled or matched already; never send it again
    REFUSED = 2  # the venue did not act on it: the order is as it was
    NOT_SENT = 3  # no byte left us: the order is as it was
    UNKNOWN = 4  # may have been carried out


class Settlement(IntEnum):
    """How far a fill is settled, in rising rank; a lower rank never overwrites a higher one."""

    MATCHED = 0
    RETRYING = 1
    MINED = 2
    CONFIRMED = 3
    VOID = 4  # FAILED: it did not happen


class OrderNews(IntEnum):
    """What the user channel tells of an order."""

    PLACEMENT = 0
    UPDATE = 1
    CANCELLATION = 2


class ReadKind(IntEnum):
    """What was to be read."""

    OPEN = 0
    ORDER = 1
    TRADES = 2
    BALANCES = 3
    PREFLIGHT = 4
    KEYS = 5
