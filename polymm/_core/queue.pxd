# Queue-position models and the place of one order in its queue: one price of one side.
from libc.stdint cimport int64_t

cdef enum:
    RISK_AVERSE = 0
    PROB = 1
    CHANGES_MAX = 256            # within one window, a power of two; a busy touch has some 150
    WINDOW = 1000000000          # ns, docs/strategy.md 4.5


cdef double risk_averse_c(double front, double back, double chg, double size) noexcept nogil
cdef double prob_c(double front, double back, double chg, double size, double n) noexcept nogil

# One change of the level, young enough that its other half may still come. In this order: shares
# join behind, a trade takes from the front, a drop that no trade explains is judged by the model.
cdef struct Change:
    int64_t since_ns
    int64_t joined_e6
    int64_t traded_e6
    int64_t dropped_e6
    int64_t awaited_e6           # of traded_e6: not yet seen to leave the displayed size

cdef struct Place:
    double front                 # 1e-6 shares ahead of us
    double reached               # 1e-6 shares of trades that went beyond the front, in all
    int64_t shown_e6             # displayed size that front and the shares behind us make up

# The place of one order. The young changes are a ring.
cdef struct Queue:
    Place settled                # before the changes that are still young
    Place current                # after them, unless `is_stale`
    int64_t size_e6              # displayed size of the last update
    int64_t window_ns
    double n
    int model
    int head
    int count
    int is_stale
    Change young[CHANGES_MAX]


cdef void queue_join(
    Queue* queue, int64_t size_e6, int model, double n, int64_t window_ns
) noexcept nogil
cdef void queue_size(Queue* queue, int64_t now_ns, int64_t size_e6) noexcept nogil
cdef int64_t queue_trade(Queue* queue, int64_t now_ns, int64_t size_e6) noexcept nogil
cdef void queue_through(Queue* queue) noexcept nogil


cdef class QueuePosition:
    cdef Queue queue
