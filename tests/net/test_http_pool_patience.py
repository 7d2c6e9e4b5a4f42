"""How long a pool waits: in its queue, for impatient peers, and for replies that never come."""

import asyncio
import time

import pytest

from polymm.net import http_pool
from polymm.net.http_outcome import NotSent, Reply, Unknown
from tests.support.loopback import MS, SECOND, Stage, serving, settled, until
from tests.support.pools import POST, held, in_time, numbered, pooled


def test_a_peer_that_hangs_up_on_the_idle_only_is_dialled_again_at_once(
    run: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_pool, "_GOOD_NS", 2 * MS)

    async def impatient(*_: object) -> None:
        await asyncio.sleep(0.003)

    async def scene() -> None:
        async with (
            serving(impatient) as server,
            pooled(server.port, backoff_base_ns=SECOND, backoff_ns_max=SECOND) as pool,
        ):
            await until(lambda: server.connections == 4)
            assert pool.counts["lost"] >= 3

    run(scene())


def test_a_request_waits_no_longer_than_the_queue_lets_it(run: Stage) -> None:
    async def scene() -> None:
        requests: list[bytes] = []
        go = asyncio.Event()
        async with (
            serving(held(requests, go)) as server,
            pooled(server.port, waiting_ns_max=4 * MS) as pool,
        ):
            first = asyncio.create_task(pool.request(numbered(1), deadline_ns=in_time()))
            await until(lambda: len(requests) == 1)
            got = await pool.request(numbered(2), deadline_ns=in_time())
            assert got == NotSent("deadline", "no connection became free in time")
            go.set()
            assert isinstance(await first, Reply), "who was written waits as long as it may"
            assert requests == [numbered(1)]

    run(scene())


def test_a_retired_connection_whose_reply_never_comes_is_forgotten(run: Stage) -> None:
    async def scene() -> None:
        requests: list[bytes] = []
        async with (
            serving(held(requests, asyncio.Event())) as server,
            pooled(server.port, idle_ns_max=4 * MS) as pool,
        ):
            (connection,) = pool._free
            asked = asyncio.create_task(
                pool.request(POST, deadline_ns=time.monotonic_ns() + 20 * MS)
            )
            await until(lambda: len(requests) == 1)
            pool._retire(connection)
            assert connection in pool._retired
            assert isinstance(await asked, Unknown)
            await settled()
            assert not pool._retired

    run(scene())
