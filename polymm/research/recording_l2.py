"""L2 Parquet: snapshots of both tokens as columns, written out as the venue's ``book`` messages.

The columns hold floats and no token ids. Prices and sizes are taken back to the exact decimals
they came from; token ids and hashes are composed, and say so by their look.
"""

import importlib
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from polymm.domain.market import Market
from polymm.domain.tape import Tape, TapeFrame
from polymm.errors import RecordingError
from polymm.research.recording_lines import (
    MS,
    UNEXPECTED,
    RecordedFrames,
    check_market,
    settlement_rule,
    taker_delay_ns,
    to_ns,
    venue_order,
)

BOOK_COLUMNS = ("market_id", "ts", "side", "bid_px", "bid_sz", "ask_px", "ask_sz")
MARKET_COLUMNS = ("market_id", "slug", "start_ts", "end_ts", "payout_up", "payout_down")
COMPOSED_HASH = "0" * 40
# Floats of decimals are off by far less; more means the value was never on the grid.
GRID_TOLERANCE = 1e-6
TOKENS = ("UP", "DOWN")

Row = dict[str, Any]


def open_l2(folder: Path) -> list[Tape]:
    """Open the markets of ``books.parquet`` and ``markets.parquet`` in a folder.

    Raises:
        RecordingError: pyarrow is not installed, a file or column is missing, or one is damaged.
    """
    books, records = folder / "books.parquet", folder / "markets.parquet"
    by_market: defaultdict[str, list[Row]] = defaultdict(list)
    for row in _read_rows(books, ("market_id", "ts", "side", "bid_px", "ask_px")):
        by_market[row["market_id"]].append(row)
    if not by_market:
        return []
    tapes = []
    for record in _read_rows(records, MARKET_COLUMNS):
        # A market without rows stays: it is excluded when it is run, and counted.
        rows = by_market.pop(record["market_id"], [])
        try:
            tape = _tape(books, record, rows)
        except UNEXPECTED as error:
            raise RecordingError(
                f"{records}: expected a market and the times of its books,"
                f" found {record['market_id']!r}: {error}"
            ) from error
        check_market(records, tape.market)
        tapes.append(tape)
    if by_market:
        raise RecordingError(
            f"{records}: expected a record of each market, found none of {min(by_market)}"
        )
    return tapes


def _tape(books: Path, record: Row, rows: list[Row]) -> Tape:
    start_ns, end_ns = to_ns(record["start_ts"], MS), to_ns(record["end_ts"], MS)
    up_token, down_token = composed_tokens(record["market_id"])
    market = Market(
        slug=record["slug"],
        condition_id=record["market_id"],
        up_token=up_token,
        down_token=down_token,
        start_ns=start_ns,
        end_ns=end_ns,
        settlement=settlement_rule(start_ns, end_ns),
        taker_delay_ns=taker_delay_ns(start_ns),
    )
    outcome = _outcome(record)
    defects = _row_defects(rows)
    if outcome is None:
        defects["payout_unclear"] = 1
    return Tape(
        market=market,
        frames=RecordedFrames(len(rows), lambda: _load(books, market)),
        outcome=outcome,
        has_trades=False,
        source=str(books),
        defects={name: n for name, n in defects.items() if n},
    )


def _outcome(record: Row) -> Literal["up", "down"] | None:
    payouts = (record["payout_up"], record["payout_down"])
    if payouts == (1.0, 0.0):
        return "up"
    return "down" if payouts == (0.0, 1.0) else None


def _row_defects(rows: list[Row]) -> Counter[str]:
    """Count what is known to be wrong with a market's rows; all of them stay on the tape."""
    defects: Counter[str] = Counter()
    sides: defaultdict[int, set[str]] = defaultdict(set)
    newest = 0
    for row in rows:
        sides[row["ts"]].add(row["side"])
        to_ns(row["ts"], MS)
        defects["inversions"] += row["ts"] < newest
        newest = max(newest, row["ts"])
        bids, asks = row["bid_px"], row["ask_px"]
        if bids and asks and max(bids) >= min(asks):
            defects["crossed_rows"] += 1
    defects["rows_without_pair"] = sum(len(found) == 1 for found in sides.values())
    return defects


def _load(books: Path, market: Market) -> list[TapeFrame]:
    tokens = dict(zip(TOKENS, (market.up_token, market.down_token), strict=True))
    rows = _read_rows(books, BOOK_COLUMNS, market_id=market.condition_id)
    try:
        frames = [
            TapeFrame(row["ts"] * MS, 0, compose_book(market.condition_id, tokens, row))
            for row in rows
        ]
    except UNEXPECTED as error:
        raise RecordingError(
            f"{books}: expected UP or DOWN with lists of prices and sizes, found: {error}"
        ) from error
    return venue_order(frames)[0]


def composed_tokens(condition_id: str) -> tuple[str, str]:
    """Make token ids for a market whose record has none: the condition id's head, then 1 or 2."""
    stem = int(condition_id[:34], 16)
    return f"{stem}1", f"{stem}2"


def compose_book(condition_id: str, tokens: dict[str, str], row: Row) -> bytes:
    """Write one row as the venue writes a ``book`` message, worst level first.

    Raises:
        ValueError: A price or size is not on its grid, or lists differ in length.
    """
    bids = _levels_text(row["bid_px"], row["bid_sz"])
    asks = _levels_text(row["ask_px"], row["ask_sz"])
    return (
        f'{{"market":"{condition_id}","asset_id":"{tokens[row["side"]]}",'
        f'"timestamp":"{row["ts"]}","hash":"{COMPOSED_HASH}","bids":[{bids}],"asks":[{asks}],'
        f'"event_type":"book"}}'
    ).encode()


def _levels_text(prices: Iterable[float], sizes: Iterable[float]) -> str:
    levels = [
        f'{{"price":"{decimal_text(price, 4)}","size":"{decimal_text(size, 6)}"}}'
        for price, size in zip(prices, sizes, strict=True)
    ]
    return ",".join(reversed(levels))


def decimal_text(value: float, places: int) -> str:
    """Write a float as the decimal it came from, without trailing zeros.

    Raises:
        ValueError: Negative, not finite, or further from the grid than a float can be.
    """
    scale = 10**places
    if not 0 <= value < 1e9:
        raise ValueError(f"a price or size must be finite and not negative, was {value}")
    units = round(value * scale)
    if abs(value * scale - units) > GRID_TOLERANCE * max(1.0, value):
        raise ValueError(f"{value!r} is not on the grid of 1e-{places}")
    whole, rest = divmod(units, scale)
    return f"{whole}.{rest:0{places}d}".rstrip("0") if rest else str(whole)


def _read_rows(path: Path, columns: tuple[str, ...], *, market_id: str | None = None) -> list[Row]:
    try:
        parquet: Any = importlib.import_module("pyarrow.parquet")
        arrow: Any = importlib.import_module("pyarrow")
    except ModuleNotFoundError as error:
        raise RecordingError(
            f"{path}: reading Parquet needs pyarrow, found it not installed;"
            " install polymm with its extra: pip install '.[research]' in a clone"
        ) from error
    if not path.is_file():
        raise RecordingError(f"{path}: expected an L2 file beside its twin, found nothing there")
    filters = [("market_id", "=", market_id)] if market_id is not None else None
    try:
        table = parquet.read_table(path, columns=list(columns), filters=filters)
    except (arrow.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise RecordingError(f"{path}: expected readable Parquet, found: {reason}") from error
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise RecordingError(f"{path}: expected a column {missing[0]}, found {table.column_names}")
    rows: list[Row] = table.to_pylist()
    return rows
