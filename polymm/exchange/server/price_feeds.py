"""What can be subscribed to on the price socket, and what is said of it (markets-5m notes 7).

Beside the average over 60 s there is the one that settles the exchange's own windows, where that
is another: the same channel with that ``window_seconds``.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

import orjson

from polymm.exchange.server.price_clock import AVERAGE_MS, SPOT_MS, Point, PriceClock

SPOT: Final = "price.crypto"
AVERAGE: Final = "price.crypto.twap"
AVERAGE_S: Final = 60
QUOTE: Final = "usd"
PROVIDERS: Final = ("chainlink", "pyth")

BAD_CHANNEL: Final = "bad_channel"
BAD_FILTER: Final = "bad_filter"


class Feed(NamedTuple):
    """One price that can be subscribed to.

    Args:
        channel: ``SPOT`` or ``AVERAGE``.
        coin: For example ``btc``.
        provider: Named as the source.
        seconds: Over which it is averaged, 0 for spot.
    """

    channel: str
    coin: str
    provider: str
    seconds: float = 0

    @property
    def step_ms(self) -> int:
        """From one publication to the next."""
        return AVERAGE_MS if self.seconds else SPOT_MS

    def point(self, clock: PriceClock, at_ms: int) -> Point:
        """Price at a moment."""
        if self.seconds:
            return clock.average(self.coin, at_ms, self.seconds)
        return clock.spot(self.coin, at_ms)

    def update(self, clock: PriceClock, at_ms: int) -> bytes:
        """Write the payload of one publication."""
        return orjson.dumps(self._named() | _fields(self.point(clock, at_ms)))

    def history(self, clock: PriceClock) -> bytes:
        """Write the payload of the last two minutes."""
        points = (self.point(clock, at_ms) for at_ms in clock.moments(self.step_ms))
        return orjson.dumps(self._named() | {"data": [_fields(point) for point in points]})

    def _named(self) -> dict[str, object]:
        named: dict[str, object] = {"symbol": f"{self.coin}{QUOTE}", "source": self.provider}
        # The official client drops a history, too, that does not say its window.
        return named | {"window_seconds": self.seconds} if self.seconds else named


def read_feed(
    channel: object, wanted: object, coins: Collection[str], windows: Collection[float]
) -> Feed | str:
    """Read one entry of a subscription.

    Args:
        channel: As sent.
        wanted: The filter as sent.
        coins: Those that have prices.
        windows: Seconds over which averages are published.

    Returns:
        The feed, or the code of the error.
    """
    if channel not in (SPOT, AVERAGE):
        return BAD_CHANNEL
    if not isinstance(wanted, dict):
        return BAD_FILTER
    symbol, provider = wanted.get("symbol"), wanted.get("provider", PROVIDERS[0])
    if not isinstance(symbol, str) or provider not in PROVIDERS:
        return BAD_FILTER
    coin = symbol.lower().removesuffix(QUOTE)
    if coin not in coins or coin == symbol.lower():
        return BAD_FILTER
    if channel == SPOT:
        return Feed(SPOT, coin, provider)
    seconds = wanted.get("window_seconds")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return BAD_FILTER
    if seconds not in windows:
        return BAD_FILTER
    return Feed(AVERAGE, coin, provider, seconds)


def _fields(point: Point) -> dict[str, object]:
    return {
        "timestamp": point.at_ms,
        "value": point.price_e8 / 1e8,
        "full_accuracy_value": point.text,
    }
