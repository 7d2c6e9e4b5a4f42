"""Questions to the venue's public routes, for feeds and for whoever wants to know a winner."""

import random
from collections.abc import Callable
from typing import Final

from polymm.domain.order import Token
from polymm.errors import InputError, MarketError, VenueError
from polymm.net.http_outcome import Reply
from polymm.net.http_pool import PoolSettings
from polymm.venues.polymarket import wire
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.reading import NO_ANSWER, Read
from polymm.venues.polymarket.rebates import read_rebates_e6, rebates_path
from polymm.venues.polymarket.records import read_gamma
from polymm.venues.polymarket.service import Service

WAIT_NS: Final = 5_000_000_000
CONNECTIONS: Final = PoolSettings(size=2, waiting_max=64)


class PublicReads:
    """Reads Gamma and the CLOB without credentials.

    Attributes:
        gamma: GET of a path of Gamma.
        clob: GET of a path of the CLOB.
    """

    def __init__(self, hosts: Hosts, rng: random.Random, *, clock_ns: Callable[[], int]) -> None:
        self._url = hosts.clob
        urls = (hosts.gamma, hosts.clob)
        self._services = [
            Service(url, rng, settings=CONNECTIONS, clock_ns=clock_ns) for url in urls
        ]
        self.gamma, self.clob = (_reader(service) for service in self._services)

    async def open(self) -> None:
        """Connect."""
        for service in self._services:
            await service.open()

    async def close(self) -> None:
        """End all connections."""
        for service in self._services:
            await service.close()

    async def check(self) -> None:
        """See whether the venue answers at all.

        Raises:
            VenueError: It does not.
        """
        status, body = await self.clob(wire.TIME_PATH)
        if status != 200:
            reason = body.decode(errors="replace")[:80] if status == NO_ANSWER else "refused"
            told = "did not" if status == NO_ANSWER else f"answered with status {status}"
            text = f"the venue must answer at {self._url}, {told}"
            raise VenueError(reason, text, is_known=True, status=status)

    async def winner(self, slug: str) -> Token | None:
        """Ask Gamma who won a window; None while it does not say.

        Raises:
            VenueError: No answer to that question.
        """
        status, body = await self.gamma(wire.GAMMA_MARKET_PATH.format(slug=slug))
        if status != 200:
            text = f"the winner of {slug}: status {status}"
            raise VenueError("not_found", text, is_known=True, status=status)
        try:
            return read_gamma(body).winner
        except MarketError as error:
            raise VenueError("unreadable", str(error), is_known=True) from error

    async def rebates_e6(self, wallet: str, date: str) -> int:
        """Ask what a wallet was paid in rebates on a day.

        Args:
            date: YYYY-MM-DD, UTC.

        Raises:
            VenueError: No answer to that question.
        """
        status, body = await self.clob(rebates_path(wallet, date))
        try:
            return read_rebates_e6(body)
        except InputError as error:
            raise VenueError("unreadable", str(error), is_known=True, status=status) from error


def _reader(service: Service) -> Read:
    async def read(path: str) -> tuple[int, bytes]:
        outcome = await service.request(service.compose("GET", path), wait_ns=WAIT_NS)
        if isinstance(outcome, Reply):
            return outcome.status, outcome.body
        return NO_ANSWER, outcome.reason.encode()

    return read
