"""What a market looked like, in the numbers of docs/strategy.md 4.12: recorded beside synthetic.

One function for both, over the same decoder that trades, so that a difference between two
columns is a difference between two markets.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise

from polymm._core.decode import Decoder
from polymm._core.layout import TRADE, UP
from polymm.domain.market import NS
from polymm.domain.tape import Tape

# What was measured on live BTC five-minute books (docs/strategy.md 4.12; trades by the
# recordings' own notes): name, digits, unit, recorded value.
RECORDED: tuple[tuple[str, int, str, str], ...] = (
    ("spread_c", 2, "c", "1.2"),
    ("spread_cent_share", 2, "", "0.88"),
    ("spread_late_c", 2, "c", "1.8"),
    ("touch", 0, "shares", "200-350"),
    ("depth", 0, "shares", "2200"),
    ("depth_late", 0, "shares", "1100"),
    ("mid_sd_250ms_c", 2, "c", "1.0"),
    ("mid_sd_1s_c", 2, "c", "2.4"),
    ("mid_square_sum", 2, "$2", "0.15-0.25"),
    ("volume", 0, "$", "50000"),
    ("trades_per_s", 1, "", "7"),
)
GRID_NS = NS // 4
CENT_E4 = 100
LATE_NS = 15 * NS


def book_statistics(tape: Tape) -> dict[str, float]:
    """Measure the book and the trades of one tape, from its first to its last frame inside.

    Books and mids are looked at every 0.25 s, spreads at every frame; a moment with an empty or
    crossed side counts in ``one_sided_share`` only. Shares are of time, sizes in shares, both
    sides together for touch and depth.

    Args:
        tape: Recorded or synthetic. Without recorded trades the trade values are NaN.

    Returns:
        Values by name; NaN where the tape has nothing to measure. ``spread_c`` and
        ``spread_late_c`` (last 15 s) are time-weighted means in cents, ``mid_sd_250ms_c`` and
        ``mid_sd_1s_c`` root mean squares of mid moves in cents, ``mid_square_sum`` the sum of
        squared 1 s moves in dollars squared, ``volume`` dollars paid by takers.
    """
    measure = _Measure(tape)
    measure.run()
    return measure.summary()


def beside_recorded(markets: Sequence[Mapping[str, float]]) -> str:
    """Write the markets' mean statistics, each with the recorded value in brackets.

    Args:
        markets: What `book_statistics` answered, one a market; NaN values are left out of a mean.
    """
    texts = []
    for name, digits, unit, recorded in RECORDED:
        values = [market[name] for market in markets if not math.isnan(market[name])]
        shown = f"{statistics.fmean(values):.{digits}f}" if values else "n/a"
        texts.append(f"{name.removesuffix('_c')} {shown} {unit}".rstrip() + f" ({recorded})")
    return ", ".join(texts)


class _Measure:
    """One pass over a tape's frames."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._decoder = Decoder()
        market = tape.market
        slot = self._decoder.add_market(market.up_token, market.down_token, tick_e4=market.tick_e4)
        self._book = self._decoder.book(slot)
        self._spread_ns = _Weighted()
        self._spread_late = _Weighted()
        self._cent_share = _Weighted()
        self._fine_share = _Weighted()
        self._two_sided = _Weighted()
        self._touches: list[float] = []
        self._depths: list[float] = []
        self._depths_late: list[float] = []
        self._mids: list[float] = []
        self._trade_sizes: list[float] = []
        self._volume = 0.0
        self._frames = 0
        # What is covered: from the first to the last frame inside the window.
        self._first_ns = 0
        self._last_ns = 0

    def run(self) -> None:
        """Feed all frames; look at the book between them."""
        market = self._tape.market
        next_ns = market.start_ns
        for exch_ns, _, frame in self._tape.frames:
            if exch_ns >= market.end_ns:
                break
            if exch_ns >= market.start_ns:
                self._first_ns = self._first_ns or exch_ns
                self._hold(max(self._last_ns, self._first_ns), exch_ns)
                self._last_ns = exch_ns
            while next_ns < exch_ns:
                self._look(next_ns)
                next_ns += GRID_NS
            flags = self._decoder.feed(frame)
            if exch_ns < market.start_ns:
                continue
            self._frames += 1
            if flags & TRADE:
                self._note_trades()

    def _note_trades(self) -> None:
        for trade in self._decoder.trades():
            # What the taker paid or got for the share it named: Down costs the complement.
            own_e4 = trade.price_e4 if trade.token == UP else 10_000 - trade.price_e4
            self._trade_sizes.append(trade.size_e6 / 1e6)
            self._volume += own_e4 * trade.size_e6 / 1e10

    def _spread_e4(self) -> int:
        """Spread, 0 where a side is empty or the book crossed or unknown."""
        book = self._book
        if not book.has_epoch or not book.best_bid_e4 or book.best_ask_e4 == 10_000:
            return 0
        return max(book.best_ask_e4 - book.best_bid_e4, 0)

    def _hold(self, from_ns: int, to_ns: int) -> None:
        """Weigh the state of the book with the time it stood."""
        if not self._book.has_epoch:
            return
        spread_e4 = self._spread_e4()
        span_ns = to_ns - from_ns
        self._two_sided.add(float(spread_e4 > 0), span_ns)
        if not spread_e4:
            return
        self._spread_ns.add(spread_e4 / CENT_E4, span_ns)
        self._cent_share.add(float(spread_e4 == CENT_E4), span_ns)
        self._fine_share.add(float(spread_e4 < CENT_E4), span_ns)
        if self._tape.market.end_ns - from_ns <= LATE_NS:
            self._spread_late.add(spread_e4 / CENT_E4, span_ns)

    def _look(self, now_ns: int) -> None:
        """Sample mid and sizes; a mid that is not there is NaN, so that no move spans it."""
        if not self._spread_e4():
            self._mids.append(math.nan)
            return
        self._mids.append((self._book.best_bid_e4 + self._book.best_ask_e4) / 2 / CENT_E4)
        late = self._tape.market.end_ns - now_ns <= LATE_NS
        for side in (0, 1):
            sizes = [size_e6 / 1e6 for _, size_e6 in self._book.levels(side, 5)]
            self._touches.append(sizes[0])
            (self._depths_late if late else self._depths).append(sum(sizes))

    def summary(self) -> dict[str, float]:
        """Return all values by name."""
        seconds = (self._last_ns - self._first_ns) / NS
        has_trades = self._tape.has_trades
        quick = _moves(self._mids)
        slow = _moves(self._mids[::4])
        return {
            "spread_c": self._spread_ns.mean(),
            "spread_cent_share": self._cent_share.mean(),
            "spread_fine_share": self._fine_share.mean(),
            "spread_late_c": self._spread_late.mean(),
            "one_sided_share": 1.0 - self._two_sided.mean(),
            "touch": _median(self._touches),
            "depth": _median(self._depths),
            "depth_late": _median(self._depths_late),
            "mid_sd_250ms_c": _root_mean_square(quick),
            "mid_sd_1s_c": _root_mean_square(slow),
            "mid_square_sum": sum(move * move for move in slow) / 1e4,
            "volume": self._volume if has_trades else math.nan,
            "trades_per_s": _rate(len(self._trade_sizes), seconds) if has_trades else math.nan,
            "trade_size": _median(self._trade_sizes),
            "messages_per_s": _rate(self._frames, seconds),
        }


class _Weighted:
    """A mean weighted with time."""

    def __init__(self) -> None:
        self._sum = 0.0
        self._weight = 0

    def add(self, value: float, weight: int) -> None:
        self._sum += value * weight
        self._weight += weight

    def mean(self) -> float:
        return self._sum / self._weight if self._weight else math.nan


def _rate(n: int, seconds: float) -> float:
    return n / seconds if seconds else math.nan


def _moves(values: list[float]) -> list[float]:
    moves = [b - a for a, b in pairwise(values)]
    return [move for move in moves if not math.isnan(move)]


def _root_mean_square(values: list[float]) -> float:
    return math.sqrt(sum(v * v for v in values) / len(values)) if values else math.nan


def _median(values: list[float]) -> float:
    return statistics.median(values) if values else math.nan
