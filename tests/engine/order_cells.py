"""Which row of the order table may be met in which state, by hand from FAILURES.

Every pair of state and row is either in REACHABLE or has a reason in EXCLUDED. The test of this
table drives each reachable cell once; the seeds of the simulation must visit all of them but those
in SCRIPTED, which its scripted runs must, and those in UNIT_ONLY.
"""

from collections.abc import Mapping
from typing import Final

from polymm.engine.order_evidence import Row
from polymm.engine.order_life import Life

Cell = tuple[Life, Row]


def rows(names: str) -> frozenset[Row]:
    return frozenset(Row(name) for name in names.split())


# What a placement's request may still answer, what tells of life, and what of cancels and the end.
ANSWERS: Final = rows("accepted rejected ambiguous")
SIGNS: Final = rows("placement update open trade void")
CANCELS: Final = rows("canceled not_canceled cancel_failed")
ENDS: Final = rows("cancellation cancellation_bare")
DOUBTS: Final = rows("doubt closed")

REACHABLE: Final[Mapping[Life, frozenset[Row]]] = {
    Life.PLANNED: rows("written discarded rejected cancel_wanted") | DOUBTS,
    Life.NEW_INFLIGHT: ANSWERS
    | SIGNS
    | ENDS
    | DOUBTS
    | rows("overdue cancel_wanted canceled not_canceled"),
    Life.UNKNOWN_NEW: ANSWERS
    | SIGNS
    | CANCELS
    | ENDS
    | DOUBTS
    | rows("cancel_wanted missed absence quarantine"),
    Life.LIVE: ANSWERS
    | SIGNS
    | ENDS
    | DOUBTS
    | rows("cancel_wanted canceled not_canceled missed absence"),
    Life.CANCEL_INFLIGHT: ANSWERS
    | SIGNS
    | CANCELS
    | ENDS
    | DOUBTS
    | rows("cancel_overdue quarantine"),
    Life.UNKNOWN_CANCEL: ANSWERS
    | SIGNS
    | CANCELS
    | ENDS
    | DOUBTS
    | rows("cancel_wanted missed absence trades quarantine"),
    Life.CLOSING: ANSWERS
    | SIGNS
    | CANCELS
    | ENDS
    | DOUBTS
    | rows("cancel_wanted absence trades quarantine"),
    Life.QUARANTINED: SIGNS | CANCELS | ENDS | DOUBTS | rows("missed absence trades"),
    Life.FILLED: ANSWERS | SIGNS | CANCELS | ENDS,
    Life.CANCELLED: ANSWERS | SIGNS | CANCELS | ENDS,
    Life.REJECTED: SIGNS | CANCELS | ENDS,
}

_ONCE = "bytes are handed over once, right after planning"
_UNSENT = "the venue knows nothing of it before it is written"
_WAITS = "a cancel waits for the placement's answer"
_ALIVE = "only a placement without sign of life can be overdue"
_YOUNG = "reads prove nothing so soon after a write"
_FINAL = "time, reads and doubts move no final order"
_OVER = "the placement's request ended long before"
_WANTED = "a cancel is wanted once and for good"
_RESTS = "an order that rests is not unresolved"

_BY_ROW: Final[Mapping[Row, str]] = {
    Row.WRITTEN: _ONCE,
    Row.DISCARDED: _ONCE,
    Row.OVERDUE: _ALIVE,
    Row.CANCEL_OVERDUE: "no cancel's answer is awaited",
    Row.CANCEL_WANTED: _WANTED,
    Row.MISSED: "it is closing by that, if it is not already",
}
_BY_CELL: Final[Mapping[Life, Mapping[Row, str]]] = {
    Life.PLANNED: dict.fromkeys(Row, _UNSENT),
    Life.NEW_INFLIGHT: {
        Row.CANCEL_FAILED: _WAITS,
        Row.MISSED: _YOUNG,
        Row.ABSENCE: _YOUNG,
        Row.TRADES: _YOUNG,
        Row.QUARANTINE: "it is unknown for long before",
    },
    Life.UNKNOWN_NEW: {Row.TRADES: "trades alone do not prove that an order never rested"},
    Life.LIVE: {
        Row.CANCEL_FAILED: "whoever had a cancel sent is not live any more",
        Row.TRADES: "the end of its market makes it closing first",
        Row.QUARANTINE: _RESTS,
    },
    Life.CANCEL_INFLIGHT: {Row.MISSED: _YOUNG, Row.ABSENCE: _YOUNG, Row.TRADES: _YOUNG},
    Life.QUARANTINED: {
        **dict.fromkeys(ANSWERS, _OVER),
        Row.QUARANTINE: "it is",
        Row.CANCEL_WANTED: "whatever is in doubt for so long was pulled when the doubt came",
    },
    Life.FILLED: dict.fromkeys(Row, _FINAL),
    Life.CANCELLED: dict.fromkeys(Row, _FINAL),
    Life.REJECTED: {**dict.fromkeys(Row, _FINAL), **dict.fromkeys(ANSWERS, _OVER)},
}

EXCLUDED: Final[Mapping[Cell, str]] = {
    (life, row): _BY_CELL.get(life, {}).get(row) or _BY_ROW[row]
    for life in Life
    for row in Row
    if row not in REACHABLE[life]
}

_SIZED = "the venue always tells the final size, but of an order it refused at once"
_LIES = "the venue would have to contradict what it told before"
_EARLY = "a market closes at its time, and its orders are cancelled before that"
_BETWEEN = "signing, journal and bytes are one step: only what comes meanwhile finds it planned"
_FIRST = "it must be the first word of an order, and that of all others is lost"
_SOON = "a settlement takes seconds to fail, and the order must be in doubt just then"
_HEARD = "whatever is quarantined was heard of long before, and is seen by every list"
_TWICE = "two answers must come late, the one after the other was believed"
_UNREAD = "lists must fail for half a minute while other reads succeed"
# What seeds meet by rare luck, or never, since the exchange keeps its word and its times: scripted
# runs must (`tests.simulation.contradictions`), each with the reason why seeds may not.
SCRIPTED: Final[Mapping[Cell, str]] = {
    **{(life, Row.CANCELLATION_BARE): _SIZED for life in Life if life is not Life.PLANNED},
    **{(Life.PLANNED, row): _BETWEEN for row in rows("discarded doubt closed")},
    **{
        (Life.NEW_INFLIGHT, row): _FIRST
        for row in rows("update cancellation void canceled not_canceled")
    },
    **{(Life.UNKNOWN_NEW, row): _FIRST for row in rows("update trade void")},
    **{
        (life, Row.VOID): _SOON
        for life in (Life.LIVE, Life.CANCEL_INFLIGHT, Life.UNKNOWN_CANCEL, Life.CLOSING)
    },
    **{
        (life, Row.CLOSED): _EARLY
        for life in (Life.NEW_INFLIGHT, Life.LIVE, Life.CANCEL_INFLIGHT, Life.UNKNOWN_CANCEL)
    },
    **{
        (life, Row.REJECTED): _LIES
        for life in REACHABLE
        if life not in (Life.PLANNED, Life.NEW_INFLIGHT) and Row.REJECTED in REACHABLE[life]
    },
    **{(Life.REJECTED, row): _LIES for row in SIGNS | CANCELS | ENDS},
    **{(Life.FILLED, row): _LIES for row in rows("canceled cancellation trade")},
    (Life.CANCELLED, Row.TRADE): _LIES,
    (Life.LIVE, Row.NOT_CANCELED): _LIES,
    (Life.UNKNOWN_CANCEL, Row.AMBIGUOUS): _TWICE,
    (Life.UNKNOWN_NEW, Row.QUARANTINE): _UNREAD,
    (Life.UNKNOWN_CANCEL, Row.QUARANTINE): _UNREAD,
    (Life.UNKNOWN_CANCEL, Row.TRADES): _UNREAD,
    **{
        (Life.QUARANTINED, row): _HEARD
        for row in rows("placement update trade void canceled not_canceled closed") | ENDS
    },
}
# What only the test of this table needs to drive.
UNIT_ONLY: Final[Mapping[Cell, str]] = {
    **{
        (life, Row.ABSENCE): "its trades are read seconds after it was missed"
        for life in (Life.UNKNOWN_NEW, Life.LIVE, Life.UNKNOWN_CANCEL)
    },
}
