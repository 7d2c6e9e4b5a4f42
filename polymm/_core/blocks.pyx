"""Where received frames wait to be written: blocks of memory that are filled in turn.

Whoever puts never waits: with no block left, frames are counted as lost, and the next block says
how many and when. One thread puts and another takes; each call holds the GIL for its moment only.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.object cimport PyObject, PyObject_CallFunctionObjArgs
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from polymm._core.layout cimport whole_t

from polymm.errors import InputError

cdef extern from "Python.h":
    enum:
        PyBUF_READ

cdef enum:
    BLOCKS_MAX = 1024
    NONE = -1

cdef struct Head:
    # What stands before each frame, 16 bytes; `polymm.research.recording_format` reads it.
    int64_t ns
    uint32_t size
    uint16_t socket
    uint8_t channel
    uint8_t reserved

cdef struct Loss:
    int64_t frames
    int64_t size
    int64_t first_ns
    int64_t last_ns

cdef struct Block:
    Py_ssize_t used
    int64_t frames
    int64_t first_ns
    int64_t last_ns
    Loss loss  # before its first frame
    bint begins_file

HEAD_BYTES = sizeof(Head)


cdef class Blocks:
    """Blocks of memory for frames; they are the caller's to write and give back.

    Args:
        count: Blocks, 2..1024.
        block_bytes: Room of one, with 16 bytes beside each frame; a larger frame is lost. Only
            what is used of it takes memory.
        full_bytes: A block that holds so many is full.

    Attributes:
        frames: Put so far, those that were lost not among them.
        lost_frames, lost_bytes: For want of room, so far.

    Raises:
        InputError: A number is out of range.
        MemoryError: There is not so much.
    """

    cdef readonly int64_t frames
    cdef readonly int64_t lost_frames
    cdef readonly int64_t lost_bytes
    cdef unsigned char* memory
    cdef Block blocks[BLOCKS_MAX]
    cdef int spare[BLOCKS_MAX]  # a stack: what was used last is still in the cache
    cdef int filled[BLOCKS_MAX]  # a ring
    cdef int spare_n
    cdef int filled_n
    cdef int filled_first
    cdef int count
    cdef int current
    cdef bint is_file_due
    cdef Py_ssize_t block_bytes
    cdef Py_ssize_t full_bytes
    cdef Loss loss

    def __cinit__(self, int count, Py_ssize_t block_bytes, Py_ssize_t full_bytes):
        if not 2 <= count <= BLOCKS_MAX:
            raise InputError(f"count must be within 2..{BLOCKS_MAX}, was {count}")
        if not 1 <= full_bytes <= block_bytes:
            raise InputError(f"full_bytes must be within 1..{block_bytes}, was {full_bytes}")
        self.memory = <unsigned char*>malloc(count * block_bytes)
        if self.memory == NULL:
            raise MemoryError
        self.count = count
        self.block_bytes = block_bytes
        self.full_bytes = full_bytes
        self.current = NONE
        self.spare_n = count
        cdef int i
        for i in range(count):
            self.spare[i] = count - 1 - i

    def __dealloc__(self):
        free(self.memory)

    cdef bint put_c(
        self, int64_t ns, int channel, int socket, const char* frame, Py_ssize_t size
    ) noexcept:
        """Copy a frame behind the others; False where it is lost."""
        cdef Py_ssize_t needed = size + <Py_ssize_t>sizeof(Head)
        cdef Block* block
        cdef Head head
        if self.current == NONE or self.blocks[self.current].used + needed > self.block_bytes:
            if needed > self.block_bytes or not self.begin_block():
                self.lose(ns, size)
                return False
        block = &self.blocks[self.current]
        head.ns = ns
        head.size = <uint32_t>size
        head.socket = <uint16_t>socket
        head.channel = <uint8_t>channel
        head.reserved = 0
        cdef unsigned char* at = self.memory + self.current * self.block_bytes + block.used
        memcpy(at, &head, sizeof(Head))
        memcpy(at + sizeof(Head), frame, size)
        if not block.frames:
            block.first_ns = block.last_ns = ns
        elif ns < block.first_ns:
            block.first_ns = ns
        elif ns > block.last_ns:
            block.last_ns = ns
        block.used += needed
        block.frames += 1
        self.frames += 1
        if block.used >= self.full_bytes:
            self.end_block()
        return True

    cdef bint begin_block(self) noexcept:
        """Go on in a spare block; False where there is none."""
        cdef Block* block
        self.end_block()
        if not self.spare_n:
            return False
        self.spare_n -= 1
        self.current = self.spare[self.spare_n]
        block = &self.blocks[self.current]
        block.used = block.frames = 0
        block.loss = self.loss
        block.begins_file = self.is_file_due
        self.loss = Loss(0, 0, 0, 0)
        self.is_file_due = False
        return True

    cdef void end_block(self) noexcept:
        if self.current != NONE:
            self.filled[(self.filled_first + self.filled_n) % self.count] = self.current
            self.filled_n += 1
            self.current = NONE

    cdef void lose(self, int64_t ns, Py_ssize_t size) noexcept:
        cdef Loss* loss = &self.loss
        if not loss.frames:
            loss.first_ns = loss.last_ns = ns
        loss.first_ns = min(loss.first_ns, ns)
        loss.last_ns = max(loss.last_ns, ns)
        loss.frames += 1
        loss.size += size
        self.lost_frames += 1
        self.lost_bytes += size

    def put(self, whole_t ns, int channel, int socket, bytes frame not None):
        """Copy a frame behind the others.

        Args:
            ns: When it was received.
            channel: 0..255.
            socket: 0..65535.

        Returns:
            Whether there was room; a frame that found none is counted.
        """
        return self.put_c(
            ns, channel, socket, PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame)
        )

    def end_file(self):
        """Have the next block say that it begins a file."""
        self.end_block()
        self.is_file_due = True

    def take(self, *, bint is_due):
        """Take the oldest block that is full.

        Args:
            is_due: Take one that is not full too.

        Returns:
            None, or (number, frames, bytes, first ns, last ns, begins a file, loss): what it holds,
            as a view that ends with `give_back`; ``loss`` is what was lost before it, as
            `take_loss` answers it.
        """
        if not self.filled_n:
            if not is_due or self.current == NONE:
                return None
            self.end_block()
        cdef int number = self.filled[self.filled_first]
        cdef Block* block = &self.blocks[number]
        self.filled_first = (self.filled_first + 1) % self.count
        self.filled_n -= 1
        view = PyMemoryView_FromMemory(
            <char*>self.memory + number * self.block_bytes, block.used, PyBUF_READ
        )
        return (
            number, block.frames, view, block.first_ns, block.last_ns, block.begins_file,
            loss_of(&block.loss),
        )

    def give_back(self, int number):
        """Let a block that was taken be filled again; each once."""
        if not 0 <= number < self.count or self.spare_n >= self.count:
            raise InputError(f"block must be one that was taken, was {number}")
        self.spare[self.spare_n] = number
        self.spare_n += 1

    def take_loss(self):
        """Answer (frames, bytes, first ns, last ns) of what was lost behind all blocks, and forget
        it; None for nothing."""
        loss = loss_of(&self.loss)
        self.loss = Loss(0, 0, 0, 0)
        return loss


cdef object loss_of(Loss* loss):
    if not loss.frames:
        return None
    return loss.frames, loss.size, loss.first_ns, loss.last_ns


cdef class Tap:
    """Puts what one socket delivers before it hands it on.

    Args:
        blocks: Where to.
        channel: 0..255.
        socket: 0..65535, of this channel's socket.
        on_message: Takes payload and time as before; its errors are its own.
    """

    cdef Blocks blocks
    cdef int channel
    cdef int socket
    cdef object on_message

    def __init__(self, Blocks blocks not None, int channel, int socket, on_message):
        self.blocks = blocks
        self.channel = channel
        self.socket = socket
        self.on_message = on_message

    def take(self, bytes frame not None, recv_ns):
        """Take one payload, and when it came."""
        self.blocks.put_c(
            recv_ns, self.channel, self.socket, PyBytes_AS_STRING(frame), PyBytes_GET_SIZE(frame)
        )
        return PyObject_CallFunctionObjArgs(
            self.on_message, <PyObject*>frame, <PyObject*>recv_ns, NULL
        )
