"""How long each stage of the path takes: counts by duration, recorded for the price of an add.

Durations fall into buckets that grow with them, eight to a doubling, so that a quantile is read to
within an eighth of itself, however long the program runs. An array owns the counts, this borrows
them: NumPy is only loaded by who looks at them, since a start has no time for it.
"""

from array import array

from libc.stdint cimport int64_t, uint64_t

from polymm._core.layout cimport whole_t

from polymm.errors import InputError

cdef enum:
    SHIFT = 3
    STEPS = 8  # 2 ** SHIFT buckets to a doubling
    BUCKETS = 488  # up to 2**63 - 1 ns

BUCKETS_N = BUCKETS


cdef inline int bucket_of(int64_t ns) noexcept nogil:
    """Bucket of a duration: the exact number below 16 ns, then its four leading bits."""
    cdef int doublings = 0
    cdef uint64_t rest
    if ns < 0:
        ns = 0
    rest = <uint64_t>ns
    while rest >= 2 * STEPS:
        rest >>= 1
        doublings += 1
    return doublings * STEPS + <int>rest


cdef class Stages:
    """Counts the durations of named stages.

    Args:
        names: Of the stages; a stage is recorded by its place here.

    Raises:
        InputError: There is no name.
    """

    cdef object owner
    cdef int64_t[::1] counts
    cdef int64_t[::1] longest
    cdef Py_ssize_t stages_n
    cdef readonly tuple names

    def __init__(self, names):
        self.names = tuple(names)
        self.stages_n = len(self.names)
        if not self.stages_n:
            raise InputError("stages must have at least one name, had none")
        self.owner = array("q", bytes(8 * BUCKETS * self.stages_n))
        self.counts = self.owner
        self.longest = array("q", bytes(8 * self.stages_n))

    def record(self, Py_ssize_t stage, whole_t ns):
        """Count one duration.

        Args:
            stage: Place of its name; another one is our mistake and counts nothing.
            ns: 0 or more; a clock that went back counts as 0.
        """
        if 0 <= stage < self.stages_n:
            self.counts[stage * BUCKETS + bucket_of(ns)] += 1
            if ns > self.longest[stage]:
                self.longest[stage] = ns

    def count(self, Py_ssize_t stage):
        """How many durations a stage has."""
        cdef int64_t total = 0
        cdef int i
        check(self, stage)
        for i in range(BUCKETS):
            total += self.counts[stage * BUCKETS + i]
        return total

    def longest_ns(self, Py_ssize_t stage):
        """The longest duration of a stage, exact; 0 where it has none."""
        return int(self.longest[check(self, stage)])

    def quantile_ns(self, Py_ssize_t stage, double share):
        """Duration that ``share`` of a stage's did not exceed, an eighth too long at most.

        Args:
            share: Above 0, at most 1.

        Returns:
            The upper end of the bucket, never above the longest; 0 where there is none.
        """
        cdef int64_t total = self.count(stage)
        cdef int64_t seen = 0
        cdef int i
        if total == 0:
            return 0
        for i in range(BUCKETS):
            seen += self.counts[stage * BUCKETS + i]
            if seen >= share * total:
                return min(upper_ns(i), self.longest[stage])
        return int(self.longest[stage])

    @property
    def counts_view(self):
        """(stages, BUCKETS_N) int64, live: counts by bucket."""
        from numpy import frombuffer, int64

        return frombuffer(self.owner, int64).reshape(self.stages_n, BUCKETS)


cdef Py_ssize_t check(Stages stages, Py_ssize_t stage) except -1:
    if not 0 <= stage < stages.stages_n:
        raise InputError(f"stage must be within 0..{stages.stages_n - 1}, was {stage}")
    return stage


cdef int64_t upper_ns(int i) noexcept nogil:
    """Longest duration of a bucket."""
    cdef int doublings
    if i < 2 * STEPS:
        return i
    doublings = i // STEPS - 1
    return <int64_t>((<uint64_t>(i % STEPS + STEPS + 1) << doublings) - 1)


def bucket_bounds(whole_t ns):
    """Bucket of a duration and the longest duration in it, for tests."""
    cdef int i = bucket_of(ns)
    return i, upper_ns(i)
