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
    int64_t reach_e4             # the last level looked at; what is worse is of no matter


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


# Both sides as far as they have been read, for who hears of every change of a level.
cdef struct BookDepth:
    SideDepth side[2]
    int is_read[2]


cdef inline void forget_depth(BookDepth* depth) noexcept nogil:
    depth.is_read[BID] = depth.is_read[ASK] = False


cdef enum:
    SAW_NOTHING = 0
    SAW_SIZE = 1                 # a level that counts has another size
    SAW_LEVEL = 2                # another level counts: its side must be read anew


cdef inline int note_level(
    BookDepth* depth, int side, int64_t price_e4, int64_t before_e6, int64_t after_e6,
    int64_t min_size_e6, int64_t lookback,
) noexcept nogil:
    """Follow one level's change of size, and say what the signals see of it.

    Of a side that is not read it may see nothing: who hears SAW_LEVEL reads before asking again.
    """
    # Where a level stands is as good as random: arithmetic costs less than branches guessed wrong.
    cdef SideDepth* read = &depth.side[side]
    cdef int64_t flip = -side    # inverts all bits, and with them the order of prices
    cdef int is_seen = (price_e4 ^ flip) >= (read.reach_e4 ^ flip)
    cdef int was_big = before_e6 >= min_size_e6
    cdef int is_big = after_e6 >= min_size_e6
    cdef int stays = (before_e6 != 0) & (after_e6 != 0)
    cdef int resized = is_seen & stays & was_big & is_big & (lookback >= 2)
    cdef int is_other = is_seen & (1 - resized) & (1 - (stays & (1 - was_big) & (1 - is_big)))
    cdef int64_t more_e6 = (after_e6 - before_e6) & -<int64_t>resized
    read.depth_e6 += more_e6
    read.best_e6 += more_e6 & -<int64_t>(price_e4 == read.best_e4)
    read.second_e6 += more_e6 & -<int64_t>(price_e4 == read.second_e4)
    depth.is_read[side] &= 1 - is_other
    return is_other * SAW_LEVEL + resized * SAW_SIZE


cdef inline int note_presence(
    BookDepth* depth, int side, int64_t price_e4, int64_t before_e6, int64_t after_e6,
    int64_t min_size_e6,
) noexcept nogil:
    """The same for who looks at no sizes: whether a level that was read came or went."""
    cdef int64_t flip = -side
    cdef int is_other
    if (
        (before_e6 >= min_size_e6) == (after_e6 >= min_size_e6)
        and (before_e6 == 0) == (after_e6 == 0)
    ):
        return False
    is_other = (price_e4 ^ flip) >= (depth.side[side].reach_e4 ^ flip)
    depth.is_read[side] &= 1 - is_other
    return is_other


cdef inline void conclude_levels(const BookDepth* depth, State* state) noexcept nogil:
    """What of `conclude` follows from where levels are, for who looks at no sizes."""
    cdef const SideDepth* bids = &depth.side[BID]
    cdef const SideDepth* asks = &depth.side[ASK]
    state.best_bid_e4 = bids.touch_e4
    state.best_ask_e4 = asks.touch_e4
    state.bid_e4 = bids.best_e4
    state.ask_e4 = asks.best_e4
    state.reasons = 0
    if bids.n < 2 or asks.n < 2:
        state.reasons = THIN_BOOK
    elif bids.best_e4 >= asks.best_e4:
        state.reasons = BOOK_CROSSED
    state.usable = state.reasons == 0


cdef inline bint shows_the_same(
    const BookState* book, int64_t min_size_e6, BookDepth* depth
) noexcept nogil:
    """Read the two best levels of sides that are not read; whether touch and best are as before."""
    cdef SideDepth* side
    cdef int64_t touch_e4, best_e4
    cdef bint is_same = True
    if not depth.is_read[BID]:
        side = &depth.side[BID]
        touch_e4 = side.touch_e4
        best_e4 = side.best_e4
        side[0] = read_bids(&book.side[BID], min_size_e6, 2)
        is_same = side.touch_e4 == touch_e4 and side.best_e4 == best_e4 and side.n == 2
    if not depth.is_read[ASK]:
        side = &depth.side[ASK]
        touch_e4 = side.touch_e4
        best_e4 = side.best_e4
        side[0] = read_asks(&book.side[ASK], min_size_e6, 2)
        is_same = is_same and (
            side.touch_e4 == touch_e4 and side.best_e4 == best_e4 and side.n == 2
        )
    depth.is_read[BID] = depth.is_read[ASK] = True
    return is_same


cdef inline void analyze_anew(
    const BookState* book, int64_t min_size_e6, int64_t lookback, BookDepth* depth, State* state
) noexcept nogil:
    """Fill the signals of `state` from a book, reading only what is not read yet; NO_BOOK before
    its first snapshot."""
    if not book.has_epoch:
        depth.side[BID] = unread(0)
        depth.side[ASK] = unread(GRID - 1)
        forget_depth(depth)
        conclude(&depth.side[BID], &depth.side[ASK], state)
        state.reasons = NO_BOOK
        return
    if not depth.is_read[BID]:
        depth.side[BID] = read_bids(&book.side[BID], min_size_e6, lookback)
    if not depth.is_read[ASK]:
        depth.side[ASK] = read_asks(&book.side[ASK], min_size_e6, lookback)
    depth.is_read[BID] = depth.is_read[ASK] = True
    conclude(&depth.side[BID], &depth.side[ASK], state)


cdef inline void analyze(
    const BookState* book, int64_t min_size_e6, int64_t lookback, State* state
) noexcept nogil:
    """Fill the signals of `state` from a book; NO_BOOK before its first snapshot."""
    cdef BookDepth depth
    forget_depth(&depth)
    analyze_anew(book, min_size_e6, lookback, &depth, state)
