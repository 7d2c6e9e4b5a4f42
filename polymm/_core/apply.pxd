# From one staged event to a book: the code that the live decoder and the backtest share. Nothing
# here can fail.
from libc.stdint cimport int64_t

from polymm._core.book cimport (
    BookState, Grid, clear_grid, drop_older, end_epoch, set_level,
)
from polymm._core.layout cimport BID, ASK, CHANGED, LATE, SNAPSHOT, TICK_SIZE, TRADE


cdef inline int64_t newest_snapshot(const BookState* book) noexcept nogil:
    return max(book.book_ms[0], book.book_ms[1])


cdef inline int set_other(Grid* grid, int price_e4, int64_t size_e6) noexcept nogil:
    """Set one level where nothing can be late; CHANGED or 0."""
    if grid.size_e6[price_e4] == size_e6:
        return 0
    set_level(grid, price_e4, size_e6)
    return CHANGED


cdef inline int change_level(
    BookState* book, int64_t snapshot, int64_t stamp, int side, int price_e4, int64_t size_e6
) noexcept nogil:
    """Set one level of a price_change unless something newer set it; CHANGED, LATE or 0.

    The book must have an epoch; `snapshot` is its newest_snapshot.
    """
    cdef Grid* grid = &book.side[side]
    if stamp < snapshot or stamp < grid.stamp_ms[price_e4]:
        return LATE
    grid.stamp_ms[price_e4] = stamp
    if grid.size_e6[price_e4] == size_e6:
        return 0
    set_level(grid, price_e4, size_e6)
    return CHANGED


cdef inline void pass_stamp(BookState* book, int64_t stamp) noexcept nogil:
    """Note the venue time of a price_change that was applied."""
    book.newest_ms = max(book.newest_ms, stamp)


cdef inline int begin_book(BookState* book, int64_t stamp) noexcept nogil:
    """Make room for a snapshot's levels; LATE alone where it is dropped.

    The first book of an epoch is taken whatever its stamp: an idle book is dumped with the time of
    its last change, which may lie before the tick change that ended the last epoch. Levels that
    newer deltas have set since keep them: then LATE is among the flags.
    """
    # Both tokens show one book: a snapshot older than either's last one knows nothing newer.
    if book.has_epoch and stamp < newest_snapshot(book):
        return LATE
    if book.has_epoch and stamp < book.newest_ms:
        drop_older(book, stamp)
        return SNAPSHOT | CHANGED | LATE
    clear_grid(&book.side[BID])
    clear_grid(&book.side[ASK])
    book.newest_ms = stamp
    return SNAPSHOT | CHANGED


cdef inline void add_level(
    BookState* book, int flags, int64_t stamp, int side, int price_e4, int64_t size_e6
) noexcept nogil:
    """Set one level of a snapshot; `flags` are those of begin_book."""
    cdef Grid* grid = &book.side[side]
    if not size_e6 or (flags & LATE and grid.stamp_ms[price_e4] > stamp):
        return
    # Equal prices inside one snapshot add up (docs/strategy.md 2.1).
    set_level(grid, price_e4, grid.size_e6[price_e4] + size_e6)
    grid.stamp_ms[price_e4] = stamp


cdef inline int end_book(BookState* book, int64_t stamp, int token, int tick_e4) noexcept nogil:
    """Open the epoch of a snapshot whose levels stand; TICK_SIZE where it names another tick."""
    book.book_ms[token] = stamp
    book.has_epoch = 1
    if tick_e4 and stamp >= book.tick_ms:
        book.tick_ms = stamp
        if tick_e4 != book.tick_e4:
            book.tick_e4 = tick_e4
            return TICK_SIZE
    return 0


cdef inline int change_tick(BookState* book, int64_t stamp, int tick_e4) noexcept nogil:
    """Start a new epoch on the new grid, unless a later message named the tick."""
    if stamp < book.tick_ms:
        return LATE
    book.tick_ms = stamp
    if tick_e4 == book.tick_e4:
        return 0
    book.tick_e4 = tick_e4
    end_epoch(book)
    return TICK_SIZE | CHANGED


cdef inline int note_trade(BookState* book, int64_t stamp, int price_e4) noexcept nogil:
    """Note the price of a trade, unless a later one is known."""
    if stamp < book.trade_ms:
        return TRADE | LATE
    book.trade_ms = stamp
    book.last_trade_e4 = price_e4
    return TRADE
