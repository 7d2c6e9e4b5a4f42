"""How each item of evidence is merged into the summary of an order.

By a largest, a smallest or a union each, so that neither order nor repetition matters. Each
function answers the row of the table in FAILURES, "Order state machine", that the item belongs to.
"""

from enum import StrEnum
from typing import Final

from polymm.engine.evidence import (
    CancelVerdict,
    FillTold,
    OpenSeen,
    OrderNews,
    OrderTold,
    PlaceAnswered,
    PlaceVerdict,
)
from polymm.engine.order_life import Life, Order

# By name here: an enum takes several times as long to look its members up.
_ACCEPTED_MAX: Final = PlaceVerdict.DELAYED


class Row(StrEnum):
    """Rows of the table: what may happen to an order."""

    WRITTEN = "written"
    DISCARDED = "discarded"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    AMBIGUOUS = "ambiguous"  # an answer that says nothing
    OVERDUE = "overdue"  # no answer in time
    PLACEMENT = "placement"
    UPDATE = "update"
    OPEN = "open"  # in a list, or found by a query
    TRADE = "trade"
    VOID = "void"
    CANCEL_WANTED = "cancel_wanted"
    CANCELED = "canceled"
    NOT_CANCELED = "not_canceled"
    CANCEL_FAILED = "cancel_failed"  # ambiguous, refused or not sent
    CANCEL_OVERDUE = "cancel_overdue"
    CANCELLATION = "cancellation"  # with the final matched size
    CANCELLATION_BARE = "cancellation_bare"  # without
    MISSED = "missed"  # two lists and a query lack it, its trades may be told later
    ABSENCE = "absence"  # the proof is complete
    TRADES = "trades"  # complete, and read late enough after the order was gone
    CLOSED = "closed"  # its market takes no orders any more
    DOUBT = "doubt"  # restart, missed heartbeat, user gap
    QUARANTINE = "quarantine"  # too long unresolved, or no cancel left


def rows(before: Life, order: Order, row: Row | None) -> list[Row]:
    """Rows that an order met in a state: the event's own, and what time or a read completed."""
    life = order.life
    met = [] if row is None else [row]
    if life is before:
        return met
    if life is Life.QUARANTINED:
        met.append(Row.QUARANTINE)
    elif row is None and life.is_final:
        met.append(Row.ABSENCE if order.is_proven_absent else Row.TRADES)
    elif row is None and life is Life.CLOSING:
        met.append(Row.MISSED)
    elif row is None and life is Life.UNKNOWN_NEW:
        met.append(Row.OVERDUE)
    elif row is None and before is Life.CANCEL_INFLIGHT and life is Life.UNKNOWN_CANCEL:
        met.append(Row.CANCEL_OVERDUE)
    return met


def take_placed(order: Order, event: PlaceAnswered) -> Row:
    """Merge a placement's answer."""
    if event.sent_ns > order.written_ns:
        order.written_ns = event.sent_ns
    verdict = event.verdict
    if verdict <= _ACCEPTED_MAX:
        order.is_alive = True
        return Row.ACCEPTED
    if verdict is PlaceVerdict.UNKNOWN:
        order.unknown_ns = min(order.unknown_ns, event.recv_ns)
        return Row.AMBIGUOUS
    order.is_rejected = True
    order.reject_reason = max(order.reject_reason, event.reason)
    return Row.REJECTED


def take_canceled(order: Order, verdict: CancelVerdict, sent_ns: int, recv_ns: int) -> Row:
    """Merge a cancel's answer, by itself or as part of a sweep's."""
    if verdict is CancelVerdict.CANCELED:
        order.is_alive = True
        _note_canceled(order, recv_ns)
        return Row.CANCELED
    if verdict is CancelVerdict.NOT_CANCELED:
        order.is_end_told = True
        order.refused_ns = max(order.refused_ns, recv_ns)
        order.refused_min_ns = min(order.refused_min_ns, recv_ns)
        if sent_ns > (order.written_ns or order.planned_ns) + order.settings.late_ns:
            order.refused_old_ns = max(order.refused_old_ns, recv_ns)
            order.refused_old_min_ns = min(order.refused_old_min_ns, recv_ns)
        return Row.NOT_CANCELED
    if verdict is CancelVerdict.NOT_SENT and sent_ns:
        _note_unsent(order, sent_ns)
    order.cancel_failed_ns = max(order.cancel_failed_ns, recv_ns)
    return Row.CANCEL_FAILED


def take_told(order: Order, event: OrderTold) -> Row:
    """Merge what the user channel tells of an order."""
    matched_e6, recv_ns = event.matched_e6, event.recv_ns
    _note_matched(order, matched_e6, recv_ns)
    if event.news is not OrderNews.CANCELLATION:
        order.is_alive = True
        return Row.UPDATE if event.news is OrderNews.UPDATE else Row.PLACEMENT
    # An order that was refused at once may be told as cancelled: that is no sign of life.
    if matched_e6 > 0:
        order.is_alive = True
    order.gone_status = max(order.gone_status, event.status)
    if matched_e6 < 0:
        _note_canceled(order, recv_ns)
        return Row.CANCELLATION_BARE
    order.is_end_told = True
    order.gone_ns = min(order.gone_ns, recv_ns)
    return Row.CANCELLATION


def take_open(order: Order, seen: OpenSeen, began_ns: int, recv_ns: int) -> Row:
    """Merge a read that shows the order open."""
    order.is_alive = True
    left_e6 = max(seen.size_e6 - seen.matched_e6, 0)
    if began_ns > order.open_ns:
        order.open_ns, order.open_left_e6 = began_ns, left_e6
    elif began_ns == order.open_ns:
        order.open_left_e6 = min(order.open_left_e6, left_e6)
    _note_matched(order, seen.matched_e6, recv_ns)
    return Row.OPEN


def take_absent(order: Order, began_ns: int) -> None:
    """Merge a query that did not find the order open."""
    order.absent_ns = max(order.absent_ns, began_ns)
    if began_ns > (order.written_ns or order.planned_ns) + order.settings.late_ns:
        order.absent_min_ns = min(order.absent_min_ns, began_ns)


def take_fill(order: Order, fill: FillTold, *, stands: bool) -> None:
    """Merge a fill that is heard of for the first time; whether it stands or is void already."""
    order.is_alive = True
    legs = order.legs
    if legs is None:
        legs = order.legs = {}
    legs[fill.trade, fill.leg] = fill.size_e6, fill.recv_ns
    order.executed_e6 += fill.size_e6
    order.fill_ns = max(order.fill_ns, fill.recv_ns)
    if stands:
        order.stood_e6 += fill.size_e6


def take_fill_again(order: Order, fill: FillTold) -> None:
    """Merge another telling of a fill: it is as old as its earliest telling."""
    legs, key = order.legs, (fill.trade, fill.leg)
    if legs is not None and key in legs and fill.recv_ns < legs[key][1]:
        legs[key] = legs[key][0], fill.recv_ns
        order.fill_ns = max(recv_ns for _, recv_ns in legs.values())


def take_void(order: Order, fill: FillTold) -> None:
    """Merge that a fill which stood never happened; the order was matched by it all the same."""
    order.stood_e6 -= fill.size_e6


def take_cancel_written(order: Order, sent_ns: int) -> None:
    """Merge that the bytes of a cancel were handed over."""
    if sent_ns not in order.cancels and sent_ns not in order.unsent:
        order.cancels = tuple(sorted((*order.cancels, sent_ns)))
    order.wanted_ns = min(order.wanted_ns, sent_ns) if order.wanted_ns else sent_ns


def _note_unsent(order: Order, handed_ns: int) -> None:
    """Note that a cancel was handed over and never sent: it is none of those that an order has."""
    if handed_ns not in order.unsent:
        order.unsent = (*order.unsent, handed_ns)
        order.cancels = tuple(ns for ns in order.cancels if ns != handed_ns)


def _note_matched(order: Order, matched_e6: int, recv_ns: int) -> None:
    if matched_e6 > order.told_e6:
        order.told_e6 = matched_e6
    if matched_e6 >= order.place.size_e6 - order.settings.dust_e6:
        order.is_end_told = True
        order.told_full_ns = min(order.told_full_ns, recv_ns)


def _note_canceled(order: Order, recv_ns: int) -> None:
    order.is_end_told = True
    order.canceled_ns = max(order.canceled_ns, recv_ns)
    order.canceled_min_ns = min(order.canceled_min_ns, recv_ns)
