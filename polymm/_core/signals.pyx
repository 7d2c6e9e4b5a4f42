"""Depth analysis for Python: of a book, of plain levels, and of columns of books at once.

docs/strategy.md section 2, steps 1 to 6. The kernel in signals.pxd is the one the live lanes run.
"""

from collections import namedtuple

from libc.math cimport isfinite, NAN
from libc.stdint cimport int64_t

from polymm._core.book cimport Book
from polymm._core.layout cimport PRICE_E4_MAX, PRICE_E4_MIN, whole_t

from polymm._core import layout
from polymm.errors import InputError

Depth = namedtuple(
    "Depth",
    "bid_e4 bid_e6 bid2_e4 bid2_e6 ask_e4 ask_e6 ask2_e4 ask2_e6 "
    "bid_depth_e6 ask_depth_e6 imbalance mid is_crossed",
    module=__name__,
)


cdef object depth_of(const State* state):
    if state.reasons & (NO_BOOK | THIN_BOOK):
        return None
    return Depth(
        state.bid_e4, state.bid_e6, state.bid2_e4, state.bid2_e6,
        state.ask_e4, state.ask_e6, state.ask2_e4, state.ask2_e6,
        state.bid_depth_e6, state.ask_depth_e6, state.imbalance, state.mid,
        state.reasons == BOOK_CROSSED,
    )


cdef int check_filter(int64_t min_size_e6, int64_t depth_lookback) except -1:
    if min_size_e6 < 0 or depth_lookback < 1:
        raise InputError(
            "min_size must be at least 0 and depth_lookback at least 1, were "
            f"{min_size_e6} (1e-6 shares) and {depth_lookback}"
        )
    return 0


def analyze_depth(
    Book book not None, *, whole_t min_size_e6=5_000_000, whole_t depth_lookback=5
):
    """Read the filtered top, the depth and the imbalance of a book.

    Args:
        book: Up terms.
        min_size_e6: Smaller levels are not seen, 1e-6 shares; equal ones are.
        depth_lookback: Filtered levels a side that make the depth.

    Returns:
        A Depth in Up terms, or None where fewer than two levels of a side remain or no snapshot
        came yet. ``imbalance`` is in [-1, 1], above 0 with more bids. A crossed or locked book has
        ``is_crossed`` and a NaN mid: it is not to be quoted on.

    Raises:
        InputError: A negative size or a depth of no level.
    """
    cdef State state
    check_filter(min_size_e6, depth_lookback)
    analyze(book.s, min_size_e6, depth_lookback, &state)
    return depth_of(&state)


cdef dict usable_levels(object levels):
    """Step 1: sizes in 1e-6 shares by price in 1e-4 dollars, of the levels that are sound."""
    cdef double price, size
    cdef int64_t price_e4, size_e6
    sizes = {}
    for price, size in levels:
        if not (isfinite(price) and isfinite(size) and 0.0 < price < 1.0 and size > 0.0):
            continue
        if size >= 1e8:
            raise InputError(f"size must be below 1e8 shares, was {size}")
        price_e4 = round(price * 10_000)
        size_e6 = round(size * 1_000_000)
        if PRICE_E4_MIN <= price_e4 <= PRICE_E4_MAX and size_e6:
            sizes[price_e4] = sizes.get(price_e4, 0) + size_e6
    return sizes


cdef int read_levels(
    SideDepth* side, dict sizes, bint reverse, int64_t min_size_e6, int64_t depth_lookback
) except -1:
    prices_e4 = sorted(sizes, reverse=reverse)
    if prices_e4:
        side.touch_e4 = prices_e4[0]
    for price_e4 in prices_e4:
        take_level(side, price_e4, sizes[price_e4], min_size_e6, depth_lookback)
    return 0


def analyze_levels(bids, asks, *, double min_size=5.0, whole_t depth_lookback=5):
    """Read the same from plain levels, in any order.

    Args:
        bids: Iterable of (price, size): dollars and shares. Levels that are not finite, whose price
            is outside (0, 1) or whose size is not above 0 are dropped; sizes at equal prices add
            up. Prices are taken to the nearest 1e-4 dollars, sizes to the nearest 1e-6 shares.
        asks: The same.
        min_size: Shares.
        depth_lookback: As in analyze_depth.

    Returns:
        As analyze_depth, in integers.

    Raises:
        InputError: As analyze_depth, and for a size of 1e8 shares or more.
    """
    cdef State state
    cdef SideDepth bid_side = unread(0)
    cdef SideDepth ask_side = unread(GRID - 1)
    if not 0.0 <= min_size < 1e8:
        raise InputError(f"min_size must be within 0..1e8 shares, was {min_size}")
    cdef int64_t min_size_e6 = round(min_size * 1_000_000)
    check_filter(min_size_e6, depth_lookback)
    read_levels(&bid_side, usable_levels(bids), True, min_size_e6, depth_lookback)
    read_levels(&ask_side, usable_levels(asks), False, min_size_e6, depth_lookback)
    conclude(&bid_side, &ask_side, &state)
    return depth_of(&state)


cdef bint read_row(
    SideDepth* side, const int64_t[:] prices_e4, const int64_t[:] sizes_e6, int64_t towards,
    int64_t min_size_e6, int64_t depth_lookback,
) noexcept nogil:
    """Read one row of a column form; False where its prices are not a side, best first."""
    cdef Py_ssize_t i
    cdef int64_t last_e4 = 0 if towards > 0 else GRID - 1
    for i in range(prices_e4.shape[0]):
        if sizes_e6[i] <= 0:
            continue
        if not PRICE_E4_MIN <= prices_e4[i] <= PRICE_E4_MAX:
            return False
        if (prices_e4[i] - last_e4) * towards <= 0:
            return False
        if last_e4 == 0 or last_e4 == GRID - 1:
            side.touch_e4 = prices_e4[i]
        last_e4 = prices_e4[i]
        take_level(side, prices_e4[i], sizes_e6[i], min_size_e6, depth_lookback)
    return True


def analyze_depth_columns(
    const int64_t[:, :] bid_e4,  # in
    const int64_t[:, :] bid_e6,  # in
    const int64_t[:, :] ask_e4,  # in
    const int64_t[:, :] ask_e6,  # in
    *,
    whole_t min_size_e6=5_000_000,
    whole_t depth_lookback=5,
    whole_t tick_e4=100,
    whole_t lot_e6=10_000,
    whole_t order_min_e6=5_000_000,
):
    """Analyse many books at once.

    Args:
        bid_e4: (m, n) int64, prices in 1e-4 dollars, best first; ``bid_e6`` (m, n) int64, 1e-6
            shares, 0 where there is no level.
        ask_e4: (m, k) int64, the same for the asks; ``ask_e6`` (m, k) int64.
        min_size_e6, depth_lookback: As in analyze_depth.
        tick_e4, lot_e6, order_min_e6: Written to every row.

    Returns:
        (m,) layout.STATE, ready for quote_columns once inventory and last price are filled in;
        ``usable`` and ``reasons`` say which rows hold an analysis.

    Raises:
        InputError: Shapes differ, or a row holds a price outside 1..9999 or out of order.
    """
    import numpy as np

    cdef Py_ssize_t i, n = bid_e4.shape[0]
    cdef SideDepth bids, asks
    cdef State* state
    cdef unsigned char[::1] raw
    check_filter(min_size_e6, depth_lookback)
    if not (bid_e6.shape[0] == ask_e4.shape[0] == ask_e6.shape[0] == n) or (
        bid_e6.shape[1] != bid_e4.shape[1] or ask_e6.shape[1] != ask_e4.shape[1]
    ):
        raise InputError("prices and sizes must have the same shapes, one row a book")
    states = np.zeros(n, dtype=layout.STATE)
    raw = states.view(np.uint8)
    for i in range(n):
        state = <State*>&raw[i * sizeof(State)]
        bids = unread(0)
        asks = unread(GRID - 1)
        if not (
            read_row(&bids, bid_e4[i], bid_e6[i], -1, min_size_e6, depth_lookback)
            and read_row(&asks, ask_e4[i], ask_e6[i], 1, min_size_e6, depth_lookback)
        ):
            raise InputError(f"row {i} must hold prices within 1..9999, best first")
        conclude(&bids, &asks, state)
        state.tick_e4 = tick_e4
        state.lot_e6 = lot_e6
        state.order_min_e6 = order_min_e6
        state.fair = NAN
    return states
