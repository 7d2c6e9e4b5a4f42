"""Split, merge, redeem and approve for all four wallet types, from a call to its typed end.

Wallets of types 1 to 3 go through the relayer, which pays the gas; a plain key sends transactions
itself. Afterwards the venue must be told to look: `Gateway.refresh_balance`.
"""

import asyncio
import random
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from polymm.domain.market import Market
from polymm.errors import InputError
from polymm.net.http_pool import PoolSettings
from polymm.venues.polymarket import onchain, wire
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.onchain import Call, Condition
from polymm.venues.polymarket.raw_calls import RawCalls
from polymm.venues.polymarket.relayed_calls import AsksRelayer, RelayedCalls
from polymm.venues.polymarket.relayer_life import SubmitQuota
from polymm.venues.polymarket.results import SettleResult, SettleState
from polymm.venues.polymarket.rpc import ChainNode
from polymm.venues.polymarket.service import Service
from polymm.venues.polymarket.signing import Wallet
from polymm.venues.polymarket.wire import SignatureType

_NS: Final = 1_000_000_000
_OUTCOME_MASK: Final = 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleSettings:
    """How long to wait.

    Args:
        request_ns_max: For the answer to one request.
        deadline_ns_max: For the end of one operation; what has no end by then is unknown.
        connections: To the relayer and to the node.
    """

    request_ns_max: int = 15 * _NS
    deadline_ns_max: int = 240 * _NS
    connections: PoolSettings = field(default=PoolSettings(size=1, waiting_max=8))


class Settler:
    """One wallet's operations on chain, one at a time.

    Args:
        hosts: Relayer and node.
        wallet: Whose money moves.
        asker: Who asks the relayer: a `RelayerKey` or a `BuilderSigner`; None for type 0.
        settings: How long to wait.
        rng: Jitter of the back-off.
        quota: Of the relayer key; give one to all wallets that share it.
        clock_ns: Of pauses and deadlines.
        wall_ns: Time of day.
        sleep: Waits so many seconds.
        tls: Trust for secure schemes; the system's where None.

    Raises:
        InputError: A wallet of types 1 to 3 without somebody to ask for it, or on a chain whose
            contracts no document names.
    """

    def __init__(
        self,
        hosts: Hosts,
        wallet: Wallet,
        asker: AsksRelayer | None,
        *,
        settings: SettleSettings,
        rng: random.Random,
        quota: SubmitQuota | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        if wallet.chain_id != wire.POLYGON:
            raise InputError(
                f"contracts are known on chain {wire.POLYGON} only, was {wallet.chain_id}"
            )
        self._wallet = wallet

        def service(url: str) -> Service:
            return Service(url, rng, settings=settings.connections, tls=tls)

        rpc = service(hosts.rpc)
        self._services = [rpc]
        self._node = ChainNode(rpc, wait_ns=settings.request_ns_max)
        self._calls: RawCalls | RelayedCalls
        if wallet.signature_type is SignatureType.EOA:
            self._calls = RawCalls(
                self._node,
                wallet,
                deadline_ns_max=settings.deadline_ns_max,
                clock_ns=clock_ns,
                sleep=sleep,
            )
            return
        if asker is None:
            raise InputError("a wallet of types 1 to 3 needs a relayer key or builder credentials")
        relayer = service(hosts.relayer)
        self._services.append(relayer)
        self._calls = RelayedCalls(
            relayer,
            wallet,
            asker,
            quota=quota or SubmitQuota(),
            wait_ns=settings.request_ns_max,
            deadline_ns_max=settings.deadline_ns_max,
            clock_ns=clock_ns,
            wall_ns=wall_ns,
            sleep=sleep,
        )

    async def open(self) -> None:
        """Connect."""
        for service in self._services:
            await service.open()

    async def close(self) -> None:
        """End all connections."""
        async with AsyncExitStack() as stack:
            for service in self._services:
                stack.push_async_callback(service.close)

    async def split(self, market: Market, pairs_e6: int) -> SettleResult:
        """Turn 1e-6 dollars into as many shares of both tokens.

        Raises:
            InputError: Nothing to split.
        """
        return await self._calls.run([onchain.split_call(Condition.of(market), pairs_e6)])

    async def merge(self, market: Market, pairs_e6: int) -> SettleResult:
        """Turn 1e-6 shares of both tokens into as many dollars.

        Shares that back open sells must not be merged: the venue then cancels those orders.

        Raises:
            InputError: Nothing to merge.
        """
        return await self._calls.run([onchain.merge_call(Condition.of(market), pairs_e6)])

    async def redeem(self, market: Market, *, up_e6: int, down_e6: int) -> SettleResult:
        """Turn what is held of a resolved market into dollars; before its payout it reverts.

        Args:
            up_e6: 1e-6 shares held of Up; a v1 market redeems all of both, whatever is given.
        """
        amounts_e6 = (up_e6, down_e6)
        # A v2 token's last byte is the place of its outcome; in v1 one call takes both.
        if market.version == wire.MARKET_V2 and int(market.up_token) & _OUTCOME_MASK:
            amounts_e6 = (down_e6, up_e6)
        return await self._run(onchain.redeem_calls(Condition.of(market), amounts_e6))

    async def approve(self, market: Market, *, redeem_by_venue: bool = False) -> SettleResult:
        """Give the leaves that trading, merging and redeeming a market needs, where missing.

        Raises:
            VenueError: The node does not say which are missing.
        """
        wanted = onchain.approvals(Condition.of(market), redeem_by_venue=redeem_by_venue)
        missing = [
            approval.grant()
            for approval in wanted
            if not approval.is_granted(await self._node.view(approval.query(self._wallet.funder)))
        ]
        return await self._run(missing)

    async def _run(self, calls: Sequence[Call]) -> SettleResult:
        if not calls:
            return SettleResult(state=SettleState.SETTLED)
        return await self._calls.run(calls)
