"""Reference prices: PolyBolt, and the legacy socket while that one is closed or silent."""

import random
import ssl
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from polymm.venues.polymarket.credentials import ApiCredentials


class PriceKind(StrEnum):
    """Which of a coin's prices."""

    SPOT = "spot"
    TWAP = "twap"  # mean over the settlement rule's look-back


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


OnPrice = Callable[[Price], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceSettings:
    """How the sockets are kept.

    Args:
        window_s: Seconds the averaged price is taken over.
        age_ns_max: A price that came longer ago is old.
        stale_ns_max: PolyBolt without any price for so long is replaced, and RTDS is opened.
        keep_s: Observations of so many seconds are kept, for prices at a past moment.
        drain_ns_max: Longest wait after close code 4003.
    """

    window_s: int = 60
    age_ns_max: int = 5_000_000_000
    stale_ns_max: int = 5_000_000_000
    keep_s: int = 900
    drain_ns_max: int = 10_000_000_000
    ping_ns: int = 5_000_000_000
    backoff_base_ns: int = 1_000_000_000
    backoff_ns_max: int = 30_000_000_000


class ReferenceFeed:
    """Knows spot and averaged prices of several coins.

    Args:
        prices_url: Of PolyBolt; it asks for credentials.
        rtds_url: Of the legacy socket; it asks for none.
        credentials: None uses the legacy socket only.
        coins: As in slugs.
        on_price: Called once a chunk and price with the newest observation.

    Attributes:
        counts: What happened, by name.
    """

    def __init__(
        self,
        prices_url: str,
        rtds_url: str,
        credentials: ApiCredentials | None,
        coins: Sequence[str],
        *,
        rng: random.Random,
        on_price: OnPrice | None = None,
        settings: ReferenceSettings | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        tls: ssl.SSLContext | None = None,
        engine: str | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        raise NotImplementedError

    async def open(self) -> None:
        """Begin to keep the sockets; answers at once."""
        raise NotImplementedError

    async def close(self) -> None:
        """End everything; no callback comes afterwards."""
        raise NotImplementedError

    def price(self, coin: str, kind: PriceKind) -> Price | None:
        """Give the newest observation, None before the first."""
        raise NotImplementedError

    def is_fresh(self, coin: str, kind: PriceKind, now_ns: int) -> bool:
        """Whether the newest observation came recently enough."""
        raise NotImplementedError

    def price_at(self, coin: str, kind: PriceKind, when_ms: int) -> Price | None:
        """Give the observation that held at a past moment: the last at or before it.

        None where that is not known: older than what is kept, or no later one has come yet.
        """
        raise NotImplementedError
