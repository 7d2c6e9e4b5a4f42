"""A disk in memory: what a crash leaves of it, and what happens when it is full."""

import random
from dataclasses import dataclass, field

from polymm.engine.looks import LookLog
from polymm.errors import JournalError
from polymm.runtime.journal import SEGMENT_BYTES_MAX, Journal
from polymm.runtime.journal_reading import recover


@dataclass(slots=True)
class Segment:
    """Bytes of one file.

    Attributes:
        synced: So many of them would survive a power cut.
    """

    content: bytearray = field(default_factory=bytearray)
    synced: int = 0


class MemoryDisk:
    """The `Disk` of a journal in a simulation.

    Attributes:
        journal: Told that a new segment is safe, as soon as it is begun.
        segments: The newest last; earlier ones go when the next is safe, but for `kept`.
        failure: Why no write succeeds, "" while all do.
        torn: So many bytes of the next write still arrive when it fails.
        wants_retry: The journal failed, and is to be healed by whoever runs the world.
        is_sync: Each plan is synced before the write returns (``journal_sync = disk``).
    """

    def __init__(self, *, is_sync: bool = False, kept: int = 1) -> None:
        self.journal: Journal | None = None
        self.segments: list[Segment] = []
        self.failure = ""
        self.torn = 0
        self.wants_retry = False
        self.is_sync = is_sync
        self._kept = kept

    def begin(self, head: bytes) -> None:
        """Begin a segment."""
        if self.failure:
            raise JournalError(self.failure)
        self.segments.append(Segment(bytearray(head), len(head)))
        del self.segments[: -self._kept]
        if self.journal is not None:
            self.journal.confirm()

    def write(self, frames: bytes, *, is_plan: bool) -> None:
        """Append, or fail with a part of it written."""
        if not self.segments:
            raise JournalError("the journal cannot be written: no segment is open")
        content = self.segments[-1].content
        if self.failure:
            content += frames[: self.torn]
            self.torn = 0
            raise JournalError(self.failure)
        content += frames
        if is_plan and self.is_sync:
            self.sync()

    def retry(self) -> None:
        """Note that the journal wants to be healed: whoever runs the world does that."""
        self.wants_retry = True

    def close(self) -> None:
        """Put everything on the disk."""
        self.sync()

    def sync(self) -> None:
        """Do what the thread does some milliseconds after a write."""
        for segment in self.segments:
            segment.synced = len(segment.content)

    def end_process(self) -> list[bytes]:
        """What is left after kill -9, newest first: everything that was written."""
        return [bytes(segment.content) for segment in reversed(self.segments)]

    def cut_power(self, draw: random.Random) -> list[bytes]:
        """What is left after a power cut, newest first: what was synced, and some of the rest."""
        left = []
        for segment in reversed(self.segments):
            size = draw.randint(segment.synced, len(segment.content))
            left.append(bytes(segment.content[:size]))
        return left


def memory_journal(
    disk: MemoryDisk,
    newest_first: list[bytes] | None = None,
    *,
    looks: LookLog | None = None,
    segment_bytes_max: int = SEGMENT_BYTES_MAX,
) -> Journal:
    """Go on with what a crash left, as `polymm.runtime.journal_files.open_journal` does."""
    read = recover(newest_first or [])
    journal = Journal(
        disk, read.state, cuts=read.cuts, looks=looks, segment_bytes_max=segment_bytes_max
    )
    disk.journal = journal
    return journal
