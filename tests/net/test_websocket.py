"""The contract of a websocket over both engines and both loops: what comes, goes, and ends."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from polymm.errors import DialError, HandshakeError, InputError
from polymm.net.websocket import (
    ENGINES,
    Closed,
    Receiver,
    WebSocket,
    WebSocketLimits,
    best_engine,
    open_websocket,
)
from tests.support.loopback import (
    BINARY,
    CLOSE,
    CONT,
    MS,
    PING,
    PONG,
    TEXT,
    Script,
    Stage,
    accept,
    close_frame,
    frame,
    read_frame,
    reply,
    serving,
    settled,
    trust,
    until,
    unused_port,
    upgrade,
)

LIMITS = WebSocketLimits(message_bytes_max=1 << 16, open_ns_max=200 * MS, close_ns_max=5 * MS)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "picows":
        pytest.importorskip("picows", reason="the extra fast is not installed")
    return str(request.param)


@dataclass
class Heard:
    """All that a websocket told."""

    messages: list[bytes] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    pongs: list[bytes] = field(default_factory=list)
    ends: list[Closed] = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)

    def receiver(self) -> Receiver:
        def on_message(payload: bytes, recv_ns: int) -> None:
            assert type(payload) is bytes
            assert not self.ends
            self.messages.append(payload)
            self.stamps.append(recv_ns)

        return Receiver(
            on_message=on_message,
            on_close=self.ends.append,
            on_pong=lambda payload, _: self.pongs.append(payload),
            on_chunk_end=lambda: self.chunks.append(len(self.messages)),
        )


@asynccontextmanager
async def opened(port: int, engine: str, heard: Heard, **options: Any) -> AsyncIterator[WebSocket]:
    options = {"limits": LIMITS, **options}
    socket = await open_websocket(
        f"ws://127.0.0.1:{port}/ws/market", heard.receiver(), engine=engine, **options
    )
    try:
        yield socket
    finally:
        socket.abort()
        await socket.wait_closed()
        assert not socket.is_open
        assert len(heard.ends) == 1


def sending(*pieces: bytes) -> Script:
    """Write pieces one by one after the handshake, then take what comes until the client ends."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.0005)
        await reader.read()

    return script


def noting(frames: list[tuple[int, bytes]], *pieces: bytes) -> Script:
    """Write pieces after the handshake, then note the client's frames; end after its close."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(b"".join(pieces))
        while not frames or frames[-1][0] != CLOSE:
            frames.append(await read_frame(reader))

    return script


def scene_of(
    engine: str, script: Script, then: Callable[[WebSocket, Heard], Any], **options: Any
) -> Any:
    """Open a socket to a script and run what follows."""

    async def scene() -> None:
        heard = Heard()
        async with serving(script) as server, opened(server.port, engine, heard, **options) as ws:
            await then(ws, heard)

    return scene()


# Receiving


def test_text_and_binary_reach_the_callback_as_bytes(run: Stage, engine: str) -> None:
    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: len(heard.messages) == 4)
        assert heard.messages == [b'{"a":1}', b"\x00\xff", b"", "é".encode()]

    frames = frame(TEXT, b'{"a":1}') + frame(BINARY, b"\x00\xff") + frame(TEXT)
    run(scene_of(engine, sending(frames, frame(TEXT, "é".encode())), then))


def test_a_frame_that_comes_with_the_handshake_is_not_lost(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        writer.write(accept(request) + frame(TEXT, b"early"))
        await reader.read()

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: heard.messages == [b"early"])

    run(scene_of(engine, script, then))


def test_frames_of_one_chunk_carry_one_stamp_and_one_end(run: Stage, engine: str) -> None:
    started_ns = time.monotonic_ns()

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: len(heard.messages) == 5)
        assert len(set(heard.stamps[:3])) == 1
        assert started_ns < heard.stamps[2] < heard.stamps[3] <= time.monotonic_ns()
        assert heard.chunks[-2:] == [3, 5]

    three = b"".join(frame(TEXT, b"%d" % i) for i in range(3))
    # A control frame at the end of a chunk must not leave its stamp to the next one.
    run(scene_of(engine, sending(three + frame(PONG), frame(TEXT, b"3") + frame(TEXT, b"4")), then))


@pytest.mark.parametrize("at", [1, 2, 3, 9, 70])
def test_a_frame_in_halves_is_one_message(run: Stage, engine: str, at: int) -> None:
    whole = frame(TEXT, b"x" * 300)

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: bool(heard.messages))
        assert heard.messages == [b"x" * 300]

    run(scene_of(engine, sending(whole[:at], whole[at:]), then))


def test_a_frame_byte_by_byte_is_one_message(run: Stage, engine: str) -> None:
    whole = frame(TEXT, b"hello")

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: bool(heard.messages))
        assert heard.messages == [b"hello"]

    run(scene_of(engine, sending(*(whole[i : i + 1] for i in range(len(whole)))), then))


def test_fragments_are_put_together_around_a_ping(run: Stage, engine: str) -> None:
    pieces = [
        frame(TEXT, b"one ", fin=False),
        frame(PING, b"p"),
        frame(CONT, b"", fin=False),
        frame(CONT, b"message"),
        frame(BINARY, b"next"),
    ]

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: len(heard.messages) == 2)
        assert heard.messages == [b"one message", b"next"]

    run(scene_of(engine, sending(b"".join(pieces)), then))


def test_a_message_of_the_largest_size_passes(run: Stage, engine: str) -> None:
    payload = b"x" * LIMITS.message_bytes_max

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: len(heard.messages) == 2)
        assert [len(one) for one in heard.messages] == [len(payload)] * 2

    halves = frame(TEXT, payload[1:], fin=False) + frame(CONT, b"x")
    run(scene_of(engine, sending(frame(TEXT, payload), halves), then))


def test_every_message_twice_is_delivered_twice(run: Stage, engine: str) -> None:
    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: len(heard.messages) == 400)
        assert heard.messages == [b"%d" % (i // 2) for i in range(400)]

    run(scene_of(engine, sending(b"".join(frame(TEXT, b"%d" % i) * 2 for i in range(200))), then))


# Sending


def test_what_is_sent_is_masked_and_whole(run: Stage, engine: str) -> None:
    frames: list[tuple[int, bytes]] = []

    async def then(ws: WebSocket, _: Heard) -> None:
        assert ws.send_text(b"PING")
        assert ws.send_binary(b"\x00")
        assert ws.send_text(b"x" * 40_000)
        assert ws.send_ping(b"p")
        ws.close()
        await ws.wait_closed()
        assert frames == [
            (TEXT, b"PING"),
            (BINARY, b"\x00"),
            (TEXT, b"x" * 40_000),
            (PING, b"p"),
            (CLOSE, b"\x03\xe8"),
        ]

    run(scene_of(engine, noting(frames), then))


def test_nothing_is_sent_before_the_caller_sends(run: Stage, engine: str) -> None:
    frames: list[tuple[int, bytes]] = []

    async def then(ws: WebSocket, _: Heard) -> None:
        await asyncio.sleep(0.005)
        ws.send_text(b"subscribe")
        await until(lambda: bool(frames))
        assert frames == [(TEXT, b"subscribe")]

    run(scene_of(engine, noting(frames), then))


def test_a_ping_is_answered_and_a_pong_is_told(run: Stage, engine: str) -> None:
    frames: list[tuple[int, bytes]] = []

    async def then(_: WebSocket, heard: Heard) -> None:
        await until(lambda: bool(frames) and bool(heard.pongs))
        assert frames == [(PONG, b"are you there")]
        assert heard.pongs == [b"yes"]
        assert heard.messages == []

    run(scene_of(engine, noting(frames, frame(PING, b"are you there"), frame(PONG, b"yes")), then))


def test_headers_of_the_caller_go_with_the_handshake(run: Stage, engine: str) -> None:
    requests: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append(await upgrade(reader, writer))
        await reader.read()

    async def then(*_: object) -> None:
        lines = requests[0].split(b"\r\n")
        assert lines[0] == b"GET /ws/market HTTP/1.1"
        assert b"User-Agent: polymm" in lines
        # Compression would cost more than it saves, and neither engine undoes it for us.
        assert b"extensions" not in requests[0].lower()

    run(scene_of(engine, script, then, headers=[("User-Agent", "polymm")]))


# Ends


def test_the_peers_close_is_answered_and_told(run: Stage, engine: str) -> None:
    frames: list[tuple[int, bytes]] = []

    async def then(ws: WebSocket, heard: Heard) -> None:
        ended = await ws.wait_closed()
        assert ended == Closed(
            code=1008, reason="invalid subscription payload", sent_code=1008, detail=""
        )
        assert heard.ends == [ended]
        assert heard.messages == [b"last"]
        assert not ws.send_text(b"PING")
        await until(lambda: bool(frames))
        assert frames[0][0] == CLOSE
        assert frames[0][1][:2] == b"\x03\xf0"

    last = frame(TEXT, b"last") + close_frame(1008, "invalid subscription payload")
    run(scene_of(engine, noting(frames, last, frame(TEXT, b"after")), then))


@pytest.mark.parametrize(
    ("ending", "code", "reason"),
    [
        (frame(CLOSE), 1005, ""),
        (close_frame(1001), 1001, ""),
        (close_frame(4003, "draining"), 4003, "draining"),
        (b"", 1006, ""),
    ],
)
def test_close_codes_are_told(
    run: Stage, engine: str, ending: bytes, code: int, reason: str
) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(ending)
        await writer.drain()

    async def then(ws: WebSocket, _: Heard) -> None:
        ended = await ws.wait_closed()
        assert (ended.code, ended.reason) == (code, reason)
        assert (ended.detail == "") == (code != 1006)
        assert ended.sent_code == (None if code == 1006 else code)

    run(scene_of(engine, script, then))


def test_a_reset_is_told(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(frame(TEXT, b"x" * 500)[:100])
        await writer.drain()
        writer.transport.abort()

    async def then(ws: WebSocket, heard: Heard) -> None:
        ended = await ws.wait_closed()
        assert (ended.code, ended.sent_code) == (1006, None)
        assert ended.detail != ""
        assert heard.messages == []

    run(scene_of(engine, script, then))


def test_our_close_waits_for_the_peers_and_delivers_nothing_more(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await read_frame(reader)
        writer.write(frame(TEXT, b"late") + frame(CLOSE, b"\x0f\xa0ok"))
        await reader.read()

    async def then(ws: WebSocket, heard: Heard) -> None:
        ws.close(4000, "swapped")
        assert not ws.is_open
        assert not ws.send_text(b"no")
        ended = await ws.wait_closed()
        assert (ended.code, ended.reason, ended.sent_code) == (4000, "ok", 4000)
        assert heard.messages == []

    run(scene_of(engine, script, then, limits=WebSocketLimits()))


def test_a_half_open_peer_does_not_hold_our_close(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await asyncio.sleep(10)

    async def then(ws: WebSocket, _: Heard) -> None:
        started_ns = time.monotonic_ns()
        ws.close()
        ended = await ws.wait_closed()
        assert (ended.code, ended.sent_code) == (1006, 1000)
        assert time.monotonic_ns() - started_ns >= LIMITS.close_ns_max - MS

    run(scene_of(engine, script, then))


def test_abort_ends_a_silent_peer_at_once(run: Stage, engine: str) -> None:
    async def then(ws: WebSocket, heard: Heard) -> None:
        ws.abort()
        assert not ws.is_open
        assert heard.ends == []  # Not from within the call.
        ended = await ws.wait_closed()
        assert (ended.code, ended.sent_code, ended.detail) == (1006, None, "aborted by us")

    run(scene_of(engine, sending(), then, limits=WebSocketLimits()))


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        (frame(3, b"x"), 1002),
        (frame(TEXT, b"x", reserved=4), 1002),
        (frame(CONT, b"x"), 1002),
        (frame(TEXT, b"x", fin=False) + frame(TEXT, b"y"), 1002),
        (frame(PING, b"x", fin=False), 1002),
        (b"\x81\x81\x00\x00\x00\x00x", 1002),
        (frame(TEXT, b"x" * (LIMITS.message_bytes_max + 1)), 1009),
        (frame(TEXT, b"x" * 60_000, fin=False) + frame(CONT, b"x" * 60_000), 1009),
        (frame(CLOSE, b"\x03"), 1002),
        (close_frame(999), 1002),
    ],
)
def test_a_peer_that_breaks_the_rules_is_told_and_left(
    run: Stage, engine: str, broken: bytes, code: int
) -> None:
    has_told = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.write(frame(TEXT, b"good"))
        await writer.drain()
        await asyncio.sleep(0.0005)
        writer.write(broken + frame(TEXT, b"after"))
        opcode, payload = await read_frame(reader)
        assert (opcode, payload[:2]) == (CLOSE, code.to_bytes(2, "big"))
        has_told.set()

    async def then(ws: WebSocket, heard: Heard) -> None:
        ended = await ws.wait_closed()
        assert ended.sent_code == code
        assert ended.detail != ""
        assert heard.messages == [b"good"]
        await has_told.wait()

    run(scene_of(engine, script, then))


def test_a_giant_frame_is_not_gathered(run: Stage, engine: str) -> None:
    sent = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await upgrade(reader, writer)
        writer.write(b"\x81\x7f" + (1 << 40).to_bytes(8, "big"))
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536

    async def then(ws: WebSocket, heard: Heard) -> None:
        ended = await ws.wait_closed()
        assert (ended.sent_code, heard.messages) == (1009, [])
        # What the sockets' own buffers hold.
        assert sent < 16 << 20

    run(scene_of(engine, script, then))


def test_a_peer_that_no_longer_reads_is_left(run: Stage, engine: str) -> None:
    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        writer.transport.pause_reading()
        await asyncio.sleep(10)

    async def then(ws: WebSocket, _: Heard) -> None:
        for _i in range(1_000):
            if not ws.send_text(b"x" * 60_000):
                break
            await asyncio.sleep(0)
        ended = await ws.wait_closed()
        assert "unread" in ended.detail

    run(scene_of(engine, script, then))


@pytest.mark.parametrize("which", ["on_message", "on_chunk_end", "on_pong"])
def test_an_error_in_a_callback_goes_to_the_loop_and_ends_the_connection(
    run: Stage, engine: str, which: str
) -> None:
    async def scene() -> None:
        messages: list[bytes] = []
        ends: list[Closed] = []

        def broken(*_: object) -> None:
            raise RuntimeError("ours")

        callbacks: dict[str, Any] = {
            "on_message": lambda payload, _: messages.append(payload),
            "on_close": ends.append,
            which: broken,
        }
        script = sending(frame(PONG) + frame(TEXT, b"1") + frame(TEXT, b"2"))
        async with serving(script) as server:
            ws = await open_websocket(
                f"ws://127.0.0.1:{server.port}/", Receiver(**callbacks), engine=engine
            )
            await ws.wait_closed()
        assert len(ends) == 1
        assert ends[0].detail == "a callback raised an error"
        assert messages == ([b"1", b"2"] if which == "on_chunk_end" else [])
        assert [str(run.errors.pop())] == ["ours"]

    run(scene())


def test_a_callback_may_abort_in_the_middle_of_a_chunk(run: Stage, engine: str) -> None:
    async def scene() -> None:
        heard = Heard()
        sockets: list[WebSocket] = []
        go = asyncio.Event()

        def on_message(payload: bytes, _: int) -> None:
            heard.messages.append(payload)
            sockets[0].abort()

        async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await upgrade(reader, writer)
            await go.wait()
            writer.write(frame(TEXT, b"1") + frame(TEXT, b"2"))
            await reader.read()

        async with serving(script) as server:
            receiver = Receiver(on_message=on_message, on_close=heard.ends.append)
            sockets.append(
                await open_websocket(f"ws://127.0.0.1:{server.port}/", receiver, engine=engine)
            )
            go.set()
            await sockets[0].wait_closed()
        assert (heard.messages, len(heard.ends)) == ([b"1"], 1)

    run(scene())


# Opening


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


@pytest.mark.parametrize("is_installed", [True, False])
def test_the_fastest_installed_engine_is_the_usual_one(
    monkeypatch: pytest.MonkeyPatch, *, is_installed: bool
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object() if is_installed else None)
    assert best_engine() == ("picows" if is_installed else "websockets")


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
