"""What became of each order of a recorded run, read out of its engine's journal and its answers."""

from typing import Final

from polymm.domain.market import NS
from polymm.engine import evidence as ev
from polymm.engine.actions import Sweep
from polymm.engine.verdicts import OrderNews, PlaceVerdict, Settlement
from polymm.research.own_orders import OwnOrder
from polymm.research.run_recording import RunRecording
from polymm.runtime.run_steps import CancelSent, PlaceSent, replies, sent

NOT_SENT: Final = "not_sent"


def own_orders(run: RunRecording) -> list[OwnOrder]:
    """Give all orders of a run that were sent, in that order, with what was told of them.

    Raises:
        RecordingError: A record of the run's journal cannot be read.
    """
    orders: dict[str, OwnOrder] = {}
    last: dict[tuple[str, int], OwnOrder] = {}
    for at_ns, what in sent(run):
        match what:
            case PlaceSent(order, market, place):
                if at_ns:
                    _add(orders, last, OwnOrder(len(orders) + 1, order, market, place, at_ns))
            case CancelSent(names):
                for name in names:
                    _cancel(orders.get(name), at_ns)
            case Sweep(market):
                for one in orders.values():
                    if market in ("", one.market):
                        _cancel(one, at_ns)
    _hear(run, orders)
    for one in orders.values():
        # A cancel of all that came after an order was gone says nothing of it.
        if one.gone_ns and one.cancel_sent_ns > one.gone_ns + NS:
            one.cancel_sent_ns = one.cancel_answered_ns = 0
    return [one for one in orders.values() if one.reason != NOT_SENT]


def _add(
    orders: dict[str, OwnOrder], last: dict[tuple[str, int], OwnOrder], order: OwnOrder
) -> None:
    orders[order.order] = order
    before = last.get((order.market, order.side))
    if before is not None:
        before.replaced_ns = order.sent_ns
    last[order.market, order.side] = order


def _cancel(order: OwnOrder | None, at_ns: int) -> None:
    if order is not None and at_ns and not order.cancel_sent_ns:
        order.cancel_sent_ns = at_ns


def _hear(run: RunRecording, orders: dict[str, OwnOrder]) -> None:
    """Take what the venue told of our orders."""
    fills: dict[tuple[str, str, int], ev.FillTold] = {}
    first_ns: dict[tuple[str, str, int], int] = {}
    for _, reply in replies(run):
        match reply:
            case ev.FillTold():
                _hear_fill(fills, first_ns, reply)
            case ev.OrderTold(order=name) if name in orders:
                _hear_news(orders[name], reply)
            case ev.PlaceAnswered(order=name) if name in orders:
                _hear_answer(orders[name], reply)
            case ev.CancelAnswered(order=name) if name in orders:
                one = orders[name]
                one.cancel_answered_ns = one.cancel_answered_ns or reply.recv_ns
            case _:
                pass
    for key, told in fills.items():
        order = orders.get(told.order)
        if order is not None and told.status is not Settlement.VOID:
            order.fills.append((told.stamp_ns, first_ns[key], told.size_e6))


def _hear_fill(
    fills: dict[tuple[str, str, int], ev.FillTold],
    first_ns: dict[tuple[str, str, int], int],
    told: ev.FillTold,
) -> None:
    """Keep the newest status of a fill, with the stamp of its match and when it was first told."""
    before = fills.get(told.key)
    first_ns.setdefault(told.key, told.recv_ns)
    if before is None or told.status is Settlement.VOID:
        fills[told.key] = told
    elif told.status is Settlement.MATCHED:
        # Others come with the second of the match only.
        fills[told.key] = before._replace(stamp_ns=max(before.stamp_ns, told.stamp_ns))


def _hear_news(order: OwnOrder, told: ev.OrderTold) -> None:
    if told.news is OrderNews.PLACEMENT:
        order.rested_ns = order.rested_ns or told.stamp_ns
    elif told.news is OrderNews.CANCELLATION:
        order.gone_ns = order.gone_ns or told.stamp_ns


def _hear_answer(order: OwnOrder, told: ev.PlaceAnswered) -> None:
    order.answered_ns = order.answered_ns or told.recv_ns
    if told.verdict is PlaceVerdict.REJECTED:
        order.reason = told.reason or "rejected"
    elif told.verdict is PlaceVerdict.NOT_SENT:
        order.reason = NOT_SENT
