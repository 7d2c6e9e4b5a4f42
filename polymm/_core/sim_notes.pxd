# What is told of a run: fills, marks, quotes, holdings, and the seconds each state lasted. The C
# twin of polymm.research.tape_recorder.Recorder; it looks on at venue time and changes nothing.
from libc.math cimport NAN
from libc.stdint cimport int64_t, uint64_t

from polymm._core.layout cimport ASK, BID, GRID
from polymm._core.signals cimport read_asks, read_bids, SideDepth
from polymm._core.sim_names cimport WHY_STARTING
from polymm._core.sim_state cimport (
    ARRIVE_MERGE, FAULT_WHYS, KEEP_ACTIONS, KEEP_COURSE, NEVER, Notes, Sim, Store, Telling, Turn,
    VenueOrder, WHYS_MAX,
)
from polymm._core.sim_stores cimport append, drop_first, last

cdef extern from *:
    """
    #define POLYMM_GAP_NS 10000000000LL
    """
    const int64_t GAP_NS "POLYMM_GAP_NS"

cdef struct FillNote:
    int64_t at_ns
    int64_t trade_id
    int64_t order_id
    int64_t price_e4             # the token's own
    int64_t size_e6
    int64_t front_e6
    int64_t counter_fee_e6
    double fair
    int64_t token
    int64_t action
    int64_t inferred
    int64_t after_cancel_sent

cdef struct MarkNote:
    int64_t at_ns
    double fair

cdef struct QuoteNote:
    int64_t at_ns
    int64_t bid_e4
    int64_t bid_e6
    int64_t ask_e4
    int64_t ask_e6

cdef struct HoldingNote:
    int64_t at_ns
    int64_t up_e6
    int64_t down_e6

cdef struct MergeNote:
    int64_t at_ns
    int64_t pairs_e6

cdef struct RankNote:            # of an order that rested
    int64_t order_id
    int64_t front_e6
    int64_t size_e6
    int64_t filled_e6

cdef struct ActionNote:
    int64_t at_ns                # ours
    int64_t kind                 # ARRIVE_PLACE, ARRIVE_CANCEL, ARRIVE_MERGE
    int64_t order_id
    int64_t token
    int64_t action
    int64_t price_e4
    int64_t size_e6              # or pairs


cdef inline void open_notes(Sim* sim, int keep, int64_t min_size_e6) noexcept nogil:
    cdef Notes* notes = &sim.notes
    notes.fair = NAN
    notes.near_e4[ASK] = notes.behind_e4[ASK] = GRID - 1
    notes.min_size_e6 = max(min_size_e6, 1)  # an empty level is none
    notes.since_ns = notes.joined_ns = sim.start_ns
    notes.is_short = notes.joined_short = True
    notes.told = notes.joined_why = <uint64_t>1 << WHY_STARTING
    notes.keep = keep
    notes.turns.width = sizeof(Turn)
    notes.tellings.width = sizeof(Telling)
    notes.fills.width = sizeof(FillNote)
    notes.marks.width = sizeof(MarkNote)
    notes.quotes.width = sizeof(QuoteNote)
    notes.holdings.width = sizeof(HoldingNote)
    notes.merges.width = sizeof(MergeNote)
    notes.ranks.width = sizeof(RankNote)
    notes.actions.width = sizeof(ActionNote)


cdef inline void pass_time(Sim* sim, int64_t now_ns) noexcept nogil:
    """Add the time since the last change, inside the window, to the states it was spent in."""
    cdef Notes* notes = &sim.notes
    cdef int64_t until_ns = min(now_ns, sim.end_ns)
    cdef int64_t spent_ns = until_ns - notes.since_ns
    cdef int64_t usable_ns
    cdef int sides = notes.has_bid + notes.has_ask
    if spent_ns <= 0:
        return
    # Of a book that has been silent for long nobody knows whether it allows anything.
    usable_ns = max(min(until_ns, notes.fresh_until_ns) - notes.since_ns, 0)
    notes.since_ns = until_ns
    notes.sides_ns[sides] += spent_ns
    if notes.is_usable:
        notes.usable_ns += usable_ns
        if sides:
            notes.quoted_ns += usable_ns
        if sides == 2:
            notes.quoted_both_ns += usable_ns


cdef inline void spend_short(Sim* sim, int64_t now_ns) noexcept nogil:
    """Add the time up to now to the reason why not both sides of ours rested."""
    cdef Notes* notes = &sim.notes
    cdef int64_t until_ns = min(now_ns, sim.end_ns)
    cdef int64_t spent_ns = until_ns - notes.joined_ns
    cdef int i
    if spent_ns <= 0:
        return
    notes.joined_ns = until_ns
    if not notes.joined_short:
        return
    for i in range(notes.whys_n):
        if notes.whys[i] == notes.joined_why:
            notes.why_ns[i] += spent_ns
            return
    if notes.whys_n == WHYS_MAX:
        sim.fault = FAULT_WHYS
        return
    notes.whys[notes.whys_n] = notes.joined_why
    notes.why_ns[notes.whys_n] = spent_ns
    notes.whys_n += 1


cdef inline void join_whys(Sim* sim, int64_t before_ns) noexcept nogil:
    """Put together what rested, at venue time, and why, at ours, up to where both are known."""
    cdef Notes* notes = &sim.notes
    cdef const Turn* turn
    cdef const Telling* telling
    cdef int64_t turn_ns, telling_ns
    while True:
        turn = <const Turn*>notes.turns.items + notes.turns_first
        telling = <const Telling*>notes.tellings.items + notes.tellings_first
        turn_ns = turn.at_ns if notes.turns_first < notes.turns.n else NEVER
        telling_ns = telling.at_ns if notes.tellings_first < notes.tellings.n else NEVER
        if min(turn_ns, telling_ns) >= before_ns:
            return
        spend_short(sim, min(turn_ns, telling_ns))
        if turn_ns <= telling_ns:
            notes.joined_short = turn.is_short
            drop_first(&notes.turns, &notes.turns_first)
        else:
            notes.joined_why = telling.why
            drop_first(&notes.tellings, &notes.tellings_first)


cdef inline void tell_why(Sim* sim, int64_t now_ns, uint64_t why) noexcept nogil:
    """Take in why the maker does not quote both sides, from our time; 0 where it does."""
    cdef Telling* telling
    if why == sim.notes.told:
        return
    sim.notes.told = why
    telling = <Telling*>append(sim, &sim.notes.tellings)
    telling.at_ns = now_ns
    telling.why = why


cdef inline void tell_short(Sim* sim, int64_t now_ns, bint is_short) noexcept nogil:
    cdef Turn* turn
    if is_short == sim.notes.is_short:
        return
    sim.notes.is_short = is_short
    turn = <Turn*>append(sim, &sim.notes.turns)
    turn.at_ns = now_ns
    turn.is_short = is_short


cdef inline void finish_notes(Sim* sim, int64_t now_ns) noexcept nogil:
    """Close the books at the end of the run."""
    pass_time(sim, now_ns)
    join_whys(sim, now_ns)
    spend_short(sim, now_ns)


cdef inline void note_mark(Sim* sim, int64_t now_ns) noexcept nogil:
    """Note f; of the marks before the window only the last is kept, as of its start."""
    cdef Notes* notes = &sim.notes
    cdef int64_t at_ns = max(now_ns, sim.start_ns)
    cdef MarkNote* mark
    if not notes.keep & KEEP_COURSE or now_ns >= sim.end_ns:
        return
    if notes.marks.n and (<MarkNote*>last(&notes.marks)).at_ns == at_ns:
        mark = <MarkNote*>last(&notes.marks)
    else:
        mark = <MarkNote*>append(sim, &notes.marks)
    mark.at_ns = at_ns
    mark.fair = notes.fair


cdef inline void look_near(Sim* sim, int64_t now_ns, int sides) noexcept nogil:
    """Read the filtered touch of sides of the venue's book: whether it allows quoting, and f."""
    cdef Notes* notes = &sim.notes
    cdef SideDepth read
    cdef bint is_usable = False
    cdef double fair
    if not sim.venue.book.has_epoch:
        notes.near_e4[BID] = notes.behind_e4[BID] = 0
        notes.near_e4[ASK] = notes.behind_e4[ASK] = GRID - 1
    else:
        if sides & 1 << BID:
            read = read_bids(&sim.venue.book.side[BID], notes.min_size_e6, 2)
            notes.near_e4[BID] = read.best_e4
            notes.behind_e4[BID] = read.second_e4
        if sides & 1 << ASK:
            read = read_asks(&sim.venue.book.side[ASK], notes.min_size_e6, 2)
            notes.near_e4[ASK] = read.best_e4
            notes.behind_e4[ASK] = read.second_e4
        is_usable = (
            notes.behind_e4[BID] > 0 and notes.behind_e4[ASK] < GRID - 1
            and notes.near_e4[BID] < notes.near_e4[ASK]
        )
    if is_usable != notes.is_usable:
        pass_time(sim, now_ns)
        notes.is_usable = is_usable
    if is_usable:
        fair = <double>(notes.near_e4[BID] + notes.near_e4[ASK]) / 20000.0
        if fair != notes.fair:
            notes.fair = fair
            note_mark(sim, now_ns)


cdef inline bint is_near(
    const Notes* notes, int side, int64_t price_e4, int64_t before_e6, int64_t after_e6
) noexcept nogil:
    """Whether a level's new size may give another f, or another answer whether to quote."""
    cdef int64_t flip = -side    # inverts all bits, and with them the order of prices
    if (before_e6 >= notes.min_size_e6) == (after_e6 >= notes.min_size_e6):
        return False
    return (price_e4 ^ flip) >= (notes.behind_e4[side] ^ flip)


cdef inline void note_book(Sim* sim, int64_t now_ns, int sides) noexcept nogil:
    """Take in that the venue's book changed; `sides`: a mask of those where f could see it."""
    if now_ns > sim.notes.fresh_until_ns:
        pass_time(sim, now_ns)
    sim.notes.fresh_until_ns = now_ns + GAP_NS
    if sides:
        look_near(sim, now_ns, sides)


cdef inline int64_t best_ours(Sim* sim, int side, int64_t* size_e6) noexcept nogil:
    """Price and open size of our best level of a side; 0 where none rests."""
    cdef const VenueOrder* orders = sim.venue.orders
    cdef const int* resting = sim.venue.resting[side]
    cdef int64_t price_e4
    cdef int i
    size_e6[0] = 0
    if not sim.venue.resting_n[side]:
        return 0
    price_e4 = orders[resting[0]].up_price_e4
    for i in range(sim.venue.resting_n[side]):
        if orders[resting[i]].up_price_e4 == price_e4:
            size_e6[0] += orders[resting[i]].open_e6
    return price_e4


cdef inline void note_orders(Sim* sim, int64_t now_ns) noexcept nogil:
    """Take in that other orders of ours rest than before."""
    cdef Notes* notes = &sim.notes
    cdef QuoteNote note
    cdef QuoteNote* at
    pass_time(sim, now_ns)
    note.at_ns = now_ns
    note.bid_e4 = best_ours(sim, BID, &note.bid_e6)
    note.ask_e4 = best_ours(sim, ASK, &note.ask_e6)
    notes.has_bid = note.bid_e6 > 0
    notes.has_ask = note.ask_e6 > 0
    tell_short(sim, now_ns, not (notes.has_bid and notes.has_ask))
    if not notes.keep & KEEP_COURSE:
        return
    if notes.quotes.n and (<QuoteNote*>last(&notes.quotes)).at_ns == now_ns:
        at = <QuoteNote*>last(&notes.quotes)
    else:
        at = <QuoteNote*>append(sim, &notes.quotes)
    at[0] = note


cdef inline void note_holding(Sim* sim, int64_t now_ns) noexcept nogil:
    cdef Store* held = &sim.notes.holdings
    cdef HoldingNote* at
    if not sim.notes.keep & KEEP_COURSE:
        return
    if held.n and (<HoldingNote*>last(held)).at_ns == now_ns:
        at = <HoldingNote*>last(held)
    else:
        at = <HoldingNote*>append(sim, held)
    at.at_ns = now_ns
    at.up_e6 = sim.venue.ledger.shares_e6[0]
    at.down_e6 = sim.venue.ledger.shares_e6[1]


cdef inline void note_merge(Sim* sim, int64_t now_ns, int64_t pairs_e6) noexcept nogil:
    cdef MergeNote* note = <MergeNote*>append(sim, &sim.notes.merges)
    note.at_ns = now_ns
    note.pairs_e6 = pairs_e6
    note_holding(sim, now_ns)


cdef inline void note_fill(Sim* sim, FillNote fill) noexcept nogil:
    """Note a fill with f at its moment; the ledger holds it already."""
    cdef FillNote* note = <FillNote*>append(sim, &sim.notes.fills)
    fill.fair = sim.notes.fair
    note[0] = fill
    note_holding(sim, fill.at_ns)


cdef inline void note_cancel_sent(Sim* sim, int64_t order_id, int64_t now_ns) noexcept nogil:
    """Tell of fills that the venue, running ahead, has had since, that they came after it."""
    cdef FillNote* fills = <FillNote*>sim.notes.fills.items
    cdef Py_ssize_t i = sim.notes.fills.n - 1
    while i >= 0 and fills[i].at_ns > now_ns:
        if fills[i].order_id == order_id:
            fills[i].after_cancel_sent = True
        i -= 1


cdef inline void note_rank(Sim* sim, const VenueOrder* order) noexcept nogil:
    cdef RankNote* note
    if sim.notes.keep & KEEP_COURSE:
        note = <RankNote*>append(sim, &sim.notes.ranks)
        note[0] = RankNote(order.order_id, order.front_e6, order.size_e6, order.filled_e6)


cdef inline void note_action(
    Sim* sim, int64_t now_ns, int kind, const VenueOrder* order
) noexcept nogil:
    """Note what we send about an order."""
    cdef ActionNote* note
    if sim.notes.keep & KEEP_ACTIONS:
        note = <ActionNote*>append(sim, &sim.notes.actions)
        note[0] = ActionNote(
            now_ns, kind, order.order_id, order.token, order.action, order.price_e4, order.size_e6
        )


cdef inline void note_merge_sent(Sim* sim, int64_t now_ns, int64_t pairs_e6) noexcept nogil:
    cdef ActionNote* note
    if sim.notes.keep & KEEP_ACTIONS:
        note = <ActionNote*>append(sim, &sim.notes.actions)
        note[0] = ActionNote(now_ns, ARRIVE_MERGE, 0, 0, 0, 0, pairs_e6)
