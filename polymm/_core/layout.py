"""Scales, limits, flags and records of the compiled core, for Python.

The twin of layout.pxd; tests/core/test_layout.py asserts that both agree. NumPy is imported with
the first use of one of the dtypes (STATE, TAPE, ...), not with this module.
"""

TYPE_CHECKING = False  # importing typing would cost as much as the rest of the core

if TYPE_CHECKING:
    import numpy as np

PRICE_SCALE = 10_000
SIZE_SCALE = 1_000_000
PRICE_E4_MIN = 1
PRICE_E4_MAX = 9_999
GRID = 10_001
WORDS = 157
SUMMARY_WORDS = 3
BID = 0
ASK = 1
UP = 0
DOWN = 1

# Choices of Params by their configuration names.
INVENTORY_SIGNS = {"prose": -1, "literal": 1}
SKEW_MODES = {"value": 0, "shares": 1, "net_limit": 2}
ASK_MODES = {"buy_complement": 0, "sell_first": 1}
THIN_BOOKS = {"fixed_spread": 0, "pull": 1}
CYCLES = {"timer": 0, "event": 1}

# Answer of Decoder.feed and Lane.evaluate: bit flags.
CHANGED = 1 << 0
TOP = 1 << 1
SNAPSHOT = 1 << 2
TRADE = 1 << 3
TICK_SIZE = 1 << 4
RESOLVED = 1 << 5
MISMATCH = 1 << 6
CROSSED = 1 << 7
LATE = 1 << 8
NO_EPOCH = 1 << 9
FOREIGN = 1 << 10
TOLERANT = 1 << 11
IGNORED = 1 << 12
REQUOTE = 1 << 13

# Why a side, or the whole quote, is absent: bits of Quote.reasons.
NO_BOOK = 1 << 0
THIN_BOOK = 1 << 1
BOOK_CROSSED = 1 << 2
NAN = 1 << 3
NO_PRICE = 1 << 4
NO_SIZE = 1 << 5
BID_TOO_LONG = 1 << 6
ASK_TOO_SHORT = 1 << 7
BID_NO_ROOM = 1 << 8
ASK_NO_ROOM = 1 << 9
BID_GUARDED_OUT = 1 << 10
ASK_GUARDED_OUT = 1 << 11
BAD_INVENTORY = 1 << 12
QUOTER_SILENT = 1 << 13
QUOTER_FAILED = 1 << 14

# What a row of a packed tape says, and its bit flags.
ROW_NOTHING = 0
ROW_CHANGE = 1
ROW_BOOK = 2
ROW_LEVEL = 3
ROW_TRADE = 4
ROW_TICK = 5
ROW_RESOLVED = 6
ROW_STAMP = 7
ROW_FRAME_END = 1 << 0
ROW_EVENT_END = 1 << 1
ROW_VENUE = 1 << 2
ROW_LOCAL = 1 << 3
ROW_ASK = 1 << 4
ROW_DOWN = 1 << 5
ROW_LAGGED = 1 << 6
ROW_STAMPED = 1 << 7

_FLAG_NAMES = (
    "changed",
    "top",
    "snapshot",
    "trade",
    "tick_size",
    "resolved",
    "mismatch",
    "crossed",
    "late",
    "no_epoch",
    "foreign",
    "tolerant",
    "ignored",
    "requote",
)

_REASON_NAMES = (
    "no_book",
    "thin_book",
    "crossed",
    "nan",
    "no_price",
    "no_size",
    "bid_too_long",
    "ask_too_short",
    "bid_no_room",
    "ask_no_room",
    "bid_guarded_out",
    "ask_guarded_out",
    "bad_inventory",
    "quoter_silent",
    "quoter_failed",
)

STATE_FIELDS = (
    ("now_ns", "i8"),
    ("start_ns", "i8"),
    ("end_ns", "i8"),
    ("best_bid_e4", "i8"),
    ("best_ask_e4", "i8"),
    ("last_price_e4", "i8"),
    ("tick_e4", "i8"),
    ("lot_e6", "i8"),
    ("order_min_e6", "i8"),
    ("up_e6", "i8"),
    ("down_e6", "i8"),
    ("sellable_up_e6", "i8"),
    ("usable", "i8"),
    ("reasons", "i8"),
    ("bid_e4", "i8"),
    ("bid_e6", "i8"),
    ("bid2_e4", "i8"),
    ("bid2_e6", "i8"),
    ("ask_e4", "i8"),
    ("ask_e6", "i8"),
    ("ask2_e4", "i8"),
    ("ask2_e6", "i8"),
    ("bid_depth_e6", "i8"),
    ("ask_depth_e6", "i8"),
    ("imbalance", "f8"),
    ("mid", "f8"),
    ("fair", "f8"),
)

PARAMS_FIELDS = (
    ("min_size_e6", "i8"),
    ("depth_lookback", "i8"),
    ("order_size_e6", "i8"),
    ("max_position_e6", "i8"),
    ("merge_threshold_e6", "i8"),
    ("inventory_sign", "i8"),
    ("skew_mode", "i8"),
    ("ask_mode", "i8"),
    ("thin_book", "i8"),
    ("requote_ticks", "i8"),
    ("requote_interval_min_ns", "i8"),
    ("cycle_ns", "i8"),
    ("cycle_event", "i8"),
    ("requote_size_ratio", "f8"),
    ("min_spread", "f8"),
    ("max_spread", "f8"),
    ("spread", "f8"),
    ("k_inv", "f8"),
    ("k_imb", "f8"),
    ("quote_min", "f8"),
    ("quote_max", "f8"),
    ("skip_skew", "f8"),
    ("scale1_skew", "f8"),
    ("scale1", "f8"),
    ("scale2_skew", "f8"),
    ("scale2", "f8"),
    ("user0", "f8"),
    ("user1", "f8"),
    ("user2", "f8"),
    ("user3", "f8"),
    ("user4", "f8"),
    ("user5", "f8"),
    ("user6", "f8"),
    ("user7", "f8"),
)

QUOTE_FIELDS = (
    ("bid_e4", "i8"),
    ("bid_e6", "i8"),
    ("ask_e4", "i8"),
    ("ask_sell_e6", "i8"),
    ("ask_buy_e6", "i8"),
    ("merge_e6", "i8"),
    ("reasons", "i8"),
    ("bid", "f8"),
    ("ask", "f8"),
    ("skew", "f8"),
)

TAPE_FIELDS = (
    ("exch_ns", "<i8"),
    ("recv_ns", "<i8"),
    ("size_e6", "<i8"),
    ("price_e4", "<i2"),
    ("top_bid_e4", "<i2"),
    ("top_ask_e4", "<i2"),
    ("kind", "u1"),
    ("flags", "u1"),
)

if TYPE_CHECKING:
    STATE: np.dtype[np.void]
    PARAMS: np.dtype[np.void]
    QUOTE: np.dtype[np.void]
    TAPE: np.dtype[np.void]

_RECORDS = {
    "STATE": STATE_FIELDS,
    "PARAMS": PARAMS_FIELDS,
    "QUOTE": QUOTE_FIELDS,
    "TAPE": TAPE_FIELDS,
}


def __getattr__(name: str) -> "np.dtype[np.void]":
    """Build STATE, PARAMS, QUOTE or TAPE at its first use."""
    if name not in _RECORDS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import numpy as np

    dtype = np.dtype(list(_RECORDS[name]))
    globals()[name] = dtype
    return dtype


def _names(bits: int, names: tuple[str, ...]) -> tuple[str, ...]:
    if not bits:
        return ()  # as usual
    return tuple(name for i, name in enumerate(names) if bits >> i & 1)


def flag_names(bits: int) -> tuple[str, ...]:
    """Name the flags of Decoder.feed or Lane.evaluate, lowest bit first."""
    return _names(bits, _FLAG_NAMES)


def reason_names(bits: int) -> tuple[str, ...]:
    """Name why a quote or one of its sides is absent, lowest bit first."""
    return _names(bits, _REASON_NAMES)
