"""Reads of the whole account, each kind on a clock of its own: at most one of a kind in flight.

A read that failed, or was never answered, proves nothing and changes no belief; it is tried again
after a growing wait, and whoever quotes is told when it goes on for too long.
"""

from collections.abc import Callable, Sequence
from typing import Final

from polymm.engine import evidence as ev
from polymm.engine.actions import (
    Action,
    Alarm,
    Read,
    ReadBalances,
    ReadKeys,
    ReadOpen,
    ReadPreflight,
    ReadTrades,
    TradesKnown,
)
from polymm.engine.events import NEVER_NS
from polymm.engine.evidence import ReadKind
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.phases import PREFLIGHT, READS
from polymm.engine.proving import Backoff, ReconcileSettings
from polymm.engine.risk import RiskGate

_NOT_OUT: Final = -1


class ReadClock:
    """Repeats one read for the whole account.

    Args:
        make: The read as it is to be asked for at this time.
        period_ns: From the end of one that succeeded to the next.
        settings: Waits and limits.
        actions: Takes the reads.

    Attributes:
        good_ns: When the last good one began, as far as was told; -1 before the first.
        wait_ns: One that is unanswered so long has failed.
        next_timer_ns: When to tick at the latest.
    """

    __slots__ = (
        "_actions",
        "_backoff",
        "_due_ns",
        "_make",
        "_out_ns",
        "_period_ns",
        "_rest_ns",
        "_settings",
        "_since_ns",
        "good_ns",
        "next_timer_ns",
        "wait_ns",
    )

    def __init__(
        self,
        make: Callable[[int], Read],
        period_ns: int,
        settings: ReconcileSettings,
        actions: list[Action],
    ) -> None:
        self.good_ns = -1
        self.wait_ns = settings.read_wait_ns
        self.next_timer_ns = NEVER_NS
        self._make = make
        self._period_ns = period_ns
        self._settings = settings
        self._actions = actions
        self._backoff = Backoff(settings.retry_ns_min, settings.retry_ns_max)
        self._due_ns = NEVER_NS
        self._out_ns = _NOT_OUT
        self._rest_ns = 0  # after failures nothing is asked before
        self._since_ns = NEVER_NS

    @property
    def failures(self) -> int:
        """In a row."""
        return self._backoff.failures

    @property
    def stale_ns(self) -> int:
        """From when on what this reads is not known well enough, by its age alone."""
        return self._since_ns + self._period_ns + self._settings.stale_ns_max

    def is_bad(self, now_ns: int) -> bool:
        """Whether what this reads is not known well enough to quote."""
        return self._backoff.failures >= self._settings.failures_max or now_ns >= self.stale_ns

    def want(self, from_ns: int) -> None:
        """See to it that a read begins at that time or soon after; one that is out may be it."""
        if self._out_ns < from_ns:
            self._due_ns = min(self._due_ns, from_ns)
            self._set_timer()

    def tick(self, now_ns: int) -> bool:
        """Ask where it is time; True where a read was found to be lost."""
        is_lost = self._out_ns >= 0 and now_ns - self._out_ns >= self.wait_ns
        if is_lost:
            self._fail(now_ns)
        if self._out_ns < 0 and now_ns >= max(self._due_ns, self._rest_ns):
            self._since_ns = min(self._since_ns, now_ns)
            self._out_ns = now_ns
            self._due_ns = NEVER_NS
            self._actions.append(self._make(now_ns))
        self._set_timer()
        return is_lost

    def succeed(self, now_ns: int, began_ns: int) -> None:
        """Take a complete answer, whoever asked for it."""
        self.good_ns = self._since_ns = max(self.good_ns, began_ns)
        self._backoff.succeed()
        self._rest_ns = 0
        if began_ns >= self._out_ns:
            self._out_ns = _NOT_OUT
        self._due_ns = min(self._due_ns, now_ns + self._period_ns)
        self._set_timer()

    def fail(self, now_ns: int, began_ns: int) -> None:
        """Take a failure; one of an older read than the one that is out is no news."""
        if self._out_ns >= 0 and began_ns >= self._out_ns:
            self._fail(now_ns)
            self._set_timer()

    def drop(self) -> None:
        """Want it no more: what was out, due or failed is nobody's business."""
        self._backoff.succeed()
        self._out_ns = _NOT_OUT
        self._due_ns = self._since_ns = NEVER_NS
        self._rest_ns = 0
        self._set_timer()

    def _fail(self, now_ns: int) -> None:
        self._out_ns = _NOT_OUT
        self._due_ns = self._rest_ns = self._backoff.fail(now_ns)

    def _set_timer(self) -> None:
        if self._out_ns >= 0:
            self.next_timer_ns = self._out_ns + self.wait_ns
        else:
            self.next_timer_ns = max(self._due_ns, self._rest_ns)


class Reads:
    """The four reads that prove and keep proven, how far back trades are known, and the keys.

    Args:
        fills: Whose provisional fills are read again until they are settled.
        gate: Closed while something cannot be read, or must not be as it is.
        quoted: Lists the markets whose shares are to be read.
        settings: Clocks and waits.
        actions: Takes what is asked for, and alarms.

    Attributes:
        lists, trades, balances, preflight: Their clocks.
        keys: Of keys that the venue gives anew when it refuses ours; they are asked for once.
        known_ns: Trades matched before are all told (venue time).
        is_start: Whether trades are read from further back, as after a start.
    """

    def __init__(
        self,
        fills: FillLedger,
        gate: RiskGate,
        quoted: Callable[[], Sequence[str]],
        settings: ReconcileSettings,
        actions: list[Action],
    ) -> None:
        self.known_ns = 0
        self.is_start = False
        self._fills = fills
        self._gate = gate
        self._alarmed: set[str] = set()
        self._settings = settings
        self._actions = actions
        self._quiet_ns = 0  # trades matched before are all settled
        self._skew_ns = 0

        def clock(make: Callable[[int], Read], period_ns: int) -> ReadClock:
            return ReadClock(make, period_ns, settings, actions)

        self.lists = clock(lambda _: ReadOpen(""), settings.open_ns)
        self.trades = clock(self._make_trades, settings.trades_ns)
        self.balances = clock(lambda _: ReadBalances(tuple(quoted())), settings.balances_ns)
        self.preflight = clock(lambda _: ReadPreflight(), settings.preflight_ns)
        self.keys = clock(lambda _: ReadKeys(), NEVER_NS)
        self._wants_keys = False
        self._clocks = {
            ReadKind.OPEN: self.lists,
            ReadKind.TRADES: self.trades,
            ReadKind.BALANCES: self.balances,
            ReadKind.PREFLIGHT: self.preflight,
            ReadKind.KEYS: self.keys,
        }

    def begin(self, now_ns: int, known_ns: int) -> None:
        """Begin with the trades that a journal knows, 0 where there is none."""
        self.known_ns = self._quiet_ns = min(known_ns or now_ns, now_ns)
        self.is_start = True

    @property
    def next_timer_ns(self) -> int:
        """When to tick at the latest."""
        return min(clock.next_timer_ns for clock in self._clocks.values())

    @property
    def stale_ns(self) -> int:
        """When `judge` is due at the latest if nothing comes."""
        if READS in self._alarmed:
            return NEVER_NS
        return min(clock.stale_ns for clock in self._clocks.values())

    @property
    def trades_from_ns(self) -> int:
        """From when on trades must be read again (venue time)."""
        return self.known_ns - (self._settings.restart_overlap_ns if self.is_start else 0)

    def tick(self, now_ns: int) -> None:
        """Ask for what is due."""
        wants_keys = self._gate.watch.wants_keys
        if wants_keys and not self._wants_keys:
            self.keys.want(now_ns)
        elif self._wants_keys and not wants_keys:
            self.keys.drop()
        self._wants_keys = wants_keys
        for clock in self._clocks.values():
            clock.tick(now_ns)

    def judge(self, now_ns: int) -> None:
        """Close the gate while something has failed for too long."""
        bad = [kind.name.lower() for kind, clock in self._clocks.items() if clock.is_bad(now_ns)]
        self._tell(now_ns, READS, ", ".join(bad))

    def _tell(self, now_ns: int, reason: str, fault: str) -> None:
        """Close the gate for a fault and tell it once; reopen it for none."""
        if not fault:
            if reason in self._alarmed:
                self._alarmed.discard(reason)
                self._gate.reopen(now_ns, reason)
        elif reason not in self._alarmed:
            self._alarmed.add(reason)
            self._gate.close(now_ns, reason)
            self._actions.append(Alarm(reason, "", fault))

    def take_trades(self, now_ns: int, event: ev.TradesRead) -> None:
        """Take a complete list of the trades of all markets; the ledger has taken its fills."""
        self.trades.succeed(now_ns, event.began_ns)
        # A trade may be listed late, and the venue's clock is not ours.
        until_ns = event.began_ns - self._settings.late_ns - abs(self._skew_ns)
        if event.after_ns <= self.known_ns < until_ns:
            self.known_ns = until_ns
            self._actions.append(TradesKnown(until_ns))
        if not self._fills.total.provisional_n:
            self._quiet_ns = max(self._quiet_ns, until_ns)

    def take_preflight(self, now_ns: int, event: ev.PreflightRead) -> bool:
        """Take what was found; False where it speaks against sending anything."""
        self._skew_ns = event.skew_ns
        if event.faults:
            self.preflight.fail(now_ns, event.began_ns)
        else:
            self.preflight.succeed(now_ns, event.began_ns)
        self._tell(now_ns, PREFLIGHT, ", ".join(event.faults))
        return not event.faults

    def take_failure(self, now_ns: int, event: ev.ReadFailed) -> None:
        """Take a read that gave nothing; it proves nothing."""
        clock = self._clocks.get(event.kind)
        if clock is not None and not event.subject:
            clock.fail(now_ns, event.began_ns)

    def _make_trades(self, now_ns: int) -> Read:
        settings = self._settings
        # What was not settled yet is read again, too, but not for ever.
        quiet_ns = max(self._quiet_ns, now_ns - settings.restart_overlap_ns)
        from_ns = min(self.trades_from_ns, quiet_ns)
        return ReadTrades("", from_ns - settings.overlap_ns - abs(self._skew_ns))
