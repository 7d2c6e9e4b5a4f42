"""One coin's reference price without a seam from window to window, and what settles on it.

The path is drawn second by second from one seed, so it does not depend on who asks when. Settling
uses the published figures: integers of 1e-8 dollars, averages rounded down once. ``Reference`` is
the view that synthetic traders have of one window.
"""

import math

import numpy as np

from polymm.domain.market import NS
from polymm.exchange.flow_reference import PRICE_START, YEAR_S, Reference, fair_path
from polymm.exchange.flow_settings import FlowSettings

PRICES_START = {"btc": PRICE_START, "eth": 4_000.0, "sol": 200.0, "xrp": 2.5, "doge": 0.25}
SCALE_E8 = 100_000_000
HISTORY_NS = 180 * NS


class CoinPrices:
    """A seeded price path, drawn as far as it is asked for.

    Args:
        seed: With the coin's name, source of all its randomness.
        coin: For example ``btc``.
        settings: Step and volatility.
        start_ns: First time at which a price is wanted; a history is drawn before it.
    """

    def __init__(self, seed: int, coin: str, settings: FlowSettings, start_ns: int) -> None:
        self.step_ns = settings.step_ms * 1_000_000
        self._settings = settings
        self._per_s = NS // self.step_ns
        self._rng = np.random.default_rng([seed, *coin.encode()])
        first_ns = start_ns - HISTORY_NS
        self._first_ns = first_ns - first_ns % NS
        self._log_ratio = float(self._rng.standard_normal())
        self._logs = [math.log(PRICES_START.get(coin, 100.0))]
        self._prices_e8 = [self._round_e8(self._logs[0])]
        # Standard deviation of the step that leads to each price.
        self._deviations = [0.0]

    def price_e8(self, ns: int) -> int:
        """Price at a time, 1e-8 dollars."""
        index = self._index(ns)
        self._extend(index)
        return self._prices_e8[index]

    def twap_e8(self, ns: int, lookback_ns: int) -> int:
        """Average over the look-back that ends at a time, 1e-8 dollars, rounded down."""
        last = self._index(ns)
        self._extend(last)
        samples = self._prices_e8[max(last + 1 - lookback_ns // self.step_ns, 0) : last + 1]
        return sum(samples) // len(samples)

    def window(self, start_ns: int, end_ns: int, lookback_ns: int) -> Reference:
        """Give one window's prices, its settlement and the true probability of Up.

        The settlement is that of ``twap_e8`` at both ends, compared as the exchange compares it.
        """
        first, last = self._index(start_ns), self._index(end_ns)
        to_beat_e8 = self.twap_e8(start_ns, lookback_ns)
        final_e8 = self.twap_e8(end_ns, lookback_ns)
        fairs = fair_path(
            np.array(self._logs[first : last + 1]),
            math.log(to_beat_e8 / SCALE_E8),
            np.array(self._deviations[first + 1 : last + 1]) ** 2,
            lookback_ns // self.step_ns,
        )
        fairs[-1] = float(final_e8 >= to_beat_e8)
        return Reference(
            start_ns=start_ns,
            step_ns=self.step_ns,
            prices=[price / SCALE_E8 for price in self._prices_e8[first : last + 1]],
            fairs=fairs,
            price_to_beat=to_beat_e8 / SCALE_E8,
            price_final=final_e8 / SCALE_E8,
        )

    def forget(self, ns: int) -> None:
        """Drop what lies more than the history before a time."""
        seconds = (ns - HISTORY_NS - self._first_ns) // NS
        if seconds > 0:
            for column in (self._logs, self._prices_e8, self._deviations):
                del column[: seconds * self._per_s]
            self._first_ns += seconds * NS

    def _index(self, ns: int) -> int:
        return max((ns - self._first_ns) // self.step_ns, 0)

    def _extend(self, index: int) -> None:
        """Draw whole seconds until the path reaches an index."""
        settings, per_s = self._settings, self._per_s
        keep = math.exp(-1.0 / settings.vol_memory_s)
        per_step = settings.vol_annual / math.sqrt(YEAR_S * per_s)
        spread = settings.vol_of_vol
        while len(self._logs) <= index:
            shock, *steps = self._rng.standard_normal(per_s + 1).tolist()
            self._log_ratio = keep * self._log_ratio + math.sqrt(1.0 - keep * keep) * shock
            # The second term keeps the mean variance at vol_annual ** 2.
            deviation = per_step * math.exp(spread * self._log_ratio - spread * spread)
            for step in steps:
                self._logs.append(self._logs[-1] + deviation * step)
                self._prices_e8.append(self._round_e8(self._logs[-1]))
                self._deviations.append(deviation)

    @staticmethod
    def _round_e8(log_price: float) -> int:
        return round(math.exp(log_price) * SCALE_E8)
