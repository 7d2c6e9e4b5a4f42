# The price grid: sizes by price, an occupancy bitmap and three summary words, so that setting a
# level is O(1) and the next best level is two bit scans. Up terms throughout.
from libc.stdint cimport int64_t, uint64_t

from polymm._core.layout cimport ASK, BID, GRID, SUMMARY_WORDS, WORDS

cdef extern from *:
    """
    #define polymm_ctz64(x) __builtin_ctzll(x)
    #define polymm_clz64(x) __builtin_clzll(x)
    """
    int polymm_ctz64(uint64_t x) noexcept nogil
    int polymm_clz64(uint64_t x) noexcept nogil

cdef struct Grid:
    uint64_t summary[SUMMARY_WORDS]
    uint64_t bits[WORDS]
    int64_t size_e6[GRID]
    int64_t stamp_ms[GRID]       # venue time of the last change of the level

cdef struct BookState:
    Grid side[2]
    int64_t tick_e4
    int64_t last_trade_e4        # Up terms, 0 where unknown
    int64_t trade_ms             # venue time of the last trade
    int64_t tick_ms              # venue time of the last message that named the tick
    int64_t newest_ms            # newest venue time applied in this epoch
    int64_t book_ms[2]           # venue time of the last snapshot, by token
    int64_t top_e4[2]            # best prices after the last message
    int64_t has_epoch            # 0 until the first snapshot, and again after a tick change


cdef inline void set_level(Grid* grid, int price_e4, int64_t size_e6) noexcept nogil:
    cdef int word = price_e4 >> 6
    cdef int group = word >> 6
    cdef uint64_t bits, words
    cdef bint was_empty = grid.size_e6[price_e4] == 0
    grid.size_e6[price_e4] = size_e6
    if was_empty == (size_e6 == 0):
        return
    # Whether a level comes or goes is as good as random: arithmetic costs less than a wrong guess.
    bits = grid.bits[word] ^ (<uint64_t>1) << (price_e4 & 63)
    words = grid.summary[group] & ~((<uint64_t>1) << (word & 63))
    grid.bits[word] = bits
    grid.summary[group] = words | (<uint64_t>(bits != 0)) << (word & 63)


cdef inline int next_above(const Grid* grid, int price_e4) noexcept nogil:
    """Lowest occupied price above price_e4, 10000 where there is none."""
    cdef int p = price_e4 + 1
    cdef int word = p >> 6
    cdef uint64_t bits = grid.bits[word] & (~(<uint64_t>0) << (p & 63))
    cdef int group
    if bits:
        return (word << 6) + polymm_ctz64(bits)
    word += 1
    if word >= WORDS:
        return GRID - 1
    group = word >> 6
    bits = grid.summary[group] & (~(<uint64_t>0) << (word & 63))
    while not bits:
        group += 1
        if group >= SUMMARY_WORDS:
            return GRID - 1
        bits = grid.summary[group]
    word = (group << 6) + polymm_ctz64(bits)
    return (word << 6) + polymm_ctz64(grid.bits[word])


cdef inline int next_below(const Grid* grid, int price_e4) noexcept nogil:
    """Highest occupied price below price_e4, 0 where there is none."""
    cdef int p = price_e4 - 1
    cdef int word
    cdef uint64_t bits
    cdef int group
    if p < 0:
        return 0
    word = p >> 6
    bits = grid.bits[word] & (~(<uint64_t>0) >> (63 - (p & 63)))
    if bits:
        return (word << 6) + 63 - polymm_clz64(bits)
    word -= 1
    if word < 0:
        return 0
    group = word >> 6
    bits = grid.summary[group] & (~(<uint64_t>0) >> (63 - (word & 63)))
    while not bits:
        group -= 1
        if group < 0:
            return 0
        bits = grid.summary[group]
    word = (group << 6) + 63 - polymm_clz64(bits)
    return (word << 6) + 63 - polymm_clz64(grid.bits[word])


cdef inline int best_ask(const Grid* grid) noexcept nogil:
    return next_above(grid, 0)


cdef inline int best_bid(const Grid* grid) noexcept nogil:
    return next_below(grid, GRID - 1)


cdef class Book:
    cdef BookState* s

cdef int check_tick(int64_t tick_e4) except -1

cdef void clear_grid(Grid* grid) noexcept nogil
cdef void drop_older(BookState* book, int64_t stamp) noexcept nogil
cdef void end_epoch(BookState* book) noexcept nogil
