"""What the makers are told of their orders: only what is proven, and each thing once."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from polymm.domain.order import (
    REJECT_REASONS,
    Accepted,
    Cancelled,
    CancelRefused,
    Fill,
    Rejected,
    Reply,
    Voided,
)
from polymm.engine.events import NEVER_NS
from polymm.engine.evidence import FillTold
from polymm.engine.order_life import Life, Order

# Reasons of a refusal that the engine has a word of its own for, beside those that are the same.
ENGINE_REASONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_found": "market_closed",
        "amount_below_minimum": "size_below_minimum",
    }
)
# Statuses of a cancellation that end a market and not one order.
CLOSED_STATUSES: Final = frozenset({"CANCELED_MARKET_RESOLVED", "CANCELED_MARKET_NOT_FOUND"})

# Answers to cancels of one order that are remembered, so that a repeat is not told again.
REFUSALS_MAX: Final = 16

# What the maker of an order was told of it: bits of `Order.voice`.
TOLD_ACCEPTED: Final = 1
TOLD_END: Final = 2
TOLD_MATCHED: Final = 4
ALARMED_REJECTED: Final = 8
ALARMED_OVERFILL: Final = 16
# Its maker is of an earlier run: it is told of fills only.
RESTORED: Final = TOLD_ACCEPTED | TOLD_END

_FILLED: Final = Life.FILLED
_REJECTED: Final = Life.REJECTED


def engine_reason(reason: str) -> str:
    """Name a refusal as the engine does; words it does not know are counted as they are."""
    if reason in REJECT_REASONS:
        return reason
    return ENGINE_REASONS.get(reason, reason or "refused")


class Voice:
    """Tells makers what became of their orders.

    Args:
        replies: Where replies are put, each with its market.
    """

    __slots__ = ("_fills", "_next_trade_id", "_replies")

    def __init__(self, replies: list[tuple[str, Reply]]) -> None:
        self._replies = replies
        self._next_trade_id = 1
        # What was told, to be taken back if it turns out void.
        self._fills: dict[str, dict[tuple[str, str, int], Fill]] = {}

    def tell_life(self, order: Order) -> None:
        """Tell that an order rests, or that it ended, if that is proven and news."""
        voice, life = order.voice, order.life
        if voice & TOLD_END:
            return
        place = order.place
        if life < _FILLED:
            if order.is_alive and not voice & TOLD_ACCEPTED:
                order.voice = voice | TOLD_ACCEPTED
                self._replies.append((order.market, Accepted(place.order_id)))
            return
        order.voice = voice | TOLD_END
        if life is _REJECTED:
            reason = engine_reason(order.reject_reason) if order.is_rejected else "never_rested"
            self._replies.append((order.market, Rejected(place.order_id, reason)))
        elif order.booked_e6 < place.size_e6:
            ended = Cancelled(place.order_id, order.booked_e6, _end_reason(order))
            self._replies.append((order.market, ended))

    def tell_refusal(self, order: Order, recv_ns: int, *, is_terminal: bool) -> None:
        """Tell that a cancel proved nothing: terminal if fills or a proof are to come.

        Args:
            recv_ns: Of the answer, which is told of once.
        """
        if recv_ns in order.refusals:
            return
        order.refusals = (*order.refusals[1 - REFUSALS_MAX :], recv_ns)
        if order.voice & TOLD_END or not order.wanted_ns or not order.is_alive:
            return
        if is_terminal:
            if order.voice & TOLD_MATCHED:
                return
            order.voice |= TOLD_MATCHED
        reason = "matched" if is_terminal else "unavailable"
        self._replies.append((order.market, CancelRefused(order.place.order_id, reason)))

    def tell_fill(self, order: Order, told: FillTold, *, is_news: bool) -> None:
        """Tell of a fill that is heard of for the first time.

        Args:
            is_news: False for one whose maker knows of it from the journal.
        """
        place = order.place
        size_e6 = told.size_e6
        fill = Fill(
            trade_id=self._next_trade_id,
            order_id=place.order_id,
            slug=place.slug,
            token=place.token,
            side=place.side,
            price_e4=(2 * told.cash_e10 + size_e6) // (2 * size_e6) if size_e6 else 0,
            size_e6=size_e6,
            fee_e6=told.fee_e6,
            exch_ns=told.stamp_ns,
            front_e6=order.front_e6,
            after_cancel_sent=order.wanted_ns > 0,
            counter_fee_e6=told.counter_fee_e6,
        )
        self._next_trade_id += 1
        self._fills.setdefault(order.market, {})[told.key] = fill
        order.booked_e6 += size_e6
        if not is_news:
            return
        if not order.voice & (TOLD_ACCEPTED | TOLD_END):
            order.voice |= TOLD_ACCEPTED
            self._replies.append((order.market, Accepted(place.order_id)))
        self._replies.append((order.market, fill))

    def tell_void(self, order: Order, told: FillTold) -> None:
        """Tell that a fill which was told of never happened."""
        fill = self._fills.get(order.market, {}).pop(told.key, None)
        if fill is not None:
            self._replies.append((order.market, Voided(fill)))

    def forget(self, market: str) -> None:
        """Drop what was told of a market."""
        self._fills.pop(market, None)


def _end_reason(order: Order) -> str:
    """Why an order rests no longer, in the engine's words."""
    if order.gone_status in CLOSED_STATUSES or order.reads.closed_ns < NEVER_NS:
        return "expired"
    if order.is_full:
        return "venue"
    return "requested" if order.wanted_ns else "venue"
