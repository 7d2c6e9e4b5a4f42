"""A thread that does one slow thing whenever it is asked for, and the loop that watches it.

All decisions are the loop's: it says when, it learns of the end, and it sees when the end does not
come. The thread only works.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Final

# From the first request to the thread's going about it: what comes meanwhile goes along.
DELAY_S: Final = 0.003
JOIN_S_MAX: Final = 2.0


class Syncer:
    """Has work done some milliseconds after it is asked for, never twice at a time.

    Args:
        work: Runs in the thread; raises OSError where it fails.
        on_done: Called on the loop after each piece of work that did not fail.
        on_failed: Called on the loop with the reason, also for work that takes too long.
        slow_ns: What too long is.

    Attributes:
        is_running: Work is under way.
        n_done: Pieces of work that did not fail.
        work_ns_max: The longest of them.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        work: Callable[[], None],
        on_done: Callable[[], None],
        on_failed: Callable[[str], None],
        *,
        slow_ns: int,
    ) -> None:
        self.is_running = False
        self.n_done = 0
        self.work_ns_max = 0
        self._loop = loop
        self._work = work
        self._on_done = on_done
        self._on_failed = on_failed
        self._slow_ns = slow_ns
        self._is_armed = False
        self._is_due = False
        self._is_watched = False
        self._began_ns = 0
        self._requests: SimpleQueue[bool] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def soon(self) -> None:
        """Ask for work."""
        if not self._is_armed:
            self._is_armed = True
            self._loop.call_later(DELAY_S, self._begin)

    def close(self) -> bool:
        """End the thread; False where it does not come back."""
        self._requests.put(False)
        self._thread.join(JOIN_S_MAX)
        return not self._thread.is_alive()

    def _begin(self) -> None:
        self._is_armed = False
        if self.is_running:
            self._is_due = True
            return
        self.is_running = True
        self._began_ns = time.monotonic_ns()
        self._requests.put(True)
        if not self._is_watched:
            self._is_watched = True
            self._loop.call_later(self._slow_ns / 1e9, self._watch)

    def _watch(self) -> None:
        """See whether the thread comes back in time."""
        self._is_watched = self.is_running
        if not self.is_running:
            return
        left_ns = self._began_ns + self._slow_ns - time.monotonic_ns()
        if left_ns <= 0:
            self._on_failed(f"the disk has not answered for {self._slow_ns // 1_000_000} ms")
            left_ns = self._slow_ns
        self._loop.call_later(left_ns / 1e9, self._watch)

    def _end(self, error: str) -> None:
        self.is_running = False
        if error:
            self._on_failed(error)
        else:
            self.n_done += 1
            self.work_ns_max = max(self.work_ns_max, time.monotonic_ns() - self._began_ns)
            self._on_done()
        if self._is_due:
            self._is_due = False
            self._begin()

    def _run(self) -> None:
        while self._requests.get():
            error = ""
            try:
                self._work()
            except OSError as fault:
                error = fault.strerror or str(fault)
            try:
                self._loop.call_soon_threadsafe(self._end, error)
            except RuntimeError:
                return  # the loop is closed: nobody is left to be told
