# What our live orders come to, all seen in one look, which is taken again only after one of them
# has changed: a step asks several times.
from libc.stdint cimport int64_t

from polymm._core.layout cimport BID
from polymm._core.sim_state cimport (
    Belief, Maker, NEVER, ORDER_CANCEL, ORDER_CLOSING, ORDER_NEW, ORDER_WORKING, Standing,
)


cdef inline int64_t remaining_e6(const Belief* order) noexcept nogil:
    """What may still fill."""
    cdef int64_t total_e6 = order.size_e6
    if order.state == ORDER_CLOSING:
        total_e6 = order.owed_e6
    return max(total_e6 - order.filled_e6, 0)


cdef inline bint is_intended(const Belief* order) noexcept nogil:
    return order.state == ORDER_NEW or order.state == ORDER_WORKING


cdef inline bint is_unproven(const Belief* order) noexcept nogil:
    return order.state == ORDER_CANCEL or order.state == ORDER_CLOSING


cdef inline bint may_hold(const Belief* order) noexcept nogil:
    """Whether an order is meant to stay, and answered as far as an answer is due."""
    return (order.state == ORDER_WORKING) | ((order.state == ORDER_NEW) & order.awaiting)


cdef inline void look_over(Maker* maker) noexcept nogil:
    cdef Standing* standing = &maker.standing
    cdef const Belief* order
    cdef int64_t answer_ns
    cdef int i, side
    standing.level_e4[0] = standing.level_e4[1] = 0
    standing.level_e6[0] = standing.level_e6[1] = 0
    standing.waiting = standing.blocked = 0
    standing.proof_ns = standing.answer_ns = NEVER
    for i in range(maker.live_n):
        order = &maker.live[i]
        side = order.side
        answer_ns = order.asked_ns + maker.settings.proof_wait_ns if order.awaiting else NEVER
        standing.answer_ns = min(standing.answer_ns, answer_ns)
        if is_intended(order):
            if not standing.level_e4[side] or (
                order.up_price_e4 > standing.level_e4[side] if side == BID
                else order.up_price_e4 < standing.level_e4[side]
            ):
                standing.level_e4[side] = order.up_price_e4
            standing.level_e6[side] += remaining_e6(order)
        elif order.awaiting:
            standing.waiting |= 1 << side
            standing.proof_ns = min(standing.proof_ns, answer_ns)
        else:
            standing.blocked |= 1 << side
    standing.is_current = True


cdef inline const Standing* standing_of(Maker* maker) noexcept nogil:
    """Give what the live orders come to; good until one of them changes."""
    if not maker.standing.is_current:
        look_over(maker)
    return &maker.standing


cdef inline void unproven(Maker* maker, int held, int* waiting, int* blocked) noexcept nogil:
    """Masks of sides that wait for a proof on its way, and that are blocked: none is to come."""
    cdef const Standing* standing = standing_of(maker)
    waiting[0] = standing.waiting
    blocked[0] = standing.blocked
    if waiting[0]:
        waiting[0] |= held
    elif blocked[0]:
        blocked[0] |= held
