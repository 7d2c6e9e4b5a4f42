# Scales, limits, flags and records shared by every compiled module. The Python twin is
# layout.py; tests/core/test_layout.py asserts that both agree, field by field.
from libc.stdint cimport int16_t, int64_t, uint8_t

# An int64_t that comes from Python. Cython cuts a float down to an int64_t in silence, so that 0.48
# would be a price of 0; this type takes what has __index__ and raises TypeError for the rest.
ctypedef Py_ssize_t whole_t

cdef enum:
    PRICE_SCALE = 10000          # 1e-4 dollars
    SIZE_SCALE = 1000000         # 1e-6 shares
    PRICE_E4_MIN = 1
    PRICE_E4_MAX = 9999
    GRID = 10001                 # prices 0..10000; 0 and 10000 are never levels
    WORDS = 157                  # ceil(GRID / 64)
    SUMMARY_WORDS = 3            # ceil(WORDS / 64)
    BID = 0
    ASK = 1
    UP = 0
    DOWN = 1

# Answer of Decoder.feed and Lane.evaluate: bit flags.
cdef enum:
    CHANGED = 1 << 0             # some level of some book changed
    TOP = 1 << 1                 # best price of some book changed
    SNAPSHOT = 1 << 2            # a book event was applied
    TRADE = 1 << 3               # last_trade_price of a registered token: see Decoder.trades
    TICK_SIZE = 1 << 4           # tick_size_change of a registered token: new epoch
    RESOLVED = 1 << 5            # market_resolved of a registered market
    MISMATCH = 1 << 6            # our top differs from the best_bid/best_ask of the message
    CROSSED = 1 << 7             # best bid >= best ask after the message
    LATE = 1 << 8                # an older book or delta was dropped or merged by timestamp
    NO_EPOCH = 1 << 9            # a delta before its snapshot was dropped
    FOREIGN = 1 << 10            # entries of unregistered tokens were dropped
    TOLERANT = 1 << 11           # the frame took the tolerant pass
    IGNORED = 1 << 12            # an event type that carries nothing for the book
    REQUOTE = 1 << 13            # a lane wants other orders than those that work

# Why a side, or the whole quote, is absent. Bits of Quote.reasons.
cdef enum:
    NO_BOOK = 1 << 0             # no snapshot in this epoch, or unusable
    THIN_BOOK = 1 << 1
    BOOK_CROSSED = 1 << 2
    NAN = 1 << 3
    NO_PRICE = 1 << 4            # thin book and no last price
    NO_SIZE = 1 << 5             # both sides ended without size
    BID_TOO_LONG = 1 << 6        # should_skip_side: skew above skip_skew
    ASK_TOO_SHORT = 1 << 7       # should_skip_side: skew below -skip_skew
    BID_NO_ROOM = 1 << 8         # position limit leaves less than the minimum order
    ASK_NO_ROOM = 1 << 9
    BID_GUARDED_OUT = 1 << 10    # the post-only guard pushed the side outside the limits
    ASK_GUARDED_OUT = 1 << 11
    BAD_INVENTORY = 1 << 12      # negative shares: never quote on unknown inventory
    QUOTER_SILENT = 1 << 13      # a user's quoter had no opinion
    QUOTER_FAILED = 1 << 14      # a user's quoter raised, or asked for more than an order can have

# One market at one moment, all that a quoter may look at. 8-byte fields only.
cdef struct State:
    int64_t now_ns
    int64_t start_ns             # window start and end, 0 where unknown
    int64_t end_ns
    int64_t best_bid_e4          # raw touch; 0 where that side is empty
    int64_t best_ask_e4          # raw touch; 10000 where that side is empty
    int64_t last_price_e4        # last trade in Up terms, 0 where unknown
    int64_t tick_e4
    int64_t lot_e6
    int64_t order_min_e6
    int64_t up_e6                # inventory, shares
    int64_t down_e6
    int64_t sellable_up_e6       # of up_e6: settled, and on its way into no merge
    int64_t usable               # 1: filtered book has two levels a side and is not crossed
    int64_t reasons              # NO_BOOK, THIN_BOOK, BOOK_CROSSED when not usable
    int64_t bid_e4               # filtered best bid and ask, second levels (0 / 10000 absent)
    int64_t bid_e6
    int64_t bid2_e4
    int64_t bid2_e6
    int64_t ask_e4
    int64_t ask_e6
    int64_t ask2_e4
    int64_t ask2_e6
    int64_t bid_depth_e6         # over depth_lookback filtered levels
    int64_t ask_depth_e6
    double imbalance             # (B-A)/(B+A) in [-1, 1]
    double mid                   # filtered mid in dollars, NaN when not usable
    double fair                  # fair value, NaN until a model exists

# Parameters of the base strategy (docs/strategy.md section 2) and eight free ones for user quoters.
cdef struct Params:
    int64_t min_size_e6
    int64_t depth_lookback
    int64_t order_size_e6
    int64_t max_position_e6
    int64_t merge_threshold_e6
    int64_t inventory_sign       # -1 prose, +1 literal
    int64_t skew_mode            # 0 value, 1 shares, 2 net_limit
    int64_t ask_mode             # 0 buy_complement, 1 sell_first
    int64_t thin_book            # 0 fixed_spread, 1 pull
    int64_t requote_ticks
    int64_t requote_interval_min_ns
    int64_t cycle_ns
    int64_t cycle_event          # 1: cycle = event, 0: cycle = timer
    double requote_size_ratio
    double min_spread
    double max_spread
    double spread
    double k_inv
    double k_imb
    double quote_min
    double quote_max
    double skip_skew
    double scale1_skew
    double scale1
    double scale2_skew
    double scale2
    double user0
    double user1
    double user2
    double user3
    double user4
    double user5
    double user6
    double user7

# What a quoter wants, in Up terms. A size of 0 means no order on that side.
cdef struct Quote:
    int64_t bid_e4
    int64_t bid_e6
    int64_t ask_e4
    int64_t ask_sell_e6          # held Up to sell at ask (sell_first), else 0
    int64_t ask_buy_e6           # Down to buy at 1 - ask
    int64_t merge_e6             # mergeable pairs, 0 below the threshold
    int64_t reasons
    double bid                   # before tick rounding, dollars, NaN where none
    double ask
    double skew

# What a row of a packed tape says; a frame is one row or more, and its rows stand together.
cdef enum:
    ROW_NOTHING = 0              # a frame that carries nothing for this market
    ROW_CHANGE = 1               # one level of a price_change
    ROW_BOOK = 2                 # a snapshot begins: its tick in price_e4, 0 where it names none
    ROW_LEVEL = 3                # one level of that snapshot
    ROW_TRADE = 4
    ROW_TICK = 5                 # the new tick in price_e4
    ROW_RESOLVED = 6             # the winner in ROW_DOWN
    ROW_STAMP = 7                # venue time in ms in size_e6, of the ROW_STAMPED rows that follow

# Bit flags of a row.
cdef enum:
    ROW_FRAME_END = 1 << 0       # last row of its frame
    ROW_EVENT_END = 1 << 1       # last row of its event
    ROW_VENUE = 1 << 2           # for who reads in order of venue time
    ROW_LOCAL = 1 << 3           # for who reads in order of receipt
    ROW_ASK = 1 << 4             # side of a level in Up terms; of a trade: its taker sells Up
    ROW_DOWN = 1 << 5            # token of the message
    ROW_LAGGED = 1 << 6          # of a frame with a trade: its match was trade_lag_ns earlier
    ROW_STAMPED = 1 << 7         # the message's own time is not that of the frame

# One change of a packed tape as the decoder staged it, in Up terms; two rows a cache line.
cdef struct TapeRow:
    int64_t exch_ns              # of the frame
    int64_t recv_ns              # of the frame, 0 where its receipt was not recorded
    int64_t size_e6
    int16_t price_e4
    int16_t top_bid_e4           # top the event claims, on its last row, -1 where it claims none
    int16_t top_ask_e4
    uint8_t kind
    uint8_t flags
