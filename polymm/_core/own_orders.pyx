"""Orders that were really sent, put to the venue of a tape: what it makes of them, and when.

The venue is that of the backtest loop (sim_venue); the other side of the loop, which decides, is
not there. So a run's own orders meet the queue models without any decision following from them.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free

from polymm._core.book cimport check_tick
from polymm._core.layout cimport ASK, BID, PRICE_SCALE, whole_t
from polymm._core.queue cimport queue_join
from polymm._core.sim_group cimport put_to_sleep, wake
from polymm._core.sim_loop cimport venue_frame
from polymm._core.sim_notes cimport open_notes
from polymm._core.sim_orders cimport free_slot
from polymm._core.sim_state cimport (
    Arrival, Beyond, FAULT_MEMORY, KEEP_COURSE, NEVER, Reply, REPLY_REJECTED, Seen, SELL,
    Sim, VENUE_ORDERS_MAX, VenueOrder,
)
from polymm._core.sim_stores cimport clear_store
from polymm._core.sim_told cimport column
from polymm._core.sim_venue cimport arrive_cancel, arrive_place, close_venue
from polymm._core.tape_rows cimport TapeRows

from polymm._core.backtest import FORMS, NOTES, QUEUES, REJECTIONS
from polymm.errors import InputError

# What stands in a script, all i8; `kind` is PLACE or CANCEL, of which only the order counts.
SCRIPT_FIELDS = ("at_ns", "kind", "order_id", "token", "action", "price_e4", "size_e6")
PLACE, CANCEL = 0, 1
# More than any run has: the money of a run is not what is asked here.
cdef int64_t PLENTY_E6 = 10 ** 15

cdef struct Act:
    int64_t at_ns
    int64_t kind
    int64_t order_id
    int64_t token
    int64_t action
    int64_t price_e4
    int64_t size_e6


cdef void run_frames(Sim* sim, int64_t to_ns) noexcept nogil:
    """Let the tape happen up to and with a time."""
    while sim.venue_ns <= to_ns and sim.venue_ns < sim.end_ns:
        venue_frame(sim)
        sim.replies.n = sim.replies_first = 0


cdef int put_order(Sim* sim, const Act* act, bint is_first) except -1:
    """Let an order arrive; the REJECT_ code + 1 where it does not rest, 0 where it does."""
    cdef int slot = free_slot(sim)
    cdef VenueOrder* order
    cdef const Reply* reply
    if slot < 0:
        raise InputError(f"at most {VENUE_ORDERS_MAX} orders can rest at once")
    sim.venue.used |= <uint64_t>1 << slot
    order = &sim.venue.orders[slot]
    order.order_id = act.order_id
    order.price_e4 = act.price_e4
    order.up_price_e4 = PRICE_SCALE - act.price_e4 if act.token else act.price_e4
    order.size_e6 = order.open_e6 = act.size_e6
    order.filled_e6 = order.cancelled_e6 = order.rejected_e6 = order.expired_e6 = 0
    order.front_e6 = 0
    order.cancel_sent_ns = NEVER
    order.token = <int>act.token
    order.action = <int>act.action
    order.side = ASK if (act.action == SELL) != (act.token != 0) else BID
    order.has_rested = False
    order.users = 1
    arrive_place(sim, act.at_ns, order)
    reply = <const Reply*>sim.replies.items + sim.replies_first
    if sim.replies.n and reply.kind == REPLY_REJECTED:
        return <int>reply.code + 1
    if is_first:
        order.front_e6 = 0
        queue_join(&order.queue, 0, sim.venue.model, sim.venue.model_n, sim.venue.window_ns)
    return 0


cdef void pull_order(Sim* sim, const Act* act) noexcept nogil:
    """Let a cancel arrive; one of an order that is gone does nothing."""
    cdef int slot
    cdef VenueOrder* order
    for slot in range(VENUE_ORDERS_MAX):
        order = &sim.venue.orders[slot]
        if sim.venue.used >> slot & 1 and order.order_id == act.order_id:
            order.users += 1
            arrive_cancel(sim, act.at_ns, order)
            return


def play_orders(
    TapeRows rows not None,
    object script,
    *,
    whole_t start_ns,
    whole_t end_ns,
    whole_t tick_e4=100,
    whole_t lot_e6=10_000,
    whole_t order_min_e6=5_000_000,
    whole_t fee_rate_e6=70_000,
    whole_t trade_lag_ns=0,
    str form="trades",
    str queue="risk_averse",
    double queue_n=3.0,
    whole_t match_ns=1_000_000_000,
    bint is_first=False,
    whole_t min_size_e6=0,
):
    """Put orders to the venue of a tape, on which they do not stand.

    Args:
        rows: Of the tape, without the size of these orders.
        script: (n, 7) int64 of SCRIPT_FIELDS, by time of arrival at the venue. Of one ns the tape
            comes first, then these in their order.
        start_ns, end_ns: The window; what would arrive later is left out.
        tick_e4, lot_e6, order_min_e6, fee_rate_e6, trade_lag_ns, form, queue, queue_n, match_ns:
            As of `Backtest.add_market`.
        min_size_e6: Levels smaller than this make no mark.
        is_first: Every order stands before all others at its price, whatever is displayed.

    Returns:
        Fills and marks, with the fields of NOTES["fills"] and NOTES["marks"]; and why orders were
        refused, by number.

    Raises:
        InputError: Times fall, or more orders rest at once than there is room for.
    """
    cdef const int64_t[:, ::1] acts = script
    cdef Sim* sim
    cdef const Act* act
    cdef Py_ssize_t i
    cdef int code
    check_tick(tick_e4)
    if form not in FORMS or queue not in QUEUES or not queue_n > 0.0 or lot_e6 <= 0:
        raise InputError(
            f"form and queue must be of {list(FORMS)}, {list(QUEUES)}, n and lot above 0; were"
            f" {form!r}, {queue!r}, {queue_n}, {lot_e6}"
        )
    if acts.shape[0] and acts.shape[1] != len(SCRIPT_FIELDS):
        raise InputError(f"script must be (n, {len(SCRIPT_FIELDS)}), was (n, {acts.shape[1]})")
    sim = <Sim*>calloc(1, sizeof(Sim))
    if sim == NULL:
        raise MemoryError("no memory for a market")
    refused = {}
    try:
        sim.rows, sim.rows_n = rows.rows, rows.n
        sim.is_steady, sim.has_mirrors = rows.is_steady, rows.has_mirrors
        sim.lag_ns = trade_lag_ns
        sim.start_ns, sim.end_ns, sim.close_ns = start_ns, end_ns, end_ns
        sim.tick_e4, sim.lot_e6, sim.order_min_e6 = tick_e4, lot_e6, order_min_e6
        sim.fee_rate_e6 = fee_rate_e6
        sim.outcome = -1
        sim.is_stopped = True
        sim.maker.settings.rejects_max = 1
        sim.venue.form, sim.venue.model, sim.venue.model_n = FORMS[form], QUEUES[queue], queue_n
        sim.venue.window_ns = match_ns
        sim.own_purse.cash_e6 = sim.venue.ledger.cash_e6 = PLENTY_E6
        sim.venue.ledger.shares_e6[0] = sim.venue.ledger.shares_e6[1] = PLENTY_E6
        sim.venue.ledger.purse = &sim.own_purse
        sim.arrivals.width, sim.replies.width = sizeof(Arrival), sizeof(Reply)
        sim.venue.seen.width = sizeof(Seen)
        sim.venue.beyond[0].width = sim.venue.beyond[1].width = sizeof(Beyond)
        open_notes(sim, KEEP_COURSE, min_size_e6)
        wake(sim)
        for i in range(acts.shape[0]):
            act = <const Act*>&acts[i, 0]
            if i and act.at_ns < acts[i - 1, 0]:
                raise InputError(f"times of a script must not fall, fell at {i}")
            if act.at_ns >= end_ns or sim.fault:
                break
            run_frames(sim, act.at_ns)
            if act.kind == PLACE:
                code = put_order(sim, act, is_first)
                if code:
                    refused[act.order_id] = REJECTIONS[code - 1]
            else:
                pull_order(sim, act)
            sim.replies.n = sim.replies_first = 0
        with nogil:
            run_frames(sim, end_ns)
            close_venue(sim, end_ns)
        if sim.fault == FAULT_MEMORY:
            raise MemoryError("no memory for what a run notes")
        if sim.fault:
            raise InputError(f"orders do not add up, fault {sim.fault}")
        fills = column(&sim.notes.fills, NOTES["fills"])
        marks = column(&sim.notes.marks, NOTES["marks"])
        return fills, marks, refused
    finally:
        put_to_sleep(sim)
        clear_store(&sim.notes.fills)
        clear_store(&sim.notes.marks)
        clear_store(&sim.notes.quotes)
        clear_store(&sim.notes.holdings)
        clear_store(&sim.notes.ranks)
        free(sim)
