# What one frame wants to change, before anything is changed: both passes stage into these
# records, and the decoder applies them only when the whole frame has checked out.
from libc.stdint cimport int32_t, int64_t, uint64_t

cdef enum:
    CHANGES_MAX = 65536          # levels a frame may carry: three full 1e-4 grids
    EVENTS_MAX = 1024            # events a frame may carry
    MARKETS_MAX = 256
    TABLE_SIZE = 2048            # token table, at most a quarter full
    TOKEN_CHARS_MAX = 96

cdef enum:
    EVENT_BOOK
    EVENT_CHANGE
    EVENT_TRADE
    EVENT_TICK
    EVENT_RESOLVED

cdef struct Change:              # one level, Up terms
    int32_t price_e4
    int32_t side
    int64_t size_e6

cdef struct Staged:              # one event of one market
    int32_t kind
    int32_t slot
    int32_t token
    int32_t first                # its changes: changes[first : first + count]
    int32_t count
    int32_t top_bid_e4           # top the message claims, Up terms, -1 where it claims none
    int32_t top_ask_e4
    int32_t price_e4             # of a trade (Up terms), or the new tick
    int32_t side                 # of a trade's taker, Up terms; of a resolution: the winner
    int64_t size_e6
    int64_t stamp_ms

cdef struct Staging:
    int32_t change_n
    int32_t event_n
    int32_t foreign_n            # entries of tokens nobody registered
    int32_t ignored_n            # events that carry nothing for a book
    int32_t mirror_n             # second halves that contradict the first
    Staged events[EVENTS_MAX]
    Change changes[CHANGES_MAX]

cdef struct TokenRecord:
    uint64_t head                # first 8 characters, 0: free
    int32_t length
    int32_t slot
    int32_t token
    char text[TOKEN_CHARS_MAX]

cdef struct TokenTable:
    TokenRecord records[TABLE_SIZE]


cdef const TokenRecord* find_key(const TokenTable* tokens, bytes key) except? NULL
cdef int insert_token(TokenTable* tokens, bytes key, int slot, int token) except -1
cdef int drop_tokens(TokenTable* tokens, int slot) except -1
cdef int stage_events(const TokenTable* tokens, Staging* staging, list events) except -1


cdef inline int home(uint64_t head) noexcept nogil:
    return <int>((head * <uint64_t>0x9E3779B97F4A7C15) >> 53)


cdef inline int up_price(int price_e4, int token) noexcept nogil:
    """Price in Up terms of a price in the token's own terms."""
    return 10000 - price_e4 if token else price_e4


cdef inline Change* stage_change(
    Staging* staging, int price_e4, int side, int64_t size_e6
) noexcept nogil:
    """Stage one level in Up terms; NULL when the frame holds too many."""
    cdef Change* change
    if staging.change_n >= CHANGES_MAX:
        return NULL
    change = &staging.changes[staging.change_n]
    staging.change_n += 1
    change.price_e4 = price_e4
    change.side = side
    change.size_e6 = size_e6
    return change


cdef inline Staged* stage_event(
    Staging* staging, int kind, int slot, int token, int64_t stamp_ms
) noexcept nogil:
    """Open an event whose changes follow; NULL when the frame holds too many."""
    cdef Staged* event
    if staging.event_n >= EVENTS_MAX:
        return NULL
    event = &staging.events[staging.event_n]
    staging.event_n += 1
    event.kind = kind
    event.slot = slot
    event.token = token
    event.first = staging.change_n
    event.count = 0
    event.top_bid_e4 = -1
    event.top_ask_e4 = -1
    event.stamp_ms = stamp_ms
    return event


cdef inline bint agrees(int claimed_e4, int again_e4) noexcept nogil:
    """Whether two claims of one best price can both be true; -1 claims nothing."""
    return claimed_e4 < 0 or again_e4 < 0 or claimed_e4 == again_e4


cdef inline int stage_entry(
    Staging* staging, Staged** event, int slot, int token, int price_e4, int is_sell,
    int64_t size_e6, int top_bid_e4, int top_ask_e4,
) noexcept nogil:
    """Stage one entry of a price_change, given in its token's own terms; 0 when there is no room.

    The mirror entry of the other token says the same change again and is staged once; where it
    says something else of size or top, that is counted.
    """
    cdef int side = is_sell ^ token
    cdef int price = up_price(price_e4, token)
    cdef int bid = top_bid_e4, ask = top_ask_e4
    cdef bint tops_agree
    cdef Change* last
    if token:
        bid = -1 if top_ask_e4 < 0 else 10000 - top_ask_e4
        ask = -1 if top_bid_e4 < 0 else 10000 - top_bid_e4
    if event[0] == NULL or event[0].slot != slot:
        event[0] = stage_event(staging, EVENT_CHANGE, slot, token, 0)
        if event[0] == NULL:
            return 0
    tops_agree = agrees(event[0].top_bid_e4, bid) and agrees(event[0].top_ask_e4, ask)
    if bid >= 0:
        event[0].top_bid_e4 = bid
    if ask >= 0:
        event[0].top_ask_e4 = ask
    if event[0].count and event[0].token != token:
        last = &staging.changes[staging.change_n - 1]
        if last.price_e4 == price and last.side == side:
            if last.size_e6 == size_e6 and tops_agree:
                return 1
            staging.mirror_n += 1
    event[0].token = token
    event[0].count += 1
    return stage_change(staging, price, side, size_e6) != NULL
