"""What all routes and sockets of one exchange process share."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from aiohttp import web

from polymm.exchange.exchange import Exchange
from polymm.exchange.faults import Faults
from polymm.exchange.listing import Listing
from polymm.exchange.server.pump import Deliver, Message, Pump
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.synthetic import SyntheticMarkets
from polymm.venues.polymarket.wire import EXCHANGES


class Hall:
    """One exchange, its markets and its clock.

    Args:
        settings: Of the whole process.
        clock_ns: Time of day.

    Attributes:
        exchange: Markets, wallets, orders.
        markets: Windows, reference prices and synthetic traders.
        listeners: Get every message the exchange says; sockets add themselves here.
    """

    def __init__(
        self, settings: ServerSettings, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.settings = settings
        self.faults = Faults(settings.seed)
        self.exchange = Exchange(rules=settings.rules, faults=self.faults, seed=settings.seed)
        self.pump = Pump(self.exchange, self._deliver, clock_ns)
        contract = EXCHANGES[settings.chain_id, settings.windows.version, False]
        self.markets = SyntheticMarkets(
            self.exchange,
            replace(settings.windows, spender=contract),
            seed=settings.seed,
            start_ns=self.pump.now_ns(),
        )
        self.listeners: list[Deliver] = []

    @property
    def by_slug(self) -> Mapping[str, Listing]:
        """Listed windows by slug."""
        return self.markets.windows.by_slug

    def now_ns(self) -> int:
        """The exchange's time, ns since the epoch."""
        return self.pump.now_ns()

    def start(self) -> None:
        """Open the markets; from now on time passes."""
        self.markets.start(self.now_ns())
        self.pump.start()

    def stop(self) -> None:
        """Let no more time pass."""
        self.pump.stop()

    def _deliver(self, messages: Sequence[Message]) -> None:
        for listener in self.listeners:
            listener(messages)


HALL = web.AppKey("hall", Hall)
"""Where a handler finds the hall: ``request.app[HALL]``."""
