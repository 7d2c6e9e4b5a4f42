"""The store of a sweep: one SQLite file with every trial, so that a sweep goes on after kill -9.

sweep     what the sweep is: key, value; a store goes on with the same sweep only
tapes     of which windows, by name and digest, and what each is used for
trials    number, point, and once all its windows are there what was told of it
units     scores of one trial on one block of windows
holdout   each time untouched windows were looked at, written before the look
events    when the sweep began, went on, ended: in no result
"""

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from polymm.errors import ConfigError, RecordingError, StoreError
from polymm.research.sweep_space import Point
from polymm.research.sweep_tapes import SweepTape
from polymm.research.sweep_unit import WindowScore

FORMAT: Final = "polymm sweep 1"
_TABLES: Final = """
CREATE TABLE sweep (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE tapes (number INTEGER PRIMARY KEY, slug TEXT NOT NULL, digest TEXT NOT NULL,
    start_ns INTEGER NOT NULL, end_ns INTEGER NOT NULL, rows_n INTEGER NOT NULL,
    use TEXT NOT NULL);
CREATE TABLE trials (number INTEGER PRIMARY KEY, point TEXT NOT NULL, told REAL);
CREATE TABLE units (trial INTEGER NOT NULL, block INTEGER NOT NULL, scores TEXT NOT NULL,
    PRIMARY KEY (trial, block));
CREATE TABLE holdout (touch INTEGER PRIMARY KEY, trial INTEGER NOT NULL, at TEXT NOT NULL);
CREATE TABLE events (number INTEGER PRIMARY KEY, at TEXT NOT NULL, event TEXT NOT NULL);
"""
_NOW: Final = "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"
# Of two long texts that differ so much is shown, so much of it before the place.
SHOWN_MAX: Final = 100
SHOWN_BEFORE: Final = 60


class SweepStore:
    """An open store; one sweep at a time writes to it.

    Args:
        path: Of the file; made if it is not there.
        identity: All that the results depend on, by name.
        tapes: With what each is used for.

    Raises:
        ConfigError: The store is that of another sweep; names what differs.
        RecordingError: It was made of other tapes; names the first that differs.
        StoreError: It cannot be opened or written, or is in use.
    """

    def __init__(
        self,
        path: Path,
        identity: Mapping[str, str],
        tapes: Sequence[tuple[SweepTape, str]],
    ) -> None:
        self._path = path
        self._lock = self._locked()
        try:
            with self._told():
                self._base = sqlite3.connect(path, isolation_level=None)
                self._base.execute("PRAGMA journal_mode = WAL")
                self._base.execute("PRAGMA synchronous = NORMAL")
                self.is_new = not self._base.execute("SELECT 1 FROM sqlite_master").fetchone()
                if self.is_new:
                    self._make(identity, tapes)
            if not self.is_new:
                with self._told():
                    self._check(identity, tapes)
            self.note("began" if self.is_new else "went on")
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._base.close()
        os.close(self._lock)

    def note(self, event: str) -> None:
        """Note that something happened to the sweep itself."""
        with self._told():
            self._base.execute(f"INSERT INTO events (at, event) VALUES ({_NOW}, ?)", (event,))

    # Trials and units

    def add_trial(self, number: int, point: Point) -> None:
        """Write down a trial before it is run.

        Raises:
            StoreError: The store holds another point under this number.
        """
        text = _text(point)
        with self._told():
            self._base.execute("INSERT OR IGNORE INTO trials VALUES (?, ?, NULL)", (number, text))
            row = self._base.execute("SELECT point FROM trials WHERE number = ?", (number,))
            (stored,) = row.fetchone()
        if stored != text:
            was, found = _apart(stored, text)
            raise StoreError(
                f"{self._path}: trial {number} was {was}, this search says {found}: its libraries"
                " draw other points"
            )

    def blocks_of(self, trial: int) -> set[int]:
        """Blocks of a trial that are done."""
        with self._told():
            rows = self._base.execute("SELECT block FROM units WHERE trial = ?", (trial,))
            return {block for (block,) in rows}

    def add_unit(self, trial: int, block: int, scores: Sequence[WindowScore]) -> None:
        """Write down what a unit made; it is there after kill -9."""
        with self._told():
            self._base.execute(
                "INSERT OR REPLACE INTO units VALUES (?, ?, ?)", (trial, block, json.dumps(scores))
            )

    def scores(self, trial: int, blocks: Sequence[int]) -> list[WindowScore]:
        """All windows of some blocks of a trial, in order, as far as they are there."""
        with self._told():
            rows = dict(
                self._base.execute("SELECT block, scores FROM units WHERE trial = ?", (trial,))
            )
        return [
            WindowScore(*score)
            for block in blocks
            if block in rows
            for score in json.loads(rows[block])
        ]

    def tell(self, trial: int, value: float) -> None:
        """Write down what the search was told of a trial."""
        with self._told():
            self._base.execute("UPDATE trials SET told = ? WHERE number = ?", (value, trial))

    # The holdout

    def touches(self) -> list[int]:
        """With which trial each look at the untouched windows so far was."""
        with self._told():
            rows = self._base.execute("SELECT trial FROM holdout ORDER BY touch")
            return [trial for (trial,) in rows]

    def touch(self, trial: int) -> None:
        """Note a look at the untouched windows, before it."""
        with self._told():
            self._base.execute(f"INSERT INTO holdout (trial, at) VALUES (?, {_NOW})", (trial,))

    # What it is

    def _make(self, identity: Mapping[str, str], tapes: Sequence[tuple[SweepTape, str]]) -> None:
        self._base.executescript(f"BEGIN;{_TABLES}")
        self._base.executemany(
            "INSERT INTO sweep VALUES (?, ?)", [("format", FORMAT), *identity.items()]
        )
        self._base.executemany("INSERT INTO tapes VALUES (?, ?, ?, ?, ?, ?, ?)", _rows(tapes))
        self._base.execute("COMMIT")

    def _check(self, identity: Mapping[str, str], tapes: Sequence[tuple[SweepTape, str]]) -> None:
        try:
            stored = dict(self._base.execute("SELECT key, value FROM sweep"))
        except sqlite3.OperationalError as error:
            raise StoreError(f"{self._path}: expected the store of a sweep: {error}") from None
        faults = [
            f"{self._path}: {key} was {was}, is {found}"
            for key, value in {"format": FORMAT, **identity}.items()
            if stored.get(key) != value
            for was, found in [_apart(stored.get(key, "not there"), value)]
        ]
        if faults:
            faults.append(f"{self._path}: belongs to another sweep; give --store another name")
            raise ConfigError("\n".join(faults))
        before = list(self._base.execute("SELECT * FROM tapes ORDER BY number"))
        now = _rows(tapes)
        for old, new in zip(before, now, strict=False):
            if old != new:
                raise RecordingError(
                    f"{self._path}: tape {old[0]} was {old[1]} ({old[2]}, {old[6]}),"
                    f" is {new[1]} ({new[2]}, {new[6]})"
                )
        if len(before) != len(now):
            raise RecordingError(
                f"{self._path}: made of {len(before):,} tapes, found {len(now):,} now"
            )

    def _locked(self) -> int:
        """Hold the store for this process; a process that dies lets go of it."""
        path = self._path.with_name(f"{self._path.name}.lock")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"{path}: cannot be made: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise StoreError(f"{self._path}: another sweep writes to it") from None
        return lock

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn errors of SQLite into ours."""
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}; what was stored stays") from error


def _rows(tapes: Sequence[tuple[SweepTape, str]]) -> list[tuple[object, ...]]:
    return [
        (number, tape.slug, tape.digest, tape.start_ns, tape.end_ns, tape.rows_n, use)
        for number, (tape, use) in enumerate(tapes)
    ]


def _text(point: Point) -> str:
    return json.dumps(dict(point), separators=(",", ":"))


def _apart(was: str, found: str) -> tuple[str, str]:
    """Two texts that differ, cut to the same stretch about the first place where they do."""
    same = zip(was, found, strict=False)
    alike = next((n for n, (a, b) in enumerate(same) if a != b), min(len(was), len(found)))
    begin = max(alike - SHOWN_BEFORE, 0)
    if max(len(was), len(found)) <= SHOWN_MAX:
        begin = 0
    return _cut(was, begin), _cut(found, begin)


def _cut(text: str, begin: int) -> str:
    end = begin + SHOWN_MAX
    head, tail = "..." if begin else "", "..." if end < len(text) else ""
    return f"{head}{text[begin:end]}{tail}"
