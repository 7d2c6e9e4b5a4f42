"""Reading what a run recorded: every frame it received, what its engine did, and what is missing.

A recording is a folder with one file a window, or one of those files. What a killed process left
behind, a damaged block or a full disk made missing is a `Gap`, in its place; the rest is read.
"""

import mmap
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import orjson
import zstandard

from polymm.domain.framing import FRAME_BYTES, FramingError, check_header, measure
from polymm.domain.market import Market
from polymm.errors import RecordingError
from polymm.research.market_record import market_of
from polymm.research.recording_format import (
    BLOCK_HEAD,
    END,
    INDEX_ROW,
    MAGIC,
    MARK,
    SUFFIX,
    TAIL_BYTES,
    VERSION,
    Channel,
    Gap,
    IndexRow,
    Kind,
    Recorded,
    frames_of,
    read_gap,
)

__all__ = ["Channel", "Gap", "Recorded", "RecordingFile", "RunRecording", "open_run"]

NS: Final = 1_000_000_000
# A block that says that it holds more was not written by us.
BLOCK_BYTES_MAX: Final = 16 << 20
_NAME: Final = re.compile(rf"(\d{{4,9}})-(\d+){re.escape(SUFFIX)}\Z")
_BLOCK_START: Final = re.compile(re.escape(bytes([Kind.BLOCK]) + MARK))

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class RecordingFile:
    """One file, and what its index or its blocks' own heads say.

    Args:
        number: From 1, within its run.
        blocks: BLOCK rows in file order.
        gaps: Of the file, in order, with those that were found on reading it.
        is_closed: Whether it was closed in order; else its end was cut off or is still written.
        n_bytes: Of the file.
    """

    path: Path
    number: int
    blocks: tuple[IndexRow, ...]
    gaps: tuple[Gap, ...]
    is_closed: bool
    n_bytes: int

    @property
    def frames(self) -> int:
        """Frames in it."""
        return sum(row.frames for row in self.blocks)

    def read(
        self, span: Span | None = None, lose: Callable[[Gap], None] | None = None
    ) -> Iterator[Recorded]:
        """Read its frames.

        Args:
            span: First and last receive time of interest: blocks beside it are left out.
            lose: Told of each block that cannot be read.

        Raises:
            RecordingError: The file cannot be read, or a block and nobody takes the loss.
        """
        unpack = zstandard.ZstdDecompressor()
        try:
            with self.path.open("rb") as file:
                for row in self.blocks:
                    if span and (row.last_ns < span[0] or row.first_ns > span[1]):
                        continue
                    file.seek(row.offset)
                    stored = file.read(FRAME_BYTES + row.stored)
                    try:
                        frames = list(frames_of(_unpack(stored, row, unpack)))
                    except RecordingError as error:
                        if lose is None:
                            raise RecordingError(f"{self.path}: {error}") from error
                        lose(_gap_of(row, str(error)))
                        continue
                    yield from frames
        except OSError as error:
            raise RecordingError(f"{self.path}: cannot be read: {error.strerror}") from error


def _unpack(stored: bytes, row: IndexRow, unpack: zstandard.ZstdDecompressor) -> bytes:
    end, why = measure(stored, 0)
    if why or end != len(stored):
        raise RecordingError(f"block at {row.offset}: {why or 'its size differs'}")
    packed = stored[FRAME_BYTES + BLOCK_HEAD.size :]
    try:
        block = unpack.decompress(packed, max_output_size=row.n_bytes)
    except zstandard.ZstdError as error:
        raise RecordingError(f"block at {row.offset}: {error}") from error
    if len(block) != row.n_bytes:
        raise RecordingError(
            f"block at {row.offset}: expected {row.n_bytes} bytes, found {len(block)}"
        )
    return block


def _gap_of(row: IndexRow, why: str) -> Gap:
    return Gap(row.first_ns, row.last_ns, row.frames, row.n_bytes, why)


class RunRecording:
    """What one run recorded, all files of it together.

    Args:
        path: Folder or file that was opened.
        files: In order.

    Attributes:
        gaps: All that is missing, in order of the files: lost when it was recorded, torn, damaged,
            or a whole file that is not there.
    """

    def __init__(self, path: Path, files: list[RecordingFile]) -> None:
        self.path = path
        self.files = files
        self.gaps: list[Gap] = []
        self._seen: set[Gap] = set()
        before = 0 if path.is_dir() else files[0].number - 1
        last_ns = 0
        for file in files:
            if file.number > before + 1:
                why = f"{file.number - before - 1} files before {file.path.name} are not there"
                next_ns = file.blocks[0].first_ns if file.blocks else 0
                self._lose(Gap(min(last_ns, next_ns), next_ns, -1, -1, why))
            before = file.number
            last_ns = file.blocks[-1].last_ns if file.blocks else last_ns
            for gap in file.gaps:
                self._lose(gap)

    def _lose(self, gap: Gap) -> None:
        if gap not in self._seen:
            self._seen.add(gap)
            self.gaps.append(gap)

    @property
    def is_closed(self) -> bool:
        """Whether its last file was closed in order."""
        return self.files[-1].is_closed

    @property
    def is_whole(self) -> bool:
        """Whether it was closed and tells of the run's end: no later file of it is missing."""
        if not self.is_closed:
            return False
        last = self.files[-1].read(None, self._lose)
        return any(
            frame.channel == Channel.NOTE and self._note(frame)["note"] == "end" for frame in last
        )

    @property
    def span(self) -> Span:
        """First and last receive time, ns; (0, 0) where it holds nothing."""
        rows = [row for file in self.files for row in file.blocks]
        if not rows:
            return 0, 0
        return min(row.first_ns for row in rows), max(row.last_ns for row in rows)

    def frames(self, *channels: Channel, span: Span | None = None) -> Iterator[Recorded]:
        """Read frames in the order in which they were taken.

        A block that turns out to be damaged is added to ``gaps`` and passed over.

        Args:
            channels: Which; none for all.
            span: First and last receive time, ns, both included.

        Raises:
            RecordingError: A file cannot be read any more.
        """
        wanted = frozenset(map(int, channels))
        for file in self.files:
            for frame in file.read(span, self._lose):
                if wanted and frame.channel not in wanted:
                    continue
                if span is None or span[0] <= frame.recv_ns <= span[1]:
                    yield frame

    def notes(self) -> Iterator[dict[str, Any]]:
        """Read what the run noted of itself, with ``ns``, when it did.

        Raises:
            RecordingError: A note is no JSON object that says what it is.
        """
        for frame in self.frames(Channel.NOTE):
            yield {**self._note(frame), "ns": frame.recv_ns}

    def _note(self, frame: Recorded) -> dict[str, Any]:
        try:
            note = orjson.loads(frame.payload)
        except orjson.JSONDecodeError:
            note = None
        if not isinstance(note, dict) or "note" not in note:
            raise RecordingError(f"{self.path}: expected a note, found {frame.payload[:60]!r}")
        return note

    def run(self) -> dict[str, Any]:
        """What the run said of itself at its beginning; {} where that is missing."""
        return next((note for note in self.notes() if note["note"] == "run"), {})

    def markets(self) -> dict[str, Market]:
        """All markets that it took in, by condition id.

        Raises:
            RecordingError: The facts of one are not whole.
        """
        found: dict[str, Market] = {}
        for note in self.notes():
            if note["note"] == "market":
                market = market_of(note["market"], str(self.path))
                found.setdefault(market.condition_id, market)
        return found


def open_run(path: str | Path) -> RunRecording:
    """Open a recording.

    Args:
        path: A folder with the files of one run, or one of its files.

    Raises:
        RecordingError: There is none, a file is another's, or the folder holds several runs.
    """
    root = Path(path)
    paths = sorted(root.glob(f"*{SUFFIX}")) if root.is_dir() else [root]
    if not paths:
        raise RecordingError(f"{root}: expected files *{SUFFIX} of a recorded run, found none")
    files = sorted((open_file(one) for one in paths), key=lambda file: file.number)
    for one, other in pairwise(files):
        if one.number == other.number:
            raise RecordingError(
                f"{root}: expected the files of one run, found two of number {one.number}:"
                f" {one.path.name}, {other.path.name}"
            )
    return RunRecording(root, files)


def open_file(path: Path) -> RecordingFile:
    """Open one file: by its index, or where that is missing by the heads of its blocks.

    Raises:
        RecordingError: Missing, unreadable, or not a recording.
    """
    match = _NAME.search(path.name)
    number = int(match[1]) if match else 1
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if not size:
                return RecordingFile(path, number, (), (), False, 0)
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                view = memoryview(data)
                try:
                    return _open(path, number, data, view)
                finally:
                    view.release()
    except FramingError as error:
        raise RecordingError(f"{path}: {error}") from error
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error


def _open(path: Path, number: int, data: mmap.mmap, view: memoryview) -> RecordingFile:
    begin = check_header(data[:16], MAGIC, VERSION, "recording")
    size = len(data)
    if not begin:
        return RecordingFile(path, number, (), (Gap(0, 0, -1, -1, "header torn"),), False, size)
    rows = _indexed(view)
    gaps: list[Gap] = []
    if rows is None:
        rows = _scanned(data, view, begin, gaps)
        is_closed = False
    else:
        is_closed = True
        for row in rows:
            if row.kind == Kind.GAP:
                gaps.append(_read_gap(view, row))
    blocks = tuple(row for row in rows if row.kind == Kind.BLOCK)
    return RecordingFile(path, number, blocks, tuple(gaps), is_closed, size)


def _read_gap(view: memoryview, row: IndexRow) -> Gap:
    end, why = measure(view, row.offset)
    if why:
        return _gap_of(row, why)
    return read_gap(bytes(view[row.offset + FRAME_BYTES : end]))


def _indexed(view: memoryview) -> list[IndexRow] | None:
    """Rows of the index at the file's end; None where there is none that is whole."""
    tail = len(view) - TAIL_BYTES
    if tail < 0 or measure(view, tail) != (len(view), "") or view[tail + 8] != Kind.END:
        return None
    offset = END.unpack_from(view, tail + FRAME_BYTES)[0]
    if offset >= tail or measure(view, offset) != (tail, "") or view[offset + 8] != Kind.INDEX:
        return None
    return [IndexRow(*row) for row in INDEX_ROW.iter_unpack(view[offset + FRAME_BYTES : tail])]


def _scanned(data: mmap.mmap, view: memoryview, begin: int, gaps: list[Gap]) -> list[IndexRow]:
    """Find blocks and gaps frame by frame; what is damaged is passed over and told."""
    rows: list[IndexRow] = []
    offset, size, last_ns = begin, len(view), 0
    while offset < size:
        end, why = measure(view, offset)
        kind = 0 if why else view[offset + 8]
        if why:
            end = _next_block(data, view, offset + 1)
            text = f"{end - offset} bytes at {offset}: {why}"
            if end == size:
                text = f"the last {text}"
            gaps.append(Gap(last_ns, last_ns, -1, -1, text))
        elif kind == Kind.BLOCK:
            row = _block_row(view, offset, end)
            rows.append(row)
            last_ns = max(last_ns, row.last_ns)
        elif kind == Kind.GAP:
            gap = read_gap(bytes(view[offset + FRAME_BYTES : end]))
            gaps.append(gap)
        offset = end
    return rows


def _block_row(view: memoryview, offset: int, end: int) -> IndexRow:
    start = offset + FRAME_BYTES
    _, first_ns, last_ns, frames, n_bytes = BLOCK_HEAD.unpack_from(view, start)
    if n_bytes > BLOCK_BYTES_MAX:
        raise RecordingError(f"a block must hold at most {BLOCK_BYTES_MAX} bytes, was {n_bytes}")
    return IndexRow(offset, first_ns, last_ns, frames, n_bytes, end - start, Kind.BLOCK)


def _next_block(data: mmap.mmap, view: memoryview, begin: int) -> int:
    """Where the next whole block begins, the file's end where there is none."""
    for match in _BLOCK_START.finditer(data, begin + 8):
        offset = match.start() - 8
        if not measure(view, offset)[1]:
            return offset
    return len(view)
