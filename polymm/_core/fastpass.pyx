"""The fast pass: the two shapes that make up 96 % of the wire, from bytes to staged changes.

`price_change` and `book` frames are read once, left to right, each literal compared as wide words
and each number converted without a branch on its digits. Anything that is not exactly the usual
shape is refused at once, without judging it: the tolerant pass reads it again and decides.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memchr

from polymm._core.layout cimport PRICE_E4_MAX, PRICE_E4_MIN, PRICE_SCALE
from polymm._core.staging cimport (
    EVENT_BOOK,
    TABLE_SIZE,
    TOKEN_CHARS_MAX,
    Staged,
    Staging,
    TokenRecord,
    TokenTable,
    home,
    stage_change,
    stage_entry,
    stage_event,
    up_price,
)


cdef extern from "scan.h" nogil:
    enum: POLYMM_DECIMAL_READS
    uint64_t polymm_load64(const char* p) noexcept
    int polymm_decimal(const char* p, int places, int64_t* value) noexcept
    const char* polymm_skip_spaced(
        const char* p, const char* end, int spaced, const char* blanks, const char* dense
    ) noexcept
    int polymm_price(const char* p, int64_t* value) noexcept
    bint polymm_same(const char* a, const char* b, int n) noexcept
    bint polymm_is_plain(const char* p, int n) noexcept
    const char* polymm_skip(const char* p, const char* end, const char* text) noexcept
    int64_t polymm_millis(const char* p) noexcept


cdef enum:
    MARKET_CHARS = 66            # 0x and 64 hexadecimal digits
    HASH_CHARS = 40


cdef inline const TokenRecord* find_token(
    const TokenTable* tokens, const char* p, int reach
) noexcept nogil:
    """Record of the token id that starts at p and ends at a quote; NULL for an unknown one.

    Needs reach + 1 readable bytes at p.
    """
    cdef uint64_t head = polymm_load64(p)
    cdef int i = home(head)
    cdef const TokenRecord* record
    while True:
        record = &tokens.records[i]
        if not record.head:
            return NULL
        if (
            record.head == head and record.length <= reach and p[record.length] == 34
            and polymm_same(record.text, p, record.length)
        ):
            return record
        i = (i + 1) & (TABLE_SIZE - 1)


cdef inline const char* skip_token(
    const char* p, const char* end, const TokenTable* tokens, const TokenRecord** record
) noexcept nogil:
    """Step over a token id up to its closing quote; an unknown one must be plain digits."""
    cdef const char* quote
    cdef int i
    if end - p < TOKEN_CHARS_MAX + 1:
        return NULL
    record[0] = find_token(tokens, p, TOKEN_CHARS_MAX)
    if record[0] != NULL:
        return p + record[0].length
    quote = <const char*>memchr(p, 34, TOKEN_CHARS_MAX + 1)
    if quote == NULL or quote == p:
        return NULL
    for i in range(quote - p):
        if p[i] < 48 or p[i] > 57:
            return NULL
    return quote


cdef inline const char* skip_decimal(
    const char* p, const char* end, int places, int64_t* value
) noexcept nogil:
    """Step over a decimal text up to its closing quote."""
    cdef int length
    if end - p < POLYMM_DECIMAL_READS:
        return NULL
    length = polymm_decimal(p, places, value)
    return p + length if length else NULL


cdef inline const char* skip_price(
    const char* p, const char* end, int64_t* value
) noexcept nogil:
    """Step over a price text up to its closing quote."""
    cdef int length
    if end - p < POLYMM_DECIMAL_READS:
        return NULL
    length = polymm_price(p, value)
    return p + length if length else NULL


cdef inline const char* skip_plain(const char* p, const char* end, int chars) noexcept nogil:
    """Step over a text of known length that stands in JSON as it is."""
    if end - p < chars + 1 or p[chars] != 34:
        return NULL
    if not polymm_is_plain(p, chars):
        return NULL
    return p + chars


cdef inline const char* skip_entry(
    const char* p, const char* end, const TokenTable* tokens, Staging* staging, Staged** event,
    const bint spaced,
) noexcept nogil:
    """Read one entry of a price_change and stage it."""
    cdef const TokenRecord* record = NULL
    cdef int64_t price = 0, size = 0, top_bid = 0, top_ask = 0
    cdef int is_sell
    cdef const char* side
    p = polymm_skip(p, end, b'{"asset_id":"')
    if p == NULL:
        return NULL
    p = skip_token(p, end, tokens, &record)
    if p == NULL:
        return NULL
    p = polymm_skip_spaced(p, end, spaced, b'", "price":"', b'","price":"')
    if p == NULL:
        return NULL
    p = skip_price(p, end, &price)
    if p == NULL or price < PRICE_E4_MIN or price > PRICE_E4_MAX:
        return NULL
    p = polymm_skip_spaced(p, end, spaced, b'", "size":"', b'","size":"')
    if p == NULL:
        return NULL
    p = skip_decimal(p, end, 6, &size)
    if p == NULL:
        return NULL
    side = polymm_skip_spaced(
        p, end, spaced, b'", "side":"BUY", "hash":"', b'","side":"BUY","hash":"'
    )
    is_sell = side == NULL
    p = side if side != NULL else polymm_skip_spaced(
        p, end, spaced, b'", "side":"SELL", "hash":"', b'","side":"SELL","hash":"'
    )
    if p == NULL:
        return NULL
    p = skip_plain(p, end, HASH_CHARS)
    if p == NULL:
        return NULL
    p = polymm_skip_spaced(p, end, spaced, b'", "best_bid":"', b'","best_bid":"')
    if p == NULL:
        return NULL
    p = skip_price(p, end, &top_bid)
    if p == NULL or top_bid > PRICE_SCALE:
        return NULL
    p = polymm_skip_spaced(p, end, spaced, b'", "best_ask":"', b'","best_ask":"')
    if p == NULL:
        return NULL
    p = skip_price(p, end, &top_ask)
    if p == NULL or top_ask > PRICE_SCALE:
        return NULL
    if record == NULL:
        staging.foreign_n += 1
    elif not stage_entry(
        staging, event, record.slot, record.token, <int>price, is_sell, size,
        <int>top_bid, <int>top_ask,
    ):
        return NULL
    return polymm_skip(p, end, b'"}')


cdef inline int read_price_changes(
    const char* p, const char* end, const TokenTable* tokens, Staging* staging,
    const bint spaced,
) noexcept nogil:
    """Read from behind the market's closing quote to the end of the frame; 0 if unusual."""
    cdef Staged* event = NULL
    cdef int64_t stamp_ms
    cdef int i
    while True:
        p = skip_entry(p, end, tokens, staging, &event, spaced)
        if p == NULL or end - p < 2:
            return 0
        if p[0] != 44:                                   # a comma: one more entry
            break
        p += 1
        if spaced:
            if p[0] != 32:
                return 0
            p += 1
    p = polymm_skip_spaced(p, end, spaced, b'], "timestamp":"', b'],"timestamp":"')
    if p == NULL or end - p < 16:
        return 0
    stamp_ms = polymm_millis(p)
    if stamp_ms < 0:
        return 0
    p = polymm_skip_spaced(
        p + 13, end, spaced,
        b'", "event_type":"price_change"}', b'","event_type":"price_change"}',
    )
    for i in range(staging.event_n):
        staging.events[i].stamp_ms = stamp_ms
    return p != NULL and (p == end or (p + 1 == end and p[0] == 10))


cdef inline const char* skip_levels(
    const char* p, const char* end, Staging* staging, int token, int side, bint keep
) noexcept nogil:
    """Read the levels of one side up to and with the closing bracket."""
    cdef int64_t price = 0, size = 0
    if p == end:
        return NULL
    if p[0] == 93:                                       # an empty side
        return p + 1
    while True:
        p = polymm_skip(p, end, b'{"price":"')
        if p == NULL:
            return NULL
        p = skip_price(p, end, &price)
        if p == NULL or price < PRICE_E4_MIN or price > PRICE_E4_MAX:
            return NULL
        p = polymm_skip(p, end, b'","size":"')
        if p == NULL:
            return NULL
        p = skip_decimal(p, end, 6, &size)
        if p == NULL:
            return NULL
        if keep and stage_change(staging, up_price(<int>price, token), side, size) == NULL:
            return NULL
        p = polymm_skip(p, end, b'"}')
        if p == NULL or p == end:
            return NULL
        if p[0] == 93:
            return p + 1
        if p[0] != 44:
            return NULL
        p += 1


cdef inline const char* skip_text(const char* p, const char* end) noexcept nogil:
    """Step over a short quoted text of digits and dots, or an empty one, with its quotes."""
    if p >= end or p[0] != 34:
        return NULL
    p += 1
    while p < end and (48 <= p[0] <= 57 or p[0] == 46):
        p += 1
    return p + 1 if p < end and p[0] == 34 else NULL


cdef const char* skip_book_tail(const char* p, const char* end, Staged* event) noexcept nogil:
    """Read the keys behind the levels, in the orders the venue sends them."""
    cdef const char* next_
    cdef int64_t tick = 0
    next_ = polymm_skip(p, end, b',"min_order_size":')
    if next_ != NULL:
        p = skip_text(next_, end)
        if p == NULL:
            return NULL
    next_ = polymm_skip(p, end, b',"tick_size":"')
    if next_ != NULL:
        p = skip_decimal(next_, end, 4, &tick)
        if p == NULL or (tick != 100 and tick != 10 and tick != 1):
            return NULL
        p += 1
        event.price_e4 = <int>tick
    next_ = polymm_skip(p, end, b',"neg_risk":false')
    p = next_ if next_ != NULL else p
    next_ = polymm_skip(p, end, b',"event_type":"book"')
    p = next_ if next_ != NULL else p
    next_ = polymm_skip(p, end, b',"last_trade_price":')
    if next_ != NULL:
        p = skip_text(next_, end)
        if p == NULL:
            return NULL
    next_ = polymm_skip(p, end, b',"version":"v2"')
    p = next_ if next_ != NULL else p
    return polymm_skip(p, end, b'}')


cdef inline const char* skip_stamp_hash(
    const char* p, const char* end, int64_t* stamp_ms
) noexcept nogil:
    """Read time stamp and hash in the order of a dump, up to the hash's closing quote."""
    p = polymm_skip(p, end, b'","timestamp":"')
    if p == NULL or end - p < 16:
        return NULL
    stamp_ms[0] = polymm_millis(p)
    if stamp_ms[0] < 0:
        return NULL
    p = polymm_skip(p + 13, end, b'","hash":"')
    return skip_plain(p, end, HASH_CHARS) if p != NULL else NULL


cdef inline const char* skip_hash_stamp(
    const char* p, const char* end, int64_t* stamp_ms
) noexcept nogil:
    """Read hash and time stamp in the order of an update, up to the stamp's closing quote."""
    p = polymm_skip(p, end, b',"hash":"')
    p = skip_plain(p, end, HASH_CHARS) if p != NULL else NULL
    p = polymm_skip(p, end, b'","timestamp":"') if p != NULL else NULL
    if p == NULL or end - p < 16:
        return NULL
    stamp_ms[0] = polymm_millis(p)
    return p + 13 if stamp_ms[0] >= 0 else NULL


cdef const char* skip_book(
    const char* p, const char* end, const TokenTable* tokens, Staging* staging
) noexcept nogil:
    """Read one book object from its token id on and stage it.

    A dump and a REST book carry time stamp and hash before the levels, an update behind them.
    """
    cdef const TokenRecord* record = NULL
    cdef Staged* event
    cdef Staged unregistered
    cdef int64_t stamp_ms = 0
    cdef int token = 0
    cdef const char* levels
    p = skip_token(p, end, tokens, &record)
    if p == NULL:
        return NULL
    levels = polymm_skip(p, end, b'","bids":[')
    cdef bint is_update = levels != NULL
    if not is_update:
        p = skip_stamp_hash(p, end, &stamp_ms)
        levels = polymm_skip(p, end, b'","bids":[') if p != NULL else NULL
        if levels == NULL:
            return NULL
    if record == NULL:
        staging.foreign_n += 1
        event = &unregistered
    else:
        token = record.token
        event = stage_event(staging, EVENT_BOOK, record.slot, token, stamp_ms)
        if event == NULL:
            return NULL
    event.price_e4 = 0                                   # no tick size given
    p = skip_levels(levels, end, staging, token, token, record != NULL)
    p = polymm_skip(p, end, b',"asks":[') if p != NULL else NULL
    if p == NULL:
        return NULL
    p = skip_levels(p, end, staging, token, 1 - token, record != NULL)
    if p == NULL:
        return NULL
    if record != NULL:
        event.count = staging.change_n - event.first
    if not is_update:
        return skip_book_tail(p, end, event)
    p = skip_hash_stamp(p, end, &event.stamp_ms)
    return polymm_skip(p, end, b'","event_type":"book"}') if p != NULL else NULL


cdef int fast_frame(
    const char* p, const char* end, const TokenTable* tokens, Staging* staging
) noexcept nogil:
    """Stage a frame of the usual shape; 0 leaves it to the tolerant pass."""
    cdef const char* next_
    cdef bint is_array = p < end and p[0] == 91
    if is_array:
        p += 1
    while True:
        p = polymm_skip(p, end, b'{"market":"')
        if p == NULL:
            return 0
        p = skip_plain(p, end, MARKET_CHARS)
        if p == NULL:
            return 0
        if not is_array:
            next_ = polymm_skip(p, end, b'", "price_changes":[')
            if next_ != NULL:
                return read_price_changes(next_, end, tokens, staging, True)
            next_ = polymm_skip(p, end, b'","price_changes":[')
            if next_ != NULL:
                return read_price_changes(next_, end, tokens, staging, False)
        p = polymm_skip(p, end, b'","asset_id":"')
        if p == NULL:
            return 0
        p = skip_book(p, end, tokens, staging)
        if p == NULL:
            return 0
        if not is_array:
            break
        if p == end or p[0] != 44:
            break
        p += 1
    if is_array:
        if p == end or p[0] != 93:
            return 0
        p += 1
    return p == end or (p + 1 == end and p[0] == 10)
