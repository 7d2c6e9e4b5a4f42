"""Whether the venue lets this machine's address trade; asked before arming, and now and then."""

import random
import ssl
from contextlib import AsyncExitStack

from polymm.venues.polymarket import queries, wire
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.keys import ONE_CONNECTION, WAIT_NS
from polymm.venues.polymarket.results import Geoblock
from polymm.venues.polymarket.service import Service


async def ask_geoblock(
    hosts: Hosts, *, rng: random.Random, tls: ssl.SSLContext | None = None
) -> Geoblock:
    """Ask the site.

    Raises:
        VenueError: It did not say; then nobody may take it for a yes.
    """
    service = Service(hosts.site, rng, settings=ONE_CONNECTION, tls=tls)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(service.close)
        await service.open()
        return queries.read_geoblock(await service.ask("GET", wire.GEOBLOCK_PATH, wait_ns=WAIT_NS))
