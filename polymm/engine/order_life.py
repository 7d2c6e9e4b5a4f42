"""One order: a summary of all that was told about it, and the state that follows from that.

What is told may come in any order, twice, or late. So nothing here is a step from one state to the
next: each item is merged into the summary by a largest, a smallest or a union, which no order of
arrival can change, and the state is computed from the summary and the time (FAILURES, "Order state
machine"). The state as last computed is kept, for those who ask and for what is told to the maker.

Open evidence is a read that shows the order open, as of its begin.
"""

from polymm.engine.events import NEVER_NS
from polymm.engine.life import Life
from polymm.engine.order_settings import OrderSettings
from polymm.engine.order_summary import OrderSummary

__all__ = ["Life", "Order", "OrderSettings"]


# By name here: an enum takes several times as long to look its members up.
(_PLANNED, _NEW, _UNKNOWN_NEW, _LIVE, _CANCEL, _UNKNOWN_CANCEL) = tuple(Life)[:6]
(_CLOSING, _QUARANTINED, _FILLED, _CANCELLED, _REJECTED) = tuple(Life)[6:]


class Order(OrderSummary):
    """What is known of one order, and what follows."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Order({self.place.order_id}, {self.order[:10]}, {self.life.name})"

    @property
    def is_potentially_live(self) -> bool:
        """Whether it may still be filled, or owes a fill."""
        return self.life < _FILLED

    @property
    def is_full(self) -> bool:
        """Whether all of it was matched, but for rounding; a void fill was matched too."""
        left_e6 = self.place.size_e6 - max(self.executed_e6, self.told_e6)
        return left_e6 <= self.settings.dust_e6

    @property
    def is_disowned(self) -> bool:
        """Whether it rests after it was known not to: nobody else cancels it then."""
        open_ns = self.open_ns
        if self.is_rejected and self.is_alive:
            return True
        return bool(open_ns) and (
            open_ns > self.gone_ns
            or open_ns > self.canceled_min_ns
            or open_ns >= self.refused_old_min_ns
            or open_ns > self.absent_min_ns
            or open_ns > self.reads.closed_ns + self.settings.late_ns
            or (self._is_executed and open_ns > self.fill_ns)
        )

    @property
    def is_cancel_wanted(self) -> bool:
        """Whether it shall go."""
        return self.wanted_ns > 0 or self.is_disowned

    @property
    def is_kept(self) -> bool:
        """Whether it was seen to rest after the venue refused to cancel it, and was refused again.

        Nothing but such a refusal says that it is gone.
        """
        if not self.refused_min_ns <= self.open_ns or self.refused_min_ns == self.refused_ns:
            return False
        return self._gone_ns == NEVER_NS and not self.is_missed

    @property
    def last_write_ns(self) -> int:
        """When bytes about it were last handed over, as far as known."""
        written_ns = self.written_ns or self.planned_ns
        return max(written_ns, self.cancels[-1]) if self.cancels else written_ns

    @property
    def flight_ends_ns(self) -> int:
        """Until when the answer to its last cancel is in time; 0 where none is awaited."""
        sent_ns = self.cancels[-1] if self.cancels else 0
        if self.wanted_ns > sent_ns and not self.cancels:
            sent_ns = self.wanted_ns
        if sent_ns <= max(self.cancel_failed_ns, self.refused_ns, self.reads.doubted_ns):
            return 0
        return sent_ns + self.settings.cancel_answer_ns

    @property
    def closing_ns(self) -> int:
        """Since when it is known that it rests no longer, NEVER_NS while it is not.

        By a cancel's answer, or by all of it being matched. A refused cancel says so until a read
        shows it open that began when the refusal came, as those it asks for do, or later.
        """
        if self.is_alive and self.refused_old_ns > self.open_ns:
            return min(self._gone_ns, self.refused_old_ns)
        return self._gone_ns

    @property
    def _gone_ns(self) -> int:
        """The same, but for a refused cancel, which says so and proves nothing."""
        open_ns, gone_ns = self.open_ns, NEVER_NS
        if self.gone_ns < NEVER_NS and self.gone_ns >= open_ns:
            gone_ns = self.gone_ns
        if self.canceled_ns and self.canceled_ns >= open_ns:
            gone_ns = min(gone_ns, self.canceled_ns)
        if self.told_full_ns < NEVER_NS and (
            self.told_full_ns >= open_ns or self.open_left_e6 <= self.settings.dust_e6
        ):
            gone_ns = min(gone_ns, self.told_full_ns)
        return gone_ns

    @property
    def seen_ns(self) -> int:
        """What began later shows it if it rests: no write was on its way, and it was not seen."""
        late_ns = self.last_write_ns + self.settings.late_ns
        return max(late_ns, self.open_ns)

    @property
    def is_missed(self) -> bool:
        """Whether two lists and a query prove that it does not rest; fills may be untold."""
        return self.missed_ns > self.seen_ns

    @property
    def is_proven_absent(self) -> bool:
        """Whether that is proven, and its trades were read so long after that none misses."""
        return self.proven_ns > self.seen_ns

    @property
    def is_owing(self) -> bool:
        """Whether it is known not to rest, and only trades may still be told of it."""
        return self.life is _CLOSING and self.is_missed

    @property
    def trades_due_ns(self) -> int:
        """When reading its trades completes the proof, once it was missed; 0 where it was not."""
        seen_ns = self.seen_ns
        if self.missed_ns <= seen_ns:
            return 0
        ended_ns = [ended for began, ended in self.reads.lists if began > seen_ns]
        return min(ended_ns, default=self.missed_ns) + self.settings.trade_late_ns

    @property
    def is_proven_by_trades(self) -> bool:
        """Whether it is gone, and its market's trades were read so long after that none misses.

        Where only a refused cancel says that it is gone, a read must have missed it since then.
        """
        gone_ns, open_ns, late_ns = self._gone_ns, self.open_ns, self.settings.late_ns
        reads, refused_ns = self.reads, self.refused_old_ns
        if self.is_alive and open_ns <= reads.closed_ns + late_ns:
            gone_ns = min(gone_ns, reads.closed_ns)
        missed_ns = max(self.absent_ns, reads.listed_ns)
        if refused_ns and missed_ns > refused_ns > open_ns:
            gone_ns = min(gone_ns, refused_ns)
        return gone_ns < NEVER_NS and self.traded_ns > max(gone_ns + late_ns, open_ns)

    def _note_reads(self) -> None:
        """Take what reads of its market prove; they are forgotten there before it is here."""
        reads = self.reads
        traded_ns = reads.trades_ns(self.planned_ns - self.settings.overlap_ns_min)
        self.traded_ns = max(self.traded_ns, traded_ns)
        if not self.absent_ns:
            return
        # The elder of two lists says that it was gone when that list had ended: what is told of
        # its trades so long after is all there is.
        elder = reads.lists[1:]
        if elder:
            self.missed_ns = max(self.missed_ns, min(elder[0][0], self.absent_ns))
        told_ns = self.traded_ns - self.settings.trade_late_ns
        for began_ns, ended_ns in elder:
            if ended_ns <= told_ns:
                self.proven_ns = max(self.proven_ns, min(began_ns, self.absent_ns))
                return

    @property
    def is_missing(self) -> bool:
        """Whether a list of open orders lacked it that should have shown it."""
        listed_ns = self.reads.listed_ns
        if listed_ns <= self.open_ns:
            return False
        return listed_ns > self.last_write_ns + self.settings.late_ns

    @property
    def unresolved_ns(self) -> int:
        """Since when it is not known whether it rests or how much was filled; NEVER_NS if it is."""
        if not self.is_alive and self.closing_ns == NEVER_NS:
            return self.overdue_ns
        since_ns = self.closing_ns
        if self.wanted_ns:
            since_ns = min(since_ns, self.wanted_ns)
        if self.refused_ns > self.open_ns:
            since_ns = min(since_ns, self.refused_ns)
        if self.reads.doubted_ns >= max(self.written_ns, self.open_ns):
            since_ns = min(since_ns, self.reads.doubted_ns)
        return min(since_ns, self.reads.closed_ns)

    @property
    def overdue_ns(self) -> int:
        """When its placement is unknown, by its answer or for want of one; NEVER_NS if unsent."""
        if not self.written_ns:
            return self.unknown_ns
        return min(self.unknown_ns, self.written_ns + self.settings.answer_ns)

    @property
    def _is_executed(self) -> bool:
        return self.place.size_e6 - self.executed_e6 <= self.settings.dust_e6

    def derive(self, now_ns: int) -> Life:
        """Compute the state that follows from the summary at this time."""
        if self.executed_e6 and self._is_executed and self.open_ns <= self.fill_ns:
            return _FILLED
        if self.gone_ns < NEVER_NS:
            if self.is_rejected and not self.is_alive:
                return _REJECTED
            if self.gone_ns >= self.open_ns and not self._owed_e6:
                return self._end
        if self.is_alive:
            return self._derive_alive(now_ns)
        if self.is_rejected:
            return _REJECTED
        if self.gone_ns < NEVER_NS or self.canceled_ns:
            return self._derive_closing(now_ns)
        if not self.written_ns and self.unknown_ns == NEVER_NS:
            return _PLANNED
        overdue_ns = self.overdue_ns
        if now_ns < overdue_ns:
            return _NEW
        if self.is_proven_absent:
            return _REJECTED
        if self.is_missed:
            return _QUARANTINED if self._is_stuck(now_ns, self.trades_due_ns) else _CLOSING
        return _QUARANTINED if self._is_stuck(now_ns, overdue_ns) else _UNKNOWN_NEW

    def _derive_alive(self, now_ns: int) -> Life:
        reads, open_ns = self.reads, self.open_ns
        if self.proven_ns and self.is_proven_absent:
            return self._end
        is_closed = reads.closed_ns < NEVER_NS
        if self.is_end_told and self.closing_ns < NEVER_NS:
            return self._derive_closing(now_ns)
        if is_closed and self.is_proven_by_trades:
            return self._end
        if self.missed_ns and self.is_missed:
            return self._derive_closing(now_ns)
        if self.wanted_ns or ((open_ns or self.is_rejected) and self.is_disowned):
            if now_ns < self.flight_ends_ns:
                return _CANCEL
            if len(self.cancels) >= self.settings.cancels_max:
                return _QUARANTINED
        elif self.refused_ns <= open_ns and (
            reads.doubted_ns < self.written_ns or reads.doubted_ns < open_ns
        ):
            if not is_closed:
                return _LIVE
            return self._derive_closing(now_ns)
        return _QUARANTINED if self._is_stuck(now_ns, self.unresolved_ns) else _UNKNOWN_CANCEL

    def _derive_closing(self, now_ns: int) -> Life:
        if self.is_proven_by_trades:
            return self._end
        since_ns = self.trades_due_ns if self.is_missed else self.unresolved_ns
        return _QUARANTINED if self._is_stuck(now_ns, since_ns) else _CLOSING

    @property
    def _end(self) -> Life:
        return _FILLED if self.is_full else _CANCELLED

    @property
    def _owed_e6(self) -> int:
        """What was matched and no fill told, but for rounding; a void fill was told."""
        owed_e6 = self.told_e6 - self.executed_e6
        return owed_e6 if owed_e6 > self.settings.dust_e6 else 0

    def _is_stuck(self, now_ns: int, since_ns: int) -> bool:
        """Whether it is unresolved for so long while the venue could be read."""
        span_ns, health = self.settings.quarantine_ns, self.reads.health
        return now_ns - since_ns >= span_ns and health.has_passed(since_ns, span_ns)

    def refresh(self, now_ns: int) -> Life:
        """Compute state and sizes anew; the state before."""
        before = self.life
        if self.absent_ns or self.reads.trades:
            self._note_reads()
        life = self.life = self.derive(now_ns)
        told_e6, matched_e6 = self.told_e6, self.stood_e6
        if told_e6 > matched_e6:
            matched_e6 = told_e6
        self.matched_e6 = matched_e6
        if life >= _FILLED:
            self.debt_e6 = self.reserve_e6 = 0
            return before
        left_e6 = self.place.size_e6 - matched_e6
        if left_e6 < 0 or self.open_ns <= self.gone_ns < NEVER_NS:
            left_e6 = 0
        elif self.open_left_e6 > left_e6 and self.is_disowned:
            left_e6 = self.open_left_e6
        debt_e6 = self.debt_e6 = self._owed_e6 if told_e6 else 0
        self.reserve_e6 = left_e6 + debt_e6
        return before
