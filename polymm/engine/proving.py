"""What all proving shares: its figures and its waits."""

from dataclasses import dataclass, fields

from polymm.engine.settings import MS, SECOND
from polymm.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSettings:
    """The clocks of proving, all in ns but the counts (FAILURES, "Reconciliation").

    Args:
        open_ns, trades_ns, balances_ns, preflight_ns: Between two reads of a kind.
        read_wait_ns: A read that is unanswered so long has failed.
        sweep_wait_ns: A cancel of all that is unanswered so long has failed.
        retry_ns_min, retry_ns_max: Waits after failures grow from the one to the other.
        sweep_retry_ns_max: The longest wait between two cancels of all.
        failures_max: So many failed reads of a kind in a row close the gate.
        stale_ns_max: So does a kind whose last good read began so long before it was due.
        apart_ns: Two empty lists begin so far apart.
        late_ns: No request of ours takes effect so long after it was written.
        overlap_ns: Trades are read from so long before what is already known.
        restart_overlap_ns: Likewise after a restart, from before the checkpoint.
        gap_ns_max: The user channel may be away so long.
        stall_pull_ns, stall_resync_ns: A stall so long pulls the quotes, has everything read again.
        jump_ns_max: The day's clock may move so far.
        tolerance_e6: Balances may differ so much from the ledger, 1e-6 shares or dollars.
        patience_ns: A difference is corrected when it stood so long: at a start this, later
            ``patience_later_ns``, since balances come late.
        merge_late_ns: A merge that an earlier process asked for does not land so long after that.
        ready_ns_max: A start that takes longer raises an alarm.
        hurry_ns: At an end a list is waited for no longer than this.
        stop_ns_max: A stop ends after so long, proven or not.
        halt_ns_max: Likewise a kill or a halt.
        by_market_ns, by_all_ns, expiry_ns: An order whose cancel is wanted so long and not proven
            is cancelled with its market, with all, and left to the venue's own end.
    """

    open_ns: int = 5 * SECOND
    trades_ns: int = 10 * SECOND
    balances_ns: int = 30 * SECOND
    preflight_ns: int = 30 * SECOND
    read_wait_ns: int = 5 * SECOND
    sweep_wait_ns: int = 2 * SECOND
    retry_ns_min: int = 500 * MS
    retry_ns_max: int = 8 * SECOND
    sweep_retry_ns_max: int = 4 * SECOND
    failures_max: int = 3
    stale_ns_max: int = 15 * SECOND
    apart_ns: int = 2 * SECOND
    late_ns: int = 10 * SECOND
    overlap_ns: int = 60 * SECOND
    restart_overlap_ns: int = 600 * SECOND
    gap_ns_max: int = 2 * SECOND
    stall_pull_ns: int = 250 * MS
    stall_resync_ns: int = SECOND
    jump_ns_max: int = SECOND
    tolerance_e6: int = 10_000
    patience_ns: int = 2 * SECOND
    patience_later_ns: int = 60 * SECOND
    merge_late_ns: int = 120 * SECOND
    ready_ns_max: int = 20 * SECOND
    hurry_ns: int = SECOND
    stop_ns_max: int = 4_500 * MS
    halt_ns_max: int = 20 * SECOND
    by_market_ns: int = 2 * SECOND
    by_all_ns: int = 4 * SECOND
    expiry_ns: int = 15 * SECOND

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 1:
                raise ConfigError(f"{field.name} must be at least 1, was {value}")


class Backoff:
    """Waits that grow with each failure in a row.

    The digits of the clock spread them by up to a quarter, so that many do not knock in step.

    Args:
        first_ns: After the first failure.
        longest_ns: Never longer, unless the venue asks for it.

    Attributes:
        failures: In a row.
    """

    __slots__ = ("_first_ns", "_longest_ns", "failures")

    def __init__(self, first_ns: int, longest_ns: int) -> None:
        self._first_ns = first_ns
        self._longest_ns = longest_ns
        self.failures = 0

    def fail(self, now_ns: int, retry_after_ns: int = 0) -> int:
        """Count a failure and answer when to try again."""
        wait_ns = min(self._first_ns << min(self.failures, 30), self._longest_ns)
        self.failures += 1
        return now_ns + max(wait_ns + wait_ns * (now_ns // 1_000 % 256) // 1024, retry_after_ns)

    def succeed(self) -> None:
        """Begin anew with the shortest wait."""
        self.failures = 0
