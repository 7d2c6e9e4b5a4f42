# The venue of a tape with our orders in it: polymm.exchange.tape.TapeVenue in C. The tape builds
# its book at venue time; our orders join the back of what is displayed and move nothing.
from libc.stdint cimport int64_t, uint64_t

from polymm._core.book cimport best_ask, best_bid, BookState, next_above, next_below
from polymm._core.layout cimport ASK, BID, PRICE_SCALE, ROW_ASK, TapeRow
from polymm._core.queue cimport queue_join, queue_size, queue_through, queue_trade, WINDOW
from polymm._core.sim_ledger cimport begin_merge, book_fill, finish_merge, release, reserve, settle
from polymm._core.sim_names cimport (
    REJECT_BALANCE, REJECT_BOOK, REJECT_CLOSED, REJECT_CROSSES, REJECT_LOT, REJECT_MINIMUM,
    REJECT_TICK,
)
from polymm._core.sim_notes cimport FillNote, note_fill, note_merge, note_orders
from polymm._core.sim_orders cimport forget_ended, let_go
from polymm._core.sim_state cimport (
    Arrival, ARRIVE_CANCEL, ARRIVE_MERGE, ARRIVE_MERGED, ARRIVE_PLACE, ARRIVE_SETTLED, Beyond,
    FORM_THROUGH, Reply, REPLY_ACCEPTED, REPLY_CANCELLED, REPLY_FILL, REPLY_MERGED, REPLY_REFUSED,
    REPLY_REJECTED, Sim, Store, Venue, VENUE_ORDERS_MAX, VenueOrder,
)
from polymm._core.sim_stores cimport append, is_mirror, polymm_fee_e6, push_arrival, push_reply

# Our orders in their queues


cdef inline void answer(
    Sim* sim, int64_t now_ns, int kind, int64_t order_id, int64_t size_e6, int64_t code
) noexcept nogil:
    push_reply(sim, now_ns, Reply(0, kind, order_id, size_e6, code, 0, 0, 0))


cdef inline void note_range(Venue* venue, int side) noexcept nogil:
    """Note between which prices orders of a side rest; its list is in order of price."""
    cdef const int* prices_e4 = venue.resting_e4[side]
    cdef int n = venue.resting_n[side]
    venue.ours_low_e4[side] = venue.ours_high_e4[side] = PRICE_SCALE
    if n:
        venue.ours_low_e4[side] = min(prices_e4[0], prices_e4[n - 1])
        venue.ours_high_e4[side] = max(prices_e4[0], prices_e4[n - 1])


cdef inline void rest_order(Sim* sim, VenueOrder* order) noexcept nogil:
    """Put an order at the back of what is displayed at its price, behind better and earlier."""
    cdef Venue* venue = &sim.venue
    cdef int* resting = venue.resting[order.side]
    cdef int* prices_e4 = venue.resting_e4[order.side]
    cdef int i = venue.resting_n[order.side]
    cdef int price_e4 = <int>order.up_price_e4
    order.front_e6 = venue.book.side[order.side].size_e6[price_e4]
    queue_join(&order.queue, order.front_e6, venue.model, venue.model_n, venue.window_ns)
    while i:
        if prices_e4[i - 1] >= price_e4 if order.side == BID else prices_e4[i - 1] <= price_e4:
            break
        resting[i] = resting[i - 1]
        prices_e4[i] = prices_e4[i - 1]
        i -= 1
    resting[i] = <int>(order - venue.orders)
    prices_e4[i] = price_e4
    venue.resting_n[order.side] += 1
    note_range(venue, order.side)


cdef inline void unrest_order(Sim* sim, const VenueOrder* order) noexcept nogil:
    cdef Venue* venue = &sim.venue
    cdef int* resting = venue.resting[order.side]
    cdef int slot = <int>(order - venue.orders)
    cdef int i = 0, k
    while resting[i] != slot:
        i += 1
    venue.resting_n[order.side] -= 1
    for k in range(i, venue.resting_n[order.side]):
        resting[k] = resting[k + 1]
        venue.resting_e4[order.side][k] = venue.resting_e4[order.side][k + 1]
    note_range(venue, order.side)


cdef inline int64_t fill(
    Sim* sim, int64_t now_ns, VenueOrder* order, int64_t reached_e6
) noexcept nogil:
    """Fill an order with whole lots of what reached it; answer how much that was."""
    cdef Venue* venue = &sim.venue
    cdef int64_t size_e6 = min(order.open_e6, reached_e6)
    cdef int64_t fee_e6 = 0
    cdef bint inferred = venue.form == FORM_THROUGH
    size_e6 -= size_e6 % sim.lot_e6
    if not size_e6:
        return 0
    # An inferred fill has no taker on the tape, so that no fee and no rebate follow from it.
    if not inferred:
        fee_e6 = polymm_fee_e6(size_e6, order.price_e4, sim.fee_rate_e6)
    book_fill(sim, order, size_e6)
    order.filled_e6 += size_e6
    order.open_e6 -= size_e6
    venue.trades_n += 1
    venue.filled_e6 += size_e6
    venue.counter_fees_e6 += fee_e6
    push_reply(
        sim, now_ns,
        Reply(
            0, REPLY_FILL, order.order_id, size_e6, 0, order.token, order.action, order.price_e4
        ),
    )
    note_fill(
        sim,
        FillNote(
            now_ns, venue.trades_n, order.order_id, order.price_e4, size_e6, order.front_e6,
            fee_e6, 0.0, order.token, order.action, inferred, order.cancel_sent_ns < now_ns,
        ),
    )
    if not order.open_e6:
        unrest_order(sim, order)
    note_orders(sim, now_ns)
    if not order.open_e6:
        forget_ended(sim, order)
    return size_e6


# The tape's flow


cdef inline int64_t inside_e4(const VenueOrder* order, int64_t price_e4) noexcept nogil:
    """How far a price lies beyond the order; below 0 where before it."""
    if order.side == BID:
        return order.up_price_e4 - price_e4
    return price_e4 - order.up_price_e4


cdef inline int list_resting(const Sim* sim, int side, int* slots) noexcept nogil:
    """Copy a side's orders, best first: fills change the list that they are taken from."""
    cdef int i
    for i in range(sim.venue.resting_n[side]):
        slots[i] = sim.venue.resting[side][i]
    return sim.venue.resting_n[side]


cdef inline void take_trade(
    Sim* sim, int64_t now_ns, const TapeRow* row, int64_t stamp_ms
) noexcept nogil:
    """Let a trade reach our orders."""
    cdef int slots[VENUE_ORDERS_MAX]
    cdef VenueOrder* order
    cdef int64_t left_e6 = row.size_e6, reached_e6, beyond_e4
    cdef int side = BID if row.flags & ROW_ASK else ASK
    cdef int i, n
    if sim.has_mirrors and is_mirror(sim, now_ns, row, stamp_ms):
        sim.venue.mirrored_n += 1
        return
    if now_ns >= sim.start_ns:
        sim.venue.traded_e6 += row.size_e6
    if not sim.venue.resting_n[side]:
        return
    n = list_resting(sim, side, slots)
    for i in range(n):
        order = &sim.venue.orders[slots[i]]
        beyond_e4 = inside_e4(order, row.price_e4)
        if beyond_e4 < 0:
            break
        if beyond_e4:
            queue_through(&order.queue)
            reached_e6 = left_e6
        else:
            # What our orders ahead took of the trade went no further.
            reached_e6 = queue_trade(&order.queue, now_ns, row.size_e6)
            reached_e6 = max(reached_e6 - (row.size_e6 - left_e6), 0)
        left_e6 -= fill(sim, now_ns, order, reached_e6)


cdef inline Beyond* level_beyond(
    Sim* sim, int side, int64_t price_e4, int64_t size_e6
) noexcept nogil:
    cdef Store* store = &sim.venue.beyond[side]
    cdef Beyond* level
    cdef Py_ssize_t i
    for i in range(store.n):
        level = <Beyond*>store.items + i
        if level.price_e4 == price_e4:
            return level
    level = <Beyond*>append(sim, store)
    level[0] = Beyond(price_e4, size_e6, 0)
    return level


cdef inline void forget_changed_levels(Sim* sim, int side) noexcept nogil:
    cdef Store* store = &sim.venue.beyond[side]
    cdef Beyond* levels = <Beyond*>store.items
    cdef Py_ssize_t i, kept = 0
    for i in range(store.n):
        if sim.venue.book.side[1 - side].size_e6[levels[i].price_e4] == levels[i].size_e6:
            levels[kept] = levels[i]
            kept += 1
    store.n = kept


cdef inline void fill_through(Sim* sim, int64_t now_ns, int side) noexcept nogil:
    """Fill our orders of a side by the levels shown strictly beyond them, once per level."""
    cdef int slots[VENUE_ORDERS_MAX]
    cdef BookState* book = sim.venue.book
    cdef VenueOrder* order
    cdef Beyond* level
    cdef int64_t wanted_e6, taken_e6
    cdef int i, price_e4
    cdef int n = list_resting(sim, side, slots)
    for i in range(n):
        order = &sim.venue.orders[slots[i]]
        wanted_e6 = order.open_e6
        price_e4 = best_ask(&book.side[ASK]) if side == BID else best_bid(&book.side[BID])
        while 0 < price_e4 < PRICE_SCALE and wanted_e6 and inside_e4(order, price_e4) > 0:
            level = level_beyond(sim, side, price_e4, book.side[1 - side].size_e6[price_e4])
            taken_e6 = min(wanted_e6, level.size_e6 - level.taken_e6)
            level.taken_e6 += taken_e6
            wanted_e6 -= taken_e6
            if side == BID:
                price_e4 = next_above(&book.side[ASK], price_e4)
            else:
                price_e4 = next_below(&book.side[BID], price_e4)
        fill(sim, now_ns, order, order.open_e6 - wanted_e6)


cdef inline void take_size(Sim* sim, int64_t now_ns, int side, int price_e4) noexcept nogil:
    """Let our queues at a price see the size there."""
    cdef const int* resting = sim.venue.resting[side]
    cdef int i
    for i in range(sim.venue.resting_n[side]):
        if sim.venue.resting_e4[side][i] == price_e4:
            queue_size(
                &sim.venue.orders[resting[i]].queue, now_ns,
                sim.venue.book.side[side].size_e6[price_e4],
            )


cdef inline void take_sizes(Sim* sim, int64_t now_ns, int sides) noexcept nogil:
    """Let our queues of some sides see the sizes at their prices; one that stayed says nothing."""
    cdef VenueOrder* order
    cdef int side, i
    for side in range(2):
        if not sides >> side & 1:
            continue
        for i in range(sim.venue.resting_n[side]):
            order = &sim.venue.orders[sim.venue.resting[side][i]]
            queue_size(
                &order.queue, now_ns, sim.venue.book.side[side].size_e6[order.up_price_e4]
            )


cdef inline void take_touch(Sim* sim, int64_t now_ns) noexcept nogil:
    """Let a book that went through our prices fill us."""
    cdef Venue* venue = &sim.venue
    forget_changed_levels(sim, BID)
    forget_changed_levels(sim, ASK)
    if venue.resting_n[BID] and (
        best_ask(&venue.book.side[ASK]) < venue.orders[venue.resting[BID][0]].up_price_e4
    ):
        fill_through(sim, now_ns, BID)
    if venue.resting_n[ASK] and (
        best_bid(&venue.book.side[BID]) > venue.orders[venue.resting[ASK][0]].up_price_e4
    ):
        fill_through(sim, now_ns, ASK)


# What arrives


cdef inline int refusal(Sim* sim, const VenueOrder* order) noexcept nogil:
    """REJECT_ code of an arriving order, -1 where it rests; reserves for one that does."""
    cdef Venue* venue = &sim.venue
    cdef BookState* book = venue.book
    cdef int64_t touch_e4, own_e4
    if venue.is_closed:
        return REJECT_CLOSED
    if order.size_e6 < sim.order_min_e6:
        return REJECT_MINIMUM
    if order.size_e6 % sim.lot_e6:
        return REJECT_LOT
    if not 0 < order.price_e4 < PRICE_SCALE or order.price_e4 % book.tick_e4:
        return REJECT_TICK
    if not book.has_epoch:
        # Nothing tells what rests there: an order that joined an unknown queue would lead it.
        return REJECT_BOOK
    if order.side == BID:
        touch_e4 = best_ask(&book.side[ASK])
        if venue.resting_n[ASK]:
            own_e4 = venue.orders[venue.resting[ASK][0]].up_price_e4
            touch_e4 = min(touch_e4, own_e4)
        if order.up_price_e4 >= touch_e4:
            return REJECT_CROSSES
    else:
        touch_e4 = best_bid(&book.side[BID])
        if venue.resting_n[BID]:
            own_e4 = venue.orders[venue.resting[BID][0]].up_price_e4
            touch_e4 = max(touch_e4, own_e4)
        if order.up_price_e4 <= touch_e4:
            return REJECT_CROSSES
    return -1 if reserve(sim, order) else REJECT_BALANCE


cdef inline void arrive_place(Sim* sim, int64_t now_ns, VenueOrder* order) noexcept nogil:
    """An order arrives: reject it, or let it join the back of its queue."""
    cdef int code = refusal(sim, order)
    if code >= 0:
        order.rejected_e6 = order.open_e6
        order.open_e6 = 0
        sim.venue.rejects[code] += 1
        sim.venue.rejected_e6 += order.rejected_e6
        answer(sim, now_ns, REPLY_REJECTED, order.order_id, 0, code)
    else:
        order.has_rested = True
        rest_order(sim, order)
        answer(sim, now_ns, REPLY_ACCEPTED, order.order_id, 0, 0)
        note_orders(sim, now_ns)
    let_go(sim, order)


cdef inline void leave(
    Sim* sim, int64_t now_ns, VenueOrder* order, int64_t open_e6, bint expired
) noexcept nogil:
    release(sim, order, open_e6)
    unrest_order(sim, order)
    answer(sim, now_ns, REPLY_CANCELLED, order.order_id, order.filled_e6, expired)
    note_orders(sim, now_ns)


cdef inline void arrive_cancel(Sim* sim, int64_t now_ns, VenueOrder* order) noexcept nogil:
    cdef int64_t open_e6 = order.open_e6
    if not order.has_rested or (not open_e6 and order.filled_e6 != order.size_e6):
        answer(sim, now_ns, REPLY_REFUSED, order.order_id, 0, 0)
    elif not open_e6:
        answer(sim, now_ns, REPLY_REFUSED, order.order_id, 0, 1)
    else:
        order.cancelled_e6 = open_e6
        order.open_e6 = 0
        sim.venue.cancelled_e6 += open_e6
        leave(sim, now_ns, order, open_e6, False)
    let_go(sim, order)


cdef inline void close_venue(Sim* sim, int64_t now_ns) noexcept nogil:
    """End the market: every resting order expires, later ones are rejected."""
    cdef int slots[VENUE_ORDERS_MAX]
    cdef VenueOrder* order
    cdef int64_t open_e6
    cdef int side, i, n
    sim.venue.is_closed = True
    for side in range(2):
        n = list_resting(sim, side, slots)
        for i in range(n):
            order = &sim.venue.orders[slots[i]]
            open_e6 = order.open_e6
            order.expired_e6 = open_e6
            order.open_e6 = 0
            sim.venue.expired_e6 += open_e6
            leave(sim, now_ns, order, open_e6, True)
            forget_ended(sim, order)
    if not sim.is_stopped and sim.outcome >= 0:
        push_arrival(sim, now_ns, now_ns, False, ARRIVE_SETTLED, 0, 0)


cdef inline void settle_once(Sim* sim) noexcept nogil:
    """Pay out, once nothing is merging any more."""
    if sim.venue.is_settling and not sim.venue.merges_out:
        sim.venue.is_settling = False
        settle(&sim.venue.ledger, sim.outcome)


cdef inline void arrive_merge(Sim* sim, int64_t now_ns, int64_t pairs_e6) noexcept nogil:
    # What is held at the end is paid out; there is nothing left to merge.
    if not sim.venue.is_closed and begin_merge(&sim.venue.ledger, pairs_e6):
        sim.venue.merges_out += 1
        push_arrival(
            sim, now_ns + sim.merge_delay_ns, now_ns, False, ARRIVE_MERGED, 0, pairs_e6
        )
        return
    sim.venue.merges_refused_n += 1
    answer(sim, now_ns, REPLY_MERGED, 0, 0, 0)


cdef inline void arrive(Sim* sim, const Arrival* arrival) noexcept nogil:
    cdef int64_t now_ns = arrival.at_ns
    if arrival.kind == ARRIVE_PLACE:
        arrive_place(sim, now_ns, &sim.venue.orders[arrival.slot])
    elif arrival.kind == ARRIVE_CANCEL:
        arrive_cancel(sim, now_ns, &sim.venue.orders[arrival.slot])
    elif arrival.kind == ARRIVE_MERGE:
        arrive_merge(sim, now_ns, arrival.pairs_e6)
    elif arrival.kind == ARRIVE_MERGED:
        finish_merge(&sim.venue.ledger, arrival.pairs_e6)
        sim.venue.merges_out -= 1
        answer(sim, now_ns, REPLY_MERGED, 0, arrival.pairs_e6, 0)
        note_merge(sim, now_ns, arrival.pairs_e6)
        settle_once(sim)
    else:
        sim.venue.is_settling = True
        settle_once(sim)
