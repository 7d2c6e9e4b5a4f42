"""Keys that the venue no longer takes, over loopback: derived anew, and then used by everything."""

import random

import pytest

from polymm.engine import evidence as ev
from polymm.engine.actions import ReadKeys
from polymm.errors import VenueError
from polymm.exchange.server.app import serving
from polymm.exchange.server.settings import ServerSettings
from polymm.runtime.clock import Clock
from polymm.runtime.public_reads import PublicReads
from polymm.venues.polymarket.hosts import Hosts
from polymm.venues.polymarket.wire import SignatureType
from tests.support.live_sessions import access_of
from tests.support.loopback import Stage, until
from tests.support.port_scene import opened


def test_keys_that_died_are_derived_anew_for_orders_reads_and_the_user_channel(
    stage: Stage,
) -> None:
    async def scene() -> None:
        async with serving(ServerSettings()) as served:
            clock, rng = Clock(), random.Random(1)
            hosts = Hosts.at(served.urls["clob"])
            reads = PublicReads(hosts, rng, clock_ns=clock.now_ns)
            access = await access_of(hosts, SignatureType.EOA, reads, rng, clock)
            told: list[ev.Event] = []
            access.venue.take = told.append
            await access.open()
            await access.hear()
            before = access.api_key.reveal()
            account = served.hall.accounts.find(before)
            assert account is not None
            served.hall.accounts.delete(account)
            with pytest.raises(VenueError, match="unauthorized"):
                await access.gateway.open_orders()
            access.venue.read(ReadKeys())
            await until(lambda: any(isinstance(one, ev.KeysRead) for one in told))
            assert access.api_key.reveal() != before
            assert await access.gateway.open_orders() == []
            await until(lambda: access.heard["ended_renewed"] == 1)
            await until(lambda: isinstance(told[-1], ev.UserChannel) and told[-1].is_live)
            assert access.heard["opened"] == 2
            await access.close()

    stage(scene())


def test_a_venue_that_gives_no_keys_says_so(stage: Stage) -> None:
    async def scene() -> None:
        async with opened() as it:
            it.port.read(ReadKeys())
            await until(lambda: bool(it.events))
            (failed,) = it.of(ev.ReadFailed)
            assert (failed.kind, failed.reason) == (ev.ReadKind.KEYS, "refused")

    stage(scene())
