"""A wallet's way into a venue: order entry, the user channel, heartbeats, its money.

What is missed is read again: whenever the user channel was away, and every few seconds besides.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Final

from polymm.domain.market import NS, Market
from polymm.errors import VenueError
from polymm.net.tasks import Background
from polymm.runtime.account_book import AccountBook
from polymm.runtime.doubts import OVERLAP_S, listed_fills
from polymm.runtime.public_reads import PublicReads
from polymm.venues.polymarket.credentials import ApiCredentials
from polymm.venues.polymarket.gateway import Gateway, GatewaySettings
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.relayer_auth import RelayerKey
from polymm.venues.polymarket.results import BeatResult, BeatState, SettleResult
from polymm.venues.polymarket.settling import Settler, SettleSettings
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.user_events import OrderEvent, UserEvent, own_fills
from polymm.venues.polymarket.user_feed import UserFeed

BEAT_NS: Final = 5 * NS
RECONCILE_NS: Final = 10 * NS
RETRY_NS: Final = NS
TICK_S: Final = 0.25
LIVE_S_MAX: Final = 15.0
# An order is listed a moment after it was placed; a younger one's absence proves nothing.
FRESH_NS: Final = 10 * NS
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

    Attributes:
        gateway: Order entry.
        counts: What was odd, by name.
        cash_start_e6: Balance at the start, 1e-6 dollars.
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
    ) -> None:
        self.wallet = wallet
        self.counts: Counter[str] = Counter()
        self.cash_start_e6 = 0
        self._api_key = credentials.key
        self._reads = reads
        self._clock_ns = clock_ns
        self.gateway = Gateway(
            hosts,
            wallet,
            credentials,
            settings=GatewaySettings(),
            rng=rng,
            clock_ns=clock_ns,
        )
        self._settler = Settler(
            hosts,
            wallet,
            RelayerKey(credentials.key, wallet.key.address),
            settings=SettleSettings(deadline_ns_max=SETTLE_NS_MAX),
            rng=rng,
            clock_ns=clock_ns,
        )
        self._user = UserFeed(
            hosts.ws_user, credentials, self._on_event, self._on_gap, rng=rng, clock_ns=clock_ns
        )
        self._book: AccountBook | None = None
        self._stack = AsyncExitStack()
        self._tasks = Background()
        self._timer: asyncio.TimerHandle | None = None
        self._beat_ns = self._reconcile_ns = 0
        self._gaps = 0
        self._unread_ns: int | None = None
        self._began_ns = clock_ns()
        self._rebates: set[tuple[str, str]] = set()
        self._rebates_start_e6 = 0

    @property
    def heard(self) -> Counter[str]:
        """What the user channel told and how often it had to be opened, by name."""
        return self._user.counts

    async def open(self, book: AccountBook) -> None:
        """Connect, hear the user channel and know the balance.

        Raises:
            VenueError: The venue, or what it thinks of the credentials, does not allow it.
        """
        self._book = book
        await self.gateway.open()
        self._stack.push_async_callback(self.gateway.close)
        await self._settler.open()
        self._stack.push_async_callback(self._settler.close)
        await self._user.open()
        self._stack.push_async_callback(self._user.close)
        await self._wait_live()
        self.cash_start_e6 = (await self.gateway.balance()).balance_e6
        self._rebates_start_e6 = await self._rebated_e6()
        self._tick()

    async def close(self) -> None:
        """End all connections."""
        if self._timer is not None:
            self._timer.cancel()
        await self._tasks.close()
        await self._stack.aclose()

    async def _wait_live(self) -> None:
        last_ns = self._clock_ns() + int(LIVE_S_MAX * NS)
        while not (self._user.is_live and self.gateway.is_ready):
            if self._clock_ns() >= last_ns or self._user.refusals:
                raise VenueError(
                    "unauthorized" if self._user.refusals else "timeout",
                    "the user channel must answer and order entry be connected",
                    is_known=True,
                )
            await asyncio.sleep(0.01)

    # The user channel

    def _on_event(self, event: UserEvent, recv_ns: int) -> None:
        assert self._book is not None
        if isinstance(event, OrderEvent):
            self._book.take_event(event)
        else:
            orders = self._book.orders_of(event.condition_id)
            self._book.take_fills(own_fills(event, self._api_key.reveal(), orders, ""))

    def _on_gap(self, since_ns: int) -> None:
        # Quotes stay away until what was missed has been read (FAILURES 39).
        self._gaps += 1
        self._unread_ns = since_ns if self._unread_ns is None else min(since_ns, self._unread_ns)
        self._tasks.start(self._reconcile(since_ns))

    # What is done every few seconds

    def _tick(self) -> None:
        assert self._book is not None
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)
        now_ns = self._clock_ns()
        is_heard = self._user.is_live and self._unread_ns is None
        may_rest = self.gateway.chain.left_ns(now_ns) > 0
        for desk in self._book.desks:
            desk.put_obstacle("no_user_channel", stands=not is_heard)
            desk.put_obstacle("no_heartbeat", stands=not may_rest)
        self.gateway.budget.live = sum(desk.live_n for desk in self._book.desks)
        if now_ns >= self._beat_ns and self.gateway.beat(self._on_beat):
            self._beat_ns = now_ns + BEAT_NS
        if now_ns >= self._reconcile_ns:
            self._reconcile_ns = now_ns + RECONCILE_NS
            self._tasks.start(self._reconcile(now_ns - RECONCILE_NS))

    def _on_beat(self, result: BeatResult) -> None:
        self.counts[f"beat_{result.state}"] += 1
        if result.state is not BeatState.ACCEPTED:
            self._beat_ns = self._clock_ns() + RETRY_NS

    async def _reconcile(self, since_ns: int) -> None:
        """Read trades since then and all open orders; doubt what should be there and is not.

        A gap whose reading failed is read again soon, from its beginning.
        """
        book = self._book
        assert book is not None
        asked_ns, gaps = self._clock_ns(), self._gaps
        since_ns = since_ns if self._unread_ns is None else min(since_ns, self._unread_ns)
        try:
            after_s = (since_ns + self.gateway.skew.offset_ns) // NS - OVERLAP_S
            trades = await self.gateway.trades(after_s=after_s)
            listed = {order.order_id: order for order in await self.gateway.open_orders()}
            fills = [
                fill
                for trade in trades
                for fill in listed_fills(trade, book.orders_of(trade.condition_id))
            ]
        except VenueError as error:
            self.counts[f"reconcile_{error.reason}"] += 1
            self._reconcile_ns = min(self._reconcile_ns, asked_ns + RETRY_NS)
            return
        if gaps == self._gaps:
            self._unread_ns = None
        book.take_fills(fills)
        known: set[str] = set()
        for desk in book.desks:
            known.update(desk.dispatch.by_hash)
            for sent in desk.dispatch.open:
                found = listed.get(sent.order_id)
                if found is not None:
                    sent.owed_e6 = max(sent.owed_e6, found.matched_e6)
                is_missing = found is None and asked_ns - sent.sent_ns > FRESH_NS and sent.is_alive
                if is_missing or sent.owed_e6 > sent.booked_e6:
                    self.counts["doubted"] += 1
                    desk.dispatch.ask(sent)
        self.counts["unknown_orders"] += len(listed.keys() - known)

    # Settling

    async def merge(self, market: Market, pairs_e6: int) -> SettleResult:
        """Turn pairs into dollars, and have the venue see it."""
        result = await self._settler.merge(market, pairs_e6)
        await self._refresh(market)
        return result

    async def redeem(self, market: Market, *, up_e6: int, down_e6: int) -> SettleResult:
        """Turn winning shares into dollars, and have the venue see it."""
        result = await self._settler.redeem(market, up_e6=up_e6, down_e6=down_e6)
        await self._refresh(market)
        return result

    async def _refresh(self, market: Market) -> None:
        for token_id in ("", market.up_token, market.down_token):
            try:
                await self.gateway.refresh_balance(token_id)
            except VenueError as error:
                self.counts[f"refresh_{error.reason}"] += 1

    # Money

    async def check_money(self) -> tuple[dict[str, str], list[str]]:
        """Hold the venue's balance against all that our windows moved; facts and faults."""
        book = self._book
        assert book is not None
        last_ns = self._clock_ns() + int(MONEY_S_MAX * NS)
        while True:
            try:
                cash_e6 = (await self.gateway.balance()).balance_e6
                rebates_e6 = await self._rebated_e6() - self._rebates_start_e6
            except VenueError as error:
                return {}, [f"the balance cannot be read: {error}"]
            expected_e6 = self.cash_start_e6 + book.cash_e6 + rebates_e6
            if cash_e6 == expected_e6 or self._clock_ns() >= last_ns:
                break
            # What is on its way to the chain arrives within seconds.
            await asyncio.sleep(MONEY_LOOK_S)
        facts = {
            "balance at the venue": f"{self.cash_start_e6 / 1e6:,.6f} before,"
            f" {cash_e6 / 1e6:,.6f} after, of that {rebates_e6 / 1e6:,.6f} rebates;"
            f" by our ledger {expected_e6 / 1e6:,.6f}"
        }
        if book.owed_e6:
            facts["not redeemed"] = f"{book.owed_e6 / 1e6:,.6f} dollars, left to the venue"
        if cash_e6 == expected_e6:
            return facts, []
        return facts, [
            f"the venue's balance is {cash_e6}e-6 dollars, by our ledger it must be"
            f" {expected_e6}e-6: {self.cash_start_e6} at the start, {book.cash_e6} by trades,"
            f" merges and payouts, {rebates_e6} by rebates"
        ]

    async def _rebated_e6(self) -> int:
        """Rebates paid to this wallet on the days of this session."""
        first_s, now_s = self._began_ns // NS, self._clock_ns() // NS
        days = range(first_s // DAY_S, now_s // DAY_S + 1)
        return sum([await self._reads.rebates_e6(self.wallet.funder, _date(day)) for day in days])


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY_S, UTC).date().isoformat()
