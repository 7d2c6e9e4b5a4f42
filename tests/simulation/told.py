"""What the engine has been told so far, folded independently of the engine.

What it must do follows from what it was told, not from what is true: a market closed for reasons
that have not reached it may still be quoted. One of these lives as long as one engine process.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from polymm.engine import evidence as ev
from tests.simulation.senses import NEVER

SECOND: Final = 1_000_000_000
USER_GAP_NS: Final = 2 * SECOND
FillKey = tuple[str, str, int]
# States of the venue after which everything is read anew (FAILURES 17, 18).
SPELLS: Final = frozenset({"restarting", "cancel_only", "disabled"})


class Told:
    """Events of one engine process, in the order in which they were taken.

    Args:
        now_ns: When the process began.
        side_of: Gives market and sign of an order that was sent.
        settled: Markets that are counted and paid, by the journal it began with.
        failures: When each settlement had failed, by fill, as an earlier process was told.

    Attributes:
        ended: Why nothing may be posted any more for good: ``kill`` or ``stop``, with its time.
        jumped_ns: When the wall clock last jumped by more than a second.
        user_lost_ns, user_back_ns: When the user channel was last lost and last came back.
        user_told_ns: When its last loss was told.
        closed: Markets that are over.
        reread_ns: When it came back after a gap that needs a full read.
        opens, trades, preflights: When the newest complete reads of all markets had begun.
        clean_pairs: A pair of complete empty open lists, begun two seconds apart, was told.
        beat_ns: When the last accepted beat was sent, NEVER before the first.
        missed_ns: When a heartbeat's deadline was last seen to pass.
        cancel_failures: Cancel rounds without an answer that proves anything, in a row.
        ended_orders: Orders whose cancel was refused for good, with its sending, and that were
            not seen open since.
        rejected: Receipt of the last rejections by market and side in Up terms.
        fills: Highest status by fill key, with the fill.
        failures: When each settlement was first told to have failed, by fill.
        venue_ns: When the last placement was sent that met such a state.
    """

    def __init__(
        self,
        now_ns: int,
        side_of: Callable[[str], tuple[str, int] | None],
        settled: Iterable[str] = (),
        failures: Mapping[FillKey, int] | None = None,
    ) -> None:
        self.began_ns = now_ns
        self._side_of = side_of
        self.ended: tuple[str, int] = ("", 0)
        self.jumped_ns = NEVER
        self.user_is_live = False
        self.user_lost_ns = self.user_told_ns = now_ns
        self.user_back_ns = NEVER
        self.opens = self.trades = self.preflights = self.balances = NEVER
        self.clean_pairs = False
        self.reread_ns = NEVER
        self.beat_ns = self.missed_ns = NEVER
        self.cancel_failures = 0
        self.ended_orders: dict[str, int] = {}
        self.rejected: defaultdict[tuple[str, int], deque[int]] = defaultdict(
            lambda: deque(maxlen=8)
        )
        self.fills: dict[FillKey, ev.FillTold] = {}
        self.news: list[tuple[ev.FillTold, ev.Settlement | None]] = []
        self.failures = dict(failures or {})
        self.venue_ns = NEVER
        self.closed: set[str] = set()
        self._settled = set(settled)
        self._round_ns = NEVER
        self._clean_began_ns: int | None = None
        self._takes: dict[type, Callable[[int, Any], None]] = {
            ev.Kill: self._kill,
            ev.Stop: self._stop,
            ev.ClockJumped: self._jump,
            ev.UserChannel: self._user,
            ev.OpenListed: self._open,
            ev.TradesRead: self._trades,
            ev.PreflightRead: self._preflight,
            ev.BalancesRead: self._balances,
            ev.BeatAnswered: self._beat,
            ev.CancelAnswered: self._cancel,
            ev.Swept: self._sweep,
            ev.PlaceAnswered: self._place,
            ev.FillTold: self._fill,
            ev.OrderTold: self._order,
            ev.OrderRead: self._read,
            ev.MarketClosed: self._close,
            ev.MarketSettled: self._close,
        }

    def apply(self, now_ns: int, event: ev.Event) -> None:
        """Take an event that the engine has taken."""
        take = self._takes.get(type(event))
        if take is not None:
            take(now_ns, event)

    # The gate

    def _kill(self, now_ns: int, event: ev.Kill) -> None:
        if not self.ended[0]:
            self.ended = ("kill", now_ns)

    def _stop(self, now_ns: int, event: ev.Stop) -> None:
        if not self.ended[0]:
            self.ended = ("stop", now_ns)

    def _jump(self, now_ns: int, event: ev.ClockJumped) -> None:
        if abs(event.delta_ns) > SECOND:
            self.jumped_ns = now_ns

    def _user(self, now_ns: int, event: ev.UserChannel) -> None:
        if self.user_is_live and not event.is_live:
            self.user_lost_ns, self.user_told_ns = event.since_ns, now_ns
        if event.is_live and not self.user_is_live:
            self.user_back_ns = now_ns
            if now_ns - self.user_lost_ns > USER_GAP_NS:
                self.reread_ns = now_ns
        self.user_is_live = event.is_live

    # Reads

    def _open(self, now_ns: int, event: ev.OpenListed) -> None:
        for seen in event.orders:
            self._seen_open(seen.order, event.began_ns)
        if event.market:
            return
        self.opens = max(self.opens, event.began_ns)
        if event.orders:
            self._clean_began_ns = None
        elif self._clean_began_ns is None:
            self._clean_began_ns = event.began_ns
        elif event.began_ns >= self._clean_began_ns + 2 * SECOND:
            self.clean_pairs = True

    def _read(self, now_ns: int, event: ev.OrderRead) -> None:
        if event.seen is not None:
            self._seen_open(event.order, event.began_ns)

    def _order(self, now_ns: int, event: ev.OrderTold) -> None:
        if event.news is not ev.OrderNews.CANCELLATION:
            self._seen_open(event.order, now_ns)

    def _seen_open(self, order: str, at_ns: int) -> None:
        """Evidence of life wins: what was refused as unknown before may be cancelled now."""
        if at_ns > self.ended_orders.get(order, at_ns):
            del self.ended_orders[order]

    def _trades(self, now_ns: int, event: ev.TradesRead) -> None:
        self.trades = max(self.trades, event.began_ns)
        for fill in event.fills:
            self._fill(now_ns, fill)

    def _preflight(self, now_ns: int, event: ev.PreflightRead) -> None:
        if not event.faults:
            self.preflights = max(self.preflights, event.began_ns)

    def _balances(self, now_ns: int, event: ev.BalancesRead) -> None:
        self.balances = max(self.balances, event.began_ns)

    def _close(self, now_ns: int, event: ev.MarketClosed | ev.MarketSettled) -> None:
        self.closed.add(event.market)
        if isinstance(event, ev.MarketSettled):
            self._settled.add(event.market)

    # Requests

    def _beat(self, now_ns: int, event: ev.BeatAnswered) -> None:
        if event.is_accepted:
            self.beat_ns = max(self.beat_ns, event.sent_ns)

    def _cancel(self, now_ns: int, event: ev.CancelAnswered) -> None:
        if event.verdict is ev.CancelVerdict.NOT_CANCELED:
            self.ended_orders[event.order] = event.sent_ns
        self._count_round(event.verdict, event.sent_ns or event.recv_ns)

    def _sweep(self, now_ns: int, event: ev.Swept) -> None:
        self._count_round(event.verdict, event.sent_ns or event.recv_ns)

    def _count_round(self, verdict: ev.CancelVerdict, round_ns: int) -> None:
        if verdict <= ev.CancelVerdict.NOT_CANCELED:
            self.cancel_failures = 0
        elif round_ns != self._round_ns:
            self.cancel_failures += 1
        self._round_ns = round_ns

    def _place(self, now_ns: int, event: ev.PlaceAnswered) -> None:
        if event.reason in SPELLS:
            self.venue_ns = max(self.venue_ns, event.sent_ns)
        if event.verdict.is_accepted:
            self._seen_open(event.order, now_ns)
        if event.verdict is ev.PlaceVerdict.REJECTED:
            side = self._side_of(event.order)
            if side is not None:
                self.rejected[side].append(now_ns)

    # Fills

    def _fill(self, now_ns: int, event: ev.FillTold) -> None:
        if event.status is ev.Settlement.VOID:
            self._void(now_ns, event)
        known = self.fills.get(event.key)
        if known is not None and known.status >= event.status:
            return
        self.fills[event.key] = event
        self.news.append((event, None if known is None else known.status))

    def _void(self, now_ns: int, event: ev.FillTold) -> None:
        if event.market not in self._settled:
            self.failures.setdefault(event.key, now_ns)

    def has_failed(self, most: int, window_ns: int) -> bool:
        """Whether so many settlements ever failed within this time: it is never taken back."""
        times = list(self.failures.values())
        return any(
            last_ns - first_ns < window_ns
            for first_ns, last_ns in zip(times, times[most - 1 :], strict=False)
        )
