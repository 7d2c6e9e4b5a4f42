from libc.stdint cimport int32_t, int64_t

from polymm._core.book cimport Book, BookState
from polymm._core.staging cimport MARKETS_MAX, Staged, Staging, TokenTable

cdef struct Counters:
    int64_t frames
    int64_t fast
    int64_t tolerant
    int64_t rejected
    int64_t books
    int64_t books_late
    int64_t books_merged
    int64_t deltas
    int64_t deltas_late
    int64_t deltas_without_epoch
    int64_t trades
    int64_t tick_changes
    int64_t foreign
    int64_t ignored
    int64_t mirror_mismatches
    int64_t top_mismatches
    int64_t crossed

cdef class Decoder:
    cdef TokenTable* tokens
    cdef Staging* staging
    cdef BookState* states[MARKETS_MAX]
    cdef void* lanes[MARKETS_MAX]
    cdef int32_t touched_slots[MARKETS_MAX]
    cdef int32_t touched_n
    cdef int64_t marks[MARKETS_MAX]
    cdef Counters n
    cdef list books
    cdef list lane_objects
    cdef object read_frame

    cdef inline void begin(self) noexcept:
        self.staging.change_n = 0
        self.staging.event_n = 0
        self.staging.foreign_n = 0
        self.staging.ignored_n = 0
        self.staging.mirror_n = 0

    cpdef int feed(self, frame, int64_t now_ns=*) except -1
    cdef int stage_other(self, object frame) except -1
    cdef int stage_tolerant(self, bytes frame) except -1
    cdef int apply(self) noexcept nogil
    cdef int apply_book(self, const Staged* event) noexcept nogil
    cdef int apply_change(self, const Staged* event) noexcept nogil
    cdef int apply_tick(self, const Staged* event) noexcept nogil
    cdef int apply_trade(self, const Staged* event) noexcept nogil
    cdef int settle_top(
        self, BookState* book, int slot, int bid, int ask, int flags
    ) noexcept nogil
    cdef inline void touch(self, int slot) noexcept nogil:
        if self.marks[slot] != self.n.frames:
            self.marks[slot] = self.n.frames
            self.touched_slots[self.touched_n] = slot
            self.touched_n += 1
