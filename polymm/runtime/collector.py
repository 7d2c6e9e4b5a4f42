"""The garbage collector of a run in real time: off the path, and at work where nothing is quoted.

A desk and all it holds refer to each other, so that only the collector frees what a window took.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
    """Free what became garbage since the last time; call it when nothing is quoted."""
    gc.collect()
