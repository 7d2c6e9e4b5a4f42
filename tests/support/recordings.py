"""Where recordings are found: POLYMM_DATA, or ../shared/data beside the repository.

Absent and not asked for, their tests skip and say so; asked for by POLYMM_DATA, absence is a
failure, so that a machine meant to check them cannot pass without.
"""

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def _folder() -> tuple[str | None, Path]:
    named = os.environ.get("POLYMM_DATA")
    return named, Path(named) if named else ROOT.parent / "shared" / "data"


def names(pattern: str) -> list[str]:
    """Name what matches below the data folder, for parametrising; one that is absent if none."""
    folder = _folder()[1]
    return sorted(str(path.relative_to(folder)) for path in folder.glob(pattern)) or [pattern]


def data_dir() -> Path:
    """Give the folder of recordings, or skip (fail, when POLYMM_DATA is set)."""
    named, folder = _folder()
    if not folder.is_dir():
        message = f"no recordings at {folder}"
        if named:
            pytest.fail(f"POLYMM_DATA is set, but {message}")
        pytest.skip(message)
    return folder


def recording(pattern: str) -> Path:
    """Give the one recording that matches a glob pattern below the data folder."""
    found = sorted(data_dir().glob(pattern))
    if len(found) != 1:
        message = f"{len(found)} recordings match {pattern}, expected 1"
        if os.environ.get("POLYMM_DATA"):
            pytest.fail(message)
        pytest.skip(message)
    return found[0]


def recordings(pattern: str) -> list[Path]:
    """Give every recording that matches a glob pattern, at least one."""
    found = sorted(data_dir().glob(pattern))
    if not found:
        message = f"no recording matches {pattern}"
        if os.environ.get("POLYMM_DATA"):
            pytest.fail(message)
        pytest.skip(message)
    return found


def wrapped_messages(path: Path, key: bytes) -> Iterator[bytes]:
    """Yield the text under a line's last key as it stands in the file, not written again."""
    marker = b'"' + key + b'":'
    with gzip.open(path, "rb") as lines:
        for line in lines:
            yield line[line.index(marker) + len(marker) :].rstrip()[:-1]
