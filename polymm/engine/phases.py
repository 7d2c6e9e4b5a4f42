"""Where an engine stands, and the names under which its gate is closed meanwhile."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Final

# Names under which the gate is closed here.
STARTING: Final = "starting"
RECONCILING: Final = "reconciling"
READS: Final = "reads_fail"
HEARTBEAT: Final = "heartbeat"
MISSED: Final = "heartbeat_missed"
PREFLIGHT: Final = "preflight_failed"
STOPPING: Final = "stopping"
HALTED: Final = "halted"
# What closes the gate until it is proven, beside the gate's own reasons.
UNPROVEN: Final[Mapping[str, str]] = MappingProxyType(
    {
        STARTING: "not everything is proven since the start",
        RECONCILING: "something may have been missed: everything is proven again",
        HEARTBEAT: "no beat was accepted yet, or none for 9 s",
        MISSED: "the venue may have cancelled everything: everything is proven again",
        READS: "open orders, trades, balances or the preflight cannot be read",
        PREFLIGHT: "version, contracts, clock or key are not as they must be",
    }
)
# Reasons after which everything is proven again: states of the venue, and a missed heartbeat.
SPELLS: Final = frozenset(
    {"restarting", "disabled", "cancel_only", "blocked", "unauthorized", MISSED}
)


class Phase(IntEnum):
    """Where an engine stands."""

    NEW = 0
    STARTING = 1  # nothing is proven yet
    READY = 2
    RECONCILING = 3  # something was missed: everything is proven again
    ENDING = 4  # everything is cancelled for good
    OVER = 5
