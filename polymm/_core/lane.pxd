# One market's way from book to wanted quote, in C. The decoder calls evaluate_c once a frame.
from libc.math cimport NAN
from libc.stdint cimport int64_t

from polymm._core.book cimport Book, BookState
from polymm._core.layout cimport Params, PRICE_SCALE, Quote, State
from polymm._core.quoting cimport ask_quoter, base_quote, clear_quote, quoter_t
from polymm._core.signals cimport BookDepth, analyze_anew

# The orders that work now, remaining sizes; a size of 0 means none on that side.
cdef struct Working:
    int64_t bid_e4
    int64_t bid_e6
    int64_t ask_e4
    int64_t ask_e6
    int64_t since_ns             # moment of the last requote
    int64_t is_known             # 0 until the first requote

# All that a quote is made of; the backtest has one of its own.
cdef struct LaneState:
    BookState* book
    State state
    Params params
    Quote quote
    Working working
    int64_t last_price_e4        # set by the caller, 0 where the book's own price holds
    BookDepth depth
    quoter_t quoter              # NULL: the base strategy


cdef inline void open_lane(
    LaneState* lane, BookState* book, int64_t start_ns, int64_t end_ns, int64_t lot_e6,
    int64_t order_min_e6,
) noexcept nogil:
    """Begin with an empty lane over a book; parameters and quoter are the caller's to set."""
    lane.book = book
    lane.state.start_ns = start_ns
    lane.state.end_ns = end_ns
    lane.state.lot_e6 = lot_e6
    lane.state.order_min_e6 = order_min_e6
    lane.state.fair = NAN
    clear_quote(&lane.quote)


cdef inline void hold_shares(
    LaneState* lane, int64_t up_e6, int64_t down_e6, int64_t unsellable_up_e6
) noexcept nogil:
    """Take in the shares held; counts below 0 quote nothing (`bad_inventory`)."""
    cdef int64_t sellable_e6 = up_e6 - max(unsellable_up_e6, 0)
    if up_e6 < 0 or down_e6 < 0:
        lane.state.up_e6 = lane.state.down_e6 = -1
        return
    lane.state.up_e6 = up_e6
    lane.state.down_e6 = down_e6
    lane.state.sellable_up_e6 = max(sellable_e6, 0)


cdef inline bint side_differs(
    int64_t wanted_e4, int64_t wanted_e6, int64_t works_e4, int64_t works_e6,
    int64_t apart_e4, double size_ratio,
) noexcept nogil:
    cdef int64_t price_gap_e4 = wanted_e4 - works_e4
    cdef int64_t size_gap_e6 = wanted_e6 - works_e6
    if wanted_e6 == 0 or works_e6 == 0:
        return wanted_e6 != works_e6
    if (price_gap_e4 >= apart_e4) | (-price_gap_e4 >= apart_e4):
        return True
    if size_gap_e6 < 0:
        size_gap_e6 = -size_gap_e6
    return size_gap_e6 > 0 and <double>size_gap_e6 >= size_ratio * <double>works_e6


cdef enum:
    DUE_NO = 0
    DUE_YES = 1
    DUE_ASK_QUOTE = 2            # only the quote can tell


cdef inline int requote_due(
    const Working* working, const Params* params, int64_t now_ns
) noexcept nogil:
    """What the clock alone says of docs/strategy.md section 2, "When a cycle runs"."""
    cdef int64_t age_ns = now_ns - working.since_ns
    if not working.is_known or age_ns >= params.cycle_ns:
        return DUE_YES
    if not params.cycle_event or age_ns < params.requote_interval_min_ns:
        return DUE_NO
    return DUE_ASK_QUOTE


cdef inline bint quote_differs(const LaneState* lane) noexcept nogil:
    """Whether the quote is another than what works, by the tolerances of a requote."""
    cdef const Quote* quote = &lane.quote
    cdef const Working* working = &lane.working
    cdef int64_t apart_e4 = lane.params.requote_ticks * lane.state.tick_e4
    return side_differs(
        quote.bid_e4, quote.bid_e6, working.bid_e4, working.bid_e6,
        apart_e4, lane.params.requote_size_ratio,
    ) or side_differs(
        quote.ask_e4, quote.ask_sell_e6 + quote.ask_buy_e6, working.ask_e4, working.ask_e6,
        apart_e4, lane.params.requote_size_ratio,
    )


cdef inline int64_t price_now(
    const BookState* book, const State* state, int64_t set_e4
) noexcept nogil:
    """Price of step c: the caller's, else the last trade, else the mid of the raw touch."""
    if set_e4:
        return set_e4
    if book.last_trade_e4:
        return book.last_trade_e4
    if 0 < state.best_bid_e4 < state.best_ask_e4 < PRICE_SCALE:
        return (state.best_bid_e4 + state.best_ask_e4) // 2
    return 0


cdef inline void form_quote(LaneState* lane, int64_t now_ns) noexcept nogil:
    """Analyse what of the book was not followed, and fill in the quote."""
    cdef State* state = &lane.state
    state.now_ns = now_ns
    state.tick_e4 = lane.book.tick_e4
    analyze_anew(
        lane.book, lane.params.min_size_e6, lane.params.depth_lookback, &lane.depth, state
    )
    state.last_price_e4 = price_now(lane.book, state, lane.last_price_e4)
    if lane.quoter == NULL:
        base_quote(state, &lane.params, &lane.quote)
    else:
        ask_quoter(lane.quoter, state, &lane.params, &lane.quote)


cdef inline bint asks_requote(const LaneState* lane, int64_t now_ns) noexcept nogil:
    """Whether the quote that was just formed asks for other orders."""
    cdef int due = requote_due(&lane.working, &lane.params, now_ns)
    return due == DUE_YES or (due == DUE_ASK_QUOTE and quote_differs(lane))


cdef class Lane:
    cdef LaneState lane
    cdef Book owner              # keeps the book alive
    cdef object quoter_owner     # keeps the compiled quoter alive

    cdef int evaluate_c(self, int64_t now_ns) noexcept nogil
