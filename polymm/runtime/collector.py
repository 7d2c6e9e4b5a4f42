"""The garbage collector of a run in real time: off the path, and at work where nothing is quoted.

A desk and all it holds refer to each other, so that only the collector frees what a window took.
"""

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager

# Only GNU's C library has it.
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)


@contextmanager
def frozen() -> Iterator[None]:
    """Keep the collector off: what stands now is never looked at again, the rest by `tidy`."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def tidy() -> None:
    """Free what became garbage since the last time; call it when nothing is quoted.

    Books are large and come and go with their windows; what C has freed of them is handed back to
    the system, or the process would look larger for hours and be no wiser.
    """
    gc.collect()
    if _trim is not None:
        _trim(0)
