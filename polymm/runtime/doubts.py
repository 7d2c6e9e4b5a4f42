"""Asking the venue about orders whose state is not known, until it is.

A lost answer is neither yes nor no (FAILURES 2, 15, 16, 45): an order that nobody has seen counts
as live until it was absent twice, so long after it was sent that it cannot arrive any more.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Container, Iterable
from typing import Final

from polymm.domain.amounts import DOLLAR_E4
from polymm.domain.market import NS
from polymm.domain.order import Side
from polymm.errors import VenueError
from polymm.net.tasks import Background
from polymm.runtime.dispatch import Dispatch, Sent
from polymm.runtime.ports import OrderEntry
from polymm.venues.polymarket.results import TradeRecord
from polymm.venues.polymarket.user_events import OwnFill, TradeStatus

# The user channel usually tells within a millisecond or two of the answer.
WAITS_S: Final = (0.25, 0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 8.0, 15.0, 15.0, 15.0)
# No request of ours reaches the book so long after it was written.
LATE_NS: Final = 10 * NS
ABSENCES: Final = 2
# Trades are listed by second of match.
OVERLAP_S: Final = 5


class Doubts:
    """Resolves the doubtful orders of one market, each in a task of its own.

    Args:
        entry: Who is asked.
        book: Takes fills that a listing tells; knows which are new.
        clock_ns: The session's.
        offset_ns: What to add to it for the venue's.

    Attributes:
        counts: What came of it, by name.
    """

    def __init__(
        self,
        entry: OrderEntry,
        book: Callable[[Iterable[OwnFill]], None],
        clock_ns: Callable[[], int],
        offset_ns: Callable[[], int] = lambda: 0,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._entry = entry
        self._book = book
        self._clock_ns = clock_ns
        self._offset_ns = offset_ns
        self._tasks = Background()

    def raise_of(self, dispatch: Dispatch, sent: Sent) -> None:
        """Begin to ask about an order."""
        self._tasks.start(self._ask(dispatch, sent))

    async def close(self) -> None:
        """Ask no more."""
        await self._tasks.close()

    async def _ask(self, dispatch: Dispatch, sent: Sent) -> None:
        absences = 0
        try:
            for wait_s in WAITS_S:
                await asyncio.sleep(wait_s)
                if _is_clear(sent):
                    return
                asked_ns = self._clock_ns()
                try:
                    is_listed = await self._look(dispatch, sent)
                except VenueError as error:
                    self.counts[f"query_{error.reason}"] += 1
                    continue
                if _is_clear(sent):
                    return
                if is_listed:
                    absences = 0
                    continue
                absences += 1
                is_late = asked_ns - sent.sent_ns >= LATE_NS and absences >= ABSENCES
                if sent.is_out:
                    dispatch.prove(sent, sent.booked_e6)
                elif not sent.is_alive and is_late:
                    dispatch.disprove(sent)
                elif sent.is_alive and is_late:
                    self.counts["vanished"] += 1
                    dispatch.prove(sent, sent.booked_e6)
                else:
                    dispatch.cancel_again(sent)
            self.counts["unresolved"] += not _is_clear(sent)
        finally:
            sent.is_doubtful = False

    async def _look(self, dispatch: Dispatch, sent: Sent) -> bool:
        """Ask for the order and its market's trades; True where the order is listed."""
        found = None if sent.end else await self._entry.order(sent.order_id)
        after_s = (sent.sent_ns + self._offset_ns()) // NS - OVERLAP_S
        trades = await self._entry.trades(dispatch.market.condition_id, after_s)
        mine = dispatch.by_hash
        self._book([fill for trade in trades for fill in listed_fills(trade, mine)])
        if found is None or sent.end:
            return bool(sent.end)
        sent.owed_e6 = max(sent.owed_e6, found.matched_e6)
        sent.is_doubtful = sent.owed_e6 > sent.booked_e6
        dispatch.find(sent)
        return True


def _is_clear(sent: Sent) -> bool:
    """Whether nothing about an order is open: it rests, or it ended and all fills were told."""
    if sent.booked_e6 < sent.owed_e6:
        return False
    return bool(sent.end) or (sent.is_alive and not sent.is_out)


def listed_fills(trade: TradeRecord, mine: Container[str]) -> list[OwnFill]:
    """Find what a listed trade did to our orders (user-ws notes 3).

    Args:
        mine: Ids of our orders.

    Raises:
        VenueError: A trade of ours has a status that nobody knows: nothing of it is guessed.
    """
    found = [
        _fill(trade, part.order_id, part.token_id, part.side, part.size_e6, part.price_e4)
        for part in trade.fills
        if part.order_id in mine
    ]
    if trade.taker_order_id in mine:
        found.append(
            _fill(trade, trade.taker_order_id, trade.token_id, trade.side, trade.size_e6, 0)
        )
    return found


def _fill(
    trade: TradeRecord, order_id: str, token_id: str, side: Side, size_e6: int, price_e4: int
) -> OwnFill:
    """One fill; a price of 0 stands for the taker's, which is the sum of what it took."""
    is_maker = price_e4 > 0
    cash_e10 = price_e4 * size_e6
    if not is_maker:
        cash_e10 = sum(
            part.size_e6
            * (part.price_e4 if part.token_id == token_id else DOLLAR_E4 - part.price_e4)
            for part in trade.fills
        )
    status = TradeStatus.__members__.get(trade.status)
    if status is None:
        raise VenueError(
            "bad_reply", f"status of trade {trade.trade_id} was {trade.status!r:.40}", is_known=True
        )
    return OwnFill(
        trade_id=trade.trade_id,
        order_id=order_id,
        status=status,
        condition_id=trade.condition_id,
        token_id=token_id,
        side=side,
        size_e6=size_e6,
        cash_e10=cash_e10,
        is_maker=is_maker,
        matched_s=trade.matched_s,
        stamp_ms=0,
    )
