# Time: two cursors over one array of rows. The venue and our side each run ahead as far as no
# message of the other can reach them, so that both read the tape in long strides.
from libc.stdint cimport int64_t, uint32_t

from polymm._core.apply cimport (
    add_level, begin_book, change_level, change_tick, end_book, newest_snapshot, note_trade,
    pass_stamp, set_other,
)
from polymm._core.book cimport BookState
from polymm._core.lane cimport (
    asks_requote, DUE_ASK_QUOTE, DUE_NO, LaneState, quote_differs, requote_due,
)
from polymm._core.layout cimport (
    CHANGED, RESOLVED, ROW_ASK, ROW_BOOK, ROW_CHANGE, ROW_DOWN, ROW_FRAME_END, ROW_LAGGED,
    ROW_LEVEL, ROW_LOCAL, ROW_RESOLVED, ROW_STAMP, ROW_STAMPED, ROW_TICK, ROW_TRADE, ROW_VENUE,
    TapeRow, TRADE,
)
from polymm._core.signals cimport forget_depth, note_level, note_presence, SAW_NOTHING
from polymm._core.sim_maker cimport (
    step_book, step_closing, step_reply, step_timer,
)
from polymm._core.sim_notes cimport is_near, note_book
from polymm._core.sim_state cimport (
    Arrival, FORM_THROUGH, FORM_TRADES, Maker, MOVED_BOOK, MOVED_LEVEL, NEVER, Reply, Sim,
)
from polymm._core.sim_stores cimport draw_ns, take_arrival, take_reply
from polymm._core.sim_times cimport (
    form, is_as_last, is_deaf, look_again, next_timer_ns, repeat_cycle,
)
from polymm._core.sim_venue cimport arrive, close_venue, take_sizes, take_touch, take_trade

cdef enum:
    MS_NS = 1000000
    BOTH_SIDES = 3


cdef inline int apply_row(
    BookState* book, const TapeRow* row, int64_t* stamped_ms, int* opening
) noexcept nogil:
    """Let one row change a book, as the live decoder would; flags CHANGED, TRADE, RESOLVED.

    `stamped_ms` and `opening` are the cursor's: the time of ROW_STAMPED rows, and the flags of the
    snapshot whose levels follow.
    """
    cdef int64_t stamp = row.exch_ns // MS_NS
    cdef int side = (row.flags & ROW_ASK) != 0
    cdef int flags = 0
    if row.flags & ROW_STAMPED:
        stamp = stamped_ms[0]
    if row.kind == ROW_CHANGE:
        if book.has_epoch:
            flags = change_level(
                book, newest_snapshot(book), stamp, side, row.price_e4, row.size_e6
            ) & CHANGED
            pass_stamp(book, stamp)
    elif row.kind == ROW_TRADE:
        flags = note_trade(book, stamp, row.price_e4) & TRADE
    elif row.kind == ROW_LEVEL:
        if opening[0] & CHANGED:
            add_level(book, opening[0], stamp, side, row.price_e4, row.size_e6)
    elif row.kind == ROW_BOOK:
        opening[0] = begin_book(book, stamp)
        if opening[0] & CHANGED:
            end_book(book, stamp, (row.flags & ROW_DOWN) != 0, row.price_e4)
            flags = CHANGED
    elif row.kind == ROW_TICK:
        flags = change_tick(book, stamp, row.price_e4) & CHANGED
    elif row.kind == ROW_STAMP:
        stamped_ms[0] = row.size_e6
    elif row.kind == ROW_RESOLVED:
        flags = RESOLVED
    return flags


cdef inline int64_t size_before(
    const BookState* book, int side, const TapeRow* row
) noexcept nogil:
    """What stands at the price of a change, 0 for other rows."""
    return book.side[side].size_e6[row.price_e4] if row.kind == ROW_CHANGE else 0


# The venue's cursor


cdef inline void seek_venue(Sim* sim) noexcept nogil:
    """Find the venue's next frame from where its cursor stands."""
    cdef Py_ssize_t i = sim.venue_row
    cdef const TapeRow* row
    while i < sim.rows_n and not sim.rows[i].flags & ROW_VENUE:
        i += 1
    sim.venue_row = i
    if i == sim.rows_n:
        sim.venue_ns = NEVER
        return
    row = &sim.rows[i]
    sim.venue_ns = row.exch_ns - (sim.lag_ns if row.flags & ROW_LAGGED else 0)
    if sim.venue_ns > sim.end_ns:
        sim.venue_ns = NEVER


cdef inline void take_trades(Sim* sim, const TapeRow* row, int64_t now_ns) noexcept nogil:
    """Let the trades of a frame reach our orders."""
    cdef int64_t stamped_ms = 0
    while True:
        if row.kind == ROW_STAMP:
            stamped_ms = row.size_e6
        elif row.kind == ROW_TRADE:
            take_trade(
                sim, now_ns, row,
                stamped_ms if row.flags & ROW_STAMPED else row.exch_ns // MS_NS,
            )
        if row.flags & ROW_FRAME_END:
            return
        row += 1


cdef inline int may_be_ours(const Sim* sim, int side, int price_e4) noexcept nogil:
    """Whether orders of ours rest at this price or about it."""
    cdef int low_e4 = sim.venue.ours_low_e4[side]
    # Below the lowest the difference is beyond all prices: one comparison is one guess.
    return <uint32_t>(price_e4 - low_e4) <= <uint32_t>(sim.venue.ours_high_e4[side] - low_e4)


cdef inline bint is_plain(const TapeRow* row) noexcept nogil:
    """Whether a frame is what most are: one change of a level."""
    return row.kind == ROW_CHANGE and (
        row.flags & (ROW_FRAME_END | ROW_STAMPED) == ROW_FRAME_END
    )


cdef inline void let_fill(Sim* sim, int64_t now_ns, int sides) noexcept nogil:
    """Let our resting orders see a book that has changed; `sides`: a mask of those about ours."""
    if sim.venue.is_closed or not sim.venue.book.has_epoch:
        return
    if sim.venue.form == FORM_TRADES:
        if sides:
            take_sizes(sim, now_ns, sides)
    elif sim.venue.form == FORM_THROUGH:
        take_touch(sim, now_ns)


cdef inline void venue_frame(Sim* sim) noexcept nogil:
    """Let the venue's next frame happen."""
    cdef const TapeRow* first = &sim.rows[sim.venue_row]
    cdef const TapeRow* row = first
    cdef int64_t now_ns = sim.venue_ns
    cdef int64_t stamped_ms = 0
    cdef int64_t before_e6
    cdef int opening = 0, flags = 0, done, side
    cdef int near = 0, ours = 0  # masks of sides
    while True:
        side = (row.flags & ROW_ASK) != 0
        before_e6 = size_before(sim.venue.book, side, row)
        done = apply_row(sim.venue.book, row, &stamped_ms, &opening)
        if done & CHANGED:
            if row.kind != ROW_CHANGE:
                near = ours = BOTH_SIDES
            else:
                near |= is_near(
                    &sim.notes, side, row.price_e4, before_e6, row.size_e6
                ) << side
                ours |= may_be_ours(sim, side, row.price_e4) << side
        flags |= done
        if row.flags & ROW_FRAME_END:
            break
        row += 1
    sim.venue_row = row - sim.rows + 1
    seek_venue(sim)
    if flags & CHANGED:
        note_book(sim, now_ns, near)
    if flags & TRADE and not sim.venue.is_closed:
        take_trades(sim, first, now_ns)
    if flags & CHANGED:
        let_fill(sim, now_ns, ours)


cdef inline int64_t next_venue_ns(const Sim* sim) noexcept nogil:
    cdef int64_t at_ns = min(sim.venue_ns, sim.arrival_ns)
    return at_ns if sim.venue.is_closed else min(at_ns, sim.end_ns)


cdef inline void venue_event(Sim* sim) noexcept nogil:
    """Let the next thing happen at the venue: of one ns its end, then the tape, then arrivals."""
    cdef int64_t at_ns = next_venue_ns(sim)
    cdef Arrival arrival
    if not sim.venue.is_closed and at_ns >= sim.end_ns:
        close_venue(sim, sim.end_ns)
    elif sim.venue_ns <= at_ns:
        venue_frame(sim)
    else:
        arrival = take_arrival(sim)
        arrive(sim, &arrival)


# Our cursor


cdef inline void seek_local(Sim* sim) noexcept nogil:
    """Find our next frame from where our cursor stands."""
    cdef Py_ssize_t i = sim.local_row
    cdef int64_t before_ns = sim.local_ns
    cdef const TapeRow* row
    while i < sim.rows_n and not sim.rows[i].flags & ROW_LOCAL:
        i += 1
    sim.local_row = i
    if i == sim.rows_n:
        sim.local_ns = NEVER
        return
    row = &sim.rows[i]
    if row.recv_ns:
        sim.local_ns = row.recv_ns
    else:
        # Drawn delays do not let one frame overtake another.
        sim.local_ns = max(row.exch_ns + draw_ns(&sim.feed), before_ns)
    if sim.local_ns >= sim.end_ns:
        sim.local_ns = NEVER


cdef inline void set_timer(Sim* sim, int64_t now_ns) noexcept nogil:
    sim.timer_ns = next_timer_ns(&sim.maker)
    if sim.timer_ns <= now_ns:
        sim.timer_ns = now_ns + 1


cdef inline void change_ours(Sim* sim, const TapeRow* row, int* flags) noexcept nogil:
    """Change one level of our book, and see whether the quote may be another.

    Of a steady tape the caller passes the time of the last change on to the book.
    """
    cdef int side = (row.flags & ROW_ASK) != 0
    cdef int64_t before_e6 = sim.book.side[side].size_e6[row.price_e4]
    cdef int64_t stamp
    cdef int done
    if sim.is_steady:
        done = set_other(&sim.book.side[side], row.price_e4, row.size_e6)
    else:
        stamp = row.exch_ns // MS_NS
        done = change_level(
            sim.book, newest_snapshot(sim.book), stamp, side, row.price_e4, row.size_e6
        )
        pass_stamp(sim.book, stamp)
    if done == CHANGED:
        flags[0] |= CHANGED
        follow_level(sim, &sim.maker.lane, side, row.price_e4, before_e6, row.size_e6)


cdef inline void trade_ours(
    Sim* sim, int64_t stamp, int64_t price_e4, int* flags
) noexcept nogil:
    """Note a trade on our book; a thin one is quoted around the last trade."""
    flags[0] |= note_trade(sim.book, stamp, <int>price_e4) & TRADE
    if not sim.maker.lane.state.usable:
        sim.maker.is_stale = True


cdef inline void follow_level(
    Sim* sim, LaneState* lane, int side, int price_e4, int64_t before_e6, int64_t after_e6
) noexcept nogil:
    """Let the lane's reading of our book follow a level that changed."""
    cdef Maker* maker = &sim.maker
    cdef int64_t min_size_e6 = lane.params.min_size_e6
    cdef int saw
    if not maker.sees_sizes:
        maker.has_moved |= note_presence(
            &lane.depth, side, price_e4, before_e6, after_e6, min_size_e6
        ) * MOVED_LEVEL
        return
    saw = note_level(
        &lane.depth, side, price_e4, before_e6, after_e6, min_size_e6, lane.params.depth_lookback
    )
    maker.has_moved |= (saw != SAW_NOTHING) * MOVED_BOOK


cdef inline int read_frame(Sim* sim) noexcept nogil:
    """Let our book take in our next frame; flags CHANGED, TRADE, RESOLVED."""
    cdef const TapeRow* row = &sim.rows[sim.local_row]
    cdef int64_t stamped_ms = 0, before_e6
    cdef int opening = 0, flags = 0, done, side
    if is_plain(row):
        sim.local_row += 1
        if sim.book.has_epoch:
            change_ours(sim, row, &flags)
            pass_stamp(sim.book, row.exch_ns // MS_NS)
        return flags
    while True:
        side = (row.flags & ROW_ASK) != 0
        before_e6 = size_before(sim.book, side, row)
        done = apply_row(sim.book, row, &stamped_ms, &opening)
        if done & CHANGED:
            if row.kind == ROW_CHANGE:
                follow_level(
                    sim, &sim.maker.lane, side, row.price_e4, before_e6, row.size_e6
                )
            else:
                sim.maker.has_moved = MOVED_BOOK
                forget_depth(&sim.maker.lane.depth)
        flags |= done
        if row.flags & ROW_FRAME_END:
            break
        row += 1
    sim.local_row = row - sim.rows + 1
    # A thin book is quoted around the last trade.
    if flags & TRADE and not sim.maker.lane.state.usable:
        sim.maker.is_stale = True
    return flags


cdef inline bint asks_anew(Sim* sim, int64_t now_ns) noexcept nogil:
    """Whether the book of this moment asks for other orders; then its quote was just formed.

    The base strategy answers as it did before where nothing that it looks at has changed.
    """
    cdef Maker* maker = &sim.maker
    cdef int due = requote_due(&maker.lane.working, &maker.lane.params, now_ns)
    if due == DUE_NO:
        return False
    if maker.lane.quoter == NULL:
        look_again(maker)
        if due == DUE_ASK_QUOTE:
            if not maker.is_stale and not maker.has_moved:
                return False
            if is_as_last(maker, now_ns) and not maker.idle_differs:
                return False
    if maker.lane.quoter != NULL or not is_as_last(maker, now_ns):
        form(maker, now_ns)
        if due == DUE_ASK_QUOTE and not quote_differs(&maker.lane):
            maker.is_stale = False
            return False
    if repeat_cycle(sim, now_ns):
        set_timer(sim, now_ns)
        return False
    return True


cdef inline bint local_frame(Sim* sim) noexcept nogil:
    """Read our next frame; whether the maker took a step."""
    cdef int64_t now_ns = sim.local_ns
    cdef int flags = read_frame(sim)
    seek_local(sim)
    # Before the window the book is kept and nothing is quoted.
    if not flags or now_ns < sim.start_ns:
        return False
    if flags & (CHANGED | TRADE) and not is_deaf(&sim.maker):
        if asks_anew(sim, now_ns):
            step_book(sim, now_ns)
            set_timer(sim, now_ns)
            return True
        if flags & RESOLVED and sim.timer_ns <= now_ns:
            set_timer(sim, now_ns)
        return False
    # Such a step does nothing but set the timer, which stands right unless it is due now.
    if sim.timer_ns <= now_ns:
        form(&sim.maker, now_ns)
        if flags & RESOLVED or asks_requote(&sim.maker.lane, now_ns):
            set_timer(sim, now_ns)
    return False


cdef inline int64_t next_local_ns(const Sim* sim) noexcept nogil:
    return min(min(sim.local_ns, sim.timer_ns), min(sim.reply_ns, sim.close_ns))


cdef inline void end_local(Sim* sim) noexcept nogil:
    """From now on our side hears replies only."""
    sim.is_over = True
    sim.local_ns = sim.timer_ns = sim.close_ns = NEVER
    sim.maker.positions_e6[0] -= sim.maker.position_e6
    sim.maker.position_e6 = 0


cdef inline void local_event(Sim* sim) noexcept nogil:
    """Let the next thing happen on our side: of one ns its end, then replies, frames, timers."""
    cdef int64_t at_ns = next_local_ns(sim)
    cdef Reply reply
    if sim.close_ns <= at_ns:
        if sim.close_ns >= sim.end_ns:
            end_local(sim)
            return
        step_closing(sim, at_ns)
        sim.timer_ns = next_timer_ns(&sim.maker)
        sim.close_ns = sim.end_ns
    elif sim.reply_ns <= at_ns:
        reply = take_reply(sim)
        step_reply(sim, at_ns, &reply)
        if not sim.is_over:
            set_timer(sim, at_ns)
    elif sim.local_ns <= at_ns:
        local_frame(sim)
    else:
        step_timer(sim, at_ns)
        set_timer(sim, at_ns)
