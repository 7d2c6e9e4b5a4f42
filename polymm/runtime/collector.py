"""The garbage collector of a run in real time: off the path, and at work where nothing is quoted.

A desk and all it holds refer to each other, so that only the collector frees what a window took.
"""

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any


@contextmanager
def frozen() -> Iterator[None]:
    """Keep the collector off: what stands now is never looked at again, the rest by `tidy`.

    What is garbage by now stays, too, which is little: a run begins with a cancel of all, and
    looking for it would take longer than asking for that.
    """
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
    trim = _trimmer()
    if trim is not None:
        trim(0)


@cache
def _trimmer() -> Callable[[int], Any] | None:
    """Find what hands memory back; only GNU's C library has it."""
    import ctypes

    return getattr(ctypes.CDLL(None), "malloc_trim", None)
