# Long strides over plain frames: each side reads on as far as no message of the other can reach it.
from libc.stdint cimport int64_t

from polymm._core.apply cimport change_level, newest_snapshot, note_trade, pass_stamp, set_other
from polymm._core.book cimport BookState
from polymm._core.layout cimport (
    CHANGED, Params, ROW_ASK, ROW_CHANGE, ROW_FRAME_END, ROW_LAGGED, ROW_LOCAL, ROW_STAMPED,
    ROW_TRADE, ROW_VENUE, TapeRow,
)
from polymm._core.sim_loop cimport (
    asks_anew, change_ours, may_be_ours, local_event, local_frame, MS_NS, next_local_ns,
    next_venue_ns, seek_local, seek_venue, set_timer, trade_ours, venue_event, venue_frame,
)
from polymm._core.sim_maker cimport step_book
from polymm._core.sim_notes cimport GAP_NS, is_near, join_whys, look_near
from polymm._core.sim_state cimport Arrival, FORM_THROUGH, FORM_TRADES, Maker, NEVER, Notes, Sim
from polymm._core.sim_times cimport count_repeats, is_deaf, repeats_until_ns
from polymm._core.sim_venue cimport take_size, take_trade


cdef enum:
    SINGLE = ROW_FRAME_END       # of the flags of SINGLE_OF: a frame of one row, of its own time
    SINGLE_OF = ROW_FRAME_END | ROW_STAMPED


cdef inline int64_t least_e6(const Sim* sim, int64_t min_size_e6) noexcept nogil:
    """From which size on a level that stays so big shows nothing but its size; NEVER: none does."""
    return max(min_size_e6, 1) if sim.is_steady else NEVER


cdef inline void stride_venue(Sim* sim, int64_t until_ns) noexcept nogil:
    """Let the venue read plain frames up to and with a time, or up to one that fills us.

    What it does is `venue_frame` for frames of one change or trade, while the book is fresh.
    """
    cdef const TapeRow* row = sim.rows + sim.venue_row
    cdef const TapeRow* end = sim.rows + sim.rows_n
    cdef BookState* book = sim.venue.book
    cdef Notes* notes = &sim.notes
    cdef int64_t snapshot = newest_snapshot(book)
    cdef int64_t fills_n = sim.venue.trades_n
    cdef int64_t big_e6 = least_e6(sim, notes.min_size_e6)
    cdef int64_t at_ns, stamp, before_e6, changed_ns = 0, fresh_ns = 0
    cdef int64_t* size_e6
    cdef int side, done
    if not book.has_epoch or sim.venue.form == FORM_THROUGH:
        return
    until_ns = min(min(until_ns, sim.end_ns - 1), notes.fresh_until_ns)
    while row < end:
        if row.flags & (SINGLE_OF | ROW_VENUE) != SINGLE | ROW_VENUE:
            if row.flags & ROW_VENUE:
                break
            row += 1
            continue
        at_ns = row.exch_ns - (sim.lag_ns if row.flags & ROW_LAGGED else 0)
        if at_ns > until_ns:
            break
        if row.kind == ROW_CHANGE:
            side = (row.flags & ROW_ASK) != 0
            size_e6 = &book.side[side].size_e6[row.price_e4]
            before_e6 = size_e6[0]
            changed_ns = row.exch_ns
            if min(before_e6, row.size_e6) >= big_e6:
                size_e6[0] = row.size_e6
                done = before_e6 != row.size_e6
            else:
                if sim.is_steady:
                    done = set_other(&book.side[side], row.price_e4, row.size_e6)
                else:
                    stamp = row.exch_ns // MS_NS
                    done = change_level(book, snapshot, stamp, side, row.price_e4, row.size_e6)
                    done = done == CHANGED
                    pass_stamp(book, stamp)
                if done and is_near(notes, side, row.price_e4, before_e6, row.size_e6):
                    look_near(sim, at_ns, 1 << side)
            if done:
                fresh_ns = at_ns
                if may_be_ours(sim, side, row.price_e4) and sim.venue.form == FORM_TRADES:
                    take_size(sim, at_ns, side, row.price_e4)
        elif row.kind == ROW_TRADE:
            stamp = row.exch_ns // MS_NS
            note_trade(book, stamp, row.price_e4)
            take_trade(sim, at_ns, row, stamp)
            if sim.venue.trades_n != fills_n:
                row += 1
                break
        else:
            break
        row += 1
    # Where nothing is late the last change is the newest.
    pass_stamp(book, changed_ns // MS_NS)
    if fresh_ns:
        notes.fresh_until_ns = fresh_ns + GAP_NS
    sim.venue_row = row - sim.rows
    seek_venue(sim)


cdef inline void run_venue(Sim* sim, int64_t until_ns) noexcept nogil:
    """Let the venue's events up to and with a time happen, or up to one that we shall hear of."""
    cdef int64_t frames_until_ns
    cdef int64_t fills_n = sim.venue.trades_n
    while True:
        # Frames that come before the next arrival and the end.
        frames_until_ns = min(sim.arrival_ns, until_ns)
        if not sim.venue.is_closed:
            frames_until_ns = min(frames_until_ns, sim.end_ns - 1)
        while sim.venue_ns <= frames_until_ns and sim.venue.trades_n == fills_n:
            stride_venue(sim, frames_until_ns)
            if sim.venue_ns <= frames_until_ns and sim.venue.trades_n == fills_n:
                venue_frame(sim)
        if sim.venue.trades_n != fills_n or sim.fault or next_venue_ns(sim) > until_ns:
            return
        if sim.venue_ns > frames_until_ns:
            venue_event(sim)
            return


cdef inline int64_t wait_ns(const Maker* maker) noexcept nogil:
    """How long after a cycle no frame begins another."""
    cdef const Params* params = &maker.lane.params
    if params.cycle_event:
        return min(params.cycle_ns, params.requote_interval_min_ns)
    return params.cycle_ns


cdef inline int64_t quiet_until_ns(const Sim* sim) noexcept nogil:
    """Before when no frame can make the maker take a step, whatever it says."""
    cdef const Maker* maker = &sim.maker
    if is_deaf(maker):
        return NEVER
    if not maker.lane.working.is_known:
        return sim.start_ns
    return max(maker.lane.working.since_ns + wait_ns(maker), sim.start_ns)


cdef inline int64_t cycle_due_ns(const Sim* sim) noexcept nogil:
    """From when on every frame begins a cycle, whatever it says."""
    cdef const Maker* maker = &sim.maker
    if not maker.lane.working.is_known:
        return sim.start_ns
    return maker.lane.working.since_ns + maker.lane.params.cycle_ns


cdef inline bint may_ask(const Maker* maker) noexcept nogil:
    """Whether a frame between cycles may ask for other orders: false is certain."""
    return (maker.is_stale | maker.has_moved) != 0 or maker.lane.quoter != NULL


cdef inline int64_t next_act_ns(const Sim* sim) noexcept nogil:
    """Before when our side sends nothing, unless it hears more from the venue."""
    cdef int64_t frame_ns = max(sim.local_ns, quiet_until_ns(sim))
    return min(min(frame_ns, sim.timer_ns), min(sim.reply_ns, sim.close_ns))


cdef inline void repeat_cycles(Sim* sim, int64_t n, int64_t last_ns) noexcept nogil:
    count_repeats(&sim.maker, n, last_ns)
    set_timer(sim, last_ns)


cdef inline bint stride_local(Sim* sim, int64_t before_ns) noexcept nogil:
    """Let our book take in plain frames before a time; whether the maker took a step at one.

    What it does is `local_frame` for frames of one change or trade.
    """
    cdef const TapeRow* row = sim.rows + sim.local_row
    cdef const TapeRow* end = sim.rows + sim.rows_n
    cdef int64_t quiet_ns = quiet_until_ns(sim)
    cdef int64_t cycle_ns = cycle_due_ns(sim)
    cdef int64_t repeat_ns = repeats_until_ns(sim)
    cdef int64_t repeats = 0, repeated_ns = 0
    cdef int64_t big_e6 = least_e6(sim, sim.maker.lane.params.min_size_e6)
    cdef int64_t at_ns, before_e6, changed_ns = 0
    cdef int64_t* size_e6
    cdef int flags
    if not sim.book.has_epoch or sim.feed.samples != NULL:
        return False
    if is_deaf(&sim.maker):
        # A frame in the very ns of a timer puts it off.
        before_ns = min(before_ns, sim.timer_ns)
    if sim.maker.sees_sizes:
        big_e6 = NEVER
    while row < end:
        if row.flags & (SINGLE_OF | ROW_LOCAL) != SINGLE | ROW_LOCAL:
            if row.flags & ROW_LOCAL:
                break
            row += 1
            continue
        at_ns = row.recv_ns if row.recv_ns else row.exch_ns + sim.feed.constant_ns
        if at_ns >= before_ns:
            break
        flags = 0
        if row.kind == ROW_CHANGE:
            size_e6 = &sim.book.side[(row.flags & ROW_ASK) != 0].size_e6[row.price_e4]
            before_e6 = size_e6[0]
            changed_ns = row.exch_ns
            if min(before_e6, row.size_e6) >= big_e6:
                size_e6[0] = row.size_e6
                flags = (before_e6 != row.size_e6) * CHANGED
            else:
                change_ours(sim, row, &flags)
        elif row.kind == ROW_TRADE:
            trade_ours(sim, row.exch_ns // MS_NS, row.price_e4, &flags)
        else:
            break
        row += 1
        if not flags or at_ns < quiet_ns:
            continue
        if at_ns < repeat_ns and not sim.maker.has_moved:
            repeats += 1
            repeated_ns = at_ns
            quiet_ns = at_ns + wait_ns(&sim.maker)
        elif at_ns >= cycle_ns or may_ask(&sim.maker):
            pass_stamp(sim.book, changed_ns // MS_NS)
            if repeats:
                repeat_cycles(sim, repeats, repeated_ns)
                repeats = 0
            if asks_anew(sim, at_ns):
                sim.local_row = row - sim.rows
                seek_local(sim)
                step_book(sim, at_ns)
                set_timer(sim, at_ns)
                return True
            quiet_ns = quiet_until_ns(sim)
            repeat_ns = repeats_until_ns(sim)
    if repeats:
        repeat_cycles(sim, repeats, repeated_ns)
    pass_stamp(sim.book, changed_ns // MS_NS)
    sim.local_row = row - sim.rows
    seek_local(sim)
    return False


cdef inline void run_local(Sim* sim, int64_t before_ns) noexcept nogil:
    """Let our side's events before a time happen, up to one in which the maker took a step."""
    cdef int64_t frames_before_ns = min(
        min(sim.timer_ns + 1, sim.close_ns), min(sim.reply_ns, before_ns)
    )
    while sim.local_ns < frames_before_ns:
        if stride_local(sim, frames_before_ns):
            return
        if sim.local_ns < frames_before_ns and local_frame(sim):
            return
    if next_local_ns(sim) < before_ns:
        local_event(sim)


cdef inline bint is_done(const Sim* sim) noexcept nogil:
    return (
        sim.is_over and sim.venue.is_closed and sim.arrivals_first == sim.arrivals.n
        and sim.replies_first == sim.replies.n
    )


cdef inline bint gives_way(const Sim* sim, int64_t act_ns, int64_t sent_ns) noexcept nogil:
    """Whether what is next at the venue began there after what we may still send to that ns."""
    cdef const Arrival* arrival = <const Arrival*>sim.arrivals.items + sim.arrivals_first
    if sim.arrival_ns != act_ns + sent_ns or next_venue_ns(sim) != act_ns + sent_ns:
        return False
    return sim.venue_ns > arrival.at_ns and arrival.born_ns > act_ns


cdef inline void run_alone(Sim* sim, int64_t until_ns) noexcept nogil:
    """Let everything up to and with a time happen in one market that no other touches."""
    cdef int64_t sent_ns = min(sim.order.least_ns, sim.cancel.least_ns)
    # Where a message of ours takes no time, nothing waits for it: each thing follows the last.
    cdef int64_t reply_ns = sim.reply.least_ns if sent_ns else 0
    cdef int64_t act_ns, limit_ns, before_ns
    while not sim.fault and not is_done(sim):
        act_ns = next_act_ns(sim)
        limit_ns = min(act_ns + sent_ns, until_ns)
        while next_venue_ns(sim) <= limit_ns and not gives_way(sim, act_ns, sent_ns):
            run_venue(sim, limit_ns)
            if sim.fault:
                return
            act_ns = min(act_ns, sim.reply_ns)
            limit_ns = min(limit_ns, act_ns + sent_ns)
        before_ns = min(next_venue_ns(sim) + reply_ns, until_ns + 1)
        while next_local_ns(sim) < before_ns and not sim.fault:
            run_local(sim, before_ns)
            before_ns = min(before_ns, sim.arrival_ns + reply_ns)
        if min(next_venue_ns(sim), next_local_ns(sim)) > until_ns:
            return
        if sim.notes.tellings.n > 64:
            join_whys(sim, min(next_venue_ns(sim), next_local_ns(sim)))
