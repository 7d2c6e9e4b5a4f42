# One market's way from book to wanted quote, in C. The decoder calls evaluate_c once a frame.
from libc.stdint cimport int64_t

from polymm._core.book cimport Book, BookState
from polymm._core.layout cimport Params, Quote, State
from polymm._core.quoting cimport quoter_t

# The orders that work now, remaining sizes; a size of 0 means none on that side.
cdef struct Working:
    int64_t bid_e4
    int64_t bid_e6
    int64_t ask_e4
    int64_t ask_e6
    int64_t since_ns             # moment of the last requote
    int64_t is_known             # 0 until the first requote


cdef class Lane:
    cdef BookState* book
    cdef Book owner              # keeps `book` alive
    cdef State state
    cdef Params params
    cdef Quote quote_
    cdef Working working
    cdef int64_t last_price_e4   # set by the caller, 0 where the book's own price holds
    cdef quoter_t quoter         # NULL: the base strategy
    cdef object quoter_owner     # keeps the compiled quoter alive

    cdef int evaluate_c(self, int64_t now_ns) noexcept nogil
