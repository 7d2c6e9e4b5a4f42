"""What must not grow over windows: tasks, sockets, memory.

Looked at often: what passes, such as a merge on its way, is not what a window costs, so the fewest
tasks and sockets of a window count, and its last reading of memory.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OWN: Final = Path("/proc/self")


@dataclass(frozen=True, slots=True)
class Footprint:
    """What this process held at one moment; -1 where the system does not say.

    Args:
        start_s: Start of the window in which it was read, unix seconds.
        tasks: Of the running loop.
        sockets: Open ones.
        resident_bytes: Memory.
    """

    start_s: int
    tasks: int
    sockets: int
    resident_bytes: int


def footprint(start_s: int) -> Footprint:
    """Read what this process holds now."""
    return Footprint(start_s, len(asyncio.all_tasks()), _sockets(), _resident_bytes())


def least(before: Footprint, now: Footprint) -> Footprint:
    """What two readings of one window have in common."""
    return Footprint(
        now.start_s,
        min(before.tasks, now.tasks),
        min(before.sockets, now.sockets),
        now.resident_bytes,
    )


def _sockets() -> int:
    found = 0
    try:
        for name in os.listdir(_OWN / "fd"):
            try:
                found += os.readlink(_OWN / "fd" / name).startswith("socket:")
            except OSError:
                continue  # closed meanwhile: the listing's own
    except OSError:
        return -1
    return found


def _resident_bytes() -> int:
    try:
        pages = int((_OWN / "statm").read_text().split()[1])
    except OSError:
        return -1
    return pages * os.sysconf("SC_PAGE_SIZE")
