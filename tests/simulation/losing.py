"""What was lost by all that the engines were told, and the limits which that breaks: I27.

Worked out from fills, payouts and the true book alone. The engine looks at prices now and then, by
its own measure; so a limit counts as broken here only where no price that it may have seen since
its last sure look leaves it unbroken, and a loss only if that lasts.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from polymm.domain.order import Side, Token
from polymm.engine import evidence as ev
from polymm.engine.limits import RiskLimits
from tests.simulation.senses import NEVER, Senses
from tests.simulation.truth import Truth

if TYPE_CHECKING:
    from polymm.engine.engine import Engine

SECOND: Final = 1_000_000_000
LOOK_NS: Final = SECOND // 2
# An engine whose view of a market is clear for so long has marked it: cycles are 5 s at most.
SURE_NS: Final = 8 * SECOND
# A price by which it marks is no older than this where cycles follow the book.
PRICE_AGE_NS: Final = 2_500_000_000
# Whoever loses this much more than allowed has certainly lost more than allowed, 1e-6 dollars.
SLACK_E6: Final = 50_000
LIMITS: Final = ("loss", "markouts", "failed_settlements")

FillKey = tuple[str, str, int]


@dataclass(slots=True)
class _Holding:
    """One market.

    Attributes:
        cash_e10: What its fills and merges brought, less what they cost, 1e-10 dollars.
        shares_e6: Of Up and of Down.
        clear_ns: Since when the engine can see it without a gap; NEVER while it cannot.
        seen_ns: When it had surely been looked at last.
    """

    seen_ns: int
    cash_e10: int = 0
    shares_e6: list[int] = field(default_factory=lambda: [0, 0])
    clear_ns: int = NEVER

    def worth_e10(self, low_x2_e4: int, high_x2_e4: int) -> int:
        """Most that it may come to with twice a price of Up between the two."""
        up_e6, down_e6 = self.shares_e6
        return self.cash_e10 + max(
            (up_e6 * price_x2_e4 + down_e6 * (20_000 - price_x2_e4)) // 2
            for price_x2_e4 in (low_x2_e4, high_x2_e4)
        )


class _Due(NamedTuple):
    """A fill that waits for its mark-out."""

    due_ns: int
    told_ns: int
    fill: ev.FillTold


class Losing:
    """Keeps count over all processes of one account.

    Attributes:
        broken: Limits that are broken, and since when every engine must know.
        price_age_ns: How old a price may be by which a fill is marked.
    """

    def __init__(self, truth: Truth, limits: RiskLimits, senses: Senses) -> None:
        self.price_age_ns = PRICE_AGE_NS
        self.broken: dict[str, int] = {}
        self._truth = truth
        self._limits = limits
        self._senses = senses
        self._holdings: dict[str, _Holding] = {}
        self._over: dict[str, tuple[_Holding, int]] = {}
        self._told: dict[FillKey, ev.Settlement] = {}
        self._won_e10 = 0
        self._under_ns = NEVER
        self._due: deque[_Due] = deque()
        self._marked: deque[tuple[int, int]] = deque()
        self._look_ns = NEVER

    def began(self, now_ns: int, *, lost_tail: bool, left: Iterable[str] = ()) -> None:
        """A new process: fills that were not marked yet have no mark-out.

        Args:
            lost_tail: Some of what the last one wrote is gone, and with it perhaps what it counted.
            left: Markets of which its journal tells no end, whatever an earlier one was told.
        """
        self._due.clear()
        self._under_ns = NEVER
        for holding in self._holdings.values():
            holding.clear_ns = NEVER
        if lost_tail:
            # What was won may still be known.
            self._marked = deque((at_ns, max(won, 0)) for at_ns, won in self._marked)
            self.broken.clear()
            for market in left:
                self._hold_again(market)

    # What is told

    def take(self, now_ns: int, fills: Iterable[ev.FillTold]) -> None:
        """Take fills as often as they are told."""
        for fill in fills:
            before = self._told.get(fill.key)
            if before is not None and fill.status <= before:
                continue
            self._told[fill.key] = fill.status
            if fill.status is ev.Settlement.VOID:
                if before is not None:
                    self._count(now_ns, fill, -1)
            elif before is None:
                self._count(now_ns, fill, 1)
                at_ns = fill.stamp_ns or fill.recv_ns
                self._due.append(_Due(at_ns + self._limits.markout_after_ns, now_ns, fill))

    def _count(self, now_ns: int, fill: ev.FillTold, times: int) -> None:
        holding = self._holdings.setdefault(fill.market, _Holding(now_ns))
        sign = times if fill.side is Side.BUY else -times
        holding.cash_e10 -= sign * fill.cash_e10 + times * fill.fee_e6 * 10_000
        holding.shares_e6[fill.token] += sign * fill.size_e6

    def merged(self, market: str, pairs_e6: int) -> None:
        """Pairs became a dollar each."""
        holding = self._holdings.get(market)
        if holding is not None:
            holding.cash_e10 += pairs_e6 * 10_000
            for token in Token:
                holding.shares_e6[token] -= pairs_e6

    def settled(self, market: str, paid_e6: int) -> None:
        """A market is over, and paid so much for what was left."""
        holding = self._holdings.pop(market, None)
        if holding is not None:
            self._won_e10 += holding.cash_e10 + paid_e6 * 10_000
            self._over[market] = holding, paid_e6

    def _hold_again(self, market: str) -> None:
        """Take back that a market is over: nobody knows it any more until it is told again."""
        over = self._over.pop(market, None)
        if over is not None:
            holding, paid_e6 = over
            self._won_e10 -= holding.cash_e10 + paid_e6 * 10_000
            self._holdings[market] = holding

    # Time

    def look(self, now_ns: int, engine: "Engine") -> None:
        """See whether a limit is broken for sure."""
        if now_ns < self._look_ns + LOOK_NS:
            return
        self._look_ns = now_ns
        for market, holding in self._holdings.items():
            if not self._is_clear(now_ns, market, engine):
                holding.clear_ns = NEVER
            elif holding.clear_ns == NEVER:
                holding.clear_ns = now_ns
            elif now_ns - holding.clear_ns >= SURE_NS:
                holding.seen_ns = now_ns
        self._look_at_loss(now_ns)
        self._look_at_markouts(now_ns)

    def _is_clear(self, now_ns: int, market: str, engine: "Engine") -> bool:
        seat = engine.seats.get(market)
        if seat is None or not seat.is_open or seat.sight.obstacles or self._senses.froze_ns:
            return False
        proven_ns = min(self._senses.book_ns.get(market, (NEVER, NEVER)))
        end_ns = self._truth.exchange.listings[market].market.end_ns
        return now_ns - proven_ns < SECOND and now_ns < end_ns - self._limits.close_margin_ns

    def _look_at_loss(self, now_ns: int) -> None:
        result_e10 = self._won_e10
        for market, holding in self._holdings.items():
            mids = self._truth.histories[market].mids(holding.seen_ns - SURE_NS, now_ns)
            result_e10 += holding.worth_e10(*mids)
        if not _is_beyond(result_e10, self._limits.loss_max_e6):
            self._under_ns = NEVER
        elif self._under_ns == NEVER:
            self._under_ns = now_ns
        elif now_ns - self._under_ns >= SURE_NS:
            self.broken.setdefault("loss", now_ns)

    def _look_at_markouts(self, now_ns: int) -> None:
        limits, marked = self._limits, self._marked
        late_ns = limits.markout_after_ns + SECOND
        while self._due and self._due[0].due_ns + late_ns <= now_ns:
            due = self._due.popleft()
            marked.append((due.due_ns, self._markout_e10(now_ns, due)))
        while marked and marked[0][0] < now_ns - limits.markout_window_ns - SURE_NS:
            marked.popleft()
        # At either end of the window only what was won counts for sure.
        first_ns = now_ns - limits.markout_window_ns + SURE_NS
        won_e10 = sum(max(won, 0) if at_ns < first_ns else won for at_ns, won in marked)
        won_e10 += sum(max(self._best_e10(now_ns, due), 0) for due in self._due)
        if _is_beyond(won_e10, limits.markout_loss_max_e6):
            self.broken.setdefault("markouts", now_ns)

    def _markout_e10(self, now_ns: int, due: _Due) -> int:
        """Most that a fill may have won by its mark-out, 1e-10 dollars."""
        best_e10 = self._best_e10(now_ns, due)
        holding = self._holdings.get(due.fill.market)
        is_sure = (
            holding is not None
            and NEVER < holding.clear_ns <= due.due_ns - SECOND
            and due.told_ns <= due.due_ns
            and self._told[due.fill.key] is not ev.Settlement.VOID
        )
        return best_e10 if is_sure else max(best_e10, 0)

    def _best_e10(self, now_ns: int, due: _Due) -> int:
        fill = due.fill
        until_ns = min(now_ns, due.due_ns + self.price_age_ns)
        history = self._truth.histories[fill.market]
        sign = 1 if fill.side is Side.BUY else -1
        prices_x2_e4 = history.mids(due.due_ns - self.price_age_ns, until_ns)
        if fill.token is Token.DOWN:
            prices_x2_e4 = 20_000 - prices_x2_e4[0], 20_000 - prices_x2_e4[1]
        return max(
            sign * (fill.size_e6 * price_x2_e4 // 2 - fill.cash_e10) for price_x2_e4 in prices_x2_e4
        )


def _is_beyond(won_e10: int, limit_e6: int) -> bool:
    """Whether more is lost than a limit allows, by so much that no rounding explains it."""
    return -won_e10 > (limit_e6 + limit_e6 // 10 + SLACK_E6) * 10_000
