"""One seeded L2 feed, for everybody: rows of a packed tape, and hftbacktest's array of events."""

import ctypes
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from polymm._core.layout import (
    ROW_ASK,
    ROW_BOOK,
    ROW_CHANGE,
    ROW_LEVEL,
    ROW_TRADE,
    TAPE,
)
from polymm.domain.market import Market
from polymm.research.tape_pack import PackedTape

MS: Final = 1_000_000
START_NS: Final = 1_776_323_400_000_000_000
TICK_E4: Final = 10
# Rows of the first snapshot: its head and LEVELS of bare.c a side.
SNAPSHOT_ROWS: Final = 31
FEED_NS: Final = 5 * MS
ORDER_NS: Final = 5 * MS
SIZE_E6: Final = 20_000_000
# Ticks from the mid to each of our quotes.
HALF: Final = 2

# The bits of an hftbacktest event (its documentation, "Data").
_EXCH, _LOCAL, _BUY, _SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
_DEPTH, _TRADE, _SNAPSHOT = 1, 2, 4
PEER_EVENT: Final = np.dtype(
    [
        ("ev", "u8"),
        ("exch_ts", "i8"),
        ("local_ts", "i8"),
        ("px", "f8"),
        ("qty", "f8"),
        ("order_id", "u8"),
        ("ival", "i8"),
        ("fval", "f8"),
    ],
    align=True,
)


class Told(ctypes.Structure):
    """What the bare loop counted."""

    _fields_ = (
        ("orders", ctypes.c_int64),
        ("fills", ctypes.c_int64),
        ("filled_e6", ctypes.c_int64),
    )


@cache
def bare() -> Any:
    """Compile bare.c and load it.

    Raises:
        OSError: There is no C compiler.
        subprocess.CalledProcessError: It refused; its words are in the error.
    """
    source = Path(__file__).with_name("bare.c")
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "bare.so"
        command = ("cc", "-O3", "-march=x86-64-v2", "-shared", "-fPIC", "-o", built, source, "-lm")
        subprocess.run(command, check=True, capture_output=True)
        library = ctypes.CDLL(str(built))
    address, whole = ctypes.c_void_p, ctypes.c_int64
    library.make_events.argtypes = (address, whole, ctypes.c_uint64, whole, whole, whole)
    library.make_events.restype = library.read_once.restype = whole
    library.read_once.argtypes = (address, whole)
    library.run_bare.argtypes = (address, whole, whole, whole, whole, whole, ctypes.POINTER(Told))
    library.run_bare.restype = None
    return library


def make_rows(
    events_n: int, *, seed: int, every_ns: int = MS, start_ns: int = START_NS
) -> NDArray[Any]:
    """Draw a feed.

    Args:
        every_ns: Mean time between two events.

    Returns:
        (events_n + SNAPSHOT_ROWS,) layout.TAPE: a snapshot, then an event a row.
    """
    rows = np.empty(events_n + SNAPSHOT_ROWS, dtype=TAPE)
    bare().make_events(rows.ctypes.data, len(rows), seed, start_ns, every_ns, FEED_NS)
    return rows


def pack_rows(
    rows: NDArray[Any], *, lot_e6: int = 10_000, order_min_e6: int = 5_000_000, number: int = 0
) -> PackedTape:
    """Make a market of rows; it ends a second after the last and settles Up."""
    start_ns = int(rows["exch_ns"][0]) // MS * MS
    return PackedTape(
        market=Market(
            slug=f"bench-updown-{number}",
            condition_id=f"0x{number:064x}",
            up_token="1",
            down_token="2",
            start_ns=start_ns,
            end_ns=int(rows["recv_ns"][-1]) + 1_000 * MS,
            tick_e4=TICK_E4,
            lot_e6=lot_e6,
            order_min_e6=order_min_e6,
        ),
        rows=rows,
        outcome="up",
        has_trades=True,
        source=f"seed {number}",
    )


def peer_events(rows: NDArray[Any]) -> NDArray[Any]:
    """The same events as hftbacktest takes them: (n,) PEER_EVENT; a snapshot's head is none."""
    told = rows[rows["kind"] != ROW_BOOK]
    kinds = {ROW_CHANGE: _DEPTH, ROW_LEVEL: _SNAPSHOT, ROW_TRADE: _TRADE}
    unknown = set(np.unique(told["kind"]).tolist()) - set(kinds)
    if unknown:
        raise ValueError(f"rows must be of kinds {sorted(kinds)}, had {sorted(unknown)}")
    events = np.zeros(len(told), dtype=PEER_EVENT)
    events["ev"] = _EXCH | _LOCAL
    for kind, word in kinds.items():
        events["ev"][told["kind"] == kind] |= word
    # ROW_ASK: the ask side of a book; of a trade that its taker sold.
    events["ev"] |= np.where(told["flags"] & ROW_ASK, _SELL, _BUY).astype(np.uint64)
    events["exch_ts"] = told["exch_ns"]
    events["local_ts"] = told["recv_ns"]
    events["px"] = told["price_e4"] / 10_000
    events["qty"] = told["size_e6"] / 1_000_000
    return events
