from libc.stdint cimport int64_t

from polymm._core.layout cimport TapeRow


cdef class TapeRows:
    cdef readonly object array
    cdef const TapeRow* rows
    cdef Py_ssize_t n
    cdef readonly bint has_receipts
    cdef readonly bint lacks_receipts
    cdef int check_times(self, int64_t lag_ns, int64_t feed_ns) except -1
