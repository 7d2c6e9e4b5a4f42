"""A venue that nothing is sent to: for watching one with a maker that believes it quotes."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from polymm.domain.market import Market
from polymm.domain.order import Place, Token
from polymm.engine import evidence as ev
from polymm.engine.actions import (
    Alarm,
    Finished,
    Read,
    ReadBalances,
    ReadKeys,
    ReadOpen,
    ReadOrder,
    ReadPreflight,
    ReadTrades,
)
from polymm.engine.ports import SignedOrder
from polymm.runtime.venue_port import HasTick, OnEvent, nobody
from polymm.venues.polymarket.results import PlaceResult


class ObservedVenue:
    """Takes every order, rests it on paper, and fills none; holds no connection and no key.

    Attributes as of `polymm.runtime.venue_port.LiveVenue`, and:
        withheld: What would have been sent, by kind.

    Args:
        cash_e6: Play money, 1e-6 dollars.
        clock_ns: The session's.
    """

    def __init__(self, cash_e6: int, clock_ns: Callable[[], int]) -> None:
        self.take: OnEvent = nobody
        self.on_placed: Callable[[PlaceResult], None] = nobody
        self.on_alarm: Callable[[Alarm], None] = nobody
        self.on_finish: Callable[[Finished], None] = nobody
        self.counts: Counter[str] = Counter()
        self.withheld: Counter[str] = Counter({"orders": 0, "cancels": 0})
        self.written: list[tuple[SignedOrder, int]] = []
        self.merging = 0
        self._cash_e6 = cash_e6
        self._clock_ns = clock_ns
        self._signed = 0
        self._resting: dict[str, tuple[str, Place]] = {}

    def add_market(self, market: Market, book: HasTick | None) -> None:
        """Nothing to prepare."""

    def remove_market(self, market: Market) -> None:
        """Nothing to forget."""

    async def close(self) -> None:
        """Nothing to end."""

    # The engine's venue

    def sign(self, market: str, places: Sequence[Place]) -> Iterator[SignedOrder]:
        """Number each order; its request is its market."""
        for place in places:
            self._signed += 1
            yield SignedOrder(place, f"observed-{self._signed}", market)

    def write(self, signed: SignedOrder) -> int:
        """Rest an order on paper."""
        now_ns = self._clock_ns()
        self.withheld["orders"] += 1
        self._resting[signed.order] = (str(signed.request), signed.place)
        self.written.append((signed, now_ns))
        self._later(ev.PlaceAnswered(signed.order, ev.PlaceVerdict.LIVE, "", now_ns, now_ns))
        return now_ns

    def cancel(self, orders: Sequence[str]) -> int:
        """Take orders off the paper, and tell as the user channel would."""
        now_ns = self._clock_ns()
        self.withheld["cancels"] += len(orders)
        for order in orders:
            self._later(ev.CancelAnswered(order, ev.CancelVerdict.CANCELED, "", now_ns, now_ns))
            self._remove(order, now_ns)
        return now_ns

    def sweep(self, market: str) -> None:
        """Take all orders of a market, or of all, off the paper."""
        now_ns = self._clock_ns()
        self.withheld["cancels"] += 1
        gone = tuple(order for order, (where, _) in self._resting.items() if market in ("", where))
        for order in gone:
            self._remove(order, now_ns)
        swept = ev.Swept(market, ev.CancelVerdict.CANCELED, gone, (), "", now_ns, now_ns)
        self._later(swept)

    def beat(self) -> None:
        """Nobody would cancel anything."""
        now_ns = self._clock_ns()
        self._later(ev.BeatAnswered(True, "", now_ns, now_ns))

    def merge(self, market: str, pairs_e6: int) -> None:
        """There is nothing to merge."""
        self._later(ev.MergeFailed(market, pairs_e6, "observed"))

    def alarm(self, alarm: Alarm) -> None:
        """Tell people."""
        self.on_alarm(alarm)

    def finish(self, finished: Finished) -> None:
        """Know that the engine is done."""
        self.on_finish(finished)

    def read(self, action: Read) -> None:
        """Answer from the paper."""
        now_ns = self._clock_ns()
        match action:
            case ReadOpen(market):
                listed = tuple(
                    ev.OpenSeen(order, where, 0, place.size_e6)
                    for order, (where, place) in self._resting.items()
                    if market in ("", where)
                )
                self._later(ev.OpenListed(market, listed, now_ns, now_ns))
            case ReadOrder(order):
                found = self._resting.get(order)
                seen = None
                if found is not None:
                    seen = ev.OpenSeen(order, found[0], 0, found[1].size_e6)
                self._later(ev.OrderRead(order, seen, now_ns, now_ns))
            case ReadTrades(market, after_ns):
                self._later(ev.TradesRead(market, after_ns, (), now_ns, now_ns))
            case ReadBalances(markets):
                shares = tuple((market, token, 0) for market in markets for token in Token)
                self._later(ev.BalancesRead(self._cash_e6, shares, now_ns, now_ns))
            case ReadPreflight():
                self._later(ev.PreflightRead((), 0, now_ns, now_ns))
            case ReadKeys():
                self._later(ev.KeysRead(now_ns, now_ns))

    def _remove(self, order: str, now_ns: int) -> None:
        found = self._resting.pop(order, None)
        if found is not None:
            told = ev.OrderNews.CANCELLATION
            self._later(ev.OrderTold(order, told, "CANCELED", found[0], 0, now_ns, now_ns))

    def _later(self, event: ev.Event) -> None:
        asyncio.get_running_loop().call_soon(self._tell, event)

    def _tell(self, event: ev.Event) -> None:
        self.take(event)
