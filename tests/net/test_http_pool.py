"""A pool: warm before need, bounded queues, cancels apart, and never a request sent twice."""

import asyncio
import random
import time

import pytest

from polymm.net.dialling import Endpoint
from polymm.net.http_outcome import NotSent, Outcome, Reply, Unknown
from polymm.net.http_pool import HttpPool, PoolSettings
from tests.support.loopback import (
    MS,
    SECOND,
    Stage,
    answering,
    read_request,
    reply,
    serving,
    settled,
    trust,
    until,
    unused_port,
)
from tests.support.pools import POST, held, in_time, numbered, pooled


def test_all_connections_are_warm_before_the_first_request(run: Stage) -> None:
    async def scene() -> None:
        async with serving(answering(reply())) as server, pooled(server.port, size=3) as pool:
            await until(lambda: pool.ready == 3)
            assert isinstance(await pool.request(POST, deadline_ns=in_time()), Reply)
            assert (server.connections, pool.counts["dialled"]) == (3, 3)

    run(scene())


def test_requests_in_flight_take_a_connection_each(run: Stage) -> None:
    async def scene() -> None:
        requests: list[bytes] = []
        go = asyncio.Event()
        async with serving(held(requests, go)) as server, pooled(server.port, size=2) as pool:
            await until(lambda: pool.ready == 2)
            asked = [pool.request(numbered(i), deadline_ns=in_time()) for i in range(2)]
            waiters = [asyncio.create_task(one) for one in asked]
            await until(lambda: len(requests) == 2)
            go.set()
            assert [type(one) for one in await asyncio.gather(*waiters)] == [Reply, Reply]

    run(scene())


def test_cancels_do_not_wait_behind_placements(run: Stage) -> None:
    async def scene() -> None:
        requests: list[bytes] = []
        go = asyncio.Event()
        outcomes: list[Outcome] = []
        async with (
            serving(held(requests, go)) as slow,
            serving(answering(reply(b"cancelled"))) as quick,
            pooled(slow.port) as orders,
            pooled(quick.port) as cancels,
        ):
            for _ in range(4):
                orders.send(POST, deadline_ns=in_time(), on_outcome=outcomes.append)
            got = await cancels.request(POST, deadline_ns=in_time())
            assert isinstance(got, Reply)
            assert outcomes == []
            go.set()
            await until(lambda: len(outcomes) == 4)

    run(scene())


def test_waiting_requests_go_in_their_order(run: Stage) -> None:
    async def scene() -> None:
        requests: list[bytes] = []
        go = asyncio.Event()
        outcomes: list[Outcome] = []
        async with serving(held(requests, go)) as server, pooled(server.port) as pool:
            for i in range(4):
                assert (
                    pool.send(numbered(i), deadline_ns=in_time(), on_outcome=outcomes.append)
                    is None
                )
            assert pool.waiting == 3
            go.set()
            await until(lambda: len(outcomes) == 4)
            assert requests == [numbered(i) for i in range(4)]
            assert (pool.waiting, pool.counts["queued"], server.connections) == (0, 3, 1)

    run(scene())


def test_a_full_queue_refuses(run: Stage) -> None:
    async def scene() -> None:
        go = asyncio.Event()
        async with serving(held([], go)) as server, pooled(server.port, waiting_max=1) as pool:
            refused = [
                pool.send(POST, deadline_ns=in_time(), on_outcome=lambda _: None) for _ in range(3)
            ]
            assert refused[:2] == [None, None]
            assert isinstance(refused[2], NotSent)
            assert refused[2].reason == "busy"

    run(scene())


def test_a_request_whose_deadline_passes_in_the_queue_is_never_sent(run: Stage) -> None:
    async def scene() -> None:
        requests: list[bytes] = []
        go = asyncio.Event()
        async with serving(held(requests, go)) as server, pooled(server.port) as pool:
            first = asyncio.create_task(pool.request(numbered(1), deadline_ns=in_time()))
            await until(lambda: len(requests) == 1)
            got = await pool.request(numbered(2), deadline_ns=time.monotonic_ns() + 4 * MS)
            assert isinstance(got, NotSent)
            assert got.reason == "deadline"
            go.set()
            assert isinstance(await first, Reply)
            await settled()
            assert requests == [numbered(1)]

    run(scene())


def test_withdrawn_requests_are_never_sent(run: Stage) -> None:
    async def scene() -> None:
        requests: list[bytes] = []
        go = asyncio.Event()
        outcomes: list[Outcome] = []
        async with serving(held(requests, go)) as server, pooled(server.port) as pool:
            for i in range(3):
                pool.send(numbered(i), deadline_ns=in_time(), on_outcome=outcomes.append)
            await until(lambda: len(requests) == 1)
            assert pool.withdraw() == 2
            await settled()
            assert outcomes == [NotSent("withdrawn"), NotSent("withdrawn")]
            go.set()
            await until(lambda: len(outcomes) == 3)
            assert requests == [numbered(0)]

    run(scene())


def test_a_lost_connection_is_dialled_again_and_its_request_is_not(run: Stage) -> None:
    requests: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            requests.append(await read_request(reader))
            if len(requests) == 2:
                return
            writer.write(reply())

    async def scene() -> None:
        async with serving(script) as server, pooled(server.port) as pool:
            got = [await pool.request(numbered(i), deadline_ns=in_time()) for i in range(3)]
            assert [type(one) for one in got] == [Reply, Unknown, Reply]
            assert requests == [numbered(0), numbered(1), numbered(2)]
            assert (server.connections, pool.counts["lost"]) == (2, 1)

    run(scene())


def test_a_timed_out_connection_is_replaced(run: Stage) -> None:
    async def scene() -> None:
        go = asyncio.Event()
        async with serving(held([], go)) as server, pooled(server.port) as pool:
            got = await pool.request(POST, deadline_ns=time.monotonic_ns() + 3 * MS)
            assert isinstance(got, Unknown)
            go.set()
            assert isinstance(await pool.request(POST, deadline_ns=in_time()), Reply)
            assert server.connections == 2

    run(scene())


def test_a_server_that_ends_each_connection_is_served_by_new_ones(run: Stage) -> None:
    async def scene() -> None:
        closing = answering(reply(b"1", "200 OK", "Connection: close"))
        async with serving(closing) as server, pooled(server.port) as pool:
            got = [await pool.request(POST, deadline_ns=in_time()) for _ in range(4)]
            assert [type(one) for one in got] == [Reply] * 4

    run(scene())


def test_an_idle_connection_is_renewed_before_the_server_ends_it(run: Stage) -> None:
    async def scene() -> None:
        async with (
            serving(answering(reply())) as server,
            pooled(server.port, idle_ns_max=4 * MS) as pool,
        ):
            await until(lambda: pool.counts["renewed"] == 2)
            assert pool.counts["lost"] == 0
            await until(lambda: pool.ready == 1)
            assert isinstance(await pool.request(POST, deadline_ns=in_time()), Reply)
            # There was never a moment without a connection.
            assert pool.counts["queued"] == 0

    run(scene())


def test_a_connection_in_use_is_not_renewed_under_its_request(run: Stage) -> None:
    async def scene() -> None:
        requests: list[bytes] = []
        go = asyncio.Event()
        async with (
            serving(held(requests, go)) as server,
            pooled(server.port, idle_ns_max=2 * MS) as pool,
        ):
            asked = asyncio.create_task(pool.request(POST, deadline_ns=in_time()))
            await until(lambda: len(requests) == 1)
            await asyncio.sleep(0.006)
            go.set()
            assert isinstance(await asked, Reply)

    run(scene())


def test_nobody_there_is_told_by_kind_and_dialled_again(run: Stage) -> None:
    async def scene() -> None:
        port = await unused_port()
        async with pooled(port) as pool:
            got = await pool.request(POST, deadline_ns=in_time())
            assert isinstance(got, NotSent)
            assert got.reason == "refused"
            assert pool.fault is not None
            async with serving(answering(reply()), port=port):
                await until(lambda: pool.ready == 1)
                assert pool.fault is None
                assert isinstance(await pool.request(POST, deadline_ns=in_time()), Reply)
            assert pool.counts["dial_refused"] >= 1

    run(scene())


def test_what_waits_for_a_dial_is_told_when_it_fails(run: Stage) -> None:
    async def scene() -> None:
        async with serving(answering(reply(b"", "200 OK", "Connection: close"))) as server:
            pool = HttpPool(
                Endpoint("127.0.0.1", server.port),
                random.Random(7),
                settings=PoolSettings(size=1, backoff_base_ns=MS, backoff_ns_max=2 * MS),
            )
            await pool.open()
        # The server is gone with all its connections, and nobody has noticed yet.
        got = [await pool.request(POST, deadline_ns=in_time()) for _ in range(2)]
        assert isinstance(got[-1], NotSent)
        assert got[-1].reason in ("refused", "closed")
        await pool.close()

    run(scene())


def test_a_wrong_certificate_is_told_by_kind(run: Stage) -> None:
    async def scene() -> None:
        async with serving(answering(reply()), tls=trust().stranger) as server:
            pool = HttpPool(
                Endpoint("localhost", server.port, trust().client),
                random.Random(7),
                settings=PoolSettings(size=1),
            )
            await pool.open()
            got = await pool.request(POST, deadline_ns=in_time())
            assert isinstance(got, NotSent)
            assert got.reason == "certificate"
            await pool.close()

    run(scene())


def test_a_peer_that_accepts_and_hangs_up_is_dialled_with_pauses(run: Stage) -> None:
    async def hang_up(*_: object) -> None: ...

    async def scene() -> None:
        async with (
            serving(hang_up) as server,
            pooled(server.port, backoff_base_ns=SECOND, backoff_ns_max=SECOND),
        ):
            await asyncio.sleep(0.02)
            assert server.connections <= 2

    run(scene())


def test_closing_tells_everyone(run: Stage) -> None:
    async def scene() -> None:
        requests: list[bytes] = []
        async with serving(held(requests, asyncio.Event())) as server:
            outcomes: list[Outcome] = []
            async with pooled(server.port) as pool:
                for i in range(2):
                    pool.send(numbered(i), deadline_ns=in_time(), on_outcome=outcomes.append)
                await until(lambda: len(requests) == 1)
            await settled()
            assert sorted(type(one).__name__ for one in outcomes) == ["NotSent", "Unknown"]
            got = await pool.request(POST, deadline_ns=in_time())
            assert isinstance(got, NotSent)
            assert got.reason == "closed"
            assert (pool.connected, pool.ready) == (0, 0)

    run(scene())


@pytest.mark.parametrize("seed", range(3))
def test_under_drops_delays_and_duplicates_each_request_is_sent_once_at_most(
    run: Stage, seed: int
) -> None:
    """Whatever the server does: one outcome a request, and no answer that was another's."""
    print(f"seed {seed}")
    rng = random.Random(seed)
    seen: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            request = await read_request(reader)
            target = request.split(b" ")[1]
            seen.append(target)
            answer = reply(target)
            fault = rng.randrange(6)
            if fault == 0:
                return
            if fault == 1:
                answer = answer[: rng.randrange(len(answer))]
            if fault == 2:
                answer *= 2
            if fault == 3:
                await asyncio.sleep(0.004)
            writer.write(answer)

    async def scene() -> None:
        outcomes: dict[bytes, list[Outcome]] = {}
        async with serving(script) as server, pooled(server.port, size=2) as pool:
            for i in range(60):
                target = b"/%d" % i
                outcomes[target] = []
                refused = pool.send(
                    numbered(i),
                    deadline_ns=time.monotonic_ns() + 3 * MS,
                    on_outcome=outcomes[target].append,
                )
                if refused is not None:
                    outcomes[target].append(refused)
                await asyncio.sleep(rng.random() * 0.002)
            await until(lambda: all(outcomes.values()))
        await settled()
        assert [len(told) for told in outcomes.values()] == [1] * 60
        assert len(set(seen)) == len(seen)
        for target, (outcome,) in outcomes.items():
            if isinstance(outcome, Reply):
                assert outcome.body == target
            if isinstance(outcome, NotSent):
                assert target not in seen

    run(scene())
