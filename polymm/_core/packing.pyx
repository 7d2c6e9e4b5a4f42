"""From what a decoder has staged to the rows of a packed tape.

A row is what a frame changes, as the live decoder understood it, so that whoever replays rows runs
the live code from there on. Prices are in Up terms; a change that was told for both tokens is one.
"""

from libc.stdint cimport int16_t, int64_t, uint8_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

from polymm._core.decode cimport Decoder
from polymm._core.layout cimport (
    ASK, ROW_ASK, ROW_BOOK, ROW_CHANGE, ROW_DOWN, ROW_EVENT_END, ROW_FRAME_END, ROW_LAGGED,
    ROW_LEVEL, ROW_LOCAL, ROW_NOTHING, ROW_RESOLVED, ROW_STAMP, ROW_STAMPED, ROW_TICK, ROW_TRADE,
    ROW_VENUE, TapeRow, whole_t,
)
from polymm._core.staging cimport (
    EVENT_BOOK, EVENT_RESOLVED, EVENT_TICK, EVENT_TRADE, Change, Staged, Staging,
)

from polymm._core import layout
from polymm.errors import InputError

cdef enum:
    ROOM_FIRST = 1024            # rows


cdef class Packer:
    """Collects one market's rows.

    Args:
        decoder: Whose frames are packed; borrowed, so that a running decoder can be listened to.
        slot: The market.

    Raises:
        InputError: No market stands at this slot.
    """

    cdef Decoder decoder
    cdef int slot
    cdef TapeRow* rows_
    cdef Py_ssize_t n
    cdef Py_ssize_t room

    def __cinit__(self, Decoder decoder not None, whole_t slot=0):
        decoder.book(slot)
        self.decoder = decoder
        self.slot = <int>slot

    def __dealloc__(self):
        free(self.rows_)

    @property
    def rows_n(self):
        """Rows collected so far."""
        return self.n

    def feed(self, frame, whole_t exch_ns, whole_t recv_ns=0):
        """Let the decoder read a frame and collect its rows.

        Args:
            frame: As for Decoder.feed.
            exch_ns: Venue time, ns since the epoch.
            recv_ns: Our receipt, 0 where it was not recorded.

        Returns:
            The decoder's flags.

        Raises:
            DecodeError: The frame is malformed; it left no row.
        """
        cdef int flags = self.decoder.feed(frame, recv_ns)
        self.take(exch_ns, recv_ns)
        return flags

    def take(self, whole_t exch_ns, whole_t recv_ns=0):
        """Collect the rows of the last frame that the decoder read: one at least.

        Raises:
            InputError: A time before the epoch.
        """
        cdef Staging* staging = self.decoder.staging
        cdef Staged* event
        cdef Py_ssize_t first = self.n, i
        cdef bint is_lagged = False
        if exch_ns < 0 or recv_ns < 0:
            raise InputError(f"times must be at least 0, were {exch_ns} and {recv_ns}")
        self.make_room(2 * staging.event_n + staging.change_n + 1)
        for i in range(staging.event_n):
            event = &staging.events[i]
            if event.slot == self.slot:
                is_lagged = is_lagged or event.kind == EVENT_TRADE
                self.take_event(event, exch_ns, staging.changes)
        if self.n == first:
            self.put(ROW_NOTHING, 0, 0, 0)
        for i in range(first, self.n):
            self.rows_[i].exch_ns = exch_ns
            self.rows_[i].recv_ns = recv_ns
            self.rows_[i].flags |= ROW_VENUE | ROW_LOCAL | (ROW_LAGGED if is_lagged else 0)
        self.rows_[self.n - 1].flags |= ROW_FRAME_END

    def rows(self):
        """Give all rows so far: (n,) layout.TAPE, in the order of the frames, a copy."""
        import numpy as np

        found = np.empty(self.n, dtype=layout.TAPE)
        cdef uint8_t[::1] raw
        if self.n:
            raw = found.view(np.uint8)
            memcpy(&raw[0], self.rows_, self.n * sizeof(TapeRow))
        return found

    def clear(self):
        """Forget the rows; their memory stays for the next ones."""
        self.n = 0

    cdef int make_room(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t room = self.room if self.room else ROOM_FIRST
        cdef TapeRow* rows
        while room < self.n + more:
            room *= 2
        if room != self.room:
            rows = <TapeRow*>realloc(self.rows_, room * sizeof(TapeRow))
            if rows == NULL:
                raise MemoryError("no memory for the rows of a tape")
            self.rows_ = rows
            self.room = room
        return 0

    cdef TapeRow* put(self, int kind, int flags, int price_e4, int64_t size_e6) noexcept:
        """Append a row; room was made for it."""
        cdef TapeRow* row = &self.rows_[self.n]
        self.n += 1
        row.size_e6 = size_e6
        row.price_e4 = <int16_t>price_e4
        row.top_bid_e4 = row.top_ask_e4 = -1
        row.kind = <uint8_t>kind
        row.flags = <uint8_t>flags
        return row

    cdef void take_event(
        self, const Staged* event, int64_t exch_ns, const Change* changes
    ) noexcept:
        cdef TapeRow* row
        cdef int flags = ROW_DOWN if event.token else 0
        cdef int i
        if event.stamp_ms != exch_ns // 1_000_000:
            self.put(ROW_STAMP, 0, 0, event.stamp_ms)
            flags |= ROW_STAMPED
        if event.kind == EVENT_TRADE:
            flags |= ROW_ASK if event.side == ASK else 0
            row = self.put(ROW_TRADE, flags, event.price_e4, event.size_e6)
        elif event.kind == EVENT_TICK:
            row = self.put(ROW_TICK, flags, event.price_e4, 0)
        elif event.kind == EVENT_RESOLVED:
            row = self.put(ROW_RESOLVED, flags, 0, 0)
        else:
            row = NULL
            if event.kind == EVENT_BOOK:
                row = self.put(ROW_BOOK, flags, event.price_e4, event.count)
            for i in range(event.first, event.first + event.count):
                row = self.put(
                    ROW_LEVEL if event.kind == EVENT_BOOK else ROW_CHANGE,
                    flags | (ROW_ASK if changes[i].side == ASK else 0),
                    changes[i].price_e4, changes[i].size_e6,
                )
            if row == NULL:
                return
            row.top_bid_e4 = <int16_t>event.top_bid_e4
            row.top_ask_e4 = <int16_t>event.top_ask_e4
        row.flags |= ROW_EVENT_END


def read_row(const uint8_t[::1] record):
    """Read a row's bytes through its C struct, so that a test can compare it with the dtype."""
    cdef TapeRow row
    if record.shape[0] != sizeof(TapeRow):
        raise InputError(f"row must be {sizeof(TapeRow)} bytes, was {record.shape[0]}")
    memcpy(&row, &record[0], sizeof(TapeRow))
    return row
