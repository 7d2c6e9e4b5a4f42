"""Packed tapes to Parquet for other tools, and back.

One row group of the columns of `polymm._core.layout.TAPE`; the tape's facts stand in the file's
metadata under ``polymm.tape``. What comes back is the same tape, bit for bit.
"""

import importlib
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson

from polymm._core.layout import TAPE, TAPE_FIELDS
from polymm.errors import RecordingError
from polymm.research.market_record import market_of, market_record
from polymm.research.tape_hashes import HashCounts
from polymm.research.tape_pack import PackedTape

SUFFIX: Final = ".parquet"
_KEY: Final = b"polymm.tape"
_PLAIN: Final = (
    "outcome",
    "has_trades",
    "token_labelled",
    "source",
    "defects",
    "trade_lag_ns",
    "truth",
)


def export_parquet(packed: PackedTape, path: Path, hashes: HashCounts | None = None) -> None:
    """Write a tape as Parquet.

    Args:
        hashes: What their check found, to travel with it.

    Raises:
        RecordingError: pyarrow is not installed, or the file cannot be written.
    """
    arrow, parquet = _libraries(path)
    record = {name: getattr(packed, name) for name in _PLAIN}
    record |= {
        "market": market_record(packed.market),
        "defects": dict(packed.defects),
        "hashes": (hashes or HashCounts())._asdict(),
        "truth": [list(pair) for pair in packed.truth],
    }
    columns = {
        name: arrow.array(np.ascontiguousarray(packed.rows[name])) for name, _ in TAPE_FIELDS
    }
    table = arrow.table(columns).replace_schema_metadata({_KEY: orjson.dumps(record)})
    try:
        parquet.write_table(table, path, compression="zstd")
    except OSError as error:
        raise RecordingError(f"{path}: cannot be written: {error.strerror or error}") from error


def import_parquet(path: Path) -> tuple[PackedTape, HashCounts]:
    """Read a tape that `export_parquet` wrote.

    Raises:
        RecordingError: pyarrow is not installed, or the file is another's or damaged.
    """
    arrow, parquet = _libraries(path)
    try:
        table = parquet.read_table(path)
    except (arrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise RecordingError(f"{path}: expected readable Parquet, found: {reason}") from error
    text = (table.schema.metadata or {}).get(_KEY)
    names = [name for name, _ in TAPE_FIELDS]
    if text is None or table.column_names != names:
        raise RecordingError(
            f"{path}: expected the columns {names} with facts under {_KEY.decode()},"
            f" found {table.column_names}"
        )
    rows = np.empty(table.num_rows, dtype=TAPE)
    for name, kind in TAPE_FIELDS:
        column = table.column(name).to_numpy()
        if column.dtype != np.dtype(kind):
            raise RecordingError(f"{path}: expected {name} as {kind}, found {column.dtype}")
        rows[name] = column
    record = orjson.loads(text)
    market = market_of(record.pop("market"), str(path))
    hashes = HashCounts(**record.pop("hashes"))
    truth = [(int(ns), float(probability)) for ns, probability in record.pop("truth")]
    return PackedTape(market=market, rows=rows, truth=truth, **record), hashes


def _libraries(path: Path) -> tuple[Any, Any]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError as error:
        raise RecordingError(
            f"{path}: Parquet needs pyarrow, found it not installed;"
            " install polymm with its extra: pip install '.[research]' in a clone"
        ) from error
