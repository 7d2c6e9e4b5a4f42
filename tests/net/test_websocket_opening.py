"""The contract of a websocket over both engines and both loops: opened, or refused by kind."""

import asyncio
from typing import Any

import pytest

from polymm.errors import DialError, HandshakeError, InputError
from polymm.net.websocket import (
    WebSocket,
    WebSocketLimits,
    open_websocket,
)
from tests.support.loopback import (
    MS,
    TEXT,
    Script,
    Stage,
    frame,
    reply,
    serving,
    settled,
    trust,
    until,
    unused_port,
)
from tests.support.sockets import LIMITS, Heard, noting, scene_of, sending


async def refused(engine: str, script: Script, **options: Any) -> DialError:
    heard = Heard()
    async with serving(script) as server:
        with pytest.raises(DialError) as caught:
            await open_websocket(
                f"ws://127.0.0.1:{server.port}/",
                heard.receiver(),
                engine=engine,
                **{"limits": LIMITS, **options},
            )
        await settled()
    assert (heard.messages, heard.ends) == ([], [])
    return caught.value


@pytest.mark.parametrize("status", ["403 Forbidden", "302 Found", "500 Internal Server Error"])
def test_a_refused_handshake_carries_status_headers_and_body(
    run: Stage, engine: str, status: str
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply(b"error code: 1010", status, "CF-Ray: 1", "Location: ws://[::1]:1/"))
        await reader.read()

    async def scene() -> None:
        error = await refused(engine, script)
        assert isinstance(error, HandshakeError)
        assert (error.kind, error.status) == ("handshake", int(status[:3]))
        assert ("cf-ray", "1") in error.headers
        assert error.body == b"error code: 1010"

    run(scene())


def test_the_body_of_a_refusal_may_come_in_pieces(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        whole = reply(b"a" * 100, "503 Service Unavailable")
        for i in range(0, len(whole), 30):
            writer.write(whole[i : i + 30])
            await asyncio.sleep(0.0005)
        await reader.read()

    async def scene() -> None:
        error = await refused(engine, script)
        assert isinstance(error, HandshakeError)
        assert error.status == 503
        assert (b"a" * 100).startswith(error.body)
        # picows gives what came with the head.
        assert len(error.body) == 100 or engine == "picows"

    run(scene())


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: AAAA\r\n\r\n",
    ],
)
def test_what_is_no_handshake_is_refused(run: Stage, engine: str, answer: bytes) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)

    async def scene() -> None:
        error = await refused(engine, script)
        assert isinstance(error, HandshakeError)

    run(scene())


def test_a_peer_that_never_answers_the_handshake_times_out(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scene() -> None:
        error = await refused(engine, script, limits=WebSocketLimits(open_ns_max=5 * MS))
        assert error.kind == "timeout"

    run(scene())


def test_nobody_there_is_refused_by_kind(run: Stage, engine: str) -> None:
    async def scene() -> None:
        port = await unused_port()
        with pytest.raises(DialError) as caught:
            await open_websocket(f"ws://127.0.0.1:{port}/", Heard().receiver(), engine=engine)
        assert caught.value.kind == "refused"

    run(scene())


def test_messages_come_over_tls(run: Stage, engine: str) -> None:
    frames: list[tuple[int, bytes]] = []

    async def scene() -> None:
        heard = Heard()
        async with serving(noting(frames, frame(TEXT, b"1")), tls=trust().server) as server:
            ws = await open_websocket(
                f"wss://localhost:{server.port}/",
                heard.receiver(),
                tls=trust().client,
                engine=engine,
            )
            ws.send_text(b"2")
            await until(lambda: bool(heard.messages) and bool(frames))
            ws.close()
            await ws.wait_closed()
        assert (heard.messages, frames[0]) == ([b"1"], (TEXT, b"2"))

    run(scene())


@pytest.mark.parametrize("which", ["stranger", "other_name"])
def test_a_wrong_certificate_is_refused_by_kind(run: Stage, engine: str, which: str) -> None:
    async def scene() -> None:
        async with serving(sending(), tls=getattr(trust(), which)) as server:
            with pytest.raises(DialError) as caught:
                await open_websocket(
                    f"wss://localhost:{server.port}/",
                    Heard().receiver(),
                    tls=trust().client,
                    engine=engine,
                )
            assert caught.value.kind == "certificate"
            await settled()

    run(scene())


def test_an_opening_that_is_cancelled_leaves_no_connection(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def scene() -> None:
        heard = Heard()
        async with serving(script) as server:
            opening = asyncio.create_task(
                open_websocket(f"ws://127.0.0.1:{server.port}/", heard.receiver(), engine=engine)
            )
            await until(lambda: server.connections == 1)
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
            await until(lambda: not server.tasks)
        assert heard.ends == []

    run(scene())


@pytest.mark.parametrize("url", ["http://a.example/", "a.example", "ws://"])
def test_a_url_of_no_websocket_is_refused(run: Stage, engine: str, url: str) -> None:
    async def scene() -> None:
        with pytest.raises(InputError):
            await open_websocket(url, Heard().receiver(), engine=engine)

    run(scene())


def test_an_unknown_engine_is_refused(run: Stage) -> None:
    async def scene() -> None:
        with pytest.raises(InputError, match="websockets, picows"):
            await open_websocket("ws://a.example", Heard().receiver(), engine="libwebsockets")

    run(scene())


@pytest.mark.parametrize("level", ["DEBUG", "INFO"])
def test_no_frame_reaches_a_log(
    run: Stage, engine: str, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(level)

    async def then(ws: WebSocket, heard: Heard) -> None:
        ws.send_text(b'{"secret":"canary"}')
        await until(lambda: bool(heard.messages))
        ws.close()
        await ws.wait_closed()
        told = [one for one in caplog.records if one.name.startswith(("websockets", "picows"))]
        assert told == []
        assert "canary" not in caplog.text

    run(scene_of(engine, sending(frame(TEXT, b"canary")), then))
