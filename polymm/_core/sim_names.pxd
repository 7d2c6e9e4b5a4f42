# What outcomes, reasons, rejections and counts of a backtest are numbered by; their names stand in
# backtest_names.py.

cdef enum:
    REASONS_N = 15               # bits of Quote.reasons

# Why not both sides are quoted: bit numbers. Below REASONS_N those of Quote.reasons. Each is the
# outcome of a cycle as well where polymm.engine.outcomes names it so.
cdef enum:
    WHY_NO_BOOK = 0
    WHY_NO_PRICE = 4
    WHY_NO_SIZE = 5
    WHY_AWAITING_PROOF = 15
    WHY_CANCEL_UNPROVEN = 16
    WHY_THROTTLED = 17
    WHY_SELF_MATCH = 18
    WHY_STARTING = 19
    WHY_CLOSING = 20
    WHY_BETWEEN_QUOTES = 21
    WHY_MAX_TOTAL_POSITION = 22
    WHY_STALE_BOOK = 23
    WHY_PRICE_RANGE = 24
    WHY_SUPERSEDED = 25
    WHY_REJECTED = 26            # and the six after it, by REJECT_ code
    WHY_PLACED = 33
    WHY_KEPT = 34
    WHY_WITHHELD = 35
    WHY_N = 36

cdef enum:
    REJECT_CROSSES = 0
    REJECT_BALANCE = 1
    REJECT_MINIMUM = 2
    REJECT_TICK = 3
    REJECT_LOT = 4
    REJECT_BOOK = 5
    REJECT_CLOSED = 6
    REJECT_N = 7

# What a maker counts besides the ends of its cycles.
cdef enum:
    COUNT_MERGE_OPPORTUNITY = 0
    COUNT_MERGE_SENT = 1
    COUNT_SAFE_RANGE = 2
    COUNT_THROTTLED = 3
    COUNT_SELF_MATCH = 4
    COUNT_CANCEL_UNPROVEN = 5
    COUNT_CANCEL_REFUSED = 6
    COUNT_CANCEL_GIVEN_UP = 7
    COUNT_UNANSWERED = 8
    COUNT_FILL_DEBT = 9
    COUNT_LATE_FILL = 10
    COUNT_OVERFILL = 11
    COUNT_LATE_REPLY = 12
    COUNT_IMPOSSIBLE = 13
    COUNT_MERGE_UNASKED = 14
    COUNT_BAD_INVENTORY = 15
    COUNT_SIDE = 16              # and the fourteen after it, by bit of Quote.reasons
    COUNT_REJECTED = 31          # and the six after it, by REJECT_ code
    COUNT_N = 38
