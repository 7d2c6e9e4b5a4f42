"""What must not grow over windows: tasks, sockets, memory.

Looked at often: what passes, such as a merge on its way or a record that is being written, is not
what a window costs, so the least of a window's readings count.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

WINDOWS_MAX: Final = 10_000
SYSTEM_NS: Final = 1_000_000_000
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


class Footprints:
    """Reads what this process holds, window by window.

    Attributes:
        found: One a window, the oldest first; of `WINDOWS_MAX` windows.
    """

    def __init__(self) -> None:
        self.found: list[Footprint] = []
        self._system_ns = 0

    def look(self, start_s: int, now_ns: int) -> None:
        """Look now, in the window that began at ``start_s``."""
        last = self.found[-1] if self.found else None
        tasks = len(asyncio.all_tasks())
        if last is None or last.start_s != start_s:
            if len(self.found) < WINDOWS_MAX:
                self.found.append(Footprint(start_s, tasks, _sockets(), _resident_bytes()))
            return
        # The system is asked less often: its answer takes a while.
        sockets, resident_bytes = last.sockets, last.resident_bytes
        if now_ns >= self._system_ns:
            self._system_ns = now_ns + SYSTEM_NS
            sockets = min(sockets, _sockets())
            resident_bytes = min(resident_bytes, _resident_bytes())
        self.found[-1] = Footprint(start_s, min(last.tasks, tasks), sockets, resident_bytes)


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
