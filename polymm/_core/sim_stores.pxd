# Growing memory, delays, the two lines of messages between us and the venue, trades seen.
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memmove

from polymm._core.layout cimport ROW_ASK, ROW_DOWN, TapeRow
from polymm._core.queue cimport WINDOW
from polymm._core.sim_state cimport (
    Arrival, Delay, FAULT_MEMORY, NEVER, Reply, Seen, Sim, Store, Venue,
)

cdef extern from *:
    """
    #include <stdint.h>
    static inline uint64_t polymm_mix64(uint64_t* state) {
        uint64_t z = (*state += 0x9E3779B97F4A7C15ULL);
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }
    static inline int64_t polymm_below(uint64_t draw, int64_t n) {
        return (int64_t)(((unsigned __int128)draw * (uint64_t)n) >> 64);
    }
    static inline int64_t polymm_fee_e6(int64_t size_e6, int64_t price_e4, int64_t rate_e6) {
        const __int128 unit = 1000000000000000LL;
        __int128 weight = (__int128)size_e6 * (price_e4 * (10000 - price_e4));
        return (int64_t)((weight * rate_e6 + unit / 2) / unit) * 10;
    }
    /* Items are written to when there is no room either; nobody reads them then. */
    static char polymm_spill[512];
    """
    uint64_t polymm_mix64(uint64_t* state) noexcept nogil
    int64_t polymm_below(uint64_t draw, int64_t n) noexcept nogil
    int64_t polymm_fee_e6(int64_t size_e6, int64_t price_e4, int64_t rate_e6) noexcept nogil
    char polymm_spill[512]


cdef inline void* more_room(Sim* sim, Store* store) noexcept nogil:
    cdef Py_ssize_t room = 2 * store.room if store.room else 64
    cdef char* items = <char*>realloc(store.items, room * store.width)
    if items == NULL:
        sim.fault = FAULT_MEMORY
        return polymm_spill
    store.items = items
    store.room = room
    return items


cdef inline void* append(Sim* sim, Store* store) noexcept nogil:
    """Make room for one more item at the end; the answer is where to write it."""
    cdef void* item
    if store.n == store.room and more_room(sim, store) == <void*>polymm_spill:
        return polymm_spill
    item = store.items + store.n * store.width
    store.n += 1
    return item


cdef inline void* last(Store* store) noexcept nogil:
    return store.items + (store.n - 1) * store.width


cdef inline void clear_store(Store* store) noexcept nogil:
    free(store.items)
    store.items = NULL
    store.n = store.room = 0


cdef inline void drop_first(Store* store, Py_ssize_t* first) noexcept nogil:
    """Step past the first item; what was stepped past is given back once it is half of all."""
    first[0] += 1
    if first[0] == store.n:
        store.n = first[0] = 0
    elif first[0] >= 64 and 2 * first[0] >= store.n:
        store.n -= first[0]
        memmove(store.items, store.items + first[0] * store.width, store.n * store.width)
        first[0] = 0


cdef inline int64_t draw_ns(Delay* delay) noexcept nogil:
    if delay.samples == NULL:
        return delay.constant_ns
    return delay.samples[polymm_below(polymm_mix64(&delay.seed), delay.samples_n)]


cdef inline bint comes_later(const Arrival* a, const Arrival* b) noexcept nogil:
    if a.at_ns != b.at_ns:
        return a.at_ns > b.at_ns
    if a.born_ns != b.born_ns:
        return a.born_ns > b.born_ns
    return a.is_ours > b.is_ours


cdef inline void push_arrival(
    Sim* sim, int64_t at_ns, int64_t born_ns, bint is_ours, int kind, int64_t slot,
    int64_t pairs_e6,
) noexcept nogil:
    """Put what arrives later in its place in the line.

    Where a message of ours may take no time, all happens one after the other, and so it stands.
    """
    cdef Arrival arrival = Arrival(at_ns, born_ns, 0, kind, slot, pairs_e6)
    cdef Arrival* at = <Arrival*>append(sim, &sim.arrivals)
    cdef Py_ssize_t i
    if sim.fault:
        return
    arrival.is_ours = is_ours and sim.order.least_ns > 0 and sim.cancel.least_ns > 0
    i = sim.arrivals.n - 1
    while i > sim.arrivals_first and comes_later(at - 1, &arrival):
        at[0] = (at - 1)[0]
        at -= 1
        i -= 1
    at[0] = arrival
    sim.arrival_ns = min(sim.arrival_ns, at_ns)


cdef inline Arrival take_arrival(Sim* sim) noexcept nogil:
    """Take the first of what arrives out of the line."""
    cdef Arrival arrival = (<Arrival*>sim.arrivals.items)[sim.arrivals_first]
    drop_first(&sim.arrivals, &sim.arrivals_first)
    sim.arrival_ns = NEVER
    if sim.arrivals.n:
        sim.arrival_ns = (<Arrival*>sim.arrivals.items)[sim.arrivals_first].at_ns
    return arrival


cdef inline void push_reply(Sim* sim, int64_t now_ns, Reply reply) noexcept nogil:
    """Send a reply at venue time `now_ns`; those of one time are heard as they were sent."""
    cdef Reply* at = <Reply*>append(sim, &sim.replies)
    cdef Py_ssize_t i
    if sim.fault:
        return
    reply.at_ns = now_ns + draw_ns(&sim.reply)
    i = sim.replies.n - 1
    while i > sim.replies_first and (at - 1).at_ns > reply.at_ns:
        at[0] = (at - 1)[0]
        at -= 1
        i -= 1
    at[0] = reply
    sim.reply_ns = min(sim.reply_ns, reply.at_ns)


cdef inline Reply take_reply(Sim* sim) noexcept nogil:
    """Take the first reply out of the line."""
    cdef Reply reply = (<Reply*>sim.replies.items)[sim.replies_first]
    drop_first(&sim.replies, &sim.replies_first)
    sim.reply_ns = NEVER
    if sim.replies.n:
        sim.reply_ns = (<Reply*>sim.replies.items)[sim.replies_first].at_ns
    return reply


cdef inline int seen_key(int64_t stamp_ms, int64_t size_e6, int64_t token) noexcept nogil:
    """A trade's place among the counts of trades seen."""
    cdef uint64_t mixed = <uint64_t>(stamp_ms * 8191 + size_e6 + token)
    return <int>(mixed * <uint64_t>0x9E3779B97F4A7C15 >> 54)


cdef inline bint is_mirror(
    Sim* sim, int64_t now_ns, const TapeRow* row, int64_t stamp_ms
) noexcept nogil:
    """Whether the other token told this trade within the last second; each answers once."""
    cdef Venue* venue = &sim.venue
    cdef int64_t token = (row.flags & ROW_DOWN) != 0
    cdef int64_t taker_side = (row.flags & ROW_ASK) != 0
    cdef int key = seen_key(stamp_ms, row.size_e6, 1 - token)
    cdef Seen* seen
    cdef Py_ssize_t i
    while venue.seen_first < venue.seen.n:
        seen = <Seen*>venue.seen.items + venue.seen_first
        if now_ns - seen.at_ns <= WINDOW:
            break
        if seen.token >= 0:
            venue.seen_n[seen_key(seen.stamp_ms, seen.size_e6, seen.token)] -= 1
        drop_first(&venue.seen, &venue.seen_first)
    i = venue.seen_first if venue.seen_n[key] else venue.seen.n
    while i < venue.seen.n:
        seen = <Seen*>venue.seen.items + i
        if (
            seen.stamp_ms == stamp_ms and seen.size_e6 == row.size_e6
            and seen.price_e4 == row.price_e4 and seen.taker_side == taker_side
            and seen.token == 1 - token
        ):
            venue.seen_n[key] -= 1
            seen.token = -1
            return True
        i += 1
    seen = <Seen*>append(sim, &venue.seen)
    seen[0] = Seen(now_ns, stamp_ms, row.size_e6, row.price_e4, taker_side, token)
    venue.seen_n[seen_key(stamp_ms, row.size_e6, token)] += 1
    return False
