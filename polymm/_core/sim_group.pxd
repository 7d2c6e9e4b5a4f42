# The loop over all markets of one account, merged in time: each takes memory only while it runs.
# Of one ns the venues come before our sides, and of those the markets in the order in which they
# begin: at their venue's first frame or their window's start, of one moment as they were added.
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free

from polymm._core.book cimport BookState
from polymm._core.lane cimport open_lane
from polymm._core.sim_ledger cimport adds_up
from polymm._core.sim_loop cimport next_local_ns, next_venue_ns, seek_local, seek_venue
from polymm._core.sim_notes cimport finish_notes, join_whys
from polymm._core.sim_orders cimport forget_ended
from polymm._core.sim_state cimport (
    FAULT_LEDGER, FAULT_MEMORY, NEVER, Sim, VENUE_ORDERS_MAX, VenueOrder,
)
from polymm._core.sim_stores cimport clear_store, last
from polymm._core.sim_strides cimport is_done, run_alone, run_local, run_venue
from polymm._core.sim_venue cimport answer


cdef inline bint wake(Sim* sim) noexcept nogil:
    """Take the memory that a market needs while it runs."""
    cdef int side
    sim.venue.book = <BookState*>calloc(1, sizeof(BookState))
    sim.book = <BookState*>calloc(1, sizeof(BookState))
    sim.venue.orders = <VenueOrder*>calloc(VENUE_ORDERS_MAX, sizeof(VenueOrder))
    for side in range(2):
        sim.maker.rejected_ns[side] = <int64_t*>calloc(
            sim.maker.settings.rejects_max, sizeof(int64_t)
        )
        if sim.maker.rejected_ns[side] == NULL:
            sim.fault = FAULT_MEMORY
    if sim.venue.book == NULL or sim.book == NULL or sim.venue.orders == NULL:
        sim.fault = FAULT_MEMORY
    if sim.fault:
        return False
    sim.venue.book.tick_e4 = sim.book.tick_e4 = sim.tick_e4
    open_lane(
        &sim.maker.lane, sim.book, sim.start_ns, sim.end_ns, sim.lot_e6, sim.order_min_e6
    )
    seek_venue(sim)
    seek_local(sim)
    return True


cdef inline void put_to_sleep(Sim* sim) noexcept nogil:
    """Give back all that a market needs only while it runs."""
    cdef int side
    free(sim.venue.book)
    free(sim.book)
    free(sim.venue.orders)
    sim.venue.book = sim.book = NULL
    sim.venue.orders = NULL
    for side in range(2):
        free(sim.maker.rejected_ns[side])
        sim.maker.rejected_ns[side] = NULL
        clear_store(&sim.venue.beyond[side])
    clear_store(&sim.venue.seen)
    clear_store(&sim.arrivals)
    clear_store(&sim.replies)
    clear_store(&sim.notes.turns)
    clear_store(&sim.notes.tellings)


cdef inline void conclude(Sim* sim, int64_t now_ns) noexcept nogil:
    """End a market's run: close its books and see that they add up."""
    cdef int slot
    finish_notes(sim, now_ns)
    for slot in range(VENUE_ORDERS_MAX):
        if sim.venue.used >> slot & 1:
            # Whatever we still believe of it, nobody will speak of it again.
            sim.venue.orders[slot].users = 0
            forget_ended(sim, &sim.venue.orders[slot])
    if not sim.fault and (sim.venue.used or not adds_up(&sim.venue.ledger)):
        sim.fault = FAULT_LEDGER
    sim.is_concluded = True
    put_to_sleep(sim)


cdef struct Group:
    Sim** sims                   # by first_ns
    Py_ssize_t sims_n
    Py_ssize_t asleep            # sims[asleep:] have not begun
    Sim** awake
    Py_ssize_t awake_n


cdef inline void run_venues(Group* group, int64_t local_ns, int64_t until_ns) noexcept nogil:
    """Let all venues' events happen, in order of time, before the first that our side can reach.

    In that ns another market may come first, or what we send before what began later at a venue.
    Where a message of ours takes no time, all that is due comes before the next of our side.
    """
    cdef int64_t first_ns, second_ns, at_ns, limit_ns, sent_ns
    cdef Sim* sim
    cdef Py_ssize_t i, first
    while True:
        first_ns = second_ns = NEVER
        first = 0
        sent_ns = NEVER
        for i in range(group.awake_n):
            sim = group.awake[i]
            sent_ns = min(sent_ns, min(sim.order.least_ns, sim.cancel.least_ns))
            at_ns = next_venue_ns(sim)
            if at_ns < first_ns:
                second_ns = first_ns
                first_ns = at_ns
                first = i
            elif at_ns < second_ns:
                second_ns = at_ns
        limit_ns = min(local_ns + max(sent_ns - 1, 0), until_ns)
        if first_ns > limit_ns or first_ns == NEVER:
            return
        sim = group.awake[first]
        run_venue(sim, max(min(limit_ns, second_ns - 1), first_ns))
        if sim.fault:
            return
        local_ns = min(local_ns, next_local_ns(sim))


cdef inline void run_locals(Group* group, int64_t venue_ns, int64_t until_ns) noexcept nogil:
    """Let our sides' events happen, in order of time, as far as no venue can reach.

    Where a message of ours takes no time, nothing waits for it: each thing follows the last.
    """
    cdef int64_t first_ns, second_ns, at_ns, before_ns, reply_ns
    cdef Sim* sim
    cdef Py_ssize_t i, first
    while True:
        first_ns = second_ns = NEVER
        first = 0
        reply_ns = NEVER
        for i in range(group.awake_n):
            sim = group.awake[i]
            reply_ns = min(reply_ns, sim.reply.least_ns)
            if not sim.order.least_ns or not sim.cancel.least_ns:
                reply_ns = 0
            at_ns = next_local_ns(sim)
            if at_ns < first_ns:
                second_ns = first_ns
                first_ns = at_ns
                first = i
            elif at_ns < second_ns:
                second_ns = at_ns
        before_ns = min(venue_ns + reply_ns, until_ns + 1)
        if first_ns >= before_ns or first_ns == NEVER:
            return
        sim = group.awake[first]
        run_local(sim, max(min(before_ns, second_ns), first_ns + 1))
        if sim.fault:
            return
        venue_ns = min(venue_ns, next_venue_ns(sim))


cdef inline int64_t settle_awake(Group* group, bint* is_faulty) noexcept nogil:
    """Conclude the markets that are done; answer when the next thing happens in another."""
    cdef int64_t next_ns = NEVER
    cdef Py_ssize_t i, kept = 0
    cdef Sim* sim
    for i in range(group.awake_n):
        sim = group.awake[i]
        if is_done(sim) and not sim.fault:
            conclude(sim, sim.end_ns)
        if sim.fault:
            is_faulty[0] = True
        if not sim.is_concluded and sim.notes.tellings.n > 64:
            join_whys(sim, min(next_venue_ns(sim), next_local_ns(sim)))
        if not sim.is_concluded:
            group.awake[kept] = sim
            kept += 1
            next_ns = min(next_ns, min(next_venue_ns(sim), next_local_ns(sim)))
    group.awake_n = kept
    return next_ns


cdef inline bint run_group(Group* group, int64_t until_ns) noexcept nogil:
    """Let everything up to and with a time happen; False where a market failed."""
    cdef int64_t next_ns, cap_ns, local_ns, venue_ns
    cdef bint is_faulty = False
    cdef Py_ssize_t i
    while True:
        next_ns = settle_awake(group, &is_faulty)
        if is_faulty:
            return False
        cap_ns = until_ns
        if group.asleep < group.sims_n:
            cap_ns = min(cap_ns, group.sims[group.asleep].first_ns - 1)
            if next_ns > cap_ns and cap_ns < until_ns:
                group.awake[group.awake_n] = group.sims[group.asleep]
                group.awake_n += 1
                group.asleep += 1
                if not wake(group.awake[group.awake_n - 1]):
                    return False
                continue
        if next_ns > cap_ns:
            return True
        if group.awake_n == 1:
            run_alone(group.awake[0], cap_ns)
            continue
        local_ns = NEVER
        for i in range(group.awake_n):
            local_ns = min(local_ns, next_local_ns(group.awake[i]))
        run_venues(group, local_ns, cap_ns)
        venue_ns = NEVER
        for i in range(group.awake_n):
            venue_ns = min(venue_ns, next_venue_ns(group.awake[i]))
        run_locals(group, venue_ns, cap_ns)
