"""Recordings opened as tapes: one market each, in venue order.

The layouts are those of the recorded-data folder (its README describes them), and that of our own
runs. Nothing is dropped
in silence: what is wrong in a source is counted on the tape, and what cannot be used is an error
of one line that says what was expected and what was found.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from polymm.domain.tape import Tape
from polymm.errors import RecordingError
from polymm.research.recording_format import SUFFIX
from polymm.research.recording_l2 import open_l2
from polymm.research.recording_layouts import open_book_only, open_raw_capture, open_session
from polymm.research.recording_lines import read_first_object
from polymm.research.recording_own import open_recorded

TokenAs = Literal["up", "down"]

BOOKS_FILE = "books.parquet"
MARKETS_FILE = "markets.parquet"
LINE_SUFFIXES = (".jsonl", ".jsonl.gz")

_Opener = Callable[[Path, TokenAs | None], list[Tape]]
# A line's keys tell the layout.
_LINE_LAYOUTS: tuple[tuple[frozenset[str], _Opener], ...] = (
    (frozenset(("capturedAt", "payload")), lambda path, token_as: open_raw_capture(path)),
    (frozenset(("recv_ts", "slug", "msg")), open_book_only),
    (
        frozenset(("source", "recv_wall_ts", "payload")),
        lambda path, token_as: open_session(path),
    ),
)
_EXPECTED = (
    f"a recorded run (*{SUFFIX}), a raw capture, a book-only capture, session frames (.jsonl or"
    f" .jsonl.gz) or an L2 folder with {BOOKS_FILE} and {MARKETS_FILE}"
)


def open_tapes(path: str | Path, *, token_as: TokenAs | None = None) -> list[Tape]:
    """Open every tape of a file or folder.

    Args:
        path: A recording, or a folder searched for recordings; files of other kinds in a folder
            (prices, outcomes, fixtures) are passed over.
        token_as: What the first token of an unlabelled recording is taken as; None takes it as
            Up. Either way the tape says ``token_labelled=False``.

    Returns:
        Tapes in order of window start, then slug. Frames are read again at each iteration, so
        that a long recording is not kept in memory.

    Raises:
        RecordingError: Missing, empty, damaged, of unknown layout, or without any book.
    """
    root = Path(path)
    if root.is_dir():
        tapes = [tape for file in _recordings(root) for tape in _open_file(file, token_as)]
        if not tapes:
            raise RecordingError(f"{root}: expected {_EXPECTED}, found none in the folder")
    elif root.is_file():
        opener = _opener(root)
        if opener is None:
            raise RecordingError(f"{root}: expected {_EXPECTED}, found another kind of file")
        tapes = opener(root, token_as)
        if not tapes:
            raise RecordingError(f"{root}: expected a market with books, found none")
    else:
        raise RecordingError(f"{root}: expected a file or folder, found nothing there")
    return sorted(tapes, key=lambda tape: (tape.market.start_ns, tape.market.slug, tape.source))


def _recordings(root: Path) -> Iterator[Path]:
    for file in sorted(root.rglob("*")):
        if file.name.endswith(SUFFIX):
            # All files of a folder are one run's.
            if file == min(file.parent.glob(f"*{SUFFIX}")):
                yield file.parent
        elif file.name == BOOKS_FILE or (file.is_file() and file.name.endswith(LINE_SUFFIXES)):
            yield file


def _open_file(file: Path, token_as: TokenAs | None) -> list[Tape]:
    opener = _opener(file)
    return opener(file, token_as) if opener else []


def _opener(file: Path) -> _Opener | None:
    """Tell the layout by name and first line; None for a file of another kind."""
    if file.is_dir() or file.name.endswith(SUFFIX):
        return lambda path, token_as: open_recorded(path)
    if file.name in (BOOKS_FILE, MARKETS_FILE):
        return lambda path, token_as: open_l2(path.parent)
    if file.name.endswith(LINE_SUFFIXES):
        first = read_first_object(file)
        for keys, opener in _LINE_LAYOUTS:
            if keys <= first.keys():
                return opener
    return None
