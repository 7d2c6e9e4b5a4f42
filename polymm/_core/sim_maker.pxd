# The trading cycle of one market (docs/strategy.md section 2, steps a to i): the twin in C of
# polymm.engine.maker.Maker, act by act. What it sends is on its way at once.
from libc.stdint cimport int64_t, uint64_t

from polymm._core.book cimport BookState, best_ask, best_bid
from polymm._core.lane cimport Working, asks_requote, form_quote, hold_shares
from polymm._core.layout cimport (
    ASK, BAD_INVENTORY, BID, BOOK_CROSSED, DOWN, NAN, NO_BOOK, NO_PRICE, NO_SIZE, PRICE_SCALE,
    QUOTER_SILENT, Quote, THIN_BOOK, UP,
)
from polymm._core.sim_notes cimport note_merge_sent, tell_why
from polymm._core.sim_orders cimport (
    apply_answer, apply_fill, cancel_all, deadline_ns, expire, find_live, intended, is_intended,
    is_unanswered, place, remaining_e6, retry_ns, selling_up_e6, unproven,
)
from polymm._core.sim_state cimport (
    ARRIVE_MERGE, Belief, BUY, COUNT_BAD_INVENTORY, COUNT_MERGE_OPPORTUNITY, COUNT_MERGE_SENT,
    COUNT_MERGE_UNASKED, COUNT_REJECTED, COUNT_SAFE_RANGE, COUNT_SELF_MATCH, COUNT_SIDE,
    COUNT_THROTTLED, Cycle, CycleSettings, Leg, Maker, NEVER, REJECT_CLOSED, Reply, REPLY_CANCELLED,
    REPLY_FILL, REPLY_MERGED, REPLY_ACCEPTED, REPLY_REJECTED, SELL, Sim, WHY_AWAITING_PROOF,
    WHY_BETWEEN_QUOTES, WHY_CANCEL_UNPROVEN, WHY_CLOSING, WHY_KEPT, WHY_MAX_TOTAL_POSITION,
    WHY_NO_BOOK, WHY_NO_PRICE, WHY_NO_SIZE, WHY_PLACED, WHY_PRICE_RANGE, WHY_REJECTED,
    WHY_SELF_MATCH, WHY_STALE_BOOK, WHY_SUPERSEDED, WHY_THROTTLED, WHY_WITHHELD,
)
from polymm._core.sim_stores cimport draw_ns, push_arrival

cdef enum:
    BOTH = 3
    LEGS_MAX = 3
    SECOND_NS = 1000000000
    ALL_REASONS = (1 << 14) - 1


cdef inline uint64_t why_bit(int why) noexcept nogil:
    return <uint64_t>1 << why


cdef inline int64_t value_of_shares_e6(
    int64_t up_e6, int64_t down_e6, int64_t price_x2_e4
) noexcept nogil:
    """Value of shares, rounded down."""
    cdef int64_t value = up_e6 * price_x2_e4 + down_e6 * (2 * PRICE_SCALE - price_x2_e4)
    cdef int64_t whole = value // (2 * PRICE_SCALE)
    if value < 0 and whole * (2 * PRICE_SCALE) != value:
        whole -= 1
    return whole


# What the lane is told


cdef inline bint tell_lane(Maker* maker) noexcept nogil:
    """Tell the lane shares, and what we mean to have there; whether that is on both sides."""
    cdef int64_t bid_e4, bid_e6, ask_e4, ask_e6
    hold_shares(&maker.lane, maker.up_e6, maker.down_e6, maker.merging_e6)
    intended(maker, BID, &bid_e4, &bid_e6)
    intended(maker, ASK, &ask_e4, &ask_e6)
    if maker.has_cycled:
        maker.lane.working = Working(bid_e4, bid_e6, ask_e4, ask_e6, maker.last_ns, 1)
    return bid_e6 > 0 and ask_e6 > 0


cdef inline bint evaluate(Maker* maker, int64_t now_ns) noexcept nogil:
    tell_lane(maker)
    form_quote(&maker.lane, now_ns)
    return asks_requote(&maker.lane, now_ns)


# When to look again


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


cdef inline int reference_price(
    const BookState* book, int64_t now_ns, int64_t age_ns_max, int64_t* price_x2_e4
) noexcept nogil:
    """Price of step c, twice; else 0 and the answer says why there is none, as a WHY_ bit."""
    cdef int64_t bid_e4, ask_e4
    price_x2_e4[0] = 0
    if not book.has_epoch:
        return WHY_NO_BOOK
    if age_ns_max and book.newest_ms and now_ns - book.newest_ms * 1000000 > age_ns_max:
        return WHY_STALE_BOOK
    bid_e4 = best_bid(&book.side[BID])
    ask_e4 = best_ask(&book.side[ASK])
    if bid_e4 > 0 and ask_e4 < PRICE_SCALE:
        price_x2_e4[0] = bid_e4 + ask_e4
    elif book.last_trade_e4 > 0:
        price_x2_e4[0] = 2 * book.last_trade_e4
    else:
        return WHY_NO_PRICE
    return -1


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
    return -1


# Which orders


cdef inline int silence_reason(int64_t reasons) noexcept nogil:
    """The one bit under which a cycle without any quote is counted."""
    cdef int i
    if reasons & BAD_INVENTORY:
        return 12
    if reasons & NAN:
        return 3
    if reasons & NO_BOOK:
        return 0
    if reasons & BOOK_CROSSED:
        return 2
    if reasons & NO_PRICE:
        return 4
    if reasons & NO_SIZE:
        return 5
    if reasons & QUOTER_SILENT:
        return 13
    if reasons & THIN_BOOK:
        return 1
    for i in range(14):
        if reasons >> i & 1:
            return i
    return WHY_NO_SIZE


cdef inline int wanted_legs(const Sim* sim, Leg* legs) noexcept nogil:
    """Orders the quote asks for, bid first; parts below the minimum are dropped, never raised."""
    cdef const Maker* maker = &sim.maker
    cdef const Quote* quote = &maker.lane.quote
    cdef int64_t sell_e6 = min(quote.ask_sell_e6, max(maker.up_e6 - maker.merging_e6, 0))
    cdef int n = 0
    sell_e6 -= sell_e6 % sim.lot_e6
    if quote.bid_e6 >= sim.order_min_e6:
        legs[n] = Leg(BID, UP, BUY, quote.bid_e4, quote.bid_e6)
        n += 1
    if sell_e6 >= sim.order_min_e6:
        legs[n] = Leg(ASK, UP, SELL, quote.ask_e4, sell_e6)
        n += 1
    if quote.ask_buy_e6 >= sim.order_min_e6:
        legs[n] = Leg(ASK, DOWN, BUY, PRICE_SCALE - quote.ask_e4, quote.ask_buy_e6)
        n += 1
    return n


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
        for i in range(14):
            maker.counts[COUNT_SIDE + i] += names >> i & 1
    return n


cdef inline bint is_for(const Belief* order, const Leg* leg) noexcept nogil:
    return order.token == leg.token and order.action == leg.action


cdef inline bint holds(
    const Maker* maker, const Belief* order, const Leg* legs, int legs_n, int sides
) noexcept nogil:
    """Whether an order is what one of the legs of these sides asks for, within the tolerance."""
    cdef int64_t distance_e4, missing_e6
    cdef int i
    if not is_intended(order) or is_unanswered(order):
        return False
    for i in range(legs_n):
        if sides >> legs[i].side & 1 and is_for(order, &legs[i]):
            distance_e4 = legs[i].price_e4 - order.price_e4
            distance_e4 = distance_e4 if distance_e4 >= 0 else -distance_e4
            missing_e6 = legs[i].size_e6 - remaining_e6(order)
            return distance_e4 < maker.settings.requote_ticks * maker.lane.book.tick_e4 and (
                missing_e6 == 0 or (
                    missing_e6 > 0 and <double>missing_e6
                    < maker.settings.requote_size_ratio * <double>remaining_e6(order)
                )
            )
    return False


cdef inline bint meets_ours(const Maker* maker, const Leg* leg) noexcept nogil:
    """Whether the leg could trade with an own order that may be live on the other side."""
    cdef int64_t price_e4 = PRICE_SCALE - leg.price_e4 if leg.token else leg.price_e4
    cdef int64_t gap_e4
    cdef int i
    for i in range(maker.live_n):
        if maker.live[i].side != leg.side:
            gap_e4 = maker.live[i].up_price_e4 - price_e4
            if (gap_e4 <= 0 if leg.side == BID else gap_e4 >= 0):
                return True
    return False


cdef inline bint is_throttled(const Maker* maker, int64_t now_ns, int side) noexcept nogil:
    """Whether the last rejects_max rejections of a side all came within a second."""
    cdef int64_t n = maker.rejected_n[side], most = maker.settings.rejects_max
    return n >= most and now_ns - maker.rejected_ns[side][n % most] < SECOND_NS


cdef inline int place_side(
    Sim* sim, int64_t now_ns, int side, const Leg* legs, int legs_n, int* placed
) noexcept nogil:
    """Place what of the legs is missing on a side without unproven orders.

    Nothing goes out where an order that stands there no longer holds: the next cycle replaces it.
    The answer is the WHY_ bit for which some were withheld, 0 where none was.
    """
    cdef Maker* maker = &sim.maker
    cdef int missing = 0, withheld = 0, i, k, live_n = maker.live_n
    placed[0] = 0
    for k in range(legs_n):
        if legs[k].side == side:
            missing |= 1 << k
    for i in range(live_n):
        if maker.live[i].side == side:
            if not holds(maker, &maker.live[i], legs, legs_n, 1 << side):
                return 0
            for k in range(legs_n):
                if is_for(&maker.live[i], &legs[k]):
                    missing &= ~(1 << k)
    if not missing:
        return 0
    if is_throttled(maker, now_ns, side):
        maker.counts[COUNT_THROTTLED] += 1
        return WHY_THROTTLED
    for k in range(legs_n):
        if not missing >> k & 1:
            continue
        if meets_ours(maker, &legs[k]):
            maker.counts[COUNT_SELF_MATCH] += 1
            withheld = WHY_SELF_MATCH
        else:
            place(sim, now_ns, &legs[k])
            placed[0] += 1
    return withheld


# The cycle


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
    cdef int n, i
    if is_past_end(sim, now_ns):
        close_maker(sim, now_ns)
        return
    if maker.cycle.is_on:
        finish(maker, WHY_SUPERSEDED, why_bit(WHY_SUPERSEDED))
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
                if holds(maker, &maker.live[i], legs, n, BOTH):
                    kept |= <uint64_t>1 << i
        cancel_all(sim, now_ns, kept)
    advance(sim, now_ns, legs, n)


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
            ):
                begin(sim, now_ns)
    rest(sim, now_ns)


cdef inline void step_closing(Sim* sim, int64_t now_ns) noexcept nogil:
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
    expire(&sim.maker, now_ns)
    hear_reply(sim, now_ns, reply)
    rest(sim, now_ns)
