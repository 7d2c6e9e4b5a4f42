# When our side looks at its market again, and cycles that need no look at all.
from libc.stdint cimport int64_t

from polymm._core.lane cimport form_quote, LaneState, price_now, quote_differs
from polymm._core.layout cimport Quote, State
from polymm._core.quoting cimport base_quote
from polymm._core.signals cimport conclude_levels, shows_the_same
from polymm._core.sim_names cimport (
    COUNT_MERGE_OPPORTUNITY, COUNT_SAFE_RANGE, COUNT_SIDE, REASONS_N, WHY_KEPT, WHY_SUPERSEDED,
)
from polymm._core.sim_orders cimport retry_ns
from polymm._core.sim_standing cimport standing_of
from polymm._core.sim_state cimport (
    Belief, CycleSettings, Maker, MOVED_BOOK, MOVED_LEVEL, NEVER, ORDER_WORKING, Sim,
)


cdef inline int64_t due_ns(const Maker* maker) noexcept nogil:
    cdef const CycleSettings* s = &maker.settings
    if s.cycle_event and s.requote_interval_min_ns and not maker.looked_again:
        return maker.last_ns + min(s.cycle_ns, s.requote_interval_min_ns)
    return maker.last_ns + s.cycle_ns


cdef inline int64_t next_timer_ns(Maker* maker) noexcept nogil:
    cdef int64_t proof_ns
    if maker.is_closing:
        return retry_ns(maker)
    if not maker.has_cycled:
        return NEVER
    proof_ns = standing_of(maker).proof_ns if maker.cycle.is_on else NEVER
    if proof_ns != NEVER and not maker.settings.requote_diff:
        return proof_ns
    return min(proof_ns, due_ns(maker))


cdef inline bint is_deaf(const Maker* maker) noexcept nogil:
    """Whether no book matters: a suspended cycle will look at that of its own moment."""
    return maker.is_closing | (maker.cycle.is_on & (not maker.settings.requote_diff))


cdef inline bint is_past_end(const Sim* sim, int64_t now_ns) noexcept nogil:
    return 0 < sim.end_ns <= now_ns


cdef inline void look_again(Maker* maker) noexcept nogil:
    """See whether levels that came or went leave all that the base strategy looks at as it was."""
    cdef LaneState* lane = &maker.lane
    if maker.has_moved != MOVED_LEVEL or not lane.state.usable or not lane.book.has_epoch:
        return
    if shows_the_same(lane.book, lane.params.min_size_e6, &lane.depth):
        maker.has_moved = 0
    else:
        maker.has_moved = MOVED_BOOK


cdef inline bint is_quoted_as_idle(const Maker* maker) noexcept nogil:
    """Whether quote and touch are those of the last cycle that sent nothing.

    Of a book that is thin now they follow from the next trade too, and are not the same for long.
    """
    cdef const Quote* quote = &maker.lane.quote
    cdef const Quote* idle = &maker.idle_quote
    return (
        maker.lane.state.usable and quote.bid_e4 == idle.bid_e4 and quote.bid_e6 == idle.bid_e6
        and quote.ask_e4 == idle.ask_e4 and quote.ask_sell_e6 == idle.ask_sell_e6
        and quote.ask_buy_e6 == idle.ask_buy_e6 and quote.merge_e6 == idle.merge_e6
        and quote.reasons == idle.reasons
        and maker.lane.state.best_bid_e4 == maker.idle_bid_e4
        and maker.lane.state.best_ask_e4 == maker.idle_ask_e4
        and maker.lane.state.tick_e4 == maker.idle_tick_e4
    )


cdef inline bint holds_as_formed(const Maker* maker) noexcept nogil:
    """Whether the shares held are those that the last quote was formed on."""
    cdef const State* state = &maker.lane.state
    return (
        state.up_e6 == maker.formed_up_e6 and state.down_e6 == maker.formed_down_e6
        and state.sellable_up_e6 == maker.formed_sellable_e6
    )


cdef inline void form(Maker* maker, int64_t now_ns) noexcept nogil:
    """Form the quote of this moment."""
    cdef LaneState* lane = &maker.lane
    cdef State* state = &lane.state
    if maker.sees_sizes or not lane.book.has_epoch:
        form_quote(lane, now_ns)
    elif maker.has_moved or not state.usable or not holds_as_formed(maker):
        state.now_ns = now_ns
        state.tick_e4 = lane.book.tick_e4
        if maker.has_moved:
            shows_the_same(lane.book, lane.params.min_size_e6, &lane.depth)
            conclude_levels(&lane.depth, state)
        state.last_price_e4 = price_now(lane.book, state, lane.last_price_e4)
        base_quote(state, &lane.params, &lane.quote)
        maker.formed_up_e6 = state.up_e6
        maker.formed_down_e6 = state.down_e6
        maker.formed_sellable_e6 = state.sellable_up_e6
    if maker.is_idle and (maker.has_moved or lane.quoter != NULL):
        maker.is_idle = is_quoted_as_idle(maker)
    maker.has_moved = 0


cdef inline void note_idle(Maker* maker, int64_t now_ns) noexcept nogil:
    """After a cycle that placed nothing: see whether the next one may be the same unseen."""
    cdef const CycleSettings* s = &maker.settings
    cdef const State* state = &maker.lane.state
    cdef const Belief* order
    cdef int i
    if not state.usable or not maker.lane.working.is_known:
        return
    if (maker.lane.quote.merge_e6 and s.merge_enabled) or is_deaf(maker):
        return
    maker.idle_until_ns = NEVER
    for i in range(maker.live_n):
        order = &maker.live[i]
        if order.awaiting or order.state != ORDER_WORKING:
            if order.asked_ns == now_ns or not order.awaiting:
                return
            maker.idle_until_ns = min(maker.idle_until_ns, order.asked_ns + s.proof_wait_ns)
    maker.is_idle = True
    maker.idle_quote = maker.lane.quote
    maker.idle_bid_e4 = state.best_bid_e4
    maker.idle_ask_e4 = state.best_ask_e4
    maker.idle_tick_e4 = state.tick_e4
    maker.has_merge = maker.lane.quote.merge_e6 != 0
    maker.idle_differs = quote_differs(&maker.lane)


cdef inline bint is_as_last(const Maker* maker, int64_t now_ns) noexcept nogil:
    """Whether our side's own state and the book stand as when the last cycle sent nothing."""
    return maker.is_idle & (maker.has_moved == 0) & (now_ns < maker.idle_until_ns)


cdef inline bint is_fit_to_repeat(const Sim* sim, int64_t now_ns) noexcept nogil:
    """Whether nothing but our own state and the book's levels could end a cycle before its time."""
    cdef const CycleSettings* s = &sim.maker.settings
    if is_past_end(sim, now_ns) or sim.maker.positions_e6[0] >= s.max_total_position_e6:
        return False
    return not (
        s.book_age_ns_max and sim.book.newest_ms
        and now_ns - sim.book.newest_ms * 1000000 > s.book_age_ns_max
    )


cdef inline int64_t repeats_until_ns(const Sim* sim) noexcept nogil:
    """Before when each frame repeats the last cycle while levels stay, 0 where one asks more."""
    cdef const Maker* maker = &sim.maker
    cdef int64_t until_ns = maker.idle_until_ns
    if not (maker.is_idle and maker.idle_differs and maker.is_stale):
        return 0
    if maker.lane.quoter != NULL or not is_fit_to_repeat(sim, sim.book.newest_ms * 1000000):
        return 0
    if sim.end_ns > 0:
        until_ns = min(until_ns, sim.end_ns)
    # A book that grows younger meanwhile is no worse.
    if maker.settings.book_age_ns_max and sim.book.newest_ms:
        until_ns = min(
            until_ns, sim.book.newest_ms * 1000000 + maker.settings.book_age_ns_max
        )
    return until_ns


cdef inline void count_repeats(Maker* maker, int64_t n, int64_t last_ns) noexcept nogil:
    """Count cycles that were the last one again; the newest of them began at `last_ns`."""
    cdef int i
    maker.cycles_started += n
    # One that waits for proofs gives way to the next, which waits for the same ones.
    maker.cycles[WHY_SUPERSEDED if maker.cycle.is_on else WHY_KEPT] += n
    maker.last_ns = maker.lane.working.since_ns = last_ns
    maker.looked_again = False
    maker.counts[COUNT_SAFE_RANGE] += n * maker.has_warned
    maker.counts[COUNT_MERGE_OPPORTUNITY] += n * maker.has_merge
    if maker.sides_missed:
        for i in range(REASONS_N):
            maker.counts[COUNT_SIDE + i] += n * (maker.sides_missed >> i & 1)


cdef inline bint repeat_cycle(Sim* sim, int64_t now_ns) noexcept nogil:
    """Run a cycle of which nothing can be other than of the last one, which sent nothing.

    False, and nothing done, where something can: the book the base strategy looks at, shares,
    orders or what is known of them.
    """
    look_again(&sim.maker)
    if not is_as_last(&sim.maker, now_ns) or not is_fit_to_repeat(sim, now_ns):
        return False
    count_repeats(&sim.maker, 1, now_ns)
    return True
