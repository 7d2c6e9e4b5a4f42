"""The backtest loop: packed tapes against the live code, with our orders at the venue of the tape.

Nothing in the loop is a Python object, and nothing is allocated but room for what is noted. What
stands in which file: sim_state (all that a market keeps), sim_group, sim_strides and sim_loop (time
and cursors), sim_venue and sim_ledger, sim_maker, sim_legs, sim_orders and sim_standing (the
cycle), sim_notes and sim_told (what is told). The slow twins are tests/oracle/tape_venue and
polymm.engine.maker: both must agree event by event.
"""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free, realloc

from polymm._core.book cimport check_tick
from polymm._core.layout cimport ASK, BID, whole_t
from polymm._core.quoting cimport params_of, quoter_at
from polymm._core.sim_group cimport Group, put_to_sleep, run_group
from polymm._core.sim_loop cimport end_local, seek_venue
from polymm._core.sim_maker cimport step_closing
from polymm._core.sim_names cimport WHY_STARTING
from polymm._core.sim_notes cimport best_ours, open_notes
from polymm._core.sim_state cimport (
    Arrival, Beyond, CycleSettings, Delay, FAULT_LEDGER, FAULT_MEMORY, NEVER, Purse, Reply, Seen,
    Sim,
)
from polymm._core.sim_stores cimport clear_store, polymm_mix64
from polymm._core.sim_told cimport column, counted, names_of, noted
from polymm._core.sim_venue cimport close_venue
from polymm._core.tape_rows cimport TapeRows

from polymm._core.backtest_names import (
    COUNTS, CYCLE_FIELDS, FAULTS, FORMS, KEEP, NOTES, QUEUES, REJECTIONS, WHYS,
)
from polymm.errors import InputError, LedgerError

# Opening and shutting


cdef int open_delay(Delay* delay, object samples, uint64_t seed) except -1:
    """Read a delay: ns, or an int64 array of measured ones, which the caller keeps alive."""
    cdef const int64_t[::1] view
    delay.seed = seed
    polymm_mix64(&delay.seed)
    if hasattr(samples, "dtype"):
        view = samples
        if not view.shape[0] or samples.min() < 0:
            raise InputError("measured delays must be at least one, none below 0")
        delay.samples = &view[0]
        delay.samples_n = view.shape[0]
        delay.least_ns = samples.min()
    else:
        delay.constant_ns = delay.least_ns = samples
        if delay.constant_ns < 0:
            raise InputError(f"a delay must be at least 0 ns, was {samples}")
    return 0


cdef CycleSettings cycle_of(object fields) except *:
    missing = [name for name in CYCLE_FIELDS if name not in fields]
    unknown = sorted(set(fields) - set(CYCLE_FIELDS))
    if missing or unknown:
        raise InputError(f"cycle must name every field once: missing {missing}, unknown {unknown}")
    return fields


cdef void drop_sim(Sim* sim) noexcept:
    put_to_sleep(sim)
    clear_store(&sim.notes.fills)
    clear_store(&sim.notes.marks)
    clear_store(&sim.notes.quotes)
    clear_store(&sim.notes.holdings)
    clear_store(&sim.notes.merges)
    clear_store(&sim.notes.ranks)
    clear_store(&sim.notes.actions)
    free(sim)


cdef class Backtest:
    """Markets of one account, run together in order of time.

    Markets are added first; then `run` goes as far as it is told, and `result` says what became
    of one market. Same rows, settings and seeds give the same result, however a run is cut. Of
    what happens in one ns the venues come before our sides, and of those the market that began
    first: with its venue's first frame, at the latest with its window.

    Args:
        cash_e6: Cash that all markets share, 1e-6 dollars; None: each has its own.
    """

    cdef Group group
    cdef Purse purse
    cdef int64_t positions_e6    # marked value of all positions
    cdef list kept               # whatever the markets read from
    cdef bint is_shared
    cdef bint has_begun

    def __cinit__(self, *, object cash_e6=None):
        self.kept = []
        self.is_shared = cash_e6 is not None
        if self.is_shared:
            self.purse.cash_e6 = cash_e6

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(self.group.sims_n):
            drop_sim(self.group.sims[i])
        free(self.group.sims)
        free(self.group.awake)

    def add_market(
        self,
        TapeRows rows not None,
        object params,
        object cycle,
        *,
        whole_t start_ns,
        whole_t end_ns,
        whole_t cash_e6,
        whole_t tick_e4=100,
        whole_t lot_e6=10_000,
        whole_t order_min_e6=5_000_000,
        whole_t fee_rate_e6=70_000,
        whole_t trade_lag_ns=0,
        whole_t outcome=-1,
        str form="trades",
        str queue="risk_averse",
        double queue_n=3.0,
        whole_t match_ns=1_000_000_000,
        object feed_ns=100_000_000,
        object order_ns=50_000_000,
        object cancel_ns=50_000_000,
        object reply_ns=50_000_000,
        whole_t seed=0,
        whole_t merge_delay_ns=5_000_000_000,
        whole_t close_margin_ns=0,
        object quoter_address=0,
        str keep="course",
    ):
        """Add a market; one that begins earlier than the last one is put in its place.

        Args:
            params: As for Lane.
            cycle: The fields of CYCLE_FIELDS.
            start_ns, end_ns: The window.
            cash_e6: Its own cash, or what its results count from where cash is shared.
            fee_rate_e6: Of the taker's fee, millionths; the fee of others' trades with us.
            trade_lag_ns: How much earlier than its stamp a trade was matched.
            outcome: UP, DOWN, or -1 where none was recorded: then nothing is paid out.
            form: "trades", "none" or "through".
            queue, queue_n: Queue model.
            match_ns: A drop and a trade told within it may be one match.
            feed_ns: From venue time to receipt, where the rows have none. Like the other delays a
                number, or a contiguous int64 array of measured ones to draw from.
            order_ns, cancel_ns, reply_ns: As in polymm.exchange.tape.Latency.
            seed: Of the draws. Feed, orders and merges, cancels, replies have a stream of
                SplitMix64 each, of 4 seed and the next three, behind its first word; a message
                takes the next word of its stream as it is sent, word * n // 2**64 of n samples.
            merge_delay_ns: From a merge's arrival to its dollars.
            close_margin_ns: How long before the end everything is pulled.
            quoter_address: As for Lane.
            keep: "fills"; "course": also marks, quotes, holdings and places in the queue;
                "actions": also all that we sent.

        Returns:
            The number under which `result` knows it, from 0.

        Raises:
            InputError: A value makes no sense, or time falls in the rows.
        """
        cdef Sim* sim
        cdef Sim** sims
        cdef Py_ssize_t i
        check_tick(tick_e4)
        if self.has_begun:
            raise InputError("markets must be added before the run begins")
        if not 0 <= start_ns < end_ns or lot_e6 <= 0 or not -1 <= outcome <= 1:
            raise InputError(
                f"a market needs a window, a lot above 0 and an outcome within -1..1, had"
                f" {start_ns} to {end_ns}, {lot_e6}, {outcome}"
            )
        if form not in FORMS or queue not in QUEUES or keep not in KEEP or not queue_n > 0.0:
            raise InputError(
                f"form, queue and keep must be of {list(FORMS)}, {list(QUEUES)}, {list(KEEP)},"
                f" n above 0; were {form!r}, {queue!r}, {keep!r}, {queue_n}"
            )
        if min(cash_e6, order_min_e6, fee_rate_e6, trade_lag_ns, merge_delay_ns,
               close_margin_ns, match_ns) < 0:
            raise InputError("cash, sizes, rates and delays must be at least 0")
        sim = <Sim*>calloc(1, sizeof(Sim))
        sims = <Sim**>realloc(self.group.sims, (self.group.sims_n + 1) * sizeof(Sim*))
        if sims != NULL:
            self.group.sims = sims
        if sim == NULL or sims == NULL:
            free(sim)
            raise MemoryError("no memory for a market")
        try:
            self.open_sim(sim, rows, params, cycle, quoter_address, feed_ns)
            open_delay(&sim.feed, feed_ns, 4 * seed)
            open_delay(&sim.order, order_ns, 4 * seed + 1)
            open_delay(&sim.cancel, cancel_ns, 4 * seed + 2)
            open_delay(&sim.reply, reply_ns, 4 * seed + 3)
            if not rows.is_in_order(trade_lag_ns, sim.feed.least_ns):
                raise InputError("time falls in the rows for the venue or for us")
        except BaseException:
            free(sim)
            raise
        self.kept += [rows, quoter_address, feed_ns, order_ns, cancel_ns, reply_ns]
        sim.lag_ns = trade_lag_ns
        sim.start_ns = start_ns
        sim.end_ns = end_ns
        sim.close_ns = end_ns - close_margin_ns
        sim.timer_ns = start_ns
        sim.arrival_ns = sim.reply_ns = NEVER
        seek_venue(sim)
        sim.first_ns = min(start_ns, sim.venue_ns)
        sim.tick_e4 = tick_e4
        sim.lot_e6 = lot_e6
        sim.order_min_e6 = order_min_e6
        sim.fee_rate_e6 = fee_rate_e6
        sim.merge_delay_ns = merge_delay_ns
        sim.outcome = <int>outcome
        sim.venue.form = FORMS[form]
        sim.venue.model = QUEUES[queue]
        sim.venue.model_n = queue_n
        sim.venue.window_ns = match_ns
        sim.venue.ledger.cash_start_e6 = sim.venue.ledger.cash_e6 = cash_e6
        sim.own_purse.cash_e6 = cash_e6
        sim.venue.ledger.purse = &self.purse if self.is_shared else &sim.own_purse
        sim.maker.positions_e6 = &self.positions_e6 if self.is_shared else &sim.own_positions_e6
        open_notes(sim, KEEP[keep], sim.maker.lane.params.min_size_e6)
        sim.number = self.group.sims_n
        i = self.group.sims_n
        while i and sims[i - 1].first_ns > sim.first_ns:
            sims[i] = sims[i - 1]
            i -= 1
        sims[i] = sim
        self.group.sims_n += 1
        return sim.number

    cdef int open_sim(
        self, Sim* sim, TapeRows rows, object params, object cycle, object quoter, object feed_ns
    ) except -1:
        """Read what may be refused."""
        sim.rows = rows.rows
        sim.rows_n = rows.n
        sim.is_steady = rows.is_steady
        sim.has_mirrors = rows.has_mirrors
        sim.maker.settings = cycle_of(cycle)
        sim.maker.lane.params = params_of(params)
        sim.maker.lane.quoter = quoter_at(quoter)
        sim.maker.sees_sizes = (
            sim.maker.lane.quoter != NULL or sim.maker.lane.params.k_imb != 0.0
        )
        if not sim.maker.sees_sizes:
            # Of the depth nothing but the imbalance follows: two levels tell the rest.
            sim.maker.lane.params.depth_lookback = 2
        sim.maker.next_id = 1
        sim.maker.why = sim.maker.reasons = <uint64_t>1 << WHY_STARTING
        sim.arrivals.width = sizeof(Arrival)
        sim.replies.width = sizeof(Reply)
        sim.venue.seen.width = sizeof(Seen)
        sim.venue.beyond[0].width = sim.venue.beyond[1].width = sizeof(Beyond)
        if rows.has_receipts and rows.lacks_receipts and hasattr(feed_ns, "dtype"):
            raise InputError("rows with some receipts need a constant feed_ns for the others")
        return 0

    def run(self, object until_ns=None):
        """Let time pass up to and with `until_ns`, None: to the end of everything.

        Returns:
            Whether every market is done.

        Raises:
            LedgerError: A market's cash, shares or orders do not add up.
            MemoryError, InputError: There is no room for what a market needs.
        """
        cdef int64_t until = NEVER - 1 if until_ns is None else until_ns
        cdef bint is_sound
        if not self.has_begun:
            self.has_begun = True
            self.group.awake = <Sim**>calloc(self.group.sims_n + 1, sizeof(Sim*))
            if self.group.awake == NULL:
                raise MemoryError("no memory for a run")
        with nogil:
            is_sound = run_group(&self.group, until)
        if not is_sound:
            self.blame()
        return self.group.asleep == self.group.sims_n and not self.group.awake_n

    def stop(self, whole_t now_ns):
        """End every market that is not done, in order, as of `now_ns`, up to which it was run."""
        cdef Py_ssize_t i
        cdef Sim* sim
        for i in range(self.group.awake_n):
            sim = self.group.awake[i]
            if sim.is_over:
                continue
            sim.is_stopped = True
            if not sim.venue.is_closed:
                close_venue(sim, now_ns)
            sim.venue_ns = NEVER
            step_closing(sim, now_ns)
            end_local(sim)
        self.group.sims_n, asleep = self.group.asleep, self.group.sims_n
        self.run()
        self.group.sims_n = asleep
        self.group.asleep = asleep

    cdef int blame(self) except -1:
        cdef Py_ssize_t i
        for i in range(self.group.sims_n):
            if self.group.sims[i].fault:
                text = f"market {self.group.sims[i].number}: {FAULTS[self.group.sims[i].fault]}"
                if self.group.sims[i].fault == FAULT_LEDGER:
                    raise LedgerError(text)
                if self.group.sims[i].fault == FAULT_MEMORY:
                    raise MemoryError(text)
                raise InputError(text)
        raise MemoryError("no memory for a run")

    cdef Sim* find(self, whole_t number) except NULL:
        cdef Py_ssize_t i
        for i in range(self.group.sims_n):
            if self.group.sims[i].number == number:
                return self.group.sims[i]
        raise InputError(f"no market has the number {number}")

    def notes(self, str name not None, whole_t number=0):
        """Give a copy of what was noted so far: (n,) with the fields of NOTES[name].

        Times are the venue's, of "actions" ours. "fills" are in order, with the fair value at
        their moment; "ranks" are of orders that rested and have ended.

        Raises:
            InputError: No such market, or nothing is noted under that name.
        """
        cdef Sim* sim = self.find(number)
        if name not in NOTES:
            raise InputError(f"name must be one of {list(NOTES)}, was {name!r}")
        return column(noted(&sim.notes, name), NOTES[name])

    def result(self, whole_t number=0):
        """Give a market's totals by name; money and shares in 1e-6, times in ns.

        Raises:
            InputError: No such market.
        """
        cdef Sim* sim = self.find(number)
        cdef int64_t bid_e6, ask_e6
        cdef int64_t bid_e4 = best_ours(sim, BID, &bid_e6), ask_e4 = best_ours(sim, ASK, &ask_e6)
        cdef int i
        return {
            "bid": (bid_e4, bid_e6),
            "ask": (ask_e4, ask_e6),
            "merges_n": sim.notes.merges.n,
            "is_done": bool(sim.is_concluded),
            "is_stopped": bool(sim.is_stopped),
            "cash_start_e6": sim.venue.ledger.cash_start_e6,
            "cash_e6": sim.venue.ledger.cash_e6,
            "up_e6": sim.venue.ledger.shares_e6[0],
            "down_e6": sim.venue.ledger.shares_e6[1],
            "settled_e6": sim.venue.ledger.settled_e6,
            "fair": sim.notes.fair,
            "fills_n": sim.venue.trades_n,
            "counter_fees_e6": sim.venue.counter_fees_e6,
            "traded_e6": sim.venue.traded_e6,
            "mirrored_n": sim.venue.mirrored_n,
            "merges_refused_n": sim.venue.merges_refused_n,
            "placed_n": sim.venue.placed_n,
            "placed_e6": sim.venue.placed_e6,
            "filled_e6": sim.venue.filled_e6,
            "cancelled_e6": sim.venue.cancelled_e6,
            "rejected_e6": sim.venue.rejected_e6,
            "expired_e6": sim.venue.expired_e6,
            "rejects": counted(sim.venue.rejects, REJECTIONS),
            "cycles": counted(sim.maker.cycles, WHYS),
            "counts": counted(sim.maker.counts, COUNTS),
            "cycles_started": sim.maker.cycles_started,
            "ns": {
                "two_sided": sim.notes.sides_ns[2],
                "one_sided": sim.notes.sides_ns[1],
                "none": sim.notes.sides_ns[0],
                "book_two_sided": sim.notes.usable_ns,
                "quoted": sim.notes.quoted_ns,
                "quoted_two_sided": sim.notes.quoted_both_ns,
            },
            "no_quote_ns": {
                names_of(sim.notes.whys[i], WHYS): sim.notes.why_ns[i]
                for i in range(sim.notes.whys_n)
            },
        }
