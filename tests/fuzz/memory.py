"""What a process has allocated; resident memory is that and what allocators keep for later."""

import ctypes
import gc
import sys
from pathlib import Path
from typing import Final, NamedTuple

_FIELDS: Final = [
    "arena",
    "ordblks",
    "smblks",
    "hblks",
    "hblkhd",
    "usmblks",
    "fsmblks",
    "uordblks",
    "fordblks",
    "keepcost",
]


class _Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _FIELDS]


_mallinfo2 = ctypes.CDLL(None).mallinfo2
_mallinfo2.restype = _Mallinfo2


class Allocated(NamedTuple):
    """What is in use: of the C library, in KiB, and Python's small blocks, by number."""

    kib: int
    blocks: int


NOTHING: Final = Allocated(0, 0)


def allocated() -> Allocated:
    """Count what is in use after a collection."""
    gc.collect()
    found = _mallinfo2()
    return Allocated((found.uordblks + found.hblkhd) // 1024, sys.getallocatedblocks())


def resident_kib() -> int:
    """Memory of this process in KiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise OSError("/proc/self/status gives no VmRSS")
