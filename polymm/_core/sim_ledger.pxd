# The venue's books on us in one market: polymm.exchange.accounts.Account in C. Whole 1e-6 dollars
# only; what is not whole ends the run.
from libc.stdint cimport int64_t

from polymm._core.layout cimport DOWN, PRICE_SCALE, UP
from polymm._core.sim_state cimport BUY, FAULT_LEDGER, Ledger, Sim, VenueOrder


cdef inline int64_t notional_e6(Sim* sim, int64_t price_e4, int64_t size_e6) noexcept nogil:
    if price_e4 * size_e6 % PRICE_SCALE:
        sim.fault = FAULT_LEDGER
    return price_e4 * size_e6 // PRICE_SCALE


cdef inline int64_t free_shares_e6(const Ledger* ledger, int token) noexcept nogil:
    return ledger.shares_e6[token] - ledger.locked_e6[token] - ledger.merging_e6


cdef inline void move_cash(Ledger* ledger, int64_t cash_e6) noexcept nogil:
    ledger.cash_e6 += cash_e6
    ledger.purse.cash_e6 += cash_e6


cdef inline void move_reserve(Ledger* ledger, int64_t cash_e6) noexcept nogil:
    ledger.reserved_e6 += cash_e6
    ledger.purse.reserved_e6 += cash_e6


cdef inline bint reserve(Sim* sim, const VenueOrder* order) noexcept nogil:
    """Hold back what the order needs; False, with nothing changed, where it is not there."""
    cdef Ledger* ledger = &sim.venue.ledger
    cdef int64_t cash_e6
    if order.action == BUY:
        cash_e6 = notional_e6(sim, order.price_e4, order.size_e6)
        if cash_e6 > ledger.purse.cash_e6 - ledger.purse.reserved_e6:
            return False
        move_reserve(ledger, cash_e6)
    else:
        if order.size_e6 > free_shares_e6(ledger, order.token):
            return False
        ledger.locked_e6[order.token] += order.size_e6
    return True


cdef inline void release(Sim* sim, const VenueOrder* order, int64_t open_e6) noexcept nogil:
    """Give back what the remainder of an order holds."""
    if order.action == BUY:
        move_reserve(&sim.venue.ledger, -notional_e6(sim, order.price_e4, open_e6))
    else:
        sim.venue.ledger.locked_e6[order.token] -= open_e6


cdef inline void book_fill(Sim* sim, const VenueOrder* order, int64_t size_e6) noexcept nogil:
    """Book a fill of an open order at its own price; makers pay no fee."""
    cdef Ledger* ledger = &sim.venue.ledger
    cdef int64_t cash_e6 = notional_e6(sim, order.price_e4, size_e6)
    if order.action == BUY:
        move_cash(ledger, -cash_e6)
        move_reserve(ledger, -cash_e6)
        ledger.bought_e6 += cash_e6
    else:
        move_cash(ledger, cash_e6)
        ledger.locked_e6[order.token] -= size_e6
        ledger.sold_e6 += cash_e6
        size_e6 = -size_e6
    ledger.shares_e6[order.token] += size_e6
    ledger.share_flow_e6[order.token] += size_e6


cdef inline bint begin_merge(Ledger* ledger, int64_t pairs_e6) noexcept nogil:
    """Take pairs out of the free shares; False, with nothing changed, where they are not."""
    cdef int64_t free_e6 = min(free_shares_e6(ledger, UP), free_shares_e6(ledger, DOWN))
    if not 0 < pairs_e6 <= free_e6:
        return False
    ledger.merging_e6 += pairs_e6
    return True


cdef inline void finish_merge(Ledger* ledger, int64_t pairs_e6) noexcept nogil:
    cdef int token
    ledger.merging_e6 -= pairs_e6
    for token in range(2):
        ledger.shares_e6[token] -= pairs_e6
        ledger.share_flow_e6[token] -= pairs_e6
    move_cash(ledger, pairs_e6)
    ledger.merged_e6 += pairs_e6


cdef inline void settle(Ledger* ledger, int outcome) noexcept nogil:
    """Pay one dollar for each share of the winner and nothing for the other."""
    cdef int64_t paid_e6 = ledger.shares_e6[outcome]
    cdef int token
    for token in range(2):
        ledger.share_flow_e6[token] -= ledger.shares_e6[token]
        ledger.shares_e6[token] = 0
    move_cash(ledger, paid_e6)
    ledger.settled_e6 += paid_e6


cdef inline bint adds_up(const Ledger* ledger) noexcept nogil:
    """Whether the balances follow from the flows, once no order is open and nothing merges."""
    cdef int64_t cash_e6 = ledger.cash_start_e6 - ledger.bought_e6 + ledger.sold_e6
    cash_e6 += ledger.merged_e6 + ledger.settled_e6
    return (
        ledger.cash_e6 == cash_e6 and not ledger.reserved_e6 and not ledger.merging_e6
        and not ledger.locked_e6[UP] and not ledger.locked_e6[DOWN]
        and ledger.shares_e6[UP] == ledger.share_flow_e6[UP] >= 0
        and ledger.shares_e6[DOWN] == ledger.share_flow_e6[DOWN] >= 0
        and ledger.purse.cash_e6 >= ledger.purse.reserved_e6 >= 0
    )
