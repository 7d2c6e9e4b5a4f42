# The base strategy (docs/strategy.md section 2, steps 3 to 14) as one function over one record. A
# user's quoter has the same C signature and stands in the same place.
from libc.math cimport ceil, floor, isfinite, NAN as NOT_A_NUMBER
from libc.stdint cimport int64_t

from polymm._core.inventory cimport limit_c, mergeable_c, skew_c
from polymm._core.layout cimport (
    ASK_GUARDED_OUT, ASK_NO_ROOM, ASK_TOO_SHORT, BAD_INVENTORY, BID_GUARDED_OUT, BID_NO_ROOM,
    BID_TOO_LONG, NAN, NO_BOOK, NO_PRICE, NO_SIZE, Params, PRICE_SCALE, QUOTER_FAILED,
    QUOTER_SILENT, Quote, State, THIN_BOOK,
)

# Answers 1 when the quote is filled in, anything else where it failed.
ctypedef int64_t (*quoter_t)(const State*, const Params*, Quote*) noexcept nogil

cdef enum:
    SELL_FIRST = 1
    PULL = 1


cdef Params params_of(object params) except *
cdef quoter_t quoter_at(object quoter_address) except *


cdef inline void clear_quote(Quote* quote) noexcept nogil:
    quote.bid_e4 = quote.bid_e6 = quote.ask_e4 = quote.ask_sell_e6 = quote.ask_buy_e6 = 0
    quote.merge_e6 = quote.reasons = 0
    quote.bid = quote.ask = quote.skew = NOT_A_NUMBER


cdef inline double clamp(double x, double low, double high) noexcept nogil:
    if x < low:
        return low
    if x > high:
        return high
    return x


cdef inline int64_t clamp_ticks(int64_t n, int64_t low, int64_t high) noexcept nogil:
    if n < low:
        return low
    if n > high:
        return high
    return n


cdef inline int64_t ticks_down(double price, double ticks_a_dollar) noexcept nogil:
    """Whole ticks at or below a price; 1e-9 dollars of tolerance, so that 0.48 stays 0.48."""
    return <int64_t>floor((price + 1e-9) * ticks_a_dollar)


cdef inline int64_t ticks_up(double price, double ticks_a_dollar) noexcept nogil:
    return <int64_t>ceil((price - 1e-9) * ticks_a_dollar)


cdef inline double adjustment(
    const Params* params, double skew, double imbalance
) noexcept nogil:
    """Step 8: what inventory and imbalance add to both quotes, dollars."""
    return <double>params.inventory_sign * params.k_inv * skew + params.k_imb * imbalance


cdef inline double quote_width(
    const Params* params, int64_t bid_e4, int64_t ask_e4
) noexcept nogil:
    """Step 5: distance between the quotes, dollars."""
    return clamp(<double>(ask_e4 - bid_e4) / 10000.0, params.min_spread, params.max_spread)


cdef inline void rest_on_ticks(
    double bid, double ask, int64_t tick_e4, int64_t touch_bid_e4, int64_t touch_ask_e4,
    const Params* params, Quote* quote,
) noexcept nogil:
    """Steps 9 and 10: clamp, round to ticks, repair, guard; a side without a price has 0."""
    cdef int64_t low, high, bid_n, ask_n
    cdef double ticks_a_dollar = 10000.0 / <double>tick_e4
    if not (
        isfinite(bid) and isfinite(ask)
        and 0.0 <= params.quote_min <= params.quote_max <= 1.0
    ):
        quote.reasons |= NAN
        return
    quote.bid = clamp(bid, params.quote_min, params.quote_max)
    quote.ask = clamp(ask, params.quote_min, params.quote_max)

    low = ticks_up(params.quote_min, ticks_a_dollar)
    low = low if low > 1 else 1
    high = ticks_down(1.0, ticks_a_dollar) - 1
    high = clamp_ticks(ticks_down(params.quote_max, ticks_a_dollar), 0, high)
    bid_n = clamp_ticks(ticks_down(quote.bid, ticks_a_dollar), low, high)
    ask_n = clamp_ticks(ticks_up(quote.ask, ticks_a_dollar), low, high)
    if ask_n <= bid_n:
        ask_n = bid_n + 1
        if ask_n > high:
            bid_n = high - 1
            ask_n = high

    # The touch may stand off the grid; then the next price on it is the post-only one.
    if bid_n * tick_e4 >= touch_ask_e4:
        bid_n = (touch_ask_e4 - 1) // tick_e4
    if ask_n * tick_e4 <= touch_bid_e4:
        ask_n = touch_bid_e4 // tick_e4 + 1
    if low <= bid_n <= high:
        quote.bid_e4 = bid_n * tick_e4
    else:
        quote.reasons |= BID_GUARDED_OUT
    if low <= ask_n <= high:
        quote.ask_e4 = ask_n * tick_e4
    else:
        quote.reasons |= ASK_GUARDED_OUT


cdef inline int64_t room_c(
    int64_t order_size_e6, int64_t limit_e6, int64_t held_e6, int64_t lot_e6
) noexcept nogil:
    """Size of an order that adds to what is held, floored to the lot, at least 0."""
    cdef int64_t size_e6 = limit_e6 - held_e6
    if size_e6 > order_size_e6:
        size_e6 = order_size_e6
    return size_e6 - size_e6 % lot_e6 if size_e6 > 0 else 0


cdef inline int64_t orderable(int64_t size_e6, int64_t order_min_e6) noexcept nogil:
    """Step 13: room below the venue's minimum is no order, never rounded up."""
    return size_e6 if size_e6 >= order_min_e6 else 0


cdef inline void size_bid(const State* state, const Params* params, Quote* quote) noexcept nogil:
    """Steps 11 to 13 for the bid."""
    cdef int64_t limit_e6
    if not quote.skew <= params.skip_skew:
        quote.reasons |= BID_TOO_LONG
        return
    limit_e6 = limit_c(
        quote.skew, params.max_position_e6,
        params.scale1_skew, params.scale1, params.scale2_skew, params.scale2,
    )
    quote.bid_e6 = orderable(
        room_c(params.order_size_e6, limit_e6, state.up_e6, state.lot_e6), state.order_min_e6
    )
    if quote.bid_e6 == 0:
        quote.reasons |= BID_NO_ROOM


cdef inline void size_ask(const State* state, const Params* params, Quote* quote) noexcept nogil:
    """Steps 11 to 13 for the ask: Down bought at 1 - ask, under sell_first held Up sold first.

    Up that cannot be sold yet is made up for by more Down: it flattens as well (FAILURES 25).
    """
    cdef int64_t limit_e6
    if not quote.skew >= -params.skip_skew:
        quote.reasons |= ASK_TOO_SHORT
        return
    if params.ask_mode == SELL_FIRST:
        # Reducing knows no limit. Held shares below the minimum cannot be sold at all.
        quote.ask_sell_e6 = orderable(
            room_c(params.order_size_e6, state.sellable_up_e6, 0, state.lot_e6),
            state.order_min_e6,
        )
    limit_e6 = limit_c(
        -quote.skew, params.max_position_e6,
        params.scale1_skew, params.scale1, params.scale2_skew, params.scale2,
    )
    quote.ask_buy_e6 = orderable(
        room_c(
            params.order_size_e6 - quote.ask_sell_e6, limit_e6, state.down_e6, state.lot_e6
        ),
        state.order_min_e6,
    )
    if quote.ask_sell_e6 + quote.ask_buy_e6 == 0:
        quote.reasons |= ASK_NO_ROOM


cdef inline int64_t base_quote(
    const State* state, const Params* params, Quote* quote
) noexcept nogil:
    """Fill `quote` by the base strategy; always answers 1."""
    cdef int64_t twice_mid_e4
    cdef double width, adj
    clear_quote(quote)
    quote.merge_e6 = mergeable_c(state.up_e6, state.down_e6, params.merge_threshold_e6)
    if state.up_e6 < 0 or state.down_e6 < 0:
        quote.reasons = BAD_INVENTORY
        return 1
    if not (0 < state.tick_e4 < PRICE_SCALE and state.lot_e6 > 0):
        quote.reasons = NO_BOOK
        return 1
    if not state.usable and (state.reasons != THIN_BOOK or params.thin_book == PULL):
        quote.reasons = state.reasons
        return 1

    if state.usable:
        twice_mid_e4 = state.bid_e4 + state.ask_e4
        width = quote_width(params, state.bid_e4, state.ask_e4)
    elif 0 < state.last_price_e4 < PRICE_SCALE:
        twice_mid_e4 = 2 * state.last_price_e4
        width = params.spread
    else:
        quote.reasons = THIN_BOOK | NO_PRICE
        return 1
    quote.skew = skew_c(
        state.up_e6, state.down_e6, <double>twice_mid_e4, params.skew_mode, params.max_position_e6
    )
    if not isfinite(quote.skew):
        quote.reasons = NAN
        return 1
    adj = adjustment(params, quote.skew, state.imbalance) if state.usable else 0.0
    rest_on_ticks(
        <double>twice_mid_e4 / 20000.0 - width / 2.0 + adj,
        <double>twice_mid_e4 / 20000.0 + width / 2.0 + adj,
        state.tick_e4, state.best_bid_e4, state.best_ask_e4, params, quote,
    )
    if quote.reasons & NAN:
        return 1
    if quote.bid_e4:
        size_bid(state, params, quote)
    if quote.ask_e4:
        size_ask(state, params, quote)
    if quote.bid_e6 == 0:
        quote.bid_e4 = 0
    if quote.ask_sell_e6 + quote.ask_buy_e6 == 0:
        quote.ask_e4 = 0
    if not quote.bid_e4 and not quote.ask_e4:
        quote.reasons |= NO_SIZE
    return 1


cdef inline bint is_postable(
    int64_t price_e4, int64_t tick_e4, int64_t above_e4, int64_t below_e4
) noexcept nogil:
    return (
        above_e4 < price_e4 < below_e4 and 0 < price_e4 < PRICE_SCALE
        and tick_e4 > 0 and price_e4 % tick_e4 == 0
    )


cdef inline bint is_sane(const Quote* quote) noexcept nogil:
    """Whether no size is above 1e8 shares, so that its dollars are still 64 bits."""
    cdef int64_t most_e6 = 100000000000000
    return max(max(quote.bid_e6, quote.ask_sell_e6), quote.ask_buy_e6) <= most_e6


cdef inline void ask_quoter(
    quoter_t quoter, const State* state, const Params* params, Quote* quote
) noexcept nogil:
    """Let a user's quoter fill `quote`; sides the venue could not accept are dropped, and all of it
    where it fails."""
    cdef bint has_bid, has_ask
    clear_quote(quote)
    if quoter(state, params, quote) != 1 or not is_sane(quote):
        clear_quote(quote)
        quote.reasons = QUOTER_FAILED
    has_bid = quote.bid == quote.bid and quote.bid_e6 > 0
    has_ask = (
        quote.ask == quote.ask and quote.ask_sell_e6 >= 0 and quote.ask_buy_e6 >= 0
        and quote.ask_sell_e6 + quote.ask_buy_e6 > 0
    )
    if not has_bid and not has_ask and quote.reasons == 0:
        quote.reasons = QUOTER_SILENT
    if has_bid and has_ask and quote.bid_e4 >= quote.ask_e4:
        has_bid = has_ask = False
        quote.reasons |= BID_GUARDED_OUT | ASK_GUARDED_OUT
    if has_bid and not is_postable(quote.bid_e4, state.tick_e4, 0, state.best_ask_e4):
        has_bid = False
        quote.reasons |= BID_GUARDED_OUT
    if has_ask and not is_postable(quote.ask_e4, state.tick_e4, state.best_bid_e4, PRICE_SCALE):
        has_ask = False
        quote.reasons |= ASK_GUARDED_OUT
    if not has_bid:
        quote.bid_e4 = quote.bid_e6 = 0
    if not has_ask:
        quote.ask_e4 = quote.ask_sell_e6 = quote.ask_buy_e6 = 0
