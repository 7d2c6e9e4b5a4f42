# A price to go by, which orders a quote asks for, and which of them may go out now:
# polymm.engine.planning and placing in C. None goes onto a side that still holds another, none that
# could meet our own, none after too many rejections.
from libc.stdint cimport int64_t

from polymm._core.book cimport best_ask, best_bid, BookState
from polymm._core.layout cimport (
    ASK, BAD_INVENTORY, BID, BOOK_CROSSED, DOWN, NAN, NO_BOOK, NO_PRICE, NO_SIZE, PRICE_SCALE,
    Quote, QUOTER_FAILED, QUOTER_SILENT, THIN_BOOK, UP,
)
from polymm._core.sim_names cimport (
    COUNT_SELF_MATCH, COUNT_THROTTLED, REASONS_N, WHY_NO_BOOK, WHY_NO_PRICE, WHY_NO_SIZE,
    WHY_SELF_MATCH, WHY_STALE_BOOK, WHY_THROTTLED,
)
from polymm._core.sim_orders cimport place
from polymm._core.sim_standing cimport may_hold, remaining_e6
from polymm._core.sim_state cimport Belief, BUY, Leg, Maker, SELL, Sim
from polymm._core.sim_stores cimport last

cdef enum:
    LEGS_MAX = 3
    SECOND_NS = 1000000000


cdef inline int64_t value_of_shares_e6(
    int64_t up_e6, int64_t down_e6, int64_t price_x2_e4
) noexcept nogil:
    """Value of shares, rounded down."""
    cdef int64_t value = up_e6 * price_x2_e4 + down_e6 * (2 * PRICE_SCALE - price_x2_e4)
    cdef int64_t whole = value // (2 * PRICE_SCALE)
    if value < 0 and whole * (2 * PRICE_SCALE) != value:
        whole -= 1
    return whole


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


cdef inline int silence_reason(int64_t reasons) noexcept nogil:
    """The one bit under which a cycle without any quote is counted."""
    cdef int64_t[9] first = [
        BAD_INVENTORY, NAN, NO_BOOK, BOOK_CROSSED, NO_PRICE, NO_SIZE, QUOTER_FAILED, QUOTER_SILENT,
        THIN_BOOK,
    ]
    cdef int i
    for i in range(9):
        if reasons & first[i]:
            reasons = first[i]
            break
    for i in range(REASONS_N):
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


cdef inline bint is_for(const Belief* order, const Leg* leg) noexcept nogil:
    return (order.token == leg.token) & (order.action == leg.action)


cdef inline int leg_held(
    const Maker* maker, const Belief* order, const Leg* legs, int legs_n
) noexcept nogil:
    """Which of the legs an order holds for, within the tolerance; -1 for none."""
    cdef int64_t distance_e4, missing_e6
    cdef int i
    if not may_hold(order):
        return -1
    for i in range(legs_n):
        if is_for(order, &legs[i]):
            distance_e4 = legs[i].price_e4 - order.price_e4
            distance_e4 = distance_e4 if distance_e4 >= 0 else -distance_e4
            missing_e6 = legs[i].size_e6 - remaining_e6(order)
            if distance_e4 < maker.settings.requote_ticks * maker.lane.book.tick_e4 and (
                missing_e6 == 0 or (
                    missing_e6 > 0 and <double>missing_e6
                    < maker.settings.requote_size_ratio * <double>remaining_e6(order)
                )
            ):
                return i
            return -1
    return -1


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
    cdef int missing = 0, withheld = 0, held, i, k, live_n = maker.live_n
    placed[0] = 0
    for k in range(legs_n):
        if legs[k].side == side:
            missing |= 1 << k
    for i in range(live_n):
        if maker.live[i].side == side:
            held = leg_held(maker, &maker.live[i], legs, legs_n)
            if held < 0:
                return 0
            missing &= ~(1 << held)
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
