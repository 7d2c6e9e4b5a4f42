"""A wallet's way into a venue: order entry, the user channel, the chain, and its money.

What is decided and believed is the engine's; here are the connections, and the check of the whole
run: the venue's balance against all that its windows moved.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from polymm.domain.market import NS, Market
from polymm.errors import CredentialError, VenueError
from polymm.net.http_pool import PoolSettings
from polymm.runtime.money_book import MoneyBook
from polymm.runtime.public_reads import PublicReads
from polymm.runtime.venue_port import LiveVenue
from polymm.venues.polymarket.credentials import ApiCredentials, Secret
from polymm.venues.polymarket.gateway import Gateway, GatewaySettings
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.keys import create_or_derive_key
from polymm.venues.polymarket.link import SocketTap
from polymm.venues.polymarket.results import SettleResult
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.user_feed import UserFeed, UserFeedSettings

if TYPE_CHECKING:
    from polymm.venues.polymarket.relayer_auth import RelayerKey
    from polymm.venues.polymarket.settling import Settler

# An order never waits for a connection: by then the gate may be closed (I6).
ORDERS: Final = PoolSettings(size=8, waiting_max=0)
LIVE_S_MAX: Final = 15.0
# The relayer ends an operation within ten seconds or so; the report does not wait for ever.
SETTLE_NS_MAX: Final = 60 * NS
MONEY_S_MAX: Final = 20.0
MONEY_LOOK_S: Final = 0.5
DAY_S: Final = 86_400


class Access:
    """One wallet and all that trades for it.

    Args:
        hosts: Where the venue is.
        wallet: Whose orders.
        credentials: Its API key.
        reads: Public routes, for rebates.
        rng: Salts and jitter.
        clock_ns: Of stamps and deadlines.
        ahead_ticks: As of GatewaySettings.
        user_age_ns_max: A user channel that is silent for so long is told as lost before.

    Attributes:
        gateway: Order entry.
        venue: The engine's.
        counts: What was odd, by name.
    """

    def __init__(
        self,
        hosts: Hosts,
        wallet: Wallet,
        credentials: ApiCredentials,
        reads: PublicReads,
        *,
        rng: random.Random,
        clock_ns: Callable[[], int],
        ahead_ticks: int = 0,
        user_age_ns_max: int = 2 * NS,
        tap: SocketTap | None = None,
    ) -> None:
        self.wallet = wallet
        self.api_key = credentials.key
        self.counts: Counter[str] = Counter()
        self._reads = reads
        self._clock_ns = clock_ns
        self.gateway = Gateway(
            hosts,
            wallet,
            credentials,
            settings=GatewaySettings(orders=ORDERS, ahead_ticks=ahead_ticks),
            rng=rng,
            clock_ns=clock_ns,
        )
        self._hosts = hosts
        self._rng = rng
        self._relayer_key: RelayerKey | None = None
        self._settler: Settler | None = None
        self.venue = LiveVenue(self.gateway, self, self.api_key, clock_ns)
        self.venue.renew_keys = self.renew_keys
        self._user = UserFeed(
            hosts.ws_user,
            credentials,
            self.venue.hear,
            self.venue.miss,
            on_lost=self.venue.lose,
            rng=rng,
            settings=UserFeedSettings.within(user_age_ns_max),
            clock_ns=clock_ns,
            tap=tap,
        )
        self._stack = AsyncExitStack()

    @property
    def heard(self) -> Counter[str]:
        """What the user channel told and how often it had to be opened, by name."""
        return self._user.counts

    async def open(self) -> None:
        """Connect.

        Raises:
            VenueError: The venue, or what it thinks of the credentials, does not allow it.
        """
        await self.gateway.open()
        self._stack.push_async_callback(self.gateway.close)
        self._stack.push_async_callback(self.venue.close)

    async def hear(self) -> None:
        """Open the user channel, once the engine listens, and wait until it is heard.

        Merges and payouts are possible from then on.

        Raises:
            VenueError: The venue refuses the credentials, or says nothing.
        """
        await self._user.open()
        self._stack.push_async_callback(self._user.close)
        await self._open_settler()
        last_ns = self._clock_ns() + int(LIVE_S_MAX * NS)
        while not self._user.is_live:
            if self._clock_ns() >= last_ns or self._user.refusals:
                raise VenueError(
                    "unauthorized" if self._user.refusals else "timeout",
                    "the user channel must answer",
                    is_known=True,
                )
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """End all connections."""
        await self._stack.aclose()

    async def renew_keys(self) -> Secret:
        """Have the venue give API credentials anew, and use them from here on.

        Raises:
            VenueError: It gives none.
        """
        try:
            credentials = await create_or_derive_key(
                self._hosts, self.wallet.key, rng=self._rng, clock_ns=self._clock_ns
            )
        except CredentialError:
            raise VenueError(
                "unreadable", "API credentials must be such as can be used", is_known=False
            ) from None
        self.api_key = credentials.key
        self.gateway.renew(credentials)
        self._user.renew(credentials)
        if self._relayer_key is not None:
            self._relayer_key.renew(credentials.key)
        return credentials.key

    # Settling

    async def _open_settler(self) -> None:
        """Connect to relayer and node; loaded by now only: a start cancels everything first."""
        from polymm.venues.polymarket.relayer_auth import RelayerKey
        from polymm.venues.polymarket.settling import Settler, SettleSettings

        self._relayer_key = RelayerKey(self.api_key, self.wallet.key.address)
        self._settler = Settler(
            self._hosts,
            self.wallet,
            self._relayer_key,
            settings=SettleSettings(deadline_ns_max=SETTLE_NS_MAX),
            rng=self._rng,
            clock_ns=self._clock_ns,
        )
        await self._settler.open()
        self._stack.push_async_callback(self._settler.close)

    @property
    def _settling(self) -> "Settler":
        assert self._settler is not None, "merges and payouts wait until the venue is heard"
        return self._settler

    async def merge(self, market: Market, pairs_e6: int) -> SettleResult:
        """Turn pairs into dollars, and have the venue see it."""
        result = await self._settling.merge(market, pairs_e6)
        await self._refresh(market)
        return result

    async def redeem(self, market: Market, *, up_e6: int, down_e6: int) -> SettleResult:
        """Turn winning shares into dollars, and have the venue see it."""
        result = await self._settling.redeem(market, up_e6=up_e6, down_e6=down_e6)
        await self._refresh(market)
        return result

    async def _refresh(self, market: Market) -> None:
        for token_id in ("", market.up_token, market.down_token):
            try:
                await self.gateway.refresh_balance(token_id)
            except VenueError as error:
                self.counts[f"refresh_{error.reason}"] += 1

    # Money

    async def begin_money(self, book: MoneyBook) -> None:
        """Note what there is before anything is traded, unless an earlier run did.

        Raises:
            VenueError: The venue does not say.
        """
        if not book.began_ns:
            book.began_ns = self._clock_ns()
            book.cash_start_e6 = (await self.gateway.balance()).balance_e6
            book.rebates_start_e6 = await self._rebated_e6(book.began_ns)

    async def check_money(
        self, book: MoneyBook, passing_e6: int = 0, wait_s: float = MONEY_S_MAX
    ) -> tuple[dict[str, str], list[str]]:
        """Hold the venue's balance against all that windows moved; facts and faults.

        Args:
            book: What settled windows moved, as the venue lists it.
            passing_e6: What those moved that are not settled.
            wait_s: How long to wait for what is on its way to the chain.
        """
        moved_e6 = book.moved_e6 + passing_e6
        last_ns = self._clock_ns() + int(wait_s * NS)
        while True:
            try:
                cash_e6 = (await self.gateway.balance()).balance_e6
                rebates_e6 = await self._rebated_e6(book.began_ns) - book.rebates_start_e6
            except VenueError as error:
                return {}, [f"the balance cannot be read: {error}"]
            expected_e6 = book.cash_start_e6 + moved_e6 + rebates_e6
            if cash_e6 == expected_e6 or self._clock_ns() >= last_ns:
                break
            # What is on its way to the chain arrives within seconds.
            await asyncio.sleep(MONEY_LOOK_S)
        facts = {
            "balance at the venue": f"{book.cash_start_e6 / 1e6:,.6f} before,"
            f" {cash_e6 / 1e6:,.6f} after, of that {rebates_e6 / 1e6:,.6f} rebates;"
            f" by our ledger {expected_e6 / 1e6:,.6f}"
        }
        if book.owed_e6:
            facts["not redeemed"] = f"{book.owed_e6 / 1e6:,.6f} dollars, left to the venue"
        if cash_e6 == expected_e6:
            return facts, []
        return facts, [
            f"the venue's balance is {cash_e6}e-6 dollars, by our ledger it must be"
            f" {expected_e6}e-6: {book.cash_start_e6} at the start, {moved_e6} by trades,"
            f" merges and payouts, {rebates_e6} by rebates"
        ]

    async def _rebated_e6(self, began_ns: int) -> int:
        """Rebates paid to this wallet on the days since then."""
        first_s, now_s = began_ns // NS, self._clock_ns() // NS
        days = range(first_s // DAY_S, now_s // DAY_S + 1)
        return sum([await self._reads.rebates_e6(self.wallet.funder, _date(day)) for day in days])


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()
