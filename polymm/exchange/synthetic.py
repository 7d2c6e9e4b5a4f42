"""Windows with synthetic prices and synthetic traders: the whole market place but its guests."""

from dataclasses import replace
from functools import partial

from polymm.domain.market import NS
from polymm.exchange.exchange import Exchange
from polymm.exchange.flow_desk import Desk
from polymm.exchange.flow_settings import FlowSettings
from polymm.exchange.listing import Listing
from polymm.exchange.prices import CoinPrices
from polymm.exchange.windows import Windows, WindowSettings

WARM_UP_NS = 3 * NS
USUAL_S = 300


class SyntheticMarkets:
    """Prices by coin, windows over them, and a desk of traders in each window.

    Args:
        exchange: Where all this takes place.
        settings: Coins and length.
        flow: Who trades and how; None for the usual ones, fitted to the length.
        seed: Seeds everything drawn here.
        start_ns: When ``start`` will be called.

    Attributes:
        prices: The reference price of each coin.
        windows: All windows.
    """

    def __init__(
        self,
        exchange: Exchange,
        settings: WindowSettings,
        flow: FlowSettings | None = None,
        *,
        seed: int = 0,
        start_ns: int,
    ) -> None:
        self._exchange = exchange
        self._flow = flow or fit_flow(settings)
        self._seed = seed
        # The current window may have begun long ago.
        first_ns = start_ns - settings.length_s * NS
        self.prices = {
            coin: CoinPrices(seed, coin, self._flow, first_ns) for coin in settings.coins
        }
        self.windows = Windows(exchange, self.prices, settings, seed=seed, on_listed=self._prepare)

    def start(self, now_ns: int) -> None:
        """List the first windows; from then on ``exchange.advance`` keeps all going."""
        self.windows.start(now_ns)

    def _prepare(self, listing: Listing) -> None:
        market = listing.market
        warm_up_ns = min(WARM_UP_NS, (market.end_ns - market.start_ns) // 2)
        self._exchange.timers.at(market.start_ns - warm_up_ns, partial(self._open_desk, listing))

    def _open_desk(self, listing: Listing, now_ns: int) -> None:
        market = listing.market
        prices = self.prices[listing.coin]
        prices.forget(market.start_ns - 2 * (market.end_ns - market.start_ns))
        lookback_ns = market.settlement.lookback_ns
        reference = prices.window(market.start_ns, market.end_ns, lookback_ns)
        Desk(self._exchange, listing, reference, self._flow, seed=self._seed, start_ns=now_ns)


def fit_flow(settings: WindowSettings) -> FlowSettings:
    """Fit the usual traders to a length: what they do late, they do as late in proportion."""
    usual = FlowSettings()
    length_s = settings.length_s
    return replace(
        usual,
        window_s=length_s,
        lookback_s=max(1, settings.rule.lookback_ns // NS),
        late_s=usual.late_s * min(length_s / USUAL_S, 1.0),
        taker_delay_ms=settings.taker_delay_ns // 1_000_000,
    )
