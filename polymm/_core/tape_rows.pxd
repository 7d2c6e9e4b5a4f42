from polymm._core.layout cimport TapeRow


cdef class TapeRows:
    cdef readonly object array
    cdef const TapeRow* rows
    cdef Py_ssize_t n
    cdef readonly bint has_receipts
    cdef readonly bint lacks_receipts
    cdef readonly bint is_steady
    cdef readonly bint has_mirrors
