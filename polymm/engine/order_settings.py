"""Every wait and count that the belief about orders goes by (FAILURES, "Order state machine")."""

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Final

from polymm.engine.settings import MS, SECOND
from polymm.errors import ConfigError

_LISTS: Final = ("checks_ns", "resends_ns")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSettings:
    """How long what is waited for, and how often it is asked again; all in ns but the counts.

    Args:
        answer_ns: A placement that is unanswered so long is unknown.
        cancel_answer_ns: So is a cancel.
        checks_ns: When an unresolved order is asked about, from when it became so; those beyond
            `late_ns`, and all once another write about it was made, from the last write.
        check_period_ns: How often after the last of these.
        resends_ns: Waits before the second cancel of an order and those after it.
        cancels_max: Most cancels of one order.
        late_ns: No request reaches the book so long after it was written, and no trade is listed
            so long after the answer that told of it.
        trade_late_ns: Nor so long after an order was first missing from a list.
        quarantine_ns: An order that is unresolved so long, while the venue could be read, is
            quarantined.
        slot_ns: The venue could be read in a stretch of this length if one read of it succeeded.
        debt_wait_ns: Time a trade may come later than the size it explains before it is read.
        debt_period_ns: Trades are read again after at most 1.5 times as long while fills are owed.
        restore_wait_ns: Time others have to resolve an order of an earlier run.
        overlap_ns: Trades are read from so long before an order was planned.
        overlap_ns_min: What a list of trades must cover before it to speak for the order.
        dust_e6: So little left is rounding (user-ws notes 2), 1e-6 shares.
    """

    answer_ns: int = 3 * SECOND
    cancel_answer_ns: int = 2 * SECOND
    checks_ns: tuple[int, ...] = (0, SECOND, 3 * SECOND, 11 * SECOND, 12 * SECOND, 20 * SECOND)
    check_period_ns: int = 10 * SECOND
    resends_ns: tuple[int, ...] = (500 * MS, SECOND, 2 * SECOND, 4 * SECOND)
    cancels_max: int = 5
    late_ns: int = 10 * SECOND
    trade_late_ns: int = 8 * SECOND
    quarantine_ns: int = 30 * SECOND
    slot_ns: int = 10 * SECOND
    debt_wait_ns: int = 500 * MS
    debt_period_ns: int = 2 * SECOND
    restore_wait_ns: int = SECOND
    overlap_ns: int = 60 * SECOND
    overlap_ns_min: int = 5 * SECOND
    dust_e6: int = 10_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in _LISTS:
                if not value or value[0] < 0 or any(b <= a for a, b in pairwise(value)):
                    raise ConfigError(f"{field.name} must rise from 0 on, was {value}")
            elif value < 1:
                raise ConfigError(f"{field.name} must be at least 1, was {value}")
