"""What was lost, how fills fare after they happened, and settlements that failed.

A mark-out is what a fill has won some seconds later by the price of that moment; the sum over the
last minutes tells whether we are being picked off. Losses are realized and marked ones together, by
the ledger, of one day by UTC. Prices come as twice a price of Up in 1e-4 dollars, so money is
summed in 5e-11 dollars, exactly.

Whatever counts is written down, since neither a loss nor a limit ends with the process.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from polymm.domain.order import Side, Token
from polymm.engine.actions import Action, Counted, LimitReached, ResultKnown
from polymm.engine.breakers import Burst
from polymm.engine.evidence import FillTold, Settlement
from polymm.engine.fill_ledger import FillLedger
from polymm.engine.kept_losses import KeptLosses
from polymm.engine.limits import RiskLimits
from polymm.engine.settings import SECOND

# 1e-6 dollars in 5e-11 dollars; also twice a dollar in 1e-4 dollars.
_E6: Final = 20_000
DAY_NS: Final = 86_400 * SECOND
_UP: Final = Token.UP
_VOID: Final = Settlement.VOID


@dataclass(slots=True)
class _Watch:
    """One market.

    Attributes:
        told: The newest status of each of its fills.
        pending: Fills that wait for their mark, with the time at which it is due.
        worth: What its fills and what is held by them came to at the last mark, 5e-11 dollars.
    """

    told: dict[tuple[str, str, int], Settlement] = field(default_factory=dict)
    pending: deque[tuple[int, FillTold]] = field(default_factory=deque)
    worth: int = 0


class Losses:
    """Keeps count of them.

    Args:
        limits: Up to where exposure may be added.
        fills: What was filled; it has taken a fill before it is told here.

    Attributes:
        reached: Limits that were reached: ``loss``, ``markouts`` or ``failed_settlements``.
        memos: What is to be written down, to be drained.
    """

    __slots__ = (
        "_day",
        "_failures",
        "_fills",
        "_limits",
        "_markout",
        "_markouts",
        "_others",
        "_watches",
        "memos",
        "reached",
    )

    def __init__(self, limits: RiskLimits, fills: FillLedger) -> None:
        self.reached: set[str] = set()
        self.memos: list[Action] = []
        self._limits = limits
        self._fills = fills
        self._failures = Burst(limits.failures_max, limits.failures_window_ns)
        self._watches: dict[str, _Watch] = {}
        self._day = 0
        # Of markets that are over, less all that was won before this day, 5e-11 dollars; the
        # mark-outs likewise.
        self._others = 0
        self._markouts: deque[tuple[int, int]] = deque()
        self._markout = 0

    @property
    def result_e6(self) -> int:
        """What was won on this day, 1e-6 dollars, rounded down; below 0 for a loss."""
        return self._result // _E6

    @property
    def markout_e6(self) -> int:
        """What the fills of the last minutes have won by their mark-outs, rounded down."""
        return self._markout // _E6

    def restore(self, known: KeptLosses, fills: Iterable[FillTold]) -> None:
        """Go on where an earlier process was.

        A fill that had not been marked by then has no mark-out: no price of that moment is known.

        Args:
            fills: All that are known; those of markets that are over are in the day's result.
        """
        for fill in fills:
            if not self._fills.is_forgotten(fill.market):
                watch = self._watches.setdefault(fill.market, _Watch())
                watch.told[fill.key] = fill.status
        for market, watch in self._watches.items():
            watch.worth = known.worths.get(market, 0)
        self._day = known.day
        self._others += known.won - self._result
        for item in known.counted:
            if item.limit == "markouts":
                self._markouts.append((item.at_ns, item.won))
                self._markout += item.won
            else:
                self._failures.happened(item.at_ns)
        self.reached |= known.reached.keys()

    def take_fill(self, now_ns: int, fill: FillTold) -> None:
        """Take a fill as often as it is told."""
        watch = self._watches.get(fill.market)
        if watch is None:
            if self._fills.is_forgotten(fill.market):
                return
            watch = self._watches[fill.market] = _Watch()
        before = watch.told.get(fill.key)
        if before is not None and fill.status <= before:
            return
        watch.told[fill.key] = fill.status
        if fill.status is _VOID:
            self._count(now_ns, "failed_settlements", 0, self._limits.failures_window_ns)
            if self._failures.happened(now_ns):
                self._reach(now_ns, "failed_settlements")
        elif before is None:
            at_ns = fill.stamp_ns or fill.recv_ns
            watch.pending.append((at_ns + self._limits.markout_after_ns, fill))

    def mark(self, now_ns: int, market: str, price_x2_e4: int) -> None:
        """Take what a share of Up is worth now, and look whether a limit is reached."""
        watch = self._watches.get(market)
        if watch is None:
            return
        self._value(now_ns, market, watch, self._worth(market, price_x2_e4))
        stale_ns = now_ns - self._limits.markout_after_ns
        while watch.pending and watch.pending[0][0] <= now_ns:
            due_ns, fill = watch.pending.popleft()
            # Without a price near that moment there is no mark-out.
            if due_ns >= stale_ns and watch.told[fill.key] is not _VOID:
                self._mark_out(now_ns, fill, price_x2_e4)
        self._look_at_markouts(now_ns)

    def settle(self, now_ns: int, market: str, paid_e6: int) -> None:
        """Know what the shares that were left of a market have brought."""
        watch = self._watches.get(market)
        if watch is not None:
            worth = 2 * self._fills.account(market).booked_e10 + paid_e6 * _E6
            self._value(now_ns, market, watch, worth)

    def forget(self, market: str) -> None:
        """Drop a market; what it was worth last stays counted."""
        watch = self._watches.pop(market, None)
        if watch is not None:
            self._others += watch.worth

    @property
    def _result(self) -> int:
        return self._others + sum(watch.worth for watch in self._watches.values())

    def _worth(self, market: str, price_x2_e4: int) -> int:
        fills = self._fills
        up_e6 = fills.position(market, Token.UP).booked_e6
        down_e6 = fills.position(market, Token.DOWN).booked_e6
        shares = up_e6 * price_x2_e4 + down_e6 * (_E6 - price_x2_e4)
        return 2 * fills.account(market).booked_e10 + shares

    def _value(self, now_ns: int, market: str, watch: _Watch, worth: int) -> None:
        """Take what a market is worth now, and look what the day has come to."""
        day = now_ns // DAY_NS
        is_new = day != self._day
        if is_new:
            self._day = day
            self._others -= self._result
        if worth != watch.worth or is_new:
            watch.worth = worth
            self.memos.append(ResultKnown(market, worth, day, self._result))
        if -self._result > self._limits.loss_max_e6 * _E6:
            self._reach(now_ns, "loss")

    def _count(self, now_ns: int, limit: str, won: int, window_ns: int) -> None:
        self.memos.append(Counted(limit, won, now_ns, now_ns + window_ns))

    def _reach(self, now_ns: int, limit: str) -> None:
        if limit not in self.reached:
            self.reached.add(limit)
            self.memos.append(LimitReached(limit, now_ns))

    def _mark_out(self, now_ns: int, fill: FillTold, price_x2_e4: int) -> None:
        own_x2_e4 = price_x2_e4 if fill.token is _UP else _E6 - price_x2_e4
        won = fill.size_e6 * own_x2_e4 - 2 * fill.cash_e10
        if fill.side is Side.SELL:
            won = -won
        self._count(now_ns, "markouts", won, self._limits.markout_window_ns)
        self._markouts.append((now_ns, won))
        self._markout += won

    def _look_at_markouts(self, now_ns: int) -> None:
        """Add up the last minutes only."""
        after_ns = now_ns - self._limits.markout_window_ns
        while self._markouts and self._markouts[0][0] <= after_ns:
            self._markout -= self._markouts.popleft()[1]
        if -self._markout > self._limits.markout_loss_max_e6 * _E6:
            self._reach(now_ns, "markouts")
