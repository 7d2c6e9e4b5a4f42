"""One HTTP connection: whole answers in every shape, and requests as bytes."""

import asyncio
import time

import pytest

from polymm.errors import InputError
from polymm.net.http_outcome import NotSent, Outcome, Reply, compose_request
from tests.support.exchanges import POST, asked, connected, in_time, saying
from tests.support.loopback import (
    Stage,
    answering,
    reply,
    serving,
    until,
)


def test_a_reply_carries_status_headers_body_and_stamps(run: Stage) -> None:
    async def scene() -> None:
        before_ns = time.monotonic_ns()
        got = await asked(answering(reply(b'{"ok":1}', "201 Created", "X-Left: 3", "x-left: 4")))

        assert isinstance(got, Reply)
        assert (got.status, got.body) == (201, b'{"ok":1}')
        assert got.headers[:2] == ((b"x-left", b"3"), (b"x-left", b"4"))
        assert got.header(b"x-left") == b"3"
        assert got.header(b"none") is None
        assert before_ns < got.written_ns < got.answered_ns <= time.monotonic_ns()

    run(scene())


def test_head_and_body_leave_in_one_write(run: Stage) -> None:
    chunks: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        chunks.append(await reader.read(1 << 16))
        writer.write(reply())

    async def scene() -> None:
        await asked(script)
        assert chunks == [POST]

    run(scene())


def test_one_connection_serves_many_requests(run: Stage) -> None:
    async def scene() -> None:
        async with serving(answering(reply(b"1"), reply(b"2"), reply(b"3"))) as server:
            connection = await connected(server.port)
            got = [await connection.request(POST, deadline_ns=in_time()) for _ in range(3)]
            assert [one.body for one in got if isinstance(one, Reply)] == [b"1", b"2", b"3"]
            assert (server.connections, connection.replies) == (1, 3)
            connection.close()

    run(scene())


def test_a_second_request_is_refused_while_one_is_in_flight(run: Stage) -> None:
    async def scene() -> None:
        outcomes: list[Outcome] = []
        async with serving(answering(reply())) as server:
            connection = await connected(server.port)
            first = connection.send(POST, deadline_ns=in_time(), on_outcome=outcomes.append)
            second = connection.send(POST, deadline_ns=in_time(), on_outcome=outcomes.append)
            await until(lambda: bool(outcomes))
            assert first is None
            assert isinstance(second, NotSent)
            assert second.reason == "busy"
            assert [type(one) for one in outcomes] == [Reply]
            connection.close()

    run(scene())


def test_a_reply_may_send_the_next_request(run: Stage) -> None:
    async def scene() -> None:
        done = asyncio.get_running_loop().create_future()
        async with serving(answering(reply())) as server:
            connection = await connected(server.port)

            def first(_: Outcome) -> None:
                refused = connection.send(POST, deadline_ns=in_time(), on_outcome=done.set_result)
                assert refused is None

            connection.send(POST, deadline_ns=in_time(), on_outcome=first)
            assert isinstance(await done, Reply)
            connection.close()

    run(scene())


@pytest.mark.parametrize("at", [1, 12, 20, 40, len(reply()) - 1])
def test_a_reply_in_halves_is_one_reply(run: Stage, at: int) -> None:
    async def scene() -> None:
        whole = reply(b"{}", "200 OK", "X: y")
        got = await asked(saying(whole[:at], whole[at:]))
        assert isinstance(got, Reply)
        assert (got.body, got.header(b"x")) == (b"{}", b"y")

    run(scene())


def test_a_chunked_reply_is_put_together(run: Stage) -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )

    async def scene() -> None:
        got = await asked(saying(chunked[:60], chunked[60:]))
        assert isinstance(got, Reply)
        assert got.body == b"abcde"

    run(scene())


def test_an_interim_answer_is_not_the_answer(run: Stage) -> None:
    async def scene() -> None:
        got = await asked(saying(b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" + reply(b"1")))
        assert isinstance(got, Reply)
        assert (got.status, got.body, got.header(b"a")) == (200, b"1", None)

    run(scene())


def test_html_from_an_edge_is_a_reply_like_any_other(run: Stage) -> None:
    page = b"<html>error code: 1010</html>"

    async def scene() -> None:
        got = await asked(answering(reply(page, "403 Forbidden", "Content-Type: text/html")))
        assert isinstance(got, Reply)
        assert (got.status, got.body) == (403, page)
        assert got.header(b"content-type") == b"text/html"

    run(scene())


def test_a_body_without_a_length_ends_with_an_orderly_end(run: Stage) -> None:
    async def scene() -> None:
        got = await asked(saying(b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html>", b"</html>"))
        assert isinstance(got, Reply)
        assert (got.status, got.body) == (502, b"<html></html>")

    run(scene())


def test_a_request_is_composed() -> None:
    got = compose_request(
        "DELETE", "/order?a=1", authority="h:1", headers=[("User-Agent", "polymm")], body=b"[]"
    )
    assert got == (
        b"DELETE /order?a=1 HTTP/1.1\r\nhost: h:1\r\nUser-Agent: polymm\r\n"
        b"content-length: 2\r\n\r\n[]"
    )
    assert compose_request("GET", "/", authority="h") == b"GET / HTTP/1.1\r\nhost: h\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "target", "header"),
    [
        ("GET", "/ HTTP/1.1\r\nx: y", ("a", "b")),
        ("GET X", "/", ("a", "b")),
        ("GET", "", ("a", "b")),
        ("GET", "/", ("a", "secret\r\nx: y")),
        ("GET", "/", ("a b", "secret")),
        ("GET", "/", ("a", "sécret")),
    ],
)
def test_a_request_that_would_break_its_head_is_refused(
    method: str, target: str, header: tuple[str, str]
) -> None:
    with pytest.raises(InputError) as caught:
        compose_request(method, target, authority="h", headers=[header])
    assert "secret" not in str(caught.value)
