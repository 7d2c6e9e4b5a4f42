"""Every fill once: sockets and listings tell of the same trades again and again, in any order."""

from collections import OrderedDict

from polymm.domain.market import NS
from polymm.venues.polymarket.user_events import FillNews, OwnFill, TradeStatus

_RANKS = {status: rank for rank, status in enumerate(TradeStatus)}


class FillBook:
    """Fills by (trade id, order id), each with the highest status told (user-ws notes 3).

    A fill counts from its first status that is not FAILED; CONFIRMED and FAILED are final.
    RETRYING keeps it.

    Args:
        keep_ns: A fill is remembered so long after it was last heard of. What matched no later than
            one that was forgotten is refused; both times are the venue's, so that a wrong clock of
            ours neither hides a fill nor books one twice.
    """

    def __init__(self, *, keep_ns: int = 3_600 * NS) -> None:
        self.keep_ns = keep_ns
        # Status, when it was heard of last, and when it matched.
        self._known: OrderedDict[tuple[str, str], tuple[TradeStatus, int, int]] = OrderedDict()
        self._forgotten_s = 0  # the latest match of which a fill was forgotten

    def __len__(self) -> int:
        return len(self._known)

    def apply(self, fill: OwnFill, now_ns: int) -> FillNews:
        """Take what a socket or a listing tells; what it means for the books.

        Args:
            now_ns: Of any clock, always the same one.
        """
        self._forget(now_ns)
        key = (fill.trade_id, fill.order_id)
        known = self._known.get(key)
        if known is None:
            if 0 < fill.matched_s <= self._forgotten_s:
                return FillNews.OLD
            self._note(key, fill, now_ns)
            return FillNews.OLD if fill.status is TradeStatus.FAILED else FillNews.BOOKED
        status = known[0]
        if status.is_final or _RANKS[fill.status] <= _RANKS[status]:
            return FillNews.OLD
        self._note(key, fill, now_ns)
        return FillNews.REVERSED if fill.status is TradeStatus.FAILED else FillNews.STATUS

    def status(self, trade_id: str, order_id: str) -> TradeStatus | None:
        """Give the status of a fill, None where it is not known."""
        known = self._known.get((trade_id, order_id))
        return None if known is None else known[0]

    def _note(self, key: tuple[str, str], fill: OwnFill, now_ns: int) -> None:
        self._known[key] = (fill.status, now_ns, fill.matched_s)
        self._known.move_to_end(key)

    def _forget(self, now_ns: int) -> None:
        while self._known:
            key, (_, heard_ns, matched_s) = next(iter(self._known.items()))
            if now_ns - heard_ns <= self.keep_ns:
                return
            del self._known[key]
            self._forgotten_s = max(self._forgotten_s, matched_s)
