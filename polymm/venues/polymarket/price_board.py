"""Newest and past reference prices of several coins, whoever told them. Time is handed in."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from polymm.venues.polymarket.price_reading import Observation, PriceFrame, PriceKind

MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One observation.

    Args:
        coin: As in slugs.
        price_e8: 1e-8 dollars, exact or rounded half to even below that.
        observed_ms: Venue time of the observation.
        recv_ns: When it came, by the feed's clock.
        source: ``polybolt`` or ``rtds``.
    """

    coin: str
    kind: PriceKind
    price_e8: int
    observed_ms: int
    recv_ns: int
    source: str


class _Series:
    """Prices of one coin and kind in the order of observation.

    Attributes:
        live_ns: When the last observation came that was news and no back-fill; None before.
    """

    def __init__(self, keep_ms: int) -> None:
        self.stamps_ms: list[int] = []
        self.prices: list[Price] = []
        self.live_ns: int | None = None
        self._keep_ms = keep_ms

    def add(self, price: Price) -> bool:
        """Note a price; whether it is the newest."""
        i = bisect_right(self.stamps_ms, price.observed_ms)
        if i and self.stamps_ms[i - 1] == price.observed_ms:
            return False
        self.stamps_ms.insert(i, price.observed_ms)
        self.prices.insert(i, price)
        oldest_ms = self.stamps_ms[-1] - self._keep_ms
        if self.stamps_ms[0] < oldest_ms:
            drop = bisect_right(self.stamps_ms, oldest_ms - 1)
            del self.stamps_ms[:drop], self.prices[:drop]
        return price is self.prices[-1]


class PriceBoard:
    """What is known of each coin's spot and averaged price.

    Args:
        coins: All there will be.
        window_s: Averages over another time are left out.
        age_ns_max: A price that came longer ago is old; one observed longer before a moment is not
            the price at that moment.
        keep_s: Observations are kept so long.
    """

    def __init__(
        self, coins: Iterable[str], *, window_s: float, age_ns_max: int, keep_s: int
    ) -> None:
        self.window_s = window_s
        self.age_ns_max = age_ns_max
        self._series = {
            (coin, kind): _Series(keep_s * 1_000) for coin in coins for kind in PriceKind
        }

    def take(self, frame: PriceFrame, source: str, recv_ns: int) -> set[tuple[str, PriceKind]]:
        """Take a frame's observations; whose newest price is another now."""
        moved = set()
        for seen in frame.observations:
            series = self._wanted(seen)
            if series is None:
                continue
            price = Price(
                coin=seen.coin,
                kind=seen.kind,
                price_e8=seen.price_e8,
                observed_ms=seen.observed_ms,
                recv_ns=recv_ns,
                source=source,
            )
            if series.add(price):
                moved.add((seen.coin, seen.kind))
                # A source that has frozen still sends the past to whoever connects.
                if not frame.is_snapshot:
                    series.live_ns = recv_ns
        return moved

    def price(self, coin: str, kind: PriceKind) -> Price | None:
        """Give the newest observation, None before the first."""
        series = self._series[coin, kind]
        return series.prices[-1] if series.prices else None

    def is_fresh(self, coin: str, kind: PriceKind, now_ns: int) -> bool:
        """Whether a newer observation than all before came recently enough."""
        live_ns = self._series[coin, kind].live_ns
        return live_ns is not None and now_ns - live_ns <= self.age_ns_max

    def price_at(self, coin: str, kind: PriceKind, when_ms: int) -> Price | None:
        """Give the observation that held at a past moment: the last at or before it.

        None where that is not known: nothing was observed shortly before it, or nothing at or
        after it has come yet.
        """
        series = self._series[coin, kind]
        i = bisect_right(series.stamps_ms, when_ms)
        if not i or series.stamps_ms[-1] < when_ms:
            return None
        found = series.prices[i - 1]
        return found if (when_ms - found.observed_ms) * MS <= self.age_ns_max else None

    def _wanted(self, seen: Observation) -> _Series | None:
        if seen.kind is PriceKind.TWAP and seen.window_s != self.window_s:
            return None
        return self._series.get((seen.coin, seen.kind))
