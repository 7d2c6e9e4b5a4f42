"""Rows of a packed tape as the compiled loop takes them: known to be sound, read in place."""

from libc.stdint cimport int64_t, uint8_t

from polymm._core.layout cimport (
    PRICE_E4_MAX, PRICE_E4_MIN, ROW_BOOK, ROW_CHANGE, ROW_DOWN, ROW_FRAME_END, ROW_LAGGED,
    ROW_LEVEL, ROW_LOCAL, ROW_STAMP, ROW_STAMPED, ROW_TICK, ROW_TRADE, ROW_VENUE, TapeRow, whole_t,
)

from polymm._core import layout
from polymm.errors import InputError

cdef int64_t SIZE_E6_MAX = 10 ** 14


cdef bint is_sound(const TapeRow* row) noexcept nogil:
    if row.kind > ROW_STAMP or row.exch_ns < 0 or row.recv_ns < 0:
        return False
    if not row.flags & (ROW_VENUE | ROW_LOCAL):
        return False
    if row.kind == ROW_CHANGE or row.kind == ROW_LEVEL or row.kind == ROW_TRADE:
        return PRICE_E4_MIN <= row.price_e4 <= PRICE_E4_MAX and 0 <= row.size_e6 < SIZE_E6_MAX
    if row.kind == ROW_TICK:
        return row.price_e4 > 0 and 10000 % row.price_e4 == 0
    if row.kind == ROW_BOOK:
        return row.price_e4 == 0 or (row.price_e4 > 0 and 10000 % row.price_e4 == 0)
    return True


cdef bint changes_book(const TapeRow* row) noexcept nogil:
    return (
        row.kind == ROW_CHANGE or row.kind == ROW_BOOK or row.kind == ROW_LEVEL
        or row.kind == ROW_TICK
    )


cdef class TapeRows:
    """Rows of a tape that are known to be sound: checked once, read by any number of runs.

    Args:
        array: (n,) layout.TAPE, contiguous; kept. A memory map is read in place.

    Attributes:
        has_receipts, lacks_receipts: Whether some frames have a recorded receipt, or have none.
        is_steady: Whether what changes a book never comes to either cursor with an older venue
            time than before: then nothing can be late.
        has_mirrors: Whether trades are told of both tokens, so that one may be told twice.

    Raises:
        InputError: Another dtype, an unknown kind, a price outside 1..9999, a time before the
            epoch, or a last frame without its end.
    """

    def __init__(self, array):
        cdef const uint8_t[::1] raw
        cdef int64_t venue_ns = 0, local_ns = 0
        cdef int tokens = 0      # a mask of those that trades name
        cdef Py_ssize_t i
        cdef const TapeRow* row
        if array.dtype != layout.TAPE or array.ndim != 1 or not array.flags.c_contiguous:
            raise InputError(f"rows must be (n,) of layout.TAPE, was {array.dtype}")
        self.array = array
        self.n = array.shape[0]
        self.is_steady = True
        if not self.n:
            return
        raw = array.view("u1")
        self.rows = <const TapeRow*>&raw[0]
        for i in range(self.n):
            row = &self.rows[i]
            if not is_sound(row):
                raise InputError(f"row {i} makes no sense: {array[i]}")
            if row.recv_ns:
                self.has_receipts = True
            else:
                self.lacks_receipts = True
            if row.kind == ROW_TRADE:
                tokens |= 2 if row.flags & ROW_DOWN else 1
            if not changes_book(row):
                continue
            if row.flags & ROW_STAMPED:
                self.is_steady = False
            if row.flags & ROW_VENUE:
                self.is_steady = self.is_steady and row.exch_ns >= venue_ns
                venue_ns = row.exch_ns
            if row.flags & ROW_LOCAL:
                self.is_steady = self.is_steady and row.exch_ns >= local_ns
                local_ns = row.exch_ns
        self.has_mirrors = tokens == 3
        if not self.rows[self.n - 1].flags & ROW_FRAME_END:
            raise InputError("the last frame of the rows has no end")

    @property
    def rows_n(self):
        """How many rows there are."""
        return self.n

    def is_in_order(self, whole_t trade_lag_ns, whole_t feed_ns):
        """Say whether time never falls for either cursor.

        Args:
            trade_lag_ns: How much earlier than its stamp a trade was matched.
            feed_ns: From venue time to receipt, where a receipt was not recorded.
        """
        cdef int64_t venue_ns = 0, local_ns = 0, at_ns
        cdef const TapeRow* row
        cdef Py_ssize_t i
        for i in range(self.n):
            row = &self.rows[i]
            if row.flags & ROW_VENUE:
                at_ns = row.exch_ns - (trade_lag_ns if row.flags & ROW_LAGGED else 0)
                if at_ns < venue_ns:
                    return False
                venue_ns = at_ns
            if row.flags & ROW_LOCAL:
                at_ns = row.recv_ns if row.recv_ns else row.exch_ns + feed_ns
                if at_ns < local_ns:
                    return False
                local_ns = at_ns
        return True
