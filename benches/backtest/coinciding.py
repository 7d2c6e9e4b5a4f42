"""A feed on which the rules of both venues say the same, by how it is made.

Sizes and trades are whole lots and our orders one lot, so that nothing fills in part. A trade is
told before the drop that it makes, and never within a second of a drop that it did not make. No
side improves to a price before a trade has gone through it.
"""

from random import Random
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benches.backtest.feed import FEED_NS, MS, START_NS, TICK_E4
from polymm._core.layout import (
    ASK,
    BID,
    ROW_ASK,
    ROW_BOOK,
    ROW_CHANGE,
    ROW_EVENT_END,
    ROW_FRAME_END,
    ROW_LAGGED,
    ROW_LEVEL,
    ROW_LOCAL,
    ROW_TRADE,
    ROW_VENUE,
    TAPE,
)

LOT_E6: Final = 5_000_000
LEVELS: Final = 10
_WINDOW_NS: Final = 1_000 * MS


class CoincidingFeed:
    """Draws the feed, an event at a time."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.now_ns = START_NS | 1
        self.lots: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.dropped_ns: dict[tuple[int, int], int] = {}
        self.rows: list[tuple[int, ...]] = []
        self._write(ROW_BOOK, BID, TICK_E4, 0, ends=False)
        for level in range(LEVELS):
            for side, tick in ((BID, 499 - level), (ASK, 501 + level)):
                self.lots[side][tick] = self.random.randint(1, 40)
                is_last = level == LEVELS - 1 and side == ASK
                price_e4, size_e6 = tick * TICK_E4, self.lots[side][tick] * LOT_E6
                self._write(ROW_LEVEL, side, price_e4, size_e6, ends=is_last)

    def step(self) -> None:
        """Let one thing happen."""
        self.now_ns += self.random.randint(100, 900) * 2_000
        side = self.random.choice((BID, ASK))
        what = self.random.random()
        if what < 0.15:
            self._hit(side)
        elif what < 0.25:
            self._improve(side)
        else:
            self._resize(side)

    def _best(self, side: int) -> int:
        return max(self.lots[BID]) if side == BID else min(self.lots[ASK])

    def _may_trade(self, side: int, tick: int) -> bool:
        """Whether no drop of its level waits for a trade, and there are levels left."""
        since_ns = self.now_ns - self.dropped_ns.get((side, tick), 0)
        return since_ns > _WINDOW_NS and len(self.lots[side]) > LEVELS // 2

    def _hit(self, side: int) -> None:
        """Trade at a touch, now and then more than it shows."""
        tick = self._best(side)
        if not self._may_trade(side, tick):
            return
        shown = self.lots[side][tick]
        is_sweep = self.random.random() < 0.3
        lots = shown + self.random.randint(1, 3) if is_sweep else self.random.randint(1, shown)
        self._trade(side, tick, lots)

    def _improve(self, side: int) -> None:
        """Let a side come nearer, through whom a trade has gone before."""
        towards = 1 if side == BID else -1
        tick = self._best(side) + towards
        if tick == self._best(1 - side):
            return
        beyond = tick + towards
        if not self._may_trade(1 - side, beyond):
            return
        self._trade(1 - side, beyond, self.random.randint(1, self.lots[1 - side].get(beyond, 5)))
        self._set(side, tick, self.random.randint(1, 40))

    def _resize(self, side: int) -> None:
        """Let a level grow, or one behind the touch shrink."""
        depth = self.random.randint(0, LEVELS)
        tick = self._best(side) + (-depth if side == BID else depth)
        if not 1 <= tick <= 999:
            return
        shown = self.lots[side].get(tick, 0)
        if depth and shown and self.random.random() < 0.15:
            self.dropped_ns[side, tick] = self.now_ns
            self._set(side, tick, self.random.randint(0, shown - 1))
        else:
            self._set(side, tick, shown + self.random.randint(1, 10))

    def _trade(self, side: int, tick: int, lots: int) -> None:
        """Tell a trade that takes from a side, then the drop it makes."""
        self._write(ROW_TRADE, 1 - side, tick * TICK_E4, lots * LOT_E6)
        if tick in self.lots[side]:
            self._set(side, tick, max(self.lots[side][tick] - lots, 0))

    def _set(self, side: int, tick: int, lots: int) -> None:
        if lots:
            self.lots[side][tick] = lots
        else:
            del self.lots[side][tick]
        self._write(ROW_CHANGE, side, tick * TICK_E4, lots * LOT_E6)

    def _write(
        self, kind: int, side: int, price_e4: int, size_e6: int, *, ends: bool = True
    ) -> None:
        flags = ROW_VENUE | ROW_LOCAL | (ROW_ASK if side == ASK else 0)
        flags |= ROW_FRAME_END | ROW_EVENT_END if ends else 0
        flags |= ROW_LAGGED if kind == ROW_TRADE else 0
        self.rows.append(
            (self.now_ns, self.now_ns + FEED_NS, size_e6, price_e4, -1, -1, kind, flags)
        )


def coinciding_rows(steps_n: int, *, seed: int) -> NDArray[Any]:
    """Draw a feed of so many things that happen: layout.TAPE, some 1.3 rows each."""
    feed = CoincidingFeed(seed)
    for _ in range(steps_n):
        feed.step()
    return np.array(feed.rows, dtype=TAPE)
