"""Cutting plain websocket frames out of the bytes of a socket: whole, unmasked text or binary.

Nearly everything a feed sends is that. Any other frame is left to a full parser, each whole, or as
much of it as that needs to refuse it.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.object cimport PyObject_CallFunctionObjArgs
from cpython.ref cimport PyObject
from libc.stdint cimport uint64_t

cdef enum:
    TEXT = 0x81  # the last frame of its message, which began with it
    BINARY = 0x82
    WIDE = 126  # a size of two bytes follows
    WIDER = 127  # of eight


cdef class Cutter:
    """Cuts one connection's frames.

    Args:
        bytes_max: Largest payload to deliver; a larger frame is left to the parser.

    Attributes:
        is_muted: Messages are passed over.
        is_ended: Nothing is cut any more; a callback may set it.
        is_fragmented: The parser is in the middle of a message: all frames are its own.
        stop: Where the frame ends that is left to the parser, possibly beyond the data; 0 for none.
        need: How many bytes the frame at the answered position needs to be looked at again.
    """

    cdef public bint is_muted
    cdef public bint is_ended
    cdef public bint is_fragmented
    cdef readonly Py_ssize_t stop
    cdef readonly Py_ssize_t need
    cdef Py_ssize_t bytes_max

    def __init__(self, Py_ssize_t bytes_max):
        self.bytes_max = bytes_max

    def cut(self, bytes data not None, Py_ssize_t pos, on_message, recv_ns):
        """Deliver what can be delivered from a position on.

        Args:
            data: What came, perhaps with the rest of an earlier read before it.
            pos: Where a frame begins, 0..len(data).
            on_message: Called with each payload and ``recv_ns``.
            recv_ns: Handed on.

        Returns:
            The position of the first frame that was not cut, or the end of the data.
        """
        cdef const unsigned char* p = <const unsigned char*>PyBytes_AS_STRING(data)
        cdef Py_ssize_t end = PyBytes_GET_SIZE(data)
        cdef Py_ssize_t start, stop
        cdef uint64_t size
        cdef int wide, i
        cdef bint is_small
        self.stop = 0
        self.need = 2
        pos = max(pos, 0)
        while end - pos >= 2:
            size = p[pos + 1]
            wide = 2 if size == WIDE else 8 if size == WIDER else 0
            start = pos + 2 + wide
            if start > end:
                self.need = 2 + wide
                return pos
            if size > WIDER:
                # The top bit is that of a masked frame, which a server never sends.
                size = <uint64_t>self.bytes_max + 1
            elif wide:
                size = 0
                for i in range(pos + 2, start):
                    size = size << 8 | p[i]
            is_small = size <= <uint64_t>self.bytes_max
            stop = start + <Py_ssize_t>size if is_small else end + 1
            if stop > end and is_small:
                self.need = stop - pos
                return pos
            if not is_small or self.is_fragmented or p[pos] != TEXT and p[pos] != BINARY:
                self.stop = stop
                return pos
            if not self.is_muted:
                payload = PyBytes_FromStringAndSize(<const char*>p + start, stop - start)
                PyObject_CallFunctionObjArgs(
                    on_message, <PyObject*>payload, <PyObject*>recv_ns, NULL
                )
            pos = stop
            if self.is_ended:
                return pos
        return pos
