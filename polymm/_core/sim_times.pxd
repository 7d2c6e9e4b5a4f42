# When our side looks at its market again, and cycles that need no look at all.
from libc.stdint cimport int64_t

from polymm._core.sim_names cimport COUNT_SAFE_RANGE, COUNT_SIDE, WHY_KEPT
from polymm._core.sim_orders cimport deadline_ns, retry_ns
from polymm._core.sim_state cimport CycleSettings, Maker, NEVER, ORDER_WORKING, Sim


cdef inline int64_t due_ns(const Maker* maker) noexcept nogil:
    cdef const CycleSettings* s = &maker.settings
    if s.cycle_event and s.requote_interval_min_ns and not maker.looked_again:
        return maker.last_ns + min(s.cycle_ns, s.requote_interval_min_ns)
    return maker.last_ns + s.cycle_ns


cdef inline int64_t next_timer_ns(const Maker* maker) noexcept nogil:
    cdef int64_t proof_ns
    if maker.is_closing:
        return retry_ns(maker)
    if not maker.has_cycled:
        return NEVER
    proof_ns = deadline_ns(maker) if maker.cycle.is_on else NEVER
    if proof_ns == NEVER:
        return due_ns(maker)
    return min(proof_ns, due_ns(maker)) if maker.settings.requote_diff else proof_ns


cdef inline bint is_deaf(const Maker* maker) noexcept nogil:
    """Whether no book matters: a suspended cycle will look at that of its own moment."""
    return maker.is_closing or (maker.cycle.is_on and not maker.settings.requote_diff)


cdef inline bint is_past_end(const Sim* sim, int64_t now_ns) noexcept nogil:
    return 0 < sim.end_ns <= now_ns


cdef inline void note_idle(Maker* maker) noexcept nogil:
    """After a cycle that kept every order: see whether the next one may be the same unseen."""
    cdef int i
    if maker.lane.quoter != NULL or not maker.lane.state.usable or maker.lane.quote.merge_e6:
        return
    for i in range(maker.live_n):
        if maker.live[i].state != ORDER_WORKING or maker.live[i].awaiting:
            return
    maker.is_idle = True
    maker.has_moved = False


cdef inline bint repeat_cycle(Sim* sim, int64_t now_ns) noexcept nogil:
    """Run a cycle of which nothing can be other than of the last one, which kept every order.

    False, and nothing done, where something can: the book the base strategy looks at, shares,
    orders or what is known of them.
    """
    cdef Maker* maker = &sim.maker
    cdef const CycleSettings* s = &maker.settings
    cdef int i
    if not maker.is_idle or maker.has_moved or is_past_end(sim, now_ns):
        return False
    if s.book_age_ns_max and sim.book.newest_ms and (
        now_ns - sim.book.newest_ms * 1000000 > s.book_age_ns_max
    ):
        return False
    if maker.positions_e6[0] >= s.max_total_position_e6:
        return False
    maker.cycles_started += 1
    maker.cycles[WHY_KEPT] += 1
    maker.last_ns = maker.lane.working.since_ns = now_ns
    maker.looked_again = False
    maker.counts[COUNT_SAFE_RANGE] += maker.has_warned
    if maker.sides_missed:
        for i in range(14):
            maker.counts[COUNT_SIDE + i] += maker.sides_missed >> i & 1
    return True
