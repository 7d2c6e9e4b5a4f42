"""The thread's side of a recorder: blocks of frames compressed, framed and put into files.

All calls but the attributes come from one thread. A disk that is full or broken loses frames, says
so in the file once it takes something again, and stops nobody.
"""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from polymm._core.blocks import Blocks
from polymm.research.recording_format import (
    SUFFIX,
    Gap,
    IndexRow,
    Kind,
    block_heads,
    make_gap,
    make_header,
    make_index,
)

if TYPE_CHECKING:
    import zstandard

    from polymm._core.blocks import Taken

# Blocks are small texts of few kinds: more than this costs time and saves a tenth.
LEVEL: Final = 1
SLOW: Final = "the writer did not keep up"
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_NS: Final = 1_000_000_000


class RecordingWriter:
    """Writes the files of one run.

    Args:
        folder: Of the run; there is nothing in it.
        blocks: What is to be written.
        keep_bytes: When the files hold more, the oldest go.
        reserve_bytes: Nothing is written that would leave less to others.

    Attributes:
        files, frames, raw_bytes, stored_bytes: Written.
        removed_files: Of those, gone again to keep within ``keep_bytes``.
        lost_frames: What a disk did not take, beside what `Blocks` counts.
        failure: Why nothing can be written, "" while it can.
    """

    def __init__(
        self, folder: Path, blocks: Blocks, *, keep_bytes: int, reserve_bytes: int
    ) -> None:
        self.files = self.frames = self.raw_bytes = self.stored_bytes = 0
        self.removed_files = 0
        self.lost_frames = 0
        self.failure = ""
        self._folder = folder
        self._blocks = blocks
        self._keep_bytes = keep_bytes
        self._reserve_bytes = reserve_bytes
        self._compressor: zstandard.ZstdCompressor | None = None
        self._fd = -1
        self._offset = 0
        self._rows: list[IndexRow] = []
        self._sizes: dict[Path, int] = {}
        self._path = folder
        self._pending: list[Gap] = []

    def work(self, *, is_due: bool) -> None:
        """Write all blocks that are full, and then, where it is due, one that is not."""
        while (taken := self._blocks.take(is_due=False)) is not None:
            self._put_away(taken)
        if is_due and (taken := self._blocks.take(is_due=True)) is not None:
            self._put_away(taken)

    def close(self) -> None:
        """Write what is left, the last gap and the index, and put the file on the disk."""
        self.work(is_due=True)
        self._note_loss(self._blocks.take_loss(), SLOW)
        # That frames are missing is told out of the reserve, too: it takes some hundred bytes.
        self._reserve_bytes = 0
        if self._pending and self._fd < 0:
            self._try(lambda: self._begin_file(self._pending[-1].last_ns))
        if self._pending and self._fd >= 0:
            self._try(self._write_gaps)
        self._end_file()

    def _pack(self, block: memoryview) -> bytes:
        if self._compressor is None:
            # Loaded by the thread: a start after kill -9 has other things to do first.
            import zstandard

            self._compressor = zstandard.ZstdCompressor(level=LEVEL)
        return self._compressor.compress(block)

    def _put_away(self, taken: "Taken") -> None:
        number, frames, view, first_ns, last_ns, begins_file, loss = taken
        self._note_loss(loss, SLOW)
        try:
            packed = self._pack(view)
            n_bytes = len(view)
        finally:
            view.release()
            self._blocks.give_back(number)

        def write() -> None:
            if begins_file and self._rows:
                self._end_file()
            if self._fd < 0:
                self._begin_file(first_ns)
            self._write_gaps()
            head, mark = block_heads(packed, first_ns, last_ns, frames, n_bytes)
            stored = len(mark) + len(packed)
            row = IndexRow(self._offset, first_ns, last_ns, frames, n_bytes, stored, Kind.BLOCK)
            self._append(row, head, mark, packed)
            self.frames += frames
            self.raw_bytes += n_bytes

        if not self._try(write):
            self.lost_frames += frames
            self._note_loss((frames, n_bytes, first_ns, last_ns), self.failure)

    def _try(self, write: Callable[[], None]) -> bool:
        """Do what may fail; what it wrote of a frame that failed is taken back."""
        try:
            write()
        except OSError as error:
            self.failure = error.strerror or str(error)
            if self._fd >= 0:
                self._take_back()
            return False
        self.failure = ""
        return True

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._fd, self._offset)
            os.lseek(self._fd, self._offset, os.SEEK_SET)
        except OSError:
            # A disk that does not even shorten a file: another one is begun when it answers.
            self._let_go()

    # Gaps

    def _note_loss(self, loss: tuple[int, int, int, int] | None, why: str) -> None:
        """Remember what is missing; told in the file in front of what comes next."""
        if loss is None:
            return
        frames, n_bytes, first_ns, last_ns = loss
        if self._pending and self._pending[-1].why == why:
            before = self._pending.pop()
            frames, n_bytes = frames + before.frames, n_bytes + before.n_bytes
            first_ns, last_ns = min(first_ns, before.first_ns), max(last_ns, before.last_ns)
        self._pending.append(Gap(first_ns, last_ns, frames, n_bytes, why))

    def _write_gaps(self) -> None:
        while self._pending:
            gap = self._pending[0]
            row = IndexRow(
                self._offset, gap.first_ns, gap.last_ns, gap.frames, gap.n_bytes, 0, Kind.GAP
            )
            self._append(row, make_gap(gap))
            self._pending.pop(0)

    # Files

    def _append(self, row: IndexRow, *parts: bytes) -> None:
        size = sum(map(len, parts))
        room = os.fstatvfs(self._fd)
        if room.f_bavail * room.f_frsize < self._reserve_bytes + size:
            left = f"less than {self._reserve_bytes >> 20} MiB would be left on the disk"
            raise OSError(errno.ENOSPC, left)
        written = os.writev(self._fd, parts)
        if written != size:
            _write_all(self._fd, memoryview(b"".join(parts))[written:])
        self._offset += size
        self.stored_bytes += size
        self._rows.append(row)

    def _begin_file(self, first_ns: int) -> None:
        path = self._folder / f"{self.files + 1:04d}-{first_ns // _NS}{SUFFIX}"
        fd = os.open(path, _FLAGS, 0o600)
        header = make_header()
        try:
            _write_all(fd, memoryview(header))
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        self._fd, self._path, self._rows = fd, path, []
        self._offset = len(header)
        self.files += 1
        self._make_room()

    def _end_file(self) -> None:
        """Close the file in order; where that fails its blocks say what the index would have."""
        if self._fd < 0:
            return
        index = make_index(self._rows, self._offset)
        try:
            _write_all(self._fd, memoryview(index))
            os.fsync(self._fd)
        except OSError as error:
            self.failure = error.strerror or str(error)
        self._let_go()

    def _let_go(self) -> None:
        fd, self._fd = self._fd, -1
        self._sizes[self._path] = self._offset
        os.close(fd)

    def _make_room(self) -> None:
        """Remove the oldest files of this run while all together are too large."""
        while self._sizes and sum(self._sizes.values()) > self._keep_bytes:
            oldest = next(iter(self._sizes))
            del self._sizes[oldest]
            oldest.unlink(missing_ok=True)
            self.removed_files += 1


def _write_all(fd: int, content: memoryview) -> None:
    left = content
    while left:
        left = left[os.write(fd, left) :]
