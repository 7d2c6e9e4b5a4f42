# The trading cycle of one market (docs/strategy.md section 2, steps a to i): the twin in C of
# polymm.engine.maker.Maker, act by act. What it sends is on its way at once.
from libc.stdint cimport int64_t, uint64_t

from polymm._core.lane cimport asks_requote, hold_shares, Working
from polymm._core.layout cimport ASK, BID, UP
from polymm._core.sim_legs cimport (
    leg_held, LEGS_MAX, place_side, reference_price, silence_reason, value_of_shares_e6,
    wanted_legs,
)
from polymm._core.sim_names cimport (
    COUNT_BAD_INVENTORY, COUNT_MERGE_OPPORTUNITY, COUNT_MERGE_SENT, COUNT_MERGE_UNASKED,
    COUNT_REJECTED, COUNT_SAFE_RANGE, COUNT_SIDE, REASONS_N, REJECT_CLOSED, WHY_AWAITING_PROOF,
    WHY_BETWEEN_QUOTES, WHY_CANCEL_UNPROVEN, WHY_CLOSING, WHY_KEPT, WHY_MAX_TOTAL_POSITION,
    WHY_PLACED, WHY_PRICE_RANGE, WHY_REJECTED, WHY_SELF_MATCH, WHY_SUPERSEDED, WHY_WITHHELD,
)
from polymm._core.sim_notes cimport note_merge_sent, tell_why
from polymm._core.sim_orders cimport (
    apply_answer, apply_fill, cancel_all, expire, find_live, selling_up_e6,
)
from polymm._core.sim_standing cimport standing_of, unproven
from polymm._core.sim_state cimport (
    ARRIVE_MERGE, Belief, BUY, Cycle, CycleSettings, Leg, Maker, Reply, REPLY_ACCEPTED,
    REPLY_CANCELLED, REPLY_FILL, REPLY_MERGED, REPLY_REJECTED, Sim, Standing,
)
from polymm._core.sim_stores cimport draw_ns, push_arrival
from polymm._core.sim_times cimport due_ns, form, is_deaf, is_past_end, note_idle, repeat_cycle

cdef enum:
    BOTH = 3
    ALL_REASONS = (1 << REASONS_N) - 1


cdef inline uint64_t why_bit(int why) noexcept nogil:
    return <uint64_t>1 << why


# What the lane is told


cdef inline bint tell_lane(Maker* maker) noexcept nogil:
    """Tell the lane shares, and what we mean to have there; whether that is on both sides."""
    cdef const Standing* standing = standing_of(maker)
    hold_shares(&maker.lane, maker.up_e6, maker.down_e6, maker.merging_e6)
    if maker.has_cycled:
        maker.lane.working = Working(
            standing.level_e4[BID], standing.level_e6[BID], standing.level_e4[ASK],
            standing.level_e6[ASK], maker.last_ns, 1,
        )
    return standing.level_e6[BID] > 0 and standing.level_e6[ASK] > 0


cdef inline bint evaluate(Maker* maker, int64_t now_ns) noexcept nogil:
    tell_lane(maker)
    form(maker, now_ns)
    return asks_requote(&maker.lane, now_ns)


# Ends of a cycle


cdef inline void finish(Maker* maker, int outcome, uint64_t why) noexcept nogil:
    maker.cycle.is_on = False
    maker.cycles[outcome] += 1
    maker.why = why


cdef inline void close_maker(Sim* sim, int64_t now_ns) noexcept nogil:
    cdef Maker* maker = &sim.maker
    if maker.is_closing:
        return
    if maker.cycle.is_on:
        finish(maker, WHY_CLOSING, 0)
    maker.is_closing = True
    maker.why = why_bit(WHY_CLOSING)
    cancel_all(sim, now_ns, 0)


cdef inline void pull(Sim* sim, int64_t now_ns) noexcept nogil:
    """End early: later cycles wait for the proofs."""
    if sim.maker.settings.early_exit_pull:
        cancel_all(sim, now_ns, 0)


# Steps a to e


cdef inline void offer_merge(Sim* sim, int64_t now_ns) noexcept nogil:
    """Step b: report an opportunity, and act on what backs no open sell, one at a time."""
    cdef Maker* maker = &sim.maker
    cdef int64_t pairs_e6 = maker.lane.quote.merge_e6
    if not pairs_e6:
        return
    maker.counts[COUNT_MERGE_OPPORTUNITY] += 1
    if not maker.settings.merge_enabled or maker.merging_e6:
        return
    pairs_e6 = min(pairs_e6, min(maker.up_e6 - selling_up_e6(maker), maker.down_e6))
    if pairs_e6 > 0:
        maker.merging_e6 += pairs_e6
        maker.counts[COUNT_MERGE_SENT] += 1
        note_merge_sent(sim, now_ns, pairs_e6)
        push_arrival(
            sim, now_ns + draw_ns(&sim.order), now_ns, True, ARRIVE_MERGE, 0, pairs_e6
        )


cdef inline int early_exit(Sim* sim, int64_t now_ns, bint is_first) noexcept nogil:
    """Steps a to e: the WHY_ bit of the outcome that ends the cycle, -1 to go on."""
    cdef Maker* maker = &sim.maker
    cdef const CycleSettings* s = &maker.settings
    cdef int64_t price_x2_e4, value_e6
    cdef int missing = reference_price(sim.book, now_ns, s.book_age_ns_max, &price_x2_e4)
    if price_x2_e4:
        maker.price_x2_e4 = price_x2_e4
    if maker.price_x2_e4:
        value_e6 = value_of_shares_e6(maker.up_e6, maker.down_e6, maker.price_x2_e4)
        maker.positions_e6[0] += value_e6 - maker.position_e6
        maker.position_e6 = value_e6
    if maker.positions_e6[0] >= s.max_total_position_e6:
        return WHY_MAX_TOTAL_POSITION
    if is_first:
        offer_merge(sim, now_ns)
    if missing >= 0:
        return missing
    if not 2 * s.price_min_e4 <= price_x2_e4 <= 2 * s.price_max_e4:
        return WHY_PRICE_RANGE
    if not 2 * s.safe_low_e4 <= price_x2_e4 <= 2 * s.safe_high_e4:
        maker.counts[COUNT_SAFE_RANGE] += 1
        maker.has_warned = True
    return -1


# The cycle


cdef inline int wanted(Sim* sim, int64_t now_ns, bint is_first, Leg* legs) noexcept nogil:
    """Steps a to e, then what g and h leave of the quote; 0 legs after ending the cycle."""
    cdef Maker* maker = &sim.maker
    cdef uint64_t names = <uint64_t>(maker.lane.quote.reasons & ALL_REASONS)
    cdef int outcome = early_exit(sim, now_ns, is_first)
    cdef int n, i
    if outcome >= 0:
        finish(maker, outcome, why_bit(outcome))
        return 0
    n = wanted_legs(sim, legs)
    if not n:
        finish(maker, silence_reason(maker.lane.quote.reasons), names)
    maker.why = names
    if is_first and n and legs[0].side == legs[n - 1].side:
        maker.sides_missed = names
        for i in range(REASONS_N):
            maker.counts[COUNT_SIDE + i] += names >> i & 1
    return n


cdef inline void advance(Sim* sim, int64_t now_ns, const Leg* legs, int legs_n) noexcept nogil:
    """Steps f and i: place where every earlier order is proven gone, wait or give up else."""
    cdef Maker* maker = &sim.maker
    cdef Cycle* cycle = &maker.cycle
    cdef int waiting, blocked, ready, side, placed, withheld
    unproven(maker, cycle.held, &waiting, &blocked)
    if not maker.settings.requote_diff:
        # One unproven order anywhere holds both sides: a duplicate is worse than a miss.
        if blocked:
            finish(maker, WHY_CANCEL_UNPROVEN, why_bit(WHY_CANCEL_UNPROVEN))
            return
        waiting = BOTH if waiting else 0
    ready = cycle.sides & ~waiting & ~blocked
    if blocked:
        cycle.is_blocked = cycle.is_blocked or (cycle.sides & blocked) != 0
    cycle.sides &= waiting & ~blocked
    for side in range(2):
        if ready >> side & 1:
            withheld = place_side(sim, now_ns, side, legs, legs_n, &placed)
            cycle.placed += placed
            if withheld == WHY_SELF_MATCH and waiting:
                cycle.held |= 1 << side
                cycle.sides |= 1 << side
            elif not cycle.withheld:
                cycle.withheld = withheld
    if cycle.sides:
        maker.why |= why_bit(WHY_AWAITING_PROOF)
    if cycle.is_blocked:
        maker.why |= why_bit(WHY_CANCEL_UNPROVEN)
    if cycle.withheld:
        maker.why |= why_bit(cycle.withheld)
    if not cycle.sides:
        if cycle.placed:
            finish(maker, WHY_PLACED, maker.why)
        elif cycle.is_blocked:
            finish(maker, WHY_CANCEL_UNPROVEN, maker.why)
        else:
            finish(maker, WHY_WITHHELD if cycle.withheld else WHY_KEPT, maker.why)


cdef inline void begin(Sim* sim, int64_t now_ns) noexcept nogil:
    """Run steps a to i on the quote that was just formed, as far as proofs allow."""
    cdef Maker* maker = &sim.maker
    cdef Leg legs[LEGS_MAX]
    cdef uint64_t kept = 0
    cdef int n, i, held, met = 0
    if is_past_end(sim, now_ns):
        close_maker(sim, now_ns)
        return
    if maker.cycle.is_on:
        finish(maker, WHY_SUPERSEDED, why_bit(WHY_SUPERSEDED))
    maker.is_idle = maker.has_warned = False
    maker.sides_missed = 0
    maker.cycles_started += 1
    maker.last_ns = now_ns
    maker.has_cycled = True
    maker.looked_again = False
    maker.cycle = Cycle(True, BOTH, 0, 0, 0, 0)
    n = wanted(sim, now_ns, True, legs)
    if not n:
        pull(sim, now_ns)
        return
    if maker.live_n:
        if maker.settings.requote_diff:
            for i in range(maker.live_n):
                held = leg_held(maker, &maker.live[i], legs, n)
                if held >= 0:
                    kept |= <uint64_t>1 << i
                    met |= 1 << held
        if kept == (<uint64_t>1 << maker.live_n) - 1 and met == (1 << n) - 1:
            # All that is wanted stands, and nothing else.
            finish(maker, WHY_KEPT, maker.why)
            note_idle(maker, now_ns)
            return
        cancel_all(sim, now_ns, kept)
    advance(sim, now_ns, legs, n)
    if maker.cycle.placed or maker.cycle.withheld or maker.cycle.held or maker.cycle.is_blocked:
        return
    note_idle(maker, now_ns)


cdef inline void resume(Sim* sim, int64_t now_ns) noexcept nogil:
    """Go on with a suspended cycle if the proofs allow it, on the book of this moment."""
    cdef Maker* maker = &sim.maker
    cdef Leg legs[LEGS_MAX]
    cdef int waiting, blocked, n
    if not maker.cycle.is_on:
        return
    unproven(maker, maker.cycle.held, &waiting, &blocked)
    if maker.settings.requote_diff:
        if maker.cycle.sides & waiting & ~blocked == maker.cycle.sides:
            return
    elif blocked:
        finish(maker, WHY_CANCEL_UNPROVEN, why_bit(WHY_CANCEL_UNPROVEN))
        return
    elif waiting:
        return
    if is_past_end(sim, now_ns):
        close_maker(sim, now_ns)
        return
    evaluate(maker, now_ns)
    n = wanted(sim, now_ns, False, legs)
    if n:
        advance(sim, now_ns, legs, n)
    else:
        pull(sim, now_ns)


# Steps


cdef inline void rest(Sim* sim, int64_t now_ns) noexcept nogil:
    """End a step: let the lane know what works now, and say why not both sides do."""
    cdef Maker* maker = &sim.maker
    maker.is_stale = True
    if tell_lane(maker):
        maker.reasons = 0
    else:
        maker.reasons = maker.why if maker.why else why_bit(WHY_BETWEEN_QUOTES)
    tell_why(sim, now_ns, maker.reasons)


cdef inline void step_book(Sim* sim, int64_t now_ns) noexcept nogil:
    """Act on a book whose quote was just formed and asks for other orders."""
    expire(&sim.maker, now_ns)
    begin(sim, now_ns)
    rest(sim, now_ns)


cdef inline void step_timer(Sim* sim, int64_t now_ns) noexcept nogil:
    cdef Maker* maker = &sim.maker
    cdef bint asks
    if maker.lane.quoter == NULL and now_ns >= maker.last_ns + maker.settings.cycle_ns:
        if repeat_cycle(sim, now_ns):
            return
    expire(maker, now_ns)
    if maker.is_closing:
        cancel_all(sim, now_ns, 0)
    else:
        resume(sim, now_ns)
        if not is_deaf(maker) and not (maker.has_cycled and now_ns < due_ns(maker)):
            maker.looked_again = True
            asks = evaluate(maker, now_ns)
            if (
                asks or not maker.has_cycled
                or now_ns >= maker.last_ns + maker.settings.cycle_ns
            ) and not repeat_cycle(sim, now_ns):
                begin(sim, now_ns)
    rest(sim, now_ns)


cdef inline void step_closing(Sim* sim, int64_t now_ns) noexcept nogil:
    sim.maker.is_idle = False
    expire(&sim.maker, now_ns)
    close_maker(sim, now_ns)
    rest(sim, now_ns)


cdef inline void check_inventory(Maker* maker) noexcept nogil:
    if maker.up_e6 < 0 or maker.down_e6 < 0:
        maker.counts[COUNT_BAD_INVENTORY] += 1


cdef inline void take_fill(Sim* sim, const Reply* reply) noexcept nogil:
    cdef Maker* maker = &sim.maker
    cdef int64_t size_e6 = reply.size_e6 if reply.action == BUY else -reply.size_e6
    apply_fill(sim, reply)
    if reply.token == UP:
        maker.up_e6 += size_e6
    else:
        maker.down_e6 += size_e6
    check_inventory(maker)


cdef inline void take_merged(Maker* maker, int64_t pairs_e6) noexcept nogil:
    if not 0 < pairs_e6 <= maker.merging_e6:
        maker.counts[COUNT_MERGE_UNASKED] += 1
        return
    maker.merging_e6 -= pairs_e6
    maker.up_e6 -= pairs_e6
    maker.down_e6 -= pairs_e6


cdef inline bint take_answer(Sim* sim, int64_t now_ns, const Reply* reply) noexcept nogil:
    """Take an answer about an order; whether it says that the market is over."""
    cdef Maker* maker = &sim.maker
    cdef const Belief* order = find_live(maker, reply.order_id)
    cdef int side = order.side if order != NULL else 0
    if apply_answer(sim, now_ns, reply) and reply.kind == REPLY_REJECTED:
        maker.counts[COUNT_REJECTED + reply.code] += 1
        maker.rejected_ns[side][maker.rejected_n[side] % maker.settings.rejects_max] = now_ns
        maker.rejected_n[side] += 1
        maker.why = why_bit(WHY_REJECTED + <int>reply.code)
    if reply.kind == REPLY_REJECTED:
        return reply.code == REJECT_CLOSED
    return reply.kind == REPLY_CANCELLED and reply.code == 1


cdef inline void hear_reply(Sim* sim, int64_t now_ns, const Reply* reply) noexcept nogil:
    cdef Maker* maker = &sim.maker
    if reply.kind == REPLY_FILL:
        take_fill(sim, reply)
    elif reply.kind == REPLY_MERGED:
        take_merged(maker, reply.size_e6)
    elif take_answer(sim, now_ns, reply) and not maker.is_closing:
        close_maker(sim, now_ns)
        return
    if maker.is_closing:
        return
    if maker.cycle.is_on:
        resume(sim, now_ns)
        return
    # A rejected placement waits for a newer book; an accepted one changes nothing we wanted.
    if reply.kind == REPLY_ACCEPTED or reply.kind == REPLY_REJECTED:
        return
    if evaluate(maker, now_ns):
        begin(sim, now_ns)


cdef inline void step_reply(Sim* sim, int64_t now_ns, const Reply* reply) noexcept nogil:
    sim.maker.is_idle = False
    expire(&sim.maker, now_ns)
    hear_reply(sim, now_ns, reply)
    rest(sim, now_ns)
