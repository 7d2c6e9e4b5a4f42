"""Where an engine stands, and the names under which its gate is closed meanwhile."""

from enum import IntEnum
from typing import Final

# Names under which the gate is closed here.
STARTING: Final = "starting"
RECONCILING: Final = "reconciling"
READS: Final = "reads_fail"
PREFLIGHT: Final = "preflight_failed"
STOPPING: Final = "stopping"
HALTED: Final = "halted"
KILLED: Final = "killed"
# States of the venue after which everything is read anew.
SPELLS: Final = frozenset({"restarting", "disabled", "cancel_only", "blocked", "unauthorized"})


class Phase(IntEnum):
    """Where an engine stands."""

    NEW = 0
    STARTING = 1  # nothing is proven yet
    READY = 2
    RECONCILING = 3  # something was missed: everything is proven again
    ENDING = 4  # everything is cancelled for good
    OVER = 5
