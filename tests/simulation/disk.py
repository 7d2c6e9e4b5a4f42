"""The disk under the journal: bytes that are written, bytes that are safe, and the difference.

What was written survives the end of the process. What was written in the last milliseconds, or
while the disk does not sync, does not survive a loss of power but for a random part of it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from hashlib import blake2b
from operator import itemgetter
from random import Random
from typing import TYPE_CHECKING

from polymm.errors import JournalError
from polymm.runtime.journal import Journal
from tests.simulation.faults import MS

if TYPE_CHECKING:
    from tests.simulation.life import Life

SYNC_NS = 5 * MS
RETRY_NS = 1_000 * MS
SEGMENTS_KEPT = 3


class Segment:
    """One file.

    Attributes:
        content: All that was written.
        safe: Bytes of it that a loss of power leaves, as far as that was looked at.
    """

    __slots__ = ("_marks", "content", "safe")

    def __init__(self) -> None:
        self.content = bytearray()
        self.safe = 0
        self._marks: list[tuple[int, int]] = []

    def append(self, now_ns: int, frames: bytes) -> None:
        """Write."""
        self.content += frames
        marks = self._marks
        if marks and marks[-1][0] == now_ns:
            marks[-1] = (now_ns, len(self.content))
        else:
            marks.append((now_ns, len(self.content)))

    def settle(self, until_ns: int) -> None:
        """Let what was written until then be safe."""
        marks = self._marks
        n_safe = bisect_right(marks, until_ns, key=itemgetter(0))
        if n_safe:
            self.safe = max(self.safe, marks[n_safe - 1][1])
            del marks[:n_safe]

    def cut(self, size: int) -> None:
        """Keep the beginning only; all of that is safe."""
        del self.content[size:]
        self.safe = size
        self._marks.clear()


class Disk:
    """What outlives the engine's processes.

    Args:
        rng: What a loss of power leaves.

    Attributes:
        segments: Oldest first.
        stuck_from_ns: When it last began to sync nothing.
        boots: How often the host has begun.
        full_until_ns, stuck_until_ns: It takes nothing, or syncs nothing, before.
        fills_until_ns: It takes no plan before: the first that is refused finds it full.
    """

    def __init__(self, rng: Random) -> None:
        self.segments: list[Segment] = []
        self.boots = 1
        self.full_until_ns = self.fills_until_ns = 0
        self.stuck_from_ns = self.stuck_until_ns = 0
        self._digest = blake2b(digest_size=16)
        self._rng = rng

    def newest_first(self) -> Iterator[bytes]:
        """What the segments hold."""
        return (bytes(segment.content) for segment in reversed(self.segments))

    def tail(self, n_bytes: int) -> bytes:
        """The last bytes of the newest segment."""
        return bytes(self.segments[-1].content[-n_bytes:])

    def begin(self, now_ns: int, head: bytes) -> None:
        """Begin a segment."""
        self.segments.append(Segment())
        self.segments[-1].append(now_ns, head)

    def drop_old(self) -> None:
        """Let go of what a safe segment replaces."""
        for segment in self.segments[:-SEGMENTS_KEPT]:
            self._digest.update(segment.content)
        del self.segments[:-SEGMENTS_KEPT]

    def digest(self) -> str:
        """Tell runs apart: by every byte that was written and kept."""
        digest = self._digest.copy()
        for segment in self.segments:
            digest.update(segment.content)
        return digest.hexdigest()

    def heal(self) -> None:
        """Be sound again."""
        self.full_until_ns = self.fills_until_ns = self.stuck_until_ns = 0

    def stick(self, now_ns: int, until_ns: int) -> None:
        """Sync nothing for a while."""
        for segment in self.segments:
            segment.settle(now_ns - SYNC_NS)
        self.stuck_from_ns, self.stuck_until_ns = now_ns, until_ns

    @property
    def boot(self) -> str:
        """What tells this beginning of the host from others."""
        return f"boot {self.boots}"

    def lose_power(self, now_ns: int) -> None:
        """Keep what is safe and a random part of the rest."""
        self.boots += 1
        is_stuck = now_ns < self.stuck_until_ns
        safe_ns = (self.stuck_from_ns if is_stuck else now_ns) - SYNC_NS
        for segment in self.segments:
            segment.settle(safe_ns)
            segment.cut(self._rng.randint(segment.safe, len(segment.content)))


class DiskPort:
    """One process's way to the disk; it is the `Disk` of its journal.

    Args:
        clock_ns: Of the process.
    """

    def __init__(self, disk: Disk, life: "Life", clock_ns: Callable[[], int], rng: Random) -> None:
        self.journal: Journal | None = None
        self._disk = disk
        self._life = life
        self._clock_ns = clock_ns
        self._rng = rng
        self._is_running = False
        self._is_retrying = False
        self._fails_at_ns = 0

    def run(self) -> None:
        """From now on syncs take time, as in a process whose loop turns."""
        self._is_running = True

    def begin(self, head: bytes) -> None:
        """Begin a segment."""
        now_ns = self._clock_ns()
        if now_ns < self._disk.full_until_ns:
            raise JournalError("the journal cannot be begun: no space left on device")
        self._disk.begin(now_ns, head)
        if self._is_running:
            self._life.at(now_ns + SYNC_NS, lambda ns: self._confirm(ns, len(head)))
            return
        if now_ns < self._disk.stuck_until_ns:
            raise JournalError("the journal cannot be begun: input/output error")
        self._confirm(now_ns, len(head))

    def _confirm(self, now_ns: int, size: int) -> None:
        disk, journal = self._disk, self.journal
        if now_ns < disk.stuck_until_ns:
            self._fail(now_ns)
            return
        newest = disk.segments[-1]
        newest.safe = max(newest.safe, size)
        disk.drop_old()
        if journal is not None:
            journal.confirm()

    def write(self, frames: bytes, *, is_plan: bool) -> None:
        """Append; a full disk takes a part and refuses the rest."""
        disk, now_ns = self._disk, self._clock_ns()
        segment = disk.segments[-1]
        if is_plan and now_ns < disk.fills_until_ns:
            disk.full_until_ns = disk.fills_until_ns
        if now_ns < disk.full_until_ns:
            torn = frames[: self._rng.randint(0, len(frames) - 1)]
            segment.append(now_ns, torn)
            raise JournalError("the journal cannot be written: no space left on device")
        segment.append(now_ns, frames)
        if now_ns < disk.stuck_until_ns and now_ns >= self._fails_at_ns:
            self._fails_at_ns = now_ns + SYNC_NS
            self._life.at(self._fails_at_ns, self._fail)

    def _fail(self, now_ns: int) -> None:
        if self.journal is not None:
            self.journal.fail("the journal cannot be synced: input/output error")

    def retry(self) -> None:
        """Have the journal try again in a second."""
        if not self._is_retrying:
            self._is_retrying = True
            self._life.at(self._clock_ns() + RETRY_NS, self._retry_now)

    def _retry_now(self, now_ns: int) -> None:
        self._is_retrying = False
        if self.journal is not None:
            self.journal.heal()

    def close(self) -> None:
        """Let go."""
