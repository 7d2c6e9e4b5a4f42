"""Cancelling everything of an account without its engine, and proving that nothing rests."""

import asyncio
import random
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from polymm.errors import VenueError
from polymm.venues.polymarket.credentials import ApiCredentials
from polymm.venues.polymarket.gateway import Gateway, GatewaySettings
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.keys import create_or_derive_key
from polymm.venues.polymarket.results import SweepResult
from polymm.venues.polymarket.signing import Wallet

# A request on its way may still bring an order into the book (FAILURES 16), and a fresh order is
# missing from a list for a while: two empty lists so far apart.
APART_S: Final = 2.0
RETRY_S: Final = 0.5
PATIENCE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Cancelled:
    """What came of it.

    Args:
        orders: Those that the venue says it cancelled.
        left: Those that it lists still; empty where two complete lists were.
        is_proven: Whether they were; else why not is ``why``.
    """

    orders: tuple[str, ...]
    left: tuple[str, ...]
    is_proven: bool
    why: str = ""


async def cancel_everything(
    hosts: Hosts, wallet: Wallet, api: ApiCredentials | None, *, patience_s: float = PATIENCE_S
) -> Cancelled:
    """Cancel all orders of an API key, again and again until the venue lists none of them.

    Args:
        api: None where the credentials are to be created or derived.
        patience_s: From the first request on.

    Raises:
        VenueError: The venue gives no credentials.
    """
    rng = random.Random(secrets.randbits(64))
    until_s = time.monotonic() + patience_s
    credentials = api or await create_or_derive_key(hosts, wallet.key, wallet.chain_id, rng=rng)
    gateway = Gateway(hosts, wallet, credentials, settings=GatewaySettings(), rng=rng)
    try:
        with suppress(VenueError):  # no word on its clock: ours is as good
            await gateway.open()
        return await prove_empty(gateway, until_s)
    finally:
        await gateway.close()


async def prove_empty(gateway: Gateway, until_s: float) -> Cancelled:
    """Cancel everything through an open gateway until nothing is listed, or until that time.

    Args:
        until_s: By the monotonic clock.
    """
    orders: dict[str, None] = {}
    left: tuple[str, ...] = ()
    why, empty_s = "", 0.0
    must_sweep = True
    while True:
        if must_sweep:
            swept = await _sweep(gateway)
            orders.update(dict.fromkeys(swept.canceled))
            why = swept.reason
        try:
            left = tuple(order.order_id for order in await gateway.open_orders())
        except VenueError as error:
            why = error.reason
        else:
            must_sweep = bool(left) or bool(why)
            now_s = time.monotonic()
            if must_sweep:
                empty_s = 0.0
            elif not empty_s:
                empty_s = now_s
            elif now_s - empty_s >= APART_S:
                return Cancelled(tuple(orders), (), is_proven=True)
        if time.monotonic() >= until_s:
            return Cancelled(tuple(orders), left, is_proven=False, why=why or "not_empty")
        await asyncio.sleep(RETRY_S)


async def _sweep(gateway: Gateway) -> SweepResult:
    swept: asyncio.Future[SweepResult] = asyncio.get_running_loop().create_future()
    gateway.cancel_all(swept.set_result)
    return await swept
