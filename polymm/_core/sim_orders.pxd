# Our orders of one market as far as replies prove them: polymm.engine.working in C, on a fixed row
# of slots, oldest first.
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memmove

from polymm._core.layout cimport PRICE_SCALE, UP
from polymm._core.sim_names cimport (
    COUNT_CANCEL_GIVEN_UP, COUNT_CANCEL_REFUSED, COUNT_CANCEL_UNPROVEN, COUNT_FILL_DEBT,
    COUNT_IMPOSSIBLE, COUNT_LATE_FILL, COUNT_LATE_REPLY, COUNT_OVERFILL, COUNT_UNANSWERED,
)
from polymm._core.sim_notes cimport note_action, note_cancel_sent, note_rank
from polymm._core.sim_standing cimport is_intended, is_unproven, remaining_e6, standing_of
from polymm._core.sim_state cimport (
    ARRIVE_CANCEL, ARRIVE_PLACE, Belief, FAULT_LEDGER, FAULT_ORDERS, Leg, LIVE_MAX, Maker, NEVER,
    ORDER_CANCEL, ORDER_CLOSING, ORDER_NEW, ORDER_WORKING, Reply, REPLY_ACCEPTED, REPLY_REFUSED,
    REPLY_REJECTED, SELL, Sim, VENUE_ORDERS_MAX, VenueOrder,
)
from polymm._core.sim_stores cimport draw_ns, last, push_arrival


cdef inline bint may_repeat(const Maker* maker, const Belief* order) noexcept nogil:
    return (
        order.state == ORDER_CANCEL and not order.matched
        and order.cancels < maker.settings.cancels_max
    )


cdef inline Belief* find_live(Maker* maker, int64_t order_id) noexcept nogil:
    cdef int i
    for i in range(maker.live_n):
        if maker.live[i].order_id == order_id:
            return &maker.live[i]
    return NULL


cdef inline void end_order(Sim* sim, Belief* order) noexcept nogil:
    """Drop a done order; the pointer is of no use after it."""
    cdef Py_ssize_t i = order - sim.maker.live
    sim.maker.standing.is_current = False
    let_go(sim, &sim.venue.orders[order.slot])
    sim.maker.live_n -= 1
    memmove(order, order + 1, (sim.maker.live_n - i) * sizeof(Belief))


cdef inline int64_t selling_up_e6(const Maker* maker) noexcept nogil:
    """Up shares that back sells which may be live."""
    cdef int64_t total_e6 = 0
    cdef int i
    for i in range(maker.live_n):
        if maker.live[i].token == UP and maker.live[i].action == SELL:
            total_e6 += remaining_e6(&maker.live[i])
    return total_e6


cdef inline void let_go(Sim* sim, VenueOrder* order) noexcept nogil:
    """One less needs to know of an order at the venue; the last to do so forgets it."""
    order.users -= 1
    forget_ended(sim, order)


cdef inline void forget_ended(Sim* sim, VenueOrder* order) noexcept nogil:
    """Forget an order that has ended, once nobody may speak of it any more."""
    cdef int64_t ends_e6
    if order.open_e6 or order.users:
        return
    ends_e6 = order.filled_e6 + order.cancelled_e6 + order.rejected_e6 + order.expired_e6
    if ends_e6 != order.size_e6:
        sim.fault = FAULT_LEDGER
    if order.has_rested:
        note_rank(sim, order)
    sim.venue.used &= ~(<uint64_t>1 << (order - sim.venue.orders))


cdef inline int free_slot(Sim* sim) noexcept nogil:
    cdef int slot
    for slot in range(VENUE_ORDERS_MAX):
        if not sim.venue.used >> slot & 1:
            return slot
    return -1


cdef inline void place(Sim* sim, int64_t now_ns, const Leg* leg) noexcept nogil:
    """Book a new order and send it."""
    cdef Maker* maker = &sim.maker
    cdef int slot = free_slot(sim)
    cdef Belief* order
    cdef VenueOrder* sent
    if slot < 0 or maker.live_n == LIVE_MAX:
        sim.fault = FAULT_ORDERS
        return
    order = &maker.live[maker.live_n]
    maker.live_n += 1
    maker.standing.is_current = False
    order.order_id = maker.next_id
    maker.next_id += 1
    order.price_e4 = leg.price_e4
    order.up_price_e4 = PRICE_SCALE - leg.price_e4 if leg.token else leg.price_e4
    order.size_e6 = leg.size_e6
    order.asked_ns = now_ns
    order.filled_e6 = order.owed_e6 = order.cancels = 0
    order.slot = slot
    order.side = leg.side
    order.token = leg.token
    order.action = leg.action
    order.state = ORDER_NEW
    order.awaiting = True
    order.alive = order.matched = False

    sim.venue.used |= <uint64_t>1 << slot
    sent = &sim.venue.orders[slot]
    sent.order_id = order.order_id
    sent.price_e4 = order.price_e4
    sent.up_price_e4 = order.up_price_e4
    sent.size_e6 = sent.open_e6 = order.size_e6
    sent.filled_e6 = sent.cancelled_e6 = sent.rejected_e6 = sent.expired_e6 = sent.front_e6 = 0
    sent.cancel_sent_ns = NEVER
    sent.side = order.side
    sent.token = order.token
    sent.action = order.action
    sent.has_rested = False
    sent.users = 2  # the maker, and the message on its way
    sim.venue.placed_n += 1
    sim.venue.placed_e6 += order.size_e6
    note_action(sim, now_ns, ARRIVE_PLACE, sent)
    push_arrival(sim, now_ns + draw_ns(&sim.order), now_ns, True, ARRIVE_PLACE, slot, 0)


cdef inline void send_cancel(Sim* sim, int64_t now_ns, Belief* order) noexcept nogil:
    cdef VenueOrder* sent = &sim.venue.orders[order.slot]
    order.state = ORDER_CANCEL
    order.cancels += 1
    order.asked_ns = now_ns
    sim.maker.standing.is_current = False
    order.awaiting = True
    sent.users += 1
    if sent.cancel_sent_ns == NEVER:
        sent.cancel_sent_ns = now_ns
        note_cancel_sent(sim, order.order_id, now_ns)
    note_action(sim, now_ns, ARRIVE_CANCEL, sent)
    push_arrival(
        sim, now_ns + draw_ns(&sim.cancel), now_ns, True, ARRIVE_CANCEL, order.slot, 0
    )


cdef inline void cancel_all(Sim* sim, int64_t now_ns, uint64_t but) noexcept nogil:
    """Cancel everything that may be live; bit i of `but` spares the i-th oldest.

    None is sent where one is on its way, was sent too recently, or can prove nothing.
    """
    cdef Maker* maker = &sim.maker
    cdef Belief* order
    cdef int i
    for i in range(maker.live_n):
        order = &maker.live[i]
        if but >> i & 1:
            continue
        if is_intended(order) or (
            may_repeat(maker, order) and now_ns >= order.asked_ns + maker.settings.proof_wait_ns
        ):
            send_cancel(sim, now_ns, order)


cdef inline void expire(Maker* maker, int64_t now_ns) noexcept nogil:
    """Stop waiting for answers that are overdue. Their orders stay as live as before."""
    cdef Belief* order
    cdef int i
    if now_ns < standing_of(maker).answer_ns:
        return
    maker.standing.is_current = False
    for i in range(maker.live_n):
        order = &maker.live[i]
        if order.awaiting and now_ns >= order.asked_ns + maker.settings.proof_wait_ns:
            order.awaiting = False
            if is_unproven(order):
                maker.counts[COUNT_CANCEL_UNPROVEN] += 1
            elif order.state == ORDER_NEW:
                maker.counts[COUNT_UNANSWERED] += 1
            if order.state == ORDER_CANCEL and not may_repeat(maker, order):
                maker.counts[COUNT_CANCEL_GIVEN_UP] += 1


cdef inline int64_t retry_ns(const Maker* maker) noexcept nogil:
    """When the first cancel is due again, NEVER where there is none to send."""
    cdef int64_t first_ns = NEVER
    cdef int i
    for i in range(maker.live_n):
        if may_repeat(maker, &maker.live[i]):
            first_ns = min(first_ns, maker.live[i].asked_ns + maker.settings.proof_wait_ns)
    return first_ns


cdef inline bint apply_cancelled(
    Sim* sim, int64_t now_ns, Belief* order, int64_t filled_e6
) noexcept nogil:
    if order.state == ORDER_CLOSING:
        return False
    if filled_e6 <= order.filled_e6:
        end_order(sim, order)
        return True
    order.state = ORDER_CLOSING
    order.owed_e6 = filled_e6
    order.asked_ns = now_ns
    order.awaiting = True
    sim.maker.counts[COUNT_FILL_DEBT] += 1
    return True


cdef inline bint apply_answer(Sim* sim, int64_t now_ns, const Reply* reply) noexcept nogil:
    """Move an order by a reply to it; False where the reply was late or impossible."""
    cdef Maker* maker = &sim.maker
    cdef Belief* order = find_live(maker, reply.order_id)
    cdef bint moved = True
    if order == NULL:
        maker.counts[COUNT_LATE_REPLY] += 1
        return False
    maker.standing.is_current = False
    if reply.kind == REPLY_ACCEPTED:
        if order.state == ORDER_NEW:
            order.state = ORDER_WORKING
            order.awaiting = False
        order.alive = True
    elif reply.kind == REPLY_REJECTED:
        # Evidence of life wins over a rejection: the order stays as live as it was.
        moved = not order.alive and (order.state == ORDER_NEW or order.state == ORDER_CANCEL)
        if moved:
            end_order(sim, order)
    elif reply.kind == REPLY_REFUSED:
        moved = is_unproven(order)
        if order.state == ORDER_CANCEL:
            order.awaiting = False
            order.matched = order.matched or reply.code == 1
            maker.counts[COUNT_CANCEL_REFUSED] += 1
    else:
        moved = apply_cancelled(sim, now_ns, order, reply.size_e6)
    if not moved:
        maker.counts[COUNT_IMPOSSIBLE] += 1
    return moved


cdef inline void apply_fill(Sim* sim, const Reply* reply) noexcept nogil:
    """Book a fill; one of an order that is done is late and true all the same."""
    cdef Maker* maker = &sim.maker
    cdef Belief* order = find_live(maker, reply.order_id)
    if order == NULL:
        maker.counts[COUNT_LATE_FILL] += 1
        return
    maker.standing.is_current = False
    order.filled_e6 += reply.size_e6
    order.alive = True
    if order.filled_e6 > order.size_e6:
        maker.counts[COUNT_OVERFILL] += 1
    if remaining_e6(order) == 0:
        end_order(sim, order)
    elif order.state == ORDER_NEW:
        order.state = ORDER_WORKING
        order.awaiting = False
