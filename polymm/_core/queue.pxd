# Queue-position models and the place of one order in its queue. Up terms do not matter here: a
# queue is one price of one side.
from libc.stdint cimport int64_t

cdef enum:
    RISK_AVERSE = 0
    PROB = 1
    UNMATCHED_MAX = 64           # changes waiting for their other half; touch levels see under 20


cdef double risk_averse_c(double front, double back, double chg, double size) noexcept nogil
cdef double prob_c(double front, double back, double chg, double size, double n) noexcept nogil

cdef struct Change:
    int64_t since_ns
    int64_t size_e6

cdef class QueuePosition:
    cdef double front            # 1e-6 shares ahead of us
    cdef int64_t shown_e6        # displayed size the queue has digested
    cdef int64_t size_e6         # displayed size of the last update
    cdef int64_t window_ns
    cdef double n
    cdef int model
    cdef int waiting_trades      # the waiting changes are 1: trades, 0: drops
    cdef int count
    cdef Change waiting[UNMATCHED_MAX]

    cdef void drop_c(self, int64_t chg_e6) noexcept nogil
    cdef void forget_oldest(self) noexcept nogil
    cdef void wait_c(self, int64_t now_ns, int64_t size_e6, int trades) noexcept nogil
    cdef int64_t match_c(self, int64_t size_e6, int trades) noexcept nogil
    cdef void settle_c(self, int64_t now_ns) noexcept nogil
