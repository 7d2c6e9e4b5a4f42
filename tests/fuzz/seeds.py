"""Cases worth keeping: shrink what failed, write it to a file, read it again.

A seed file holds one frame a line as a Python bytes literal; lines that start with # say what the
case taught. One that is about a valid frame names the kind in front: ``usual b'...'``.
"""

from ast import literal_eval
from collections.abc import Callable, Sequence
from hashlib import sha1
from pathlib import Path
from typing import TypeVar

from tests.fuzz.frames import Kind

FOLDER = Path(__file__).with_name("seeds")
ATTEMPTS_MAX = 4000

T = TypeVar("T")
Frames = list[tuple[Kind, bytes]]


def read_seed(path: Path) -> Frames:
    """Read a seed file's frames."""
    frames: Frames = []
    for line in path.read_text(encoding="ascii").splitlines():
        if line and not line.startswith("#"):
            kind, _, literal = line.partition(" ")
            frames.append((Kind(kind), literal_eval(literal)))
    return frames


def write_seed(frames: Frames, lesson: str, folder: Path = FOLDER) -> Path:
    """Write a case under a name made from its content."""
    text = "".join(f"{kind.value} {frame!r}\n" for kind, frame in frames)
    path = folder / f"{sha1(text.encode()).hexdigest()[:10]}.frames"
    notes = "".join(f"# {line}\n" for line in ascii(lesson)[1:-1].split("\\n"))
    path.write_text(notes + text, encoding="ascii")
    return path


def shrink(frames: Frames, fails: Callable[[Frames], bool]) -> Frames:
    """Make a failing case small: fewer frames first, then shorter ones, as long as it fails."""
    left = ATTEMPTS_MAX

    def still_fails(case: Frames) -> bool:
        nonlocal left
        left -= 1
        return left > 0 and fails(case)

    frames = fewer(frames, still_fails)
    for i, (kind, frame) in enumerate(frames):
        if kind.is_valid:
            continue  # cut, it would be another kind
        head, tail = frames[:i], frames[i + 1 :]

        def cut_fails(
            part: Sequence[int],
            kind: Kind = kind,
            head: Frames = head,
            tail: Frames = tail,
        ) -> bool:
            return still_fails([*head, (kind, bytes(part)), *tail])

        frames = [*head, (kind, bytes(fewer(list(frame), cut_fails))), *tail]
    return frames


def fewer(items: list[T], fails: Callable[[list[T]], bool]) -> list[T]:
    """Leave out runs of items, from half of them down to single ones."""
    size = max(len(items) // 2, 1)
    while size and items:
        start = 0
        while start < len(items):
            shorter = items[:start] + items[start + size :]
            if fails(shorter):
                items = shorter
            else:
                start += size
        size //= 2
    return items
