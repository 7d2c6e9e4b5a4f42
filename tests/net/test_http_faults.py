"""One HTTP connection: half an answer, none, too much, too late; and what is known then."""

import asyncio
import time

import pytest

from polymm.net.http_outcome import NotSent, Outcome, Reply, Unknown
from tests.support.exchanges import POST, SMALL, connected, in_time, saying, unknown
from tests.support.loopback import (
    MS,
    SECOND,
    Stage,
    answering,
    read_request,
    reply,
    serving,
    settled,
    until,
)


@pytest.mark.parametrize("at", [0, 1, 14, len(reply()) - 1])
def test_a_connection_that_ends_before_the_whole_reply_leaves_the_outcome_unknown(
    run: Stage, at: int
) -> None:
    async def scene() -> None:
        await unknown(saying(reply()[:at]), "closed")

    run(scene())


def test_a_reset_leaves_the_outcome_unknown(run: Stage) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.transport.abort()

    async def scene() -> None:
        await unknown(script, "closed")

    run(scene())


def test_half_a_chunked_reply_leaves_the_outcome_unknown(run: Stage) -> None:
    async def scene() -> None:
        got = await unknown(
            saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"), "closed"
        )
        assert (got.status, got.body) == (200, b"abc")

    run(scene())


def test_a_frozen_server_leaves_the_outcome_unknown_at_the_deadline(run: Stage) -> None:
    async def scene() -> None:
        started_ns = time.monotonic_ns()
        got = await unknown(saying(reply()[:20], then_close=False), "timeout", within_ns=5 * MS)
        assert got.ended_ns - started_ns >= 5 * MS

    run(scene())


def test_an_answer_after_the_deadline_never_answers_the_next_request(run: Stage) -> None:
    async def scene() -> None:
        is_over = asyncio.Event()

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            await is_over.wait()
            writer.write(reply())

        async with serving(script) as server:
            connection = await connected(server.port)
            got = await connection.request(POST, deadline_ns=time.monotonic_ns() + 2 * MS)
            assert isinstance(got, Unknown)
            is_over.set()
            refused = await connection.request(POST, deadline_ns=in_time())
            assert isinstance(refused, NotSent)
            assert refused.reason == "closed"

    run(scene())


def test_a_short_deadline_after_a_long_one_is_kept(run: Stage) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(reply())
        await read_request(reader)
        await asyncio.sleep(10)

    async def scene() -> None:
        async with serving(script) as server:
            connection = await connected(server.port)
            await connection.request(POST, deadline_ns=time.monotonic_ns() + 60 * SECOND)
            got = await connection.request(POST, deadline_ns=time.monotonic_ns() + 3 * MS)
            assert isinstance(got, Unknown)
            assert got.reason == "timeout"

    run(scene())


def test_a_long_deadline_outlives_the_timer_of_a_short_one(run: Stage) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(reply())
        await read_request(reader)
        await asyncio.sleep(0.006)
        writer.write(reply(b"late"))

    async def scene() -> None:
        async with serving(script) as server:
            connection = await connected(server.port)
            await connection.request(POST, deadline_ns=time.monotonic_ns() + 3 * MS)
            got = await connection.request(POST, deadline_ns=in_time())
            assert isinstance(got, Reply)
            connection.close()

    run(scene())


def test_a_passed_deadline_sends_nothing(run: Stage) -> None:
    async def scene() -> None:
        async with serving(answering(reply())) as server:
            connection = await connected(server.port)
            got = await connection.request(POST, deadline_ns=time.monotonic_ns())
            assert isinstance(got, NotSent)
            assert got.reason == "deadline"
            assert connection.is_ready
            connection.close()

    run(scene())


@pytest.mark.parametrize(
    "answer",
    [b"\x00\x01\x02\x03", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"],
)
def test_what_is_no_http_leaves_the_outcome_unknown(run: Stage, answer: bytes) -> None:
    async def scene() -> None:
        await unknown(saying(answer, then_close=False), "bad_reply")

    run(scene())


def test_a_switch_of_protocols_leaves_the_outcome_unknown(run: Stage) -> None:
    switch = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"

    async def scene() -> None:
        await unknown(saying(switch, then_close=False), "bad_reply")

    run(scene())


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"x" * 1_001, "403 Forbidden"),
        b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n" + b"ff\r\n" + b"x" * 255,
    ],
)
def test_a_body_above_the_limit_is_cut_and_its_status_kept(run: Stage, answer: bytes) -> None:
    rest = (b"\r\nff\r\n" + b"x" * 255) * 4

    async def scene() -> None:
        got = await unknown(saying(answer, rest, then_close=False), "reply_too_large")
        assert got.status == 403
        assert len(got.body) <= SMALL.body_bytes_max

    run(scene())


def test_an_endless_head_is_cut(run: Stage) -> None:
    async def scene() -> None:
        lines = b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 400
        await unknown(saying(lines, then_close=False), "reply_too_large")

    run(scene())


def test_endless_trailers_are_cut(run: Stage) -> None:
    async def scene() -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
        got = await unknown(saying(head, b"A: b\r\n" * 400, then_close=False), "reply_too_large")
        assert (got.status, got.body) == (200, b"x")

    run(scene())


def test_endless_interim_answers_are_cut(run: Stage) -> None:
    async def scene() -> None:
        interim = b"HTTP/1.1 100 Continue\r\n\r\n" * 100
        await unknown(saying(interim, then_close=False), "reply_too_large")

    run(scene())


@pytest.mark.parametrize("surplus", [reply(), b"garbage", b"HTTP/1.1 200 OK\r\n"])
def test_a_reply_that_comes_twice_ends_the_connection(run: Stage, surplus: bytes) -> None:
    async def scene() -> None:
        async with serving(saying(reply(b"1") + surplus, then_close=False)) as server:
            connection = await connected(server.port)
            got = await connection.request(POST, deadline_ns=in_time())
            assert isinstance(got, Reply)
            assert got.body == b"1"
            assert connection.is_lost

    run(scene())


def test_bytes_nobody_asked_for_end_the_connection(run: Stage) -> None:
    async def script(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"", "408 Request Timeout"))
        await writer.drain()
        await asyncio.sleep(10)

    async def scene() -> None:
        async with serving(script) as server:
            connection = await connected(server.port)
            assert await connection.lost == "the peer sent bytes nobody asked for"
            got = await connection.request(POST, deadline_ns=in_time())
            assert isinstance(got, NotSent)
            assert got.reason == "closed"

    run(scene())


@pytest.mark.parametrize(
    "answer",
    [reply(b"1", "200 OK", "Connection: close"), reply(b"1").replace(b"HTTP/1.1", b"HTTP/1.0")],
)
def test_a_reply_that_ends_the_connection_is_a_reply(run: Stage, answer: bytes) -> None:
    async def scene() -> None:
        async with serving(saying(answer, then_close=False)) as server:
            connection = await connected(server.port)
            got = await connection.request(POST, deadline_ns=in_time())
            assert isinstance(got, Reply)
            assert connection.is_lost

    run(scene())


def test_a_lost_idle_connection_says_so(run: Stage) -> None:
    async def script(*_: object) -> None: ...

    async def scene() -> None:
        async with serving(script) as server:
            connection = await connected(server.port)
            await connection.lost
            got = await connection.request(POST, deadline_ns=in_time())
            assert isinstance(got, NotSent)
            assert got.reason == "closed"

    run(scene())


def test_closing_tells_a_request_in_flight(run: Stage) -> None:
    async def scene() -> None:
        outcomes: list[Outcome] = []
        async with serving(saying(then_close=False)) as server:
            connection = await connected(server.port)
            connection.send(POST, deadline_ns=in_time(), on_outcome=outcomes.append)
            connection.close()
            connection.close()
            assert [type(one) for one in outcomes] == [Unknown]

    run(scene())


def test_a_waiter_that_was_cancelled_is_not_told(run: Stage) -> None:
    async def scene() -> None:
        async with serving(answering(reply())) as server:
            connection = await connected(server.port)
            waiter = asyncio.create_task(connection.request(POST, deadline_ns=in_time()))
            await asyncio.sleep(0)
            waiter.cancel()
            await until(lambda: connection.replies == 1)
            await settled()
            connection.close()

    run(scene())


def test_an_error_in_a_callback_goes_to_the_loop_and_ends_the_connection(run: Stage) -> None:
    def broken(_: Outcome) -> None:
        raise RuntimeError("ours")

    async def scene() -> None:
        async with serving(answering(reply())) as server:
            connection = await connected(server.port)
            connection.send(POST, deadline_ns=in_time(), on_outcome=broken)
            await connection.lost
            assert [str(run.errors.pop())] == ["ours"]

    run(scene())


def test_the_peers_own_patience_is_read(run: Stage) -> None:
    async def scene() -> None:
        answer = reply(b"1", "200 OK", "Keep-Alive: max=9, timeout=7")
        async with serving(answering(answer)) as server:
            connection = await connected(server.port)
            assert connection.keep_ns is None
            await connection.request(POST, deadline_ns=in_time())
            assert connection.keep_ns == 7 * SECOND
            connection.close()

    run(scene())
