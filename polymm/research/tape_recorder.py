"""Watching one run at venue time: marks, quotes, holdings, and the seconds each state lasted."""

from collections import defaultdict
from math import nan
from typing import Protocol

from polymm._core.lane import Lane
from polymm._core.layout import ASK, BID
from polymm.domain.market import NS
from polymm.domain.order import Fill
from polymm.research.records import FillRecord, MarketRun, Marks

# A longer silence of a tape is a gap; the maker calls a book stale at the same age by default.
GAP_NS = 10 * NS


class Standing(Protocol):
    """What of ours stands at a venue, as far as whoever records the run knows."""

    @property
    def shares_e6(self) -> tuple[int, int]:
        """Up and Down held, 1e-6 shares."""
        ...

    def best(self, side: int) -> tuple[int, int]:
        """Price and open size of our best level of a side, Up terms; (0, 0) where none rests."""
        ...


class Recorder:
    """An observer of a venue that writes what it sees into a MarketRun.

    f is the filtered mid of the venue's own book; where the filtered book has none the last one
    stands.

    Args:
        run: Record that is filled.
        lane: A lane on the venue's book; it alone tells the filtered mid.

    Attributes:
        fair: The last f, NaN before the first.
    """

    def __init__(self, run: MarketRun, lane: Lane) -> None:
        self.fair = nan
        self._run = run
        run.marks = self._marks = Marks()
        self._start_ns = run.market.start_ns
        self._end_ns = run.market.end_ns
        self.look_at(lane)
        self._is_usable = False
        self._fresh_until_ns = 0
        self._has_bid = False
        self._has_ask = False
        self._why = "starting"
        self._since_ns = self._start_ns
        self._ns: defaultdict[str, int] = defaultdict(int)
        self._no_quote_ns: defaultdict[str, int] = defaultdict(int)
        self._standing: Standing | None = None

    def watch(self, standing: Standing) -> None:
        """Say where to see what stands when an event comes."""
        self._standing = standing

    def look_at(self, lane: Lane) -> None:
        """Take f from another lane from now on: that of the book which leads."""
        state = lane.state_view
        self._usable_view = state["usable"]
        self._mid_view = state["mid"]

    # Events of the venue

    def on_book(self, now_ns: int) -> None:
        """Note a new f, and whether the filtered book allows quoting."""
        if now_ns > self._fresh_until_ns:
            self._pass_time(now_ns)
        self._fresh_until_ns = now_ns + GAP_NS
        is_usable = bool(self._usable_view.item())
        if is_usable != self._is_usable:
            self._pass_time(now_ns)
            self._is_usable = is_usable
        if is_usable:
            mid = self._mid_view.item()
            if mid != self.fair:
                self.fair = mid
                self._mark(now_ns)

    def on_orders(self, now_ns: int) -> None:
        """Note what rests now."""
        assert self._standing is not None
        self._pass_time(now_ns)
        bid_e4, bid_e6 = self._standing.best(BID)
        ask_e4, ask_e6 = self._standing.best(ASK)
        self._has_bid, self._has_ask = bid_e6 > 0, ask_e6 > 0
        quotes = self._run.quotes
        quote = (now_ns, bid_e4, bid_e6, ask_e4, ask_e6)
        if quotes and quotes[-1][0] == now_ns:
            quotes[-1] = quote
        else:
            quotes.append(quote)

    def on_fill(self, fill: Fill) -> None:
        """Note a fill with f at its moment."""
        self._run.fills.append(FillRecord(fill=fill, fair=self.fair))
        self._hold(fill.exch_ns)

    def on_merge(self, now_ns: int, pairs_e6: int) -> None:
        """Note pairs that became cash."""
        self._run.merges.append((now_ns, pairs_e6))
        self._hold(now_ns)

    # Events of the maker

    def explain(self, now_ns: int, reasons: tuple[str, ...]) -> None:
        """Take in why the maker does not quote both sides; () where it does."""
        why = "+".join(reasons) or "on_the_way"
        if why != self._why:
            self._pass_time(now_ns)
            self._why = why

    def finish(self, now_ns: int) -> None:
        """Close the books at the end of the run and write the seconds."""
        self._pass_time(now_ns)
        if self._marks and self._marks[-1][0] < self._start_ns:
            self._marks.clear()
        names = ("two_sided", "one_sided", "none", "book_two_sided", "quoted", "quoted_two_sided")
        self._run.seconds = {name: self._ns[name] / NS for name in names}
        self._run.no_quote_seconds = {
            why: ns / NS for why, ns in sorted(self._no_quote_ns.items()) if ns
        }

    def _mark(self, now_ns: int) -> None:
        """Append f; of the marks before the window only the last is kept, as of its start."""
        if now_ns < self._end_ns:
            self._marks.note(max(now_ns, self._start_ns), self.fair)

    def _hold(self, now_ns: int) -> None:
        assert self._standing is not None
        up_e6, down_e6 = self._standing.shares_e6
        held = self._run.inventory
        if held and held[-1][0] == now_ns:
            held[-1] = (now_ns, up_e6, down_e6)
        else:
            held.append((now_ns, up_e6, down_e6))

    def _pass_time(self, now_ns: int) -> None:
        """Add the time since the last change, inside the window, to the states it was spent in."""
        until_ns = min(now_ns, self._end_ns)
        spent_ns = until_ns - self._since_ns
        if spent_ns <= 0:
            return
        # Of a book that has been silent for long nobody knows whether it allows anything.
        usable_ns = max(min(until_ns, self._fresh_until_ns) - self._since_ns, 0)
        self._since_ns = until_ns
        sides = self._has_bid + self._has_ask
        self._ns[("none", "one_sided", "two_sided")[sides]] += spent_ns
        if self._is_usable:
            self._ns["book_two_sided"] += usable_ns
            if sides:
                self._ns["quoted"] += usable_ns
            if sides == 2:
                self._ns["quoted_two_sided"] += usable_ns
        if sides < 2:
            self._no_quote_ns[self._why] += spent_ns
