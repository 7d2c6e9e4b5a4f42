"""Reading recordings kept as JSON lines: files, lines, frames, and what the venue's terms were.

Frames are cut out of their lines as text, never written again: the texts carry the hash.
"""

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, overload

import orjson

from polymm.domain.market import NS, Market, SettlementRule
from polymm.domain.tape import Tape, TapeFrame
from polymm.errors import RecordingError

MS = NS // 1000
MINUTE_NS = 60 * NS
GZIP_MAGIC = b"\x1f\x8b"
# ``last_trade_price`` follows its match by about 20 ms (the recordings' own notes: p95 25 ms).
TRADE_LAG_NS = 20 * MS
# Times beyond it (the year 2116) would leave 64 bits with a delay added.
TIME_NS_MAX = 2**62
# What reading JSON, or rows, of another shape than expected raises.
UNEXPECTED = (
    AttributeError,
    KeyError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
)

# Times at which the venue changed its terms (docs/strategy.md section 1), epoch ns, UTC.
TWAP_SINCE_NS = 1_786_060_800 * NS  # 2026-08-07
TWAP_60_SINCE_NS = 1_786_665_600 * NS  # 2026-08-14; 5m windows averaged over 30 s before
DELAY_50_SINCE_NS = 1_786_924_800 * NS  # 2026-08-17
DELAY_150_SINCE_NS = 1_788_480_000 * NS  # 2026-09-04

_SLUG = re.compile(r"updown-(\d{1,4})m-(\d{1,11})\Z")
_ASSET = re.compile(rb'"asset_id": ?"(\d+)"')
_STAMP = re.compile(rb'"timestamp": ?"?(\d+)')


class RecordedFrames(Sequence[TapeFrame]):
    """Frames that are read again whenever they are asked for; ``list(...)`` keeps them."""

    __slots__ = ("_count", "_load")

    def __init__(self, count: int, load: Callable[[], list[TapeFrame]]) -> None:
        self._count = count
        self._load = load

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[TapeFrame]:
        return iter(self._load())

    @overload
    def __getitem__(self, index: int) -> TapeFrame: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[TapeFrame]: ...
    def __getitem__(self, index: int | slice) -> TapeFrame | Sequence[TapeFrame]:
        return self._load()[index]


class Line(NamedTuple):
    """A frame and what its line says of it; ``market`` is a condition id or slug."""

    market: str
    exch_ns: int
    recv_ns: int
    frame: bytes


@dataclass(slots=True)
class Reading:
    """What one pass over a file found.

    Attributes:
        written: Time of the last line by the recorder's own clock, in the layout's unit.
    """

    lines: list[Line] = field(default_factory=list)
    defects: Counter[str] = field(default_factory=Counter)
    written: float = 0.0

    def write_at(self, time: Any) -> None:
        """Take the time of the next line: one before the last one's is a clock that was set."""
        if isinstance(time, int | float):
            self.defects["clock_backwards"] += time < self.written
            self.written = time


def to_ns(value: Any, unit_ns: int) -> int:
    """A recorded time in ns.

    Raises:
        OverflowError, TypeError, ValueError: Not a number, or not within 0..TIME_NS_MAX.
    """
    ns = int(value) * unit_ns
    if not 0 <= ns <= TIME_NS_MAX:
        raise ValueError(f"a time must be within 0..{TIME_NS_MAX} ns, was {ns}")
    return ns


def window_of(slug: str) -> tuple[int, int] | None:
    """Start and end of an Up/Down window by its slug, ns; None for another kind of slug."""
    match = _SLUG.search(slug)
    if match is None:
        return None
    start_ns = int(match[2]) * NS
    return start_ns, start_ns + int(match[1]) * MINUTE_NS


def settlement_rule(start_ns: int, end_ns: int) -> SettlementRule:
    """The rule of the venue's 5m and 15m windows at that time, where a record has none."""
    if end_ns < TWAP_SINCE_NS:
        return SettlementRule(kind="point", lookback_ns=0)
    short = end_ns - start_ns == 5 * MINUTE_NS and end_ns < TWAP_60_SINCE_NS
    return SettlementRule(kind="twap", lookback_ns=(30 if short else 60) * NS)


def taker_delay_ns(start_ns: int) -> int:
    """The venue's taker delay at that time, where a market's record has none."""
    if start_ns < DELAY_50_SINCE_NS:
        return 250 * MS
    return 50 * MS if start_ns < DELAY_150_SINCE_NS else 150 * MS


def venue_order(frames: list[TapeFrame]) -> tuple[list[TapeFrame], int]:
    """Sort by venue time, stable; answer also how many stood behind a later one."""
    newest = inversions = 0
    for frame in frames:
        inversions += frame.exch_ns < newest
        newest = max(newest, frame.exch_ns)
    return (sorted(frames, key=lambda frame: frame.exch_ns) if inversions else frames), inversions


# Lines


def read_lines(path: Path) -> list[bytes]:
    """Read a plain or gzip file's lines, blank ones left out.

    Raises:
        RecordingError: Unreadable, empty, or a gzip stream that is cut or damaged.
    """
    try:
        data = path.read_bytes()
        if data[:2] == GZIP_MAGIC:
            data = gzip.decompress(data)
    except EOFError as error:
        raise RecordingError(f"{path}: expected a whole gzip file, found it cut short") from error
    except (OSError, zlib.error) as error:
        raise RecordingError(f"{path}: expected a readable file, found: {error}") from error
    lines = [line for line in data.splitlines() if line.strip()]
    if not lines:
        raise RecordingError(f"{path}: expected JSON lines, found an empty file")
    return lines


def read_first_object(path: Path) -> dict[str, Any]:
    """Read the first line of a file as a JSON object; {} where it is JSON of another kind.

    Raises:
        RecordingError: Unreadable, empty, or not JSON.
    """
    try:
        with path.open("rb") as plain:
            packed = plain.read(2) == GZIP_MAGIC
        with gzip.open(path) if packed else path.open("rb") as stream:
            line = next((line for line in stream if line.strip()), b"")
    except EOFError as error:
        raise RecordingError(f"{path}: expected a whole gzip file, found it cut short") from error
    except (OSError, zlib.error) as error:
        raise RecordingError(f"{path}: expected a readable file, found: {error}") from error
    if not line:
        raise RecordingError(f"{path}: expected JSON lines, found an empty file")
    try:
        value = orjson.loads(line)
    except UNEXPECTED as error:
        raise RecordingError(f"{path}: line 1: expected JSON, found {shown(line)}") from error
    return value if isinstance(value, dict) else {}


def shown(line: bytes) -> str:
    text = line[:60].decode("utf-8", "replace")
    return repr(text) + ("..." if len(line) > 60 else "")


def read_recording(path: Path, parse: Callable[[bytes, Reading], None]) -> Reading:
    """Parse each line; a damaged last line is a defect (the recorder was cut), others an error."""
    reading = Reading()
    lines = read_lines(path)
    for number, line in enumerate(lines, 1):
        try:
            parse(line, reading)
        except UNEXPECTED as error:
            if number == len(lines) and number > 1:
                reading.defects["damaged_last_line"] += 1
                break
            raise RecordingError(
                f"{path}: line {number}: expected a recorded frame, found {shown(line)}"
            ) from error
    return reading


def cut_value(line: bytes, key: str) -> bytes:
    """Cut the value of a key out of a line of unusual shape, as text."""
    text = line.decode()
    # The whole line must be sound, and not too deep for the reader below, before a part is used.
    orjson.loads(text)
    match = re.search(rf'"{key}"\s*:\s*', text)
    if match is None:
        raise ValueError(f"no {key}")
    _, end = json.JSONDecoder().raw_decode(text, match.end())
    return text[match.end() : end].encode()


def stamp_ns(frame: bytes) -> int:
    match = _STAMP.search(frame)
    if match is None:
        raise ValueError("no timestamp")
    return to_ns(match[1], MS)


def tokens_of(lines: list[Line]) -> list[str]:
    """Token ids of the frames, in order of appearance."""
    seen: dict[str, None] = {}
    for line in lines:
        for token in _ASSET.findall(line.frame):
            seen.setdefault(token.decode())
    return list(seen)


def check_market(path: Path, market: Market) -> None:
    """Refuse terms that no market can have.

    Raises:
        RecordingError: The window is empty or too late, the tick does not divide a dollar, or the
            minimum order is below 0.
    """
    if not 0 <= market.start_ns < market.end_ns <= TIME_NS_MAX:
        fault = f"a window, found {market.start_ns} to {market.end_ns} ns"
    elif not 1 <= market.tick_e4 <= 1_000 or 10_000 % market.tick_e4:
        fault = f"a tick that divides 1 within 0.0001..0.1, found {market.tick_e4}e-4"
    elif market.order_min_e6 < 0:
        fault = f"a minimum order of at least 0, found {market.order_min_e6}e-6"
    else:
        return
    raise RecordingError(f"{path}: {market.slug}: expected {fault}")


def make_tape(
    path: Path,
    market: Market,
    load: Callable[[], Reading],
    reading: Reading,
    *,
    key: str,
    has_trades: bool,
    token_labelled: bool = True,
    trade_lag_ns: int = 0,
    outcome: Literal["up", "down"] | None = None,
) -> Tape:
    """Make the tape of one market of a file; its frames are loaded again when asked for.

    Raises:
        RecordingError: The market's terms cannot be.
    """
    check_market(path, market)

    def frames_of(lines: list[Line]) -> list[TapeFrame]:
        return [TapeFrame(ns, recv, frame) for name, ns, recv, frame in lines if name == key]

    frames, inversions = venue_order(frames_of(reading.lines))
    # What was wrong with the file stands on the first of its tapes, so that sums hold.
    defects = {name: n for name, n in reading.defects.items() if n}
    reading.defects.clear()
    if inversions:
        defects["inversions"] = inversions
    return Tape(
        market=market,
        frames=RecordedFrames(len(frames), lambda: venue_order(frames_of(load().lines))[0]),
        outcome=outcome,
        has_trades=has_trades,
        token_labelled=token_labelled,
        source=str(path),
        defects=defects,
        trade_lag_ns=trade_lag_ns,
    )
