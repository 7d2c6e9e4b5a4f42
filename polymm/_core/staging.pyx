"""The token table, and the tolerant pass's events staged as the fast pass stages its bytes.

Nothing here is on the path: a frame of the usual shape is staged by fastpass through the inline
functions of staging.pxd.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from libc.stdint cimport int32_t, uint64_t
from libc.string cimport memcpy, memset

from polymm._core import tolerant
from polymm.errors import DecodeError


cdef const TokenRecord* find_key(const TokenTable* tokens, bytes key) except? NULL:
    """Record of a whole token id; NULL for an unknown one."""
    cdef uint64_t head = 0
    cdef const TokenRecord* record
    cdef int i
    if len(key) < 8:
        return NULL
    memcpy(&head, PyBytes_AS_STRING(key), 8)
    i = home(head)
    while tokens.records[i].head:
        record = &tokens.records[i]
        if record.head == head and record.text[:record.length] == key:
            return record
        i = (i + 1) & (TABLE_SIZE - 1)
    return NULL


cdef int insert_token(TokenTable* tokens, bytes key, int slot, int token) except -1:
    """Register a token id of 8 to 96 characters that is not there yet."""
    cdef TokenRecord* record
    cdef uint64_t head = 0
    cdef int i
    memcpy(&head, PyBytes_AS_STRING(key), 8)
    i = home(head)
    while tokens.records[i].head:
        i = (i + 1) & (TABLE_SIZE - 1)
    record = &tokens.records[i]
    record.head = head
    record.length = <int32_t>len(key)
    record.slot = slot
    record.token = token
    memcpy(record.text, PyBytes_AS_STRING(key), len(key))
    return 0


cdef int drop_tokens(TokenTable* tokens, int slot) except -1:
    """Forget a market's tokens; the others are put in anew, so that no search stops at a gap."""
    kept = []
    for record in tokens.records[:TABLE_SIZE]:
        if record.head and record.slot != slot:
            kept.append((record.text[:record.length], record.slot, record.token))
    memset(tokens, 0, sizeof(TokenTable))
    for key, kept_slot, token in kept:
        insert_token(tokens, key, kept_slot, token)
    return 0


cdef int stage_events(const TokenTable* tokens, Staging* staging, list events) except -1:
    """Stage the events of one frame.

    Raises:
        DecodeError: They do not fit; what is staged so far must be thrown away.
    """
    for event in events:
        kind = type(event)
        if kind is tolerant.PriceChangeEvent:
            stage_entries(tokens, staging, event)
        elif kind is tolerant.BookEvent:
            stage_book(tokens, staging, event)
        elif kind is tolerant.IgnoredEvent:
            staging.ignored_n += 1
        elif kind is tolerant.ResolvedEvent:
            open_event(tokens, staging, EVENT_RESOLVED, event.winner, 0)
        elif kind is tolerant.TradeEvent:
            stage_trade(tokens, staging, event)
        else:
            stage_tick(tokens, staging, event)
    return 0


cdef int stage_entries(const TokenTable* tokens, Staging* staging, object event) except -1:
    cdef Staged* staged = NULL
    cdef const TokenRecord* record
    cdef int i, first = staging.event_n
    for entry in event.entries:
        record = find_key(tokens, entry.asset.encode())
        if record == NULL:
            staging.foreign_n += 1
        elif not stage_entry(
            staging, &staged, record.slot, record.token, entry.price_e4, entry.is_sell,
            entry.size_e6, entry.best_bid_e4, entry.best_ask_e4,
        ):
            raise DecodeError("frame holds too many changes for one decoder")
    for i in range(first, staging.event_n):
        staging.events[i].stamp_ms = event.stamp_ms
    return 0


cdef Staged* open_event(
    const TokenTable* tokens, Staging* staging, int kind, str asset, object stamp_ms
) except? NULL:
    """Open the event of one token; NULL for a foreign one, which is counted."""
    cdef const TokenRecord* record = find_key(tokens, asset.encode())
    cdef Staged* staged
    if record == NULL:
        staging.foreign_n += 1
        return NULL
    staged = stage_event(staging, kind, record.slot, record.token, stamp_ms)
    if staged == NULL:
        raise DecodeError(f"frame must hold at most {EVENTS_MAX} events")
    return staged


cdef int stage_book(const TokenTable* tokens, Staging* staging, object event) except -1:
    cdef Staged* staged = open_event(tokens, staging, EVENT_BOOK, event.asset, event.stamp_ms)
    cdef int side, price_e4
    if staged == NULL:
        return 0
    staged.price_e4 = event.tick_e4
    for side, levels in ((staged.token, event.bids), (1 - staged.token, event.asks)):
        for price_e4, size_e6 in levels:
            if stage_change(staging, up_price(price_e4, staged.token), side, size_e6) == NULL:
                raise DecodeError("frame holds too many levels for one decoder")
    staged.count = staging.change_n - staged.first
    return 0


cdef int stage_trade(const TokenTable* tokens, Staging* staging, object event) except -1:
    cdef Staged* staged = open_event(tokens, staging, EVENT_TRADE, event.asset, event.stamp_ms)
    if staged != NULL:
        staged.price_e4 = up_price(event.price_e4, staged.token)
        staged.side = event.is_sell ^ staged.token
        staged.size_e6 = event.size_e6
    return 0


cdef int stage_tick(const TokenTable* tokens, Staging* staging, object event) except -1:
    cdef Staged* staged = open_event(tokens, staging, EVENT_TICK, event.asset, event.stamp_ms)
    if staged != NULL:
        staged.price_e4 = event.tick_e4
    return 0
