"""API credentials for a signing key: created, or derived where they exist."""

import random
import ssl
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

from polymm.errors import VenueError
from polymm.net.http_outcome import Reply
from polymm.net.http_pool import PoolSettings
from polymm.venues.polymarket import queries, wire
from polymm.venues.polymarket.auth import l1_headers
from polymm.venues.polymarket.credentials import ApiCredentials, Secret, SigningKey
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.replies import parsed, refusal_of
from polymm.venues.polymarket.service import Service, success, venue_error

ONE_CONNECTION: Final = PoolSettings(size=1, waiting_max=1)
WAIT_NS: Final = 15_000_000_000
_NAMES: Final = ("apiKey", "secret", "passphrase")


async def create_or_derive_key(
    hosts: Hosts,
    key: SigningKey,
    chain_id: int = wire.POLYGON,
    *,
    rng: random.Random,
    nonce: int = 0,
    tls: ssl.SSLContext | None = None,
    clock_ns: Callable[[], int] = time.monotonic_ns,
) -> ApiCredentials:
    """Get the credentials of a key; both calls give the same ones however often they are made.

    Args:
        nonce: Selects among the credentials of one address.

    Raises:
        VenueError: The venue gives none, and says why.
        CredentialError: What it gives cannot be credentials; the message does not show them.
        InputError: The nonce cannot be signed.
    """
    service = Service(hosts.clob, rng, settings=ONE_CONNECTION, tls=tls, clock_ns=clock_ns)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(service.close)
        await service.open()
        # Signed with the venue's time: a clock that is off would look like a bad key.
        now = await service.ask("GET", wire.TIME_PATH, wait_ns=WAIT_NS)
        now_s = queries.read_time(now)

        def headers() -> dict[str, str]:
            """Made where they are needed: as good as a key while they are fresh."""
            return l1_headers(key, chain_id=chain_id, timestamp_s=now_s, nonce=nonce)

        created = await service.request(
            service.compose("POST", wire.CREATE_KEY_PATH, headers=headers(), body=b""),
            wait_ns=WAIT_NS,
        )
        refusal = refusal_of(created)
        if refusal is None:
            secrets = _secrets(success(created, wire.CREATE_KEY_PATH))
            del created  # An error below keeps this frame, and must not show it.
            return _credentials(secrets)
        if refusal.status != 400 and refusal.is_known:
            raise venue_error(refusal, f"POST {wire.CREATE_KEY_PATH}")
        # They exist; or the answer was lost, and then they may.
        path = wire.DERIVE_KEY_PATH
        return _credentials(
            _secrets(await service.ask("GET", path, wait_ns=WAIT_NS, headers=headers()))
        )


def _secrets(reply: Reply) -> list[Secret]:
    """Take credentials out of an answer; none where it has not all of them as texts."""
    value = parsed(reply.body)
    texts = [value.get(name) for name in _NAMES] if isinstance(value, dict) else []
    found = [Secret(text) for text in texts if isinstance(text, str)]
    return found if len(found) == len(_NAMES) else []


def _credentials(secrets: list[Secret]) -> ApiCredentials:
    if not secrets:
        raise VenueError(
            "unreadable", f"credentials must be texts under {', '.join(_NAMES)}", is_known=False
        )
    return ApiCredentials(*secrets)
