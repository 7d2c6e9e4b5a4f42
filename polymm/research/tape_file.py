"""Packed tapes as files: one market each, mapped into memory, made once and read by many.

    header   64 bytes: magic, version, size of a row, rows, bytes of facts, rows of truth, checksums
    facts    one JSON object: the market's own, and what is known of the tape; zeros to 64 bytes
    rows     of `polymm._core.layout.TAPE`
    truth    of a synthetic market: (n, 2), time i64 and probability f64
    footer   16 bytes: checksums of rows and truth, magic

All numbers are little-endian. A file is written beside its place and moved there when it is whole.
"""

import mmap
import os
import struct
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from zlib import crc32

import numpy as np
import orjson
from numpy.typing import NDArray

from polymm import __version__
from polymm._core.layout import TAPE
from polymm.domain.market import Market
from polymm.domain.tape import Tape
from polymm.errors import RecordingError
from polymm.research.market_record import market_of, market_record
from polymm.research.tape_hashes import HashCheck, HashChecks, HashCounts
from polymm.research.tape_pack import PackedTape, pack

MAGIC: Final = b"polymm-t"
VERSION: Final = 1
SUFFIX: Final = ".tape"
ALIGN: Final = 64
HEADER: Final = struct.Struct("<8sIIQQQII16x")
FOOTER: Final = struct.Struct("<II8s")
TRUTH: Final = np.dtype([("exch_ns", "<i8"), ("probability", "<f8")])
# What a facts object holds, beside nothing else.
_FACTS: Final = (
    "market",
    "outcome",
    "has_trades",
    "token_labelled",
    "source",
    "defects",
    "trade_lag_ns",
    "hashes",
    "made_by",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TapeFacts:
    """What a tape file says of itself beside its rows.

    Args:
        outcome, has_trades, token_labelled, source, defects, trade_lag_ns: As of `PackedTape`.
        hashes: What the check of hashes found when it was made.
        made_by: Version of polymm.
        rows_n, truth_n: In the file.
    """

    market: Market
    outcome: Any
    has_trades: bool
    token_labelled: bool
    source: str
    defects: Mapping[str, int]
    trade_lag_ns: int
    hashes: HashCounts = field(default_factory=HashCounts)
    made_by: str = f"polymm {__version__}"
    rows_n: int = 0
    truth_n: int = 0


def write_tape(path: str | Path, tape: Tape, checks: HashChecks = "all") -> TapeFacts:
    """Pack a tape and write it.

    Raises:
        RecordingError: A frame is malformed, or the file cannot be written.
    """
    hashes = HashCheck(tape.market, checks)
    return write_packed(path, pack(tape, hashes), hashes.counts)


def write_packed(
    path: str | Path, packed: PackedTape, hashes: HashCounts | None = None
) -> TapeFacts:
    """Write a packed tape.

    Raises:
        RecordingError: It cannot be written; nothing of it is left.
    """
    path = Path(path)
    truth = np.array(list(packed.truth), dtype=TRUTH)
    facts = TapeFacts(
        market=packed.market,
        outcome=packed.outcome,
        has_trades=packed.has_trades,
        token_labelled=packed.token_labelled,
        source=packed.source,
        defects=dict(packed.defects),
        trade_lag_ns=packed.trade_lag_ns,
        hashes=hashes or HashCounts(),
        rows_n=len(packed.rows),
        truth_n=len(truth),
    )
    meta = orjson.dumps(_record(facts))
    rows = np.ascontiguousarray(packed.rows, dtype=TAPE)
    head = _header(meta, len(rows), len(truth))
    gap = bytes(_aligned(len(head) + len(meta)) - len(head) - len(meta))
    footer = FOOTER.pack(crc32(_bytes(rows)), crc32(_bytes(truth)), MAGIC)
    passing = path.with_name(f".{path.name}.new")
    try:
        with passing.open("wb") as file:
            for part in (head, meta, gap, _bytes(rows), _bytes(truth), footer):
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(path)
    except OSError as error:
        with suppress(OSError):
            passing.unlink(missing_ok=True)
        raise RecordingError(f"{path}: cannot be written: {error.strerror}") from error
    return facts


def open_tape(path: str | Path, *, check: bool = True) -> PackedTape:
    """Map a tape file into memory.

    Args:
        check: Compare the rows' checksum, which reads all of them; whoever opens a tape often
            needs it once.

    Returns:
        The tape; its rows are read-only and live as long as they are used.

    Raises:
        RecordingError: Missing, cut, damaged, or another version's.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except ValueError:
        raise RecordingError(f"{path}: expected a tape, found an empty file") from None
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error
    facts, begin = _read_facts(path, data)
    rows = np.frombuffer(data, dtype=TAPE, count=facts.rows_n, offset=begin)
    end = begin + rows.nbytes
    truth = np.frombuffer(data, dtype=TRUTH, count=facts.truth_n, offset=end)
    sums = FOOTER.unpack_from(data, end + truth.nbytes)[:2]
    if check:
        for name, part, expected in zip(("rows", "truth"), (rows, truth), sums, strict=True):
            if crc32(_bytes(part)) != expected:
                raise RecordingError(f"{path}: damaged: the checksum of its {name} differs")
    return PackedTape(
        market=facts.market,
        rows=rows,
        outcome=facts.outcome,
        has_trades=facts.has_trades,
        token_labelled=facts.token_labelled,
        source=facts.source,
        defects=facts.defects,
        trade_lag_ns=facts.trade_lag_ns,
        truth=[(int(ns), float(probability)) for ns, probability in truth],
        rows_crc=sums[0],
    )


def read_facts(path: str | Path) -> TapeFacts:
    """Read what a tape file says of itself, without its rows.

    Raises:
        RecordingError: As of `open_tape`.
    """
    path = Path(path)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read_facts(path, data)[0]
    except RecordingError:  # a ValueError too
        raise
    except ValueError:
        raise RecordingError(f"{path}: expected a tape, found an empty file") from None
    except OSError as error:
        raise RecordingError(f"{path}: cannot be read: {error.strerror}") from error


def _read_facts(path: Path, data: mmap.mmap) -> tuple[TapeFacts, int]:
    """Facts, and where the rows begin; everything but the rows' own checksum is looked at."""
    size = len(data)
    if data[:8] != MAGIC:
        raise RecordingError(f"{path}: expected a tape, begins with {data[:8]!r}")
    if size < HEADER.size:
        raise RecordingError(f"{path}: cut short: expected {HEADER.size} bytes, found {size}")
    _, version, row_size, rows_n, meta_n, truth_n, meta_crc, head_crc = HEADER.unpack_from(data)
    if crc32(data[:44]) != head_crc:
        raise RecordingError(f"{path}: damaged: the checksum of its header differs")
    if version != VERSION or row_size != TAPE.itemsize:
        raise RecordingError(
            f"{path}: expected version {VERSION} with rows of {TAPE.itemsize} bytes,"
            f" found {version} with {row_size}: make it again from its source"
        )
    begin = _aligned(HEADER.size + meta_n)
    expected = begin + rows_n * row_size + truth_n * TRUTH.itemsize + FOOTER.size
    if size != expected:
        raise RecordingError(f"{path}: cut short: expected {expected} bytes, found {size}")
    meta = data[HEADER.size : HEADER.size + meta_n]
    if crc32(meta) != meta_crc:
        raise RecordingError(f"{path}: damaged: the checksum of its facts differs")
    return _facts_of(orjson.loads(meta), path, rows_n, truth_n), begin


def _facts_of(record: dict[str, Any], path: Path, rows_n: int, truth_n: int) -> TapeFacts:
    if record.keys() != set(_FACTS):
        raise RecordingError(f"{path}: expected the facts {sorted(_FACTS)}, found {sorted(record)}")
    hashes = HashCounts(**record.pop("hashes"))
    market = market_of(record.pop("market"), str(path))
    return TapeFacts(market=market, hashes=hashes, rows_n=rows_n, truth_n=truth_n, **record)


def _record(facts: TapeFacts) -> dict[str, Any]:
    record = {name: getattr(facts, name) for name in _FACTS}
    return record | {
        "market": market_record(facts.market),
        "defects": dict(facts.defects),
        "hashes": facts.hashes._asdict(),
    }


def _header(meta: bytes, rows_n: int, truth_n: int) -> bytes:
    values = (MAGIC, VERSION, TAPE.itemsize, rows_n, len(meta), truth_n, crc32(meta))
    return HEADER.pack(*values, crc32(HEADER.pack(*values, 0)[:44]))


def _aligned(offset: int) -> int:
    return -(-offset // ALIGN) * ALIGN


def _bytes(array: NDArray[Any]) -> memoryview:
    raw: Any = array.view(np.uint8).reshape(-1) if array.size else b""
    return memoryview(raw)


# Folders of tapes


@dataclass(frozen=True, slots=True)
class Unused:
    """A tape that is left out, and why."""

    path: str
    why: str


def tapes_in(path: str | Path) -> tuple[list[Path], list[Unused]]:
    """Tape files of a file or folder, in order of window start; of two of one market the longer.

    Raises:
        RecordingError: There is none, or one cannot be read.
    """
    root = Path(path)
    paths: Sequence[Path] = sorted(root.rglob(f"*{SUFFIX}")) if root.is_dir() else [root]
    if not paths:
        raise RecordingError(f"{root}: expected tapes *{SUFFIX}, found none in the folder")
    best: dict[str, tuple[Path, TapeFacts]] = {}
    unused = []
    for one in paths:
        facts = read_facts(one)
        other = best.get(facts.market.condition_id)
        used, left = (one, facts), other
        if other is not None and other[1].rows_n >= facts.rows_n:
            used, left = other, (one, facts)
        best[facts.market.condition_id] = used
        if left is not None:
            why = f"{facts.market.slug} is in {used[0].name} too, with {used[1].rows_n:,} rows"
            unused.append(Unused(str(left[0]), f"{why} to {left[1].rows_n:,}"))
    ordered = sorted(best.values(), key=lambda pair: (pair[1].market.start_ns, pair[1].market.slug))
    return [one for one, _ in ordered], unused
