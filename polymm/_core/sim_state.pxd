# What the backtest keeps of one market: the venue's side, ours, the money, and what is noted.
# Times are ns, prices 1e-4 dollars, sizes 1e-6 shares, money 1e-6 dollars, as everywhere.
from libc.stdint cimport int64_t, uint64_t

from polymm._core.book cimport BookState
from polymm._core.lane cimport LaneState
from polymm._core.layout cimport Quote, TapeRow
from polymm._core.queue cimport Queue
from polymm._core.sim_names cimport COUNT_N, REJECT_N, WHY_N

cdef extern from *:
    """
    /* Later than all that happens, with room for any delay on top. */
    #define POLYMM_NEVER (1LL << 62)
    """
    const int64_t NEVER "POLYMM_NEVER"

cdef enum:
    VENUE_ORDERS_MAX = 64        # ours that the venue may still hear of
    LIVE_MAX = 32                # ours that may be live as far as the maker knows
    SEEN_KEYS = 1024
    WHYS_MAX = 256               # different reasons not to quote

# Which fills there are (docs/strategy.md 4.3).
cdef enum:
    FORM_TRADES = 0
    FORM_NONE = 1
    FORM_THROUGH = 2

# What is kept besides totals and fills.
cdef enum:
    KEEP_COURSE = 1              # marks, quotes, holdings, places in the queue
    KEEP_ACTIONS = 2

# What ended a run before its time.
cdef enum:
    FAULT_NONE = 0
    FAULT_MEMORY = 1
    FAULT_ORDERS = 2             # more orders at once than there is room for
    FAULT_WHYS = 3
    FAULT_LEDGER = 4

cdef enum:
    BUY = 0
    SELL = 1

# Growing memory: `n` items of `width` bytes.
cdef struct Store:
    char* items
    Py_ssize_t n
    Py_ssize_t room
    Py_ssize_t width

# A delay: a constant, or drawn from measured ones.
cdef struct Delay:
    const int64_t* samples       # NULL: constant
    int64_t samples_n
    int64_t constant_ns
    int64_t least_ns
    uint64_t seed

# Cash that several markets may share.
cdef struct Purse:
    int64_t cash_e6
    int64_t reserved_e6

# The venue's books on us in one market.
cdef struct Ledger:
    Purse* purse
    int64_t cash_start_e6
    int64_t cash_e6
    int64_t shares_e6[2]
    int64_t locked_e6[2]
    int64_t reserved_e6
    int64_t merging_e6
    int64_t bought_e6            # running totals of every flow, apart from the balances
    int64_t sold_e6
    int64_t merged_e6
    int64_t settled_e6
    int64_t share_flow_e6[2]

cdef enum:
    ARRIVE_PLACE
    ARRIVE_CANCEL
    ARRIVE_MERGE
    ARRIVE_MERGED
    ARRIVE_SETTLED

# What reaches the venue, or happens there, at a time of its own. Of those of one time the one that
# began first comes first, and what began at the venue before what we sent in the same ns.
cdef struct Arrival:
    int64_t at_ns
    int64_t born_ns
    int64_t is_ours
    int64_t kind
    int64_t slot
    int64_t pairs_e6

cdef enum:
    REPLY_ACCEPTED
    REPLY_REJECTED
    REPLY_CANCELLED
    REPLY_REFUSED
    REPLY_FILL
    REPLY_MERGED

cdef struct Reply:
    int64_t at_ns
    int64_t kind
    int64_t order_id
    int64_t size_e6              # filled so far, of this fill, or pairs
    int64_t code                 # REJECT_ code; 1: expired, or matched
    int64_t token
    int64_t action
    int64_t price_e4

# One of our orders as the venue knows it.
cdef struct VenueOrder:
    int64_t order_id
    int64_t price_e4             # the token's own
    int64_t up_price_e4
    int64_t size_e6
    int64_t open_e6
    int64_t filled_e6
    int64_t cancelled_e6
    int64_t rejected_e6
    int64_t expired_e6
    int64_t front_e6
    int64_t cancel_sent_ns
    int side                     # BID or ASK in Up terms
    int token
    int action
    int has_rested
    int users                    # our side, and its messages on their way about it
    Queue queue

# A level that was crossed, and how much of it has filled us.
cdef struct Beyond:
    int64_t price_e4
    int64_t size_e6
    int64_t taken_e6

# A trade of the last second, to know it again when the other token tells it.
cdef struct Seen:
    int64_t at_ns
    int64_t stamp_ms
    int64_t size_e6
    int64_t price_e4
    int64_t taker_side
    int64_t token

cdef struct Venue:
    BookState* book
    Ledger ledger
    VenueOrder* orders           # VENUE_ORDERS_MAX
    uint64_t used                # slots taken
    int resting[2][VENUE_ORDERS_MAX]
    int resting_e4[2][VENUE_ORDERS_MAX]
    int resting_n[2]
    int ours_low_e4[2]           # prices between which all of them rest, none: above and below
    int ours_high_e4[2]
    int form
    int model
    double model_n
    int64_t window_ns            # in which a drop and a trade may be one match
    int is_closed
    int merges_out               # begun and not over
    int is_settling
    int64_t trades_n
    int64_t traded_e6
    int64_t mirrored_n
    int64_t merges_refused_n
    int64_t placed_n
    int64_t placed_e6
    int64_t filled_e6
    int64_t cancelled_e6
    int64_t rejected_e6
    int64_t expired_e6
    int64_t rejects[REJECT_N]
    int64_t counter_fees_e6
    Store beyond[2]
    Store seen
    Py_ssize_t seen_first
    int seen_n[SEEN_KEYS]        # trades of the last second by key

# What is told of a run, at venue time; see polymm.research.tape_recorder.
cdef struct Notes:
    double fair
    int is_usable
    int has_bid
    int has_ask
    int64_t near_e4[2]           # the filtered touch and the level behind it, by side
    int64_t behind_e4[2]
    int64_t min_size_e6
    int64_t fresh_until_ns
    int64_t since_ns
    int64_t sides_ns[3]
    int64_t usable_ns
    int64_t quoted_ns
    int64_t quoted_both_ns
    int is_short                 # not both sides of ours rest
    Store turns                  # of that, at venue time
    Py_ssize_t turns_first
    uint64_t told                # why the maker does not quote both sides
    Store tellings               # of that, at our time
    Py_ssize_t tellings_first
    int64_t joined_ns            # up to where turns and tellings were put together,
    int joined_short             # and how things stood then
    uint64_t joined_why
    uint64_t whys[WHYS_MAX]
    int64_t why_ns[WHYS_MAX]
    int whys_n
    int keep
    Store fills
    Store marks
    Store quotes
    Store holdings
    Store merges
    Store ranks
    Store actions

cdef struct Turn:
    int64_t at_ns
    int64_t is_short

cdef struct Telling:
    int64_t at_ns
    uint64_t why

cdef enum:
    ORDER_NEW = 0
    ORDER_WORKING = 1
    ORDER_CANCEL = 2
    ORDER_CLOSING = 3

# One order that may be live: polymm.engine.working.WorkingOrder.
cdef struct Belief:
    int64_t order_id
    int64_t price_e4
    int64_t up_price_e4
    int64_t size_e6
    int64_t asked_ns
    int64_t filled_e6
    int64_t owed_e6
    int64_t cancels
    int slot                     # at the venue
    int side
    int token
    int action
    int state
    int awaiting
    int alive
    int matched

# What the live orders come to; see sim_standing.
cdef struct Standing:
    int is_current
    int waiting                  # masks of sides: a proof is on its way, or none is to come
    int blocked
    int64_t level_e4[2]          # most aggressive price and summed size that we mean to have
    int64_t level_e6[2]
    int64_t proof_ns             # when the first awaited proof is overdue, NEVER: none awaited
    int64_t answer_ns            # the same of all answers

cdef struct Leg:
    int side
    int token
    int action
    int64_t price_e4
    int64_t size_e6

# The settings of polymm.engine.settings.MakerSettings.
cdef struct CycleSettings:
    int64_t cycle_event
    int64_t cycle_ns
    int64_t requote_interval_min_ns
    int64_t requote_diff
    int64_t requote_ticks
    double requote_size_ratio
    int64_t early_exit_pull
    int64_t max_total_position_e6
    int64_t price_min_e4
    int64_t price_max_e4
    int64_t safe_low_e4
    int64_t safe_high_e4
    int64_t merge_enabled
    int64_t book_age_ns_max
    int64_t proof_wait_ns
    int64_t cancels_max
    int64_t rejects_max

cdef struct Cycle:
    int is_on
    int sides
    int held
    int placed
    int is_blocked
    int withheld                 # WHY_ bit, 0 for nothing

cdef struct Maker:
    CycleSettings settings
    LaneState lane
    Belief live[LIVE_MAX]        # oldest first
    int live_n
    Standing standing
    int64_t next_id
    int64_t up_e6
    int64_t down_e6
    int64_t merging_e6
    Cycle cycle
    int is_closing
    int has_cycled
    int looked_again
    int sees_sizes               # its quotes follow from more than where levels are
    int is_stale                 # the last quote may be another, whatever the book says
    int has_moved                # MOVED_: the same of the book alone
    int is_idle                  # the last cycle sent nothing, and nothing was heard since
    int idle_differs             # its quote asks for other orders than work
    int64_t idle_until_ns        # when an answer that it waits for is overdue
    Quote idle_quote             # what it quoted, at which touch and tick
    int64_t idle_bid_e4
    int64_t idle_ask_e4
    int64_t idle_tick_e4
    int64_t formed_up_e6         # shares held when the last quote was formed
    int64_t formed_down_e6
    int64_t formed_sellable_e6
    int has_warned               # what that cycle counted
    int has_merge
    uint64_t sides_missed
    int64_t last_ns
    int64_t price_x2_e4
    uint64_t why
    uint64_t reasons             # why not both sides are quoted now
    int64_t* positions_e6        # marked value of all markets, shared
    int64_t position_e6          # of this one in it
    int64_t* rejected_ns[2]      # the last rejects_max of a side
    int64_t rejected_n[2]
    int64_t cycles[WHY_N]
    int64_t counts[COUNT_N]
    int64_t cycles_started

# Of `Maker.has_moved`, bits.
cdef enum:
    MOVED_LEVEL = 1              # a level came or went: the side tells whether that matters
    MOVED_BOOK = 2

# One market.
cdef struct Sim:
    int fault
    int64_t number
    const TapeRow* rows
    Py_ssize_t rows_n
    int has_mirrors              # a trade may be told twice
    int is_steady                # no row can be late for a book: its stamps tell nothing
    Py_ssize_t venue_row         # heads of the next frames
    Py_ssize_t local_row
    int64_t venue_ns             # and their times
    int64_t local_ns
    int64_t lag_ns
    int64_t first_ns             # nothing happens before it
    int64_t start_ns
    int64_t end_ns
    int64_t close_ns             # when our side ends, or is told to close before that
    int64_t timer_ns
    int64_t tick_e4
    int64_t lot_e6
    int64_t order_min_e6
    int64_t fee_rate_e6
    int64_t merge_delay_ns
    int outcome                  # UP, DOWN, -1 where unknown
    int is_over                  # our side hears replies only
    int is_stopped
    int is_concluded
    Delay feed
    Delay order
    Delay cancel
    Delay reply
    Store arrivals
    Py_ssize_t arrivals_first
    int64_t arrival_ns           # of the first, NEVER where there is none
    Store replies
    Py_ssize_t replies_first
    int64_t reply_ns
    Purse own_purse              # used where markets share none
    int64_t own_positions_e6
    Venue venue
    BookState* book              # ours
    Maker maker
    Notes notes
