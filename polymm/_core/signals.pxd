# Depth analysis (docs/strategy.md section 2, steps 2 to 6) over a book's occupancy bitmap or over
# plain level columns: one reader of levels, two walks. Integers, one division, no allocation.
from libc.math cimport NAN
from libc.stdint cimport int64_t, uint64_t

from polymm._core.book cimport BookState, Grid, polymm_clz64, polymm_ctz64
from polymm._core.layout cimport (
    ASK, BID, BOOK_CROSSED, GRID, NO_BOOK, State, SUMMARY_WORDS, THIN_BOOK,
)

# One side as far as it has been read, best level first.
cdef struct SideDepth:
    int64_t touch_e4             # best before the filter
    int64_t best_e4
    int64_t best_e6
    int64_t second_e4
    int64_t second_e6
    int64_t depth_e6
    int64_t n                    # filtered levels read
    int64_t reach_e4             # the last level looked at; the empty side's where all were


cdef inline SideDepth unread(int64_t empty_e4) noexcept nogil:
    cdef SideDepth side
    side.touch_e4 = side.best_e4 = side.second_e4 = side.reach_e4 = empty_e4
    side.best_e6 = side.second_e6 = side.depth_e6 = side.n = 0
    return side


cdef inline void take_level(
    SideDepth* side, int64_t price_e4, int64_t size_e6, int64_t min_size_e6, int64_t lookback
) noexcept nogil:
    """Read the next level of one side; levels come best first."""
    if size_e6 < min_size_e6:
        return
    if side.n == 0:
        side.best_e4 = price_e4
        side.best_e6 = size_e6
    elif side.n == 1:
        side.second_e4 = price_e4
        side.second_e6 = size_e6
    if side.n < lookback:
        side.depth_e6 += size_e6
    side.n += 1


cdef inline SideDepth read_bids(
    const Grid* grid, int64_t min_size_e6, int64_t lookback
) noexcept nogil:
    cdef SideDepth side = unread(0)
    cdef int64_t n_enough = lookback if lookback > 2 else 2
    cdef int group, word, price_e4
    cdef uint64_t words, bits
    for group in range(SUMMARY_WORDS - 1, -1, -1):
        words = grid.summary[group]
        while words:
            word = 63 - polymm_clz64(words)
            words ^= <uint64_t>1 << word
            word += group << 6
            bits = grid.bits[word]
            while bits:
                price_e4 = 63 - polymm_clz64(bits)
                bits ^= <uint64_t>1 << price_e4
                price_e4 += word << 6
                if side.touch_e4 == 0:
                    side.touch_e4 = price_e4
                take_level(&side, price_e4, grid.size_e6[price_e4], min_size_e6, lookback)
                if side.n == n_enough:
                    side.reach_e4 = price_e4
                    return side
    return side


cdef inline SideDepth read_asks(
    const Grid* grid, int64_t min_size_e6, int64_t lookback
) noexcept nogil:
    cdef SideDepth side = unread(GRID - 1)
    cdef int64_t n_enough = lookback if lookback > 2 else 2
    cdef int group, word, price_e4
    cdef uint64_t words, bits
    for group in range(SUMMARY_WORDS):
        words = grid.summary[group]
        while words:
            word = (group << 6) + polymm_ctz64(words)
            words &= words - 1
            bits = grid.bits[word]
            while bits:
                price_e4 = (word << 6) + polymm_ctz64(bits)
                bits &= bits - 1
                if side.touch_e4 == GRID - 1:
                    side.touch_e4 = price_e4
                take_level(&side, price_e4, grid.size_e6[price_e4], min_size_e6, lookback)
                if side.n == n_enough:
                    side.reach_e4 = price_e4
                    return side
    return side


cdef inline void conclude(
    const SideDepth* bids, const SideDepth* asks, State* state
) noexcept nogil:
    """Turn both sides into the state's signals."""
    cdef int64_t total_e6 = bids.depth_e6 + asks.depth_e6
    state.best_bid_e4 = bids.touch_e4
    state.best_ask_e4 = asks.touch_e4
    state.bid_e4 = bids.best_e4
    state.bid_e6 = bids.best_e6
    state.bid2_e4 = bids.second_e4
    state.bid2_e6 = bids.second_e6
    state.ask_e4 = asks.best_e4
    state.ask_e6 = asks.best_e6
    state.ask2_e4 = asks.second_e4
    state.ask2_e6 = asks.second_e6
    state.bid_depth_e6 = bids.depth_e6
    state.ask_depth_e6 = asks.depth_e6
    state.imbalance = 0.0
    if total_e6 > 0:
        state.imbalance = <double>(bids.depth_e6 - asks.depth_e6) / <double>total_e6
    state.reasons = 0
    if bids.n < 2 or asks.n < 2:
        state.reasons = THIN_BOOK
    elif bids.best_e4 >= asks.best_e4:
        state.reasons = BOOK_CROSSED
    state.usable = state.reasons == 0
    state.mid = NAN
    if state.usable:
        state.mid = <double>(bids.best_e4 + asks.best_e4) / 20000.0


cdef inline void analyze_reach(
    const BookState* book, int64_t min_size_e6, int64_t lookback, State* state,
    int64_t* bid_reach_e4, int64_t* ask_reach_e4,
) noexcept nogil:
    """Fill the signals of `state` from a book; NO_BOOK before its first snapshot.

    Changes of levels worse than the reach leave all of it as it is.
    """
    cdef SideDepth bids = unread(0)
    cdef SideDepth asks = unread(GRID - 1)
    if book.has_epoch:
        bids = read_bids(&book.side[BID], min_size_e6, lookback)
        asks = read_asks(&book.side[ASK], min_size_e6, lookback)
    conclude(&bids, &asks, state)
    if not book.has_epoch:
        state.reasons = NO_BOOK
    bid_reach_e4[0] = bids.reach_e4
    ask_reach_e4[0] = asks.reach_e4


cdef inline void analyze(
    const BookState* book, int64_t min_size_e6, int64_t lookback, State* state
) noexcept nogil:
    cdef int64_t bid_reach_e4, ask_reach_e4
    analyze_reach(book, min_size_e6, lookback, state, &bid_reach_e4, &ask_reach_e4)
