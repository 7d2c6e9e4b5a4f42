"""What all routes and sockets of one exchange process share."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from aiohttp import web

from polymm.domain.tape import Tape
from polymm.exchange.exchange import Exchange
from polymm.exchange.faults import Faults
from polymm.exchange.listing import Listing
from polymm.exchange.server.accounts import Accounts
from polymm.exchange.server.pump import Deliver, Message, Pump
from polymm.exchange.server.settings import ServerSettings
from polymm.exchange.synthetic import SyntheticMarkets
from polymm.exchange.tape_flow import TapeMarkets
from polymm.venues.polymarket.wire import EXCHANGES


class Hall:
    """One exchange, its markets and its clock.

    Args:
        settings: Of the whole process.
        tapes: Recordings to play instead of synthetic traders.
        clock_ns: Time of day.

    Attributes:
        exchange: Markets, wallets, orders.
        accounts: API keys and the money of those who have one.
        markets: Windows, reference prices and whoever trades there.
        listeners: Get every message the exchange says; sockets add themselves here.
        slow_count: Subscribers that were cut off because they did not read.
        closers: Called when the exchange stops; what keeps timers or sockets adds itself here.
    """

    def __init__(
        self,
        settings: ServerSettings,
        tapes: Sequence[Tape] = (),
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.settings = settings
        self.faults = Faults(settings.seed)
        self.exchange = Exchange(rules=settings.rules, faults=self.faults, seed=settings.seed)
        self.accounts = Accounts(self.exchange, settings)
        self.exchange.on_listed.append(self.accounts.listed)
        self.pump = Pump(self.exchange, self._deliver, clock_ns)
        contract = EXCHANGES[settings.chain_id, settings.windows.version, False]
        windows = replace(settings.windows, spender=contract)
        self.markets: SyntheticMarkets | TapeMarkets
        if tapes:
            self.markets = TapeMarkets(self.exchange, tapes, windows, seed=settings.seed)
        else:
            self.markets = SyntheticMarkets(
                self.exchange,
                windows,
                settings.flow,
                seed=settings.seed,
                start_ns=self.pump.now_ns(),
            )
        self.listeners: list[Deliver] = []
        self.slow_count = 0
        self.closers: list[Callable[[], None]] = []

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
        for close in self.closers:
            close()

    def _deliver(self, messages: Sequence[Message]) -> None:
        for listener in self.listeners:
            listener(messages)


HALL = web.AppKey("hall", Hall)
"""Where a handler finds the hall: ``request.app[HALL]``."""
